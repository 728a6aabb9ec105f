//! The header of a segment: who it belongs to and what came before it.

use super::bytes::{array_at, put, u64_at};
use super::{Salt, StoreId, Undecodable, check_envelope, put_envelope};
use crate::leaf::Chain;
use crate::limits::{BLOCK_BYTES, SEGMENT_HEADER_BYTES};

const MAGIC: [u8; 8] = *b"PASSBSEG";

/// What a segment says about itself and its predecessor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) store: StoreId,
    /// 1 for the first.
    pub(crate) number: u64,
    /// Sequence of its first record.
    pub(crate) base: u64,
    /// Length of its file.
    pub(crate) segment_bytes: u64,
    /// Where the last batch of the predecessor ends; 0 without one.
    pub(crate) previous_end: u64,
    /// Time of the last record before it; 0 without one.
    pub(crate) previous_time_ms: u64,
    /// Chain of the last batch before it.
    pub(crate) previous_chain: Chain,
    pub(crate) salt: Salt,
}

impl SegmentHeader {
    /// The header block, twice.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut block = vec![0; BLOCK_BYTES];
        put(&mut block, 16, &self.store);
        put(&mut block, 32, &self.number.to_le_bytes());
        put(&mut block, 40, &self.base.to_le_bytes());
        put(&mut block, 48, &self.segment_bytes.to_le_bytes());
        put(&mut block, 56, &self.previous_end.to_le_bytes());
        put(&mut block, 64, &self.previous_time_ms.to_le_bytes());
        put(&mut block, 72, &self.previous_chain);
        put(&mut block, 104, &self.salt);
        put_envelope(&mut block, MAGIC);
        block.extend_from_within(..);
        debug_assert_eq!(block.len(), SEGMENT_HEADER_BYTES);
        block
    }

    /// One copy of the header, from one block.
    pub(crate) fn decode(block: &[u8]) -> Result<Self, Undecodable> {
        check_envelope(block, MAGIC)?;
        Self::fields(block).ok_or(Undecodable::Damaged("it is too short"))
    }

    fn fields(block: &[u8]) -> Option<Self> {
        Some(Self {
            store: array_at(block, 16)?,
            number: u64_at(block, 32)?,
            base: u64_at(block, 40)?,
            segment_bytes: u64_at(block, 48)?,
            previous_end: u64_at(block, 56)?,
            previous_time_ms: u64_at(block, 64)?,
            previous_chain: array_at(block, 72)?,
            salt: array_at(block, 104)?,
        })
    }

    /// Name of its file.
    pub(crate) fn file_name(&self) -> String {
        format!("{:06}-{}.seg", self.number, self.base)
    }
}

/// Number and base sequence out of a file name, if it is a segment's.
pub(crate) fn parse_file_name(name: &str) -> Option<(u64, u64)> {
    let (number, base) = name.strip_suffix(".seg")?.split_once('-')?;
    let parsed = (number.parse().ok()?, base.parse().ok()?);
    (format!("{:06}-{}.seg", parsed.0, parsed.1) == name).then_some(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_from_either_block() {
        let header = SegmentHeader {
            store: [1; 16],
            number: 2,
            base: 3,
            segment_bytes: 4,
            previous_end: 5,
            previous_time_ms: 6,
            previous_chain: [7; 32],
            salt: [8; 16],
        };
        let bytes = header.encode();
        for block in bytes.chunks(BLOCK_BYTES) {
            assert_eq!(SegmentHeader::decode(block), Ok(header.clone()));
        }
    }

    #[test]
    fn only_exact_names_are_segments() {
        assert_eq!(parse_file_name("000012-734003.seg"), Some((12, 734_003)));
        for name in ["12-734003.seg", "000012-0734003.seg", "000012-734003.seg.bak", "next.tmp"] {
            assert_eq!(parse_file_name(name), None, "{name}");
        }
    }
}
