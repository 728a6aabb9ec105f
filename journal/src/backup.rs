//! A copy of a whole ledger as of one moment, made beside its writer or without one, and the way
//! back.
//!
//! Files that never change any more get a second name where the file system allows it: sealed
//! segments, snapshots, archives, stubs. The active segment is copied up to the end of one
//! durable batch. The manifest comes last, so half a copy is no ledger; until then a file says so.
//! Whether every byte is good is left to `verify`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::file::FileJournal;
use crate::journal::Journal;
use crate::layout::Layout;
use crate::read_only::{ReadOnlyJournal, Tail};
use crate::verify::Progress;
use crate::vfs::Vfs;

mod copy;
mod error;

pub(crate) use copy::{Job, Sharing, View};
pub use error::BackupError;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupInfo {
    /// Sequence of its last record; 0 if there is none.
    pub sequence: u64,
    /// Time of that record in Unix milliseconds; 0 if there is none.
    pub time_ms: u64,
    /// Length of all files together.
    pub bytes: u64,
    /// Of these, bytes that are shared with the source and took no room.
    pub linked_bytes: u64,
    /// Number of files.
    pub files: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreInfo {
    /// Sequence of its last record; 0 if there is none.
    pub sequence: u64,
    /// Time of that record in Unix milliseconds; 0 if there is none.
    pub time_ms: u64,
    /// Length of all files together.
    pub bytes: u64,
    /// Number of files.
    pub files: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// Copies a backup, or any ledger that nobody writes, into a folder that is empty or missing.
/// Nothing is shared between the two after; what was not yet whole at the end is left behind.
///
/// ```
/// use passbook_journal::{FileJournal, Options, RealVfs, RecordRef, restore, verify};
/// use std::sync::Arc;
/// let folder = tempfile::tempdir()?;
/// let (source, backup, into) =
///     (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
/// let options = Options { segment_bytes: 1 << 20, ..Options::default() };
/// let (journal, _) = FileJournal::open(&source, options, &mut |_: RecordRef<'_>| Ok(()))?;
/// journal.backup(&backup)?;
/// assert_eq!(restore(&backup, &into, Arc::new(RealVfs))?.sequence, 0);
/// assert!(verify(&into, Arc::new(RealVfs), &Default::default())?.is_good());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`BackupError`]. The backup is only read.
pub fn restore(backup: &Path, into: &Path, vfs: Arc<dyn Vfs>) -> Result<RestoreInfo, BackupError> {
    restore_with(backup, into, vfs, &|_| ())
}

/// As [`restore`]; `told` hears how far it is.
///
/// # Errors
/// [`BackupError`]. The backup is only read.
pub fn restore_with(
    backup: &Path,
    into: &Path,
    vfs: Arc<dyn Vfs>,
    told: &dyn Fn(Progress),
) -> Result<RestoreInfo, BackupError> {
    let journal = FileJournal::open_read_only(backup, vfs)?;
    let BackupInfo { sequence, time_ms, bytes, files, path, .. } =
        journal.copy_into(into, Sharing::Nothing, told)?;
    Ok(RestoreInfo { sequence, time_ms, bytes, files, path })
}

/// Refuses a target for what is to be made of `source` unless it is empty or missing, and lies
/// elsewhere. For who writes into it by other means than this module's.
///
/// # Errors
/// [`BackupError::NotEmpty`], [`BackupError::Inside`], or what the file system failed with.
pub fn check_target(source: &Path, into: &Path, vfs: Arc<dyn Vfs>) -> Result<(), BackupError> {
    copy::check_target(&Disk::new(vfs), source, into)
}

/// Marks a folder, which is made if it is missing, as one that is being filled: until
/// [`mark_complete`], every opening refuses it with [`OpenError::Incomplete`](crate::OpenError::Incomplete), but for
/// [`Create::Unfinished`](crate::Create::Unfinished). For who fills it by other means than this
/// module's; look with [`check_target`] first.
///
/// # Errors
/// [`BackupError::Io`], also if it is marked already.
pub fn mark_incomplete(into: &Path, vfs: Arc<dyn Vfs>) -> Result<(), BackupError> {
    Ok(copy::mark(&Disk::new(vfs), &Layout::new(into))?)
}

/// Takes the mark away, durably. What the folder holds must be closed.
///
/// # Errors
/// [`BackupError::Io`]; the mark may be there still.
pub fn mark_complete(into: &Path, vfs: Arc<dyn Vfs>) -> Result<(), BackupError> {
    Ok(copy::unmark(&Disk::new(vfs), &Layout::new(into))?)
}

impl ReadOnlyJournal {
    /// Copies the ledger as it is at the call, not past what is provably durable, into a folder
    /// that is empty or missing. A writer in another process may go on. Files that never change
    /// any more are shared with the source where the file system allows it.
    ///
    /// # Errors
    /// [`BackupError`]; the ledger goes on as it was.
    pub fn backup(&self, into: &Path) -> Result<BackupInfo, BackupError> {
        self.copy_into(into, Sharing::Links, &|_| ())
    }

    pub(crate) fn copy_into(
        &self,
        into: &Path,
        sharing: Sharing,
        told: &dyn Fn(Progress),
    ) -> Result<BackupInfo, BackupError> {
        let source = &self.survey.layout;
        let look = &mut |newest| {
            let now = Self::look(self.disk.clone(), source)?;
            now.view(newest)
        };
        let job = Job { disk: &self.disk, source, into, sharing, bad: BTreeSet::new(), told };
        job.run(look, &mut |_| Ok(()))
    }

    /// What counts at this moment, given a snapshot at `newest`.
    fn view(self, newest: u64) -> Result<View, BackupError> {
        if let Tail::Ambiguous(damage) | Tail::Corrupt(damage) = self.tail() {
            return Err(BackupError::Corrupt(Box::new(damage.clone())));
        }
        // The watermark may be behind a snapshot, which is only taken of what is durable.
        let through = self.durable().max(newest);
        let survey = self.survey;
        Ok(View { manifest: survey.manifest, segments: survey.segments, through })
    }
}
