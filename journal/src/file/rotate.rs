//! From one segment to the next: prepared ahead of use, put to use between two batches.
//!
//! Filling with zeros is the only thing that needs new space, and it happens beside the commits: a
//! full disk can't meet a batch half-way.

use passbook_planted::{Bug, unless};

use super::engine::{Engine, Writer, reason_of};
use super::queue::{Mark, Next};
use super::watermark::Noted;
use crate::disk::{Disk, DiskFile};
use crate::error::JournalError;
use crate::format::batch::Seal;
use crate::format::segment::SegmentHeader;
use crate::layout::Layout;
use crate::limits::SEGMENT_HEADER_BYTES;
use crate::recovery::DATA_START;
use crate::vfs::OpenMode;

/// Bytes of zeros in one call, and between two syncs: one large sync at the end would hold the
/// commits back for all of it.
const FILL_BYTES: usize = 1024 * 1024;

impl Engine {
    /// Prepares the next segment if it is wanted. A failure makes the journal read-only, no more.
    pub(super) fn prepare_step(&self) -> bool {
        let bytes = {
            let mut queue = self.queue.lock();
            if !matches!(queue.room.next, Next::Wanted) || queue.failure.is_some() {
                return false;
            }
            queue.room.next = Next::Preparing;
            queue.next_bytes()
        };
        let prepared = self.prepare(bytes);
        let mut queue = self.queue.lock();
        queue.room.next = match prepared {
            Ok(true) => Next::Ready { bytes },
            Ok(false) => Next::Absent,
            Err(error) => Next::Failed { reason: reason_of(error), retry: false },
        };
        self.room.notify_all();
        self.work.notify_all();
        true
    }

    fn prepare(&self, bytes: u64) -> Result<bool, JournalError> {
        let stop = || self.queue.lock().closed;
        prepare(&self.disk, &self.layout, bytes, &stop)
    }

    /// See [`Journal::begin_segment`](crate::Journal::begin_segment).
    pub(super) fn begin_segment(&self) {
        let bytes = {
            let mut queue = self.queue.lock();
            // Where one is being prepared the turn is near anyway.
            let is_free = matches!(queue.room.next, Next::Absent | Next::Ready { .. });
            if !is_free || !queue.is_worth_a_turn() {
                return;
            }
            queue.room.next = Next::Preparing;
            queue.room.first_bytes()
        };
        let prepared = self.prepare(bytes);
        let mut queue = self.queue.lock();
        match prepared {
            Ok(true) => queue.turn(bytes),
            // The active segment has room: nothing is lost but the space that this was to free.
            Ok(false) | Err(_) => queue.room.next = Next::Absent,
        }
        self.room.notify_all();
        self.work.notify_all();
    }

    /// Puts the prepared segment to use. Everything before it is durable, so a segment with a
    /// successor is always whole. Returns the sequence up to which that is.
    pub(super) fn rotate(&self, writer: &mut Writer) -> Result<u64, JournalError> {
        let before = self.sync_all(writer)?;
        let Next::Ready { bytes } = self.queue.lock().room.next else {
            unreachable!("a batch that begins a segment is taken once that is ready")
        };
        let mut salt = [0; 16];
        self.entropy.fill(&mut salt).map_err(|source| JournalError::Io {
            op: "salt",
            path: self.layout.next_free(),
            offset: 0,
            source,
        })?;
        let header = SegmentHeader {
            store: self.store,
            number: writer.header.number + 1,
            base: writer.sequence_last + 1,
            segment_bytes: bytes,
            previous_end: writer.offset,
            previous_time_ms: writer.time_last_ms,
            previous_chain: writer.chain,
            salt,
        };
        put_to_use(&self.disk, &self.layout, &header)?;
        let mark = Mark { segment: header.number, end: DATA_START, durable: before.durable };
        self.watermark.lock().note(mark, Noted::Synced)?;
        self.catalog.lock().add(header.clone(), self.layout.segment(&header.file_name()));
        let since_ms = header.previous_time_ms;
        writer.seal = Seal::new(&header.salt, header.number);
        writer.offset = DATA_START;
        writer.header = header;
        self.queue.lock().rotated(mark, bytes, since_ms);
        Ok(mark.durable)
    }
}

/// Makes `next.free`: a file of zeros, synced. `false` if it was told to stop.
pub(super) fn prepare(
    disk: &Disk,
    layout: &Layout,
    segment_bytes: u64,
    stop: &dyn Fn() -> bool,
) -> Result<bool, JournalError> {
    if is_prepared(disk, layout, segment_bytes)? {
        return Ok(true);
    }
    let made = fill(disk, layout, segment_bytes, stop);
    if !matches!(made, Ok(true)) {
        // Give the space back. If that fails too, the next try finds the file and removes it.
        drop(disk.unlink(&layout.next_tmp()));
    }
    made
}

/// Whether one is left from before. It got its name after it was synced, so it is whole.
fn is_prepared(disk: &Disk, layout: &Layout, segment_bytes: u64) -> Result<bool, JournalError> {
    match disk.open(&layout.next_free(), OpenMode::Read) {
        Ok(file) if file.len()? == segment_bytes => Ok(true),
        Ok(_) => disk.unlink(&layout.next_free()).map(|()| false),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

fn fill(
    disk: &Disk,
    layout: &Layout,
    segment_bytes: u64,
    stop: &dyn Fn() -> bool,
) -> Result<bool, JournalError> {
    let path = layout.next_tmp();
    match disk.unlink(&path) {
        Err(error) if !error.is_not_found() => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = disk.open(&path, OpenMode::CreateNew)?;
    let piece_bytes = u64::try_from(FILL_BYTES).unwrap_or(u64::MAX);
    let mut offset = 0;
    while offset < segment_bytes {
        let until = segment_bytes.min(offset + piece_bytes);
        if !write_zeros(&file, offset, until, stop)? {
            return Ok(false);
        }
        file.sync()?;
        offset = until;
    }
    disk.rename(&path, &layout.next_free())?;
    disk.fsync_dir(&layout.journal())?;
    Ok(true)
}

/// Zeros in `offset..until`, piece by piece. `false` if it was told to stop.
pub(crate) fn write_zeros(
    file: &DiskFile,
    offset: u64,
    until: u64,
    stop: &dyn Fn() -> bool,
) -> Result<bool, JournalError> {
    let zeros = vec![0; FILL_BYTES];
    let mut at = offset;
    while at < until {
        if stop() {
            return Ok(false);
        }
        let piece = usize::try_from(until - at).unwrap_or(FILL_BYTES).min(FILL_BYTES);
        file.write_at(zeros.get(..piece).unwrap_or_default(), at)?;
        at += u64::try_from(piece).unwrap_or(0);
    }
    Ok(true)
}

/// Gives the prepared file its header, then its name. In this order: a segment that can be found
/// has a whole header.
pub(super) fn put_to_use(
    disk: &Disk,
    layout: &Layout,
    header: &SegmentHeader,
) -> Result<(), JournalError> {
    let free = layout.next_free();
    let file = disk.open(&free, OpenMode::ReadWrite)?;
    let blocks = header.encode();
    debug_assert_eq!(blocks.len(), SEGMENT_HEADER_BYTES);
    file.write_at(&blocks, 0)?;
    unless(Bug::SegmentHeaderUnsynced, || file.sync())?;
    disk.rename(&free, &layout.segment(&header.file_name()))?;
    unless(Bug::SegmentUnnamed, || disk.fsync_dir(&layout.journal()))
}
