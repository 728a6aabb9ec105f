//! Making the end of a journal whole after a crash: the only writes that recovery does.
//!
//! In this order: what is dropped is copied aside, its place is zeroed, what no watermark covers
//! is written again and synced, and only then does the watermark say so. Each can be cut short
//! and is done again by the next opening.

use std::path::{Path, PathBuf};

use passbook_planted::{Bug, unless};

use super::create::create_dir_if_missing;
use super::rotate::write_zeros;
use crate::disk::{Disk, DiskFile};
use crate::error::JournalError;
use crate::format::watermark::Watermark;
use crate::layout::Layout;
use crate::vfs::OpenMode;

/// Bytes copied at a time.
const COPY_BYTES: u64 = 1024 * 1024;

/// Most files of the same tail in `quarantine/`: one for each time that a repair was cut short.
const COPIES_MAX: u32 = 1000;

/// What was cut off the end of the journal, because it was never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The segment.
    pub path: PathBuf,
    /// Where it began, in bytes.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What didn't verify.
    pub why: String,
    /// The copy.
    pub quarantine: PathBuf,
}

/// What was set aside because it claims more than is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// Sequence of the last record that was durable once. What lies between the last one that is
    /// there and this one is lost.
    pub durable: u64,
    /// Copies of the watermark and of snapshots of what is lost.
    pub quarantine: Vec<PathBuf>,
}

/// Copies the watermark to `quarantine/`, durably, and moves snapshots there.
pub(super) fn set_aside(
    disk: &Disk,
    layout: &Layout,
    watermark: Option<&Watermark>,
    snapshots: &[u64],
) -> Result<Option<RolledBack>, JournalError> {
    let mut aside = RolledBack { durable: 0, quarantine: Vec::new() };
    if let Some(mark) = watermark {
        aside.durable = mark.durable;
        aside.quarantine.push(copy_whole(disk, layout, &layout.watermark())?);
    }
    for sequence in snapshots {
        aside.durable = aside.durable.max(*sequence);
        aside.quarantine.push(copy_whole(disk, layout, &layout.snapshot(*sequence))?);
        disk.unlink(&layout.snapshot(*sequence))?;
        disk.fsync_dir(&layout.snapshots())?;
    }
    Ok(Some(aside).filter(|aside| !aside.quarantine.is_empty()))
}

fn copy_whole(disk: &Disk, layout: &Layout, path: &Path) -> Result<PathBuf, JournalError> {
    let file = disk.open(path, OpenMode::Read)?;
    let stem = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let copy = open_quarantine(disk, layout, &stem.unwrap_or_default())?;
    copy_range(&file, 0, file.len()?, |bytes, at| copy.write_at(bytes, at))?;
    copy.sync()?;
    disk.fsync_dir(&layout.quarantine())?;
    Ok(copy.path().to_owned())
}

/// Copies `offset..until` of a segment to `quarantine/`, durably, and returns the copy's path.
pub(super) fn quarantine(
    disk: &Disk,
    layout: &Layout,
    segment: &DiskFile,
    offset: u64,
    until: u64,
) -> Result<PathBuf, JournalError> {
    let stem = segment.path().file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = format!("{}-at-{offset}", stem.unwrap_or_default());
    let copy = open_quarantine(disk, layout, &stem)?;
    let put = |bytes: &[u8], at| copy.write_at(bytes, at - offset);
    unless(Bug::TailNotQuarantined, || copy_range(segment, offset, until, put))?;
    copy.sync()?;
    disk.fsync_dir(&layout.quarantine())?;
    Ok(copy.path().to_owned())
}

fn open_quarantine(disk: &Disk, layout: &Layout, stem: &str) -> Result<DiskFile, JournalError> {
    let dir = layout.quarantine();
    create_dir_if_missing(disk, &dir)?;
    disk.fsync_dir(&layout.dir)?;
    create_copy(disk, &dir, stem)
}

fn create_copy(disk: &Disk, dir: &Path, stem: &str) -> Result<DiskFile, JournalError> {
    let mut number = 1;
    loop {
        let path = dir.join(format!("{stem}-{number}.torn"));
        match disk.open(&path, OpenMode::CreateNew) {
            Err(error)
                if error.kind() == Some(std::io::ErrorKind::AlreadyExists)
                    && number < COPIES_MAX =>
            {
                number += 1;
            }
            answer => return answer,
        }
    }
}

/// Zeroes `offset..until`. Not synced.
pub(super) fn zero(segment: &DiskFile, offset: u64, until: u64) -> Result<(), JournalError> {
    write_zeros(segment, offset, until, &|| false).map(drop)
}

/// Writes `offset..until` over itself: what was only in a cache is then surely on its way. Not
/// synced.
pub(super) fn rewrite(segment: &DiskFile, offset: u64, until: u64) -> Result<(), JournalError> {
    copy_range(segment, offset, until, |bytes, at| segment.write_at(bytes, at))
}

fn copy_range(
    segment: &DiskFile,
    offset: u64,
    until: u64,
    mut put: impl FnMut(&[u8], u64) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let mut at = offset;
    while at < until {
        let piece = COPY_BYTES.min(until - at);
        let mut bytes = vec![0; usize::try_from(piece).expect("a piece is at most 1 MiB")];
        let count = segment.read_at(&mut bytes, at)?;
        put(bytes.get(..count).unwrap_or_default(), at)?;
        at += piece;
    }
    Ok(())
}
