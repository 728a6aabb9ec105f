//! What a compaction that was cut short left behind: removed when the ledger is opened for
//! writing.
//!
//! The manifest says what counts. Everything else with a name of ours is either not yet or no
//! longer part of the ledger.

use crate::archive::shelf::{Shelf, list_archive};
use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::archive::{Form, Name};
use crate::format::manifest::Manifest;
use crate::layout::Layout;
use crate::recovery::segment_numbers;

/// Removes segments, archives and stubs that the manifest doesn't count on, and temporary files.
pub(super) fn remove(
    disk: &Disk,
    layout: &Layout,
    manifest: &Manifest,
) -> Result<(), JournalError> {
    remove_if_there(disk, &layout.manifest_tmp())?;
    remove_segments(disk, layout, manifest)?;
    let kept = manifest.archive_first..manifest.segment_first;
    let stubs = Shelf::with_manifest(disk, layout, manifest.clone())?.stubs;
    for name in list_archive(disk, layout)? {
        let counts = match Name::parse(&name) {
            Some(Name { number, form: Form::Full, .. }) => kept.contains(&number),
            Some(stub) => stubs.contains(&stub),
            None => layout.archived(&name) != layout.archive_tmp(),
        };
        if !counts {
            disk.unlink(&layout.archived(&name))?;
        }
    }
    Ok(())
}

/// Removes the segments that were dropped.
pub(super) fn remove_segments(
    disk: &Disk,
    layout: &Layout,
    manifest: &Manifest,
) -> Result<(), JournalError> {
    for (number, base) in segment_numbers(disk, layout)? {
        if number < manifest.segment_first {
            disk.unlink(&layout.segment(&format!("{number:06}-{base}.seg")))?;
        }
    }
    Ok(())
}

fn remove_if_there(disk: &Disk, path: &std::path::Path) -> Result<(), JournalError> {
    match disk.unlink(path) {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
