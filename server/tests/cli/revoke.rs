//! Ending sessions: the number first, then the act, and who did it.

use super::support::story;

#[test]
fn without_a_terminal_the_number_must_be_said() {
    let store = story();
    let revoke = ["session", "revoke", "--filter", "user:mira"];
    let asked = store.run(&revoke);
    assert_eq!(asked.code, 2, "{asked:?}");
    assert!(asked.stderr.contains("This ends 1 session of 1 user."), "{asked:?}");
    assert!(asked.stderr.contains("--expect 1 or --yes"), "{asked:?}");
    let wrong = store.run(&[&revoke[..], &["--expect", "2", "--json"]].concat());
    assert_eq!(wrong.code, 5, "{wrong:?}");
    let error = wrong.error();
    assert_eq!((&error["expected"], &error["count"]), (&2.into(), &1.into()));
    let dry = store.run(&[&revoke[..], &["--dry-run", "--json"]].concat()).json();
    assert_eq!((&dry["dry_run"], &dry["ended"]), (&true.into(), &1.into()));
    assert_eq!(dry["sessions"][0], *store.live);
    let list = store.run(&["session", "list", "user:mira", "--json"]).json();
    assert_eq!(list["counts"]["live"], 1, "nothing was changed");
}

#[test]
fn what_a_filter_lets_through_ends_with_reason_actor_and_note() {
    let store = story();
    let revoke = [
        "session",
        "revoke",
        "--filter",
        "ip:192.0.2.0/24",
        "--expect",
        "2",
        "--reason",
        "fingerprint",
        "--note",
        "INC-311",
        "--operator",
        "kim",
        "--json",
    ];
    let done = store.run(&revoke).json();
    assert_eq!((&done["ended"], &done["users"]), (&2.into(), &2.into()));
    let shown = store.run(&["session", "show", &store.live, "--json"]).json();
    assert_eq!(shown["state"], "ended");
    assert_eq!(shown["end_reason"], "fingerprint");
    assert_eq!(shown["ended_by"], "operator:kim");
    assert_eq!(shown["end_note"], "INC-311");
    assert_eq!(shown["ended_sequence"], done["sequence_first"]);
    let again = store.run(&revoke);
    assert_eq!(again.code, 5, "there are none any more: {again:?}");
    let none = store.run(&["session", "revoke", "--filter", "ip:192.0.2.0/24", "--yes"]);
    assert_eq!(none.code, 0, "{none:?}");
}

#[test]
fn named_sessions_end_and_those_that_are_dead_are_told() {
    let store = story();
    let dead = store.run(&["session", "revoke", &store.reused, "--yes"]);
    assert_eq!(dead.code, 3, "{dead:?}");
    let both = store.run(&["session", "revoke", &store.reused, &store.live, "--yes", "--json"]);
    assert_eq!(both.code, 8, "done in part: {both:?}");
    assert_eq!(both.json()["ended"], 1);
    assert_eq!(both.json()["not_live"][0], *store.reused);
    let claimed = store.run(&["user", "revoke", "dagny", "--yes", "--reason", "expired_idle"]);
    assert_eq!(claimed.code, 2, "that its time came is nobody's to claim: {claimed:?}");
}

#[test]
fn all_sessions_of_a_user_end_with_one_event_but_one_may_live() {
    let store = story();
    let create = ["session", "create", "--user", "mira", "--json"];
    let second = store.run(&create).json()["session"]["id"].as_str().expect("an id").to_owned();
    let except = ["user", "revoke", "mira", "--except", &second, "--yes", "--json"];
    let done = store.run(&except).json();
    assert_eq!((&done["ended"], &done["sessions"][0]), (&1.into(), &(*store.live).into()));
    assert_eq!(done["sequence_first"], done["sequence_last"]);
    let list = store.run(&["session", "list", "user:mira", "--json"]).json();
    assert_eq!(list["items"][0]["id"], *second);
    let foreign = store.run(&["user", "revoke", "mira", "--except", &store.live, "--yes"]);
    assert_eq!(foreign.code, 3, "{foreign:?}");
}
