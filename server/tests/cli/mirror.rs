//! `passbook mirror`: rows that another program reads, and whether they are right.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use passbook::{SessionStore, SimClock};

use super::support::{BEGIN_MS, command, ledger, run, story, told};

const USERS: &str =
    "SELECT group_concat(user_id) FROM (SELECT user_id FROM passbook_sessions ORDER BY 1)";

/// What the program sqlite3 says to that statement; nothing, if the file is not ready yet.
fn sqlite3(file: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3").arg(file).arg(sql).output();
    let output = output.expect("the program sqlite3 is installed: ./check does it");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[test]
fn live_sessions_are_rows_and_a_comparison_finds_what_was_tampered_with() {
    let store = story();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rows.db");
    let to = format!("sqlite:{}", file.display());
    let before = store.files();
    let mirrored = store.run(&["mirror", "--to", &to, "--json"]);
    assert_eq!((mirrored.code, &mirrored.json()["sequence"]), (0, &9.into()), "{mirrored:?}");
    assert_eq!(sqlite3(&file, USERS), "dagny,mira");
    assert!(before == store.files(), "the store is only read");
    let again = store.run(&["mirror", "--to", &to, "--once", "--check", "--format", "table"]).ok();
    assert!(again.starts_with("mirrored  up to @9, 0 events now\n"), "{again}");
    assert!(
        again.ends_with("compared  2 rows with @9, 0 events behind\nresult    GOOD\n"),
        "{again}"
    );

    sqlite3(
        &file,
        "UPDATE passbook_sessions SET user_id = 'eve', device = NULL WHERE user_id = 'mira'",
    );
    sqlite3(&file, "DELETE FROM passbook_sessions WHERE user_id = 'dagny'");
    let bad = store.run(&["mirror", "--to", &to, "--check", "--format", "table"]);
    assert_eq!(bad.code, 4, "{bad:?}");
    assert!(bad.stdout.contains("result    BAD\n"), "{bad:?}");
    assert!(
        bad.stdout.contains(&format!("{}  differs in user_id, device\n", store.live)),
        "{bad:?}"
    );
    assert!(bad.stdout.contains("  has no row\n"), "{bad:?}");
    assert_eq!(sqlite3(&file, USERS), "eve", "a comparison writes nothing");
    let json = store.run(&["mirror", "--to", &to, "--check", "--json"]);
    assert_eq!(json.json()["check"]["differences"].as_array().map(Vec::len), Some(2));
    let anew = store.run(&["mirror", "--to", &to, "--rebuild", "--check"]);
    assert_eq!(anew.code, 0, "{anew:?}");
    assert_eq!(sqlite3(&file, USERS), "dagny,mira");
}

#[test]
fn what_it_can_not_do_it_says() {
    let store = story();
    let unknown = store.run(&["mirror", "--to", "mysql://db/app"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    let nowhere = store.run(&["mirror", "--to", "sqlite:/no/such/folder/rows.db"]);
    assert_eq!(nowhere.code, 6, "{nowhere:?}");
    let away = store.run(&["mirror", "--to", "postgres://ann:secret@127.0.0.1:1/app", "--json"]);
    assert_eq!((away.code, &away.error()["code"]), (6, &"ledger:backend".into()), "{away:?}");
    assert!(!format!("{away:?}").contains("secret"), "{away:?}");
    let missing = run(&["mirror", "--to", "sqlite:/no/such/file", "--store", "/no/such/store"]);
    assert_eq!(missing.code, 3, "{missing:?}");
}

#[test]
fn it_follows_a_writer_until_it_is_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, file) = (folder.path().join("store"), folder.path().join("rows.db"));
    let store = SessionStore::from(ledger(&path, &Arc::new(SimClock::at_ms(BEGIN_MS))));
    store.create("ann".to_owned());
    let to = format!("sqlite:{}", file.display());
    let path = path.to_str().expect("plain");
    // The file is made before anybody else looks at it: to get its log it is needed alone.
    run(&["mirror", "--to", &to, "--store", path]).ok();
    let mut following = command(&["mirror", "--follow", "--to", &to, "--store", path]);
    let mut following =
        following.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut wait_for = |users: &[&str]| {
        while !users.contains(&&*sqlite3(&file, USERS)) {
            assert!(following.try_wait().expect("it is ours").is_none(), "it ended by itself");
            std::thread::yield_now();
        }
    };
    let bob = store.create("bob".to_owned());
    // Who only reads may not know of the last event of a writer that it is durable.
    store.create("cid".to_owned());
    wait_for(&["ann,bob", "ann,bob,cid"]);
    assert!(store.revoke(&bob.token.expose()));
    store.ledger().close().expect("closes");
    wait_for(&["ann,cid"]);
    let stopped = Command::new("kill").arg("-INT").arg(following.id().to_string()).status();
    assert!(stopped.expect("kill runs").success());
    let run = told(&following.wait_with_output().expect("it ends"));
    assert_eq!(run.code, 130, "{run:?}");
    assert!(run.stdout.contains("sequence\t5"), "{run:?}");
}
