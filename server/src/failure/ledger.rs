//! From errors of the ledger and its journal to what a person can do about them, and the exit code.

mod backup;

use std::{io, path::Path};

use passbook::{
    LedgerError,
    journal::{
        CloseError, CompactError, JournalError, OpenError, ReadError, ReadOnlyReason, SnapshotError,
    },
};
use serde_json::json;

use super::{Exit, Failure, chain};
use crate::render::time;

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        LedgerError::Open(std::sync::Arc::new(error)).into()
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        LedgerError::Read(error).into()
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let code = error.code();
        let exit = exit_of(&error);
        match &error {
            LedgerError::Open(open) => of_open(open, code, exit),
            LedgerError::Read(read) => of_read(read),
            LedgerError::Limit(limit) => Self::new(exit, code, limit.to_string()),
            LedgerError::Event { sequence, .. } => {
                Self::new(exit, code, format!("the event @{sequence} can't be read"))
                    .why(chain(&error))
                    .help("a newer version of passbook may have written it: use that one")
                    .field("sequence", json!(sequence))
            }
            LedgerError::CommitIndeterminate(_) => Self::new(exit, code, error.to_string())
                .why(chain(&error))
                .help("look whether it is there before you try again: passbook journal tail"),
            LedgerError::ReadOnly(reason) => Self::new(exit, code, error.to_string())
                .why(chain(reason))
                .help("free some space and try again; nothing was written"),
            LedgerError::Unavailable(_) => Self::new(exit, code, error.to_string())
                .why(chain(&error))
                .help("look at the disk, then try again"),
            LedgerError::NotRetained { sequence, first } => {
                Self::new(exit, code, error.to_string())
                    .help("a state is kept from the oldest snapshot on: passbook snapshot list")
                    .field("sequence", json!(sequence))
                    .field("sequence_first", json!(first))
            }
            LedgerError::TimeNotRetained { at_ms, first, .. } => {
                Self::new(exit, code, error.to_string())
                    .help("a state is kept from the oldest snapshot on: passbook snapshot list")
                    .field("at_ms", json!(at_ms))
                    .field("sequence_first", json!(first))
            }
            LedgerError::NoTrace { first, last } => Self::new(exit, code, error.to_string())
                .help("look at the id; what was removed by retention can't be told")
                .field("sequence_first", json!(first))
                .field("sequence_last", json!(last)),
            LedgerError::Backend(backend) => Self::new(exit, code, "the database failed")
                .why(backend.to_string())
                .help("the store is as it was, and so are rows that were written; see to the database and try again"),
            LedgerError::Compact(compact) => of_compact(compact, code, exit),
            LedgerError::Backup(backup) => backup::failure(backup),
            LedgerError::Rejected(_)
            | LedgerError::NotJson(_)
            | LedgerError::ReservedKey
            | LedgerError::AlreadyDone(_)
            | LedgerError::TooLarge(_)
            | LedgerError::Closed
            | LedgerError::Entropy(_)
            | LedgerError::Snapshot(_)
            | LedgerError::Close(_)
            | LedgerError::Salvage { .. }
            | LedgerError::Fixture(_)
            | LedgerError::Internal(_) => Self::new(exit, code, chain(&error)),
        }
    }
}

/// The table from errors to exit codes.
fn exit_of(error: &LedgerError) -> Exit {
    match error {
        LedgerError::Limit(_) => Exit::Usage,
        LedgerError::CommitIndeterminate(_) => Exit::Unknown,
        LedgerError::Backend(_)
        | LedgerError::Unavailable(_)
        | LedgerError::ReadOnly(ReadOnlyReason::DiskFull(_) | ReadOnlyReason::NotPrepared(_))
        | LedgerError::Close(CloseError::Poisoned(_) | CloseError::Watermark(_)) => {
            Exit::Unwritable
        }
        LedgerError::ReadOnly(ReadOnlyReason::OpenedReadOnly) => Exit::NotAllowed,
        LedgerError::NotRetained { .. }
        | LedgerError::TimeNotRetained { .. }
        | LedgerError::NoTrace { .. } => Exit::NotFound,
        LedgerError::Open(open) => exit_of_open(open),
        LedgerError::Compact(compact) => exit_of_compact(compact),
        LedgerError::Snapshot(snapshot) => exit_of_snapshot(snapshot),
        LedgerError::Backup(backup) => backup::failure(backup).exit(),
        LedgerError::Rejected(_)
        | LedgerError::NotJson(_)
        | LedgerError::ReservedKey
        | LedgerError::AlreadyDone(_)
        | LedgerError::TooLarge(_)
        | LedgerError::Closed
        | LedgerError::Entropy(_)
        | LedgerError::Event { .. }
        | LedgerError::Read(_)
        | LedgerError::Salvage { .. }
        | LedgerError::Fixture(_)
        | LedgerError::Internal(_) => Exit::Failed,
    }
}

fn exit_of_compact(error: &CompactError) -> Exit {
    match error {
        CompactError::Stopped => Exit::Interrupted,
        CompactError::Io(_) | CompactError::Unavailable(_) => Exit::Unwritable,
        CompactError::Corrupt(_)
        | CompactError::Running
        | CompactError::ReadOnly
        | CompactError::Closed
        | CompactError::NoSnapshot { .. }
        | CompactError::BadSnapshot(_)
        | CompactError::TooLarge { .. } => Exit::Failed,
    }
}

fn exit_of_snapshot(error: &SnapshotError) -> Exit {
    match error {
        SnapshotError::Io(_) | SnapshotError::Unavailable(_) => Exit::Unwritable,
        SnapshotError::Missing { .. } => Exit::NotFound,
        SnapshotError::OutOfRange { .. }
        | SnapshotError::Busy
        | SnapshotError::TooLarge { .. }
        | SnapshotError::NoSection { .. }
        | SnapshotError::Corrupt { .. }
        | SnapshotError::Records(_)
        | SnapshotError::OpenedReadOnly
        | SnapshotError::Closed => Exit::Failed,
    }
}

fn exit_of_open(error: &OpenError) -> Exit {
    match error {
        OpenError::Missing { .. } => Exit::NotFound,
        OpenError::Locked { .. } => Exit::Busy,
        OpenError::NotWritable(cause) if is_denied(cause) => Exit::NotAllowed,
        OpenError::NoSpace(_) | OpenError::NotWritable(_) => Exit::Unwritable,
        OpenError::NotALedger { .. }
        | OpenError::Incomplete { .. }
        | OpenError::NewerFormat { .. }
        | OpenError::ForeignJournal { .. }
        | OpenError::Corrupt(_)
        | OpenError::Ambiguous(_)
        | OpenError::Io(_)
        | OpenError::Option { .. }
        | OpenError::Visit(_) => Exit::Failed,
    }
}

fn is_denied(cause: &JournalError) -> bool {
    cause.kind() == Some(io::ErrorKind::PermissionDenied)
}

/// Why a folder can't be opened as a ledger.
fn of_open(error: &OpenError, code: &'static str, exit: Exit) -> Failure {
    let failure = Failure::new(exit, code, error.to_string());
    match error {
        OpenError::Missing { path } => Failure::new(
            exit,
            code,
            format!("there is no store in {}", path.display()),
        )
        .help("name it with --store DIR, or make one: passbook session create, passbook import")
        .field("path", json!(path)),
        OpenError::NotALedger { path, found } => {
            let path_shown = path.display();
            let what = format!("{path_shown} is no store: it holds {found:?} and no MANIFEST");
            Failure::new(exit, code, what)
                .help("name another folder with --store DIR")
                .field("path", json!(path))
        }
        OpenError::Incomplete { path } => {
            let what = format!("{} is not whole", path.display());
            Failure::new(exit, code, what)
                .why("a backup, a restore or a salvage into it was cut short, or is under way")
                .help("if none is at work: remove the folder, and do it again")
                .field("path", json!(path))
        }
        OpenError::NewerFormat { path, .. } => {
            failure.help("use the version of passbook that wrote it").field("path", json!(path))
        }
        OpenError::ForeignJournal { path } => {
            failure.help("put the right file back").field("path", json!(path))
        }
        OpenError::Locked { path, pid, owner, since_ms } => {
            of_lock(code, path, *pid, owner, *since_ms)
        }
        OpenError::Corrupt(damage) | OpenError::Ambiguous(damage) => {
            Failure::new(exit, code, "the store is damaged")
                .why(damage.to_string())
                .help(backup::remedy(damage))
                .field("path", json!(damage.path))
                .field("offset", json!(damage.offset))
                .field("sequence_first", json!(damage.sequence_first))
        }
        OpenError::NoSpace(_) => failure.why(chain(error)).help("free some and try again"),
        OpenError::NotWritable(_) => {
            failure.why(chain(error)).help("change its rights, or use a verb that only reads")
        }
        OpenError::Io(_) | OpenError::Visit(_) => failure.why(chain(error)),
        OpenError::Option { .. } => failure,
    }
}

fn of_lock(
    code: &'static str,
    path: &Path,
    pid: Option<u32>,
    owner: &str,
    since_ms: Option<u64>,
) -> Failure {
    let holder = match (pid, owner) {
        (Some(pid), "") => format!("pid {pid}"),
        (Some(pid), owner) => format!("pid {pid} ({owner})"),
        (None, _) => "another process".to_owned(),
    };
    let since = since_ms.filter(|since_ms| *since_ms > 0);
    let held = match since {
        Some(since_ms) => {
            format!("{} is held since {}", path.display(), time::human(since_ms, &time::Zone::Utc))
        }
        None => format!("{} is held", path.display()),
    };
    Failure::new(Exit::Busy, code, format!("the store is in use by {holder}"))
        .why(held)
        .help("wait until it is done, or stop it; verbs that only read work meanwhile")
        .field("pid", json!(pid))
        .field("owner", json!(owner))
        .field("since", json!(since.map(time::rfc_3339)))
}

/// Why a compaction ended early.
fn of_compact(error: &CompactError, code: &'static str, exit: Exit) -> Failure {
    match error {
        CompactError::Stopped => Failure::new(exit, code, "stopped; nothing is lost")
            .why("what was archived until then stays so, the rest is as it was")
            .help("passbook compact takes it up again"),
        CompactError::Corrupt(damage) => {
            Failure::new(exit, code, "the store is damaged; what is damaged was left as it is")
                .why(damage.to_string())
                .help("see all of it with: passbook verify; then put a good copy in its place")
                .field("path", json!(damage.path))
                .field("offset", json!(damage.offset))
                .field("sequence_first", json!(damage.sequence_first))
        }
        CompactError::Io(_)
        | CompactError::Running
        | CompactError::ReadOnly
        | CompactError::Closed
        | CompactError::Unavailable(_)
        | CompactError::NoSnapshot { .. }
        | CompactError::BadSnapshot(_)
        | CompactError::TooLarge { .. } => Failure::new(exit, code, chain(error)),
    }
}

/// Why records can't be read.
fn of_read(error: &ReadError) -> Failure {
    match error {
        ReadError::Corrupt { path, offset, sequence, .. } => {
            Failure::new(Exit::Failed, "ledger:corrupt", "the store is damaged")
                .why(error.to_string())
                .help("see all of it with: passbook verify; then put a good copy in its place")
                .field("path", json!(path))
                .field("offset", json!(offset))
                .field("sequence_first", json!(sequence))
        }
        ReadError::Trimmed { first } => {
            Failure::new(Exit::Failed, "ledger:trimmed", "these records were dropped")
                .why(error.to_string())
                .help(format!("what is kept begins later: read from @{first} on"))
                .field("sequence_first", json!(first))
        }
        ReadError::Io(_) => {
            Failure::new(Exit::Failed, "ledger:io", "the store can't be read").why(chain(error))
        }
    }
}
