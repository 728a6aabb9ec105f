//! What of one segment can still be read: every batch that verifies by itself.

use std::path::{Path, PathBuf};

use super::{Finding, Found, Piece, SalvagedRecord};
use crate::damage::{Damage, Evidence};
use crate::disk::Disk;
use crate::error::{JournalError, OpenError};
use crate::format::batch::{Batch, Flaw};
use crate::format::segment::SegmentHeader;
use crate::format::{FORMAT_VERSION, Undecodable};
use crate::limits::{BLOCK_BYTES, SEGMENT_HEADER_BYTES};
use crate::recovery::DATA_START;
use crate::recovery::walk::Walk;
use crate::vfs::OpenMode;

/// Where a batch may begin.
const BLOCK: u64 = 4096;
const _: () = assert!(BLOCK_BYTES == 4096);

/// Bytes passed over where the medium can't be read: as much as is read at once.
const UNREADABLE: u64 = 256 * 1024;

/// A segment with at least one good copy of its header.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// `segment_bytes` is no more than the blocks that the file begins.
    pub(super) header: SegmentHeader,
}

/// Reads the header out of either copy; damage goes to `damages`.
pub(super) fn open(
    disk: &Disk,
    path: &Path,
    base: u64,
    damages: &mut Vec<Damage>,
) -> Result<Option<Segment>, OpenError> {
    let mut tell = |offset, why: &str| damages.push(damage(path, offset, base, None, why));
    let read = disk.open(path, OpenMode::Read).and_then(|file| {
        let mut blocks = vec![0; SEGMENT_HEADER_BYTES];
        let count = file.read_at(&mut blocks, 0)?;
        blocks.truncate(count);
        Ok((blocks, file.len()?))
    });
    let (blocks, length) = match read {
        Ok(read) => read,
        Err(error) => {
            tell(0, &format!("it can't be read: {error}"));
            return Ok(None);
        }
    };
    let mut readable = None;
    for (index, offset) in [(0, 0), (1, BLOCK)] {
        let block = blocks.chunks(BLOCK_BYTES).nth(index).unwrap_or_default();
        match SegmentHeader::decode(block) {
            Ok(header) => readable = readable.or(Some(header)),
            Err(Undecodable::Damaged(why)) => tell(offset, &format!("its header: {why}")),
            Err(Undecodable::Newer { found }) => {
                let (path, supported) = (path.to_owned(), FORMAT_VERSION);
                return Err(OpenError::NewerFormat { path, found, supported });
            }
        }
    }
    let Some(mut header) = readable else { return Ok(None) };
    if length < header.segment_bytes {
        tell(length, "it is cut short");
        // A batch may lack nothing but zeros of its padding, and what is behind the end reads as zero.
        header.segment_bytes = header.segment_bytes.min(length.next_multiple_of(BLOCK));
    }
    Ok(Some(Segment { path: path.to_owned(), header }))
}

/// Looks at every block for batches. `until`: the sequence up to which records should be here.
pub(super) fn scan(disk: &Disk, segment: &Segment, until: u64) -> Found {
    let mut scan =
        Scan { found: Found::default(), path: &segment.path, next: segment.header.base, bad: None };
    match disk.open(&segment.path, OpenMode::Read) {
        Ok(file) => scan.walk(&mut Walk::new(file, &segment.header)),
        Err(error) => scan.bad = Some((0, format!("it can't be read: {error}"))),
    }
    if scan.next <= until {
        let (end, why) = (segment.header.segment_bytes, "records are missing".to_owned());
        scan.bad.get_or_insert((end, why));
    }
    scan.end_bad(Some(until).filter(|until| *until >= scan.next));
    scan.found
}

struct Scan<'a> {
    found: Found,
    path: &'a Path,
    /// The record that should come next.
    next: u64,
    /// Where the damage that we are in began, and what it was.
    bad: Option<(u64, String)>,
}

impl Scan<'_> {
    fn walk(&mut self, walk: &mut Walk) {
        let mut offset = DATA_START;
        while offset < walk.segment_bytes() {
            let read = walk.batch_at(offset);
            let forget = !matches!(read, Ok(Ok(_) | Err(Flaw::Blank | Flaw::Header(_))));
            offset += match read {
                Ok(Ok(batch)) => self.good(offset, &batch),
                Ok(Err(flaw)) => self.flaw(offset, flaw),
                Err(error) => {
                    self.begin_bad(offset, format!("it can't be read: {error}"));
                    UNREADABLE
                }
            };
            if forget {
                // The bytes may have been unmasked in the buffer.
                walk.window().forget();
                self.promise(walk, offset);
            }
        }
    }

    fn good(&mut self, offset: u64, batch: &Batch<'_>) -> u64 {
        let (first, last) = (batch.header.sequence_first, batch.header.sequence_last());
        let extent = batch.header.extent();
        if first > self.next && self.bad.is_none() {
            self.begin_bad(offset, "records are missing before this batch".to_owned());
        }
        self.end_bad(first.checked_sub(1).filter(|before| *before >= self.next));
        self.found.highest = self.found.highest.max(last).max(batch.header.durable);
        match self.found.findings.last_mut() {
            Some(run) if run.end == offset && run.last + 1 == first => {
                run.last = last;
                run.end = offset + extent;
            }
            Some(_) | None => {
                self.found.findings.push(Finding { first, last, offset, end: offset + extent });
            }
        }
        self.next = self.next.max(last.saturating_add(1));
        extent
    }

    fn flaw(&mut self, offset: u64, flaw: Flaw) -> u64 {
        match flaw {
            // Nothing was written here; if something was, what follows shows it.
            Flaw::Blank => {}
            Flaw::Header(_) | Flaw::Body { .. } => {
                self.begin_bad(offset, format!("the batch does not verify: {}", flaw.why()));
            }
        }
        BLOCK
    }

    /// A batch with a good header and a bad body was there, unless it was never written whole.
    fn promise(&mut self, walk: &mut Walk, behind: u64) {
        let Some(offset) = behind.checked_sub(BLOCK) else { return };
        if let Ok(Err(Flaw::Body { unwritten: false, .. })) = walk.batch_at(offset) {
            walk.window().forget();
            if let Ok(Ok(header)) = walk.header_at(offset) {
                self.found.highest = self.found.highest.max(header.sequence_last());
            }
        }
        walk.window().forget();
    }

    fn begin_bad(&mut self, offset: u64, why: String) {
        self.bad.get_or_insert((offset, why));
    }

    fn end_bad(&mut self, last: Option<u64>) {
        if let Some((offset, why)) = self.bad.take() {
            let damage = damage(self.path, offset, self.next, last, &why);
            self.found.damages.push(damage);
        }
    }
}

/// Gives the records of a piece of a finding.
pub(super) fn give(
    disk: &Disk,
    segment: &Segment,
    piece: &Piece,
    give: &mut dyn FnMut(SalvagedRecord<'_>) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let file = disk.open(&segment.path, OpenMode::Read)?;
    let mut walk = Walk::new(file, &segment.header);
    let mut offset = piece.finding.offset;
    while offset < piece.finding.end {
        // It verified a moment ago; if it doesn't any more, its records are lost.
        let Ok(batch) = walk.batch_at(offset)? else { return Ok(()) };
        for record in batch.records().filter(|record| piece.holds(record.sequence)) {
            give(SalvagedRecord {
                sequence: record.sequence,
                time_ms: record.time_ms,
                group_first: record.group_first,
                payload: record.payload,
                path: &segment.path,
            })?;
        }
        offset += batch.header.extent();
    }
    Ok(())
}

pub(super) fn damage(
    path: &Path,
    offset: u64,
    sequence_first: u64,
    sequence_last: Option<u64>,
    why: &str,
) -> Damage {
    let (path, why) = (path.to_owned(), why.to_owned());
    Damage { path, offset, sequence_first, sequence_last, why, evidence: Evidence::None }
}

/// An error of the file system, in words.
pub(super) fn unreadable(error: &JournalError) -> String {
    format!("it can't be read: {error}")
}
