//! A snapshot in a file, opened for reading: each part is checked before it is believed.
//!
//! Which of several is used is left to `shelf` and to the opening.

use std::path::Path;

use parking_lot::Mutex;
use passbook_planted::Bug;

use super::{SnapshotError, SnapshotInfo, SnapshotSource};
use crate::disk::{Disk, DiskFile};
use crate::format::snapshot::{
    SectionEntry, SnapshotHeader, decode_table, parse_file_name, section_crc,
};
use crate::format::{FORMAT_VERSION, StoreId, Undecodable};
use crate::limits::BLOCK_BYTES;
use crate::vfs::OpenMode;

/// An open snapshot whose header and section table verify.
#[derive(Debug)]
pub(crate) struct StoredSnapshot {
    file: DiskFile,
    header: SnapshotHeader,
    entries: Vec<SectionEntry>,
    info: SnapshotInfo,
    /// The first failure of [`SnapshotSource::section`]: a caller may wrap it beyond recognition.
    failed: Mutex<Option<SnapshotError>>,
}

impl StoredSnapshot {
    /// Opens a file and checks all but its sections.
    pub(crate) fn open(disk: &Disk, path: &Path, store: &StoreId) -> Result<Self, SnapshotError> {
        let corrupt = |offset, why: &str| SnapshotError::corrupt(path, offset, why);
        let file = disk.open(path, OpenMode::Read)?;
        let mut block = vec![0; BLOCK_BYTES];
        let count = file.read_at(&mut block, 0)?;
        block.truncate(count);
        let header = SnapshotHeader::decode(&block).map_err(|why| match why {
            Undecodable::Damaged(why) => corrupt(0, &format!("its header: {why}")),
            Undecodable::Newer { found } => {
                let why = format!("it has format {found}, this program reads {FORMAT_VERSION}");
                corrupt(0, &why)
            }
        })?;
        if header.store != *store {
            return Err(corrupt(0, "it belongs to another ledger"));
        }
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if parse_file_name(name) != Some(header.sequence) {
            return Err(corrupt(0, "its header belongs to another file name"));
        }
        let length = file.len()?;
        if length != header.file_bytes() {
            let why = format!("its length is {length}, not {}", header.file_bytes());
            return Err(corrupt(length.min(header.file_bytes()), &why));
        }
        let table_offset = header.table_offset;
        let table = read_exact(&file, table_offset, header.table_bytes())?;
        let entries = decode_table(&header, &table).map_err(|why| corrupt(table_offset, why))?;
        let info = info_of(&header, &entries, path);
        Ok(Self { file, header, entries, info, failed: Mutex::new(None) })
    }

    /// Reads and checks every section.
    pub(crate) fn check_sections(&self) -> Result<(), SnapshotError> {
        (0..self.header.sections).try_for_each(|index| self.read(index).map(drop))
    }

    /// What [`SnapshotSource::section`] answered with first, if it ever failed.
    pub(crate) fn into_failure(self) -> Option<SnapshotError> {
        self.failed.into_inner()
    }

    fn read(&self, index: u32) -> Result<Vec<u8>, SnapshotError> {
        let sections = self.header.sections;
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let entry = self.entries.get(at).ok_or(SnapshotError::NoSection { index, sections })?;
        let corrupt = |why: &str| SnapshotError::corrupt(self.file.path(), entry.offset, why);
        // The table was checked against the length of the file, so this is no larger than that.
        let stored = read_exact(&self.file, entry.offset, u64::from(entry.stored_bytes))?;
        let crc = section_crc(&self.header.store, self.header.sequence, index, &stored);
        if crc != entry.crc && !Bug::SectionUnchecked.is_planted() {
            return Err(corrupt("the checksum of a section differs"));
        }
        let raw_bytes = usize::try_from(entry.raw_bytes).unwrap_or(usize::MAX);
        match zstd::bulk::decompress(&stored, raw_bytes) {
            Ok(raw) if raw.len() == raw_bytes => Ok(raw),
            Ok(_) => Err(corrupt("a section is shorter than its table says")),
            Err(error) => Err(corrupt(&format!("a section can't be decompressed: {error}"))),
        }
    }
}

impl SnapshotSource for StoredSnapshot {
    fn info(&self) -> &SnapshotInfo {
        &self.info
    }

    fn section(&self, index: u32) -> Result<Vec<u8>, SnapshotError> {
        let section = self.read(index);
        if let Err(error) = &section {
            self.failed.lock().get_or_insert_with(|| error.clone());
        }
        section
    }
}

fn read_exact(file: &DiskFile, offset: u64, bytes: u64) -> Result<Vec<u8>, SnapshotError> {
    let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut buffer = vec![0; wanted];
    let count = file.read_at(&mut buffer, offset)?;
    if count < wanted {
        return Err(SnapshotError::corrupt(file.path(), offset, "it is cut short"));
    }
    Ok(buffer)
}

/// What is told of a snapshot with this header and these sections.
pub(crate) fn info_of(
    header: &SnapshotHeader,
    entries: &[SectionEntry],
    path: &Path,
) -> SnapshotInfo {
    SnapshotInfo {
        sequence: header.sequence,
        time_ms: header.time_ms,
        chain_sequence: header.chain_sequence,
        chain: header.chain,
        digest: header.digest,
        items: header.items,
        created_at_ms: header.created_at_ms,
        sections: header.sections,
        raw_bytes: entries.iter().map(|entry| u64::from(entry.raw_bytes)).sum(),
        bytes: header.file_bytes(),
        path: Some(path.to_owned()),
    }
}
