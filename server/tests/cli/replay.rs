//! Asking the past: why a session is dead, its tokens, the state at a moment.

use std::sync::Arc;

use passbook::{Login, SimClock};

use super::support::{BEGIN_MS, Store, close, ledger, run_with, story, tokio_free};

#[test]
fn why_names_the_event_that_ended_a_session_and_the_rule() {
    let store = story();
    let told = store.run(&["why", &store.reused, "--json"]).json();
    assert_eq!((&told["state"], &told["end_reason"]), (&"ended".into(), &"token_reuse".into()));
    let sequence = told["ended_sequence"].as_u64().expect("an event ended it");
    let event = store.run(&["journal", "show", &format!("@{sequence}"), "--json"]).json();
    assert_eq!(event["kind"], told["ended_kind"]);
    assert_eq!(
        (&told["cause"]["rule"], &event["detail"]["verdict"]),
        (&"reused".into(), &"ended".into())
    );
    let shown = store.run(&["session", "show", &store.reused, "--json"]).json();
    for field in ["ended_at", "ended_by", "ended_sequence", "end_reason", "created_sequence"] {
        assert_eq!(told[field], shown[field], "{field}");
    }
    let text = store.run(&["why", &store.reused, "--format", "table"]).ok();
    assert_eq!(text.matches("◄ ended here").count(), 1, "{text}");
    let closer = text.lines().last().expect("lines").split_once("passbook ").expect("a command");
    let closer: Vec<&str> = closer.1.split(' ').collect();
    assert!(store.run(&closer).ok().contains("\tlive\n"), "it lived just before its end");
}

#[test]
fn what_had_expired_before_all_of_its_user_ended_is_told_as_expired() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(SimClock::at_ms(BEGIN_MS));
    let ledger = ledger(folder.path(), &clock);
    let brief = tokio_free(ledger.create(Login::new("mira").lifetime_ms(60_000)));
    let long = tokio_free(ledger.create(Login::new("mira")));
    clock.advance_ms(120_000);
    assert_eq!(tokio_free(ledger.revoke_all_for_user("mira")), 1, "one of them was live");
    let (live, reused) = (long.id.to_string(), brief.id.to_string());
    close(ledger, folder.path());
    let store = Store { folder, live_token: long.token, live, reused };
    for (id, reason) in [(&store.reused, "expired_idle"), (&store.live, "revoked_by_user")] {
        let told = store.run(&["why", id, "--json"]).json();
        let shown = store.run(&["session", "show", id, "--json"]).json();
        assert_eq!(told["end_reason"], reason);
        for field in ["state", "ended_at", "ended_by", "ended_sequence", "end_reason"] {
            assert_eq!(told[field], shown[field], "{reason}: {field}");
        }
    }
}

#[test]
fn why_a_session_lives_says_what_would_end_it_and_when() {
    let store = story();
    let told = store.run(&["why", &store.live, "--json"]).json();
    assert_eq!((&told["state"], &told["cause"]), (&"live".into(), &serde_json::Value::Null));
    assert_eq!(told["outlook"]["reason"], "expired_idle");
    assert_eq!(told["outlook"]["expires_at"], told["expires_at"]);
    let earlier = store.run(&["why", &store.reused, "--at", "@2", "--json"]).json();
    assert_eq!(earlier["state"], "live", "it had not ended yet: {earlier}");
    let later =
        [&["why", &store.live, "--json", "--store", store.path()][..], &["--now", "2027-01-20"]];
    let later = super::support::run(&later.concat()).json();
    assert_eq!((&later["state"], &later["cause"]["rule"]), (&"expired".into(), &"expired".into()));
    assert_eq!(later["ended_sequence"], serde_json::Value::Null, "no sweep has said so");
}

#[test]
fn the_session_of_a_token_is_explained_without_showing_it() {
    let store = story();
    let token = store.live_token.expose();
    let verb = ["why", "--token-stdin", "--store", store.path(), "--now", super::support::NOW];
    let told = run_with(&verb, token.as_bytes());
    assert!(told.stdout.contains(&store.live), "{told:?}");
    assert!(!told.stdout.contains(token.as_str()) && !told.stderr.contains(token.as_str()));
    for bad in ["pb_nothing", &format!("pb_{}", "0123456789abcdef".repeat(4))] {
        let refused = run_with(&verb, bad.as_bytes());
        assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{refused:?}");
        assert!(!refused.stderr.contains(bad), "{refused:?}");
    }
}

#[track_caller]
fn check_unknown(store: &Store, verb: &[&str]) {
    let unknown = [verb, &["01M7WH9B1A4TFF59TDWH9EDD1R"]].concat();
    let refused = store.run(&unknown);
    assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{refused:?}");
    assert!(refused.stderr.contains("it never existed in @1 .. @9"), "{refused:?}");
}

#[test]
fn of_a_session_that_never_was_that_is_said() {
    let store = story();
    for verb in [&["why"][..], &["replay", "explain"], &["session", "lineage"]] {
        check_unknown(&store, verb);
    }
}

#[test]
fn a_lineage_is_a_graph_of_all_tokens_and_of_each_reuse() {
    let store = story();
    let told = store.run(&["session", "lineage", &store.reused, "--json"]).json();
    let states: Vec<_> = told["tokens"].as_array().expect("tokens").iter().collect();
    assert_eq!((&states[0]["state"], &states[1]["state"]), (&"spent".into(), &"ended".into()));
    let verdicts: Vec<_> =
        told["presented"].as_array().expect("acts").iter().map(|it| &it["verdict"]).collect();
    assert_eq!(verdicts, ["rotated", "ended"]);
    let then = store.run(&["session", "lineage", &store.reused, "--at", "@2", "--json"]).json();
    assert_eq!(then["tokens"].as_array().map(Vec::len), Some(1), "before its refresh: {then}");
    assert_eq!(
        (&then["tokens"][0]["state"], &then["presented"]),
        (&"live".into(), &serde_json::json!([]))
    );
    let dot = store.run(&["session", "lineage", &store.reused, "--dot"]).ok();
    assert!(dot.starts_with("digraph lineage {\n") && dot.ends_with("}\n"), "{dot}");
    assert_eq!(dot.matches("g1 -> g2").count(), 1, "{dot}");
    assert_eq!(dot.matches("shape=octagon").count(), 1, "{dot}");
    for line in dot.lines() {
        assert_eq!(line.matches('"').count() % 2, 0, "quotes come in pairs: {line}");
    }
}

#[test]
fn the_state_at_a_moment_is_that_of_a_list_at_that_moment() {
    let store = story();
    for at in ["@2", "@4", "@head", "2026-11-20T12:52:00Z", "13:00", "-1h"] {
        let past = store.run(&["replay", "at", at, "--json"]).json();
        let list = store.run(&["session", "list", "--at", at, "--json"]).json();
        let live = list["items"].as_array().expect("items").len();
        assert_eq!((&past["live"], &past["as_of"]), (&live.into(), &list["as_of"]), "{at}");
        let filtered = store.run(&["replay", "at", at, "--filter", "user:mira", "--json"]).ok();
        assert_eq!(
            filtered,
            store.run(&["session", "list", "user:mira", "--at", at, "--json"]).ok()
        );
        assert_eq!(filtered, store.run(&["replay", "at", at, "--user", "mira", "--json"]).ok());
    }
    let one = store.run(&["replay", "at", "@3", "--session", &store.reused]).ok();
    assert_eq!(one, store.run(&["session", "show", &store.reused, "--at", "@3"]).ok());
    let outside = store.run(&["replay", "at", "@10"]);
    assert_eq!((outside.code, outside.stdout.as_str()), (3, ""), "{outside:?}");
    assert!(outside.stderr.contains("@1 .. @9"), "{outside:?}");
}

#[test]
fn a_moment_that_got_a_name_is_found_by_it() {
    let store = story();
    let operator = ["--operator", "mara"];
    let made = store.run(&[&["journal", "bookmark", "before", "--json"][..], &operator].concat());
    assert_eq!(made.json()["sequence"], 11, "behind the opening for it: {made:?}");
    store.run(&[&["session", "revoke", &store.live, "--yes"][..], &operator].concat()).ok();
    let then = store.run(&["why", &store.live, "--at", "=before", "--json"]).json();
    let now = store.run(&["why", &store.live, "--json"]).json();
    assert_eq!((&then["state"], &now["state"]), (&"live".into(), &"ended".into()));
    assert_eq!(now["cause"]["rule"], "requested");
    assert_eq!(store.run(&["replay", "at", "=before", "--json"]).json()["at"], 11);
    let again = [&["journal", "bookmark", "before", "--note", "REL-88"][..], &operator].concat();
    store.run(&again).ok();
    let list = store.run(&["journal", "bookmark", "--list", "--json"]).json();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    let item = &list["items"][0];
    assert_eq!((&item["name"], &item["note"]), (&"before".into(), &"REL-88".into()));
    assert!(item["sequence"].as_u64() > Some(11), "the later moment has the name: {item}");
    let empty = store.run(&["journal", "bookmark", ""]);
    assert_eq!((empty.code, empty.stdout.as_str()), (2, ""), "{empty:?}");
}

#[test]
fn replay_gives_the_state_that_the_events_add_up_to() {
    let store = story();
    let checked = store.run(&["verify", "--replay", "--json"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let replay = checked.json()["replay"].clone();
    assert_eq!((&replay["at"], &replay["folded_from"]), (&9.into(), &1.into()));
    assert_eq!(replay["replayed"], replay["folded"]);
    let past = store.run(&["replay", "at", "@head", "--json"]).json();
    assert_eq!(past["fingerprint"], replay["folded"]);
    assert_eq!(store.run(&["verify", "--json"]).json()["replay"], serde_json::Value::Null);
    let table = store.run(&["verify", "--replay", "--format", "table"]).ok();
    assert!(table.contains("\nreplay ") && table.ends_with("GOOD\n"), "{table}");
}

#[test]
fn two_moments_differ_by_what_opened_ended_and_changed_between_them() {
    let store = story();
    let diff = store.run(&["replay", "diff", "@2", "@head", "--json"]);
    assert_eq!(diff.code, 0, "{diff:?}");
    let diff = diff.json();
    let live = |at: &str| store.run(&["replay", "at", at, "--json"]).json()["live"].clone();
    assert_eq!((&diff["from"]["live"], &diff["to"]["live"]), (&live("@2"), &live("@head")));
    let opened = diff["opened"].as_array().expect("a list");
    assert_eq!(opened.iter().filter(|item| item["id"] == store.live.as_str()).count(), 1);
    assert_eq!(diff["ended"][0]["id"], store.reused.as_str());
    assert_eq!(diff["ended_by"]["token_reuse"], 1);
    // mira and jonas are there; jonas leaves, dagny comes, and mira is there with another session.
    let users = store.run(&["replay", "diff", "@4", "@head", "--json"]).json();
    assert_eq!((&users["users_new"], &users["users_gone"]), (&1.into(), &1.into()), "{users}");
    let table = store.run(&["replay", "diff", "@4", "@head", "--format", "table"]).ok();
    assert!(table.contains("\nusers      new 1 · gone 1\n"), "{table}");
    let changed = store.run(&["replay", "diff", "@2", "@3", "--json"]).json();
    assert_eq!(changed["changed"][0]["session"], store.reused.as_str());
    assert_eq!(changed["changed"][0]["fields"][0]["field"], "generation");
    for (moments, code) in [(["@2", "@3"], 4), (["@3", "@3"], 0)] {
        let verb = [&["replay", "diff"][..], &moments, &["--exit-code"]].concat();
        assert_eq!(store.run(&verb).code, code, "{moments:?}");
    }
}

#[test]
fn a_bisection_finds_the_event_that_a_list_at_each_event_finds() {
    let store = story();
    for user in ["user:mira", "user:dagny", "user:nobody"] {
        let mut by_lists = None;
        for at in 1..=9_u64 {
            let list = store.run(&["session", "list", user, "--at", &format!("@{at}"), "--json"]);
            let has = list.json()["items"].as_array().is_some_and(|items| !items.is_empty());
            by_lists = by_lists.or(has.then_some(at));
        }
        let found = store.run(&["replay", "bisect", user, "--json"]);
        match by_lists {
            Some(first) => assert_eq!(found.json()["first"], first, "{user}"),
            None => assert_eq!((found.code, found.stdout.as_str()), (3, ""), "{found:?}"),
        }
    }
    let refused = store.run(&["replay", "bisect", "state:ended"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{refused:?}");
}
