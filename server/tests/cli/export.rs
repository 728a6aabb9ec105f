//! Sessions out of one store and into another: all that makes them up, and nothing twice.

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use passbook::{Login, Session, SessionStore, SimClock, Token, Transport, core::TokenDigest};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{
    BEGIN_MS, NOW, Run, add_files, close, ledger, run, run_with, story, tokio_free,
};

/// A store in which sessions have a past of every kind. Nobody has it open: who reads beside a writer
/// may not see its last write yet.
struct Past {
    folder: TempDir,
    clock: Arc<SimClock>,
    /// Of its sessions.
    fingerprint: [u8; 32],
    /// What opens a session, and which.
    live: Vec<(Token, Session)>,
    /// What opened one before.
    spent: Token,
}

fn past() -> Past {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(SimClock::at_ms(BEGIN_MS));
    let ledger = ledger(folder.path(), &clock);
    let store = SessionStore::from(ledger.clone());
    let first = Login::new("mira").device("Firefox on Linux").tenant("acme");
    let first = first.ip("2001:db8::7".parse().expect("an address")).user_agent("Gecko \u{20ac}");
    let first = tokio_free(ledger.create(first)).token;
    let mut renewed = first.clone();
    for _ in 0..3 {
        clock.advance_ms(60_000);
        renewed = store.refresh(&renewed.expose()).expect("live").token.clone();
    }
    tokio_free(ledger.set_data(&renewed, "cart", "[1, 2,  3]"));
    tokio_free(ledger.set_data(&renewed, "theme", "\"dark\\nmode\""));
    let guest = store.create_guest().token.expose();
    let upgraded = store.upgrade_and_rotate(&guest, "jonas".to_owned()).expect("a guest");
    let guest = store.create_guest();
    let for_ever = Login::new("tove").lifetime_ms(0).transport(Transport::Jwt);
    let for_ever = tokio_free(ledger.create(for_ever));
    clock.advance_ms(60_000);
    let changed = store.create("dagny".to_owned());
    clock.advance_ms(60_000);
    assert!(store.set_tenant(&changed.token.expose(), Some("other".to_owned())));
    store.create("bo".to_owned());
    assert_eq!(store.revoke_all_for_user("bo"), 1);
    let issued = [upgraded, guest, for_ever, changed].map(|issued| issued.token);
    let live = [renewed].into_iter().chain(issued).map(|token| {
        let session = ledger.session(&token).expect("live");
        (token, session)
    });
    let (live, fingerprint) = (live.collect(), ledger.sessions_fingerprint());
    drop(store);
    close(ledger, folder.path());
    Past { folder, clock, fingerprint, live, spent: first }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

fn export(store: &Path) -> Run {
    run(&["export", "--as", "jsonl", "--store", text(store), "--now", NOW])
}

fn import(lines: &str, store: &Path, more: &[&str]) -> Run {
    let import = ["import", "--from", "jsonl", "-", "--json", "--now", NOW, "--store", text(store)];
    run_with(&[&import[..], more].concat(), lines.as_bytes())
}

#[track_caller]
fn check_same(past: Past, lines: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let imported = import(lines, folder.path(), &[]);
    assert_eq!(imported.code, 0, "{imported:?}");
    let answer = imported.json();
    assert_eq!((&answer["imported"], &answer["is_equal"]), (&json!(5), &json!(true)), "{answer}");
    let again = import(lines, folder.path(), &[]).json();
    assert_eq!((&again["already_there"], &again["events"]), (&json!(5), &json!(0)), "{again}");
    let target = ledger(folder.path(), &past.clock);
    assert_eq!(target.sessions_fingerprint(), past.fingerprint);
    for (token, session) in &past.live {
        assert_eq!(target.session(token).as_ref(), Some(session));
    }
    past.clock.advance_ms(60_000);
    let store = SessionStore::from(target.clone());
    assert!(store.refresh(&past.spent.expose()).is_none(), "spent there is spent here");
    assert!(target.session(&past.live[0].0).is_none(), "and to show it again ends the session");
    drop(store);
    close(target, folder.path());
}

#[test]
fn what_is_exported_and_imported_leaves_the_same_sessions() {
    let past = past();
    let lines = export(past.folder.path()).ok();
    let header: Value =
        serde_json::from_str(lines.lines().next().expect("a header")).expect("JSON");
    let hex = TokenDigest::from_bytes(past.fingerprint).to_hex();
    assert_eq!((&header["sessions"], &header["fingerprint"]), (&json!(5), &json!(hex)));
    check_same(past, &lines);
}

#[test]
fn a_compaction_changes_nothing_of_what_is_exported() {
    let past = past();
    let before = export(past.folder.path()).ok();
    let reopened = ledger(past.folder.path(), &past.clock);
    reopened.compact().expect("it is compacted");
    close(reopened, past.folder.path());
    let after = export(past.folder.path()).ok();
    let sessions = |lines: &str| lines.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(sessions(&after), sessions(&before));
    check_same(past, &after);
}

#[test]
fn an_export_is_its_owners_alone_and_takes_no_files_place() {
    let store = story();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sessions.jsonl");
    let export = ["export", "--as", "jsonl", "--json", "-o", text(&path)];
    let answer = store.run(&export);
    assert_eq!((answer.code, &answer.json()["sessions"]), (0, &json!(2)));
    let metadata = std::fs::metadata(&path).expect("it was made");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&path).expect("readable");
    let refused = store.run(&export);
    assert_eq!((refused.code, &refused.error()["code"]), (6, &json!("export:unwritable")));
    assert_eq!(std::fs::read(&path).expect("readable"), before);
    let shown = String::from_utf8(before).expect("text");
    let token = store.live_token.expose();
    assert!(!shown.contains(token.trim_start_matches("pb_")), "digests, not tokens");
}

#[test]
fn a_session_that_was_ended_here_is_not_opened_again_by_its_line() {
    let store = story();
    let lines = store.run(&["export", "--as", "jsonl"]).ok();
    let revoked = ["session", "revoke", &store.live, "--yes", "--operator", "kim"];
    assert_eq!(store.run(&revoked).code, 0);
    let again = import(&lines, store.folder.path(), &[]);
    assert_eq!((again.code, &again.json()["already_there"]), (0, &json!(2)), "{again:?}");
    assert_eq!(again.json()["events"], 0);
    let check = ["session", "check", "--token-stdin", "--store", store.path(), "--now", NOW];
    assert_eq!(run_with(&check, store.live_token.expose().as_bytes()).code, 4);
}

/// A line with that much of a session, and with what the test says.
fn line(number: u8, more: Value) -> String {
    let mut line = json!({
        "schema": "passbook.session.export/1",
        "user_id": "mira",
        "created_at_ms": BEGIN_MS,
        "expires_at_ms": null,
        "token_digest": format!("{number:02x}").repeat(32),
    });
    for (name, value) in more.as_object().expect("an object") {
        line[name] = value.clone();
    }
    line.to_string()
}

#[test]
fn lines_of_other_programs_need_little_and_bad_ones_are_told_by_number() {
    let secret = "pylon_secret_0123456789abcdef";
    let lines = [
        line(1, json!({})),
        line(2, json!({"expires_at_ms": BEGIN_MS})),
        line(3, json!({"token_digest": null, "token": secret})),
        line(4, json!({"user_id": ""})),
        line(5, json!({"unknown": secret})),
        line(
            6,
            json!({"spent": [{"token_digest": "01".repeat(32), "generation": 1, "spent_at_ms": 5}], "generation": 2}),
        ),
        line(1, json!({"user_id": "mira"})),
        line(7, json!({"generation": 0})),
        line(8, json!({"token": secret})),
        String::new(),
        secret.to_owned(),
        line(9, json!({"token_digest": null})),
        line(10, json!({"token_digest": null, "token": "pb_0a"})),
        line(11, json!({"data": {"k": "{"}})),
        line(12, json!({"data": {"k": format!("\"{}\"", "x".repeat(64 * 1_024))}})),
        line(13, json!({"schema": "passbook.export/1"})),
        line(14, json!({})).replace(",\"expires_at_ms\":null", ""),
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dry = import(&lines.join("\n"), folder.path(), &["--dry-run"]);
    let wet = import(&lines.join("\n"), folder.path(), &[]);
    for run in [&dry, &wet] {
        let answer = run.json();
        assert_eq!(run.code, 8, "{run:?}");
        assert_eq!(answer["imported"], 2, "{answer}");
        assert_eq!((&answer["expired"], &answer["already_there"]), (&json!(1), &json!(1)));
        assert_eq!(answer["refused"]["total"], 13);
        let first = answer["refused"]["first"].as_array().expect("a list");
        let places: Vec<_> =
            first.iter().map(|row| row["row"].as_u64().expect("a number")).collect();
        assert_eq!(places, [4, 5, 6, 8, 9]);
        assert!(!format!("{run:?}").contains("0123456789abcdef"), "no token is repeated: {run:?}");
    }
    assert_eq!((&dry.json()["events"], &dry.json()["dry_run"]), (&json!(0), &json!(true)));
    let check = ["session", "check", "--token-stdin", "--store", text(folder.path()), "--now", NOW];
    assert_eq!(run_with(&check, secret.as_bytes()).code, 0);
}

#[test]
fn a_dry_run_changes_nothing() {
    let store = story();
    let before = store.files();
    let fresh = line(1, json!({}));
    let dry = import(&fresh, store.folder.path(), &["--dry-run"]);
    assert_eq!((dry.code, &dry.json()["imported"]), (0, &json!(1)), "{dry:?}");
    assert_eq!(store.files(), before);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = folder.path().join("none");
    assert_eq!(import(&fresh, &missing, &["--dry-run"]).code, 0);
    assert!(!missing.exists());
}

#[test]
fn an_export_that_was_cut_off_or_changed_is_noticed() {
    let store = story();
    let lines = store.run(&["export", "--as", "jsonl"]).ok();
    let folder = || tempfile::tempdir().expect("a temporary folder");
    let (cut, _) = lines.trim_end().rsplit_once('\n').expect("several lines");
    let target = folder();
    let refused = import(cut, target.path(), &[]);
    assert_eq!((refused.code, &refused.json()["refused"]["total"]), (8, &json!(1)), "{refused:?}");
    let target = folder();
    let changed = import(&lines.replace("\"mira\"", "\"root\""), target.path(), &[]);
    assert_eq!((changed.code, &changed.json()["is_equal"]), (4, &json!(false)), "{changed:?}");
    let mut files = std::collections::BTreeMap::new();
    add_files(target.path(), &mut files);
    assert!(!files.is_empty());
}
