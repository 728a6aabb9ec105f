//! Snapshots: the header, the table, and what the sections hold.

use super::bytes::{Broken, Input, count, crc, ensure, envelope, size, unpack};

/// A snapshot whose every part verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Id of the store.
    pub store: [u8; 16],
    /// After which record, and when that was.
    pub at: (u64, u64),
    /// The last batch that ends there or before, and its chain.
    pub chain: (u64, [u8; 32]),
    /// When it was taken.
    pub created_at_ms: u64,
    /// Digest of the state, as the writer says.
    pub digest: [u8; 32],
    /// Items in it, as the writer says.
    pub items: u64,
    /// What its sections hold.
    pub sections: Vec<Vec<u8>>,
}

/// Reads a snapshot's file.
///
/// # Errors
/// If any part of it does not verify.
pub fn snapshot(file: &[u8]) -> Result<Snapshot, Broken> {
    let (block, _) = file.split_at_checked(4_096).ok_or(Broken("its header is cut off"))?;
    let mut input = envelope(block, b"PASSBSNP")?;
    let store: [u8; 16] = input.array()?;
    let at = (input.u64()?, input.u64()?);
    let chain = (input.u64()?, input.array()?);
    let (created_at_ms, digest, items) = (input.u64()?, input.array()?, input.u64()?);
    let sections = input.u32()?;
    input.zeros(4)?;
    let (table, file_len) = (size(input.u64()?)?, input.u64()?);
    input.zeros(3_932)?;
    ensure((1..u64::MAX).contains(&at.0) && chain.0 <= at.0, "its sequences are out of range")?;
    ensure(sections <= 65_536, "it has too many sections")?;
    let table_len = u64::from(sections) * 24 + 4;
    ensure(count(file.len()) == file_len, "its length differs")?;
    ensure(count(table).checked_add(table_len) == Some(file_len), "its table is elsewhere")?;

    let seal =
        |index: u32, bytes: &[u8]| crc(&[&store, &at.0.to_le_bytes(), &index.to_le_bytes(), bytes]);
    let stored = file.get(4_096..table).ok_or(Broken("its table is elsewhere"))?;
    let (entries, sum) = file
        .get(table..)
        .and_then(<[u8]>::split_last_chunk::<4>)
        .ok_or(Broken("its table is cut off"))?;
    ensure(seal(u32::MAX, entries) == u32::from_le_bytes(*sum), "its table's checksum differs")?;
    let (mut stored, mut entries) = (Input(stored), Input(entries));
    let (mut begins, mut unpacked) = (4_096_u64, Vec::new());
    for index in 0..sections {
        ensure(entries.u64()? == begins, "its sections are not back to back")?;
        let (len, raw_len, sum) = (entries.len32()?, entries.len32()?, entries.u32()?);
        entries.zeros(4)?;
        let bytes = stored.take(len)?;
        ensure(raw_len <= 64 << 20, "a section is too long")?;
        ensure(seal(index, bytes) == sum, "a section's checksum differs")?;
        unpacked.push(unpack(bytes, raw_len)?);
        begins += count(len);
    }
    stored.end()?;
    Ok(Snapshot { store, at, chain, created_at_ms, digest, items, sections: unpacked })
}
