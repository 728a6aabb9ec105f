//! Why a snapshot can't be taken or read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{JournalError, ReadError};

/// Why a snapshot can't be taken or read. Whatever it is, the journal goes on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SnapshotError {
    /// There is no such state to take: a mistake of the caller.
    #[error("a snapshot at @{at} must lie in @{first} ..= @{last}")]
    OutOfRange {
        /// What was asked for.
        at: u64,
        /// The first record that is there, or the newest snapshot.
        first: u64,
        /// The last durable record.
        last: u64,
    },
    /// Another one is being taken. Wait for it.
    #[error("a snapshot is being taken already")]
    Busy,
    /// A section or the number of them is past a limit: split it, or take fewer.
    #[error("{what} of the snapshot: {actual} is past the limit of {max}")]
    TooLarge {
        /// What is too large: "bytes of a section" or "sections".
        what: &'static str,
        /// What there is.
        actual: u64,
        /// What may be.
        max: u64,
    },
    /// There is no snapshot at that sequence.
    #[error("there is no snapshot at @{sequence}")]
    Missing {
        /// What was asked for.
        sequence: u64,
    },
    /// There is no such section: a mistake of the caller.
    #[error("there is no section {index}: the snapshot has {sections}")]
    NoSection {
        /// What was asked for.
        index: u32,
        /// How many there are.
        sections: u32,
    },
    /// The file doesn't verify. Use the one before.
    #[error("{} is damaged at byte {offset}: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the damaged part begins, in bytes.
        offset: u64,
        /// What doesn't hold.
        why: String,
    },
    /// The records that it would belong to can't be read.
    #[error("the records at the snapshot can't be read")]
    Records(#[source] ReadError),
    /// The file system failed. What was begun is gone; try again.
    #[error("the snapshot failed")]
    Io(#[source] Arc<JournalError>),
    /// The journal was opened for reading: it takes no snapshots.
    #[error("opened for reading only")]
    OpenedReadOnly,
    /// A write or a sync of the journal failed before. Open it again.
    #[error("the journal is poisoned by an earlier failure")]
    Unavailable(#[source] Arc<JournalError>),
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

impl SnapshotError {
    /// What the file system said, if it was that.
    pub(crate) fn io(&self) -> Option<&Arc<JournalError>> {
        if let Self::Io(error) = self { Some(error) } else { None }
    }

    pub(crate) fn corrupt(path: &Path, offset: u64, why: &str) -> Self {
        Self::Corrupt { path: path.to_owned(), offset, why: why.to_owned() }
    }
}

impl From<JournalError> for SnapshotError {
    fn from(error: JournalError) -> Self {
        Self::Io(Arc::new(error))
    }
}
