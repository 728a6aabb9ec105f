//! `passbook verify`: is every byte as it was written?

use std::sync::Arc;

use passbook::journal::{Progress as JournalProgress, RealVfs, VerifyOptions, verify};

use super::global::App;
use crate::{
    answer::verify::Verified,
    failure::{Exit, Failure},
    progress::{Mode, Progress, Unit},
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook verify && echo good
  passbook verify --store /var/lib/passbook --jobs 4 --json
")]
pub(crate) struct Args {
    /// Threads that check.
    #[arg(long, value_name = "N", default_value_t = 2)]
    jobs: usize,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let clock = Progress::new("verify", None, Unit::Bytes, Mode::Off);
    let phases = app.output.phases();
    let told = |at: JournalProgress| phases.verifying(at);
    let options = VerifyOptions { jobs: args.jobs, progress: Some(&told) };
    let report = verify(&app.store, Arc::new(RealVfs), &options);
    phases.finish();
    let report = report?;
    let verified = Verified::of(app.store.display().to_string(), &report, clock.elapsed());
    app.output.print(&verified)?;
    if verified.is_good() { Ok(()) } else { Err(Failure::told(Exit::Bad)) }
}
