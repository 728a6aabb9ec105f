//! A new ledger of what can still be read of a damaged one.
//!
//! Two passes over the damaged ledger, which is only read: the first counts, so that the new ledger
//! can begin with what is lost; the second writes. Then the new ledger is opened, and what it holds
//! is compared with the newest snapshot of the damaged one that is good.

mod known;
mod writer;

use std::{path::Path, sync::Arc};

use passbook_core::codec;
use passbook_journal::{
    Create, Damage, OpenError, Options, SalvageReport, SalvagedRecord, StoreId, check_target,
    mark_complete, mark_incomplete, salvage as salvage_records,
};

use self::{known::Known, writer::Writer};
use crate::{
    error::LedgerError,
    ledger::{Builder, Ledger},
    ports::SimClock,
};

/// What was salvaged, what was not, and what the new ledger holds. Ranges are first and last
/// sequences of the damaged ledger, rising.
#[derive(Debug, Clone)]
pub struct SalvageOutcome {
    /// The id of the damaged ledger's store.
    pub source: StoreId,
    /// The highest sequence of it of which anything is known.
    pub highest: u64,
    /// Events that were taken over.
    pub kept: u64,
    /// Events that were lost: their bytes are damaged or gone, or are no event that this version can
    /// read.
    pub lost: Vec<(u64, u64)>,
    /// How many these are.
    pub lost_records: u64,
    /// Events of which a compaction had kept the leaf only: data of sessions. Not taken over.
    pub leaves: Vec<(u64, u64)>,
    /// Events that retention had removed before.
    pub removed: Vec<(u64, u64)>,
    /// What is damaged.
    pub damages: Vec<Damage>,
    /// The snapshot of the damaged ledger that the sessions were compared with, by its sequence;
    /// `None`: none can be read, and nothing is known beyond the kept events.
    pub snapshot: Option<u64>,
    /// Sessions that the snapshot and the events behind it know as live, and that no kept event
    /// opened: not carried over, so that every session of a ledger has an event that opened it. Their
    /// users log in again.
    pub not_carried: u64,
    /// Sessions that the kept events leave open, though the snapshot knows that they had ended, had
    /// got another token or belonged to somebody else by then: ended again, by an event each.
    pub ended: u64,
    /// Sessions that are live in the new ledger.
    pub live: u64,
    /// The sequence of the new ledger's last event.
    pub sequence: u64,
}

/// How far a salvage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalvageProgress {
    /// What is being done.
    pub phase: SalvagePhase,
    /// Events that are done of this phase.
    pub done_events: u64,
    /// Events that there are to do in it; `None` = that is what it finds out.
    pub total_events: Option<u64>,
}

/// What a salvage does, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SalvagePhase {
    /// Looks for what can be read.
    Survey,
    /// Writes it into the new ledger.
    Write,
}

/// Makes a new ledger of what can still be read of a damaged one, in a folder that is empty or
/// missing; `options` are the new ledger's, and its file system that of both. Takes no lock on the
/// damaged ledger and writes nothing to it: stop its writer first.
///
/// Its first event is [`Fact::Salvaged`](crate::Fact::Salvaged), which happened at `now_ms`; behind
/// it come all events that can be read, in order, byte for byte, with new sequences. Groups stay
/// together where they are whole.
///
/// A session whose end was lost is live again, unless a snapshot from after that end can be read:
/// then it is ended again. So if events are lost behind [`SalvageOutcome::snapshot`], nobody knows
/// what became of sessions in that time. Revoke them all, or those that could have been meant.
///
/// Until it is done the new folder is marked, and every opening refuses it with
/// [`OpenError::Incomplete`]: if it is cut short, remove it.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let (store, into) = (folder.path().join("store"), folder.path().join("salvaged"));
/// use passbook::journal::Options;
/// let sessions = passbook::SessionStore::open(&store)?;
/// let login = sessions.create("ann".to_owned());
/// drop(sessions);
/// std::fs::remove_file(store.join("MANIFEST"))?;
///
/// let outcome = passbook::salvage(&store, &into, login.created_at_ms, Options::default())?;
/// assert_eq!((outcome.kept, outcome.lost_records, outcome.live), (2, 0, 1));
/// assert!(passbook::SessionStore::open(&into)?.get(&login.token.expose()).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`LedgerError::Backup`] if `into` is not empty or lies in the damaged ledger;
/// [`LedgerError::Open`] if there is nothing to read; [`LedgerError::Salvage`] if the new ledger does
/// not hold what was read; what a disk can do to the writing of it.
pub fn salvage(
    damaged: &Path,
    into: &Path,
    now_ms: u64,
    options: Options,
) -> Result<SalvageOutcome, LedgerError> {
    salvage_with(damaged, into, now_ms, options, &|_| ())
}

/// As [`salvage`]; `told` hears how far it is, at each event.
///
/// # Errors
/// As [`salvage`].
pub fn salvage_with(
    damaged: &Path,
    into: &Path,
    now_ms: u64,
    options: Options,
    told: &dyn Fn(SalvageProgress),
) -> Result<SalvageOutcome, LedgerError> {
    check_target(damaged, into, Arc::clone(&options.vfs))?;
    let (report, survey) = survey(damaged, &options, told)?;
    let events = report.kept;
    let mut outcome = survey.outcome(report);
    let known = Known::of(damaged, &options, &outcome.source)?;
    let options = Options { create: Create::Unfinished, opened_at_ms: now_ms, ..options };
    mark_incomplete(into, Arc::clone(&options.vfs))?;
    let vfs = Arc::clone(&options.vfs);
    let mut writer = Writer::create(into, options.clone(), known)?;
    writer.begin(&outcome, survey.first_ms.unwrap_or(now_ms), now_ms)?;
    let mut tell = telling(SalvagePhase::Write, Some(events), told);
    walk(damaged, &options, &mut |record| {
        tell();
        writer.take(record)
    })?;
    let (written, known) = writer.finish()?;
    expect(outcome.kept, written)?;
    let ledger = open(into, options, now_ms)?;
    expect(outcome.kept + 1, ledger.sequence())?;
    if let Some(known) = known {
        outcome.snapshot = Some(known.snapshot());
        outcome.not_carried = known.not_in(&ledger, now_ms);
        outcome.ended = known.end_stale(&ledger, now_ms)?;
    }
    let live = ledger.list_all_unfiltered().into_iter().filter(|own| !own.is_expired(now_ms));
    outcome.live = count(live.count());
    outcome.sequence = ledger.sequence();
    ledger.close()?;
    drop(ledger);
    mark_complete(into, vfs)?;
    Ok(outcome)
}

fn expect(expected: u64, found: u64) -> Result<(), LedgerError> {
    if expected == found { Ok(()) } else { Err(LedgerError::Salvage { expected, found }) }
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn open(into: &Path, options: Options, now_ms: u64) -> Result<Ledger, LedgerError> {
    let builder = Builder::default().path(into).journal_options(options);
    let builder = builder.clock(Arc::new(SimClock::at_ms(now_ms))).history_index(false);
    builder.sweep_interval(None).compaction(None).open_blocking()
}

/// Reads what can be read; `take` fails with an error of ours.
fn walk(
    damaged: &Path,
    options: &Options,
    take: &mut dyn FnMut(SalvagedRecord<'_>) -> Result<(), LedgerError>,
) -> Result<SalvageReport, LedgerError> {
    let mut failed = None;
    let report = salvage_records(damaged, Arc::clone(&options.vfs), &mut |record| {
        take(record).map_err(|error| {
            failed = Some(error.clone());
            error.into()
        })
    });
    report.map_err(|error: OpenError| failed.unwrap_or_else(|| LedgerError::Open(Arc::new(error))))
}

/// Tells of one event more.
fn telling(
    phase: SalvagePhase,
    total_events: Option<u64>,
    told: &dyn Fn(SalvageProgress),
) -> impl FnMut() {
    let mut done_events = 0;
    move || {
        done_events += 1;
        told(SalvageProgress { phase, done_events, total_events });
    }
}

/// Whether the record is an event that this version can read.
fn is_event(record: &SalvagedRecord<'_>) -> bool {
    codec::decode(record.payload).is_ok()
}

/// What the first pass found beside the report.
#[derive(Debug, Default)]
struct Survey {
    /// The time of the first event, in Unix milliseconds.
    first_ms: Option<u64>,
    /// Records that are no events.
    unreadable: Vec<(u64, u64)>,
}

fn survey(
    damaged: &Path,
    options: &Options,
    told: &dyn Fn(SalvageProgress),
) -> Result<(SalvageReport, Survey), LedgerError> {
    let mut survey = Survey::default();
    let mut tell = telling(SalvagePhase::Survey, None, told);
    let report = walk(damaged, options, &mut |record| {
        tell();
        if is_event(&record) {
            survey.first_ms = survey.first_ms.or(Some(record.time_ms));
        } else {
            survey.unreadable.push((record.sequence, record.sequence));
        }
        Ok(())
    })?;
    Ok((report, survey))
}

impl Survey {
    fn outcome(&self, report: SalvageReport) -> SalvageOutcome {
        let SalvageReport { store, kept, lost, leaves, removed, damages, highest } = report;
        let lost = joined(lost.into_iter().chain(self.unreadable.iter().copied()).collect());
        SalvageOutcome {
            source: store,
            highest,
            kept: kept - count(self.unreadable.len()),
            lost_records: lost.iter().map(|(first, last)| last - first + 1).sum(),
            lost,
            leaves,
            removed,
            damages,
            snapshot: None,
            not_carried: 0,
            ended: 0,
            live: 0,
            sequence: 0,
        }
    }
}

/// Ranges that have nothing in common, in order, and joined where they touch.
fn joined(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if *end + 1 == first => *end = last,
            Some(_) | None => joined.push((first, last)),
        }
    }
    joined
}
