//! The bytes of a list of rows that are to be removed.
//!
//! ```text
//! 0   8  magic "PBREMOVE"
//! 8   4  version, 1
//! 12  4  how many entries follow
//! 16  4  CRC-32 of the 16 bytes before
//! then, for each entry:
//! 0  16  the session's id, as a number
//! 16  4  CRC-32 of the entry's place (4 bytes, from 0) and the 16 bytes before
//! ```
//! All numbers are little-endian. The file is only ever replaced as a whole, so there is no torn
//! one: whatever does not verify is damage.

use std::collections::BTreeSet;

use passbook_core::SessionId;
use thiserror::Error;

const MAGIC: &[u8; 8] = b"PBREMOVE";
const VERSION: u32 = 1;
const HEADER_LEN: usize = 20;
const ENTRY_LEN: usize = 20;
/// The most rows that one list names; about 80 MB.
pub const REMOVALS_MAX: usize = 4_000_000;

/// A list that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("byte {offset}: {why}")]
pub struct RemovalsDamage {
    /// Where, in bytes from the start of the file.
    pub offset: usize,
    /// What is wrong there.
    pub why: &'static str,
}

/// The bytes of that list. What is beyond [`REMOVALS_MAX`] is refused with `None`.
///
/// ```
/// use passbook_core::SessionId;
/// use passbook_projections::rows::removals::{decode, encode};
/// let ids = [SessionId::from_u128(7)].into();
/// let bytes = encode(&ids).expect("few");
/// assert_eq!(decode(&bytes)?, ids);
/// # Ok::<(), passbook_projections::rows::removals::RemovalsDamage>(())
/// ```
pub fn encode(ids: &BTreeSet<SessionId>) -> Option<Vec<u8>> {
    let count = u32::try_from(ids.len()).ok().filter(|_| ids.len() <= REMOVALS_MAX)?;
    let mut bytes = Vec::with_capacity(HEADER_LEN + ENTRY_LEN * ids.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    for (place, id) in (0..).zip(ids) {
        let id = id.as_u128().to_le_bytes();
        bytes.extend_from_slice(&id);
        bytes.extend_from_slice(&entry_checksum(place, &id).to_le_bytes());
    }
    Some(bytes)
}

/// The list that these bytes are.
///
/// # Errors
/// [`RemovalsDamage`] names the first byte of what does not verify.
pub fn decode(bytes: &[u8]) -> Result<BTreeSet<SessionId>, RemovalsDamage> {
    let damage = |offset, why| RemovalsDamage { offset, why };
    let (header, mut rest) =
        bytes.split_at_checked(HEADER_LEN).ok_or(damage(0, "the header is cut off"))?;
    let (told, checksum) = header.split_at(HEADER_LEN - 4);
    if number(checksum) != Some(crc32fast::hash(told)) {
        return Err(damage(0, "the header's checksum differs"));
    }
    let (magic, told) = told.split_at(MAGIC.len());
    let (version, count) = told.split_at(4);
    if magic != MAGIC {
        return Err(damage(0, "this is no list of removals"));
    }
    if number(version) != Some(VERSION) {
        return Err(damage(8, "a newer version wrote it"));
    }
    let mut ids = BTreeSet::new();
    let mut offset = HEADER_LEN;
    for place in 0..number(count).unwrap_or(0) {
        let (entry, behind) =
            rest.split_at_checked(ENTRY_LEN).ok_or(damage(offset, "the entry is cut off"))?;
        let (id, checksum) = entry.split_at(16);
        let id: [u8; 16] = id.try_into().map_err(|_short| damage(offset, "no id"))?;
        if number(checksum) != Some(entry_checksum(place, &id)) {
            return Err(damage(offset, "the entry's checksum differs"));
        }
        ids.insert(SessionId::from_u128(u128::from_le_bytes(id)));
        (rest, offset) = (behind, offset + ENTRY_LEN);
    }
    if rest.is_empty() { Ok(ids) } else { Err(damage(offset, "bytes behind the last entry")) }
}

fn entry_checksum(place: u32, id: &[u8; 16]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&place.to_le_bytes());
    hasher.update(id);
    hasher.finalize()
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<u8> {
        encode(&[1, 2, u128::MAX].map(SessionId::from_u128).into()).expect("few")
    }

    #[test]
    fn no_flipped_bit_and_no_missing_or_added_byte_is_overlooked() {
        let good = three();
        assert_eq!(decode(&good).expect("good").len(), 3);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let damage = decode(&bad).expect_err("one bit differs");
            assert!(
                damage.offset <= bit / 8 && bit / 8 < damage.offset + 20,
                "bit {bit}: {damage}"
            );
        }
        for len in 0..good.len() {
            assert!(decode(&good[..len]).is_err(), "cut at {len}");
        }
        assert!(decode(&[&*good, &[0]].concat()).is_err());
    }

    #[test]
    fn entries_may_not_change_places() {
        let mut bytes = three();
        bytes[20..60].rotate_left(20);
        assert_eq!(decode(&bytes).expect_err("swapped").offset, 20);
    }

    #[test]
    fn the_bytes_are_the_golden_ones() {
        let bytes = encode(&[SessionId::from_u128(0x0102)].into()).expect("few");
        let shown = bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(
            shown,
            "504252454d4f56450100000001000000dee83d9f0201000000000000000000000000000006658e31"
        );
    }
}
