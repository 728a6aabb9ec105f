//! Walking over the batches of one segment, each checked against its predecessor.
//!
//! What a flaw means is left to `classify`.

use super::window::Window;
use crate::disk::DiskFile;
use crate::error::JournalError;
use crate::format::StoreId;
use crate::format::batch::{Batch, BatchHeader, Flaw, Seal, check_batch};
use crate::format::segment::SegmentHeader;
use crate::format::watermark::Watermark;
use crate::leaf::Chain;
use crate::limits::{BLOCK_BYTES, SECTOR_BYTES};

/// What the next batch must continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// Sequence of the next record.
    pub(crate) next: u64,
    /// Link of the last batch.
    pub(crate) chain: Chain,
    /// Time of the last record.
    pub(crate) time_ms: u64,
}

impl Position {
    /// Where a segment begins, by its own header.
    pub(crate) fn at_start_of(header: &SegmentHeader) -> Self {
        Self { next: header.base, chain: header.previous_chain, time_ms: header.previous_time_ms }
    }

    fn check(&self, header: &BatchHeader) -> Result<(), Flaw> {
        if header.sequence_first != self.next {
            return Err(Flaw::Header("its first sequence does not follow"));
        }
        if header.previous_chain != self.chain {
            return Err(Flaw::Header("its chain does not follow"));
        }
        if header.time_first_ms < self.time_ms {
            return Err(Flaw::Header("its time is before its predecessor's"));
        }
        Ok(())
    }

    pub(crate) fn pass(&mut self, batch: &Batch<'_>) {
        self.next = batch.header.sequence_last() + 1;
        self.chain = batch.chain;
        self.time_ms = batch.header.time_last_ms;
    }
}

/// One segment, open for walking.
#[derive(Debug)]
pub(crate) struct Walk {
    window: Window,
    seal: Seal,
    store: StoreId,
    segment_bytes: u64,
}

impl Walk {
    pub(crate) fn new(file: DiskFile, header: &SegmentHeader) -> Self {
        let seal = Seal::new(&header.salt, header.number);
        let segment_bytes = header.segment_bytes;
        Self { window: Window::new(file, segment_bytes), seal, store: header.store, segment_bytes }
    }

    pub(crate) fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes
    }

    /// The slot of the ledger's watermark that lies at `offset`, where none belongs.
    pub(crate) fn watermark_at(&mut self, offset: u64) -> Result<Option<Watermark>, JournalError> {
        let slot = Watermark::newest(self.window.at(offset, BLOCK_BYTES)?);
        Ok(slot.filter(|slot| slot.store == self.store))
    }

    /// The header of a batch at `offset`, by itself: its place in the order is not checked.
    pub(crate) fn header_at(
        &mut self,
        offset: u64,
    ) -> Result<Result<BatchHeader, Flaw>, JournalError> {
        let sector = self.window.at(offset, SECTOR_BYTES)?;
        let header = BatchHeader::decode(sector, &self.seal, offset);
        let segment_bytes = self.segment_bytes;
        Ok(header.and_then(|header| match offset.checked_add(header.extent()) {
            Some(end) if end <= segment_bytes => Ok(header),
            Some(_) | None => Err(Flaw::Header("its length is out of range")),
        }))
    }

    /// The batch at `offset`, by itself.
    pub(crate) fn batch_at(
        &mut self,
        offset: u64,
    ) -> Result<Result<Batch<'_>, Flaw>, JournalError> {
        match self.header_at(offset)? {
            Ok(header) => self.body_at(offset, header),
            Err(flaw) => Ok(Err(flaw)),
        }
    }

    /// The batch at `offset`, which must continue `position`.
    pub(crate) fn next_at(
        &mut self,
        offset: u64,
        position: &Position,
    ) -> Result<Result<Batch<'_>, Flaw>, JournalError> {
        match self.header_at(offset)?.and_then(|header| position.check(&header).map(|()| header)) {
            Ok(header) => self.body_at(offset, header),
            Err(flaw) => Ok(Err(flaw)),
        }
    }

    fn body_at(
        &mut self,
        offset: u64,
        header: BatchHeader,
    ) -> Result<Result<Batch<'_>, Flaw>, JournalError> {
        if header.mask != 0 {
            // Unmasking changes the buffer: never unmask the same bytes twice.
            self.window.forget();
        }
        let extent = self.window.at(offset, header.extent_len())?;
        Ok(check_batch(header, extent, &self.seal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a batch of record @5 at time 20 says of itself, behind a chain of sevens.
    fn header() -> BatchHeader {
        BatchHeader {
            offset: 8_192,
            sequence_first: 5,
            count: 1,
            content_bytes: 200,
            time_first_ms: 20,
            time_last_ms: 20,
            durable: 4,
            previous_chain: [7; 32],
            mask: 0,
        }
    }

    #[track_caller]
    fn check_refused(header: &BatchHeader) {
        let position = Position { next: 5, chain: [7; 32], time_ms: 20 };
        assert!(position.check(header).is_err(), "{header:?}");
    }

    #[test]
    fn a_batch_follows_by_sequence_chain_and_time_or_not_at_all() {
        for time_ms in [0, 19, 20] {
            let position = Position { next: 5, chain: [7; 32], time_ms };
            assert_eq!(position.check(&header()), Ok(()));
        }
        check_refused(&BatchHeader { sequence_first: 4, ..header() });
        check_refused(&BatchHeader { sequence_first: 6, ..header() });
        check_refused(&BatchHeader { previous_chain: [8; 32], ..header() });
        check_refused(&BatchHeader { time_first_ms: 19, ..header() });
    }
}
