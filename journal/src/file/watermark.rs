//! The watermark's file: two slots, written in turns.

use passbook_planted::Bug;

use super::queue::Mark;
use crate::disk::{Disk, DiskFile};
use crate::error::JournalError;
use crate::format::StoreId;
use crate::format::watermark::{WATERMARK_BYTES, Watermark};
use crate::layout::Layout;
use crate::vfs::OpenMode;

/// The open file and what its newest slot says.
#[derive(Debug)]
pub(crate) struct WatermarkFile {
    file: DiskFile,
    current: Watermark,
}

/// How much is known to be on the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Noted {
    /// It may take until the operating system writes it back; being stale is harmless.
    Lazily,
    /// Before this returns.
    Synced,
}

impl WatermarkFile {
    /// Creates the file, both slots blank.
    pub(crate) fn create(
        disk: &Disk,
        layout: &Layout,
        store: StoreId,
    ) -> Result<Self, JournalError> {
        let file = disk.open(&layout.watermark(), OpenMode::CreateOrOpen)?;
        file.write_at(&[0; WATERMARK_BYTES], 0)?;
        file.sync()?;
        let current =
            Watermark { store, generation: 0, segment: 1, end: 0, durable: 0, closed: false };
        Ok(Self { file, current })
    }

    /// Opens the file, whose newest slot is `current`.
    pub(super) fn open(
        disk: &Disk,
        layout: &Layout,
        current: Watermark,
    ) -> Result<Self, JournalError> {
        let file = disk.open(&layout.watermark(), OpenMode::ReadWrite)?;
        Ok(Self { file, current })
    }

    /// Whether it says all that could be said.
    pub(super) fn says(&self, mark: Mark) -> bool {
        let Watermark { segment, end, durable, .. } = self.current;
        Mark { segment, end, durable } == mark
    }

    /// Notes how far the journal is durable, in the older slot. Never goes back.
    pub(super) fn note(&mut self, mark: Mark, how: Noted) -> Result<(), JournalError> {
        if (mark.segment, mark.durable) < (self.current.segment, self.current.durable) {
            return Ok(());
        }
        self.put(mark, false, how)
    }

    /// Notes that the journal was closed there; writes nothing if that stands there already.
    pub(crate) fn close(&mut self, mark: Mark) -> Result<(), JournalError> {
        if self.current.closed && self.says(mark) {
            return Ok(());
        }
        self.put(mark, true, Noted::Synced)
    }

    fn put(&mut self, mark: Mark, closed: bool, how: Noted) -> Result<(), JournalError> {
        let next = Watermark {
            store: self.current.store,
            generation: self.current.generation + 1,
            segment: mark.segment,
            end: mark.end,
            durable: mark.durable + u64::from(Bug::WatermarkAhead.is_planted()),
            closed,
        };
        self.file.write_at(&next.encode(), next.slot_offset())?;
        self.current = next;
        match how {
            Noted::Lazily => Ok(()),
            Noted::Synced => self.file.sync(),
        }
    }
}
