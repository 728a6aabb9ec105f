//! Sessions out of the tables of other programs: whoever was logged in there is logged in here.

use std::path::{Path, PathBuf};

use passbook::{Ledger, SessionStore, Token, Transport, core::DataKey};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    server::Server,
    support::{BEGIN_MS, NOW, Run, add_files, run, run_with},
};

pub(crate) const BEGIN_S: i64 = 1_795_176_000;
pub(crate) const DAY_S: i64 = 24 * 3_600;

/// The table of pylon, as its page has it; what the tokens are is told by the published crate.
pub(crate) const PYLON: &str = "CREATE TABLE _pylon_sessions (token TEXT PRIMARY KEY, user_id TEXT NOT NULL, \
    expires_at INTEGER NOT NULL, created_at INTEGER NOT NULL, device TEXT, tenant_id TEXT)";

pub(crate) struct Move {
    folder: TempDir,
    /// Who has the source; `None`: it is a file.
    server: Option<Server>,
}

impl Move {
    /// A source in which `fill` made its tables.
    fn new(fill: impl FnOnce(&Connection)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let connection = Connection::open(folder.path().join("source.db")).expect("a file");
        fill(&connection);
        connection.close().expect("it closes");
        Self { folder, server: None }
    }

    /// A source in a server of its own.
    pub(crate) fn from_server(tables: &str) -> Self {
        let server = Server::start();
        server.psql(tables);
        Self { folder: tempfile::tempdir().expect("a temporary folder"), server: Some(server) }
    }

    pub(crate) fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("it has one")
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source.db")
    }

    /// All that the source holds, and in which transaction it was written.
    fn contents(&self) -> Vec<u8> {
        match &self.server {
            Some(server) => server.psql("SELECT xmin, * FROM _pylon_sessions").into_bytes(),
            None => std::fs::read(self.source()).expect("readable"),
        }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    #[track_caller]
    pub(crate) fn import(&self, from: &str, more: &[&str]) -> Run {
        let before = self.contents();
        let file = self.source();
        let source = self.server.as_ref().map_or_else(|| text(&file).to_owned(), Server::url);
        let store = self.store();
        let import = ["import", "--from", from, &source, "--json", "--now", NOW, "--store"];
        let ran = run(&[&import[..], &[text(&store)], more].concat());
        assert!(self.contents() == before, "the source was written to");
        ran
    }

    /// The counts of an import: taken over, there already, expired, refused.
    #[track_caller]
    pub(crate) fn check_counts(&self, from: &str, more: &[&str], wanted: [u64; 4]) -> Value {
        let ran = self.import(from, more);
        let answer = ran.json();
        let count = |path: &str| answer.pointer(path).and_then(Value::as_u64).expect("a count");
        let paths = ["/imported", "/already_there", "/expired", "/refused/total"];
        assert_eq!(paths.map(count), wanted, "{answer}");
        assert_eq!(ran.code, if wanted[3] > 0 { 8 } else { 0 });
        answer
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let clock = std::sync::Arc::new(passbook::SimClock::at_ms(BEGIN_MS));
        let builder = Ledger::builder().path(self.store()).clock(clock).sweep_interval(None);
        builder.open_blocking().expect("it opens")
    }

    #[track_caller]
    pub(crate) fn check_opens(&self, token: &str, code: i32) {
        let store = self.store();
        let check = ["session", "check", "--token-stdin", "--now", NOW, "--store", text(&store)];
        assert_eq!(run_with(&check, token.as_bytes()).code, code);
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

pub(crate) fn pylon_token(number: u8) -> String {
    format!("pylon_{}", format!("{number:02x}").repeat(32))
}

/// The statement that adds a row.
pub(crate) fn pylon_row(token: &str, user: &str, expires_at: i64) -> String {
    let created_at = BEGIN_S - DAY_S;
    format!(
        "INSERT INTO _pylon_sessions (token, user_id, expires_at, created_at, device) \
         VALUES ('{token}', '{user}', {expires_at}, {created_at}, 'Safari on Mac');"
    )
}

/// A table with rows of all kinds: three to take over, one that is over, and three to refuse.
pub(crate) fn pylon_rows() -> String {
    let end = BEGIN_S + DAY_S;
    let rows = [
        pylon_row(&pylon_token(1), "mira", end),
        pylon_row(&pylon_token(2), "guest_0a0b", end),
        pylon_row(&pylon_token(3), "tove", 0),
        pylon_row(&pylon_token(4), "gone", BEGIN_S),
        pylon_row("short", "mira", end),
        pylon_row(&pylon_token(5), &"x".repeat(257), end),
        pylon_row(&pylon_token(6), "mira", -1),
    ];
    let table = PYLON.replace("tenant_id TEXT", "tenant_id TEXT DEFAULT 'acme'");
    format!("{table}; {}", rows.concat())
}

#[test]
fn nobody_is_logged_out_by_a_move_from_pylon() {
    let moving = Move::new(|connection| {
        connection.execute_batch(&pylon_rows()).expect("a table");
    });
    check_pylon(&moving, "pylon-sqlite");
}

/// What must come of [`pylon_rows`], wherever they are.
#[track_caller]
pub(crate) fn check_pylon(moving: &Move, from: &str) {
    let dry = moving.check_counts(from, &["--dry-run"], [3, 0, 1, 3]);
    assert_eq!(dry["events"], 0);
    assert!(!moving.store().exists(), "a dry run makes no store");
    let answer = moving.check_counts(from, &[], [3, 0, 1, 3]);
    let first = answer["refused"]["first"].as_array().expect("a list");
    let rows: Vec<_> = first.iter().map(|row| row["row"].as_u64().expect("a number")).collect();
    assert_eq!(rows, [5, 6, 7]);
    let again = moving.check_counts(from, &[], [0, 3, 1, 3]);
    assert_eq!(again["events"], 0, "a second import adds nothing");
    for (number, code) in [(1, 0), (2, 0), (3, 0), (4, 4), (5, 4), (6, 4), (7, 4)] {
        moving.check_opens(&pylon_token(number), code);
    }
    let ledger = moving.ledger();
    let store = SessionStore::from(ledger);
    let mira = store.get(&pylon_token(1)).expect("live");
    assert_eq!((&*mira.user_id, mira.tenant_id.as_deref()), ("mira", Some("acme")));
    assert_eq!((mira.created_at(), mira.expires_at()), (1_795_089_600, Some(1_795_262_400)));
    assert_eq!(mira.device.as_deref(), Some("Safari on Mac"));
    assert!(store.resolve(Some(&pylon_token(1))).is_authenticated());
    assert!(store.get(&pylon_token(2)).expect("live").is_guest);
    assert_eq!(store.get(&pylon_token(3)).expect("live").expires_at(), None);
    let renewed = store.refresh(&pylon_token(1)).expect("live");
    assert_eq!(renewed.expires_at(), Some(1_795_185_000 + 2 * 86_400), "as long as it was there");
    assert!(store.get(&pylon_token(1)).is_none(), "an old token is changed like any other");
    assert_eq!(store.get(&renewed.token.expose()).expect("live").id, mira.id);
}

#[test]
fn a_token_of_pylon_is_in_no_file_and_no_answer() {
    let moving = Move::new(|connection| {
        connection.execute_batch(&two_of_pylon()).expect("a table");
    });
    check_no_token(&moving, "pylon-sqlite");
}

/// A table with a row to take over and one to refuse.
pub(crate) fn two_of_pylon() -> String {
    let [good, bad] = [(1, "mira"), (2, "")]
        .map(|(number, user)| pylon_row(&pylon_token(number), user, BEGIN_S + DAY_S));
    format!("{PYLON}; {good} {bad}")
}

/// No token of [`two_of_pylon`] is anywhere.
#[track_caller]
pub(crate) fn check_no_token(moving: &Move, from: &str) {
    let ran = moving.import(from, &[]);
    assert_eq!(ran.code, 8);
    let mut files = std::collections::BTreeMap::new();
    add_files(&moving.store(), &mut files);
    let shown = format!("{ran:?}").into_bytes();
    for (place, bytes) in files.into_iter().chain([(PathBuf::from("the answer"), shown)]) {
        for number in [1_u8, 2] {
            let hex = pylon_token(number).into_bytes();
            for secret in [&hex[6..], &[number; 32]] {
                let found = bytes.windows(secret.len()).any(|window| window == secret);
                assert!(!found, "a token is in {}", place.display());
            }
        }
    }
}

#[test]
fn a_table_of_pylon_without_tenants_is_read_too_and_another_is_refused() {
    let old = PYLON.replace(", tenant_id TEXT", "");
    let moving = Move::new(|connection| {
        connection.execute_batch(&old).expect("a table");
        connection
            .execute_batch(&pylon_row(&pylon_token(1), "mira", BEGIN_S + DAY_S))
            .expect("a row");
    });
    moving.check_counts("pylon-sqlite", &[], [1, 0, 0, 0]);
    let refused = moving.import("modo-sqlite", &[]);
    assert_eq!((refused.code, &refused.error()["code"]), (3, &json!("import:no_table")));
    std::fs::write(moving.source(), "no database at all, but long enough to be read")
        .expect("writable");
    let refused = moving.import("pylon-sqlite", &[]);
    assert_eq!((refused.code, &refused.error()["code"]), (1, &json!("import:unreadable")));
    let nowhere = moving.folder.path().join("nowhere.db");
    let missing = run(&["import", "--from", "pylon-sqlite", text(&nowhere), "--json"]);
    assert_eq!((missing.code, &missing.error()["code"]), (3, &json!("import:unreadable")));
}

#[test]
fn a_session_that_ended_here_is_not_brought_back_by_its_row() {
    let moving = Move::new(|connection| {
        connection.execute_batch(PYLON).expect("a table");
        connection
            .execute_batch(&pylon_row(&pylon_token(1), "mira", BEGIN_S + DAY_S))
            .expect("a row");
    });
    moving.check_counts("pylon-sqlite", &[], [1, 0, 0, 0]);
    let store = moving.store();
    let revoke = ["user", "revoke", "mira", "--yes", "--now", NOW, "--store", text(&store)];
    assert_eq!(run(&revoke).code, 0);
    moving.check_counts("pylon-sqlite", &[], [0, 1, 0, 0]);
    moving.check_opens(&pylon_token(1), 4);
}

const MODO: &str = "CREATE TABLE authenticated_sessions (id TEXT NOT NULL PRIMARY KEY, \
    session_token_hash TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, ip_address TEXT NOT NULL, \
    user_agent TEXT NOT NULL, device_name TEXT NOT NULL, device_type TEXT NOT NULL, \
    fingerprint TEXT NOT NULL, data TEXT NOT NULL, created_at TEXT NOT NULL, \
    last_active_at TEXT NOT NULL, expires_at TEXT NOT NULL)";

fn modo_row(connection: &Connection, number: u8, change: impl FnOnce(&mut [String; 12])) {
    let token = Token::from_random_bytes([number; 32]);
    let mut row = [
        &*format!("01M7WH9B1A4TFF59TDWH9EDD{number:02}"),
        &*token.digest().to_hex(),
        "mira",
        "192.0.2.7",
        "Gecko",
        "Firefox on Linux",
        "desktop",
        "f1",
        "{\"cart\": [1, 2], \"name\": \"\u{20ac}\"}",
        "2026-11-19T12:00:00.123456789+00:00",
        "2026-11-20T11:00:00+00:00",
        "2026-11-21T11:00:00+00:00",
    ]
    .map(str::to_owned);
    change(&mut row);
    let insert = "INSERT INTO authenticated_sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    connection.execute(insert, rusqlite::params_from_iter(row)).expect("a row");
}

#[test]
fn nobody_is_logged_out_by_a_move_from_modo() {
    let moving = Move::new(|connection| {
        connection.execute_batch(MODO).expect("a table");
        modo_row(connection, 10, |_row| {});
        modo_row(connection, 11, |row| row[3] = "unknown".to_owned());
        modo_row(connection, 12, |row| row[11] = "2026-11-20T12:00:00Z".to_owned());
        modo_row(connection, 13, |row| row[0] = "no ulid".to_owned());
        modo_row(connection, 14, |row| row[1].truncate(10));
        modo_row(connection, 15, |row| row[8] = "[1]".to_owned());
        modo_row(connection, 16, |row| row[9] = "yesterday".to_owned());
    });
    moving.check_counts("modo-sqlite", &["--dry-run"], [2, 0, 1, 4]);
    moving.check_counts("modo-sqlite", &[], [2, 0, 1, 4]);
    moving.check_counts("modo-sqlite", &[], [0, 2, 1, 4]);
    let ledger = moving.ledger();
    let store = SessionStore::from(ledger.clone());
    // The cookie's value, once its signature is off: 64 hexadecimal digits.
    let opened = |digits: &str| ledger.session(&Token::parse_hex(digits).expect("digits"));
    let session = opened(&"0a".repeat(32)).expect("live");
    assert_eq!(store.get(&format!("pb_{}", "0a".repeat(32))), Some(session.clone()));
    assert!(store.get(&"0a".repeat(32)).is_none(), "bare digits are for cookies");
    assert_eq!(session.id.to_string(), "01M7WH9B1A4TFF59TDWH9EDD10", "the id stays");
    assert_eq!((&*session.user_id, session.transport), ("mira", Transport::Cookie));
    assert_eq!(session.ip, "192.0.2.7".parse().ok());
    assert_eq!(session.created_at_ms, 1_795_089_600_123);
    assert_eq!(
        (session.last_active_at(), session.expires_at()),
        (1_795_172_400, Some(1_795_258_800))
    );
    let cart = ledger.data(session.id, &DataKey::new("cart").expect("short"));
    assert_eq!(cart.as_deref(), Some("[1,2]"));
    assert_eq!(opened(&"0b".repeat(32)).expect("live").ip, None);
}

/// A record as the published crate writes it: id, data and time of expiry, one behind the other.
fn tower_row(connection: &Connection, id: &str, data: &Value, expiry_date: &dyn rusqlite::ToSql) {
    let record = (-7_i64, data, (2026, 325, 12, 0, 0, 0, 0, 0, 0));
    let record = rmp_serde::to_vec(&record).expect("small");
    let insert = "INSERT INTO tower_sessions VALUES (?1, ?2, ?3)";
    connection.execute(insert, params![id, record, expiry_date]).expect("a row");
}

const TOWER: &str = "CREATE TABLE tower_sessions (id TEXT PRIMARY KEY NOT NULL, data BLOB NOT NULL, \
    expiry_date INTEGER NOT NULL)";

#[test]
fn nobody_is_logged_out_by_a_move_from_tower_sessions() {
    let moving = Move::new(|connection| {
        connection.execute_batch(TOWER).expect("a table");
        let user = json!({"user_id": 42, "cart": {"a": [1]}, "auth": {"name": "tove"}});
        tower_row(connection, "AAAAAAAAAAAAAAAAAAAAAQ", &user, &"2026-11-21T12:00:00.5Z");
        tower_row(connection, "AAAAAAAAAAAAAAAAAAAAAg", &json!({"cart": 1}), &(BEGIN_S + DAY_S));
        tower_row(connection, "AAAAAAAAAAAAAAAAAAAAAw", &user, &"2026-11-20T12:00:00Z");
        tower_row(
            connection,
            "AAAAAAAAAAAAAAAAAAAABA",
            &json!({"user_id": []}),
            &"2026-11-21T12:00:00Z",
        );
        let broken = "INSERT INTO tower_sessions VALUES ('AAAAAAAAAAAAAAAAAAAABQ', x'93', 1)";
        connection.execute(broken, []).expect("a row");
    });
    let from = "tower-sessions-sqlite";
    assert_eq!(moving.import(from, &[]).code, 2, "nobody can guess where the user is");
    let key = ["--user-key", "user_id"];
    moving.check_counts(from, &[&key[..], &["--dry-run"]].concat(), [2, 0, 1, 2]);
    moving.check_counts(from, &key, [2, 0, 1, 2]);
    moving.check_counts(from, &key, [0, 2, 1, 2]);
    // The table has no time of login, so a later import would give another id.
    let (source, store) = (moving.source(), moving.store());
    let import = ["import", "--from", from, text(&source), "--json", "--store", text(&store)];
    let later = run(&[&import[..], &key, &["--now", "2026-11-20T15:30:00Z"]].concat()).json();
    assert_eq!((&later["already_there"], &later["events"]), (&json!(2), &json!(0)), "{later}");
    let ledger = moving.ledger();
    let store = SessionStore::from(ledger.clone());
    let session = store.get("AAAAAAAAAAAAAAAAAAAAAQ").expect("live");
    assert_eq!((&*session.user_id, session.is_guest), ("42", false));
    assert_eq!(session.expires_at_ms, 1_795_262_400_500);
    let cart = ledger.data(session.id, &DataKey::new("cart").expect("short"));
    assert_eq!(cart.as_deref(), Some("{\"a\":[1]}"));
    let guest = store.get("AAAAAAAAAAAAAAAAAAAAAg").expect("live");
    assert!(guest.is_guest && guest.user_id.starts_with("guest_"));
}

#[test]
fn the_user_of_tower_sessions_may_be_deeper_and_the_table_have_another_name() {
    let moving = Move::new(|connection| {
        connection.execute_batch(TOWER).expect("a table");
        let user = json!({"axum-login.data": {"user_id": "tove"}});
        tower_row(connection, "AAAAAAAAAAAAAAAAAAAAAQ", &user, &(BEGIN_S + DAY_S));
        let rename = "ALTER TABLE tower_sessions RENAME TO \"my-sessions\"";
        connection.execute(rename, []).expect("a table");
    });
    let options = ["--user-key", "/axum-login.data/user_id", "--table", "my-sessions"];
    moving.check_counts("tower-sessions-sqlite", &options, [1, 0, 0, 0]);
    let store = SessionStore::from(moving.ledger());
    assert_eq!(&*store.get("AAAAAAAAAAAAAAAAAAAAAQ").expect("live").user_id, "tove");
}
