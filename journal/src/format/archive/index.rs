//! Where the blocks and the pages of an archive are.

use super::varint::{Cursor, put_length, put_varint};
use crate::limits::ARCHIVE_KEY_BYTES_MAX;

/// Where a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockPlace {
    pub(crate) sequence_first: u64,
    pub(crate) offset: u64,
    /// Records in it.
    pub(crate) records: u64,
    /// Length of its frame.
    pub(crate) bytes: u64,
}

/// Where a page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PagePlace {
    pub(crate) key_first: Vec<u8>,
    pub(crate) offset: u64,
    /// Length of its frame.
    pub(crate) bytes: u64,
}

/// The frames lie one behind the other, so counts and lengths say it all.
pub(crate) fn encode_blocks(places: &[BlockPlace]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for place in places {
        put_varint(&mut bytes, place.records);
        put_varint(&mut bytes, place.bytes);
    }
    bytes
}

/// Blocks from sequence `base` and `offset` on; they must end at `end`, behind sequence `last`.
pub(crate) fn decode_blocks(
    bytes: &[u8],
    (base, last): (u64, u64),
    (offset, end): (u64, u64),
) -> Option<Vec<BlockPlace>> {
    let mut cursor = Cursor::new(bytes);
    let (mut sequence_first, mut at) = (base, offset);
    let mut places = Vec::new();
    while !cursor.is_empty() {
        let records = cursor.varint().filter(|records| *records > 0)?;
        let bytes = cursor.varint().filter(|bytes| *bytes > 0)?;
        places.push(BlockPlace { sequence_first, offset: at, records, bytes });
        sequence_first = sequence_first.checked_add(records)?;
        at = at.checked_add(bytes)?;
    }
    (at == end && sequence_first == last.checked_add(1)?).then_some(places)
}

pub(crate) fn encode_pages(places: &[PagePlace]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for place in places {
        put_varint(&mut bytes, place.bytes);
        put_length(&mut bytes, place.key_first.len());
        bytes.extend_from_slice(&place.key_first);
    }
    bytes
}

/// Pages from `offset` on, keys in order; they must end at `end`.
pub(crate) fn decode_pages(bytes: &[u8], offset: u64, end: u64) -> Option<Vec<PagePlace>> {
    let mut cursor = Cursor::new(bytes);
    let mut at = offset;
    let mut places: Vec<PagePlace> = Vec::new();
    while !cursor.is_empty() {
        let bytes = cursor.varint().filter(|bytes| *bytes > 0)?;
        let key_len = cursor.length().filter(|length| *length <= ARCHIVE_KEY_BYTES_MAX)?;
        let key_first = cursor.take(key_len)?.to_vec();
        if places.last().is_some_and(|before| before.key_first > key_first) {
            return None;
        }
        places.push(PagePlace { key_first, offset: at, bytes });
        at = at.checked_add(bytes)?;
    }
    (at == end).then_some(places)
}
