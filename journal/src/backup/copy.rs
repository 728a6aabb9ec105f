//! Making the copy: what never changes first, then the active segment, the manifest last.
//!
//! What of the source counts is told by whoever asks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{BackupError, BackupInfo};
use crate::archive::shelf::Shelf;
use crate::damage::{Damage, Evidence};
use crate::disk::{Disk, DiskFile};
use crate::error::JournalError;
use crate::file::create::{create_dir_if_missing, create_folder, write_manifest};
use crate::file::queue::Mark;
use crate::file::rotate::write_zeros;
use crate::file::watermark::WatermarkFile;
use crate::format::archive::{Form, Name};
use crate::format::manifest::{MANIFEST_BYTES, Manifest};
use crate::format::segment::SegmentHeader;
use crate::format::watermark::WATERMARK_BYTES;
use crate::layout::Layout;
use crate::limits::SNAPSHOTS_KEPT;
use crate::recovery::walk::{Position, Walk};
use crate::recovery::{DATA_START, read_manifest};
use crate::snapshot::shelf;
use crate::verify::Progress;
use crate::vfs::OpenMode;

/// Bytes copied at a time: small enough that commits get in between.
const COPY_BYTES: u64 = 256 * 1024;

/// Looks at the source before a missing file counts: snapshots come and go, and a compaction may
/// be at work in another process.
const TRIES: usize = 8;

/// Whether source and target may have files in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Links,
    Nothing,
}

/// What of the source counts at one moment.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) manifest: Manifest,
    /// Up to the one that holds the end; at least that.
    pub(crate) segments: Vec<SegmentHeader>,
    /// Sequence of the last record; durable.
    pub(crate) through: u64,
}

/// Tells what counts, given the newest snapshot that was taken over.
pub(crate) type Look<'a> = dyn FnMut(u64) -> Result<View, BackupError> + 'a;

/// Hears of bytes that were copied; an error stops.
pub(crate) type Advance<'a> = dyn FnMut(u64) -> Result<(), BackupError> + 'a;

/// What to copy where.
pub(crate) struct Job<'a> {
    pub(crate) disk: &'a Disk,
    pub(crate) source: &'a Layout,
    pub(crate) into: &'a Path,
    pub(crate) sharing: Sharing,
    /// Snapshots that are known to be bad.
    pub(crate) bad: BTreeSet<u64>,
    /// Hears how far it is. What a snapshot or a compaction beside it adds or drops is in its total
    /// or not: it is for people.
    pub(crate) told: &'a dyn Fn(Progress),
}

impl Job<'_> {
    pub(crate) fn run(
        self,
        look: &mut Look<'_>,
        advance: &mut Advance<'_>,
    ) -> Result<BackupInfo, BackupError> {
        let target = Layout::new(self.into);
        let progress = Progress { done_bytes: 0, total_bytes: length_of(self.disk, self.source) };
        let taken = BTreeMap::new();
        let mut copy = Copy { job: self, target, advance, taken, linked_bytes: 0, progress };
        copy.begin()?;
        let mut tries = 1;
        let view = loop {
            match copy.take_all(look) {
                Err(error) if error.is_not_found() && tries < TRIES => tries += 1,
                answer => break answer?,
            }
        };
        copy.drop_surplus(&view)?;
        let end = copy.copy_active(&view)?;
        copy.complete(&view, &end)
    }
}

/// Refuses a target that is not empty, or lies in what is to be copied.
pub(crate) fn check_target(disk: &Disk, source: &Path, into: &Path) -> Result<(), BackupError> {
    let path = into.to_owned();
    if into.starts_with(source) {
        return Err(BackupError::Inside { path });
    }
    match disk.list(into) {
        Ok(names) => match names.into_iter().next() {
            Some(found) => Err(BackupError::NotEmpty { path, found }),
            None => Ok(()),
        },
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes the folder, and the file in it that says that it isn't whole.
pub(super) fn mark(disk: &Disk, target: &Layout) -> Result<(), JournalError> {
    create_folder(disk, target)?;
    disk.open(&target.incomplete(), OpenMode::CreateNew)?.sync()?;
    disk.fsync_dir(&target.dir)
}

/// Says that it is whole: all of it must be durable by now.
pub(super) fn unmark(disk: &Disk, target: &Layout) -> Result<(), JournalError> {
    disk.unlink(&target.incomplete())?;
    disk.fsync_dir(&target.dir)
}

/// Where a copied ledger ends.
struct End {
    offset: u64,
    position: Position,
}

/// A copy on its way.
struct Copy<'a> {
    job: Job<'a>,
    target: Layout,
    advance: &'a mut Advance<'a>,
    /// Length of every file in the target.
    taken: BTreeMap<PathBuf, u64>,
    linked_bytes: u64,
    progress: Progress,
}

impl Copy<'_> {
    /// Makes the target's folders, and the file that says that it isn't whole.
    fn begin(&self) -> Result<(), BackupError> {
        let (disk, into) = (self.job.disk, &self.target.dir);
        check_target(disk, &self.job.source.dir, into)?;
        mark(disk, &self.target)?;
        for dir in self.folders() {
            create_dir_if_missing(disk, &dir)?;
        }
        Ok(())
    }

    fn folders(&self) -> [PathBuf; 3] {
        [self.target.journal(), self.target.snapshots(), self.target.archive()]
    }

    /// Takes over all that never changes. Snapshots first: each is of what is durable by the time
    /// at which the source is looked at.
    fn take_all(&mut self, look: &mut Look<'_>) -> Result<View, BackupError> {
        let (disk, source, target) = (self.job.disk, self.job.source, self.target.clone());
        let store = read_manifest(disk, source)?.store;
        let mut newest = 0;
        let mut sequences: Vec<_> = shelf::list(disk, source, &store)
            .map_err(BackupError::Io)?
            .into_iter()
            .map(|info| info.sequence)
            .filter(|sequence| !self.job.bad.contains(sequence))
            .collect();
        // The older ones only make the past nearer.
        sequences.truncate(SNAPSHOTS_KEPT);
        for sequence in sequences {
            self.take(&source.snapshot(sequence), &target.snapshot(sequence))?;
            newest = newest.max(sequence);
        }
        let view = look(newest)?;
        let needed = view.manifest.sequence_first - 1;
        if newest < needed {
            return Err(no_snapshot(source, needed));
        }
        for header in view.sealed() {
            let name = header.file_name();
            self.take(&source.segment(&name), &target.segment(&name))?;
        }
        let shelf = Shelf::with_manifest(disk, source, view.manifest.clone())?;
        shelf.check().map_err(BackupError::Corrupt)?;
        for name in names_of(&shelf) {
            self.take(&source.archived(&name), &target.archived(&name))?;
        }
        Ok(view)
    }

    /// Takes over one file, unless an earlier try has.
    fn take(&mut self, source: &Path, target: &Path) -> Result<(), BackupError> {
        if self.taken.contains_key(target) {
            return Ok(());
        }
        let linked = match self.job.sharing {
            Sharing::Links => self.job.disk.hard_link(source, target),
            Sharing::Nothing => return self.copy_file(source, target),
        };
        match linked {
            Ok(()) => {
                let bytes = self.job.disk.open(target, OpenMode::Read)?.len()?;
                self.linked_bytes += bytes;
                self.taken.insert(target.to_owned(), bytes);
                self.tell(bytes);
                (self.advance)(0)
            }
            Err(error) if error.is_not_found() => Err(error.into()),
            // Another file system, or one without links.
            Err(_) => self.copy_file(source, target),
        }
    }

    fn copy_file(&mut self, source: &Path, target: &Path) -> Result<(), BackupError> {
        let source = self.job.disk.open(source, OpenMode::Read)?;
        let bytes = source.len()?;
        let copy = self.job.disk.open(target, OpenMode::CreateNew)?;
        self.copy_range(&source, &copy, bytes)?;
        copy.sync()?;
        self.taken.insert(target.to_owned(), bytes);
        Ok(())
    }

    fn copy_range(
        &mut self,
        source: &DiskFile,
        target: &DiskFile,
        until: u64,
    ) -> Result<(), BackupError> {
        let mut at = 0;
        while at < until {
            let piece = COPY_BYTES.min(until - at);
            let mut bytes = vec![0; usize::try_from(piece).expect("a piece is at most 256 KiB")];
            let count = source.read_at(&mut bytes, at)?;
            if count < bytes.len() {
                let why = "it is cut short";
                return Err(BackupError::Corrupt(Box::new(damage(source.path(), at, 1, why))));
            }
            target.write_at(&bytes, at)?;
            at += piece;
            self.tell(piece);
            (self.advance)(piece)?;
        }
        Ok(())
    }

    fn tell(&mut self, bytes: u64) {
        let progress = &mut self.progress;
        progress.done_bytes = progress.total_bytes.min(progress.done_bytes + bytes);
        (self.job.told)(*progress);
    }

    /// Removes what a compaction beside us has replaced between two tries.
    fn drop_surplus(&mut self, view: &View) -> Result<(), BackupError> {
        let shelf = Shelf::with_manifest(self.job.disk, &self.target, view.manifest.clone())?;
        let segments = view.sealed().map(|header| self.target.segment(&header.file_name()));
        let archived = names_of(&shelf).map(|name| self.target.archived(&name));
        let counts: BTreeSet<PathBuf> = segments.chain(archived).collect();
        let snapshots = self.target.snapshots();
        let surplus = self.taken.keys().filter(|path| {
            path.parent() != Some(snapshots.as_path()) && !counts.contains(path.as_path())
        });
        for path in surplus.cloned().collect::<Vec<_>>() {
            self.job.disk.unlink(&path)?;
            self.taken.remove(&path);
        }
        Ok(())
    }

    /// Copies the last segment up to the end of the last batch that counts; behind it are zeros.
    fn copy_active(&mut self, view: &View) -> Result<End, BackupError> {
        let header = view.active();
        let name = header.file_name();
        let source = self.job.disk.open(&self.job.source.segment(&name), OpenMode::Read)?;
        let mut walk = Walk::new(source, header);
        let end = walk_to(&mut walk, header, view.through)?;
        let path = self.target.segment(&name);
        let copy = self.job.disk.open(&path, OpenMode::CreateNew)?;
        self.copy_range(walk.window().file(), &copy, end.offset)?;
        write_zeros(&copy, end.offset, header.segment_bytes, &|| false)?;
        self.tell(header.segment_bytes.saturating_sub(end.offset));
        copy.sync()?;
        let again = walk_to(&mut Walk::new(copy, header), header, view.through)?;
        if (again.offset, &again.position) != (end.offset, &end.position) {
            let why = "the copy is not what was copied";
            return Err(BackupError::Corrupt(Box::new(damage(&path, 0, header.base, why))));
        }
        self.taken.insert(path, header.segment_bytes);
        Ok(end)
    }

    /// Makes everything durable, and only then a ledger.
    fn complete(mut self, view: &View, end: &End) -> Result<BackupInfo, BackupError> {
        let (disk, target) = (self.job.disk, &self.target);
        (self.advance)(0)?;
        for dir in self.folders() {
            disk.fsync_dir(&dir)?;
        }
        disk.open(&target.lock(), OpenMode::CreateNew)?.sync()?;
        let durable = end.position.next - 1;
        let mark = Mark { segment: view.active().number, end: end.offset, durable };
        WatermarkFile::create(disk, target, view.manifest.store)?.close(mark)?;
        self.taken.insert(target.lock(), 0);
        self.taken.insert(target.watermark(), bytes_of(WATERMARK_BYTES));
        self.taken.insert(target.manifest(), bytes_of(MANIFEST_BYTES));
        write_manifest(disk, target, &view.manifest)?;
        unmark(disk, target)?;
        Ok(BackupInfo {
            sequence: durable,
            time_ms: end.position.time_ms,
            bytes: self.taken.values().sum(),
            linked_bytes: self.linked_bytes,
            files: u64::try_from(self.taken.len()).unwrap_or(u64::MAX),
            path: self.target.dir,
        })
    }
}

impl View {
    fn active(&self) -> &SegmentHeader {
        self.segments.last().expect("a ledger has a segment")
    }

    fn sealed(&self) -> impl Iterator<Item = &SegmentHeader> {
        self.segments.iter().take(self.segments.len().saturating_sub(1))
    }
}

/// Walks to the end of the batch that holds record `through`.
fn walk_to(walk: &mut Walk, header: &SegmentHeader, through: u64) -> Result<End, BackupError> {
    let mut end = End { offset: DATA_START, position: Position::at_start_of(header) };
    while end.position.next <= through {
        match walk.next_at(end.offset, &end.position)? {
            Ok(batch) => {
                end.offset += batch.header.extent();
                end.position.pass(&batch);
            }
            Err(flaw) => {
                let why = format!("the batch does not verify: {}", flaw.why());
                let path = walk.window().file().path();
                let damage = damage(path, end.offset, end.position.next, &why);
                return Err(BackupError::Corrupt(Box::new(damage)));
            }
        }
    }
    Ok(end)
}

/// Names of the archives and stubs that count.
fn names_of(shelf: &Shelf) -> impl Iterator<Item = String> {
    let archives = shelf.archives.iter().map(|(number, base)| Name::of(*number, *base, Form::Full));
    shelf.stubs.iter().copied().chain(archives).map(|name| name.to_string())
}

/// The length of all that may be copied; of what can't be looked at, nothing.
fn length_of(disk: &Disk, source: &Layout) -> u64 {
    let length = |path: PathBuf| disk.open(&path, OpenMode::Read).and_then(|file| file.len());
    let folders = [source.journal(), source.snapshots(), source.archive()];
    let paths = folders.iter().flat_map(|folder| {
        let names = disk.list(folder).unwrap_or_default();
        names.into_iter().map(|name| folder.join(name))
    });
    let paths = paths.filter(|path| *path != source.next_free());
    paths.map(|path| length(path).unwrap_or(0)).sum()
}

fn bytes_of(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn damage(path: &Path, offset: u64, sequence_first: u64, why: &str) -> Damage {
    Damage {
        path: path.to_owned(),
        offset,
        sequence_first,
        sequence_last: None,
        why: why.to_owned(),
        evidence: Evidence::AlwaysDurable,
    }
}

fn no_snapshot(source: &Layout, needed: u64) -> BackupError {
    let why = "no snapshot replaces the records before the journal";
    let damage = damage(&source.snapshots(), 0, 1, why);
    BackupError::Corrupt(Box::new(Damage { sequence_last: Some(needed), ..damage }))
}
