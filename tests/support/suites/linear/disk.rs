//! A disk whose syncs let others run before they return, so that more is under way at a time.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use passbook::journal::{LockKind, OpenMode, Vfs, VfsFile, sim::SimVfs};

/// How often a sync lets others run, at most.
const YIELDS_MAX: u64 = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Hesitant {
    disk: SimVfs,
    course: Arc<AtomicU64>,
}

#[derive(Debug)]
struct HesitantFile {
    file: Box<dyn VfsFile>,
    course: Arc<AtomicU64>,
}

impl Hesitant {
    pub(super) fn new(disk: SimVfs, seed: u64) -> Self {
        Self { disk, course: Arc::new(AtomicU64::new(seed)) }
    }
}

impl HesitantFile {
    fn hesitate(&self) {
        let step = self.course.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        for _ in 0..(step >> 32) % YIELDS_MAX {
            thread::yield_now();
        }
    }
}

impl Vfs for Hesitant {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn VfsFile>> {
        let file = self.disk.open(path, mode)?;
        Ok(Box::new(HesitantFile { file, course: Arc::clone(&self.course) }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn rename(&self, source: &Path, target: &Path) -> io::Result<()> {
        self.disk.rename(source, target)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.disk.unlink(path)
    }

    fn real_path(&self, path: &Path) -> Option<PathBuf> {
        self.disk.real_path(path)
    }

    fn hard_link(&self, source: &Path, target: &Path) -> io::Result<()> {
        self.disk.hard_link(source, target)
    }

    fn fsync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.fsync_dir(dir)
    }
}

impl VfsFile for HesitantFile {
    fn pread(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.pread(buffer, offset)
    }

    fn pwrite(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.pwrite(bytes, offset)
    }

    fn fdatasync(&self) -> io::Result<()> {
        self.hesitate();
        let synced = self.file.fdatasync();
        self.hesitate();
        synced
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn try_lock(&self, kind: LockKind) -> io::Result<bool> {
        self.file.try_lock(kind)
    }
}
