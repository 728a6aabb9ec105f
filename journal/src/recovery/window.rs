//! Reading a file through one buffer that moves forward.

use crate::disk::DiskFile;
use crate::error::JournalError;

/// Bytes read ahead at a time: large enough to be cheap, small enough to stay in the cache.
const AHEAD_BYTES: usize = 256 * 1024;

/// A stretch of a file in memory.
#[derive(Debug)]
pub(crate) struct Window {
    file: DiskFile,
    file_bytes: u64,
    buffer: Vec<u8>,
    start: u64,
    filled: usize,
}

impl Window {
    /// A window over a file that should be `file_bytes` long; it looks no further.
    pub(crate) fn new(file: DiskFile, file_bytes: u64) -> Self {
        Self { file, file_bytes, buffer: Vec::new(), start: 0, filled: 0 }
    }

    pub(crate) fn file(&self) -> &DiskFile {
        &self.file
    }

    /// `bytes` bytes at `offset`, or fewer where the file ends. The caller may change them; a
    /// later call may or may not see that, so masked batches are asked for once.
    pub(crate) fn at(&mut self, offset: u64, bytes: usize) -> Result<&mut [u8], JournalError> {
        let inside = offset.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let held = inside.is_some_and(|from| from.saturating_add(bytes) <= self.filled);
        if !held {
            self.fill(offset, bytes.max(AHEAD_BYTES))?;
        }
        let from = offset.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let from = from.unwrap_or(self.filled).min(self.filled);
        let until = from.saturating_add(bytes).min(self.filled);
        Ok(self.buffer.get_mut(from..until).unwrap_or_default())
    }

    /// Forgets what was read: the file may have changed, or the caller has changed the bytes.
    pub(crate) fn forget(&mut self) {
        self.filled = 0;
    }

    fn fill(&mut self, offset: u64, bytes: usize) -> Result<(), JournalError> {
        self.filled = 0;
        let left = usize::try_from(self.file_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let bytes = bytes.min(left);
        if self.buffer.len() < bytes {
            self.buffer.resize(bytes, 0);
        }
        self.start = offset;
        let target = self.buffer.get_mut(..bytes).unwrap_or_default();
        self.filled = self.file.read_at(target, offset)?;
        Ok(())
    }
}
