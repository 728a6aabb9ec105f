//! Why a backup or a restore came to nothing.

use std::path::PathBuf;
use std::sync::Arc;

use crate::damage::Damage;
use crate::error::{JournalError, OpenError};

/// Why a backup or a restore came to nothing. Unless said otherwise, what was written to the target by then stays there,
/// marked with a file `INCOMPLETE`: it is no ledger, and may be removed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target holds something. Choose a folder that is empty or doesn't exist.
    #[error("{} is not empty: it holds {found:?}", path.display())]
    NotEmpty {
        /// The target.
        path: PathBuf,
        /// A name in it.
        found: String,
    },
    /// The target lies in the ledger's own folder. Choose another.
    #[error("{} lies in the folder that is to be copied", path.display())]
    Inside {
        /// The target.
        path: PathBuf,
    },
    /// What is to be copied is damaged where it matters. A copy would not open: salvage it.
    #[error("{0}")]
    Corrupt(Box<Damage>),
    /// The source can't be opened for reading.
    #[error("the source can't be read")]
    Source(#[source] Box<OpenError>),
    /// The file system failed; look at [`JournalError::is_disk_full`].
    #[error("copying failed")]
    Io(#[source] Arc<JournalError>),
    /// The journal is closed, or was closed meanwhile: open it read-only and back it up from
    /// there.
    #[error("the journal is closed")]
    Closed,
    /// The journal keeps no files that could be copied.
    #[error("the ledger is not kept in files")]
    Unsupported,
    /// The copy was made, and does not verify: don't rely on it, and verify what it was made of.
    #[error("the copy does not verify: {0}")]
    NotVerified(Box<Damage>),
    /// What was only buffered can't be synced any more. Open the ledger again.
    #[error("the journal is poisoned by an earlier failure")]
    Unavailable(#[source] Arc<JournalError>),
}

impl From<JournalError> for BackupError {
    fn from(error: JournalError) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Corrupt(damage) | OpenError::Ambiguous(damage) => Self::Corrupt(damage),
            OpenError::Io(error) | OpenError::NoSpace(error) | OpenError::NotWritable(error) => {
                Self::Io(error)
            }
            error @ (OpenError::Missing { .. }
            | OpenError::NotALedger { .. }
            | OpenError::Incomplete { .. }
            | OpenError::NewerFormat { .. }
            | OpenError::ForeignJournal { .. }
            | OpenError::Locked { .. }
            | OpenError::Option { .. }
            | OpenError::Visit(_)) => Self::Source(Box::new(error)),
        }
    }
}

impl BackupError {
    /// Whether a file was not there.
    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Self::Io(error) => error.is_not_found(),
            Self::NotEmpty { .. }
            | Self::Inside { .. }
            | Self::Corrupt(_)
            | Self::Source(_)
            | Self::Closed
            | Self::Unsupported
            | Self::NotVerified(_)
            | Self::Unavailable(_) => false,
        }
    }
}
