//! Records read back from segments, each batch checked again on the way.

use std::collections::VecDeque;
use std::sync::Arc;

use super::catalog::Entry;
use crate::disk::Disk;
use crate::error::{JournalError, ReadError};
use crate::format::batch::Batch;
use crate::journal::{Place, Record};
use crate::layout::Layout;
use crate::leaf::Chain;
use crate::recovery::DATA_START;
use crate::recovery::read_manifest;
use crate::recovery::walk::Walk;
use crate::vfs::OpenMode;

const BROKEN_CHAIN: &str = "it does not continue the chain of what is before it";

/// Records in `next ..= through`.
#[derive(Debug)]
pub(crate) struct Reader {
    disk: Disk,
    layout: Layout,
    entries: VecDeque<Entry>,
    walk: Option<Walk>,
    offset: u64,
    next: u64,
    through: u64,
    records: VecDeque<Record>,
    /// Link of the batch before `offset`, once one was read.
    link: Option<Chain>,
    failed: bool,
}

impl Reader {
    /// `entries` begin with the segment that holds `from`; `offset` is a batch at or before it.
    pub(crate) fn new(
        disk: Disk,
        layout: Layout,
        (entries, offset): (Vec<Entry>, Option<u64>),
        from: u64,
        through: u64,
    ) -> Self {
        Self {
            disk,
            layout,
            entries: entries.into(),
            walk: None,
            offset: offset.unwrap_or(DATA_START),
            next: from,
            through,
            records: VecDeque::new(),
            link: None,
            failed: false,
        }
    }

    /// Goes on at a later record; one that was dropped meanwhile is no obstacle.
    pub(crate) fn skip_to(&mut self, sequence: u64) {
        if sequence > self.next {
            self.next = sequence;
            self.records.retain(|record| record.sequence >= sequence);
            // What is between may be in no segment any more.
            self.link = None;
        }
        self.failed = false;
    }

    /// Reads batches until one holds `next`.
    fn fill(&mut self) -> Result<(), ReadError> {
        while self.records.is_empty() {
            self.enter_segment()?;
            let (Some(entry), Some(walk)) = (self.entries.front(), self.walk.as_mut()) else {
                return Err(self.damage("the record is in no segment"));
            };
            let before_next = match walk.header_at(self.offset).map_err(io_failed)? {
                Ok(header) if header.sequence_last() < self.next => Some(header.extent()),
                Ok(header) if header.sequence_first <= self.next => None,
                Ok(_) => return Err(self.damage("the batch does not hold the expected sequence")),
                Err(flaw) => return Err(self.damage(flaw.why())),
            };
            if let Some(extent) = before_next {
                self.offset += extent;
                self.link = None;
                continue;
            }
            match walk.batch_at(self.offset).map_err(io_failed)? {
                Ok(batch) if self.link.is_some_and(|link| link != batch.header.previous_chain) => {
                    return Err(self.damage(BROKEN_CHAIN));
                }
                Ok(batch) => {
                    self.link = Some(batch.chain);
                    take_records(&batch, entry, self.next, self.through, &mut self.records);
                    self.offset += batch.header.extent();
                }
                Err(flaw) => return Err(self.damage(flaw.why())),
            }
        }
        Ok(())
    }

    /// Opens the segment that holds `next`, if another one is open.
    fn enter_segment(&mut self) -> Result<(), ReadError> {
        while self.entries.get(1).is_some_and(|second| second.header.base <= self.next) {
            self.entries.pop_front();
            self.walk = None;
            self.offset = DATA_START;
        }
        if self.walk.is_none()
            && let Some(entry) = self.entries.front()
        {
            let file = match self.disk.open(&entry.path, OpenMode::Read) {
                Err(error) if error.is_not_found() => return Err(self.trimmed(error)),
                opened => opened.map_err(io_failed)?,
            };
            self.walk = Some(Walk::new(file, &entry.header));
            // An opening from a snapshot did not walk over the older ones: one may be of another
            // life of this ledger, and verify by itself.
            if self.link.is_some_and(|link| link != entry.header.previous_chain) {
                return Err(self.damage(BROKEN_CHAIN));
            }
        }
        Ok(())
    }

    /// A segment that isn't there was compacted since we began, or it is lost.
    fn trimmed(&self, error: JournalError) -> ReadError {
        match read_manifest(&self.disk, &self.layout) {
            Ok(manifest) if manifest.sequence_first > self.next => {
                ReadError::Trimmed { first: manifest.sequence_first }
            }
            Ok(_) | Err(_) => io_failed(error),
        }
    }

    fn damage(&self, why: &str) -> ReadError {
        let path = self.entries.front().map(|entry| entry.path.clone()).unwrap_or_default();
        let (offset, sequence) = (self.offset, self.next);
        ReadError::Corrupt { path, offset, sequence, why: why.to_owned() }
    }
}

fn take_records(
    batch: &Batch<'_>,
    entry: &Entry,
    from: u64,
    through: u64,
    records: &mut VecDeque<Record>,
) {
    let batch_offset = batch.header.offset;
    for framed in batch.records().filter(|framed| (from..=through).contains(&framed.sequence)) {
        let in_batch = u64::try_from(framed.offset_in_batch).expect("a batch is at most 1 MiB");
        let frame_bytes = crate::limits::RECORD_OVERHEAD_BYTES + framed.payload.len();
        records.push_back(Record {
            sequence: framed.sequence,
            time_ms: framed.time_ms,
            group_first: framed.group_first,
            payload: framed.payload.to_vec(),
            place: Some(Place {
                segment: entry.path.clone(),
                batch_offset,
                record_offset: batch_offset + in_batch,
                length: u64::try_from(frame_bytes).expect("a batch is at most 1 MiB"),
            }),
        });
    }
}

impl Iterator for Reader {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.next > self.through {
            return None;
        }
        if let Err(error) = self.fill() {
            self.failed = true;
            return Some(Err(error));
        }
        self.next += 1;
        self.records.pop_front().map(Ok)
    }
}

fn io_failed(error: JournalError) -> ReadError {
    ReadError::Io(Arc::new(error))
}
