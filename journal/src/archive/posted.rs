//! The archived records with any of some keys, oldest first.

use std::collections::VecDeque;

use super::book::{Archive, Fault};
use super::kept::{look, whole};
use super::shelf::Shelf;
use crate::disk::Disk;
use crate::error::ReadError;
use crate::format::archive::Form;
use crate::format::archive::index::BlockPlace;
use crate::journal::Record;
use crate::layout::Layout;

/// Goes through one archive after another; each is asked for its pages with these keys, then for
/// the blocks with their records.
#[derive(Debug)]
pub(crate) struct PostedReader {
    disk: Disk,
    layout: Layout,
    shelf: Shelf,
    archives: VecDeque<(u64, u64)>,
    keys: Vec<Vec<u8>>,
    /// The ordinal that the next record of each key must have, if an archive said it.
    ordinals: Vec<Option<u64>>,
    open: Option<Open>,
    records: VecDeque<Record>,
    failed: bool,
}

/// An archive and what is still to be read from it.
#[derive(Debug)]
struct Open {
    archive: Archive,
    /// Sequences by block, in order.
    blocks: VecDeque<(BlockPlace, Vec<u64>)>,
}

impl PostedReader {
    pub(crate) fn new(disk: Disk, layout: Layout, keys: &[&[u8]]) -> Result<Self, ReadError> {
        let shelf = look(&disk, &layout)?;
        let mut keys: Vec<Vec<u8>> = keys.iter().map(|key| key.to_vec()).collect();
        keys.sort_unstable();
        keys.dedup();
        Ok(Self {
            disk,
            layout,
            archives: shelf.archives.iter().copied().collect(),
            shelf,
            ordinals: vec![None; keys.len()],
            keys,
            open: None,
            records: VecDeque::new(),
            failed: false,
        })
    }

    fn step(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            if let Some(record) = self.records.pop_front() {
                return Ok(Some(record));
            }
            if let Some(mut open) = self.open.take() {
                if let Some((place, sequences)) = open.blocks.pop_front() {
                    let read = records(&open.archive, &place, &sequences);
                    self.records = read.map_err(|fault| {
                        fault.into_read_error(open.archive.path(), place.sequence_first)
                    })?;
                    self.open = Some(open);
                }
                continue;
            }
            let Some((number, base)) = self.archives.pop_front() else { return Ok(None) };
            match self.enter(number, base) {
                Ok(open) => self.open = Some(open),
                Err(fault) if fault.is_not_found() && self.was_removed(number)? => {}
                Err(fault) => {
                    let path = self.shelf.path(number, base, Form::Full);
                    return Err(fault.into_read_error(&path, base));
                }
            }
        }
    }

    /// Whether retention took an archive since we looked.
    fn was_removed(&self, number: u64) -> Result<bool, ReadError> {
        Ok(number < look(&self.disk, &self.layout)?.manifest.archive_first)
    }

    fn enter(&mut self, number: u64, base: u64) -> Result<Open, Fault> {
        let archive = self.shelf.open_in_chain(number, base)?;
        let pages = archive.page_places()?;
        let mut sequences = Vec::new();
        for (key, ordinal) in self.keys.iter().zip(&mut self.ordinals) {
            let Some(entry) = archive.entry(&pages, key)? else { continue };
            if ordinal.is_some_and(|ordinal| ordinal != entry.ordinal_first) {
                let offset = archive.header.postings_offset;
                return Err(Fault::damaged(offset, "records with this key are missing before it"));
            }
            *ordinal = Some(entry.ordinal_end());
            sequences.extend(entry.sequences);
        }
        sequences.sort_unstable();
        sequences.dedup();
        let blocks =
            if sequences.is_empty() { VecDeque::new() } else { by_block(&archive, &sequences)? };
        Ok(Open { archive, blocks })
    }
}

/// Sorted sequences by the block that holds them.
fn by_block(
    archive: &Archive,
    sequences: &[u64],
) -> Result<VecDeque<(BlockPlace, Vec<u64>)>, Fault> {
    let mut blocks = VecDeque::new();
    let mut rest = sequences;
    for place in archive.block_places()? {
        let end = place.sequence_first.saturating_add(place.records);
        let (here, later) = rest.split_at(rest.partition_point(|sequence| *sequence < end));
        if !here.is_empty() {
            blocks.push_back((place, here.to_vec()));
        }
        rest = later;
    }
    Ok(blocks)
}

fn records(
    archive: &Archive,
    place: &BlockPlace,
    sequences: &[u64],
) -> Result<VecDeque<Record>, Fault> {
    let block = archive.block(place)?;
    let found = sequences.iter().map(|sequence| whole(&block, *sequence));
    let found: Option<VecDeque<Record>> = found.collect();
    found.ok_or(Fault::damaged(place.offset, "a record with a key is not whole"))
}

impl Iterator for PostedReader {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.step().transpose();
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}
