//! Records in order from the archive on into the journal, while both may change.

use std::collections::VecDeque;

use super::book::{Archive, Fault};
use super::shelf::Shelf;
use crate::disk::Disk;
use crate::error::{OpenError, ReadError};
use crate::file::reader::Reader;
use crate::format::archive::Form;
use crate::format::archive::block::{Archived, Block, Body};
use crate::format::archive::index::BlockPlace;
use crate::journal::Record;
use crate::layout::Layout;

/// What is kept of records from `next` on.
#[derive(Debug)]
pub(crate) struct KeptReader {
    disk: Disk,
    layout: Layout,
    shelf: Shelf,
    /// The archive that is being read.
    book: Option<Book>,
    records: VecDeque<Record>,
    /// The first one that hasn't been looked at.
    next: u64,
    through: u64,
    /// The part of it in segments.
    journal: Reader,
    failed: bool,
}

#[derive(Debug)]
struct Book {
    archive: Archive,
    places: Vec<BlockPlace>,
}

impl KeptReader {
    /// `journal` reads from `from`, or from the first record that the journal had a moment ago.
    pub(crate) fn new(
        disk: Disk,
        layout: Layout,
        journal: Reader,
        from: u64,
        through: u64,
    ) -> Result<Self, ReadError> {
        let shelf = look(&disk, &layout)?;
        if from < shelf.kept_first() {
            return Err(ReadError::Trimmed { first: shelf.kept_first() });
        }
        Ok(Self {
            disk,
            layout,
            shelf,
            book: None,
            records: VecDeque::new(),
            next: from,
            through,
            journal,
            failed: false,
        })
    }

    fn step(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            if let Some(record) = self.records.pop_front() {
                return Ok(Some(record));
            }
            if self.next > self.through {
                return Ok(None);
            }
            if self.next < self.shelf.manifest.sequence_first {
                self.fill()?;
                continue;
            }
            self.journal.skip_to(self.next);
            match self.journal.next() {
                // It was compacted under our hands.
                Some(Err(ReadError::Trimmed { first })) => {
                    self.look_again()?;
                    if self.next >= self.shelf.manifest.sequence_first {
                        return Err(ReadError::Trimmed { first });
                    }
                }
                Some(Err(error)) => return Err(error),
                Some(Ok(record)) => {
                    self.next += 1;
                    return Ok(Some(record));
                }
                None => return Ok(None),
            }
        }
    }

    /// Reads the block that holds `next`.
    fn fill(&mut self) -> Result<(), ReadError> {
        let archives = &self.shelf.archives;
        let later = archives.partition_point(|(_, base)| *base <= self.next);
        let Some((number, base)) = later.checked_sub(1).and_then(|at| archives.get(at)).copied()
        else {
            return Err(ReadError::Trimmed { first: self.shelf.kept_first() });
        };
        match self.fill_from(number, base) {
            Err(fault) if fault.is_not_found() => {
                // Retention took it under our hands.
                self.look_again()?;
                if self.next < self.shelf.kept_first() {
                    return Err(ReadError::Trimmed { first: self.shelf.kept_first() });
                }
                Ok(())
            }
            Err(fault) => {
                let path = self.shelf.path(number, base, Form::Full);
                Err(fault.into_read_error(&path, self.next))
            }
            Ok(()) => Ok(()),
        }
    }

    fn fill_from(&mut self, number: u64, base: u64) -> Result<(), Fault> {
        if self.book.as_ref().is_none_or(|book| book.archive.header.number != number) {
            let archive = self.shelf.open_in_chain(number, base)?;
            let places = archive.block_places()?;
            self.book = Some(Book { archive, places });
        }
        let Some(book) = &self.book else { return Ok(()) };
        let later = book.places.partition_point(|place| place.sequence_first <= self.next);
        let place = later.checked_sub(1).and_then(|at| book.places.get(at));
        let place = place.filter(|place| self.next - place.sequence_first < place.records);
        let Some(place) = place else {
            return Err(Fault::damaged(0, "the record is in no block"));
        };
        let block = book.archive.block(place)?;
        let wanted =
            block.records().filter(|record| (self.next..=self.through).contains(&record.sequence));
        self.records.extend(wanted.filter_map(owned));
        self.next = block.sequence_end();
        Ok(())
    }

    fn look_again(&mut self) -> Result<(), ReadError> {
        self.shelf = look(&self.disk, &self.layout)?;
        self.book = None;
        Ok(())
    }
}

/// The record, if it was kept whole.
fn owned(record: Archived<'_>) -> Option<Record> {
    match record.body {
        Body::Whole(payload) => Some(Record {
            sequence: record.sequence,
            time_ms: record.time_ms,
            group_first: record.group_first,
            payload: payload.to_vec(),
            place: None,
        }),
        Body::Leaf(_) => None,
    }
}

/// The whole record of a block with this sequence.
pub(crate) fn whole(block: &Block, sequence: u64) -> Option<Record> {
    block.record(sequence).and_then(owned)
}

/// The archives as they are now.
pub(crate) fn look(disk: &Disk, layout: &Layout) -> Result<Shelf, ReadError> {
    Shelf::look(disk, layout).map_err(|error| match error {
        OpenError::Corrupt(damage) | OpenError::Ambiguous(damage) => ReadError::Corrupt {
            path: damage.path,
            offset: damage.offset,
            sequence: damage.sequence_first,
            why: damage.why,
        },
        OpenError::NewerFormat { path, found, supported } => ReadError::Corrupt {
            path,
            offset: 8,
            sequence: 1,
            why: format!("it has format {found}; this program reads up to {supported}"),
        },
        OpenError::NoSpace(error) | OpenError::NotWritable(error) | OpenError::Io(error) => {
            ReadError::Io(error)
        }
        OpenError::Missing { .. }
        | OpenError::NotALedger { .. }
        | OpenError::Incomplete { .. }
        | OpenError::ForeignJournal { .. }
        | OpenError::Locked { .. }
        | OpenError::Option { .. }
        | OpenError::Visit(_) => unreachable!("reading a manifest gives none of these"),
    })
}

impl Iterator for KeptReader {
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
