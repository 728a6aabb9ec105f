//! The real file system, by plain calls at offsets.
//!
//! The only file of this crate that may call `std::fs`. Retrying anything but an interrupted call
//! is left out on purpose: a failed sync must never be tried again.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{LockKind, OpenMode, Vfs, VfsFile};

const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

/// The operating system's file system. Files and folders it creates belong to their owner alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealVfs;

#[derive(Debug)]
struct RealFile(File);

#[expect(clippy::disallowed_methods, reason = "this is the port that the others must use")]
impl Vfs for RealVfs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn VfsFile>> {
        let mut options = OpenOptions::new();
        match mode {
            OpenMode::Read => options.read(true),
            OpenMode::ReadWrite => options.read(true).write(true),
            OpenMode::CreateNew => options.read(true).write(true).create_new(true),
            OpenMode::CreateOrOpen => options.read(true).write(true).create(true).truncate(false),
        };
        let file = uninterrupted(|| options.mode(FILE_MODE).open(path))?;
        Ok(Box::new(RealFile(file)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in uninterrupted(|| std::fs::read_dir(dir))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        uninterrupted(|| DirBuilder::new().mode(DIR_MODE).create(dir))
    }

    fn rename(&self, source: &Path, target: &Path) -> io::Result<()> {
        uninterrupted(|| std::fs::rename(source, target))
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        uninterrupted(|| std::fs::remove_file(path))
    }

    fn real_path(&self, path: &Path) -> Option<PathBuf> {
        Some(path.to_owned())
    }

    fn hard_link(&self, source: &Path, target: &Path) -> io::Result<()> {
        uninterrupted(|| std::fs::hard_link(source, target))
    }

    fn fsync_dir(&self, dir: &Path) -> io::Result<()> {
        let dir = uninterrupted(|| File::open(dir))?;
        uninterrupted(|| dir.sync_all())
    }
}

impl VfsFile for RealFile {
    fn pread(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (mut rest, mut at) = (buffer, offset);
        let mut count = 0;
        while !rest.is_empty() {
            let read = uninterrupted(|| self.0.read_at(rest, at))?;
            if read == 0 {
                break;
            }
            count += read;
            at += u64::try_from(read).map_err(io::Error::other)?;
            rest = rest.split_at_mut_checked(read).ok_or(io::ErrorKind::InvalidData)?.1;
        }
        Ok(count)
    }

    fn pwrite(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        uninterrupted(|| self.0.write_at(bytes, offset))
    }

    fn fdatasync(&self) -> io::Result<()> {
        uninterrupted(|| self.0.sync_data())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(uninterrupted(|| self.0.metadata())?.len())
    }

    fn try_lock(&self, kind: LockKind) -> io::Result<bool> {
        uninterrupted(|| {
            let attempt = match kind {
                LockKind::Exclusive => self.0.try_lock(),
                LockKind::Shared => self.0.try_lock_shared(),
            };
            match attempt {
                Ok(()) => Ok(true),
                Err(TryLockError::WouldBlock) => Ok(false),
                Err(TryLockError::Error(error)) => Err(error),
            }
        })
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_call_is_repeated_and_a_failed_one_is_not() {
        for (kind, calls) in [(io::ErrorKind::Interrupted, 3), (io::ErrorKind::StorageFull, 1)] {
            let mut count = 0;
            let answer = uninterrupted(|| {
                count += 1;
                if count < 3 { Err(io::Error::from(kind)) } else { Ok(count) }
            });
            assert_eq!((count, answer.is_ok()), (calls, calls == 3), "{kind}");
        }
    }
}
