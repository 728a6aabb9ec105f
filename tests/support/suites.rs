//! The suites, each a function of a [`Plan`]: `./check` runs them for a time, the `proof` program at
//! any size.

mod blocks;
mod crash;
mod faults;
mod flip;
pub mod model;
pub mod simulation;

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
pub const SUITES: &[Suite] = &[
    Suite {
        name: "crash",
        about: "the power cut at every call, in every state that the disk may then be in",
        full: 9_600,
        run: crash::run,
    },
    Suite { name: "flip", about: "every bit of every file flipped", full: 10_240, run: flip::run },
    Suite {
        name: "blocks",
        about: "sectors, blocks and files zeroed, swapped, doubled, cut, foreign or old",
        full: 8_192,
        run: blocks::run,
    },
    Suite {
        name: "faults",
        about: "every call failing in every way, once and for ever",
        full: 500,
        run: faults::run,
    },
    model::SUITE,
    simulation::SUITE,
];
