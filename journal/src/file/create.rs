//! A new ledger, and what is left of one whose creation was cut short.
//!
//! The manifest's rename is the last act: without it there is no ledger yet.

use std::path::Path;

use passbook_planted::{Bug, unless};

use super::lengths::first_bytes;
use super::options::Options;
use super::rotate::{prepare, put_to_use};
use super::watermark::WatermarkFile;
use crate::disk::Disk;
use crate::error::{JournalError, OpenError};
use crate::format::manifest::Manifest;
use crate::format::segment::{SegmentHeader, parse_file_name};
use crate::layout::{INCOMPLETE, Layout, NAMES_AFTER_MANIFEST, NAMES_BEFORE_MANIFEST};
use crate::leaf::CHAIN_START;
use crate::limits::BLOCK_BYTES;
use crate::recovery::{DATA_START, read_watermark};
use crate::vfs::OpenMode;

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folder {
    Missing,
    /// It is there and holds nothing, or the start of a creation.
    Vacant,
    Ledger,
}

/// Looks before anything is written; refuses a folder that holds something else, or is marked as
/// incomplete.
pub(crate) fn look(disk: &Disk, layout: &Layout) -> Result<Folder, OpenError> {
    match names(disk, layout)? {
        Some(names) if names.iter().any(|name| name == INCOMPLETE) => {
            Err(OpenError::Incomplete { path: layout.dir.clone() })
        }
        names => look_at(disk, layout, names),
    }
}

/// The same for who fills the folder: the mark is his own.
pub(super) fn look_unfinished(disk: &Disk, layout: &Layout) -> Result<Folder, OpenError> {
    let mut names = names(disk, layout)?;
    if let Some(names) = &mut names {
        names.retain(|name| name != INCOMPLETE);
    }
    look_at(disk, layout, names)
}

/// What is in the folder, if there is one.
fn names(disk: &Disk, layout: &Layout) -> Result<Option<Vec<String>>, OpenError> {
    match disk.list(&layout.dir) {
        Ok(names) => Ok(Some(names)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn look_at(disk: &Disk, layout: &Layout, names: Option<Vec<String>>) -> Result<Folder, OpenError> {
    let Some(names) = names else { return Ok(Folder::Missing) };
    if names.iter().any(|name| name == "MANIFEST") {
        return Ok(Folder::Ledger);
    }
    let is_ours = |name: &&String| {
        let name = name.as_str();
        NAMES_BEFORE_MANIFEST.contains(&name) || NAMES_AFTER_MANIFEST.contains(&name)
    };
    if let Some(found) = names.iter().find(|name| !is_ours(name)) {
        return Err(OpenError::NotALedger { path: layout.dir.clone(), found: found.clone() });
    }
    if names.iter().any(|name| name == "journal") {
        refuse_lost_manifest(disk, layout)?;
    }
    if names.iter().any(|name| NAMES_AFTER_MANIFEST.contains(&name.as_str())) {
        return Err(manifest_lost(layout));
    }
    Ok(Folder::Vacant)
}

/// A journal with records and no manifest is no new ledger: it has lost its manifest.
fn refuse_lost_manifest(disk: &Disk, layout: &Layout) -> Result<(), OpenError> {
    let lost = || manifest_lost(layout);
    if read_watermark(disk, layout)?.is_some_and(|mark| mark.durable > 0) {
        return Err(lost());
    }
    for name in disk.list(&layout.journal())? {
        match parse_file_name(&name) {
            Some((1, 1)) if !has_batches(disk, &layout.segment(&name))? => {}
            Some(_) => return Err(lost()),
            None => {}
        }
    }
    Ok(())
}

fn manifest_lost(layout: &Layout) -> OpenError {
    OpenError::corrupt(&layout.manifest(), 0, 1, "it is missing")
}

fn has_batches(disk: &Disk, segment: &Path) -> Result<bool, JournalError> {
    let file = disk.open(segment, OpenMode::Read)?;
    let mut block = vec![0; BLOCK_BYTES];
    let count = file.read_at(&mut block, DATA_START)?;
    Ok(!crate::format::all_zero(block.get(..count).unwrap_or_default()))
}

/// Creates the folder itself.
pub(crate) fn create_folder(disk: &Disk, layout: &Layout) -> Result<(), JournalError> {
    create_dir_if_missing(disk, &layout.dir)?;
    match layout.dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => disk.fsync_dir(parent),
        Some(_) | None => disk.fsync_dir(Path::new(".")),
    }
}

/// Creates everything in the folder, the manifest last.
pub(super) fn create(disk: &Disk, layout: &Layout, options: &Options) -> Result<(), OpenError> {
    let mut random = [0; 32];
    options.entropy.fill(&mut random).map_err(|source| JournalError::Io {
        op: "name",
        path: layout.dir.clone(),
        offset: 0,
        source,
    })?;
    let (store, salt) = random.split_first_chunk().expect("32 bytes have a first 16");
    let (store, salt) = (*store, salt.first_chunk().copied().expect("and 16 more"));

    create_dir_if_missing(disk, &layout.journal())?;
    for name in disk.list(&layout.journal())? {
        disk.unlink(&layout.segment(&name))?;
    }
    let segment_bytes = first_bytes(options.segment_bytes);
    prepare(disk, layout, segment_bytes, &|| false)?;
    let header = SegmentHeader {
        store,
        number: 1,
        base: 1,
        segment_bytes,
        previous_end: 0,
        previous_time_ms: 0,
        previous_chain: CHAIN_START,
        salt,
    };
    put_to_use(disk, layout, &header)?;
    WatermarkFile::create(disk, layout, store)?;

    write_manifest(disk, layout, &Manifest::new(store))?;
    Ok(())
}

/// Puts a manifest in place. Everything that it counts on must be durable by now.
pub(crate) fn write_manifest(
    disk: &Disk,
    layout: &Layout,
    manifest: &Manifest,
) -> Result<(), JournalError> {
    let file = disk.open(&layout.manifest_tmp(), OpenMode::CreateOrOpen)?;
    file.write_at(&manifest.encode(), 0)?;
    unless(Bug::ManifestUnsynced, || file.sync())?;
    disk.fsync_dir(&layout.dir)?;
    disk.rename(&layout.manifest_tmp(), &layout.manifest())?;
    unless(Bug::ManifestUnnamed, || disk.fsync_dir(&layout.dir))
}

pub(crate) fn create_dir_if_missing(disk: &Disk, dir: &Path) -> Result<(), JournalError> {
    match disk.create_dir(dir) {
        Err(error) if error.kind() != Some(std::io::ErrorKind::AlreadyExists) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
