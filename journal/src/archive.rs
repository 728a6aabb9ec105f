//! What is left of segments that the journal no longer needs: packed, compressed, findable by key.
//!
//! What a record means, and so whether it is kept and under which keys, is left to the caller's
//! [`Curator`]; when to compact, too. The bytes are in `format::archive`, the order of effects in
//! `file::compact`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use crate::damage::Damage;
use crate::error::JournalError;
use crate::journal::RecordRef;
use crate::snapshot::BadSnapshot;

pub(crate) mod book;
pub(crate) mod check;
pub(crate) mod kept;
pub(crate) mod pack;
pub(crate) mod posted;
pub(crate) mod shelf;

/// How much of a record outlives its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// The payload.
    Whole,
    /// Its leaf: 32 bytes, so that the chain can still be checked.
    Leaf,
}

/// Who says what a record is. Called from the thread that compacts, in order, once a record.
pub trait Curator: Send + Sync {
    /// Whether the payload is kept, and under which keys it is found again: at most
    /// [`ARCHIVE_KEY_BYTES_MAX`](crate::limits::ARCHIVE_KEY_BYTES_MAX) bytes each, empty ones
    /// allowed. `keys` comes empty; it is ignored with [`Keep::Leaf`].
    fn sort(&self, record: RecordRef<'_>, keys: &mut Vec<Vec<u8>>) -> Keep;
}

/// What to compact, and how gently.
///
/// ```
/// use passbook_journal::Compaction;
/// let compaction = Compaction { drop_through: 9_000, dry_run: true, ..Compaction::default() };
/// assert_eq!(compaction.remove_archives_before_ms, None);
/// ```
#[derive(Clone, Copy)]
pub struct Compaction<'a> {
    /// Records up to this sequence may leave the journal: the caller needs none of them to open,
    /// because a snapshot at or above it is there. Only whole sealed segments go.
    pub drop_through: u64,
    /// Retention: archives whose last record is older than this, in Unix milliseconds, are
    /// reduced to stubs.
    pub remove_archives_before_ms: Option<u64>,
    /// Bytes of segments read a second, at most; 0 for no limit. Pauses are made between blocks.
    pub bytes_per_second: u64,
    /// Say what would be done, and do nothing. Nothing is packed, so sizes of archives are
    /// unknown.
    pub dry_run: bool,
    /// Hears of progress; [`ControlFlow::Break`] stops with [`CompactError::Stopped`]. Must not
    /// close the journal.
    pub progress: Option<&'a (dyn Fn(CompactProgress) -> ControlFlow<()> + Sync)>,
}

impl Default for Compaction<'_> {
    /// Drops nothing, at full speed.
    fn default() -> Self {
        Self {
            drop_through: 0,
            remove_archives_before_ms: None,
            bytes_per_second: 0,
            dry_run: false,
            progress: None,
        }
    }
}

impl std::fmt::Debug for Compaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compaction")
            .field("drop_through", &self.drop_through)
            .field("remove_archives_before_ms", &self.remove_archives_before_ms)
            .field("bytes_per_second", &self.bytes_per_second)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

/// How far a compaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactProgress {
    /// Bytes of segments packed.
    pub done_bytes: u64,
    /// Bytes of segments to pack.
    pub total_bytes: u64,
}

/// What a compaction did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Segments that became archives.
    pub segments: u64,
    /// Length of their files.
    pub segment_bytes: u64,
    /// Length of the archives made from them.
    pub archive_bytes: u64,
    /// Records in them, kept whole and as leaves.
    pub records: u64,
    /// Those kept whole.
    pub whole: u64,
    /// Archives reduced to stubs.
    pub archives_removed: u64,
    /// Length of those.
    pub archives_removed_bytes: u64,
    /// Sequence of the first record in the journal now.
    pub sequence_first: u64,
    /// Sequence of the first record in archives and journal together now.
    pub kept_first: u64,
}

/// Why a compaction ended early. What it had done stays done, nothing is lost, and the journal
/// goes on; call again when the cause is gone.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CompactError {
    /// A segment or an archive doesn't verify. It stays as it is.
    #[error("{0}")]
    Corrupt(Box<Damage>),
    /// No snapshot holds the state after the records that would go: take one first.
    #[error("no snapshot at or above @{needed}: without one these records can't be dropped")]
    NoSnapshot {
        /// Sequence of the last record that would leave the journal.
        needed: u64,
    },
    /// The snapshot that makes the dropping safe is damaged. It counts no longer: the next call
    /// relies on a newer one, if there is one.
    #[error("the snapshot that replaces these records is damaged: {0}")]
    BadSnapshot(Box<BadSnapshot>),
    /// The file system failed; look at [`JournalError::is_disk_full`].
    #[error("compacting failed")]
    Io(#[source] Arc<JournalError>),
    /// The caller's progress function stopped it, or the journal was closed meanwhile.
    #[error("the compaction was stopped")]
    Stopped,
    /// Another compaction or a backup is running.
    #[error("a compaction or a backup is running already")]
    Running,
    /// The journal is open for reading only.
    #[error("opened for reading only")]
    ReadOnly,
    /// The journal is closed: a mistake of the caller.
    #[error("the journal is closed")]
    Closed,
    /// A write or a sync failed before: this journal changes nothing any more.
    #[error("the journal is poisoned by an earlier failure")]
    Unavailable(#[source] Arc<JournalError>),
    /// The curator gave more than fits: a mistake of the caller.
    #[error("{what} of {}: {actual} is past the limit of {max}", path.display())]
    TooLarge {
        /// What is too large, e.g. "key bytes".
        what: &'static str,
        /// The segment.
        path: PathBuf,
        /// How much it is.
        actual: usize,
        /// How much it may be.
        max: usize,
    },
}

impl From<JournalError> for CompactError {
    fn from(error: JournalError) -> Self {
        Self::Io(Arc::new(error))
    }
}

/// From where on what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Sequence of the first record in archives and journal together: from it on, the history is
    /// complete. One more than the last record's if there is none.
    pub kept_first: u64,
    /// Its time in Unix milliseconds; nothing if there is no record, or it can't be read.
    pub kept_first_ms: Option<u64>,
    /// Sequence of the first record in the journal.
    pub sequence_first: u64,
    /// Number of archives.
    pub archives: u64,
    /// Length of the archives, in bytes, of those that can be measured.
    pub archive_bytes: u64,
    /// Postings of all records before `sequence_first`, those included that retention removed: one
    /// for each key of a record that was kept whole. `None` if they were not counted, or the count
    /// can't be read. For who keeps an index of the same records, to compare.
    pub postings: Option<u64>,
    /// The same, of all records before `kept_first`.
    pub postings_removed: Option<u64>,
}
