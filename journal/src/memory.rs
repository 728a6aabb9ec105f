//! A journal in memory: the same contract without a disk, for tests and short-lived sessions.
//!
//! Completions come from a small committing thread, or, in the inline mode, from
//! [`MemoryJournal::pump`]; never from inside `append`. Surviving anything is left to the file
//! journal.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::archive::{CompactError, Compacted, Compaction, Curator, Extent};
use crate::error::{AppendError, CloseError, JournalError, ReadError, ReadOnlyReason};
use crate::health::{JournalHealth, WriterState};
use crate::journal::{Group, Journal, Observer, Record, Records};
use crate::limits::GROUP_BYTES_MAX;
use crate::snapshot::memory::MemorySnapshot;
use crate::snapshot::{SnapshotError, SnapshotInfo, SnapshotSink, SnapshotSource};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};

mod snapshots;

mod kept;

use kept::Attic;

/// A journal that lives as long as the process.
///
/// ```
/// use passbook_journal::{Group, Journal, MemoryJournal, Payload};
/// let journal = MemoryJournal::inline();
/// journal.append(0, &Group { time_ms: 1, payloads: &[Payload::new(b"opened")] })?;
/// assert_eq!((journal.head(), journal.durable()), (1, 0));
/// journal.pump();
/// assert_eq!(journal.durable(), 1);
/// # Ok::<(), passbook_journal::AppendError>(())
/// ```
#[derive(Debug)]
pub struct MemoryJournal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    /// Signalled when there is something to commit or the journal closes.
    work: Condvar,
    /// Held while the observer runs, so that calls come one at a time. Never taken by `append`.
    completing: Mutex<()>,
    /// Held by whoever compacts.
    compacting: Mutex<()>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    /// Those behind the ones that were compacted.
    records: VecDeque<Stored>,
    /// What compaction left of earlier ones.
    attic: Attic,
    durable: u64,
    commits: u64,
    time_last_ms: u64,
    observer: Option<Arc<dyn Observer>>,
    fault: Fault,
    failure_told: bool,
    closed: bool,
    /// Newest first.
    snapshots: Vec<MemorySnapshot>,
    snapshot_busy: bool,
}

struct Stored {
    time_ms: u64,
    group_first: bool,
    payload: Arc<[u8]>,
}

#[derive(Debug, Default, Clone)]
enum Fault {
    #[default]
    None,
    Full(Arc<JournalError>),
    Poisoned(Arc<JournalError>),
}

impl MemoryJournal {
    /// An empty journal with a thread that commits.
    ///
    /// # Panics
    /// When the operating system can't start a thread.
    pub fn new() -> Self {
        let journal = Self::inline();
        let shared = Arc::clone(&journal.shared);
        let thread = thread::Builder::new()
            .name("journal-memory".to_owned())
            .spawn(move || shared.run())
            .expect("a thread can be started");
        *journal.thread.lock() = Some(thread);
        journal
    }

    /// An empty journal without a thread: groups become durable when the owner calls
    /// [`pump`](Self::pump).
    pub fn inline() -> Self {
        let shared = Shared {
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            completing: Mutex::new(()),
            compacting: Mutex::new(()),
        };
        Self { shared: Arc::new(shared), thread: Mutex::new(None) }
    }

    /// Makes all that is queued durable and tells the observer, on this thread. Don't hold a lock
    /// that the observer takes.
    pub fn pump(&self) {
        self.shared.commit();
    }

    /// Fails as a medium would: what is queued and not durable is indeterminate, appends are
    /// refused for ever. For tests of that case; the observer hears of it at the next commit.
    pub fn poison(&self, why: &str) {
        let mut state = self.shared.state.lock();
        state.fault = Fault::Poisoned(Arc::new(JournalError::Injected(why.to_owned())));
        self.shared.work.notify_all();
    }

    /// From now on behaves as on a full disk, or as after space came back. For tests.
    pub fn set_space(&self, space: Space) {
        let mut state = self.shared.state.lock();
        state.fault = match (space, std::mem::take(&mut state.fault)) {
            (_, Fault::Poisoned(error)) => Fault::Poisoned(error),
            (Space::Free, Fault::None | Fault::Full(_)) => Fault::None,
            (Space::Full, Fault::None | Fault::Full(_)) => {
                Fault::Full(Arc::new(JournalError::Injected("disk full".to_owned())))
            }
        };
    }
}

/// Whether a [`MemoryJournal`] has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Appends are taken.
    Free,
    /// Appends are refused as read-only.
    Full,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for MemoryJournal {
    fn drop(&mut self) {
        // Nobody is left to hear what failed.
        drop(self.close());
    }
}

impl Journal for MemoryJournal {
    fn append(&self, expected: u64, group: &Group<'_>) -> Result<u64, AppendError> {
        let mut state = self.shared.state.lock();
        state.admit(expected, group)?;
        let mut group_first = true;
        for payload in group.payloads {
            state.records.push_back(Stored {
                time_ms: group.time_ms,
                group_first,
                payload: payload.bytes.into(),
            });
            group_first = false;
        }
        state.time_last_ms = group.time_ms;
        self.shared.work.notify_one();
        Ok(state.head())
    }

    fn head(&self) -> u64 {
        self.shared.state.lock().head()
    }

    fn durable(&self) -> u64 {
        self.shared.state.lock().durable
    }

    fn read(&self, from: u64) -> Result<Records, ReadError> {
        let shared = Arc::clone(&self.shared);
        let (first, through) = {
            let state = self.shared.state.lock();
            (state.sequence_first(), state.durable)
        };
        if from.max(1) < first {
            return Err(ReadError::Trimmed { first });
        }
        let sequences = from.max(1)..=through;
        Ok(Records::new(sequences.map_while(move |sequence| shared.state.lock().item(sequence))))
    }

    /// Whole records move to an archive in memory, the others go. There are no segments: exactly
    /// the records up to `drop_through` leave, and retention takes archived records one by one.
    fn compact(
        &self,
        compaction: &Compaction<'_>,
        curator: &dyn Curator,
    ) -> Result<Compacted, CompactError> {
        self.shared.compact(compaction, curator)
    }

    fn read_kept(&self, from: u64) -> Result<Records, ReadError> {
        kept::read(&self.shared, from.max(1))
    }

    fn posted(&self, keys: &[&[u8]]) -> Result<Records, ReadError> {
        Ok(self.shared.state.lock().attic.posted(keys))
    }

    fn extent(&self) -> Extent {
        self.shared.state.lock().extent()
    }

    fn begin_snapshot(&self, at: u64) -> Result<Box<dyn SnapshotSink>, SnapshotError> {
        snapshots::begin(&self.shared, at)
    }

    fn snapshots(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        let state = self.shared.state.lock();
        Ok(state.snapshots.iter().map(|snapshot| snapshot.info.clone()).collect())
    }

    fn open_snapshot(&self, sequence: u64) -> Result<Box<dyn SnapshotSource>, SnapshotError> {
        let state = self.shared.state.lock();
        let found = state.snapshots.iter().find(|snapshot| snapshot.info.sequence == sequence);
        Ok(Box::new(found.ok_or(SnapshotError::Missing { sequence })?.clone()))
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        let mut state = self.shared.state.lock();
        assert!(state.observer.is_none(), "a journal has one observer");
        state.observer = Some(observer);
    }

    fn health(&self) -> JournalHealth {
        let state = self.shared.state.lock();
        let writer = match (&state.fault, state.closed) {
            (Fault::Poisoned(error), _) => WriterState::Poisoned(Arc::clone(error)),
            (Fault::None | Fault::Full(_), true) => WriterState::Closed,
            (Fault::Full(error), false) => {
                WriterState::ReadOnly(ReadOnlyReason::DiskFull(Arc::clone(error)))
            }
            (Fault::None, false) => WriterState::Healthy,
        };
        JournalHealth {
            writer,
            head: state.head(),
            durable: state.durable,
            commits: state.commits,
            records: state.durable,
            bytes_written: 0,
            syncs: 0,
            segments: 0,
            queued_bytes: 0,
        }
    }

    fn close(&self) -> Result<(), CloseError> {
        self.shared.state.lock().closed = true;
        self.shared.work.notify_all();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            thread.join().expect("an observer must not panic");
        }
        self.shared.commit();
        match &self.shared.state.lock().fault {
            Fault::Poisoned(error) => Err(CloseError::Poisoned(Arc::clone(error))),
            Fault::None | Fault::Full(_) => Ok(()),
        }
    }
}

impl State {
    fn head(&self) -> u64 {
        let left = u64::try_from(self.records.len()).expect("memory ends before u64 does");
        self.attic.dropped + left
    }

    /// Sequence of the first record that was not compacted.
    fn sequence_first(&self) -> u64 {
        self.attic.dropped + 1
    }

    fn admit(&self, expected: u64, group: &Group<'_>) -> Result<(), AppendError> {
        if self.closed {
            return Err(AppendError::Closed);
        }
        match &self.fault {
            Fault::None => {}
            Fault::Full(error) => {
                return Err(AppendError::ReadOnly(ReadOnlyReason::DiskFull(Arc::clone(error))));
            }
            Fault::Poisoned(error) => return Err(AppendError::Unavailable(Arc::clone(error))),
        }
        group.check_size(GROUP_BYTES_MAX)?;
        if expected != self.head() {
            return Err(AppendError::Conflict { expected, actual: self.head() });
        }
        if group.time_ms < self.time_last_ms {
            let (time_ms, last_ms) = (group.time_ms, self.time_last_ms);
            return Err(AppendError::TimeBackwards { time_ms, last_ms });
        }
        Ok(())
    }

    fn record(&self, sequence: u64) -> Option<Record> {
        let index = usize::try_from(sequence.checked_sub(self.sequence_first())?).ok()?;
        Some(self.records.get(index)?.record(sequence))
    }

    /// A record for a reader; it may have been compacted since the reader began.
    fn item(&self, sequence: u64) -> Option<Result<Record, ReadError>> {
        let first = self.sequence_first();
        if sequence < first {
            return Some(Err(ReadError::Trimmed { first }));
        }
        self.record(sequence).map(Ok)
    }

    /// Makes everything queued durable, as one batch.
    fn commit(&mut self) {
        if self.has_work() {
            self.durable = self.head();
            self.commits += 1;
        }
    }

    fn has_work(&self) -> bool {
        match self.fault {
            Fault::Poisoned(_) => !self.failure_told,
            Fault::None | Fault::Full(_) => self.head() > self.durable,
        }
    }
}

impl Shared {
    /// The committing thread: until closed and drained.
    fn run(&self) {
        loop {
            {
                let mut state = self.state.lock();
                while !state.has_work() && !state.closed {
                    self.work.wait(&mut state);
                }
                if !state.has_work() {
                    return;
                }
            }
            self.commit();
        }
    }

    /// One commit and its completion. The state's lock is not held while the observer runs.
    fn commit(&self) {
        let _one_at_a_time = self.completing.lock();
        let mut state = self.state.lock();
        if !state.has_work() {
            return;
        }
        if let Fault::Poisoned(error) = state.fault.clone() {
            state.failure_told = true;
            let observer = state.observer.clone();
            drop(state);
            if let Some(observer) = observer {
                observer.failed(&error);
            }
            return;
        }
        state.commit();
        let (through, observer) = (state.durable, state.observer.clone());
        drop(state);
        if let Some(observer) = observer {
            observer.durable(through);
        }
    }
}
