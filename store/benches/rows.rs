//! Rows of a SQLite file: how long a store takes to start from 100,000 of them, and how fast a mirror
//! writes them, beside a plain batched UPSERT of the same rows. All in one run:
//! `cargo bench -p passbook --features sqlite --bench rows`.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::{
    collections::VecDeque,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use passbook::{
    BackendError, Checkpoint, Ledger, Login, MirrorBackend as _, RowBatch, RowMirror,
    SessionBackend, SessionRow, SessionStore, SqliteSessionBackend,
    core::SessionId,
    journal::{FileJournal, RealVfs},
};
use rusqlite::{Connection, params};

const ROWS: usize = 100_000;
const ROUNDS: usize = 5;
/// Looks beside a backend that hangs.
const GETS: usize = 100_000;
/// Rows of one transaction of the peer: as many as of the mirror.
const BATCH_ROWS: usize = 1_000;
/// Logins that wait to become durable while the ledger is filled.
const WINDOW: usize = 4_096;

fn main() {
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fill(&path("ledger"));
    let rows = mirrored(&path("ledger"), &path("first.db"), From::TheState).1;
    println!("{ROWS} rows, a device label, a tenant and a token each; {ROUNDS} rounds, the median");

    let starts = (0..ROUNDS).map(|_| timed(|| hydrate(&path("first.db"))));
    tell("start of a store from SQLite", median(starts), None);

    beside_one_that_hangs();

    // In turns, so that both meet the same machine.
    let (mut peers, mut mirrors, mut rebuilds) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let peer = path(&format!("peer{round}.db"));
        peers.push(timed(|| upsert(&peer, &rows)));
        let mirror = |kind: &str, from| {
            mirrored(&path("ledger"), &path(&format!("{kind}{round}.db")), from).0
        };
        mirrors.push(mirror("mirror", From::TheEvents));
        rebuilds.push(mirror("rebuild", From::TheState));
    }
    let peer = median(peers.into_iter());
    tell("plain batched UPSERT", peer, None);
    tell("mirror, from the first event", median(mirrors.into_iter()), Some(peer));
    tell("mirror, from the state", median(rebuilds.into_iter()), Some(peer));
}

/// A table that takes what it is given, until it does not answer any more.
#[derive(Debug, Default)]
struct Hanging(Mutex<()>);

impl SessionBackend for Hanging {
    fn load_all(&self) -> Result<Vec<SessionRow>, BackendError> {
        Ok(Vec::new())
    }

    fn save(&self, _row: &SessionRow) -> Result<(), BackendError> {
        drop(self.0.lock());
        Ok(())
    }

    fn remove(&self, _id: &SessionId) -> Result<(), BackendError> {
        drop(self.0.lock());
        Ok(())
    }
}

/// How long readers take while a revocation waits for a backend that does not answer.
fn beside_one_that_hangs() {
    let backend = Arc::new(Hanging::default());
    let store = SessionStore::with_backend(Box::new(Arc::clone(&backend)));
    let [live, ended] = ["ann", "bob"].map(|user| store.create(user.to_owned()).token.expose());
    let hanging = backend.0.lock();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.revoke(&ended));
        while store.health().backend_backlog == 0 {
            std::thread::yield_now();
        }
        let mut took: Vec<_> = (0..GETS)
            .map(|_| timed(|| assert!(store.get(&live).is_some() && store.get(&ended).is_none())))
            .collect();
        took.sort_unstable();
        let at = |share: usize| took.get(GETS * share / 100).copied().unwrap_or_default();
        println!("two gets beside a backend that hangs: p50 {:.2?}, p99 {:.2?}", at(50), at(99));
        drop(hanging);
        assert!(waiting.join().expect("no panic"));
    });
}

fn tell(what: &str, took: Duration, peer: Option<Duration>) {
    let count = u32::try_from(ROWS).expect("few");
    let rate = f64::from(count) / took.as_secs_f64();
    let times = peer.map(|peer| format!("   {:.2}x", took.as_secs_f64() / peer.as_secs_f64()));
    println!("{what:<30} {took:>10.2?}   {rate:>9.0} rows/s{}", times.unwrap_or_default());
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    *times.get(times.len() / 2).expect("some rounds")
}

/// A ledger with that many live sessions.
fn fill(folder: &Path) {
    let builder = Ledger::builder().path(folder).history_index(false).compaction(None);
    let ledger = builder.open_blocking().expect("a ledger");
    let mut pending = VecDeque::new();
    for number in 0..ROWS {
        let login = Login::new(format!("user{}", number % 20_000));
        let login = login.device("Firefox on Linux").tenant("acme");
        pending.push_back(ledger.start_login(login).expect("room"));
        if pending.len() > WINDOW {
            pending.pop_front().expect("some").wait().expect("durable");
        }
    }
    for login in pending {
        login.wait().expect("durable");
    }
    ledger.close().expect("closes");
}

/// Of what a mirror makes its rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Of each event, in transactions of as many rows as the peer's.
    TheEvents,
    /// Of the state at the newest event, in one transaction.
    TheState,
}

/// Lets a new table catch up with the ledger, and gives its rows.
fn mirrored(ledger: &Path, table: &Path, from: From) -> (Duration, Vec<SessionRow>) {
    let journal = FileJournal::open_read_only(ledger, Arc::new(RealVfs)).expect("readable");
    let backend = Arc::new(SqliteSessionBackend::open(table).expect("a file"));
    if from == From::TheEvents {
        let checkpoint = Checkpoint { ledger: journal.store(), sequence: 0 };
        let batch = RowBatch { replaces_all: true, saved: &[], removed: &[], checkpoint };
        backend.apply(&batch).expect("applied");
    }
    let took = timed(|| {
        let backend = Box::new(Arc::clone(&backend));
        let mut mirror = RowMirror::open(&journal, journal.store(), backend).expect("opens");
        mirror.catch_up(&journal, &|_sequence| ()).expect("catches up");
    });
    let rows = backend.load_all().expect("loads");
    assert_eq!(rows.len(), ROWS);
    (took, rows)
}

fn hydrate(table: &Path) {
    let backend = SqliteSessionBackend::open(table).expect("a file");
    let store = SessionStore::try_with_backend(Box::new(backend)).expect("starts");
    assert_eq!(store.ledger().len(), ROWS);
}

/// What anybody would write: a prepared UPSERT, so many rows a transaction, on the medium.
fn upsert(file: &Path, rows: &[SessionRow]) {
    let mut connection = Connection::open(file).expect("a file");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE sessions (id TEXT PRIMARY KEY NOT NULL, token_digest BLOB, user_id TEXT,
                 is_guest INTEGER, created_at INTEGER, last_active_at INTEGER, expires_at INTEGER,
                 device TEXT, tenant_id TEXT, ip TEXT, user_agent TEXT, data TEXT);
             CREATE INDEX by_user ON sessions (user_id);
             CREATE INDEX by_digest ON sessions (token_digest);
             CREATE INDEX by_expiry ON sessions (expires_at);",
        )
        .expect("a table");
    for batch in rows.chunks(BATCH_ROWS) {
        let transaction = connection.transaction().expect("begins");
        let mut upsert = transaction
            .prepare_cached(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)
                 ON CONFLICT (id) DO UPDATE SET token_digest = excluded.token_digest,
                     user_id = excluded.user_id, expires_at = excluded.expires_at",
            )
            .expect("prepared");
        for row in batch {
            let time = |ms: u64| i64::try_from(ms).expect("soon");
            upsert
                .execute(params![
                    row.id.to_string(),
                    row.token_digest.as_ref().map(|digest| digest.as_bytes().to_vec()),
                    row.user_id.as_str(),
                    row.is_guest,
                    time(row.created_at_ms),
                    time(row.last_active_at_ms),
                    time(row.expires_at_ms),
                    row.device.as_deref(),
                    row.tenant_id.as_deref(),
                ])
                .expect("written");
        }
        drop(upsert);
        transaction.commit().expect("durable");
    }
}
