//! The watermark: how far the journal was durable at some moment. Evidence, never more.

use super::bytes::{array_at, put, u32_at, u64_at};
use super::{StoreId, check_envelope, put_envelope};
use crate::limits::{BLOCK_BYTES, SECTOR_BYTES};

const MAGIC: [u8; 8] = *b"PASSBWAT";

/// Length of the file, in bytes: two slots of one block.
pub(crate) const WATERMARK_BYTES: usize = 2 * BLOCK_BYTES;

const CLEAN_FLAG: u32 = 1;
/// No ledger lives to write so many: there is always a next one.
const GENERATION_END: u64 = 1 << 63;

/// One slot. All of it lies in the slot's first sector, so that a power cut can't tear it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watermark {
    pub(crate) store: StoreId,
    /// Grows with every write; the higher of two valid slots counts.
    pub(crate) generation: u64,
    /// Number of the segment that holds `durable`.
    pub(crate) segment: u64,
    /// Where its last durable batch ends.
    pub(crate) end: u64,
    /// Sequence of the last durable record.
    pub(crate) durable: u64,
    /// Whether it was written by a close, with nothing queued behind it.
    pub(crate) closed: bool,
}

impl Watermark {
    /// Where its slot begins.
    pub(crate) fn slot_offset(&self) -> u64 {
        if self.generation.is_multiple_of(2) { 0 } else { 4096 }
    }

    /// The slot, one block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut sector = vec![0; SECTOR_BYTES];
        put(&mut sector, 16, &self.store);
        put(&mut sector, 32, &self.generation.to_le_bytes());
        put(&mut sector, 40, &self.segment.to_le_bytes());
        put(&mut sector, 48, &self.end.to_le_bytes());
        put(&mut sector, 56, &self.durable.to_le_bytes());
        let flags = if self.closed { CLEAN_FLAG } else { 0 };
        put(&mut sector, 64, &flags.to_le_bytes());
        put_envelope(&mut sector, MAGIC);
        sector.resize(BLOCK_BYTES, 0);
        sector
    }

    /// The newest valid slot of the file, if there is one.
    pub(crate) fn newest(file: &[u8]) -> Option<Self> {
        file.chunks_exact(BLOCK_BYTES)
            .filter_map(Self::decode)
            .max_by_key(|watermark| watermark.generation)
    }

    /// The slot's first sector vouches for itself: what has come into the rest of its block takes none
    /// of its evidence away.
    fn decode(block: &[u8]) -> Option<Self> {
        let sector = block.get(..SECTOR_BYTES)?;
        check_envelope(sector, MAGIC).ok()?;
        let watermark = Self {
            store: array_at(sector, 16)?,
            generation: u64_at(sector, 32)?,
            segment: u64_at(sector, 40)?,
            end: u64_at(sector, 48)?,
            durable: u64_at(sector, 56)?,
            closed: u32_at(sector, 64)? == CLEAN_FLAG,
        };
        Some(watermark).filter(|watermark| watermark.generation < GENERATION_END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(generation: u64) -> Watermark {
        Watermark { store: [1; 16], generation, segment: 1, end: 8192, durable: 0, closed: false }
    }

    #[test]
    fn what_has_come_behind_its_sector_takes_no_evidence_away() {
        let mut block = of(7).encode();
        block[SECTOR_BYTES..].fill(0xa5);
        assert_eq!(Watermark::newest(&block), Some(of(7)));
        block[60] ^= 1;
        assert_eq!(Watermark::newest(&block), None);
    }

    #[test]
    fn a_watermark_that_could_have_no_next_one_is_none() {
        let last = of(GENERATION_END - 1);
        assert_eq!(Watermark::newest(&last.encode()), Some(last));
        for generation in [GENERATION_END, u64::MAX] {
            assert_eq!(Watermark::newest(&of(generation).encode()), None);
        }
    }
}
