//! The suites, each a function of a [`Plan`]: `./check` runs them for a time, the `proof` program at
//! any size.

use crate::plan::{Failure, Plan, Report};

/// A suite.
#[derive(Debug, Clone, Copy)]
pub struct Suite {
    /// What it is called on the command line and in reports.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// How many cases `--full` runs.
    pub full: u64,
    /// Runs it.
    pub run: fn(&Plan) -> Result<Report, Failure>,
}

/// All of them.
pub const SUITES: &[Suite] = &[];
