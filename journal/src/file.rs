//! The journal in files: opening, recovering, and the [`Journal`] contract over the engine.
//!
//! Bytes are left to `format`, finding the end to `recovery`, committing to the engine's parts.

use std::path::Path;
use std::sync::Arc;

mod backup;
pub(crate) mod catalog;
mod compact;
pub(crate) mod create;
mod engine;
mod inline;
mod leftovers;
mod lengths;
pub(crate) mod lock;
mod opening;
mod options;
pub(crate) mod queue;
pub(crate) mod reader;
mod repair;
mod replaying;
mod retention;
pub(crate) mod rotate;
mod snapshot;
mod steps;
mod threads;
pub(crate) mod watermark;

pub use inline::Step;
pub use options::{AmbiguousTail, Create, Durability, Options, Threading};
pub use repair::{Dropped, RolledBack};

use crate::archive::posted::PostedReader;
use crate::archive::{CompactError, Compacted, Compaction, Curator, Extent};
use crate::backup::{BackupError, BackupInfo};
use crate::disk::Disk;
use crate::error::{AppendError, CloseError, OpenError, ReadError};
use crate::format::StoreId;
use crate::health::JournalHealth;
use crate::journal::{Group, Journal, Observer, Records};
use crate::layout::Layout;
use crate::leaf::Chain;
use crate::replay::Replay;
use crate::snapshot::{BadSnapshot, SnapshotError, SnapshotInfo, SnapshotSink, SnapshotSource};
use crate::sync::Mutex;
use crate::sync::thread::{self, JoinHandle};
use crate::verify::Progress;
use engine::{Committer, Engine, ObserverSlot};

/// What opening found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Whether the ledger was created just now.
    pub created: bool,
    /// The ledger's identity.
    pub store: StoreId,
    /// Number of segments.
    pub segments: u64,
    /// Sequence of the first record that is kept; 1 if there is none yet.
    pub sequence_first: u64,
    /// Sequence of the last record; 0 if there is none.
    pub sequence_last: u64,
    /// Time of the last record, Unix milliseconds; groups appended now may not be older.
    pub time_last_ms: u64,
    /// The chain over all records.
    pub chain: Chain,
    /// Whether the journal was closed in order, with nothing written after.
    pub closed_cleanly: bool,
    /// What was cut off, if the end was torn.
    pub dropped: Option<Dropped>,
    /// Bytes of the end that were written again and synced, because nothing showed that they
    /// were durable.
    pub rewritten_bytes: u64,
    /// What the watermark claimed, if more than was there and
    /// [`Options::accept_rollback`] was set.
    pub rolled_back: Option<RolledBack>,
    /// The snapshot that the replay began from; nothing if it began with the first record.
    pub snapshot: Option<SnapshotInfo>,
    /// Newer snapshots that could not be used: a warning, because what is served is whole.
    pub snapshots_bad: Vec<BadSnapshot>,
}

/// A journal in the files of one folder. One process at a time.
///
/// ```
/// use passbook_journal::{FileJournal, Group, Journal, Options, Payload, RecordRef};
/// let folder = tempfile::tempdir()?;
/// let options = || Options { segment_bytes: 1 << 20, ..Options::default() };
/// let (journal, recovery) = FileJournal::open(folder.path(), options(), &mut |_: RecordRef<'_>| Ok(()))?;
/// assert!(recovery.created);
/// journal.append(0, &Group { time_ms: 1, payloads: &[Payload::new(b"opened")] })?;
/// journal.close()?;
///
/// let mut seen = Vec::new();
/// let visit = &mut |record: RecordRef<'_>| {
///     seen.push((record.sequence, record.payload.to_vec()));
///     Ok(())
/// };
/// let (_journal, recovery) = FileJournal::open(folder.path(), options(), visit)?;
/// assert!(recovery.closed_cleanly);
/// assert_eq!(seen, [(1, b"opened".to_vec())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileJournal {
    engine: Arc<Engine>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    closing: Mutex<Option<Result<(), CloseError>>>,
}

impl FileJournal {
    /// Opens the ledger in a folder, or creates it; `replay` gets the newest snapshot that can be
    /// used, if there is one, and every record behind it.
    ///
    /// # Errors
    /// [`OpenError`]; nothing has been written when the ledger itself is refused. `replay` may
    /// have seen records by then.
    pub fn open(
        dir: &Path,
        options: Options,
        replay: &mut dyn Replay,
    ) -> Result<(Self, Recovery), OpenError> {
        options.check()?;
        let disk = Disk::new(Arc::clone(&options.vfs));
        let layout = Layout::new(dir);
        let (engine, recovery) = opening::open(disk, &layout, options, replay)?;
        Self::start(engine).map(|journal| (journal, recovery))
    }

    fn start(engine: Engine) -> Result<Self, OpenError> {
        let engine = Arc::new(engine);
        let threads = match engine.threading {
            Threading::Threads => threads::start(&engine)?,
            Threading::Inline => Vec::new(),
        };
        Ok(Self { engine, threads: Mutex::new(threads), closing: Mutex::new(None) })
    }

    /// Runs one step of the engine; whether there was anything to do. In the inline mode this and
    /// [`pump`](Self::pump) are what makes anything durable. Don't hold a lock that the observer
    /// takes.
    ///
    /// # Panics
    /// With [`Threading::Threads`]: the steps belong to the threads.
    pub fn step(&self, step: Step) -> bool {
        self.assert_inline();
        self.engine.inline_step(step)
    }

    /// Runs steps until there is nothing to do.
    ///
    /// # Panics
    /// With [`Threading::Threads`].
    pub fn pump(&self) {
        self.assert_inline();
        self.engine.inline_pump();
    }

    fn assert_inline(&self) {
        assert!(self.engine.threading == Threading::Inline, "steps belong to the inline mode");
    }

    /// Copies the ledger, as it is durable at the call or a little later, into a folder that is
    /// empty or missing, at no more than the rate for background work. Files that never change any
    /// more are shared with it where the file system allows it. Appends, reads and snapshots go
    /// on; a compaction that is running is waited for, others are held off. The copy is a ledger
    /// like any other: `verify` checks it, [`restore`](crate::restore) copies it back.
    ///
    /// # Errors
    /// [`BackupError`]; this journal goes on as it was.
    pub fn backup(&self, into: &Path) -> Result<BackupInfo, BackupError> {
        self.engine.backup(into, &|_| ())
    }

    fn close_once(&self) -> Result<(), CloseError> {
        self.engine.queue.lock().closed = true;
        self.engine.wake_all();
        // A compaction or a backup must not touch files that may soon be another process's.
        drop(self.engine.manifest.lock());
        match self.engine.threading {
            Threading::Threads => {
                let current = thread::current().id();
                let threads = std::mem::take(&mut *self.threads.lock());
                if threads.iter().any(|thread| thread.thread().id() == current) {
                    // The observer dropped us: the threads drain the queue and end by themselves;
                    // the lock goes with the last of them.
                    return Ok(());
                }
                for thread in threads {
                    thread.join().expect("an observer must not panic");
                }
            }
            Threading::Inline => self.engine.inline_pump(),
        }
        self.engine.finish()
    }
}

impl Journal for FileJournal {
    fn append(&self, expected: u64, group: &Group<'_>) -> Result<u64, AppendError> {
        self.engine.append(expected, group, Committer::Threads)
    }

    fn append_quietly(&self, expected: u64, group: &Group<'_>) -> Result<u64, AppendError> {
        self.engine.append(expected, group, Committer::Caller)
    }

    fn commit_here(&self, through: u64) {
        self.engine.commit_here(through);
    }

    fn commit_elsewhere(&self) {
        self.engine.commit_elsewhere();
    }

    fn begin_segment(&self) {
        self.engine.begin_segment();
    }

    fn head(&self) -> u64 {
        self.engine.queue.lock().head
    }

    fn durable(&self) -> u64 {
        self.engine.queue.lock().durable
    }

    fn read(&self, from: u64) -> Result<Records, ReadError> {
        let through = self.durable();
        let from = from.max(1);
        Ok(Records::new(self.engine.reader(from, through)?))
    }

    fn compact(
        &self,
        compaction: &Compaction<'_>,
        curator: &dyn Curator,
    ) -> Result<Compacted, CompactError> {
        self.engine.compact(compaction, curator)
    }

    fn read_kept(&self, from: u64) -> Result<Records, ReadError> {
        Ok(Records::new(self.engine.kept_reader(from.max(1), self.durable())?))
    }

    fn posted(&self, keys: &[&[u8]]) -> Result<Records, ReadError> {
        let (disk, layout) = (self.engine.disk.clone(), self.engine.layout.clone());
        Ok(Records::new(PostedReader::new(disk, layout, keys)?))
    }

    fn backup_with(&self, into: &Path, told: &dyn Fn(Progress)) -> Result<BackupInfo, BackupError> {
        self.engine.backup(into, told)
    }

    fn extent(&self) -> Extent {
        self.engine.extent()
    }

    fn begin_snapshot(&self, at: u64) -> Result<Box<dyn SnapshotSink>, SnapshotError> {
        self.engine.begin_snapshot(at)
    }

    fn snapshots(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        self.engine.snapshots()
    }

    fn open_snapshot(&self, sequence: u64) -> Result<Box<dyn SnapshotSource>, SnapshotError> {
        self.engine.open_snapshot(sequence)
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        let set = self.engine.observer.set(ObserverSlot(observer));
        assert!(set.is_ok(), "a journal has one observer");
    }

    fn health(&self) -> JournalHealth {
        self.engine.health()
    }

    fn close(&self) -> Result<(), CloseError> {
        let mut closing = self.closing.lock();
        closing.get_or_insert_with(|| self.close_once()).clone()
    }
}

impl Drop for FileJournal {
    fn drop(&mut self) {
        // Nobody is left to hear what failed; the next opening finds out.
        drop(self.close());
    }
}
