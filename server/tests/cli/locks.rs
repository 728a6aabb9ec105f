//! Reading changes nothing and needs no lock; writing says who has it.

use std::sync::Arc;

use passbook::SimClock;

use super::support::{BEGIN_MS, NOW, close, ledger, run, run_with, story, tokio_free};

#[test]
fn reading_leaves_every_file_as_it_was() {
    let store = story();
    let before = store.files();
    for verb in [
        "session list",
        "session list state:ended --at @5",
        "user show mira",
        "user history mira",
        "journal stat",
        "journal verify",
        "journal dump --raw",
        "journal show @3",
        "journal tail",
        "verify",
        "session revoke --filter user:mira --dry-run",
        "user revoke mira --dry-run",
        "user revoke mira --expect 99",
    ] {
        let verb: Vec<&str> = verb.split(' ').collect();
        store.run(&verb);
        assert!(store.files() == before, "{verb:?} changed a file");
    }
    let check = ["session", "check", "--token-stdin", "--store", store.path(), "--now", NOW];
    run_with(&check, store.live_token.expose().as_bytes());
    let import = ["import", "--from", "syslog", "--year", "2026", "--dry-run", "-"];
    run_with(&[&import[..], &["--store", store.path()]].concat(), b"Nov 20 12:00:00 h su: x\n");
    assert!(store.files() == before, "and no file is new or gone");
}

#[test]
fn a_store_that_a_process_has_open_can_be_read_and_not_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(SimClock::at_ms(BEGIN_MS));
    let ledger = ledger(folder.path(), &clock);
    tokio_free(ledger.create("mira"));
    tokio_free(ledger.create("mira"));
    let path = folder.path().to_str().expect("a plain name");
    let read = run(&["session", "list", "--store", path, "--now", NOW]);
    assert_eq!(read.code, 0, "{read:?}");
    assert!(read.stdout.contains("mira"), "{read:?}");
    assert!(read.stderr.contains("another process has the store open"), "{read:?}");
    let quiet = run(&["session", "list", "--quiet", "--store", path, "--now", NOW]);
    assert!(quiet.stderr.is_empty(), "{quiet:?}");

    let create = ["session", "create", "--user", "x", "--store", path];
    let human = run(&create);
    assert_eq!(human.code, 5, "{human:?}");
    let pid = std::process::id();
    let first = human.stderr.lines().next().unwrap_or_default();
    assert_eq!(first, format!("error: the store is in use by pid {pid} (a test)"));
    assert!(human.stderr.contains("LOCK is held since 2026-11-20 12:00:00.000Z"), "{human:?}");
    let json = run(&[&create[..], &["--json"]].concat());
    let error = json.error();
    assert_eq!((&error["code"], &error["exit"]), (&"ledger:locked".into(), &5.into()));
    assert_eq!((&error["pid"], &error["owner"]), (&pid.into(), &"a test".into()));
    assert_eq!(error["since"], "2026-11-20T12:00:00.000Z");
    close(ledger, folder.path());
    assert_eq!(run(&create).code, 0, "and then it is free");
}
