//! The port to the file system: every call that the journal makes goes through it.
//!
//! So a test can count the calls, cut the power at any of them or let any of them fail
//! (`SimVfs`, with the feature `sim`). What the bytes mean is left to `format`.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

mod real;
#[cfg(feature = "sim")]
pub(crate) mod sim;

pub use real::RealVfs;

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OpenMode {
    /// It must exist; only reading.
    Read,
    /// It must exist; reading and writing.
    ReadWrite,
    /// It must not exist; reading and writing.
    CreateNew,
    /// It may exist; reading and writing.
    CreateOrOpen,
}

/// Who may hold a lock beside us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockKind {
    /// Nobody.
    Exclusive,
    /// Other shared holders.
    Shared,
}

/// The file system, or a simulation of it.
///
/// Paths are whole paths. Calls block. An interrupted call is repeated inside, every other error
/// comes out as it is.
pub trait Vfs: Send + Sync + Debug {
    /// Opens a file. Every call gives a descriptor of its own: a duplicated one could swallow
    /// the other's error.
    ///
    /// # Errors
    /// The operating system's.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn VfsFile>>;

    /// Names of the files and folders in a folder, sorted. Names that aren't UTF-8 come out
    /// lossy: they can't be ours.
    ///
    /// # Errors
    /// The operating system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Creates one folder. Not durable until [`fsync_dir`](Self::fsync_dir) of its parent.
    ///
    /// # Errors
    /// The operating system's.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Renames a file over whatever has that name. Not durable until
    /// [`fsync_dir`](Self::fsync_dir).
    ///
    /// # Errors
    /// The operating system's.
    fn rename(&self, source: &Path, target: &Path) -> io::Result<()>;

    /// Removes a file. Not durable until [`fsync_dir`](Self::fsync_dir).
    ///
    /// # Errors
    /// The operating system's.
    fn unlink(&self, path: &Path) -> io::Result<()>;

    /// Where the operating system has that path, for libraries that open files themselves; `None` in
    /// a simulation.
    fn real_path(&self, _path: &Path) -> Option<PathBuf> {
        None
    }

    /// Gives a file a second name, in any folder of the same file system. Not durable until
    /// [`fsync_dir`](Self::fsync_dir) of the target's folder.
    ///
    /// # Errors
    /// The operating system's: among them that the target exists, lies on another file system, or
    /// on one without such links.
    fn hard_link(&self, source: &Path, target: &Path) -> io::Result<()>;

    /// Makes creations, renames and removals in a folder durable.
    ///
    /// # Errors
    /// The operating system's.
    fn fsync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// One open file.
pub trait VfsFile: Send + Sync + Debug {
    /// Reads at `offset` (bytes) until `buffer` is full or the file ends; returns the count.
    ///
    /// # Errors
    /// The operating system's.
    fn pread(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at `offset` (bytes) and returns how many bytes were taken: fewer than given is a
    /// failure to whoever calls.
    ///
    /// # Errors
    /// The operating system's.
    fn pwrite(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes everything written to the file durable, through whichever descriptor it came.
    ///
    /// # Errors
    /// The operating system's. What was written since the last success is then indeterminate.
    fn fdatasync(&self) -> io::Result<()>;

    /// Length of the file in bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file is empty.
    ///
    /// # Errors
    /// The operating system's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Takes the advisory lock if nobody holds it in a way that conflicts; `false` if somebody
    /// does. The lock goes with the file.
    ///
    /// # Errors
    /// The operating system's.
    fn try_lock(&self, kind: LockKind) -> io::Result<bool>;
}
