//! The past under another policy.

use super::support::{NOW, Run, Store, run_with, story};

/// Asks with that file on stdin.
#[track_caller]
fn ask(store: &Store, rules: &str, args: &[&str]) -> Run {
    let verb = ["replay", "what-if", "-", "--store", store.path(), "--now", NOW];
    run_with(&[&verb[..], args].concat(), rules.as_bytes())
}

#[test]
fn who_would_have_been_logged_out_is_counted_and_named() {
    let store = story();
    let strict = "idle_timeout = \"15m\"";
    let told = ask(&store, strict, &["--json"]).json();
    assert_eq!(told["earlier"], serde_json::json!({"sessions": 3, "users": 2}));
    assert_eq!(
        (&told["later"]["sessions"], &told["not_at_all"]["sessions"]),
        (&0.into(), &0.into())
    );
    let hour = &told["worst_hour"];
    assert_eq!((&hour["from"], &hour["sessions"]), (&"2026-11-20T13:00:00.000Z".into(), &2.into()));
    assert_eq!(told["differences"], serde_json::json!(["idle_timeout 30 d → 15 min"]));
    assert_eq!(told["items"], serde_json::Value::Null, "nobody asked who");

    let list = ask(&store, strict, &["--list", "--json"]).json();
    let items = list["items"].as_array().expect("a list");
    let item = |id: &str| items.iter().find(|item| item["session"] == id).expect("it is in it");
    let reused = item(&store.reused);
    assert_eq!(reused["recorded"]["reason"], "token_reuse");
    assert_eq!(reused["recorded"]["at"], "2026-11-20T13:05:00.000Z");
    assert_eq!(reused["other"]["reason"], "expired_idle");
    assert_eq!(reused["other"]["at"], "2026-11-20T12:15:00.000Z");
    assert_eq!(item(&store.live)["recorded"], serde_json::Value::Null, "it lives");
    let table = ask(&store, strict, &["--list", "--format", "table"]).ok();
    assert!(
        table.starts_with("With this policy 3 sessions of 2 users would have ended earlier.\n")
    );
    assert!(table.contains("2026-11-20 13:00Z .. 2026-11-20 14:00Z: 2 sessions"), "{table}");
    assert!(items.iter().all(|item| table.contains(item["session"].as_str().expect("an id"))));
    assert_eq!(ask(&store, strict, &["--list"]).ok().lines().count(), items.len());
}

#[test]
fn rules_that_a_file_does_not_name_stay_as_they_are_in_force() {
    let store = story();
    for same in ["", "idle_timeout = \"30d\"\nrace_window = \"10s\"\non_reuse = \"end_session\""] {
        let told = ask(&store, same, &["--json"]).json();
        assert_eq!(
            (&told["earlier"]["sessions"], &told["differences"]),
            (&0.into(), &serde_json::json!([]))
        );
    }
    for lenient in ["on_reuse = \"refuse\"", "race_window = \"30m\""] {
        let told = ask(&store, lenient, &["--json", "--list"]).json();
        assert_eq!(told["not_at_all"]["sessions"], 1, "{told}");
        assert_eq!(told["items"][0]["session"], store.reused.as_str());
    }
}

#[test]
fn only_what_happened_since_a_moment_is_decided_again() {
    let store = story();
    let since = |at: &str| {
        let told = ask(&store, "idle_timeout = \"15m\"", &["--json", "--since", at]).json();
        (told["from"].as_u64(), told["sessions"].as_u64(), told["earlier"]["sessions"].as_u64())
    };
    assert_eq!(since("@1"), (Some(1), Some(4), Some(3)));
    assert_eq!(since("@8"), (Some(8), Some(2), Some(2)), "what had ended by then is left out");
    assert_eq!(since("13:06"), (Some(8), Some(2), Some(2)));
    assert_eq!(since("-24h"), since("@1"));
    let outside = ask(&store, "", &["--since", "@10"]);
    assert_eq!((outside.code, outside.stdout.as_str()), (3, ""), "{outside:?}");
}

#[test]
fn a_policy_file_that_is_wrong_is_refused_with_the_place() {
    let store = story();
    let refused = ask(&store, "# rules\nidle = \"15m\"\n", &["--format", "table"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{refused:?}");
    assert!(refused.stderr.contains("-, line 2, column 1: unknown field `idle`"), "{refused:?}");
    assert!(refused.stderr.contains("\n  idle = \"15m\"\n  ^\n"), "{refused:?}");
    let error = ask(&store, "idle_timeout = 15", &["--json"]).error();
    assert_eq!(
        (&error["line"], &error["column"], &error["exit"]),
        (&1.into(), &16.into(), &2.into())
    );
    let hostile = ask(&store, "\"\u{1b}[31m\" = 1", &[]);
    assert!(hostile.code == 2 && !hostile.stderr.contains('\u{1b}'), "{hostile:?}");
    let missing = store.run(&["replay", "what-if", "nowhere.toml"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (3, ""), "{missing:?}");
    assert!(missing.stderr.contains("nowhere.toml can't be read"), "{missing:?}");
}
