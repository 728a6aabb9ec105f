//! Runs the suites at any size. A failure is one line that runs it again alone.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's output is its purpose")]

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use passbook_tests::{
    plan::Plan,
    suites::{SUITES, Suite},
};

/// Runs suites of the proof: all, or those that are named.
#[derive(Debug, Parser)]
struct Args {
    /// Which suites; none = all
    suites: Vec<String>,
    /// Lists the suites and ends
    #[arg(long)]
    list: bool,
    /// Runs the sizes that TESTING.md quotes
    #[arg(long, conflicts_with_all = ["minutes", "case"])]
    full: bool,
    /// Runs each suite for an hour, or for as many minutes as --minutes says
    #[arg(long)]
    long: bool,
    /// Runs each suite for so many minutes
    #[arg(long)]
    minutes: Option<u64>,
    /// What decides everything that is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs this case alone
    #[arg(long, requires = "suites")]
    case: Option<u64>,
}

impl Args {
    fn plan(&self, suite: &Suite) -> Plan {
        let plan = Plan { seed: self.seed, only: self.case, ..Plan::default() };
        let minutes = self.minutes.or(self.long.then_some(60));
        match minutes {
            Some(minutes) => Plan { time: Some(Duration::from_secs(60 * minutes)), ..plan },
            None if self.full => Plan { cases: Some(suite.full), time: None, ..plan },
            None => plan,
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        for suite in SUITES {
            println!("{:<12} {}", suite.name, suite.about);
        }
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) =
        args.suites.iter().find(|name| SUITES.iter().all(|suite| suite.name != **name))
    {
        eprintln!("there is no suite {unknown:?}; --list names them");
        return ExitCode::from(2);
    }
    let is_wanted = |suite: &&Suite| {
        args.suites.is_empty() || args.suites.iter().any(|name| name == suite.name)
    };
    let mut code = ExitCode::SUCCESS;
    for suite in SUITES.iter().filter(is_wanted) {
        match (suite.run)(&args.plan(suite)) {
            Ok(report) => println!("{report}"),
            Err(failure) => {
                eprintln!("{failure}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}
