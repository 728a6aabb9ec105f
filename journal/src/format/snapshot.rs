//! A snapshot's file: header block, sections, section table, and nothing behind it.
//!
//! What a section means is left to the caller; compressing, reading and writing to `snapshot` and
//! `file`.

use super::bytes::{all_zero, array_at, put, u32_at, u64_at};
use super::{StoreId, Undecodable, check_envelope, put_envelope};
use crate::leaf::Chain;
use crate::limits::{BLOCK_BYTES, SNAPSHOT_SECTION_BYTES_MAX, SNAPSHOT_SECTIONS_MAX};

const MAGIC: [u8; 8] = *b"PASSBSNP";

/// Where the first section begins, in bytes: behind the header block.
pub(crate) const SECTIONS_START: u64 = 4096;
const _: () = assert!(BLOCK_BYTES == 4096);

/// Length of the fields in the header block, in bytes; behind them are zeros and the checksum.
const FIELDS_BYTES: usize = 160;

/// Bytes of one entry of the section table.
const ENTRY_BYTES: usize = 24;

/// Bytes of the checksum behind the entries.
const TABLE_CRC_BYTES: usize = 4;

/// What a snapshot says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotHeader {
    pub(crate) store: StoreId,
    /// The state is the one after this record.
    pub(crate) sequence: u64,
    /// Time of that record.
    pub(crate) time_ms: u64,
    /// The last record of the last batch that ends at or before `sequence`.
    pub(crate) chain_sequence: u64,
    /// Link of that batch.
    pub(crate) chain: Chain,
    pub(crate) created_at_ms: u64,
    /// The caller's digest of the state.
    pub(crate) digest: [u8; 32],
    /// The caller's count of what is in it.
    pub(crate) items: u64,
    pub(crate) sections: u32,
    /// Where the sections end and the table begins.
    pub(crate) table_offset: u64,
}

/// Where one section lies and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SectionEntry {
    pub(crate) offset: u64,
    /// Length in the file: compressed.
    pub(crate) stored_bytes: u32,
    pub(crate) raw_bytes: u32,
    /// See [`section_crc`].
    pub(crate) crc: u32,
}

impl SnapshotHeader {
    /// The header block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut block = vec![0; BLOCK_BYTES];
        put(&mut block, 16, &self.store);
        put(&mut block, 32, &self.sequence.to_le_bytes());
        put(&mut block, 40, &self.time_ms.to_le_bytes());
        put(&mut block, 48, &self.chain_sequence.to_le_bytes());
        put(&mut block, 56, &self.chain);
        put(&mut block, 88, &self.created_at_ms.to_le_bytes());
        put(&mut block, 96, &self.digest);
        put(&mut block, 128, &self.items.to_le_bytes());
        put(&mut block, 136, &self.sections.to_le_bytes());
        put(&mut block, 144, &self.table_offset.to_le_bytes());
        put(&mut block, 152, &self.file_bytes().to_le_bytes());
        put_envelope(&mut block, MAGIC);
        block
    }

    pub(crate) fn decode(block: &[u8]) -> Result<Self, Undecodable> {
        use Undecodable::Damaged;
        if block.len() != BLOCK_BYTES {
            return Err(Damaged("it is too short"));
        }
        check_envelope(block, MAGIC)?;
        let header = Self::fields(block).ok_or(Damaged("it is too short"))?;
        let padding = block.get(FIELDS_BYTES..BLOCK_BYTES - 4).unwrap_or_default();
        if u32_at(block, 140) != Some(0) || !all_zero(padding) {
            return Err(Damaged("its unused bytes are not zero"));
        }
        if header.sections > SNAPSHOT_SECTIONS_MAX {
            return Err(Damaged("it has too many sections"));
        }
        let in_range = header.sequence > 0
            && header.sequence < u64::MAX
            && header.chain_sequence <= header.sequence
            && header.table_offset >= SECTIONS_START;
        if !in_range {
            return Err(Damaged("its fields are out of range"));
        }
        if header.table_offset.checked_add(header.table_bytes()) != u64_at(block, 152) {
            return Err(Damaged("its length does not follow from its sections"));
        }
        Ok(header)
    }

    fn fields(block: &[u8]) -> Option<Self> {
        Some(Self {
            store: array_at(block, 16)?,
            sequence: u64_at(block, 32)?,
            time_ms: u64_at(block, 40)?,
            chain_sequence: u64_at(block, 48)?,
            chain: array_at(block, 56)?,
            created_at_ms: u64_at(block, 88)?,
            digest: array_at(block, 96)?,
            items: u64_at(block, 128)?,
            sections: u32_at(block, 136)?,
            table_offset: u64_at(block, 144)?,
        })
    }

    /// Length of the section table, checksum included.
    pub(crate) fn table_bytes(&self) -> u64 {
        let entry_bytes = u64::try_from(ENTRY_BYTES).unwrap_or(u64::MAX);
        u64::from(self.sections) * entry_bytes + 4
    }

    /// Length of the whole file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.table_offset.saturating_add(self.table_bytes())
    }
}

/// The section table.
pub(crate) fn encode_table(store: &StoreId, sequence: u64, entries: &[SectionEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES + TABLE_CRC_BYTES);
    for entry in entries {
        bytes.extend_from_slice(&entry.offset.to_le_bytes());
        bytes.extend_from_slice(&entry.stored_bytes.to_le_bytes());
        bytes.extend_from_slice(&entry.raw_bytes.to_le_bytes());
        bytes.extend_from_slice(&entry.crc.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
    }
    let crc = seeded(store, sequence, TABLE_INDEX, &bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// The entries of a table, which must describe sections that lie back to back from
/// [`SECTIONS_START`] to the table.
pub(crate) fn decode_table(
    header: &SnapshotHeader,
    bytes: &[u8],
) -> Result<Vec<SectionEntry>, &'static str> {
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or("its section table is too short")?;
    if seeded(&header.store, header.sequence, TABLE_INDEX, body) != u32::from_le_bytes(*crc) {
        return Err("the checksum of its section table differs");
    }
    let mut entries = Vec::with_capacity(body.len() / ENTRY_BYTES);
    let mut offset = SECTIONS_START;
    for bytes in body.chunks(ENTRY_BYTES) {
        let entry = decode_entry(bytes).ok_or("its section table is cut short")?;
        if entry.offset != offset {
            return Err("its sections do not lie back to back");
        }
        if entry.raw_bytes > SNAPSHOT_SECTION_BYTES_MAX {
            return Err("a section is longer than allowed");
        }
        offset = offset.saturating_add(u64::from(entry.stored_bytes));
        entries.push(entry);
    }
    if offset != header.table_offset {
        return Err("its sections do not end where its table begins");
    }
    Ok(entries)
}

fn decode_entry(bytes: &[u8]) -> Option<SectionEntry> {
    let entry = SectionEntry {
        offset: u64_at(bytes, 0)?,
        stored_bytes: u32_at(bytes, 8)?,
        raw_bytes: u32_at(bytes, 12)?,
        crc: u32_at(bytes, 16)?,
    };
    (u32_at(bytes, 20)? == 0).then_some(entry)
}

/// Stands for the table where a section has its index; no section has it.
const TABLE_INDEX: u32 = u32::MAX;

/// Checksum of a section as it is stored.
pub(crate) fn section_crc(store: &StoreId, sequence: u64, index: u32, stored: &[u8]) -> u32 {
    seeded(store, sequence, index, stored)
}

/// CRC-32 that only holds in its own place of its own snapshot of its own ledger.
fn seeded(store: &StoreId, sequence: u64, index: u32, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(store);
    crc.update(&sequence.to_le_bytes());
    crc.update(&index.to_le_bytes());
    crc.update(bytes);
    crc.finalize()
}

/// Name of the snapshot at a sequence.
pub(crate) fn file_name(sequence: u64) -> String {
    format!("{sequence}.snap")
}

/// Name of the snapshot while it is being written.
pub(crate) fn tmp_name(sequence: u64) -> String {
    format!("{sequence}.tmp")
}

/// The sequence out of a file name, if it is a snapshot's.
pub(crate) fn parse_file_name(name: &str) -> Option<u64> {
    let sequence = name.strip_suffix(".snap")?.parse().ok()?;
    (file_name(sequence) == name).then_some(sequence)
}

#[cfg(test)]
mod tests;
