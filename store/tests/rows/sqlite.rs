//! A SQLite file: as we read it, and as the program `sqlite3` does.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use passbook::{MirrorBackend as _, SessionBackend as _, SessionStore, SqliteSessionBackend};

use super::sample::{bare, check, full};

/// What the program says to that statement.
#[track_caller]
pub(crate) fn sqlite3(file: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3").arg(file).arg(sql).output();
    let output = output.expect("the program sqlite3 is installed: ./check does it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn store_on(file: &Path) -> SessionStore {
    let backend = SqliteSessionBackend::open(file).expect("it opens");
    SessionStore::with_backend(Box::new(backend))
}

#[test]
fn every_column_comes_back_and_batches_are_whole() {
    check(&SqliteSessionBackend::in_memory().expect("in memory"));
    let folder = tempfile::tempdir().expect("a folder");
    check(&SqliteSessionBackend::open(folder.path().join("a.db")).expect("a file"));
}

#[test]
fn sqlite3_reads_what_was_written_and_the_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sessions.db");
    let backend = SqliteSessionBackend::open(&file).expect("a file");
    backend.save(&full(7)).expect("saved");
    backend.save(&bare(8)).expect("saved");
    let told = sqlite3(
        &file,
        "SELECT user_id, hex(token_digest), is_guest, created_at, expires_at, tenant_id, ip, \
         data ->> '$.cart.n[1]', typeof(id) FROM passbook_sessions WHERE expires_at IS NOT NULL",
    );
    let digest = "07".repeat(32);
    assert_eq!(
        told.trim_end(),
        format!(
            "o'hara \"7\" \\ \u{1f980}|{digest}|1|1795132800001|1797724800003|acme;--|2001:db8::1|2.5|text"
        )
    );
    assert_eq!(
        sqlite3(&file, "SELECT id FROM passbook_sessions WHERE data IS NULL").trim(),
        bare(8).id.to_string()
    );
    assert_eq!(sqlite3(&file, "PRAGMA integrity_check").trim(), "ok");
    let plan = "EXPLAIN QUERY PLAN SELECT * FROM passbook_sessions WHERE user_id = 'u'";
    assert!(sqlite3(&file, plan).contains("passbook_sessions_by_user"));
    for name in ["sessions.db", "sessions.db-wal", "sessions.db-shm"] {
        let meta = std::fs::metadata(folder.path().join(name)).expect("it is there");
        assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn an_old_schema_is_brought_up_and_a_newer_one_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sessions.db");
    SqliteSessionBackend::open(&file).expect("a file").save(&full(7)).expect("saved");
    sqlite3(&file, "DROP TABLE passbook_checkpoint; DELETE FROM passbook_schema WHERE version > 1");
    let backend = SqliteSessionBackend::open(&file).expect("brought up");
    assert_eq!(backend.load_all().expect("loads"), [full(7)]);
    assert_eq!(backend.checkpoint().expect("there"), None);
    drop(backend);
    sqlite3(&file, "INSERT INTO passbook_schema VALUES (1000)");
    let error = SqliteSessionBackend::open(&file).expect_err("newer");
    assert_eq!(error.operation, "migrate");
    assert!(error.why.contains("1000"), "{error}");
    let table = "CREATE TABLE passbook_sessions (x)";
    sqlite3(&folder.path().join("taken.db"), table);
    let error = SqliteSessionBackend::open(folder.path().join("taken.db")).expect_err("taken");
    assert!(error.why.contains("version 1") && error.why.contains("already exists"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sessions.db");
    std::fs::write(&file, "no database, but longer than a header would be".repeat(40))
        .expect("written");
    assert!(SqliteSessionBackend::open(&file).is_err());
    assert!(SqliteSessionBackend::open(folder.path().join("no/such/folder.db")).is_err());
}

#[test]
fn a_store_on_a_file_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sessions.db");
    let store = store_on(&file).with_lifetime(0);
    let bob = store.create("bob".to_owned());
    let ann = store.with_lifetime(3_600).create("ann".to_owned());
    let store = store_on(&file);
    assert_eq!(store.get(&ann.token.expose()).as_ref(), Some(&ann.session));
    assert_eq!(store.get(&bob.token.expose()).expect("live").expires_at(), None);
    // While the program holds the file, nothing can be removed; the removal is noted beside it.
    sqlite3(
        &file,
        "CREATE TRIGGER held BEFORE DELETE ON passbook_sessions BEGIN SELECT RAISE(ABORT, 'held'); END",
    );
    let error = store.try_revoke(&ann.token.expose()).expect_err("held");
    assert!(error.to_string().contains("held"), "{error}");
    assert!(folder.path().join("sessions.db-removals").exists());
    drop(store);
    let store = store_on(&file);
    assert!(store.get(&ann.token.expose()).is_none(), "it does not come back");
    sqlite3(&file, "DROP TRIGGER held");
    while store.health().backend_backlog > 0 {
        std::thread::yield_now();
    }
    assert_eq!(sqlite3(&file, "SELECT user_id FROM passbook_sessions").trim(), "bob");
}
