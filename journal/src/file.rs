//! The journal in files: opening, recovering, and the [`Journal`] contract over the engine.
//!
//! Bytes are left to `format`, finding the end to `recovery`, committing to the engine's parts.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

pub(crate) mod catalog;
pub(crate) mod create;
mod engine;
mod inline;
pub(crate) mod lock;
mod options;
mod queue;
pub(crate) mod reader;
mod repair;
mod rotate;
mod steps;
mod threads;
mod watermark;

pub use inline::Step;
pub use options::{AmbiguousTail, Create, Durability, Options, Threading};
pub use repair::Dropped;

use crate::disk::{Disk, DiskFile};
use crate::error::{AppendError, BoxError, CloseError, OpenError, ReadError};
use crate::format::StoreId;
use crate::format::batch::Seal;
use crate::health::JournalHealth;
use crate::journal::{Group, Journal, Observer, RecordRef, Records};
use crate::layout::Layout;
use crate::leaf::Chain;
use crate::limits::{BATCH_BYTES_MAX, group_bytes_max};
use crate::recovery::classify::End;
use crate::recovery::{DATA_START, Found, Survey, survey};
use crate::vfs::OpenMode;
use catalog::Catalog;
use create::Folder;
use engine::{Engine, ObserverSlot, Writer};
use queue::{Mark, Queue, Start};
use watermark::{Noted, WatermarkFile};

/// Hears of every recovered record, in order.
pub type Visit<'a> = dyn FnMut(RecordRef<'_>) -> Result<(), BoxError> + 'a;

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
}

/// A journal in the files of one folder. One process at a time.
///
/// ```
/// use passbook_journal::{FileJournal, Group, Journal, Options, Payload};
/// let folder = tempfile::tempdir()?;
/// let options = || Options { segment_bytes: 1 << 20, ..Options::default() };
/// let (journal, recovery) = FileJournal::open(folder.path(), options(), &mut |_| Ok(()))?;
/// assert!(recovery.created);
/// journal.append(0, &Group { time_ms: 1, payloads: &[Payload::new(b"opened")] })?;
/// journal.close()?;
///
/// let mut seen = Vec::new();
/// let visit = &mut |record: passbook_journal::RecordRef<'_>| {
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
    /// Opens the ledger in a folder, or creates it; calls `visit` with every record.
    ///
    /// # Errors
    /// [`OpenError`]; nothing has been written when the ledger itself is refused. `visit` may
    /// have seen records by then.
    pub fn open(
        dir: &Path,
        options: Options,
        visit: &mut Visit<'_>,
    ) -> Result<(Self, Recovery), OpenError> {
        options.check()?;
        let disk = Disk::new(Arc::clone(&options.vfs));
        let layout = Layout::new(dir);
        let (lock, created) = lock_or_create(&disk, &layout, &options)?;
        let survey = survey(&disk, &layout)?;
        let mut catalog = Catalog::default();
        let found = replay(&disk, &survey, &mut catalog, visit)?;
        let (watermark, mut recovery) = settle(&disk, &survey, &found, &options, &lock)?;
        recovery.created = created;
        recovery.sequence_first = catalog.sequence_first();
        let engine = build(disk, &survey, &found, options, (catalog, watermark, lock));
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

    fn close_once(&self) -> Result<(), CloseError> {
        self.engine.queue.lock().closed = true;
        self.engine.wake_all();
        match self.engine.threading {
            Threading::Threads => {
                let current = std::thread::current().id();
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
        self.engine.append(expected, group)
    }

    fn help(&self) {
        match self.engine.threading {
            Threading::Threads => self.engine.help(),
            Threading::Inline => self.engine.inline_pump(),
        }
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
        let (entries, offset) = self.engine.catalog.lock().from(from);
        let disk = self.engine.disk.clone();
        Ok(Records::new(reader::Reader::new(disk, entries, offset, from, through)))
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

/// Takes the lock, creating the ledger if it is missing and may be created.
fn lock_or_create(
    disk: &Disk,
    layout: &Layout,
    options: &Options,
) -> Result<(DiskFile, bool), OpenError> {
    match (create::look(disk, layout)?, options.create) {
        (Folder::Ledger, _) => {
            // The lock file may have been lost; it says nothing about the data.
            Ok((lock::take(disk, layout, OpenMode::CreateOrOpen)?, false))
        }
        (Folder::Missing | Folder::Vacant, Create::Never) => {
            Err(OpenError::Missing { path: layout.dir.clone() })
        }
        (Folder::Missing | Folder::Vacant, Create::IfMissing) => {
            create::create_folder(disk, layout)?;
            let lock = lock::take(disk, layout, OpenMode::CreateOrOpen)?;
            // Somebody may have created it while we waited for the lock.
            if create::look(disk, layout)? == Folder::Ledger {
                return Ok((lock, false));
            }
            create::create(disk, layout, options)?;
            Ok((lock, true))
        }
    }
}

/// Walks over all records, fills the catalog and calls the visitor.
fn replay(
    disk: &Disk,
    survey: &Survey,
    catalog: &mut Catalog,
    visit: &mut Visit<'_>,
) -> Result<Found, OpenError> {
    let mut headers = survey.segments.iter();
    let mut current = 0;
    let found = survey.walk(disk, &mut |number, batch| {
        while current < number {
            let header = headers.next().expect("the walk goes over these headers").clone();
            current = header.number;
            let path = survey.layout.segment(&header.file_name());
            catalog.add(header, path);
        }
        catalog.mark(batch.header.sequence_first, batch.header.offset);
        for record in batch.records() {
            visit(RecordRef {
                sequence: record.sequence,
                time_ms: record.time_ms,
                group_first: record.group_first,
                payload: record.payload,
            })
            .map_err(OpenError::Visit)?;
        }
        Ok(())
    })?;
    // Segments without any batch, the last ones.
    for header in headers {
        catalog.add(header.clone(), survey.layout.segment(&header.file_name()));
    }
    Ok(found)
}

/// Acts on what was found: refuses, or makes the end whole and says so in the watermark.
fn settle(
    disk: &Disk,
    survey: &Survey,
    found: &Found,
    options: &Options,
    lock: &DiskFile,
) -> Result<(WatermarkFile, Recovery), OpenError> {
    let torn = match (&found.end, options.ambiguous_tail) {
        (End::Clean, _) => None,
        (End::Torn { until, why, .. }, _) => Some((*until, (*why).to_owned())),
        (End::Ambiguous { until, damage }, AmbiguousTail::Quarantine) => {
            Some((*until, damage.why.clone()))
        }
        (End::Ambiguous { damage, .. }, AmbiguousTail::Refuse) => {
            return Err(OpenError::Ambiguous(Box::new(damage.clone())));
        }
        (End::Corrupt(damage), _) => return Err(OpenError::Corrupt(Box::new(damage.clone()))),
    };
    // From here on we write: the ledger is ours.
    lock::sign(lock, &options.owner_line(), options.opened_at_ms)?;
    let last = survey.last();
    let mark =
        Mark { segment: last.number, end: found.end_offset, durable: found.position.next - 1 };
    let covered = survey.watermark.as_ref().filter(|seen| seen.segment == last.number);
    let rewrite_from = covered.map_or(DATA_START, |seen| seen.end.clamp(DATA_START, mark.end));
    if covered.is_none() {
        // Without a watermark in it, the last segment may have its name only in a cache; and so
        // may the manifest of a new ledger.
        disk.fsync_dir(&survey.layout.dir)?;
        disk.fsync_dir(&survey.layout.journal())?;
    }
    let path = survey.layout.segment(&last.file_name());
    let mut dropped = None;
    if torn.is_some() || rewrite_from < mark.end {
        let segment = disk.open(&path, OpenMode::ReadWrite)?;
        if let Some((until, why)) = torn {
            let quarantine = repair::quarantine(disk, &survey.layout, &segment, mark.end, until)?;
            repair::zero(&segment, mark.end, until)?;
            let bytes = until - mark.end;
            dropped = Some(Dropped { path, offset: mark.end, bytes, why, quarantine });
        }
        repair::rewrite(&segment, rewrite_from, mark.end)?;
        segment.sync()?;
    }
    let watermark = note_recovered(disk, survey, mark)?;
    let closed_cleanly = dropped.is_none()
        && survey.watermark.as_ref().is_some_and(|seen| seen.closed && covers(seen, mark));
    let recovery = Recovery {
        created: false,
        store: survey.manifest.store,
        segments: u64::try_from(survey.segments.len()).unwrap_or(u64::MAX),
        sequence_first: survey.manifest.sequence_first,
        sequence_last: mark.durable,
        time_last_ms: found.position.time_ms,
        chain: found.position.chain,
        closed_cleanly,
        dropped,
        rewritten_bytes: mark.end - rewrite_from,
    };
    Ok((watermark, recovery))
}

fn covers(seen: &crate::format::watermark::Watermark, mark: Mark) -> bool {
    (seen.segment, seen.end, seen.durable) == (mark.segment, mark.end, mark.durable)
}

/// Brings the watermark up to what was recovered, if it isn't.
fn note_recovered(disk: &Disk, survey: &Survey, mark: Mark) -> Result<WatermarkFile, OpenError> {
    let mut file = match survey.watermark.clone() {
        Some(current) => WatermarkFile::open(disk, &survey.layout, current)?,
        None => WatermarkFile::create(disk, &survey.layout, survey.manifest.store)?,
    };
    if !file.says(mark) {
        file.note(mark, Noted::Synced)?;
    }
    Ok(file)
}

fn build(
    disk: Disk,
    survey: &Survey,
    found: &Found,
    options: Options,
    (catalog, watermark, lock): (Catalog, WatermarkFile, DiskFile),
) -> Engine {
    let header = survey.last().clone();
    // Drafts are made to fit the smaller of the active segment and those to come.
    let smallest = header.segment_bytes.min(options.segment_bytes);
    let group_bytes_max = group_bytes_max(smallest);
    let durable = found.position.next - 1;
    let start = Start {
        mark: Mark { segment: header.number, end: found.end_offset, durable },
        time_last_ms: found.position.time_ms,
        active_left: header.segment_bytes - found.end_offset,
        capacity: options.segment_bytes - DATA_START,
        draft_bytes_max: usize::try_from(smallest - DATA_START)
            .unwrap_or(usize::MAX)
            .min(BATCH_BYTES_MAX),
        depth: match options.durability {
            Durability::Synced => options.sync_depth,
            // One at a time keeps what is buffered within the window.
            Durability::Buffered => 1,
        },
    };
    let writer = Writer {
        seal: Seal::new(&header.salt, header.number),
        header,
        offset: found.end_offset,
        chain: found.position.chain,
        time_last_ms: found.position.time_ms,
        sequence_last: durable,
        unsynced_bytes: 0,
    };
    Engine {
        disk,
        layout: survey.layout.clone(),
        entropy: options.entropy,
        store: survey.manifest.store,
        segment_bytes: options.segment_bytes,
        group_bytes_max,
        durability: options.durability,
        threading: options.threading,
        queue: Mutex::new(Queue::new(start)),
        work: Condvar::new(),
        appended: AtomicU64::new(0),
        room: Condvar::new(),
        keeper: Condvar::new(),
        writer: Mutex::new(writer),
        catalog: Mutex::new(catalog),
        watermark: Mutex::new(watermark),
        observer: OnceLock::new(),
        lock: Mutex::new(Some(lock)),
        lanes: inline::InlineLanes::default(),
        helper: Mutex::new(steps::Lane::default()),
    }
}
