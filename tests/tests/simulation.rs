//! Whole services in simulated time, and that a seed decides all of it.

use std::time::Duration;

use passbook_tests::{
    plan::{Plan, Tally},
    suites::simulation::{SUITE, life},
};
use rand::{SeedableRng as _, rngs::SmallRng};

#[test]
fn ten_simulated_minutes_hold_whatever_happens() {
    let plan = Plan { time: Some(Duration::from_secs(10)), ..Plan::default() };
    let report = (SUITE.run)(&plan).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{report}");
    for what in ["crashes", "openings cut short", "retries", "full disks", "compactions"] {
        assert!(report.tally.of(what) > 0, "none of the {what}");
    }
}

#[test]
fn a_seed_decides_all_that_happens() {
    let lived = |seed| {
        let mut tally = Tally::default();
        (life(&mut SmallRng::seed_from_u64(seed), &mut tally), tally)
    };
    let first = lived(1);
    assert_eq!(first, lived(1));
    assert_ne!(first.0, lived(2).0);
}
