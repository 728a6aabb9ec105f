//! A ledger opened for reading: no lock, no change of anything, beside a writer or without one.
//!
//! Repairing is left to opening for writing; finding all damage is left to `verify`.

use std::path::Path;
use std::sync::Arc;

use crate::archive::kept::KeptReader;
use crate::archive::posted::PostedReader;
use crate::archive::{CompactError, Compacted, Compaction, Curator, Extent};
use crate::backup::{BackupError, BackupInfo, Sharing};
use crate::damage::Damage;
use crate::disk::Disk;
use crate::error::{AppendError, CloseError, JournalError, OpenError, ReadError, ReadOnlyReason};
use crate::file::catalog::Catalog;
use crate::file::create::{Folder, look};
use crate::file::reader::Reader;
use crate::file::{FileJournal, lock};
use crate::format::StoreId;
use crate::format::segment::SegmentHeader;
use crate::health::{JournalHealth, WriterState};
use crate::journal::{Group, Journal, Observer, Records};
use crate::layout::Layout;
use crate::leaf::Chain;
use crate::recovery::classify::{End, classify};
use crate::recovery::walk::{Position, Walk};
use crate::recovery::{DATA_START, Survey, survey};
use crate::snapshot::{SnapshotError, SnapshotInfo, SnapshotSink, SnapshotSource, shelf};
use crate::verify::Progress;
use crate::vfs::{OpenMode, Vfs};

/// Reads of the same place before what stands there counts: a writer may be in the middle of it.
const TRIES: usize = 3;

/// Whether a writer holds the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Nobody does; everything that verifies counts.
    No,
    /// Somebody does; only what is provably durable counts.
    ByWriter,
}

/// What lies behind the last record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// Nothing, or what a writer is just writing.
    Clean,
    /// Half a write that was never acknowledged. The next opening for writing puts it aside.
    Torn {
        /// Where it begins in the last segment, in bytes.
        offset: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// It could be half a write or damage; a person must say.
    Ambiguous(Damage),
    /// Acknowledged records are damaged.
    Corrupt(Damage),
}

/// A journal opened for reading, see [`FileJournal::open_read_only`].
#[derive(Debug)]
pub struct ReadOnlyJournal {
    pub(crate) disk: Disk,
    pub(crate) survey: Survey,
    catalog: Catalog,
    pub(crate) end_offset: u64,
    pub(crate) position: Position,
    through: u64,
    held: Held,
    tail: Tail,
}

impl FileJournal {
    /// Opens a ledger for reading, as it is at this moment: takes no lock, writes nothing, works
    /// in a folder that may only be read.
    ///
    /// Records of sealed segments are checked when they are read, those of the last one here.
    ///
    /// # Errors
    /// [`OpenError`], never `Locked`. A damaged tail is no error: see [`ReadOnlyJournal::tail`].
    pub fn open_read_only(dir: &Path, vfs: Arc<dyn Vfs>) -> Result<ReadOnlyJournal, OpenError> {
        ReadOnlyJournal::look(Disk::new(vfs), &Layout::new(dir))
    }
}

impl ReadOnlyJournal {
    pub(crate) fn look(disk: Disk, layout: &Layout) -> Result<Self, OpenError> {
        match look(&disk, layout)? {
            Folder::Missing | Folder::Vacant => {
                return Err(OpenError::Missing { path: layout.dir.clone() });
            }
            Folder::Ledger => {}
        }
        let held = if lock::is_held(&disk, layout)? { Held::ByWriter } else { Held::No };
        let survey = survey(&disk, layout)?;
        Self::new(disk, survey, held)
    }

    fn new(disk: Disk, survey: Survey, held: Held) -> Result<Self, OpenError> {
        let mut catalog = Catalog::default();
        for header in &survey.segments {
            catalog.add(header.clone(), survey.layout.segment(&header.file_name()));
        }
        let header = survey.last();
        let path = survey.layout.segment(&header.file_name());
        let mut walk = Walk::new(disk.open(&path, OpenMode::Read)?, header);
        let mut last = LastSegment {
            position: Position::at_start_of(header),
            offset: DATA_START,
            proven: survey.watermark.as_ref().map_or(0, |mark| mark.durable),
        };
        // Sealed segments are durable.
        last.proven = last.proven.max(header.base - 1);
        let tail = last.walk(&mut walk, &survey, &mut catalog, held)?;
        let LastSegment { position, offset: end_offset, proven } = last;
        let valid = position.next - 1;
        let through = match held {
            Held::No => valid,
            Held::ByWriter => proven.min(valid),
        };
        Ok(Self { disk, survey, catalog, end_offset, position, through, held, tail })
    }

    /// Whether a writer held the ledger when it was opened.
    pub fn held(&self) -> Held {
        self.held
    }

    pub(crate) fn list_snapshots(&self) -> Result<Vec<SnapshotInfo>, Arc<JournalError>> {
        shelf::list(&self.disk, &self.survey.layout, &self.survey.manifest.store)
    }

    fn reader(&self, from: u64) -> Reader {
        let (disk, layout) = (self.disk.clone(), self.survey.layout.clone());
        Reader::new(disk, layout, self.catalog.from(from), from, self.through)
    }

    /// What a reader is told behind the last good record.
    fn damage(&self) -> Option<ReadError> {
        match &self.tail {
            Tail::Clean | Tail::Torn { .. } => None,
            Tail::Ambiguous(damage) | Tail::Corrupt(damage) => Some(ReadError::Corrupt {
                path: damage.path.clone(),
                offset: damage.offset,
                sequence: damage.sequence_first,
                why: damage.why.clone(),
            }),
        }
    }

    /// What lies behind the last record.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// The ledger's identity.
    pub fn store(&self) -> StoreId {
        self.survey.manifest.store
    }

    /// The chain over all records that verify, the last of which a writer may not have
    /// acknowledged yet.
    pub fn chain(&self) -> Chain {
        self.position.chain
    }
}

/// The walk over the last segment.
struct LastSegment {
    position: Position,
    offset: u64,
    /// Highest sequence that something later shows to be durable.
    proven: u64,
}

impl LastSegment {
    fn walk(
        &mut self,
        walk: &mut Walk,
        survey: &Survey,
        catalog: &mut Catalog,
        held: Held,
    ) -> Result<Tail, JournalError> {
        let mut tries = 0;
        while self.offset < walk.segment_bytes() {
            match walk.next_at(self.offset, &self.position)? {
                Ok(batch) => {
                    self.proven = self.proven.max(batch.header.durable);
                    catalog.mark(batch.header.sequence_first, self.offset);
                    self.offset += batch.header.extent();
                    self.position.pass(&batch);
                    tries = 0;
                }
                Err(_) if held == Held::ByWriter && tries < TRIES => {
                    tries += 1;
                    walk.window().forget();
                }
                Err(flaw) => {
                    let mark = survey.watermark.as_ref();
                    let end = classify(walk, self.offset, flaw, &self.position, mark)?;
                    return Ok(self.tail_of(end, held));
                }
            }
        }
        Ok(Tail::Clean)
    }

    /// Beside a writer, only records that were durable before we looked can be damaged: anything
    /// else may be a write that is under way.
    fn tail_of(&self, end: End, held: Held) -> Tail {
        match (end, held) {
            (End::Corrupt(_), Held::ByWriter) if self.proven < self.position.next => Tail::Clean,
            (End::Torn { .. } | End::Ambiguous { .. }, Held::ByWriter) | (End::Clean, _) => {
                Tail::Clean
            }
            (End::Corrupt(damage), _) => Tail::Corrupt(damage),
            (End::Torn { offset, until, .. }, Held::No) => {
                Tail::Torn { offset, bytes: until - offset }
            }
            (End::Ambiguous { damage, .. }, Held::No) => Tail::Ambiguous(damage),
        }
    }
}

impl Journal for ReadOnlyJournal {
    /// Always refused.
    fn append(&self, _expected: u64, _group: &Group<'_>) -> Result<u64, AppendError> {
        Err(AppendError::ReadOnly(ReadOnlyReason::OpenedReadOnly))
    }

    fn head(&self) -> u64 {
        self.through
    }

    fn durable(&self) -> u64 {
        self.through
    }

    /// The records, and, where the end is damaged, an error behind the last good one: a replay
    /// can't mistake half a ledger for all of it.
    fn read(&self, from: u64) -> Result<Records, ReadError> {
        let (from, first) = (from.max(1), self.survey.manifest.sequence_first);
        if from < first {
            return Err(ReadError::Trimmed { first });
        }
        Ok(Records::new(self.reader(from).chain(self.damage().map(Err))))
    }

    /// Always refused.
    fn compact(
        &self,
        _compaction: &Compaction<'_>,
        _curator: &dyn Curator,
    ) -> Result<Compacted, CompactError> {
        Err(CompactError::ReadOnly)
    }

    fn read_kept(&self, from: u64) -> Result<Records, ReadError> {
        let (from, first) = (from.max(1), self.survey.manifest.sequence_first);
        let (disk, layout) = (self.disk.clone(), self.survey.layout.clone());
        let journal = self.reader(from.max(first));
        let reader = KeptReader::new(disk, layout, journal, from, self.through)?;
        Ok(Records::new(reader.chain(self.damage().map(Err))))
    }

    fn posted(&self, keys: &[&[u8]]) -> Result<Records, ReadError> {
        let layout = self.survey.layout.clone();
        Ok(Records::new(PostedReader::new(self.disk.clone(), layout, keys)?))
    }

    fn backup_with(&self, into: &Path, told: &dyn Fn(Progress)) -> Result<BackupInfo, BackupError> {
        self.copy_into(into, Sharing::Links, told)
    }

    fn extent(&self) -> Extent {
        let survey = &self.survey;
        let path = |header: &SegmentHeader| survey.layout.segment(&header.file_name());
        let segment = survey.segments.first().map(|header| (header, path(header)));
        let segment = segment.as_ref().map(|(header, path)| (*header, path.as_path()));
        Extent::look(&self.disk, &survey.layout, survey.manifest.sequence_first, segment)
    }

    /// Always refused.
    fn begin_snapshot(&self, _at: u64) -> Result<Box<dyn SnapshotSink>, SnapshotError> {
        Err(SnapshotError::OpenedReadOnly)
    }

    fn snapshots(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        self.list_snapshots().map_err(SnapshotError::Io)
    }

    fn open_snapshot(&self, sequence: u64) -> Result<Box<dyn SnapshotSource>, SnapshotError> {
        let (layout, store) = (&self.survey.layout, &self.survey.manifest.store);
        Ok(Box::new(shelf::open(&self.disk, layout, store, sequence)?))
    }

    /// Nothing will ever be observed.
    fn observe(&self, _observer: Arc<dyn Observer>) {}

    fn health(&self) -> JournalHealth {
        JournalHealth {
            writer: WriterState::ReadOnly(ReadOnlyReason::OpenedReadOnly),
            head: self.through,
            durable: self.through,
            commits: 0,
            records: 0,
            bytes_written: 0,
            syncs: 0,
            segments: self.catalog.count(),
            queued_bytes: 0,
        }
    }

    fn close(&self) -> Result<(), CloseError> {
        Ok(())
    }
}
