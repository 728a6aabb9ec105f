//! What can go wrong, by what the caller can do about it.

use std::sync::Arc;

use passbook_core::{
    Completed, LimitError, Rejection, codec::CodecError, session::RESERVED_PREFIX,
};
use passbook_journal::{
    AppendError, BackupError, CloseError, CompactError, JournalError, OpenError, ReadError,
    ReadOnlyReason, SnapshotError,
};
use passbook_projections::rows::BackendError;
use thiserror::Error;

use crate::{ports::EntropyError, replay::FixtureError};

/// Why the ledger did not do what was asked. [`code`](Self::code) is stable.
#[derive(Debug, Clone, Error)]
pub enum LedgerError {
    /// A value is out of its limits. Nothing was written; change the value.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The command may not be carried out in this state. Nothing was written.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Session data that is no JSON. Nothing was written.
    #[error("the value is no JSON: {0}")]
    NotJson(String),
    /// A key of session data that Passbook keeps for itself. Nothing was written.
    #[error("keys of session data that begin with `{}` are reserved", RESERVED_PREFIX)]
    ReservedKey,
    /// A command of this idempotency key was carried out before. Its token was handed out then and
    /// is kept nowhere.
    #[error("a command of this key was carried out before, at @{}", .0.sequence)]
    AlreadyDone(Completed),
    /// The medium failed while this change was in flight: it may or may not be there after the next
    /// start. Ask again then, or send the same idempotency key again.
    #[error("the medium failed while this change was in flight: it may or may not have happened")]
    CommitIndeterminate(#[source] Arc<JournalError>),
    /// The medium failed before: reads go on, nothing more can be written until the ledger is opened
    /// again. Nothing was written.
    #[error("the ledger can't write any more: its medium failed")]
    Unavailable(#[source] Arc<JournalError>),
    /// There is no room for the next segment. Nothing was written; space is looked for at each try.
    #[error("the ledger can't write now: {0}")]
    ReadOnly(ReadOnlyReason),
    /// One command would write more than one group may hold. Nothing was written.
    #[error("the command is too large for one group")]
    TooLarge(#[source] AppendError),
    /// The ledger was closed. Nothing was written.
    #[error("the ledger is closed")]
    Closed,
    /// The operating system has no randomness for a token. Nothing was written.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The folder can't be opened as a ledger: who has it, what is damaged, what to do.
    #[error(transparent)]
    Open(Arc<OpenError>),
    /// The journal holds an event that this version can't read.
    #[error("the event @{sequence} can't be read")]
    Event {
        /// Its sequence.
        sequence: u64,
        /// What is wrong with it.
        #[source]
        cause: Arc<CodecError>,
    },
    /// The journal can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A snapshot could not be taken or read. The ledger goes on without.
    #[error(transparent)]
    Snapshot(Arc<SnapshotError>),
    /// A compaction ended early. What it had done stays done, nothing is lost; try again.
    #[error(transparent)]
    Compact(Arc<CompactError>),
    /// A backup or a restore came to nothing. What it was made of is as it was.
    #[error(transparent)]
    Backup(Arc<BackupError>),
    /// A salvaged ledger does not hold what was read of the damaged one. Remove it, see to it that
    /// nobody writes to the damaged one, and try again.
    #[error(
        "the salvaged ledger has {found} events where {expected} were read: did somebody write to the \
         damaged one meanwhile?"
    )]
    Salvage {
        /// Events that were read at first.
        expected: u64,
        /// Events that were written.
        found: u64,
    },
    /// The state after that event can't be told any more, or not yet.
    #[error("the state after @{sequence} is not kept: what is there begins at @{first}")]
    NotRetained {
        /// The event asked for.
        sequence: u64,
        /// The first event that is kept.
        first: u64,
    },
    /// The state at that time can't be told any more.
    #[error("the state at {at_ms} ms is not kept: what is there begins at @{first}")]
    TimeNotRetained {
        /// The time asked for, in Unix milliseconds.
        at_ms: u64,
        /// The event from which on states are kept.
        first: u64,
        /// When that was recorded, in Unix milliseconds; `None` if it is not known.
        first_ms: Option<u64>,
    },
    /// No login of that session, or event with that token, is kept: there never was one, or it is
    /// from before the first event that is kept.
    #[error("there is no trace of it in @{first} .. @{last}, which is what is kept")]
    NoTrace {
        /// The first event that is kept; 1 = all are, and there never was one.
        first: u64,
        /// The last event.
        last: u64,
    },
    /// The bytes are no fixture: what is wrong with them, and where.
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    /// All changes are settled, but closing was not clean.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// A backend that sessions are written through to failed. Memory has the change, so an ended
    /// session is dead; the write is tried again until it succeeds.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The journal was changed by someone else than this ledger, or an invariant does not hold.
    #[error("a mistake of Passbook: {0}")]
    Internal(String),
}

impl From<SnapshotError> for LedgerError {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(Arc::new(error))
    }
}

impl From<CompactError> for LedgerError {
    fn from(error: CompactError) -> Self {
        Self::Compact(Arc::new(error))
    }
}

impl From<BackupError> for LedgerError {
    fn from(error: BackupError) -> Self {
        Self::Backup(Arc::new(error))
    }
}

impl LedgerError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Limit(_) => "auth:limit",
            Self::Rejected(rejection) => rejection.code(),
            Self::NotJson(_) => "auth:not_json",
            Self::ReservedKey => "auth:reserved_key",
            Self::AlreadyDone(_) => "ledger:already_done",
            Self::CommitIndeterminate(_) => "ledger:commit_indeterminate",
            Self::Unavailable(_) => "ledger:unavailable",
            Self::ReadOnly(_) => "ledger:read_only",
            Self::TooLarge(_) => "ledger:too_large",
            Self::Closed => "ledger:closed",
            Self::Entropy(_) => "ledger:no_entropy",
            Self::Open(error) => open_code(error),
            Self::Event { .. } => "ledger:unknown_event",
            Self::Read(_) => "ledger:corrupt",
            Self::Snapshot(_) => "ledger:snapshot",
            Self::Compact(_) => "ledger:compaction",
            Self::Backup(_) => "ledger:backup",
            Self::Salvage { .. } => "ledger:salvage",
            Self::NotRetained { .. } | Self::TimeNotRetained { .. } => "ledger:not_retained",
            Self::NoTrace { .. } => "ledger:no_trace",
            Self::Fixture(_) => "fixture:malformed",
            Self::Close(_) => "ledger:not_closed",
            Self::Backend(_) => "ledger:backend",
            Self::Internal(_) => "ledger:internal",
        }
    }

    /// The journal did not take a group.
    pub(crate) fn of_append(error: AppendError) -> Self {
        match error {
            AppendError::Unavailable(cause) => Self::Unavailable(cause),
            AppendError::ReadOnly(reason) => Self::ReadOnly(reason),
            AppendError::TooLarge { .. } => Self::TooLarge(error),
            AppendError::Closed => Self::Closed,
            AppendError::Conflict { .. }
            | AppendError::Empty
            | AppendError::TimeBackwards { .. } => Self::Internal(error.to_string()),
        }
    }
}

fn open_code(error: &OpenError) -> &'static str {
    match error {
        OpenError::Missing { .. } => "ledger:missing",
        OpenError::NotALedger { .. } => "ledger:not_a_ledger",
        OpenError::Incomplete { .. } => "ledger:incomplete",
        OpenError::NewerFormat { .. } => "ledger:newer_format",
        OpenError::ForeignJournal { .. } => "ledger:foreign_journal",
        OpenError::Locked { .. } => "ledger:locked",
        OpenError::Corrupt(_) => "ledger:corrupt",
        OpenError::Ambiguous(_) => "ledger:ambiguous_tail",
        OpenError::NoSpace(_) => "ledger:no_space",
        OpenError::NotWritable(_) => "ledger:not_writable",
        OpenError::Io(_) => "ledger:io",
        OpenError::Option { .. } => "ledger:option",
        OpenError::Visit(_) => "ledger:internal",
    }
}
