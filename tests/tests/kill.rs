//! `kill -9` of a real process under load on the real disk: what it said was done is done.

use passbook_tests::{plan::Plan, suites::kill::SUITE};

/// Of five kills each.
const CASES: u64 = 4;

#[test]
fn what_a_killed_process_acknowledged_is_there() {
    let report = (SUITE.run)(&Plan::of_cases(CASES)).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{report}");
    assert_eq!(report.tally.of("kills"), 5 * CASES);
    for (what, floor) in [("logins", 200), ("refreshes", 200), ("ended", 50)] {
        let count = report.tally.of(what);
        assert!(count >= floor, "{count} {what}, at least {floor} are wanted");
    }
}
