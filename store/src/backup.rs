//! Copies of a whole ledger, and the way back; nothing is a copy until it was read again.
//!
//! Copying is left to the journal, beside whose writer it goes on.

use std::{path::Path, sync::Arc};

use passbook_journal::{
    BackupError, BackupInfo, Damage, Evidence, FileJournal, Journal, RealVfs, RestoreInfo, Tail,
    VerifyOptions, Vfs, verify,
};

use crate::error::LedgerError;

/// Copies what is durable of a journal, however it is open, into a folder that is empty or missing;
/// then reads every byte of the copy. Files that never change any more are shared with the source
/// where the file system allows it: such a copy does not outlive a bad disk.
///
/// # Errors
/// [`LedgerError::Backup`]; the source goes on as it was. A copy that does not verify stays, to be
/// looked at.
pub fn backup(
    journal: &dyn Journal,
    into: &Path,
    vfs: Arc<dyn Vfs>,
) -> Result<BackupInfo, LedgerError> {
    let info = journal.backup(into)?;
    check(into, info.sequence, vfs)?;
    tracing::info!(sequence = info.sequence, path = %into.display(), "backed up");
    Ok(info)
}

/// Makes a ledger of a backup in a folder that is empty or missing, and reads every byte of it. It
/// shares nothing with the backup, which is only read.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let (store, backup, into) =
/// #     (folder.path().join("store"), folder.path().join("backup"), folder.path().join("then"));
/// let sessions = passbook::SessionStore::open(&store)?;
/// let token = sessions.create("ann".to_owned());
/// sessions.ledger().backup(&backup)?;
/// sessions.revoke_all_for_user("ann");
///
/// passbook::restore(&backup, &into)?;
/// let then = passbook::SessionStore::open(&into)?;
/// assert_eq!(then.get(&token.token.expose()).expect("live then").user_id, "ann");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`LedgerError::Backup`].
pub fn restore(backup: &Path, into: &Path) -> Result<RestoreInfo, LedgerError> {
    let info = passbook_journal::restore(backup, into, Arc::new(RealVfs))?;
    check(into, info.sequence, Arc::new(RealVfs))?;
    Ok(info)
}

/// Opens the copy, and reads every byte of it.
fn check(copy: &Path, sequence: u64, vfs: Arc<dyn Vfs>) -> Result<(), BackupError> {
    let journal = FileJournal::open_read_only(copy, Arc::clone(&vfs))?;
    let mut damages = verify(copy, vfs, &VerifyOptions::default())?.damages;
    if let Tail::Ambiguous(damage) | Tail::Corrupt(damage) = journal.tail() {
        damages.push(damage.clone());
    }
    if journal.durable() != sequence {
        damages.push(Damage {
            path: copy.to_owned(),
            offset: 0,
            sequence_first: sequence,
            sequence_last: None,
            why: format!("it ends at @{}, not at @{sequence}", journal.durable()),
            evidence: Evidence::AlwaysDurable,
        });
    }
    match damages.into_iter().next() {
        Some(damage) => Err(BackupError::NotVerified(Box::new(damage))),
        None => Ok(()),
    }
}
