//! Which archives there are: what the manifest says, and the names in the folder.
//!
//! Nothing is kept in memory: a look costs one small read and one list, and is as right in
//! another process as in the one that compacts.

use std::path::{Path, PathBuf};

use super::book::{Archive, Fault, Identity};
use super::{CompactError, Extent};
use crate::damage::{Damage, Evidence};
use crate::disk::Disk;
use crate::error::{JournalError, OpenError};
use crate::format::archive::{Form, Name};
use crate::format::manifest::Manifest;
use crate::format::segment::SegmentHeader;
use crate::layout::Layout;
use crate::leaf::Chain;
use crate::recovery::walk::{Position, Walk};
use crate::recovery::{DATA_START, read_header, read_manifest};
use crate::vfs::OpenMode;

/// Looks before a missing archive counts: retention may be at work.
const TRIES: usize = 8;

/// The archives of a ledger, oldest first, at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    disk: Disk,
    layout: Layout,
    pub(crate) manifest: Manifest,
    /// Number and first sequence of each archive, without a gap.
    pub(crate) archives: Vec<(u64, u64)>,
    /// The stubs before them, in order.
    pub(crate) stubs: Vec<Name>,
}

impl Shelf {
    /// Reads the manifest and the folder.
    ///
    /// # Errors
    /// `Corrupt` when the manifest is, or an archive is missing that it counts on.
    pub(crate) fn look(disk: &Disk, layout: &Layout) -> Result<Self, OpenError> {
        let mut tries = 0;
        loop {
            let manifest = read_manifest(disk, layout)?;
            let shelf = Self::with_manifest(disk, layout, manifest.clone())?;
            tries += 1;
            match shelf.check() {
                Err(_) if tries < TRIES && read_manifest(disk, layout)? != manifest => {}
                Err(damage) => return Err(OpenError::Corrupt(damage)),
                Ok(()) => return Ok(shelf),
            }
        }
    }

    /// The names that belong to this manifest; whether they are all there is not checked.
    pub(crate) fn with_manifest(
        disk: &Disk,
        layout: &Layout,
        manifest: Manifest,
    ) -> Result<Self, JournalError> {
        let names = match manifest.archive_first {
            0 => Vec::new(),
            _ => list_archive(disk, layout)?,
        };
        let kept = manifest.archive_first..manifest.segment_first;
        let (mut archives, mut stubs) = (Vec::new(), Vec::new());
        for name in names.iter().filter_map(|name| Name::parse(name)) {
            match name.form {
                Form::Full if kept.contains(&name.number) => {
                    archives.push((name.number, name.base));
                }
                Form::Stub if name.number < manifest.archive_first => stubs.push(name),
                Form::Full | Form::Stub => {}
            }
        }
        archives.sort_unstable();
        stubs.sort_unstable();
        // What a stub of several replaced may not be removed yet.
        let all = stubs.clone();
        stubs.retain(|name| !all.iter().any(|wider| wider.covers(name)));
        let (disk, layout) = (disk.clone(), layout.clone());
        Ok(Self { disk, layout, manifest, archives, stubs })
    }

    /// Whether all archives from the manifest's first to the first segment are there by name.
    pub(crate) fn check(&self) -> Result<(), Box<Damage>> {
        if self.manifest.archive_first == 0 {
            return Ok(());
        }
        let mut names = self.archives.iter().copied().peekable();
        let mut sequence = self.manifest.archive_sequence_first;
        for number in self.manifest.archive_first..self.manifest.segment_first {
            let found = names.next_if(|(found, _)| *found == number);
            let Some((_, base)) = found else {
                return Err(Box::new(self.missing(number, sequence)));
            };
            let is_first = number == self.manifest.archive_first;
            if base < sequence || (is_first && base != sequence) {
                let path = self.path(number, base, Form::Full);
                return Err(Box::new(damage(&path, base, "its base does not follow")));
            }
            sequence = base;
        }
        match names.next() {
            Some((number, base)) => {
                let path = self.path(number, base, Form::Full);
                Err(Box::new(damage(&path, base, "there are two archives of one segment")))
            }
            None => Ok(()),
        }
    }

    fn missing(&self, number: u64, sequence: u64) -> Damage {
        let why = format!("the archive of segment {number} is missing ({number:06}-*.arc)");
        damage(&self.layout.archive(), sequence, &why)
    }

    pub(crate) fn path(&self, number: u64, base: u64, form: Form) -> PathBuf {
        self.path_of(&Name::of(number, base, form))
    }

    pub(crate) fn path_of(&self, name: &Name) -> PathBuf {
        self.layout.archived(&name.to_string())
    }

    pub(crate) fn open(&self, number: u64, base: u64, form: Form) -> Result<Archive, Fault> {
        self.open_named(Name::of(number, base, form))
    }

    /// Opens an archive whose records are to be answered with: what comes behind it must go on
    /// where it ends, or it is of another ledger, or of another life of this one (a copy that was
    /// restored and went on), whose archives have the same store and the same names.
    pub(crate) fn open_in_chain(&self, number: u64, base: u64) -> Result<Archive, Fault> {
        let archive = self.open(number, base, Form::Full)?;
        let header = &archive.header;
        let ends = (header.last.saturating_add(1), header.chain_out, header.time_last_ms);
        match self.begins(number.saturating_add(1)) {
            Some(begins) if begins != ends => {
                Err(Fault::damaged(0, "what comes behind it does not continue its chain"))
            }
            // A successor that can't be read is told of itself.
            Some(_) | None => Ok(archive),
        }
    }

    /// Where an archive or the first segment begins: sequence, chain, and the time before it.
    fn begins(&self, number: u64) -> Option<(u64, Chain, u64)> {
        let at = self.archives.binary_search_by_key(&number, |(each, _)| *each);
        if let Some((_, base)) = at.ok().and_then(|at| self.archives.get(at)) {
            let header = self.open(number, *base, Form::Full).ok()?.header;
            return Some((header.base, header.chain_in, header.previous_time_ms));
        }
        let manifest = &self.manifest;
        let base = Some(manifest.sequence_first).filter(|_| number == manifest.segment_first)?;
        let header = read_header(&self.disk, &self.layout, number, base, manifest).ok()?;
        let begins = Position::at_start_of(&header);
        Some((begins.next, begins.chain, begins.time_ms))
    }

    pub(crate) fn open_named(&self, name: Name) -> Result<Archive, Fault> {
        let store = self.manifest.store;
        Archive::open(&self.disk, &self.path_of(&name), Identity { store, name })
    }

    /// Sequence of the first record in archives and journal together.
    pub(crate) fn kept_first(&self) -> u64 {
        match self.manifest.archive_first {
            0 => self.manifest.sequence_first,
            _ => self.manifest.archive_sequence_first,
        }
    }

    /// Postings of all archives there ever were, if they were counted from the first on.
    ///
    /// # Errors
    /// When the newest archive or stub can't be read.
    pub(crate) fn postings(&self) -> Result<Option<u64>, CompactError> {
        let Some((number, base)) = self.archives.last() else { return self.postings_removed() };
        let opened = self.open(*number, *base, Form::Full);
        let path = || self.path(*number, *base, Form::Full);
        let archive = opened.map_err(|fault| fault.into_compact_error(&path(), *base))?;
        Ok(archive.header.postings_end)
    }

    /// Postings of the archives that retention removed.
    pub(crate) fn postings_removed(&self) -> Result<Option<u64>, CompactError> {
        if self.kept_first() == 1 {
            return Ok(Some(0));
        }
        // A stub that is missing or damaged is for `verify` to tell, and no reason to stop.
        let Some(name) = self.stubs.last() else { return Ok(None) };
        match self.open_named(*name) {
            Ok(stub) => {
                let is_next = stub.header.number + 1 == self.manifest.archive_first;
                Ok(stub.header.postings_end.filter(|_| is_next))
            }
            Err(Fault::Io(error)) => Err(error.into()),
            Err(Fault::Damaged { .. } | Fault::Newer { .. }) => Ok(None),
        }
    }

    /// Length of all archives that can be measured.
    pub(crate) fn bytes(&self) -> u64 {
        self.archives.iter().map(|(number, base)| self.measure(*number, *base)).sum()
    }

    /// Length of an archive; 0 if it can't be measured.
    pub(crate) fn measure(&self, number: u64, base: u64) -> u64 {
        let path = self.path(number, base, Form::Full);
        let length = self.disk.open(&path, OpenMode::Read).and_then(|file| file.len());
        length.unwrap_or(0)
    }
}

fn damage(path: &Path, sequence_first: u64, why: &str) -> Damage {
    Damage {
        path: path.to_owned(),
        offset: 0,
        sequence_first,
        sequence_last: None,
        why: why.to_owned(),
        evidence: Evidence::AlwaysDurable,
    }
}

/// Names in the archive's folder; none if there is no such folder.
pub(crate) fn list_archive(disk: &Disk, layout: &Layout) -> Result<Vec<String>, JournalError> {
    match disk.list(&layout.archive()) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        answer => answer,
    }
}

impl Extent {
    /// Looks at manifest and archives; `segment` is the journal's first.
    pub(crate) fn look(
        disk: &Disk,
        layout: &Layout,
        sequence_first: u64,
        segment: Option<(&SegmentHeader, &Path)>,
    ) -> Self {
        let Ok(shelf) = Shelf::look(disk, layout) else {
            let (kept_first, kept_first_ms) = (sequence_first, None);
            return Self {
                kept_first,
                kept_first_ms,
                sequence_first,
                archives: 0,
                archive_bytes: 0,
                postings: None,
                postings_removed: None,
            };
        };
        Self {
            kept_first: shelf.kept_first(),
            kept_first_ms: shelf
                .first_time_ms()
                .or_else(|| segment.and_then(|(header, path)| first_time_ms(disk, header, path))),
            sequence_first: shelf.manifest.sequence_first.max(sequence_first),
            archives: u64::try_from(shelf.archives.len()).unwrap_or(u64::MAX),
            archive_bytes: shelf.bytes(),
            postings: shelf.postings().unwrap_or_default(),
            postings_removed: shelf.postings_removed().unwrap_or_default(),
        }
    }
}

impl Shelf {
    /// Time of the oldest archived record, if there is one and its archive can be read.
    pub(crate) fn first_time_ms(&self) -> Option<u64> {
        self.archives.iter().find_map(|(number, base)| {
            let header = self.open(*number, *base, Form::Full).ok()?.header;
            (header.last >= header.base).then_some(header.time_first_ms)
        })
    }
}

/// Time of the first record of a segment, if it has one and can be read.
pub(crate) fn first_time_ms(disk: &Disk, header: &SegmentHeader, path: &Path) -> Option<u64> {
    let mut walk = Walk::new(disk.open(path, OpenMode::Read).ok()?, header);
    let batch = walk.header_at(DATA_START).ok()?.ok()?;
    Some(batch.time_first_ms)
}
