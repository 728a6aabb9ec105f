//! Every planted bug is caught by the suite that answers for it.

#![expect(clippy::print_stdout, reason = "the table is what is wanted to be seen")]

use passbook_planted::Bug;
use passbook_tests::{planted::PLANTED, suites::SUITES};

/// Plants the bugs of one suite, each by itself.
#[track_caller]
fn check(suite: &str) {
    let mut missed = Vec::new();
    for planted in PLANTED.iter().filter(|planted| planted.suite == suite) {
        match planted.run() {
            Ok(report) => missed.push(format!("{:?} lives through {report}", planted.bug)),
            Err(failure) => println!("{:?}: caught at case {}", planted.bug, failure.case()),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn the_crash_suite_catches_its_bugs() {
    check("crash");
}

#[test]
fn the_flip_suite_catches_its_bugs() {
    check("flip");
}

#[test]
fn the_blocks_suite_catches_its_bugs() {
    check("blocks");
}

#[test]
fn the_faults_suite_catches_its_bugs() {
    check("faults");
}

#[test]
fn the_model_suite_catches_its_bugs() {
    check("model");
}

#[test]
fn the_linear_suite_catches_its_bugs() {
    check("linear");
}

#[test]
fn the_kill_suite_catches_its_bugs() {
    check("kill");
}

#[test]
fn the_simulation_suite_catches_its_bugs() {
    check("simulation");
}

#[test]
fn every_bug_has_a_suite_and_every_suite_a_bug() {
    for bug in Bug::ALL {
        let suites = PLANTED.iter().filter(|planted| planted.bug == *bug).count();
        assert_eq!(suites, 1, "{bug:?}");
    }
    for suite in SUITES {
        assert!(PLANTED.iter().any(|planted| planted.suite == suite.name), "{}", suite.name);
    }
}
