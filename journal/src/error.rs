//! The errors of the journal, by what the caller can do about them.
//!
//! Each names path, offset and operation where there is one; the cause is in `source()`. Printing
//! them, and choosing an exit code, is left to the caller.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::damage::{Damage, Evidence};

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
    /// The operating system's kind of error, if it was one.
    pub fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            Self::Injected(_) => None,
        }
    }

    /// Whether the cause is a full disk.
    pub fn is_disk_full(&self) -> bool {
        matches!(self.kind(), Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.kind() == Some(io::ErrorKind::NotFound)
    }
}

/// Why a ledger can't be opened. Nothing has been written in any of these cases, except that a
/// failure of the disk may come in the middle of a repair, which the next opening repeats.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such folder, or it is empty. Create it, or look elsewhere.
    #[error("there is no ledger in {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds something else. Choose another: nothing is created among foreign files.
    #[error("{} is not a ledger: it holds {found:?} and no MANIFEST", path.display())]
    NotALedger {
        /// The folder.
        path: PathBuf,
        /// A name in it that isn't ours.
        found: String,
    },
    /// A backup, a restore or a salvage into this folder was cut short, or is under way: what is
    /// here is not all. Remove the folder and do it again.
    #[error("{} is not whole: what wrote it was cut short", path.display())]
    Incomplete {
        /// The folder.
        path: PathBuf,
    },
    /// A newer version wrote it. Update the program.
    #[error("{} has format {found}; this program reads up to {supported}", path.display())]
    NewerFormat {
        /// The file that says so.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version that this code reads.
        supported: u32,
    },
    /// A file belongs to another ledger: somebody mixed two folders. Put back the right one.
    #[error("{} belongs to another ledger", path.display())]
    ForeignJournal {
        /// The file.
        path: PathBuf,
    },
    /// Another process has it open for writing. Stop it, talk to it, or open read-only.
    #[error("the ledger is in use: {} is held by {}", path.display(), holder(*pid, owner))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The holder's process, if its note can be read.
        pid: Option<u32>,
        /// What the holder called itself; empty if its note can't be read.
        owner: String,
        /// Since when, in Unix milliseconds, if its note can be read.
        since_ms: Option<u64>,
    },
    /// Acknowledged bytes are damaged. Restore a backup, or salvage into a new folder.
    #[error("{0}")]
    Corrupt(Box<Damage>),
    /// The last write doesn't verify, and it can't be a plain power cut. If it need not be kept,
    /// open with [`AmbiguousTail::Quarantine`](crate::AmbiguousTail::Quarantine): the bytes are
    /// copied aside and the journal ends before them.
    #[error("{0}")]
    Ambiguous(Box<Damage>),
    /// No room. Free some and open again.
    #[error("there is no space left")]
    NoSpace(#[source] Arc<JournalError>),
    /// The folder may not be written. Change its rights, or open read-only.
    #[error("the ledger may not be written")]
    NotWritable(#[source] Arc<JournalError>),
    /// The file system failed.
    #[error("opening failed")]
    Io(#[source] Arc<JournalError>),
    /// An option is out of its range: a mistake of the caller.
    #[error("option {name}: {value} is not in {min} ..= {max}")]
    Option {
        /// The option.
        name: &'static str,
        /// What was asked for.
        value: u64,
        /// The smallest allowed.
        min: u64,
        /// The largest allowed.
        max: u64,
    },
    /// The caller's own visitor failed.
    #[error("a recovered record was refused")]
    Visit(#[source] BoxError),
}

fn holder(pid: Option<u32>, owner: &str) -> String {
    match pid {
        Some(pid) => format!("pid {pid} ({owner})"),
        None => "an unknown process".to_owned(),
    }
}

impl OpenError {
    /// Damage to a part that is durable before it is used.
    pub(crate) fn corrupt(path: &Path, offset: u64, sequence_first: u64, why: &str) -> Self {
        Self::Corrupt(Box::new(Damage {
            path: path.to_owned(),
            offset,
            sequence_first,
            sequence_last: None,
            why: why.to_owned(),
            evidence: Evidence::AlwaysDurable,
        }))
    }
}

impl From<JournalError> for OpenError {
    fn from(error: JournalError) -> Self {
        let error = Arc::new(error);
        match error.kind() {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Self::NoSpace(error),
            Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                Self::NotWritable(error)
            }
            Some(_) | None => Self::Io(error),
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
    /// Compaction or retention has dropped that record. Read from `first` on; records before it
    /// may be in the archive, see [`Journal::read_kept`](crate::Journal::read_kept).
    #[error("the records before @{first} were dropped")]
    Trimmed {
        /// Sequence of the first record that is still there.
        first: u64,
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
