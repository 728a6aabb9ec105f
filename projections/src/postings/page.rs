//! The bytes of one page of entries.

use super::{PAGE_BYTES, block::BadBlock};

/// The hash of a key, and a sequence less the first one of the block.
pub(super) type Entry = (u32, u16);

const CHECKSUM_BYTES: usize = 4;
const ENTRY_BYTES: usize = 6;
/// Entries of a page.
pub(super) const PAGE_ENTRIES: usize = (PAGE_BYTES - CHECKSUM_BYTES) / ENTRY_BYTES;

/// How many pages so many entries take.
pub(super) fn pages_for(entries: u32) -> usize {
    usize::try_from(entries).unwrap_or(usize::MAX).div_ceil(PAGE_ENTRIES)
}

/// Where a page begins, in bytes from the start of the block.
pub(super) fn offset_of(page: usize) -> u64 {
    u64::try_from((page + 1) * PAGE_BYTES).unwrap_or(u64::MAX)
}

/// The page of these entries, of the block whose first page has that checksum.
pub(super) fn encode(block: u32, page: usize, entries: &[Entry]) -> Vec<u8> {
    let mut body = Vec::with_capacity(PAGE_BYTES);
    body.extend_from_slice(&[0; CHECKSUM_BYTES]);
    for (hash, ordinal) in entries {
        body.extend_from_slice(&hash.to_le_bytes());
        body.extend_from_slice(&ordinal.to_le_bytes());
    }
    body.resize(PAGE_BYTES, 0);
    if let Some((checksum, rest)) = body.split_first_chunk_mut::<CHECKSUM_BYTES>() {
        *checksum = checksum_of(block, page, rest).to_le_bytes();
    }
    body
}

/// The first entries of the page, as many as there are to be.
pub(super) fn decode(
    block: u32,
    page: usize,
    bytes: &[u8],
    entries: usize,
) -> Result<impl Iterator<Item = Entry>, BadBlock> {
    let bad = |why| BadBlock { offset: offset_of(page), why };
    let (checksum, rest) =
        bytes.split_first_chunk::<CHECKSUM_BYTES>().ok_or_else(|| bad("a page is cut off"))?;
    if rest.len() != PAGE_BYTES - CHECKSUM_BYTES {
        return Err(bad("a page is cut off"));
    }
    if u32::from_le_bytes(*checksum) != checksum_of(block, page, rest) {
        return Err(bad("a page does not verify"));
    }
    let (all, _zero) = rest.as_chunks::<ENTRY_BYTES>();
    Ok(all.iter().take(entries).map(|[a, b, c, d, e, f]| {
        (u32::from_le_bytes([*a, *b, *c, *d]), u16::from_le_bytes([*e, *f]))
    }))
}

fn checksum_of(block: u32, page: usize, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&block.to_le_bytes());
    hasher.update(&u32::try_from(page).unwrap_or(u32::MAX).to_le_bytes());
    hasher.update(rest);
    hasher.finalize()
}
