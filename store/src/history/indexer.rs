//! Keeping the history index up with the events: a thread of its own, behind by a moment.
//!
//! The index is derived. Whatever is wrong with it, it is dropped and built again from the archive
//! and the journal, and questions are answered without it meanwhile.

use std::{
    ops::Range,
    path::PathBuf,
    sync::{Arc, Weak},
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use passbook_journal::{Extent, ReadError};
use passbook_projections::history::{Expect, HistoryError, HistoryIndex, HistoryReader};

use super::counted::miscount;
use crate::{background::Pace, error::LedgerError, execute::Engine, subscribe::decode_record};

/// Events between two looks at whether to end.
const ROUND_EVENTS: usize = 4_096;
/// The same while the writer is busy: each costs more than its commit does.
const BUSY_ROUND_EVENTS: usize = 1_024;
/// How long a question waits for the index to come nearer before it is answered without.
const PATIENCE: Duration = Duration::from_secs(1);
/// Doubts in a row, with nothing added between them, before the index is given up.
const DOUBTS_MAX: u32 = 3;
/// Disagreements with the archive before the index is given up: one that was built anew and still
/// disagrees would only be built again.
const MISCOUNTS_MAX: u32 = 2;
/// How much time must have fallen to the retention before the index forgets it, in milliseconds.
const FORGET_STEP_MS: u64 = 24 * 60 * 60 * 1_000;
/// Of the index in memory, in bytes.
const CACHE_BYTES: u64 = 32 << 20;

/// The index and the thread that feeds it.
#[derive(Debug)]
pub(crate) struct Indexer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// `None` while it is opened or built, and once it is given up.
    reader: Option<HistoryReader>,
    /// All events up to here are in.
    through: u64,
    /// A question waits for this event.
    wanted: u64,
    stopped: bool,
}

/// Where the index is and whose it is.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) folder: PathBuf,
    /// The ledger's id.
    pub(crate) store: [u8; 16],
}

/// Why feeding ended.
enum Ended {
    /// The ledger goes.
    Stopped,
    /// The index is in doubt; whether it had taken anything before.
    Doubt { why: String, had_progress: bool },
    /// It agrees with itself and not with the archive, so it has to go.
    Miscounted { index: HistoryIndex, why: String },
    /// The events can't be read: nothing to feed.
    Unreadable(LedgerError),
}

impl Indexer {
    pub(crate) fn start(engine: &Arc<Engine>, home: Home) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let feeder = Feeder { engine: Arc::downgrade(engine), shared: Arc::clone(&shared), home };
        let thread = std::thread::Builder::new()
            .name("passbook-history".to_owned())
            .spawn(move || feeder.run())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The index once it has all events up to `through`; `None` if it is not there or too far
    /// behind.
    pub(crate) fn reader_at(&self, through: u64) -> Option<HistoryReader> {
        let mut state = self.shared.state.lock();
        while state.reader.is_some() && state.through < through {
            state.wanted = state.wanted.max(through);
            self.shared.changed.notify_all();
            if self.shared.changed.wait_for(&mut state, PATIENCE).timed_out() {
                return None;
            }
        }
        state.reader.clone()
    }

    /// The last event that is in the index; `None` while it is built.
    pub(crate) fn through(&self) -> Option<u64> {
        let state = self.shared.state.lock();
        state.reader.as_ref().map(|_ready| state.through)
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
        self.shared.changed.notify_all();
        let Some(thread) = self.thread.take() else { return };
        // It may have held the last handle on the ledger for a moment.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the history's thread had panicked");
        }
    }
}

struct Feeder {
    engine: Weak<Engine>,
    shared: Arc<Shared>,
    home: Home,
}

impl Feeder {
    fn run(&self) {
        let (mut doubts, mut miscounts) = (0, 0);
        while doubts < DOUBTS_MAX && miscounts < MISCOUNTS_MAX {
            let Some(engine) = self.engine.upgrade() else { return };
            let expect = Expect {
                store: self.home.store,
                durable: engine.inflight.applied(),
                cache_bytes: CACHE_BYTES,
            };
            drop(engine);
            let opened = match HistoryIndex::open(&self.home.folder, &expect) {
                Ok(opened) => opened,
                Err(error) => {
                    tracing::warn!(%error, "history is answered without an index");
                    return;
                }
            };
            if let Some(why) = opened.rebuilt {
                tracing::warn!(%why, "the history index is built again");
            }
            let ended = self.feed(opened.index);
            self.publish(None, 0);
            match ended {
                Ended::Stopped => return,
                Ended::Unreadable(error) => {
                    tracing::error!(%error, "history can't be read, and so not be indexed");
                    return;
                }
                Ended::Miscounted { index, why } => {
                    tracing::warn!(%why, "the history index is not what the archive says");
                    miscounts += 1;
                    if let Err(error) = index.discard() {
                        tracing::warn!(%error, "history is answered without an index");
                        return;
                    }
                }
                Ended::Doubt { why, had_progress } => {
                    tracing::warn!(%why, "the history index is in doubt");
                    doubts = if had_progress { 1 } else { doubts + 1 };
                }
            }
        }
        tracing::error!("the history index is given up: it came into doubt again and again");
    }

    /// Adds events until the ledger goes or something is wrong.
    fn feed(&self, mut index: HistoryIndex) -> Ended {
        let mut through = index.checkpoint();
        let mut had_progress = false;
        let mut is_counted = false;
        let mut pace = Pace::default();
        loop {
            let Some(engine) = self.engine.upgrade() else { return Ended::Stopped };
            let applied = engine.inflight.applied();
            pace.note(applied);
            let round = if pace.is_busy() { BUSY_ROUND_EVENTS } else { ROUND_EVENTS };
            let kept = engine.journal.extent();
            match add(&engine, &mut index, through..applied, round) {
                Ok(now) => {
                    had_progress |= now > through;
                    through = now;
                }
                Err(Failed::Index(
                    HistoryError::Doubt { why } | HistoryError::Unusable { why, .. },
                )) => {
                    return Ended::Doubt { why, had_progress };
                }
                Err(Failed::Events(error)) => return Ended::Unreadable(error),
            }
            let is_there = through >= applied;
            if is_there && !is_counted {
                match miscount(&*engine.journal, &index.covered()) {
                    Ok(None) => is_counted = true,
                    Ok(Some(why)) => return Ended::Miscounted { index, why },
                    Err(error) => return Ended::Unreadable(error),
                }
            }
            // Dropped before we rest: it may be the last handle.
            drop(engine);
            if is_there {
                match forget(&mut index, &kept) {
                    Ok(()) => {}
                    Err(HistoryError::Doubt { why } | HistoryError::Unusable { why, .. }) => {
                        return Ended::Doubt { why, had_progress };
                    }
                }
                self.publish(Some(index.reader()), through);
            }
            if self.rest(pace.rest(is_there), through) {
                return Ended::Stopped;
            }
        }
    }

    fn publish(&self, reader: Option<HistoryReader>, through: u64) {
        let mut state = self.shared.state.lock();
        state.reader = reader;
        state.through = through;
        self.shared.changed.notify_all();
    }

    /// Waits for so long, or until somebody asks for more; whether to end.
    fn rest(&self, time: Duration, through: u64) -> bool {
        let mut state = self.shared.state.lock();
        if !state.stopped && state.wanted <= through {
            self.shared.changed.wait_for(&mut state, time);
        }
        state.stopped
    }
}

/// Forgets what fell to the retention, a day of it at a time: it looks at every user.
fn forget(index: &mut HistoryIndex, kept: &Extent) -> Result<(), HistoryError> {
    let Some(kept_first_ms) = kept.kept_first_ms.filter(|_| kept.kept_first > 1) else {
        return Ok(());
    };
    let forgotten_before_ms = index.covered().forgotten_before_ms;
    if kept_first_ms >= forgotten_before_ms.saturating_add(FORGET_STEP_MS) {
        let forgotten = index.forget_before(kept_first_ms)?;
        tracing::debug!(forgotten, kept_first_ms, "the history index forgot what is not kept");
    }
    Ok(())
}

/// Why a round failed.
enum Failed {
    Index(HistoryError),
    Events(LedgerError),
}

/// Adds events behind `missing.start` and up to `missing.end`, at most `round` of them; where the
/// index is then.
fn add(
    engine: &Engine,
    index: &mut HistoryIndex,
    missing: Range<u64>,
    round: usize,
) -> Result<u64, Failed> {
    let Range { start: through, end: applied } = missing;
    if missing.is_empty() {
        return Ok(through);
    }
    let kept = engine.journal.extent();
    let gone = kept.kept_first - 1;
    if gone > through {
        index.pass_over(gone, kept.postings_removed).map_err(Failed::Index)?;
    }
    let through = through.max(gone);
    let records = match engine.journal.read_kept(through + 1) {
        Ok(records) => records,
        // The retention was faster: the next round begins behind it.
        Err(ReadError::Trimmed { .. }) => return Ok(through),
        Err(error) => return Err(Failed::Events(error.into())),
    };
    let mut events = Vec::with_capacity(round);
    let mut is_end = true;
    for record in records {
        let recorded = record
            .map_err(LedgerError::from)
            .and_then(|record| decode_record(&record))
            .map_err(Failed::Events)?;
        if recorded.sequence > applied {
            break;
        }
        events.push(recorded);
        if events.len() == round {
            is_end = false;
            break;
        }
    }
    let last = events.last().map_or(through, |recorded| recorded.sequence);
    index.add(&mut events.into_iter()).map_err(Failed::Index)?;
    // Behind the last one are only events of which no more than the leaf was kept.
    Ok(if is_end { applied } else { last })
}
