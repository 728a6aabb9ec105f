//! The suites, each a function of a [`Plan`]: `./check` runs them for a time, the `proof` program at
//! any size.

mod blocks;
mod crash;
mod faults;
mod flip;
pub mod kill;
mod linear;
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
    /// What they must come to.
    pub goal: Goal,
    /// Runs it.
    pub run: fn(&Plan) -> Result<Report, Failure>,
}

/// How much of something is enough.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// So many at least.
    pub least: u64,
    /// Of what, as in reports: the sum of these counts.
    pub of: &'static [&'static str],
}

impl Goal {
    /// How many a report has.
    pub fn reached(&self, report: &Report) -> u64 {
        self.of.iter().map(|what| report.tally.of(what)).sum()
    }
}

/// All of them.
pub const SUITES: &[Suite] = &[
    Suite {
        name: "crash",
        about: "the power cut at every call, in every state that the disk may then be in",
        full: 12_000,
        goal: Goal {
            least: 5_000_000,
            of: &["journal states", "ledger states", "states of a recovery cut short"],
        },
        run: crash::run,
    },
    Suite {
        name: "flip",
        about: "every bit of every file flipped",
        full: 8_192,
        goal: Goal { least: 2_000_000, of: &["flips"] },
        run: flip::run,
    },
    Suite {
        name: "blocks",
        about: "sectors, blocks and files zeroed, swapped, doubled, cut, foreign or old",
        full: 8_192,
        goal: Goal { least: 500_000, of: &["damages"] },
        run: blocks::run,
    },
    Suite {
        name: "faults",
        about: "every call failing in every way, once and for ever",
        full: 200,
        goal: Goal { least: 20_000, of: &["runs"] },
        run: faults::run,
    },
    model::SUITE,
    simulation::SUITE,
    linear::SUITE,
    kill::SUITE,
];
