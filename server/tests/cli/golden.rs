//! Each reading verb in each form, held by golden files.

use super::support::{check_golden, run, story};

/// The verbs, and the name of their golden files. The first event holds the version: it is left out.
fn verbs(live: &str, reused: &str) -> Vec<(&'static str, Vec<String>)> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    vec![
        ("session-list", words("session list")),
        ("session-list-ended", words("session list --state ended,expired --sort created")),
        ("session-list-at", words("session list --at 2026-11-20T12:52:00Z")),
        ("session-show-live", words(&format!("session show {live}"))),
        ("session-show-ended", words(&format!("session show {reused}"))),
        ("session-show-at", words(&format!("session show {reused} --at @2"))),
        ("session-lineage", words(&format!("session lineage {reused}"))),
        ("why-live", words(&format!("why {live}"))),
        ("why-ended", words(&format!("why {reused}"))),
        ("replay-explain", words(&format!("replay explain {reused} --at @2"))),
        ("replay-at", words("replay at 2026-11-20T12:52:00Z")),
        ("replay-step", words("replay step @3 -n 5")),
        ("replay-what-if", words("replay what-if tests/golden/strict.toml")),
        ("replay-what-if-list", words("replay what-if tests/golden/strict.toml --list")),
        ("replay-diff", words("replay diff @2 @head")),
        ("replay-bisect", words("replay bisect user:dagny")),
        ("user-show", words("user show mira")),
        ("user-history", words("user history mira")),
        ("journal-dump", words("journal dump @2..")),
        ("journal-tail", words("journal tail -n 2 kind:LoginFailed,TokenReuseDetected")),
        ("revoke-dry-run", words("user revoke mira --dry-run")),
    ]
}

#[test]
fn reading_verbs_say_the_same_as_they_did() {
    let store = story();
    for (name, verb) in verbs(&store.live, &store.reused) {
        for form in ["table", "plain", "json", "jsonl", "csv"] {
            let mut args: Vec<&str> = verb.iter().map(String::as_str).collect();
            args.extend(["--format", form]);
            check_golden(&format!("{name}.{form}"), &store.run(&args).ok());
        }
    }
}

#[test]
fn a_pipe_gets_plain_and_short_forms_are_the_long_ones() {
    let store = story();
    let plain = store.run(&["session", "list", "--format", "plain"]).ok();
    assert_eq!(store.run(&["session", "list"]).ok(), plain);
    assert_eq!(store.run(&["ls"]).ok(), plain);
    let json = store.run(&["session", "list", "--format", "json"]).ok();
    assert_eq!(store.run(&["session", "list", "--json"]).ok(), json);
    let dump = store.run(&["journal", "dump", "--json"]).ok();
    assert_eq!(store.run(&["log", "--json"]).ok(), dump);
    for (sugar, filter) in [
        (vec!["--user", "mira"], "user:mira"),
        (vec!["--ip", "192.0.2.0/24"], "ip:192.0.2.0/24"),
        (vec!["--device", "Safari on iPhone"], "device:\"Safari on iPhone\""),
        (vec!["--state", "ended", "--reason", "logout"], "state:ended reason:logout"),
        (vec!["--since", "-2h"], "since:-2h"),
    ] {
        let by_filter = store.run(&["session", "list", filter]).ok();
        assert!(!by_filter.is_empty(), "{filter}");
        assert_eq!(store.run(&[&["session", "list"], &*sugar].concat()).ok(), by_filter);
    }
}

#[test]
fn colour_comes_when_it_is_asked_for_and_a_word_stands_beside_it() {
    let store = story();
    let list = ["session", "list", "--format", "table"];
    let plain = store.run(&list).ok();
    assert!(plain.contains("live") && !plain.contains('\u{1b}'));
    let painted = store.run(&[&list[..], &["--color", "always"]].concat()).ok();
    assert!(painted.contains("\u{1b}[32mlive"));
    assert_eq!(anstream::adapter::strip_str(&painted).to_string(), plain);
}

#[test]
fn times_for_people_are_in_the_zone_they_asked_for() {
    let store = story();
    let history = ["user", "history", "mira", "--tz", "Europe/Vienna"];
    let table = store.run(&[&history[..], &["--format", "table"]].concat()).ok();
    assert!(table.contains("+01:00"), "{table}");
    let plain = store.run(&history).ok();
    assert!(!plain.contains("+01:00") && plain.contains('Z'), "{plain}");
}

#[test]
fn help_is_an_answer_with_examples_first() {
    let long = run(&["session", "revoke", "--help"]).ok();
    assert!(long.starts_with("Examples:\n  passbook session revoke "), "{long}");
    assert_eq!(run(&["help", "session", "revoke"]).ok(), long);
    for topic in ["at", "filter", "exit-codes", "json", "security"] {
        let text = run(&["help", topic]).ok();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{topic}");
        assert!(run(&["help", "topics"]).ok().contains(topic), "{topic}");
    }
    let short = run(&["-h"]).ok();
    assert!(short.lines().count() <= 45, "one screen:\n{short}");
}

#[test]
fn completions_know_the_verbs_and_hide_the_hidden() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell]).ok();
        assert!(script.contains("quickstart") && script.contains("revoke"), "{shell}");
    }
}
