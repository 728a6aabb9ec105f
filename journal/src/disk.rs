//! The `Vfs` with names on its errors: each says operation, path and offset.
//!
//! What an error means (poison, read-only, refuse) is left to the callers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use passbook_planted::Bug;

use crate::error::JournalError;
use crate::vfs::{LockKind, OpenMode, Vfs, VfsFile};

/// A file system whose errors say where they come from.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Arc<dyn Vfs>);

/// One open file that knows its path.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: Box<dyn VfsFile>,
    path: PathBuf,
}

impl Disk {
    pub(crate) fn new(vfs: Arc<dyn Vfs>) -> Self {
        Self(vfs)
    }

    pub(crate) fn open(&self, path: &Path, mode: OpenMode) -> Result<DiskFile, JournalError> {
        let op = match mode {
            OpenMode::Read | OpenMode::ReadWrite => "open",
            OpenMode::CreateNew | OpenMode::CreateOrOpen => "create",
        };
        let file = self.0.open(path, mode).map_err(failed(op, path, 0))?;
        Ok(DiskFile { file, path: path.to_owned() })
    }

    pub(crate) fn list(&self, dir: &Path) -> Result<Vec<String>, JournalError> {
        self.0.list(dir).map_err(failed("list", dir, 0))
    }

    pub(crate) fn create_dir(&self, dir: &Path) -> Result<(), JournalError> {
        self.0.create_dir(dir).map_err(failed("create folder", dir, 0))
    }

    pub(crate) fn rename(&self, source: &Path, target: &Path) -> Result<(), JournalError> {
        self.0.rename(source, target).map_err(failed("rename", source, 0))
    }

    pub(crate) fn hard_link(&self, source: &Path, target: &Path) -> Result<(), JournalError> {
        self.0.hard_link(source, target).map_err(failed("link", source, 0))
    }

    pub(crate) fn unlink(&self, path: &Path) -> Result<(), JournalError> {
        self.0.unlink(path).map_err(failed("remove", path, 0))
    }

    pub(crate) fn fsync_dir(&self, dir: &Path) -> Result<(), JournalError> {
        self.0.fsync_dir(dir).map_err(failed("sync folder", dir, 0))
    }

    /// The first `bytes_max` bytes of a file, fewer if it is shorter.
    pub(crate) fn read_start(
        &self,
        path: &Path,
        bytes_max: usize,
    ) -> Result<Vec<u8>, JournalError> {
        let file = self.open(path, OpenMode::Read)?;
        let mut bytes = vec![0; bytes_max];
        let count = file.read_at(&mut bytes, 0)?;
        bytes.truncate(count);
        Ok(bytes)
    }
}

impl DiskFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads until the buffer is full or the file ends; returns the count.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, JournalError> {
        self.file.pread(buffer, offset).map_err(failed("read", &self.path, offset))
    }

    /// Writes all of the bytes in one call. A short write is a failure: what a second call would
    /// add could no longer be told from a tear.
    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), JournalError> {
        let failed = failed("write", &self.path, offset);
        match self.file.pwrite(bytes, offset) {
            Ok(count) if count == bytes.len() || Bug::ShortWriteBelieved.is_planted() => Ok(()),
            Err(error) if is_swallowed(error.kind()) => Ok(()),
            Ok(_) => Err(failed(io::Error::new(io::ErrorKind::WriteZero, "short write"))),
            Err(error) => Err(failed(error)),
        }
    }

    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        match self.file.fdatasync() {
            Err(error) if is_swallowed(error.kind()) => Ok(()),
            synced => synced,
        }
        .map_err(failed("sync", &self.path, 0))
    }

    pub(crate) fn len(&self) -> Result<u64, JournalError> {
        self.file.len().map_err(failed("measure", &self.path, 0))
    }

    pub(crate) fn try_lock(&self, kind: LockKind) -> Result<bool, JournalError> {
        self.file.try_lock(kind).map_err(failed("lock", &self.path, 0))
    }
}

/// Whether an error of this kind is to be swallowed: never, but for a planted bug.
fn is_swallowed(kind: io::ErrorKind) -> bool {
    (kind == io::ErrorKind::StorageFull && Bug::FullDiskSwallowed.is_planted())
        || (kind == io::ErrorKind::Interrupted && Bug::InterruptionSwallowed.is_planted())
}

fn failed(op: &'static str, path: &Path, offset: u64) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::Io { op, path, offset, source }
}
