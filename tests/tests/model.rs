//! Random runs beside the simplest possible model: see `passbook_tests::run`.

use std::time::Duration;

use passbook_tests::{plan::Plan, suites::model::SUITE};

#[test]
fn any_run_is_the_models_run() {
    let plan = Plan { time: Some(Duration::from_mins(5)), ..Plan::of_cases(1_000) };
    let report = (SUITE.run)(&plan).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{report}");
    assert!(report.tally.of("crashes") > 100 && report.tally.of("compactions") > 100);
}
