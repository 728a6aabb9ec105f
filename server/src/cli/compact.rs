//! `passbook compact`: what has ended leaves the journal, and stays in archive and history.

use std::{ops::ControlFlow, sync::OnceLock, time::Duration};

use passbook::{CompactionPolicy, Context, journal::CompactProgress};

use super::global::App;
use crate::{
    answer::compacted::Compacted,
    failure::Failure,
    progress::Unit,
    reading::Book,
    writing::{self, Folder},
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook compact --dry-run
  passbook compact --json
  passbook compact --retention 400        also forgets what is older than 400 days
")]
pub(crate) struct Args {
    /// Only say what would be done. It needs the store for itself, too.
    #[arg(long)]
    dry_run: bool,
    /// Remove archives older than so many days: what they tell is gone, the chain stays.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    retention: Option<u64>,
    /// Who does this [default: the operating system's user].
    #[arg(long, value_name = "NAME", env = "PASSBOOK_OPERATOR", hide_env_values = true)]
    operator: Option<String>,
}

/// Nothing is compacted on a schedule while the verb runs.
const NEVER: Duration = Duration::from_hours(24 * 36_500);

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let policy = CompactionPolicy {
        retention: args.retention.map(|days| Duration::from_hours(days.saturating_mul(24))),
        // Nobody else uses the store meanwhile.
        bytes_per_second: 0,
        interval: NEVER,
        ..CompactionPolicy::default()
    };
    let operator = Context::operator(writing::operator_name(args.operator.as_deref()))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let ledger = writing::open_with(app, "compact", Folder::MustExist, Some(policy))?;
    let ledger = ledger.in_context(operator);
    let journal_bytes = Book::open_quietly(&app.store)?.journal.stat()?.bytes();
    let view = app.output.view(app.now_ms());
    if args.dry_run {
        let report = ledger.preview_compaction()?;
        writing::close(&ledger)?;
        return app.output.print(&Compacted::of(&report, journal_bytes, view));
    }
    let interrupt = app.output.interrupt.clone();
    interrupt.guard();
    let bar = OnceLock::new();
    let tell = |at: CompactProgress| {
        let start = || app.output.progress("compact", Some(at.total_bytes), Unit::Bytes);
        bar.get_or_init(start).at(at.done_bytes);
        if interrupt.has_come() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let report = ledger.compact_with(&tell);
    if let Some(bar) = bar.get() {
        bar.finish();
    }
    writing::close(&ledger)?;
    app.output.print(&Compacted::of(&report?, journal_bytes, view))
}
