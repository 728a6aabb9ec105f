//! Snapshots of a journal in memory: kept as they were given.

use std::sync::Arc;

use super::{SnapshotError, SnapshotInfo, SnapshotSource};

/// One snapshot.
#[derive(Debug, Clone)]
pub(crate) struct MemorySnapshot {
    pub(crate) info: SnapshotInfo,
    pub(crate) sections: Arc<Vec<Vec<u8>>>,
}

impl SnapshotSource for MemorySnapshot {
    fn info(&self) -> &SnapshotInfo {
        &self.info
    }

    fn section(&self, index: u32) -> Result<Vec<u8>, SnapshotError> {
        let sections = self.info.sections;
        let section = self.sections.get(usize::try_from(index).unwrap_or(usize::MAX));
        section.cloned().ok_or(SnapshotError::NoSection { index, sections })
    }
}

/// Refuses a section or a number of sections past the limits.
pub(crate) fn check_section(bytes: &[u8], sections: usize) -> Result<(), SnapshotError> {
    use crate::limits::{SNAPSHOT_SECTION_BYTES_MAX, SNAPSHOT_SECTIONS_MAX};
    let check = |what, actual: usize, max: u32| {
        let (actual, max) = (u64::try_from(actual).unwrap_or(u64::MAX), u64::from(max));
        if actual > max { Err(SnapshotError::TooLarge { what, actual, max }) } else { Ok(()) }
    };
    check("bytes of a section", bytes.len(), SNAPSHOT_SECTION_BYTES_MAX)?;
    check("sections", sections + 1, SNAPSHOT_SECTIONS_MAX)
}
