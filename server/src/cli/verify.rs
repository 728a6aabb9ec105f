//! `passbook verify`: is every byte as it was written?

use std::sync::Arc;

use passbook::{
    At, LedgerError,
    core::{State, state_fingerprint},
    journal::{Journal as _, Progress as JournalProgress, RealVfs, VerifyOptions, verify},
};

use super::{global::App, snapshot::follow};
use crate::{
    answer::verify::{ReplayChecked, Verified, hex},
    failure::{Exit, Failure},
    fold::base::{Unusable, load},
    progress::{Mode, Progress, Unit},
    reading::{Book, TRIMMED},
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook verify && echo good
  passbook verify --replay
  passbook verify --store /var/lib/passbook --jobs 4 --json
")]
pub(crate) struct Args {
    /// Threads that check.
    #[arg(long, value_name = "N", default_value_t = 2)]
    jobs: usize,
    /// Also fold all events anew, and compare the state with the one that replay gives.
    #[arg(long)]
    replay: bool,
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let clock = Progress::new("verify", None, Unit::Bytes, Mode::Off);
    let phases = app.output.phases();
    let told = |at: JournalProgress| phases.verifying(at);
    let options = VerifyOptions { jobs: args.jobs, progress: Some(&told) };
    let report = verify(&app.store, Arc::new(RealVfs), &options);
    phases.finish();
    let report = report?;
    let mut verified = Verified::of(app.store.display().to_string(), &report, clock.elapsed());
    if args.replay && verified.is_good() {
        verified = verified.with_replay(Book::read(app, |book| check_replay(app, book))?);
    }
    app.output.print(&verified)?;
    if verified.is_good() { Ok(()) } else { Err(Failure::told(Exit::Bad)) }
}

/// Compares the state at the head as replay gives it, in the tables of production, with the plain
/// fold of all events that the journal has.
fn check_replay(app: &App, book: &Book) -> Result<ReplayChecked, Failure> {
    let at = book.head();
    let replayed = book.replay(app.now_ms()).as_of(At::Sequence(at))?.fingerprint();
    let (mut state, folded_from) = oldest_state(book)?;
    let progress = app.output.progress("replay", Some(at), Unit::Events);
    follow(book, &mut state, folded_from..=at, &progress)?;
    progress.finish();
    Ok(ReplayChecked {
        at,
        folded_from,
        replayed: hex(&replayed),
        folded: hex(&state_fingerprint(&state)),
    })
}

/// The state before the first event of the journal, or the oldest one that a snapshot has; and the
/// event behind it.
fn oldest_state(book: &Book) -> Result<(State, u64), Failure> {
    let first = book.journal_first();
    if first == 1 {
        return Ok((State::new(), 1));
    }
    let mut infos = book.journal.snapshots().map_err(LedgerError::from)?;
    infos.retain(|info| (first..=book.head() + 1).contains(&(info.sequence + 1)));
    let Some(oldest) = infos.last() else {
        let what = "no snapshot has the state before the first event of the journal";
        return Err(Failure::new(Exit::Bad, "ledger:snapshot", what));
    };
    match load(book, oldest) {
        Ok(state) => Ok((state, oldest.sequence + 1)),
        Err(Unusable::Gone) => Err(Failure::new(Exit::Failed, TRIMMED, "a snapshot was dropped")),
        Err(Unusable::Bad(why)) => {
            let what = format!("the snapshot of @{} can't be used", oldest.sequence);
            Err(Failure::new(Exit::Bad, "ledger:snapshot", what).why(why))
        }
    }
}
