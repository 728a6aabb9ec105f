//! The errors of the journal, by what the caller can do about them.
//!
//! Each names path, offset and operation where there is one; the cause is in `source()`. Printing
//! them, and choosing an exit code, is left to the caller.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What a caller's own code may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a group was not queued.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Somebody else appended first: decide again on the state at `actual`.
    #[error("expected to append behind @{expected}, but the journal is at @{actual}")]
    Conflict {
        /// The position that the caller decided on.
        expected: u64,
        /// Sequence of the last record queued.
        actual: u64,
    },
    /// A write or a sync failed before: this journal takes nothing any more; reads go on. Open it
    /// again after the cause is gone.
    #[error("the journal is poisoned by an earlier failure")]
    Unavailable(#[source] Arc<JournalError>),
    /// No room, or not a writer. With [`ReadOnlyReason::DiskFull`] try again later: every append
    /// looks for space anew.
    #[error("the journal is read-only: {0}")]
    ReadOnly(ReadOnlyReason),
    /// The group is past a limit: split it.
    #[error("{what} of the group: {actual} is past the limit of {max}")]
    TooLarge {
        /// What is too large: "bytes" or "records".
        what: &'static str,
        /// What the group has.
        actual: usize,
        /// What it may have.
        max: usize,
    },
    /// The group has no payload: a mistake of the caller.
    #[error("a group needs at least one payload")]
    Empty,
    /// The group is older than the one before it: use at least `last_ms`.
    #[error("time {time_ms} ms is before the last group's {last_ms} ms")]
    TimeBackwards {
        /// Time of the refused group, Unix milliseconds.
        time_ms: u64,
        /// Time of the last queued group, Unix milliseconds.
        last_ms: u64,
    },
    /// The journal was closed: a mistake of the caller.
    #[error("the journal is closed")]
    Closed,
}

/// Why nothing can be appended now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadOnlyReason {
    /// There is no room for the next segment. Free some; appends look again by themselves.
    #[error("no space for the next segment")]
    DiskFull(#[source] Arc<JournalError>),
    /// The next segment could not be prepared, for another reason. Appends try again.
    #[error("the next segment could not be prepared")]
    NotPrepared(#[source] Arc<JournalError>),
    /// The journal was opened for reading.
    #[error("opened for reading only")]
    OpenedReadOnly,
}

/// What failed underneath the journal. The reason that a poisoned journal gives.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// An operation of the file system failed.
    #[error("{op} of {} at byte {offset} failed", path.display())]
    Io {
        /// What was tried, e.g. "write".
        op: &'static str,
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes; 0 where it has no meaning.
        offset: u64,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The failure was asked for, by a test.
    #[error("failure injected: {0}")]
    Injected(String),
}

impl JournalError {
    /// Whether the cause is a full disk.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Injected(_) => false,
        }
    }
}

/// Why records can't be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// Acknowledged bytes don't verify. Restore a backup, or salvage into a new folder.
    #[error("{} is damaged at byte {offset} (@{sequence}): {why}", path.display())]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// Where the damaged batch or field begins, in bytes.
        offset: u64,
        /// The first sequence that can't be read.
        sequence: u64,
        /// What doesn't hold.
        why: String,
    },
    /// The file system failed. Nothing is known about the data.
    #[error("reading failed")]
    Io(#[source] Arc<JournalError>),
}

/// Why closing failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CloseError {
    /// Some queued groups are indeterminate; what `durable` said still holds.
    #[error("the journal is poisoned by an earlier failure")]
    Poisoned(#[source] Arc<JournalError>),
    /// All groups are durable, but the note of it couldn't be written: the next opening works a
    /// little more.
    #[error("everything is durable, but the watermark could not be written")]
    Watermark(#[source] Arc<JournalError>),
}
