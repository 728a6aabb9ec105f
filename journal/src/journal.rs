//! What a journal is to its callers: append groups, learn what is durable, read back.
//!
//! Files, memory or, one day, another machine are left to the implementations; what a payload
//! means is left to the caller.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::{CompactError, Compacted, Compaction, Curator, Extent};
use crate::backup::{BackupError, BackupInfo};
use crate::error::{AppendError, CloseError, JournalError, ReadError};
use crate::health::JournalHealth;
use crate::leaf::{Leaf, leaf_of};
use crate::limits::{GROUP_RECORDS_MAX, RECORD_OVERHEAD_BYTES};
use crate::snapshot::{SnapshotError, SnapshotInfo, SnapshotSink, SnapshotSource};
use crate::verify::Progress;

/// One opaque payload and its leaf, hashed by the thread that submits it.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// The bytes, kept as they are.
    pub bytes: &'a [u8],
    /// [`leaf_of`] of the bytes. A wrong leaf breaks the chain; `verify` will say so.
    pub leaf: Leaf,
}

impl<'a> Payload<'a> {
    /// A payload with its leaf, hashed here and now.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, leaf: leaf_of(bytes) }
    }
}

/// Payloads that become durable together: all or none, after any crash.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// When the act happened, in Unix milliseconds. Must not be below the group before it: a
    /// reader seeks by it. The journal has no clock and gives it no other meaning.
    pub time_ms: u64,
    /// At least one payload, at most [`GROUP_RECORDS_MAX`](crate::limits::GROUP_RECORDS_MAX).
    pub payloads: &'a [Payload<'a>],
}

impl Group<'_> {
    /// Refuses a group that is empty or past a limit.
    pub(crate) fn check_size(&self, bytes_max: usize) -> Result<(), AppendError> {
        let records = self.payloads.len();
        if records == 0 {
            return Err(AppendError::Empty);
        }
        if records > GROUP_RECORDS_MAX {
            let max = GROUP_RECORDS_MAX;
            return Err(AppendError::TooLarge { what: "records", actual: records, max });
        }
        let bytes = self.framed_bytes();
        if bytes > bytes_max {
            return Err(AppendError::TooLarge { what: "bytes", actual: bytes, max: bytes_max });
        }
        Ok(())
    }

    /// Bytes of the group inside a batch.
    pub(crate) fn framed_bytes(&self) -> usize {
        self.payloads.iter().fold(0, |bytes, payload| {
            bytes.saturating_add(payload.bytes.len()).saturating_add(RECORD_OVERHEAD_BYTES)
        })
    }
}

/// An append-only sequence of records, dense from 1; 0 is "before the first".
///
/// The order of effects is always: queued ([`append`](Self::append) returns) → durable → observed
/// ([`Observer::durable`]). An observer never runs inside `append`, so a caller may hold a lock
/// while appending that its observer takes too.
pub trait Journal: Send + Sync + std::fmt::Debug {
    /// Queues one group behind `expected`, the sequence of the last record queued so far, and
    /// returns the sequence of the group's last record without waiting for the medium.
    ///
    /// It waits only when the queue is over
    /// [`QUEUE_BYTES_MAX`](crate::limits::QUEUE_BYTES_MAX) or the next segment isn't ready; the
    /// threads that end the wait never need a lock of the caller.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing has been queued in any of its cases.
    fn append(&self, expected: u64, group: &Group<'_>) -> Result<u64, AppendError>;

    /// As [`append`](Self::append), for a caller that brings about the commit itself: next it calls
    /// [`commit_here`](Self::commit_here), or [`commit_elsewhere`](Self::commit_elsewhere) if it has
    /// thought better of it. To wake another thread and to be woken by it costs a lone caller about
    /// as much as half a sync.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    fn append_quietly(&self, expected: u64, group: &Group<'_>) -> Result<u64, AppendError> {
        self.append(expected, group)
    }

    /// Commits what is queued on this thread until `through` is durable and observed, or until
    /// somebody else is at it. Don't hold a lock that the observer takes.
    fn commit_here(&self, _through: u64) {}

    /// Leaves what was queued quietly to the journal's own threads.
    fn commit_elsewhere(&self) {}

    /// Makes the next group begin a new segment, if that frees space: then a compaction can drop all
    /// that is there now. To be called before the snapshot that the compaction will rely on. Waits
    /// for the segment's zeros to be written, commits don't; if that fails, nothing has changed.
    /// Does nothing where there are no segments.
    fn begin_segment(&self) {}

    /// Sequence of the last queued record.
    fn head(&self) -> u64;

    /// Sequence of the last durable record.
    fn durable(&self) -> u64;

    /// Records from `from` (0 and 1 both mean the first) up to what is durable at the call.
    ///
    /// # Errors
    /// [`ReadError`], here or as an item; an item that is an error is the last one.
    fn read(&self, from: u64) -> Result<Records, ReadError>;

    /// Begins a snapshot of the state after record `at`: durable, and not below the newest
    /// snapshot. One at a time. The writer goes on meanwhile.
    ///
    /// # Errors
    /// [`SnapshotError`].
    fn begin_snapshot(&self, at: u64) -> Result<Box<dyn SnapshotSink>, SnapshotError>;

    /// What snapshots there are, newest first. What is damaged is left out; `verify` tells of it.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    fn snapshots(&self) -> Result<Vec<SnapshotInfo>, SnapshotError>;

    /// Opens the snapshot at exactly that sequence.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`], [`SnapshotError::Corrupt`] or [`SnapshotError::Io`].
    fn open_snapshot(&self, sequence: u64) -> Result<Box<dyn SnapshotSource>, SnapshotError>;

    /// Archives and drops every sealed segment all of whose records are at or below
    /// [`Compaction::drop_through`], then applies retention. Appends, syncs and reads go on
    /// beside it. The oldest snapshot at or above the last record that goes is read whole first.
    ///
    /// # Errors
    /// [`CompactError`]. What was done stays done, the rest is as it was, and the journal goes on.
    fn compact(
        &self,
        compaction: &Compaction<'_>,
        curator: &dyn Curator,
    ) -> Result<Compacted, CompactError>;

    /// Like [`read`](Self::read), but begins in the archive; records of which only the leaf is
    /// left are passed over. Archived records have no [`Place`].
    ///
    /// # Errors
    /// [`ReadError`], here or as an item; [`ReadError::Trimmed`] if retention has dropped `from`.
    fn read_kept(&self, from: u64) -> Result<Records, ReadError>;

    /// The archived records with any of the keys, oldest first, each once. Records that are still
    /// in the journal are not among them.
    ///
    /// # Errors
    /// [`ReadError`], here or as an item, also when the archives' own count of a key shows that
    /// some are missing.
    fn posted(&self, keys: &[&[u8]]) -> Result<Records, ReadError>;

    /// From where on what is there, at this moment.
    fn extent(&self) -> Extent;

    /// Copies all that is durable, as one ledger, into a folder that is empty or missing. Appends go
    /// on meanwhile.
    ///
    /// # Errors
    /// [`BackupError`]; [`BackupError::Unsupported`] if the journal keeps no files.
    fn backup(&self, into: &Path) -> Result<BackupInfo, BackupError> {
        self.backup_with(into, &|_| ())
    }

    /// The same; `told` hears how far it is.
    ///
    /// # Errors
    /// As [`backup`](Self::backup).
    fn backup_with(
        &self,
        _into: &Path,
        _told: &dyn Fn(Progress),
    ) -> Result<BackupInfo, BackupError> {
        Err(BackupError::Unsupported)
    }

    /// Sets who learns of durability; once, before the first append.
    ///
    /// # Panics
    /// When an observer was set before: two would each see half of the story.
    fn observe(&self, observer: Arc<dyn Observer>);

    /// State of the writer and its counters.
    fn health(&self) -> JournalHealth;

    /// Makes all queued groups durable, then stops for good. Reads go on. Closing twice is
    /// closing once; dropping closes too, and can't say what failed.
    ///
    /// # Errors
    /// [`CloseError`] when something queued couldn't be made durable.
    fn close(&self) -> Result<(), CloseError>;
}

/// Who learns of durability. Called one call at a time, in order, never from inside `append`.
pub trait Observer: Send + Sync {
    /// All records up to and including `through` are durable.
    fn durable(&self, through: u64);

    /// The journal is poisoned: what is queued after the last `durable` may or may not be on the
    /// medium. Nothing follows.
    fn failed(&self, error: &Arc<JournalError>);
}

/// One record, as recovery and readers lend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Its number, dense from 1.
    pub sequence: u64,
    /// The time of its group, in Unix milliseconds.
    pub time_ms: u64,
    /// Whether it is the first of its group.
    pub group_first: bool,
    /// The bytes as they were appended.
    pub payload: &'a [u8],
}

/// One record, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number, dense from 1.
    pub sequence: u64,
    /// The time of its group, in Unix milliseconds.
    pub time_ms: u64,
    /// Whether it is the first of its group.
    pub group_first: bool,
    /// The bytes as they were appended.
    pub payload: Vec<u8>,
    /// Where it lies, if the journal keeps files.
    pub place: Option<Place>,
}

/// Where a record lies on disk; `journal dump --raw` shows it. All offsets count bytes from the
/// start of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The segment file.
    pub segment: PathBuf,
    /// Where the record's batch begins.
    pub batch_offset: u64,
    /// Where the record's own header begins.
    pub record_offset: u64,
    /// Header and payload, in bytes.
    pub length: u64,
}

/// Records in order, see [`Journal::read`].
pub struct Records {
    inner: Box<dyn Iterator<Item = Result<Record, ReadError>> + Send>,
}

impl Records {
    /// Records from any iterator; for other implementations of [`Journal`].
    pub fn new(inner: impl Iterator<Item = Result<Record, ReadError>> + Send + 'static) -> Self {
        Self { inner: Box::new(inner) }
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

impl Iterator for Records {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.inner.next()
    }
}
