//! The file in which it stands which rows are to be removed: written before a removal is asked for,
//! read at the next start.
//!
//! A file of its own and not the ledger: a store with a backend has its ledger in memory, and a
//! second journal beside the table would be a second truth. The list is short, and rewriting it
//! whole (a new file, synced, renamed over the old one) leaves no torn state to guess about. A name
//! that stays in it too long harms nobody: no id is given twice.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use passbook_core::SessionId;
use passbook_journal::{OpenMode, Vfs};
use passbook_projections::rows::{
    BackendError,
    removals::{decode, encode},
};

/// The list, and the file that holds it.
#[derive(Debug)]
pub(super) struct Noted {
    /// `None`: the backend names no place, and nothing is noted.
    path: Option<PathBuf>,
    vfs: Arc<dyn Vfs>,
    in_file: BTreeSet<SessionId>,
}

impl Noted {
    /// Reads the file, if there is one.
    pub(super) fn open(path: Option<PathBuf>, vfs: Arc<dyn Vfs>) -> Result<Self, BackendError> {
        let in_file = match &path {
            Some(path) => read(&*vfs, path)?,
            None => BTreeSet::new(),
        };
        Ok(Self { path, vfs, in_file })
    }

    /// What the file names.
    pub(super) fn ids(&self) -> &BTreeSet<SessionId> {
        &self.in_file
    }

    /// Makes the file name at least these, durably. It is written only if one is missing.
    pub(super) fn note(&mut self, ids: BTreeSet<SessionId>) -> Result<(), BackendError> {
        if ids.is_subset(&self.in_file) { Ok(()) } else { self.replace(ids) }
    }

    /// Makes the file name these and no others.
    pub(super) fn replace(&mut self, ids: BTreeSet<SessionId>) -> Result<(), BackendError> {
        if self.path.is_none() || ids == self.in_file {
            return Ok(());
        }
        if let Some(path) = &self.path {
            write(&*self.vfs, path, &ids)
                .map_err(|error| failed("note a removal in", path, &error))?;
        }
        self.in_file = ids;
        Ok(())
    }
}

fn failed(operation: &str, path: &Path, error: &io::Error) -> BackendError {
    BackendError::new("remove", format!("can't {operation} {}: {error}", path.display()))
}

fn read(vfs: &dyn Vfs, path: &Path) -> Result<BTreeSet<SessionId>, BackendError> {
    let file = match vfs.open(path, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(failed("read", path, &error)),
    };
    let whole = || -> io::Result<Vec<u8>> {
        let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        let count = file.pread(&mut bytes, 0)?;
        bytes.truncate(count);
        Ok(bytes)
    };
    let bytes = whole().map_err(|error| failed("read", path, &error))?;
    decode(&bytes).map_err(|damage| {
        BackendError::new(
            "load",
            format!(
                "{} is damaged, {damage}. It names sessions that were ended and whose rows may \
                 still be there. To go on without it, move it away, and revoke the sessions whose \
                 fate is not known",
                path.display()
            ),
        )
    })
}

fn write(vfs: &dyn Vfs, path: &Path, ids: &BTreeSet<SessionId>) -> io::Result<()> {
    let bytes = encode(ids).ok_or_else(|| io::Error::other("too many removals are pending"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let fresh = PathBuf::from(name);
    match vfs.unlink(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = vfs.open(&fresh, OpenMode::CreateNew)?;
    if file.pwrite(&bytes, 0)? != bytes.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    file.fdatasync()?;
    vfs.rename(&fresh, path)?;
    vfs.fsync_dir(folder.unwrap_or(Path::new(".")))
}
