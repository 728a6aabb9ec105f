//! The suites of the proof, for some seconds each; `proof --full` runs them at size. What each must
//! reach is far below what it does on any machine: it says that the suite ran at all.

#![expect(clippy::print_stdout, reason = "a suite prints its counts")]

use passbook_tests::{plan::Plan, suites::SUITES};

/// Runs a suite as CI does, and holds its counts against what it must reach at least.
#[track_caller]
fn check(name: &str, floors: &[(&str, u64)]) {
    let suite = SUITES.iter().find(|suite| suite.name == name).expect("there is such a suite");
    let report = (suite.run)(&Plan::default()).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{report}");
    for (what, floor) in floors {
        let count = report.tally.of(what);
        assert!(count >= *floor, "{count} {what}, at least {floor} are wanted");
    }
}

#[test]
fn crash_states_lose_nothing_and_none_is_refused() {
    check(
        "crash",
        &[
            ("journal states", 1_000),
            ("ledger states", 100),
            ("states of a recovery cut short", 100),
            ("distinct images opened", 500),
        ],
    );
}

#[test]
fn no_flipped_bit_is_overlooked_in_any_file() {
    check("flip", &[("flips", 1_000), ("refused at the opening", 100), ("in archives", 10)]);
}

#[test]
fn no_misplaced_block_is_taken_for_another() {
    check("blocks", &[("damages", 500), ("refused at the opening", 100)]);
}

#[test]
fn any_failing_call_leaves_what_was_acknowledged() {
    check("faults", &[("runs", 200), ("states", 500), ("poisoned", 20)]);
}

#[test]
fn some_order_of_the_calls_explains_what_many_threads_were_answered() {
    check(
        "linear",
        &[
            ("calls that overlap", 100),
            ("refreshes won", 100),
            ("ended together", 5),
            ("power cuts after", 5),
        ],
    );
}
