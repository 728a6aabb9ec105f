//! A file system in memory that keeps what is durable apart from what is not.
//!
//! It can cut the power at any call, show every state the medium may then be in, fail any call
//! once or for ever, fill up, and flip bits. Folders are as strict as POSIX allows: a creation,
//! rename or removal may be lost until its folder is synced, each one by itself.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{LockKind, OpenMode, Vfs, VfsFile};

mod crash;
mod forge;
mod inode;
mod pages;
mod state;

pub use crash::CrashImages;
use state::State;

/// What a call was. The order of the variants has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// Opening an existing file.
    Open,
    /// Creating a file, or opening one that may be created.
    Create,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Syncing a file.
    Sync,
    /// Asking for a length.
    Len,
    /// Taking a lock.
    Lock,
    /// Listing a folder.
    List,
    /// Creating a folder.
    CreateDir,
    /// Renaming.
    Rename,
    /// Giving a file a second name.
    HardLink,
    /// Removing.
    Unlink,
    /// Syncing a folder.
    SyncDir,
}

impl CallKind {
    /// Whether it may change what a crash leaves: cutting the power at any other call is the same
    /// as cutting it at the next of these.
    pub fn changes(self) -> bool {
        match self {
            Self::Create
            | Self::Write
            | Self::Sync
            | Self::CreateDir
            | Self::Rename
            | Self::HardLink
            | Self::Unlink
            | Self::SyncDir => true,
            Self::Open | Self::Read | Self::Len | Self::Lock | Self::List => false,
        }
    }
}

/// One call, for [`SimVfs::call_log`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its number, from 1.
    pub number: u64,
    /// What it was.
    pub kind: CallKind,
    /// On which file or folder.
    pub path: PathBuf,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens and the call says this.
    Error(io::ErrorKind),
    /// A write takes half of its bytes and says so. Other calls fail with an input/output error.
    ShortWrite,
    /// A sync fails and forgets: what was not durable never will be by a later sync, though reads
    /// still show it, as Linux does. Other calls fail with an input/output error.
    LosePages,
}

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// At that call only.
    Once,
    /// At that call and at every later one of the same kind.
    ForEver,
}

/// The simulated file system. Clones share one state; [`fork`](Self::fork) copies it.
///
/// ```
/// use passbook_journal::sim::SimVfs;
/// use passbook_journal::{FileJournal, Options, RecordRef, Threading};
/// use std::path::Path;
/// use std::sync::Arc;
///
/// let sim = SimVfs::new();
/// let options = |sim: &SimVfs| Options {
///     vfs: Arc::new(sim.clone()),
///     segment_bytes: 16 * 1024,
///     threading: Threading::Inline,
///     ..Options::default()
/// };
/// sim.cut_at(12);
/// assert!(FileJournal::open(Path::new("/ledger"), options(&sim), &mut |_: RecordRef<'_>| Ok(())).is_err());
/// for image in sim.crash_images(64, 7) {
///     FileJournal::open(Path::new("/ledger"), options(&image), &mut |_: RecordRef<'_>| Ok(()))?;
/// }
/// # Ok::<(), passbook_journal::OpenError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SimVfs {
    state: Arc<Mutex<State>>,
}

impl SimVfs {
    /// An empty file system: only the folder `/`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// All calls since [`record_calls`](Self::record_calls).
    pub fn call_log(&self) -> Vec<Call> {
        self.state.lock().log.clone().unwrap_or_default()
    }

    /// Starts to keep a log of calls.
    pub fn record_calls(&self) {
        self.state.lock().log = Some(Vec::new());
    }

    /// Cuts the power at call `number`: a write or a change of a folder still counts as under
    /// way; a sync does not happen. This and every later call fails.
    pub fn cut_at(&self, number: u64) {
        self.state.lock().cut_at = Some(number);
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.state.lock().off
    }

    /// Lets call `number` fail.
    pub fn fail_at(&self, number: u64, fault: Fault, times: Times) {
        self.state.lock().fault = Some(state::Plan { number, fault, times, kind: None });
    }

    /// Lets nothing fail any more.
    pub fn heal(&self) {
        self.state.lock().fault = None;
    }

    /// Limits the bytes of all files together, or lifts the limit. Writes that would go past it
    /// fail as on a full disk.
    pub fn set_capacity(&self, bytes_max: Option<u64>) {
        self.state.lock().capacity = bytes_max;
    }

    /// Refuses every change with "read-only file system", or takes changes again.
    pub fn set_read_only(&self, read_only: ReadOnly) {
        self.state.lock().read_only = read_only;
    }

    /// Flips one bit of a file, of what is durable and of what is not: bit 0 is the lowest of the
    /// first byte. Whether there is such a bit.
    pub fn flip(&self, path: &Path, bit: u64) -> bool {
        self.state.lock().flip(path, bit)
    }

    /// All files, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        self.state.lock().files()
    }

    /// What a file holds, or nothing if there is no such file.
    pub fn read_all(&self, path: &Path) -> Option<Vec<u8>> {
        self.state.lock().read_all(path)
    }

    /// Puts a file in place, durably, with its folders: for tests that forge one.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        self.state.lock().put(path, bytes);
    }

    /// Cuts a file to its first `bytes` bytes, durably. Whether there is such a file.
    pub fn truncate(&self, path: &Path, bytes: u64) -> bool {
        self.state.lock().truncate(path, bytes)
    }

    /// A number that follows from the names and bytes that a reader sees: the same for the same, and
    /// nearly surely another for others.
    pub fn content_hash(&self) -> u64 {
        self.state.lock().content_hash()
    }

    /// Files that a reader sees here and not there, or with other bytes, or the other way round.
    pub fn differing(&self, other: &Self) -> Vec<PathBuf> {
        let other = other.state.lock().fork();
        self.state.lock().differing(&other)
    }

    /// A copy with the same files, no locks, no faults and the power on, as after the death of the
    /// process: what was written but not synced is still there.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state.lock().fork())) }
    }

    /// States that the medium may be in if the power fails now: all of them if they are at most
    /// `limit`, else `limit` samples that depend on `seed`, the extremes among them.
    pub fn crash_images(&self, limit: usize, seed: u64) -> CrashImages {
        CrashImages::new(self.state.lock().fork(), limit, seed)
    }

    fn from_state(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }
}

/// Whether a [`SimVfs`] refuses changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadOnly {
    /// It takes them.
    #[default]
    No,
    /// It refuses them.
    Yes,
}

impl Vfs for SimVfs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn VfsFile>> {
        let inode = self.state.lock().open(path, mode)?;
        let state = Arc::clone(&self.state);
        let writable = mode != OpenMode::Read;
        let path = path.to_owned();
        Ok(Box::new(SimFile { state, inode, path, writable, locked: Mutex::new(None) }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.state.lock().list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.state.lock().create_dir(dir)
    }

    fn rename(&self, source: &Path, target: &Path) -> io::Result<()> {
        self.state.lock().rename(source, target)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.state.lock().unlink(path)
    }

    fn hard_link(&self, source: &Path, target: &Path) -> io::Result<()> {
        self.state.lock().hard_link(source, target)
    }

    fn fsync_dir(&self, dir: &Path) -> io::Result<()> {
        self.state.lock().fsync_dir(dir)
    }
}

#[derive(Debug)]
struct SimFile {
    state: Arc<Mutex<State>>,
    inode: usize,
    path: PathBuf,
    writable: bool,
    locked: Mutex<Option<LockKind>>,
}

impl VfsFile for SimFile {
    fn pread(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.state.lock().pread(self.inode, &self.path, buffer, offset)
    }

    fn pwrite(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.state.lock().pwrite(self.inode, &self.path, bytes, offset)
    }

    fn fdatasync(&self) -> io::Result<()> {
        self.state.lock().fdatasync(self.inode, &self.path)
    }

    fn len(&self) -> io::Result<u64> {
        self.state.lock().len(self.inode, &self.path)
    }

    fn try_lock(&self, kind: LockKind) -> io::Result<bool> {
        let mut state = self.state.lock();
        let mut locked = self.locked.lock();
        if locked.is_some() {
            return Ok(true);
        }
        let taken = state.try_lock(self.inode, &self.path, kind)?;
        if taken {
            *locked = Some(kind);
        }
        Ok(taken)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if let Some(kind) = self.locked.lock().take() {
            self.state.lock().unlock(self.inode, kind);
        }
    }
}

/// Locks by file: how many shared holders, or one exclusive.
type Locks = BTreeMap<usize, (usize, bool)>;
