//! The tour: it proves what it says, and what it prints can be pasted.

use std::process::Command;

use super::support::{command, run, told};

#[test]
fn the_tour_loses_nothing_and_ends_with_commands_that_work() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = folder.path().join("a tour");
    let path = store.to_str().expect("a plain name");
    let tour = run(&["quickstart", "--json", "--store", path]).json();
    assert!(tour["killed"]["acknowledged"].as_u64() >= Some(500), "{tour}");
    assert_eq!(tour["killed"]["lost"], 0);
    assert!(tour["killed"]["recovered"].as_u64() >= tour["killed"]["acknowledged"].as_u64());
    assert_eq!(tour["reuse"]["ended"], true);
    assert_eq!(tour["imported"]["added_again"], 0);
    assert_eq!(tour["checked"]["good"], true);
    assert!(tour["duration_ms"].as_u64() < Some(10_000), "{tour}");
    for next in tour["next"].as_array().expect("there are some") {
        let next = next.as_str().expect("a command");
        let pasted = Command::new("sh").args(["-c", next]).output().expect("a shell is there");
        let pasted = told(&pasted);
        assert_eq!(pasted.code, 0, "{next}: {pasted:?}");
        assert!(!pasted.stdout.is_empty(), "{next}");
    }
    let reused = tour["reuse"]["session"].as_str().expect("an id");
    let shown = run(&["session", "show", reused, "--json", "--store", path]).json();
    assert_eq!(shown["end_reason"], "token_reuse");
}

#[test]
fn the_tour_takes_no_store_from_the_environment() {
    let used = super::support::story();
    let before = used.files();
    let mut quickstart = command(&["quickstart"]);
    quickstart.env("PASSBOOK_STORE", used.path());
    let tour = told(&quickstart.output().expect("the binary runs")).ok();
    assert!(used.files() == before, "a store that is used is left alone");
    let made = tour.lines().next().and_then(|line| line.strip_prefix("store")).expect("it says");
    std::fs::remove_dir_all(made.trim()).expect("it is ours");
    assert!(tour.contains("none is lost") && tour.contains("GOOD"), "{tour}");
    assert!(tour.contains("try next") && tour.contains("delete it  rm -r "), "{tour}");
}
