//! Copies of a whole ledger, and the way back; nothing is a copy until it was read again.
//!
//! Copying is left to the journal, beside whose writer it goes on.

use std::{path::Path, sync::Arc};

use passbook_journal::{
    BackupError, BackupInfo, Damage, Evidence, FileJournal, Journal, Progress, RealVfs,
    RestoreInfo, Tail, VerifyOptions, Vfs, verify,
};

use crate::error::LedgerError;

/// How far a backup or a restore is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// What is being done.
    pub phase: CopyPhase,
    /// Bytes that are done of this phase.
    pub done_bytes: u64,
    /// Bytes that there are to do in it, as far as is known.
    pub total_bytes: u64,
}

/// What a backup or a restore does, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyPhase {
    /// Writes the copy.
    Copy,
    /// Reads it again.
    Verify,
}

/// Who hears how far it is; from any thread.
type Told<'a> = dyn Fn(CopyProgress) + Sync + 'a;

impl CopyPhase {
    fn at(self, progress: Progress) -> CopyProgress {
        let Progress { done_bytes, total_bytes } = progress;
        CopyProgress { phase: self, done_bytes, total_bytes }
    }
}

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
    backup_with(journal, into, vfs, &|_| ())
}

/// As [`backup`]; `told` hears how far it is.
///
/// # Errors
/// [`LedgerError::Backup`].
pub fn backup_with(
    journal: &dyn Journal,
    into: &Path,
    vfs: Arc<dyn Vfs>,
    told: &Told<'_>,
) -> Result<BackupInfo, LedgerError> {
    let info = journal.backup_with(into, &|at| told(CopyPhase::Copy.at(at)))?;
    check(into, info.sequence, vfs, told)?;
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
    restore_with(backup, into, &|_| ())
}

/// As [`restore`]; `told` hears how far it is.
///
/// # Errors
/// [`LedgerError::Backup`].
pub fn restore_with(
    backup: &Path,
    into: &Path,
    told: &Told<'_>,
) -> Result<RestoreInfo, LedgerError> {
    let copied = |at| told(CopyPhase::Copy.at(at));
    let info = passbook_journal::restore_with(backup, into, Arc::new(RealVfs), &copied)?;
    check(into, info.sequence, Arc::new(RealVfs), told)?;
    Ok(info)
}

/// Opens the copy, and reads every byte of it.
fn check(
    copy: &Path,
    sequence: u64,
    vfs: Arc<dyn Vfs>,
    told: &Told<'_>,
) -> Result<(), BackupError> {
    let journal = FileJournal::open_read_only(copy, Arc::clone(&vfs))?;
    let checked = |at| told(CopyPhase::Verify.at(at));
    let options = VerifyOptions { progress: Some(&checked), ..VerifyOptions::default() };
    let mut damages = verify(copy, vfs, &options)?.damages;
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
