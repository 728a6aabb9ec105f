//! Names for moments: of now, of earlier ones, given again and given up.

use super::support::{Run, Store, story};

/// `journal bookmark` by somebody.
#[track_caller]
fn bookmark(store: &Store, args: &[&str]) -> Run {
    store.run(&[&["journal", "bookmark"], args, &["--operator", "mara"]].concat())
}

/// The state at that moment, without how it was named.
#[track_caller]
fn at(store: &Store, moment: &str) -> String {
    store.run(&["replay", "at", moment, "--json"]).ok()
}

#[test]
fn an_earlier_moment_gets_a_name_by_sequence_or_by_time() {
    let store = story();
    for (name, moment) in [
        ("seq", "@3"),
        ("head", "@head-1"),
        ("time", "2026-11-20T12:52:00Z"),
        ("clock", "13:00"),
        ("ago", "-2h"),
        ("of-a-name", "=seq"),
    ] {
        let expected = at(&store, moment);
        bookmark(&store, &[name, moment]).ok();
        assert_eq!(at(&store, &format!("={name}")), expected, "{name} is {moment}");
    }
    assert_eq!(at(&store, "=of-a-name"), at(&store, "@3"));
    let made = bookmark(&store, &["later", "12:52", "--json"]).json();
    assert_eq!(made["names_time"], "2026-11-20T12:52:00.000Z");
    assert_eq!(made["names_sequence"], serde_json::Value::Null);
    let event = made["sequence"].as_u64().expect("an event").to_string();
    let event = store.run(&["journal", "show", &format!("@{event}"), "--json"]).json();
    assert_eq!(event["detail"]["names_time"], made["names_time"]);
}

#[test]
fn a_name_is_a_moment_wherever_one_is_asked_for() {
    let store = story();
    bookmark(&store, &["reuse", "@7"]).ok();
    bookmark(&store, &["noon", "12:45"]).ok();
    for (named, plain) in [
        (["replay", "step", "=reuse"], ["replay", "step", "@7"]),
        (["replay", "step", "=noon"], ["replay", "step", "12:45"]),
        (["journal", "show", "=reuse"], ["journal", "show", "@7"]),
        (["journal", "dump", "=noon..=reuse"], ["journal", "dump", "12:45..@7"]),
        (["journal", "dump", "..=noon"], ["journal", "dump", "..12:45"]),
    ] {
        let told = store.run(&named).ok();
        assert_eq!(told, store.run(&plain).ok(), "{named:?}");
        assert!(!told.is_empty());
    }
    let live = |at: &str| store.run(&["session", "list", "--at", at, "--json"]).ok();
    assert_eq!(live("=reuse"), live("@7"));
    let since = |at: &str| store.run(&["user", "history", "mira", "--since", at]).ok();
    assert_eq!(since("=noon"), since("12:45"));
    let diff =
        |from: &str| store.run(&["replay", "diff", from, "@9", "--json"]).json()["from"].clone();
    assert_eq!(diff("=reuse"), diff("@7"));
}

#[test]
fn a_name_given_up_is_no_moment_any_more() {
    let store = story();
    bookmark(&store, &["gone", "@3"]).ok();
    bookmark(&store, &["kept", "@4"]).ok();
    bookmark(&store, &["--delete", "gone"]).ok();
    let unknown = store.run(&["replay", "at", "=gone"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (3, ""), "{unknown:?}");
    assert!(unknown.stderr.contains("no moment has the name `gone`"), "{unknown:?}");
    let names = || {
        let list = store.run(&["journal", "bookmark", "--list", "--json"]).json();
        let items = list["items"].as_array().expect("a list").clone();
        items.iter().map(|item| item["name"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["\"kept\""]);
    let before = store.run(&["journal", "stat", "--json"]).json()["sequence_last"].clone();
    for unknown in ["gone", "never-was"] {
        let refused = bookmark(&store, &["--delete", unknown]);
        assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{refused:?}");
    }
    let after = store.run(&["journal", "stat", "--json"]).json()["sequence_last"].clone();
    assert_eq!(before, after, "what is refused is not written");
    bookmark(&store, &["gone", "@5"]).ok();
    assert_eq!(at(&store, "=gone"), at(&store, "@5"), "it can be given again");
    assert_eq!(names(), ["\"gone\"", "\"kept\""]);
}

#[test]
fn a_moment_that_is_not_kept_gets_no_name() {
    let store = story();
    for moment in ["@10", "@0", "2026-11-20T14:31:00Z", "=nothing"] {
        let refused = bookmark(&store, &["name", moment]);
        assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{moment}: {refused:?}");
        if !moment.starts_with('=') {
            assert!(refused.stderr.contains("@1 .. @9"), "{refused:?}");
        }
    }
    for args in
        [&["name", "sometime"][..], &["--delete"], &["--delete", "a", "@3"], &["--list", "a"]]
    {
        assert_eq!(bookmark(&store, args).code, 2, "{args:?}");
    }
    assert_eq!(store.run(&["journal", "stat", "--json"]).json()["sequence_last"], 9);
}
