//! Which segments there are and roughly where each sequence lies, so that a read needn't begin at
//! the start.

use std::path::PathBuf;

use crate::format::segment::SegmentHeader;

/// A mark is kept for about so many bytes of a segment.
const MARK_EVERY_BYTES: u64 = 256 * 1024;

/// One segment in use.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) header: SegmentHeader,
    pub(crate) path: PathBuf,
    /// First sequence and offset of some batches, in order.
    marks: Vec<(u64, u64)>,
}

/// All segments in use, in order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Catalog {
    entries: Vec<Entry>,
}

impl Catalog {
    pub(crate) fn add(&mut self, header: SegmentHeader, path: PathBuf) {
        self.entries.push(Entry { header, path, marks: Vec::new() });
    }

    /// Notes where a batch of the last segment begins, if the last mark is far enough behind.
    pub(crate) fn mark(&mut self, sequence_first: u64, offset: u64) {
        if let Some(entry) = self.entries.last_mut() {
            let marked = entry.marks.last().map_or(0, |(_, offset)| *offset);
            if offset >= marked + MARK_EVERY_BYTES {
                entry.marks.push((sequence_first, offset));
            }
        }
    }

    /// The sealed segments that hold nothing behind `through`, each with its successor's header.
    pub(crate) fn droppable(&self, through: u64) -> Vec<(Entry, SegmentHeader)> {
        let successors = self.entries.iter().skip(1).map(|entry| &entry.header);
        let pairs = self.entries.iter().zip(successors);
        let pairs = pairs.take_while(|(_, successor)| successor.base <= through.saturating_add(1));
        pairs.map(|(entry, successor)| (entry.clone(), successor.clone())).collect()
    }

    /// The segment that is written to.
    pub(crate) fn active(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// Forgets the segments before number `first`.
    pub(crate) fn drop_before(&mut self, first: u64) {
        self.entries.retain(|entry| entry.header.number >= first);
    }

    pub(crate) fn headers(&self) -> Vec<SegmentHeader> {
        self.entries.iter().map(|entry| entry.header.clone()).collect()
    }

    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn sequence_first(&self) -> u64 {
        self.entries.first().map_or(1, |entry| entry.header.base)
    }

    /// The segments from the one that holds `sequence` on, and the last marked place at or before
    /// it.
    pub(crate) fn from(&self, sequence: u64) -> (Vec<Entry>, Option<u64>) {
        let later = self.entries.partition_point(|entry| entry.header.base <= sequence);
        let index = later.saturating_sub(1);
        let entries = self.entries.get(index..).unwrap_or_default().to_vec();
        let offset = entries.first().and_then(|entry| {
            let later = entry.marks.partition_point(|(first, _)| *first <= sequence);
            let mark = later.checked_sub(1).and_then(|index| entry.marks.get(index));
            mark.map(|(_, offset)| *offset)
        });
        (entries, offset)
    }
}
