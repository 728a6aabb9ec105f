//! The files of the postings: one a block, named by its first sequence.
//!
//! A file is written under another name and renamed. Nothing is synced: one that a power cut left
//! torn does not verify, and counts as absent.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use passbook_journal::{OpenMode, RealVfs, Vfs, VfsFile};
use passbook_projections::postings::{BadBlock, Block, Key};

use crate::error::LedgerError;

const ENDING: &str = ".post";
const NEXT: &str = "next.tmp";
/// Digits of a first sequence in a name.
const DIGITS: usize = 20;

/// A folder of blocks.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    pub(super) store: [u8; 16],
    vfs: Arc<dyn Vfs>,
}

impl Files {
    pub(super) fn new(folder: PathBuf, store: [u8; 16]) -> Self {
        Self { folder, store, vfs: Arc::new(RealVfs) }
    }

    /// The blocks of this ledger, oldest first, and the first sequences of other files.
    pub(super) fn load(&self) -> (Vec<Block>, Vec<u64>) {
        let (mut blocks, mut bad) = (Vec::new(), Vec::new());
        for name in self.vfs.list(&self.folder).unwrap_or_default() {
            let Some(first) = parse(&name) else { continue };
            match self.open(first) {
                Ok(block) => blocks.push(block),
                Err(why) => {
                    tracing::debug!(name, %why, "postings can't be used");
                    bad.push(first);
                }
            }
        }
        blocks.sort_unstable_by_key(Block::first);
        (blocks, bad)
    }

    fn open(&self, first: u64) -> Result<Block, BadBlock> {
        let unreadable = |_error| BadBlock { offset: 0, why: "it can't be read" };
        let file = self.vfs.open(&self.path(first), OpenMode::Read).map_err(unreadable)?;
        let len = file.len().map_err(unreadable)?;
        let block = Block::open(len, &|bytes, offset| file.pread(bytes, offset))?;
        if block.store() != self.store {
            return Err(BadBlock { offset: 16, why: "it belongs to another ledger" });
        }
        if block.first() != first {
            return Err(BadBlock { offset: 32, why: "it belongs to another file name" });
        }
        Ok(block)
    }

    /// At which events of the block something may be found under any of the keys.
    pub(super) fn find(&self, block: &Block, keys: &[Key<'_>]) -> Result<Vec<u64>, BadBlock> {
        let unreadable = |_error| BadBlock { offset: 0, why: "it can't be read" };
        let file = self.vfs.open(&self.path(block.first()), OpenMode::Read).map_err(unreadable)?;
        block.sequences(keys, &|bytes, offset| file.pread(bytes, offset))
    }

    /// Writes a block, and reads it back.
    pub(super) fn write(&self, first: u64, bytes: &[u8]) -> Result<Block, LedgerError> {
        self.make_folders().map_err(|error| failed(&self.folder, &error))?;
        let next = self.folder.join(NEXT);
        let written = self.write_whole(&next, bytes);
        written.map_err(|error| failed(&next, &error))?;
        let path = self.path(first);
        self.vfs.rename(&next, &path).map_err(|error| failed(&path, &error))?;
        self.open(first).map_err(|why| failed(&path, &io::Error::other(why.to_string())))
    }

    fn write_whole(&self, next: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.vfs.unlink(next) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file: Box<dyn VfsFile> = self.vfs.open(next, OpenMode::CreateNew)?;
        match file.pwrite(bytes, 0)? {
            count if count == bytes.len() => Ok(()),
            count => Err(io::Error::other(format!("only {count} bytes were taken"))),
        }
    }

    fn make_folders(&self) -> io::Result<()> {
        for folder in [self.folder.parent(), Some(&self.folder)].into_iter().flatten() {
            match self.vfs.create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Removes the file of that first sequence, if there is one.
    pub(super) fn remove(&self, first: u64) -> Result<(), LedgerError> {
        let path = self.path(first);
        match self.vfs.unlink(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&path, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn path(&self, first: u64) -> PathBuf {
        self.folder.join(format!("{first:0DIGITS$}{ENDING}"))
    }
}

/// The first sequence in a name of ours.
fn parse(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(ENDING)?;
    if digits.len() != DIGITS { None } else { digits.parse().ok() }
}

fn failed(path: &Path, error: &io::Error) -> LedgerError {
    LedgerError::Internal(format!("{}: no postings can be kept here: {error}", path.display()))
}
