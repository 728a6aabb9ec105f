//! Copies and the way back: backup, restore, salvage, and an older copy put in place.

use std::{os::unix::fs::FileExt as _, path::Path, sync::Arc};

use passbook::SimClock;
use serde_json::Value;

use super::support::{BEGIN_MS, NOW, Run, Store, close, ledger, run, story, tokio_free};

/// The document, if it keeps to its schema's name.
#[track_caller]
fn document(run: &Run, schema: &str) -> Value {
    let document = run.json();
    assert_eq!(document["schema"], schema, "{run:?}");
    let described: Value =
        serde_json::from_str(&super::support::run(&["schema", schema]).ok()).expect("a schema");
    for name in document.as_object().expect("an object").keys() {
        assert!(!described["properties"][name].is_null(), "{schema} does not know {name}");
    }
    document
}

/// A folder beside the store's.
fn beside(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("a plain name").to_owned()
}

/// Flips a bit of the event.
fn damage(store: &Store, sequence: u64) {
    let range = format!("@{sequence}..@{sequence}");
    let frame = &store.run(&["journal", "dump", &range, "--raw", "--json"]).json()["frame"];
    let at = frame["record_offset"].as_u64().expect("an offset") + 20;
    let segment = frame["segment"].as_str().expect("a path");
    let file = std::fs::File::options().read(true).write(true).open(segment).expect("there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("it is that long");
    file.write_all_at(&[byte[0] ^ 1], at).expect("writable");
}

#[test]
fn a_backup_is_made_listed_verified_and_restored() {
    let (store, outside) = (story(), tempfile::tempdir().expect("a folder"));
    let (dir, into) = (beside(&outside, "backups"), beside(&outside, "then"));
    let made = store.run(&["backup", "create", &dir, "--json"]);
    let made = document(&made, "passbook.backup.created/1");
    let path = made["path"].as_str().expect("a path");
    assert!(path.ends_with("/20261120T143000Z-@9"), "{made}");
    assert_eq!((&made["sequence"], &made["at"]), (&9.into(), &"2026-11-20T13:10:00.000Z".into()));

    let list = document(&run(&["backup", "list", &dir, "--json"]), "passbook.backup.list/1");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    let item = &list["items"][0];
    assert_eq!((&item["path"], &item["sequence"]), (&made["path"], &9.into()));
    assert_eq!((&item["state"], &item["bytes"]), (&"whole".into(), &made["bytes"]));
    for what in [&*dir, path] {
        let verified = run(&["backup", "verify", what, "--json"]);
        assert_eq!(document(&verified, "passbook.backup.verify/1")["result"], "good");
    }

    let restore = ["restore", path, "--into", &into, "--json"];
    let dry = run(&[&restore[..], &["--dry-run"]].concat());
    let dry = document(&dry, "passbook.restored/1");
    assert_eq!((&dry["dry_run"], &dry["sequence"]), (&true.into(), &9.into()));
    assert!(!Path::new(&into).exists(), "nothing was changed");
    let restored = document(&run(&restore), "passbook.restored/1");
    assert_eq!((&restored["dry_run"], &restored["sequence"]), (&false.into(), &9.into()));
    let listed = |store: &str| run(&["session", "list", "--store", store, "--now", NOW]).ok();
    assert_eq!(listed(&into), listed(store.path()));
    let full = run(&restore);
    assert_eq!((full.code, &full.error()["code"]), (1, &"ledger:backup".into()));
    let missing = run(&["restore", &beside(&outside, "none"), "--into", &beside(&outside, "x")]);
    assert_eq!(missing.code, 3, "{missing:?}");
}

/// The phases that were told, in order, each with what it counts; each to its end.
fn phases(run: &Run) -> Vec<(String, String)> {
    let lines = run.stderr.lines().map(|line| {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    });
    let told = lines.map(|line| {
        assert!(line["done"].as_u64() > Some(0), "{line}");
        assert!(line["total"].is_null() || line["done"] == line["total"], "{line}");
        [&line["phase"], &line["unit"]].map(|text| text.as_str().expect("a text").to_owned()).into()
    });
    told.collect()
}

#[test]
fn long_work_says_how_far_it_is() {
    let (store, outside) = (story(), tempfile::tempdir().expect("a folder"));
    let (dir, into) = (beside(&outside, "backups"), beside(&outside, "then"));
    let bytes = |phase: &str| (phase.to_owned(), "bytes".to_owned());
    let made = store.run(&["backup", "create", &dir, "--json", "--progress", "json"]);
    assert_eq!(phases(&made), [bytes("copy"), bytes("verify")]);
    let made = made.json();
    let path = made["path"].as_str().expect("a path");
    let verified = run(&["backup", "verify", path, "--progress", "json"]);
    assert_eq!(phases(&verified), [bytes("verify")]);
    let restored = run(&["restore", path, "--into", &into, "--progress", "json"]);
    assert_eq!(phases(&restored), [bytes("copy"), bytes("verify")]);
    let salvage = ["journal", "salvage", "--into", &beside(&outside, "new"), "--progress", "json"];
    let events = |phase: &str| (phase.to_owned(), "events".to_owned());
    assert_eq!(phases(&store.run(&salvage)), [events("read"), events("write")]);
}

#[test]
fn a_damaged_or_unfinished_backup_is_told_from_a_whole_one() {
    let (store, outside) = (story(), tempfile::tempdir().expect("a folder"));
    let dir = beside(&outside, "backups");
    let made = store.run(&["backup", "create", &dir, "--json"]).json();
    let path = made["path"].as_str().expect("a path");
    let segment = Path::new(path).join("journal/000001-1.seg");
    let file = std::fs::File::options().write(true).open(segment).expect("there");
    file.write_all_at(b"xx", 3 * 4_096 + 230).expect("writable");
    let half = outside.path().join("backups/half");
    std::fs::create_dir(&half).expect("made");
    std::fs::write(half.join("INCOMPLETE"), "").expect("written");
    let verified = run(&["backup", "verify", &dir, "--json"]);
    assert_eq!(verified.code, 4, "{verified:?}");
    let items = document(&verified, "passbook.backup.verify/1")["items"].clone();
    let states: Vec<_> = [0, 1].iter().map(|place: &usize| &items[place]["state"]).collect();
    assert_eq!(states, ["damaged", "incomplete"]);
    let restore = run(&["restore", path, "--into", &beside(&outside, "then")]);
    assert_ne!(restore.code, 0, "{restore:?}");
    assert_eq!(store.run(&["verify"]).code, 0, "the store itself is whole");
}

#[test]
fn a_store_that_a_process_writes_to_is_backed_up_as_of_what_is_durable() {
    let outside = tempfile::tempdir().expect("a folder");
    let (folder, dir) = (outside.path().join("store"), beside(&outside, "backups"));
    let clock = Arc::new(SimClock::at_ms(BEGIN_MS));
    let ledger = ledger(&folder, &clock);
    for _ in 0..3 {
        tokio_free(ledger.create("mira"));
    }
    let store = folder.to_str().expect("a plain name");
    let made = run(&["backup", "create", &dir, "--store", store, "--json"]);
    assert!(made.stderr.contains("another process has the store open"), "{made:?}");
    assert!(made.json()["sequence"].as_u64().expect("a number") >= 1, "{made:?}");
    let salvage = ["journal", "salvage", "--into", &beside(&outside, "x"), "--store", store];
    assert_eq!(run(&salvage).code, 5, "nobody salvages beside a writer");
    close(ledger, &folder);
    assert_eq!(run(&["backup", "verify", &dir]).code, 0);
    let inside = folder.join("backups");
    let inside = ["backup", "create", inside.to_str().expect("a plain name"), "--store", store];
    assert_eq!(run(&inside).code, 1);
    assert!(!folder.join("backups").exists());
}

#[test]
fn a_salvage_names_what_is_lost_and_leaves_the_damaged_store_as_it_is() {
    let (store, outside) = (story(), tempfile::tempdir().expect("a folder"));
    damage(&store, 5);
    let before = store.files();
    let into = beside(&outside, "salvaged");
    let salvaged = store.run(&["journal", "salvage", "--into", &into, "--json"]);
    assert_eq!(salvaged.code, 8, "{salvaged:?}");
    let told = document(&salvaged, "passbook.salvaged/1");
    assert_eq!(
        (&told["kept"], &told["lost_events"], &told["live"]),
        (&8.into(), &1.into(), &3.into())
    );
    assert_eq!(told["lost"][0], serde_json::json!({"first": 5, "last": 5}));
    assert_eq!((&told["is_in_doubt"], &told["snapshot"]), (&true.into(), &Value::Null));
    assert!(store.files() == before, "the damaged store was changed");
    let first = run(&["journal", "show", "@1", "--store", &into, "--json"]).json();
    assert_eq!(first["kind"], "Salvaged");
    assert_eq!(run(&["verify", "--store", &into]).code, 0);
    let history = run(&["user", "history", "mira", "--store", &into, "--now", NOW]).ok();
    assert!(history.contains("198.51.100.7"), "{history}");
    for (number, verb) in [&["repair"][..], &["journal", "repair"]].iter().enumerate() {
        let into = beside(&outside, &number.to_string());
        let repaired = store.run(&[verb, &["--into", &into, "--format", "table"][..]].concat());
        assert!(repaired.stderr.contains("nothing is repaired in place"), "{repaired:?}");
        assert!(repaired.stdout.contains("lost      1 event: @5"), "{repaired:?}");
    }
}

#[test]
fn an_older_copy_is_written_to_only_if_the_loss_is_accepted() {
    let (store, outside) = (story(), tempfile::tempdir().expect("a folder"));
    let dir = beside(&outside, "backups");
    let made = store.run(&["backup", "create", &dir, "--json"]).json();
    let create = ["session", "create", "--user", "tove"];
    assert_eq!(store.run(&create).code, 0);
    let segment = Path::new("journal").join("000001-1.seg");
    let older = Path::new(made["path"].as_str().expect("a path")).join(&segment);
    std::fs::copy(older, store.folder.path().join(segment)).expect("somebody did that");
    let refused = store.run(&create);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("--accept-rollback"), "{refused:?}");
    let accepted = store.run(&[&create[..], &["--accept-rollback"]].concat());
    assert_eq!(accepted.code, 0, "{accepted:?}");
    assert!(accepted.stderr.contains("went on from an older copy"), "{accepted:?}");
    assert_eq!(store.run(&["verify"]).code, 0);
}
