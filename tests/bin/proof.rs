//! Runs the suites at any size. A failure is one line that runs it again alone.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's output is its purpose")]

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use passbook_planted::{Bug, plant};
use passbook_tests::{
    plan::{Plan, Report},
    planted::PLANTED,
    suites::{SUITES, Suite, kill::victim},
};

/// How often a suite says how far it is.
const SAYS_EVERY: Duration = Duration::from_secs(30);

/// Runs suites of the proof: all, or those that are named.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
struct Args {
    /// Which suites; none = all
    suites: Vec<String>,
    /// Lists the suites and ends
    #[arg(long)]
    list: bool,
    /// Plants bugs in the product, one at a time, and tells at which case a suite catches each
    #[arg(long, conflicts_with_all = ["full", "long", "minutes", "case"])]
    planted: bool,
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
    /// Is the process that the suite `kill` kills, on the ledger in this folder
    #[arg(long, hide = true)]
    victim: Option<PathBuf>,
    /// With this bug planted
    #[arg(long, hide = true, requires = "victim")]
    plant: Option<String>,
}

impl Args {
    fn wants(&self, suite: &str) -> bool {
        self.suites.is_empty() || self.suites.iter().any(|name| name == suite)
    }

    fn plan(&self, suite: &Suite) -> Plan {
        let says_every = Some(SAYS_EVERY);
        let plan = Plan { seed: self.seed, only: self.case, says_every, ..Plan::default() };
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
    if let Some(folder) = &args.victim {
        plant(Bug::ALL.iter().copied().find(|bug| args.plant == Some(format!("{bug:?}"))));
        victim::work(folder);
    }
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
    if args.planted {
        return plant_all(&args);
    }
    let mut code = ExitCode::SUCCESS;
    let mut table = String::new();
    for suite in SUITES.iter().filter(|suite| args.wants(suite.name)) {
        match (suite.run)(&args.plan(suite)) {
            Ok(report) => {
                println!("{report}");
                let reached = suite.goal.reached(&report);
                table += &row(suite, &report, reached);
                if args.full && reached < suite.goal.least {
                    eprintln!("{}: {reached} is less than {}", suite.name, suite.goal.least);
                    code = ExitCode::FAILURE;
                }
            }
            Err(failure) => {
                eprintln!("{failure}");
                code = ExitCode::FAILURE;
            }
        }
    }
    if args.full {
        println!(
            "\n| suite | reached | wanted | of what | seconds |\n|---|---:|---:|---|---:|\n{table}"
        );
    }
    code
}

/// A line of the table in TESTING.md.
fn row(suite: &Suite, report: &Report, reached: u64) -> String {
    let (least, of) = (grouped(suite.goal.least), suite.goal.of.join(", "));
    let seconds = report.time.as_secs();
    format!("| `{}` | {} | {least} | {of} | {seconds} |\n", suite.name, grouped(reached))
}

/// A number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table, line by line: bug, suite, and the case that caught it.
fn plant_all(args: &Args) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    println!("| bug | suite | caught at case | what it said |\n|---|---|---:|---|");
    for planted in PLANTED.iter().filter(|planted| args.wants(planted.suite)) {
        let (bug, suite) = (planted.bug, planted.suite);
        if let Err(failure) = planted.run() {
            println!("| {bug:?} | {suite} | {} | {} |", failure.case(), failure.why());
        } else {
            println!("| {bug:?} | {suite} | **not within {}** | |", planted.cases);
            code = ExitCode::FAILURE;
        }
    }
    code
}
