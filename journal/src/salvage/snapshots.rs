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
    let sequences = shelf::sequences(&disk, &layout)?.into_iter();
    let open = |sequence| shelf::open(&disk, &layout, store, sequence).ok();
    Ok(sequences
        .filter_map(open)
        .map(|source| Box::new(source) as Box<dyn SnapshotSource>)
        .collect())
}
