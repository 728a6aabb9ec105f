//! What a compaction that was cut short left behind: removed when the ledger is opened for
//! writing.
//!
//! The manifest says what counts. Everything else with a name of ours is either not yet or no
//! longer part of the ledger.

use std::path::{Path, PathBuf};

use super::compact::kept_first;
use crate::archive::shelf::{Shelf, list_archive};
use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::archive::{Form, Name};
use crate::format::manifest::Manifest;
use crate::layout::Layout;
use crate::recovery::segment_numbers;
use crate::snapshot::shelf;

/// Removes segments, archives, stubs and snapshots that the manifest doesn't count on, and temporary
/// files.
pub(super) fn remove(
    disk: &Disk,
    layout: &Layout,
    manifest: &Manifest,
) -> Result<(), JournalError> {
    let mut left = dropped_segments(disk, layout, manifest)?;
    left.extend(forgotten_snapshots(disk, layout, manifest)?);
    let kept = manifest.archive_first..manifest.segment_first;
    let stubs = Shelf::with_manifest(disk, layout, manifest.clone())?.stubs;
    for name in list_archive(disk, layout)? {
        let counts = match Name::parse(&name) {
            Some(Name { number, form: Form::Full, .. }) => kept.contains(&number),
            Some(stub) => stubs.contains(&stub),
            None => layout.archived(&name) != layout.archive_tmp(),
        };
        if !counts {
            left.push(layout.archived(&name));
        }
    }
    if !left.is_empty() {
        // Who wrote the manifest may have died before its name was durable, or have seen that sync
        // fail: until it is, the one before may come back, and count on what is removed here.
        disk.fsync_dir(&layout.dir)?;
    }
    left.iter().try_for_each(|path| disk.unlink(path))?;
    remove_if_there(disk, &layout.manifest_tmp())
}

/// Removes the segments that were dropped by a manifest that is durable.
pub(super) fn remove_segments(
    disk: &Disk,
    layout: &Layout,
    manifest: &Manifest,
) -> Result<(), JournalError> {
    dropped_segments(disk, layout, manifest)?.iter().try_for_each(|path| disk.unlink(path))
}

/// The snapshots of states whose next record fell to the retention.
pub(super) fn forgotten_snapshots(
    disk: &Disk,
    layout: &Layout,
    manifest: &Manifest,
) -> Result<Vec<PathBuf>, JournalError> {
    let mut forgotten = shelf::sequences(disk, layout)?;
    forgotten.retain(|sequence| sequence + 1 < kept_first(manifest));
    Ok(forgotten.into_iter().map(|sequence| layout.snapshot(sequence)).collect())
}

fn dropped_segments(
    disk: &Disk,
    layout: &Layout,
    manifest: &Manifest,
) -> Result<Vec<PathBuf>, JournalError> {
    let mut dropped = segment_numbers(disk, layout)?;
    dropped.retain(|(number, _)| *number < manifest.segment_first);
    let path = |(number, base)| layout.segment(&format!("{number:06}-{base}.seg"));
    Ok(dropped.into_iter().map(path).collect())
}

fn remove_if_there(disk: &Disk, path: &Path) -> Result<(), JournalError> {
    match disk.unlink(path) {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
