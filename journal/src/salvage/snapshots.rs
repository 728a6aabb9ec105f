//! What snapshots of a damaged ledger can be read, whatever became of its records.

use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::OpenError;
use crate::format::StoreId;
use crate::layout::Layout;
use crate::snapshot::{SnapshotSource, shelf};
use crate::vfs::Vfs;

/// The snapshots of a damaged ledger whose header verifies, newest first; their sections are
/// checked as they are read. Looks at nothing else of the ledger.
///
/// # Errors
/// [`OpenError::Io`] if the folder can't be listed. Damaged snapshots are left out.
pub fn salvaged_snapshots(
    dir: &Path,
    vfs: Arc<dyn Vfs>,
    store: &StoreId,
) -> Result<Vec<Box<dyn SnapshotSource>>, OpenError> {
    let (disk, layout) = (Disk::new(vfs), Layout::new(dir));
    let mut sources: Vec<Box<dyn SnapshotSource>> = Vec::new();
    for sequence in shelf::sequences(&disk, &layout)? {
        if let Ok(source) = shelf::open(&disk, &layout, store, sequence) {
            sources.push(Box::new(source));
        }
    }
    Ok(sources)
}
