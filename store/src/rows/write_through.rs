//! Keeps a table in step with a ledger in memory: every change is in the table before its caller is
//! answered.
//!
//! One thread of its own calls the backend, so that calls never pass each other, a backend that
//! hangs holds up only who waits for its answer, and what failed is tried again also when nobody
//! comes. The order for one change:
//!
//! 1. the ledger has it: an ended session is dead for every reader from here on;
//! 2. the rows that it touches are **due**; a row that is to go is **noted** in a file, durably;
//! 3. the thread calls the backend;
//! 4. the caller is answered: the rows of its own change are written, or what the backend said.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use passbook_core::{Fact, SessionId};
use passbook_projections::{
    Live,
    rows::{BackendError, SessionBackend, SessionRow},
};

use super::{feed::Feed, hydrate::adopt_all, noted::Noted};
use crate::{Ledger, error::LedgerError, subscribe::Subscription};

/// How often it looks for changes that nobody waits for, such as a sweep.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause after a first failure; it doubles with each round that fails.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Failures in a row after which a round of old debts ends: the backend is away.
const FAILURES_MAX: usize = 8;

/// A backend, and the thread that writes to it. Dropping it waits for the call that is under way.
#[derive(Debug)]
pub(crate) struct WriteThrough {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    backend: Box<dyn SessionBackend>,
    /// Taken before `state`, never held across a call of the backend.
    noted: Mutex<Noted>,
    /// Held for a few steps in memory, never across a call of the backend or of the disk.
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    events: Subscription,
    feed: Feed,
    due: BTreeMap<SessionId, Due>,
    stopped: bool,
}

/// A row that is not in the table as it is in memory.
#[derive(Debug, Default)]
struct Due {
    /// The events since it last was.
    changes: BTreeSet<u64>,
    /// Whether a row that stays would bring an ended session back.
    is_end: bool,
    /// Why the last try failed; `None` = not tried since the last change.
    failed: Option<BackendError>,
}

impl WriteThrough {
    /// Takes the backend's rows over into an empty ledger, and follows it from then on. Expired rows
    /// and those that were to be removed are left out and removed.
    pub(crate) fn hydrate(
        ledger: &Ledger,
        backend: Box<dyn SessionBackend>,
    ) -> Result<Self, LedgerError> {
        let noted = Noted::open(backend.removals_file(), Arc::clone(&ledger.engine.vfs))?;
        let now_ms = ledger.engine.now_ms();
        let is_dead = |row: &SessionRow| {
            noted.ids().contains(&row.id)
                || (row.expires_at_ms != u64::MAX && row.expires_at_ms <= now_ms)
        };
        let (dead, rows): (Vec<_>, Vec<_>) = backend.load_all()?.into_iter().partition(is_dead);
        let is_end = |row: &SessionRow| noted.ids().contains(&row.id);
        let due = dead
            .iter()
            .map(|row| (row.id, Due { is_end: is_end(row), ..Due::default() }))
            .collect();
        adopt_all(ledger, rows)?;
        let feed = Feed::of(Arc::new(Live::new()), 0);
        let mut state = State { events: ledger.subscribe(0), feed, due, stopped: false };
        state.follow(Adopted::Now)?;
        let shared = Shared {
            backend,
            noted: Mutex::new(noted),
            state: Mutex::new(state),
            changed: Condvar::new(),
        };
        Self::start(Arc::new(shared))
    }

    fn start(shared: Arc<Shared>) -> Result<Self, LedgerError> {
        let writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("passbook-rows".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| LedgerError::Internal(format!("no thread to write on: {error}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Waits until the rows of these events are in the table, or were tried and are not.
    pub(crate) fn settle(&self, events: RangeInclusive<u64>) -> Result<(), LedgerError> {
        if events.is_empty() {
            return Ok(());
        }
        self.shared.note_ends()?;
        let state = self.shared.wait_until_tried(|due| due.is_of(&events));
        match state.due.values().find(|due| due.is_of(&events)) {
            None => Ok(()),
            Some(due) => Err(due.failed.clone().unwrap_or_else(given_up).into()),
        }
    }

    /// Rows that are to be written or removed and are not.
    pub(crate) fn backlog(&self) -> usize {
        self.shared.state.lock().due.len()
    }

    /// What the backend said of one of them.
    pub(crate) fn failed(&self) -> Option<BackendError> {
        self.shared.state.lock().due.values().find_map(|due| due.failed.clone())
    }
}

impl Drop for WriteThrough {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes rows had panicked");
        }
    }
}

fn given_up() -> BackendError {
    BackendError::new("save", "the store was dropped before it was tried")
}

impl Due {
    /// Whether one of these events is not in the table yet.
    fn is_of(&self, events: &RangeInclusive<u64>) -> bool {
        self.changes.range(events.clone()).next().is_some()
    }
}

/// Whose events are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Adopted {
    /// Those of the rows that were just read: they are in the table.
    Now,
    /// Those of changes.
    Before,
}

impl State {
    /// Takes the events that came since, and marks the rows that they touch.
    fn follow(&mut self, adopted: Adopted) -> Result<(), LedgerError> {
        while let Some(recorded) = self.events.try_next() {
            let recorded = recorded?;
            let touched = self.feed.fold(&recorded);
            if adopted == Adopted::Now {
                continue;
            }
            // What has expired is dead by its own row.
            let by_time = matches!(
                recorded.event.fact,
                Fact::SessionsExpired { .. } | Fact::Compacted { .. }
            );
            for id in touched {
                let is_gone = self.feed.row(id).is_none();
                let due = self.due.entry(id).or_default();
                due.changes.insert(recorded.sequence);
                due.is_end |= is_gone && !by_time;
                due.failed = None;
            }
        }
        Ok(())
    }

    fn ends(&self) -> BTreeSet<SessionId> {
        self.due.iter().filter(|(_, due)| due.is_end).map(|(id, _)| *id).collect()
    }

    /// The rows that were not tried since their last change.
    fn fresh(&self) -> Vec<SessionId> {
        self.due.iter().filter(|(_, due)| due.failed.is_none()).map(|(id, _)| *id).collect()
    }

    /// The rows that failed, those behind `last` first.
    fn owed(&self, last: Option<SessionId>) -> Vec<SessionId> {
        let failed: Vec<_> =
            self.due.iter().filter(|(_, due)| due.failed.is_some()).map(|(id, _)| *id).collect();
        let (before, behind) = failed.split_at(failed.partition_point(|id| Some(*id) <= last));
        [behind, before].concat()
    }
}

impl Shared {
    /// Follows the events, and makes sure that the file names every row that must not come back. A
    /// file that can't be written is only told: the removal itself may still succeed, and its own
    /// answer is what counts.
    fn note_ends(&self) -> Result<(), LedgerError> {
        let mut noted = self.noted.lock();
        let ends = {
            let mut state = self.state.lock();
            state.follow(Adopted::Before)?;
            state.ends()
        };
        if let Err(error) = noted.note(ends) {
            tracing::error!(%error, "a removal could not be noted");
        }
        Ok(())
    }

    /// Waits until each of these rows is written or was tried since it last changed.
    fn wait_until_tried(&self, is_meant: impl Fn(&Due) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        self.changed.notify_all();
        while !state.stopped && state.due.values().any(|due| due.failed.is_none() && is_meant(due))
        {
            self.changed.wait(&mut state);
        }
        state
    }

    fn run(&self) {
        let mut pause = PAUSE_MIN;
        let mut last = None;
        loop {
            let is_last = self.state.lock().stopped;
            if let Err(error) = self.note_ends() {
                tracing::error!(%error, "changes can't be read, and so not be written through");
                break;
            }
            let is_well = self.write_fresh() && (is_last || self.write_owed(&mut last));
            if is_last {
                break;
            }
            let wait = if is_well { LOOK_EVERY } else { pause };
            pause = if is_well { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
            let mut state = self.state.lock();
            if !state.stopped && state.fresh().is_empty() {
                self.changed.wait_for(&mut state, wait);
            }
        }
        self.state.lock().stopped = true;
        self.changed.notify_all();
        self.tidy();
    }

    /// Tries what changed since, and lets those who wait for it know; whether any of it was written.
    fn write_fresh(&self) -> bool {
        let ids = self.state.lock().fresh();
        let written = ids.iter().filter(|id| self.write(**id)).count();
        self.changed.notify_all();
        written > 0 || ids.is_empty()
    }

    /// Tries what failed before; whether nothing is left of it.
    fn write_owed(&self, last: &mut Option<SessionId>) -> bool {
        let ids = self.state.lock().owed(*last);
        let mut failures_in_a_row = 0;
        for id in ids {
            if self.state.lock().stopped || failures_in_a_row == FAILURES_MAX {
                break;
            }
            *last = Some(id);
            failures_in_a_row = if self.write(id) { 0 } else { failures_in_a_row + 1 };
        }
        self.state.lock().due.is_empty()
    }

    /// Writes or removes one row; whether it is as in memory then.
    fn write(&self, id: SessionId) -> bool {
        let (row, changes) = {
            let state = self.state.lock();
            let Some(due) = state.due.get(&id) else { return true };
            (state.feed.row(id), due.changes.clone())
        };
        let called = catch_unwind(AssertUnwindSafe(|| match &row {
            Some(row) => self.backend.save(row),
            None => self.backend.remove(&id),
        }));
        let operation = if row.is_some() { "save" } else { "remove" };
        let answer =
            called.unwrap_or_else(|_panic| Err(BackendError::new(operation, "it panicked")));
        let mut state = self.state.lock();
        Self::settle_one(&mut state, id, &changes, answer)
    }

    fn settle_one(
        state: &mut MutexGuard<'_, State>,
        id: SessionId,
        changes: &BTreeSet<u64>,
        answer: Result<(), BackendError>,
    ) -> bool {
        let Some(due) = state.due.get_mut(&id) else { return true };
        let is_same = due.changes.len() == changes.len();
        match answer {
            // It changed again meanwhile: that is still to be written.
            Ok(()) if !is_same => due.changes.retain(|change| !changes.contains(change)),
            Ok(()) => {
                state.due.remove(&id);
                return true;
            }
            Err(error) if is_same => {
                tracing::warn!(%error, session = %id, "a row is behind; it is tried again");
                due.failed = Some(error);
            }
            Err(_tried_again_at_once) => {}
        }
        false
    }

    /// At a clean end the file names no more than what is still there.
    fn tidy(&self) {
        let mut noted = self.noted.lock();
        let ends = self.state.lock().ends();
        if let Err(error) = noted.replace(ends) {
            tracing::warn!(%error, "the list of removals stays as it is");
        }
    }
}
