//! Why a backup, a restore or a salvage came to nothing, and what to do with a store that is damaged.

use std::sync::Arc;

use passbook::journal::{BackupError, Damage, OpenError};
use serde_json::json;

use crate::failure::{Exit, Failure, chain};

/// What a person can do about acknowledged bytes that don't verify.
pub(super) fn remedy(damage: &Damage) -> &'static str {
    if damage.is_rollback() {
        return "put the newer copy back; to go on without what is missing: --accept-rollback with \
                a verb that writes";
    }
    "see all of it with: passbook verify; then passbook restore BACKUP --into DIR, or \
     passbook journal salvage --into DIR"
}

pub(super) fn failure(error: &Arc<BackupError>) -> Failure {
    let new = |exit, what: &str| Failure::new(exit, "ledger:backup", what);
    match &**error {
        BackupError::NotEmpty { path, .. } => new(Exit::Failed, "the folder is not empty")
            .why(error.to_string())
            .help("name a folder that is empty or not there; nothing was written")
            .field("path", json!(path)),
        BackupError::Inside { path } => new(Exit::Failed, "the folder lies in the store")
            .why(error.to_string())
            .help("name a folder elsewhere, best on another disk; nothing was written")
            .field("path", json!(path)),
        BackupError::Corrupt(damage) => new(Exit::Failed, "what is to be copied is damaged")
            .why(damage.to_string())
            .help(remedy(damage))
            .field("path", json!(damage.path))
            .field("offset", json!(damage.offset)),
        BackupError::NotVerified(damage) => new(Exit::Bad, "the copy does not verify")
            .why(damage.to_string())
            .help("don't rely on it; look at what it was made of too: passbook verify")
            .field("path", json!(damage.path))
            .field("offset", json!(damage.offset)),
        BackupError::Source(source) => match &**source {
            OpenError::Missing { path } => {
                new(Exit::NotFound, &format!("there is no backup in {}", path.display()))
                    .help("see which there are: passbook backup list DIR")
                    .field("path", json!(path))
            }
            OpenError::Incomplete { path } => new(Exit::Failed, "the backup is not whole")
                .why(chain(error))
                .help("remove it, and see which are whole: passbook backup list DIR")
                .field("path", json!(path)),
            OpenError::NotALedger { .. }
            | OpenError::NewerFormat { .. }
            | OpenError::ForeignJournal { .. }
            | OpenError::Locked { .. }
            | OpenError::Corrupt(_)
            | OpenError::Ambiguous(_)
            | OpenError::NoSpace(_)
            | OpenError::NotWritable(_)
            | OpenError::Io(_)
            | OpenError::Option { .. }
            | OpenError::Visit(_) => {
                new(Exit::Failed, "what is to be copied can't be read").why(chain(error))
            }
        },
        BackupError::Io(cause) | BackupError::Unavailable(cause) => {
            let exit = if cause.is_disk_full() { Exit::Unwritable } else { Exit::Failed };
            new(exit, "copying failed").why(chain(error)).help(
                "what was written until then is marked with a file INCOMPLETE, and may be removed",
            )
        }
        BackupError::Closed | BackupError::Unsupported => new(Exit::Failed, &error.to_string()),
    }
}
