//! Reading a ledger back: which files there are, whether they fit together, where the end is.
//!
//! Nothing here writes. Making the end whole is left to `file::repair`.

use std::path::Path;

use crate::archive::shelf::Shelf;
use crate::damage::{Damage, Evidence};
use crate::disk::Disk;
use crate::error::{JournalError, OpenError};
use crate::format::batch::{Batch, Flaw};
use crate::format::manifest::{MANIFEST_BYTES, Manifest};
use crate::format::segment::{SegmentHeader, parse_file_name};
use crate::format::watermark::{WATERMARK_BYTES, Watermark};
use crate::format::{FORMAT_VERSION, Undecodable, all_zero};
use crate::layout::Layout;
use crate::limits::{BLOCK_BYTES, SEGMENT_HEADER_BYTES};
use crate::vfs::OpenMode;

pub(crate) mod classify;
pub(crate) mod walk;
pub(crate) mod window;

use classify::{End, classify};
use walk::{Position, Walk};

/// What is said where records are missing at the end and nothing else is wrong.
pub(crate) const ROLLED_BACK: &str = "this looks like an older copy; put the newer one back, or \
    accept the rollback (accept_rollback) to go on without what is missing";

/// Surveys before something missing counts as missing.
const TRIES: usize = 8;

/// Where the first batch of every segment begins.
pub(crate) const DATA_START: u64 = 8192;
const _: () = assert!(SEGMENT_HEADER_BYTES == 8192);

/// The files of a ledger and what their headers say.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) layout: Layout,
    pub(crate) manifest: Manifest,
    pub(crate) watermark: Option<Watermark>,
    /// In order; at least one.
    pub(crate) segments: Vec<SegmentHeader>,
}

/// What a walk over all segments found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) position: Position,
    /// Where the last valid batch of the last segment ends.
    pub(crate) end_offset: u64,
    pub(crate) end: End,
}

/// Hears of every valid batch: number of its segment, and the batch.
pub(crate) type BatchVisit<'a> = dyn FnMut(u64, &Batch<'_>) -> Result<(), OpenError> + 'a;

/// Reads manifest, watermark and all segment headers, and checks that they fit together and that
/// the archives are there. What compaction moves meanwhile, in another process, is looked for anew.
pub(crate) fn survey(disk: &Disk, layout: &Layout) -> Result<Survey, OpenError> {
    // Before the segments are listed: beside a writer, a later one would be ahead of them.
    let watermark = read_watermark(disk, layout)?;
    let survey = Survey { watermark, ..survey_without_watermark(disk, layout)? };
    survey.check_watermark().map(|()| survey)
}

/// The same, without the evidence of what more there should be.
pub(crate) fn survey_without_watermark(disk: &Disk, layout: &Layout) -> Result<Survey, OpenError> {
    let mut tries = 0;
    loop {
        let manifest = read_manifest(disk, layout)?;
        tries += 1;
        match survey_with(disk, layout, manifest.clone()) {
            Err(_) if tries < TRIES && read_manifest(disk, layout)? != manifest => {}
            answer => return answer,
        }
    }
}

fn survey_with(disk: &Disk, layout: &Layout, manifest: Manifest) -> Result<Survey, OpenError> {
    let mut segments = Vec::new();
    let numbers = segment_numbers(disk, layout)?;
    // Older ones are what a compaction had no time to remove.
    for (number, base) in numbers.into_iter().filter(|(at, _)| *at >= manifest.segment_first) {
        segments.push(read_header(disk, layout, number, base, &manifest)?);
    }
    let survey = Survey { layout: layout.clone(), manifest, watermark: None, segments };
    survey.check_order()?;
    Shelf::with_manifest(disk, layout, survey.manifest.clone())?
        .check()
        .map_err(OpenError::Corrupt)?;
    Ok(survey)
}

pub(crate) fn read_manifest(disk: &Disk, layout: &Layout) -> Result<Manifest, OpenError> {
    let path = layout.manifest();
    let bytes = disk.read_start(&path, MANIFEST_BYTES + 1)?;
    let decoded = if bytes.len() == MANIFEST_BYTES {
        Manifest::decode(&bytes)
    } else {
        Err(Undecodable::Damaged("its length differs"))
    };
    decoded.map_err(|why| undecodable(why, &path, 0, 1))
}

/// The newest valid slot. A missing or damaged file is no evidence, and nothing worse.
pub(crate) fn read_watermark(
    disk: &Disk,
    layout: &Layout,
) -> Result<Option<Watermark>, JournalError> {
    match disk.read_start(&layout.watermark(), WATERMARK_BYTES) {
        Ok(bytes) => Ok(Watermark::newest(&bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Number and base of each segment file, in order of their numbers.
pub(crate) fn segment_numbers(
    disk: &Disk,
    layout: &Layout,
) -> Result<Vec<(u64, u64)>, JournalError> {
    let names = disk.list(&layout.journal())?;
    let mut numbers: Vec<_> = names.iter().filter_map(|name| parse_file_name(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

pub(crate) fn read_header(
    disk: &Disk,
    layout: &Layout,
    number: u64,
    base: u64,
    manifest: &Manifest,
) -> Result<SegmentHeader, OpenError> {
    let path = layout.segment(&format!("{number:06}-{base}.seg"));
    let file = disk.open(&path, OpenMode::Read)?;
    let mut blocks = vec![0; SEGMENT_HEADER_BYTES];
    let count = file.read_at(&mut blocks, 0)?;
    blocks.truncate(count);
    let (one, two) = blocks.split_at_checked(BLOCK_BYTES).unwrap_or((&[], &[]));
    let header = SegmentHeader::decode(one).map_err(|why| undecodable(why, &path, 0, base))?;
    SegmentHeader::decode(two).map_err(|why| undecodable(why, &path, 4096, base))?;
    let broken = |why: &str| OpenError::corrupt(&path, 0, base, why);
    if header.store != manifest.store {
        return Err(OpenError::ForeignJournal { path });
    }
    if one != two {
        return Err(broken("the two copies of its header differ"));
    }
    if (header.number, header.base) != (number, base) {
        return Err(broken("its header belongs to another file name"));
    }
    let length = file.len()?;
    if length != header.segment_bytes {
        let why = format!("its length is {length}, not {}", header.segment_bytes);
        return Err(OpenError::corrupt(&path, length.min(header.segment_bytes), base, &why));
    }
    Ok(header)
}

fn undecodable(why: Undecodable, path: &Path, offset: u64, sequence: u64) -> OpenError {
    match why {
        Undecodable::Damaged(why) => OpenError::corrupt(path, offset, sequence, why),
        Undecodable::Newer { found } => {
            OpenError::NewerFormat { path: path.to_owned(), found, supported: FORMAT_VERSION }
        }
    }
}

impl Survey {
    pub(crate) fn last(&self) -> &SegmentHeader {
        self.segments.last().expect("check_order refuses a journal without segments")
    }

    /// The watermark is of this ledger, and its segment is there.
    fn check_watermark(&self) -> Result<(), OpenError> {
        let Some(mark) = &self.watermark else { return Ok(()) };
        if mark.store != self.manifest.store {
            return Err(OpenError::ForeignJournal { path: self.layout.watermark() });
        }
        if mark.segment > self.last().number {
            let number = self.last().number + 1;
            return Err(OpenError::Corrupt(Box::new(Damage {
                path: self.layout.journal(),
                offset: 0,
                sequence_first: self.last().base,
                sequence_last: Some(mark.durable),
                why: format!("segment {number} is missing: {ROLLED_BACK}"),
                evidence: Evidence::Watermark { durable: mark.durable },
            })));
        }
        Ok(())
    }

    /// Numbers without a gap, from the manifest's first on.
    fn check_order(&self) -> Result<(), OpenError> {
        let mut number = self.manifest.segment_first;
        let mut sequence = self.manifest.sequence_first;
        for header in &self.segments {
            if header.number != number {
                return Err(self.missing(number, sequence));
            }
            let starts_well = number > self.manifest.segment_first || header.base == sequence;
            if header.base < sequence || !starts_well {
                let path = self.layout.segment(&header.file_name());
                return Err(OpenError::corrupt(&path, 0, header.base, "its base does not follow"));
            }
            sequence = header.base;
            number += 1;
        }
        if self.segments.is_empty() {
            return Err(self.missing(number, sequence));
        }
        Ok(())
    }

    fn missing(&self, number: u64, sequence: u64) -> OpenError {
        let why = format!("segment {number} is missing");
        OpenError::corrupt(&self.layout.journal(), 0, sequence, &why)
    }

    /// Whether the journal reaches back to the first record.
    pub(crate) fn is_whole(&self) -> bool {
        self.manifest.sequence_first <= 1
    }

    /// Index of the segment that holds a record, or will: the last one whose base is not past it.
    pub(crate) fn index_of(&self, sequence: u64) -> usize {
        self.segments.partition_point(|header| header.base <= sequence).saturating_sub(1)
    }

    /// Walks over all segments from the one with that index on, and classifies the end of the
    /// last one.
    pub(crate) fn walk(
        &self,
        disk: &Disk,
        index: usize,
        visit: &mut BatchVisit<'_>,
    ) -> Result<Found, OpenError> {
        let index = index.min(self.segments.len().saturating_sub(1));
        let mut segments = self.segments.iter().skip(index).peekable();
        let mut found = None;
        while let Some(header) = segments.next() {
            let path = self.layout.segment(&header.file_name());
            let mut walk = Walk::new(disk.open(&path, OpenMode::Read)?, header);
            match segments.peek() {
                Some(successor) => walk_sealed(&mut walk, header, successor, visit)?,
                None => found = Some(self.walk_last(&mut walk, header, visit)?),
            }
        }
        Ok(found.expect("there is a last segment"))
    }

    fn walk_last(
        &self,
        walk: &mut Walk,
        header: &SegmentHeader,
        visit: &mut BatchVisit<'_>,
    ) -> Result<Found, OpenError> {
        let mut position = Position::at_start_of(header);
        let limit = header.segment_bytes;
        let (end_offset, flaw) = walk_batches(walk, header, &mut position, limit, visit)?;
        let watermark = self.watermark.as_ref();
        // At the very end of the file there is no flaw, but records may be missing all the same.
        let flaw = flaw.unwrap_or(Flaw::Blank);
        let end = classify(walk, end_offset, flaw, &position, watermark)?;
        Ok(Found { position, end_offset, end })
    }
}

/// Walks to `limit` or to the first flaw; says where that is.
fn walk_batches(
    walk: &mut Walk,
    header: &SegmentHeader,
    position: &mut Position,
    limit: u64,
    visit: &mut BatchVisit<'_>,
) -> Result<(u64, Option<Flaw>), OpenError> {
    let mut offset = DATA_START;
    while offset < limit {
        match walk.next_at(offset, position)? {
            Ok(batch) => {
                visit(header.number, &batch)?;
                position.pass(&batch);
                offset += batch.header.extent();
            }
            Err(flaw) => return Ok((offset, Some(flaw))),
        }
    }
    Ok((offset, None))
}

/// A segment with a successor must be whole, to the byte and the link that the successor names.
pub(crate) fn walk_sealed(
    walk: &mut Walk,
    header: &SegmentHeader,
    successor: &SegmentHeader,
    visit: &mut BatchVisit<'_>,
) -> Result<(), OpenError> {
    let mut position = Position::at_start_of(header);
    let limit = successor.previous_end;
    let (end, flaw) = walk_batches(walk, header, &mut position, limit, visit)?;
    let path = walk.window().file().path().to_owned();
    let damage = |offset, why: &str| {
        let sequence_last = Some(successor.base.saturating_sub(1).max(position.next));
        OpenError::Corrupt(Box::new(Damage {
            path,
            offset,
            sequence_first: position.next,
            sequence_last,
            why: why.to_owned(),
            evidence: Evidence::Sealed,
        }))
    };
    if let Some(flaw) = flaw {
        return Err(damage(end, &format!("the batch does not verify: {}", flaw.why())));
    }
    let expected = Position::at_start_of(successor);
    if end != limit || position != expected {
        return Err(damage(end, "its end is not what its successor names"));
    }
    match first_not_zero(walk, end)? {
        Some(offset) => Err(damage(offset, "bytes lie behind its last batch")),
        None => Ok(()),
    }
}

/// The first block from `offset` on that isn't all zero.
pub(crate) fn first_not_zero(walk: &mut Walk, offset: u64) -> Result<Option<u64>, JournalError> {
    let mut at = offset;
    while at < walk.segment_bytes() {
        if !all_zero(walk.window().at(at, BLOCK_BYTES)?) {
            return Ok(Some(at));
        }
        at += 4096;
    }
    Ok(None)
}
