//! Reading what can still be read of a damaged ledger, without writing to it.
//!
//! Batches and blocks of archives are taken whole or not at all: groups are. Where one doesn't
//! verify, the next that does is looked for. What becomes of the records is left to the caller.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::shelf::list_archive;
use crate::damage::Damage;
use crate::disk::Disk;
use crate::error::{BoxError, OpenError};
use crate::format::StoreId;
use crate::format::archive::{Form, Name};
use crate::format::manifest::Manifest;
use crate::layout::Layout;
use crate::recovery::{read_manifest, read_watermark, segment_numbers};
use crate::snapshot::shelf;
use crate::vfs::Vfs;

mod archive;
mod piece;
mod ranges;
mod segment;
mod snapshots;

use archive::Archive;
use piece::{Finding, Found, Piece, Source, Told};
use ranges::Ranges;
use segment::{Segment, damage};
pub use snapshots::salvaged_snapshots;

/// One record that was salvaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalvagedRecord<'a> {
    /// Its number.
    pub sequence: u64,
    /// The time of its group, in Unix milliseconds.
    pub time_ms: u64,
    /// Whether it is the first of its group.
    pub group_first: bool,
    /// The bytes as they were appended.
    pub payload: &'a [u8],
    /// The segment or archive that it comes from.
    pub path: &'a Path,
}

/// What was salvaged and what was not. Ranges are first and last sequences, in order, apart from
/// each other; together with the kept ones they are all from 1 to `highest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalvageReport {
    /// The ledger's identity.
    pub store: StoreId,
    /// Number of records that were given.
    pub kept: u64,
    /// Records that were there once and can't be read.
    pub lost: Vec<(u64, u64)>,
    /// Records of which compaction had kept the leaf only.
    pub leaves: Vec<(u64, u64)>,
    /// Records that retention had removed.
    pub removed: Vec<(u64, u64)>,
    /// Everything that doesn't verify or is missing, in order of files and offsets.
    pub damages: Vec<Damage>,
    /// Highest sequence of which anything is known.
    pub highest: u64,
}

/// Reads a damaged ledger: gives every record that verifies, from archives and segments, in order,
/// each once. Also those behind the last acknowledged one. Takes no lock and writes nothing.
///
/// ```
/// use passbook_journal::{FileJournal, Group, Journal, Options, Payload, RealVfs, RecordRef, salvage};
/// let folder = tempfile::tempdir()?;
/// let options = Options { segment_bytes: 1 << 20, ..Options::default() };
/// let (journal, _) =
///     FileJournal::open(folder.path(), options, &mut |_: RecordRef<'_>| Ok(()))?;
/// journal.append(0, &Group { time_ms: 1, payloads: &[Payload::new(b"opened")] })?;
/// journal.close()?;
/// std::fs::remove_file(folder.path().join("MANIFEST"))?;
/// let mut seen = Vec::new();
/// let report = salvage(folder.path(), std::sync::Arc::new(RealVfs), &mut |record| {
///     seen.push(record.payload.to_vec());
///     Ok(())
/// })?;
/// assert_eq!((seen, report.lost), (vec![b"opened".to_vec()], vec![]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`OpenError::Missing`] if there is no segment and no archive; [`OpenError::Corrupt`] if none of
/// them has a header that can be read; [`OpenError::NewerFormat`]; [`OpenError::Visit`] with what
/// `visit` failed with; when folders can't be listed. Damage is no error: it is in the report.
pub fn salvage(
    dir: &Path,
    vfs: Arc<dyn Vfs>,
    visit: &mut dyn FnMut(SalvagedRecord<'_>) -> Result<(), BoxError>,
) -> Result<SalvageReport, OpenError> {
    let disk = Disk::new(vfs);
    let wreck = Wreck::look(&disk, &Layout::new(dir))?;
    let (pieces, mut told) = wreck.survey();
    wreck.give(&pieces, &mut told, visit)?;
    Ok(wreck.report(told))
}

/// Takes one record.
type Give<'a> = dyn FnMut(SalvagedRecord<'_>) -> Result<(), OpenError> + 'a;

/// The files of a damaged ledger.
struct Wreck {
    disk: Disk,
    store: StoreId,
    manifest: Option<Manifest>,
    segments: Vec<Segment>,
    archives: Vec<Archive>,
    removed: Ranges,
    damages: Vec<Damage>,
    /// What watermark, snapshots and headers show.
    highest: u64,
}

/// Of which segments there is something: first number, then the last one in the same file and the
/// sequence in its name. A name may claim any number of segments.
type Numbers = BTreeMap<u64, (u64, u64)>;

impl Wreck {
    fn look(disk: &Disk, layout: &Layout) -> Result<Self, OpenError> {
        let mut damages = Vec::new();
        let manifest = match read_manifest(disk, layout) {
            Ok(manifest) => Some(manifest),
            Err(OpenError::Corrupt(damage)) => {
                damages.push(*damage);
                None
            }
            Err(error @ OpenError::NewerFormat { .. }) => return Err(error),
            Err(error) => {
                damages.push(damage(&layout.manifest(), 0, 1, None, &format!("{error}")));
                None
            }
        };
        let mut wreck = Self {
            disk: disk.clone(),
            store: [0; 16],
            manifest,
            segments: Vec::new(),
            archives: Vec::new(),
            removed: Ranges::default(),
            damages,
            highest: 0,
        };
        let mut numbers = Numbers::new();
        wreck.list_segments(layout, &mut numbers)?;
        let stubs = wreck.list_archives(layout, &mut numbers)?;
        if numbers.is_empty() {
            return Err(OpenError::Missing { path: layout.dir.clone() });
        }
        wreck.store = wreck.identity(layout)?;
        wreck.drop_foreign();
        wreck.read_stubs(&stubs);
        let last = wreck.read_evidence(layout);
        wreck.miss(layout, &numbers, last);
        Ok(wreck)
    }

    fn list_segments(&mut self, layout: &Layout, numbers: &mut Numbers) -> Result<(), OpenError> {
        let listed = match segment_numbers(&self.disk, layout) {
            Err(error) if error.is_not_found() => Vec::new(),
            answer => answer?,
        };
        for (number, base) in listed {
            numbers.insert(number, (number, base));
            let path = layout.segment(&format!("{number:06}-{base}.seg"));
            self.highest = self.highest.max(base.saturating_sub(1));
            self.segments.extend(segment::open(&self.disk, &path, base, &mut self.damages)?);
        }
        Ok(())
    }

    /// Notes the archives, and returns the paths of stubs.
    fn list_archives(
        &mut self,
        layout: &Layout,
        numbers: &mut Numbers,
    ) -> Result<Vec<PathBuf>, OpenError> {
        let mut stubs = Vec::new();
        for name in list_archive(&self.disk, layout)? {
            let path = layout.archived(&name);
            let Some(Name { number, number_first, base, form }) = Name::parse(&name) else {
                continue;
            };
            let last = numbers.entry(number_first).or_insert((number, base));
            last.0 = last.0.max(number);
            match form {
                Form::Full => self.archives.push(Archive { path, number, base }),
                Form::Stub => stubs.push(path),
            }
        }
        Ok(stubs)
    }

    /// The manifest's, or that of any header.
    fn identity(&self, layout: &Layout) -> Result<StoreId, OpenError> {
        let of_archive = |archive: &Archive| archive::header(&self.disk, &archive.path);
        let store = self
            .manifest
            .as_ref()
            .map(|manifest| manifest.store)
            .or_else(|| self.segments.first().map(|segment| segment.header.store))
            .or_else(|| self.archives.iter().find_map(of_archive).map(|header| header.store));
        store.ok_or_else(|| {
            OpenError::corrupt(&layout.dir, 0, 1, "no header of any file can be read")
        })
    }

    fn drop_foreign(&mut self) {
        let (store, damages) = (self.store, &mut self.damages);
        self.segments.retain(|segment| {
            let ours = segment.header.store == store;
            if !ours {
                let (path, base) = (&segment.path, segment.header.base);
                damages.push(damage(path, 16, base, None, "it belongs to another ledger"));
            }
            ours
        });
        self.segments.sort_by_key(|segment| (segment.header.number, segment.header.base));
    }

    fn read_stubs(&mut self, stubs: &[PathBuf]) {
        for path in stubs {
            match archive::header(&self.disk, path).filter(|header| header.store == self.store) {
                Some(header) => {
                    self.removed.add(header.base, header.last);
                    self.highest = self.highest.max(header.last);
                }
                None => self.damages.push(damage(path, 0, 1, None, "its header does not verify")),
            }
        }
        if let Some(manifest) = self.manifest.as_ref().filter(|manifest| manifest.archive_first > 0)
        {
            self.removed.add(1, manifest.archive_sequence_first - 1);
        }
    }

    /// How far the ledger reached, by what else tells of it; the number of its last segment, if
    /// the watermark knows.
    fn read_evidence(&mut self, layout: &Layout) -> u64 {
        let mut number_last = 0;
        if let Ok(Some(mark)) = read_watermark(&self.disk, layout)
            && mark.store == self.store
        {
            self.highest = self.highest.max(mark.durable);
            number_last = mark.segment;
        }
        let newest = shelf::list(&self.disk, layout, &self.store);
        let newest = newest.ok().and_then(|infos| infos.first().map(|info| info.sequence));
        self.highest = self.highest.max(newest.unwrap_or(0));
        if let Some(manifest) = &self.manifest {
            self.highest = self.highest.max(manifest.sequence_first - 1);
        }
        let bases = self.segments.iter().map(|segment| segment.header.base);
        self.highest = self.highest.max(bases.max().unwrap_or(1).saturating_sub(1));
        number_last
    }

    /// Numbers without any file, up to `last`.
    fn miss(&mut self, layout: &Layout, numbers: &Numbers, last: u64) {
        let mut next = 1;
        let found = numbers.iter().map(|(first, (last, base))| (*first, *last, *base));
        let end = last.saturating_add(1);
        for (number, last, base) in found.chain([(end, end, self.highest)]) {
            if number > next {
                let why = match number - next {
                    1 => format!("segment {next} is missing, and has no archive"),
                    _ => format!("segments {next} to {} are missing", number - 1),
                };
                self.damages.push(damage(&layout.journal(), 0, base, None, &why));
            }
            next = next.max(last.saturating_add(1));
        }
    }

    /// What to give, in order: segments first, archives for what they don't have.
    fn survey(&self) -> (Vec<Piece>, Told) {
        let mut told = Told { highest: self.highest, ..Told::default() };
        let (mut pieces, mut covered) = (Vec::new(), Ranges::default());
        for (index, segment) in self.segments.iter().enumerate() {
            let found = segment::scan(&self.disk, segment, self.last_of(index));
            told.add(found, Source::Segment(index), &mut pieces, &mut covered);
        }
        for (index, archive) in self.archives.iter().enumerate() {
            let found = archive::scan(&self.disk, &self.store, archive);
            told.add(found, Source::Archive(index), &mut pieces, &mut covered);
        }
        pieces.sort_by_key(|piece| piece.first);
        told.highest = told.highest.max(covered.last());
        (pieces, told)
    }

    /// Up to which sequence records of a segment should be there.
    fn last_of(&self, index: usize) -> u64 {
        let number = self.segments.get(index).map(|segment| segment.header.number);
        match (number, self.segments.get(index + 1)) {
            (Some(number), Some(next)) if next.header.number == number + 1 => {
                next.header.base.saturating_sub(1)
            }
            // With a gap behind it, nobody knows.
            (_, Some(_)) => 0,
            (_, None) => self.highest,
        }
    }

    fn give(
        &self,
        pieces: &[Piece],
        told: &mut Told,
        visit: &mut dyn FnMut(SalvagedRecord<'_>) -> Result<(), BoxError>,
    ) -> Result<(), OpenError> {
        let Told { kept, kept_count, leaves, .. } = told;
        let mut take = |record: SalvagedRecord<'_>| {
            visit(record).map_err(OpenError::Visit)?;
            kept.add(record.sequence, record.sequence);
            *kept_count += 1;
            Ok(())
        };
        let mut leaf = |sequence| leaves.add(sequence, sequence);
        for piece in pieces {
            match piece.source {
                Source::Segment(index) => {
                    if let Some(segment) = self.segments.get(index) {
                        segment::give(&self.disk, segment, piece, &mut take)?;
                    }
                }
                Source::Archive(index) => {
                    if let Some(archive) = self.archives.get(index) {
                        let store = &self.store;
                        archive::give(&self.disk, store, archive, piece, (&mut take, &mut leaf))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn report(&self, told: Told) -> SalvageReport {
        let mut accounted = told.kept.clone();
        let mut removed = Ranges::default();
        for (first, last) in told.leaves.iter() {
            accounted.add(first, last);
        }
        for (first, last) in self.removed.iter() {
            for (first, last) in accounted.missing(first, last) {
                removed.add(first, last);
            }
        }
        for (first, last) in removed.iter() {
            accounted.add(first, last);
        }
        let mut damages = self.damages.clone();
        damages.extend(told.damages);
        damages.sort_by(|one, two| (&one.path, one.offset).cmp(&(&two.path, two.offset)));
        SalvageReport {
            store: self.store,
            kept: told.kept_count,
            lost: accounted.missing(1, told.highest),
            leaves: told.leaves.into_vec(),
            removed: removed.into_vec(),
            damages,
            highest: told.highest,
        }
    }
}
