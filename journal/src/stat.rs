//! What a ledger's journal consists of, at a glance.
//!
//! Checking it all is left to `verify`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::shelf::Shelf;
use crate::error::OpenError;
use crate::file::FileJournal;
use crate::format::StoreId;
use crate::format::archive::{Form, Name};
use crate::journal::Journal;
use crate::read_only::{Held, ReadOnlyJournal, Tail};
use crate::recovery::DATA_START;
use crate::recovery::walk::Walk;
use crate::snapshot::SnapshotInfo;
use crate::vfs::{OpenMode, Vfs};

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentStat {
    /// Its number, from 1.
    pub number: u64,
    /// Its file.
    pub path: PathBuf,
    /// Sequence of its first record.
    pub sequence_first: u64,
    /// Sequence of its last record; one less than the first if it has none.
    pub sequence_last: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Bytes up to the end of its last batch.
    pub used_bytes: u64,
}

/// One archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveStat {
    /// Number of the segment that it was made from.
    pub number: u64,
    /// Its file.
    pub path: PathBuf,
    /// Sequence of its first record.
    pub sequence_first: u64,
    /// Sequence of its last record; one less than the first if it has none.
    pub sequence_last: u64,
    /// Times of those, in Unix milliseconds.
    pub time_first_ms: u64,
    /// See above.
    pub time_last_ms: u64,
    /// Length of the file.
    pub bytes: u64,
    /// Records kept whole.
    pub whole: u64,
    /// Records of which only the leaf is left.
    pub leaves: u64,
    /// Different keys.
    pub keys: u64,
}

/// How far the watermark says that the journal was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkStat {
    /// Sequence of the last durable record.
    pub durable: u64,
    /// Number of its segment.
    pub segment: u64,
    /// Whether a close wrote it.
    pub closed: bool,
}

/// A ledger's journal at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The ledger's identity.
    pub store: StoreId,
    /// The format it is written in.
    pub format_version: u32,
    /// In order; at least one.
    pub segments: Vec<SegmentStat>,
    /// In order, oldest first; those that are kept.
    pub archives: Vec<ArchiveStat>,
    /// Archives that retention has reduced to stubs.
    pub stubs: u64,
    /// Sequence of the first record in the journal; one more than the last if there is none.
    pub sequence_first: u64,
    /// Sequence of the last record that counts: beside a writer, that is provably durable.
    pub sequence_last: u64,
    /// Time of the first record in Unix milliseconds, if there is one.
    pub time_first_ms: Option<u64>,
    /// Time of the last record that verifies, if there is one.
    pub time_last_ms: Option<u64>,
    /// The watermark, if there is a valid one.
    pub watermark: Option<WatermarkStat>,
    /// Whether a writer held the ledger.
    pub held: Held,
    /// What lies behind the last record.
    pub tail: Tail,
    /// The snapshots whose header verifies, newest first.
    pub snapshots: Vec<SnapshotInfo>,
}

impl Stat {
    /// Length of all segments together, in bytes.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

/// Looks at a ledger without changing anything; a writer may hold it.
///
/// ```
/// use passbook_journal::{FileJournal, Options, RealVfs, RecordRef, stat};
/// let folder = tempfile::tempdir()?;
/// drop(FileJournal::open(folder.path(), Options::default(), &mut |_: RecordRef<'_>| Ok(()))?);
/// let stat = stat(folder.path(), std::sync::Arc::new(RealVfs))?;
/// assert_eq!((stat.segments.len(), stat.bytes()), (1, 4 << 20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`FileJournal::open_read_only`].
pub fn stat(dir: &Path, vfs: Arc<dyn Vfs>) -> Result<Stat, OpenError> {
    FileJournal::open_read_only(dir, vfs)?.stat()
}

impl ReadOnlyJournal {
    /// What it consists of.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn stat(&self) -> Result<Stat, OpenError> {
        let survey = &self.survey;
        let has_records = self.position.next > survey.manifest.sequence_first;
        Ok(Stat {
            store: survey.manifest.store,
            format_version: crate::format::FORMAT_VERSION,
            segments: self.segment_stats(),
            archives: self.archive_stats()?,
            stubs: self.stubs()?,
            sequence_first: survey.manifest.sequence_first,
            sequence_last: self.durable(),
            time_first_ms: self.time_first_ms()?,
            time_last_ms: has_records.then_some(self.position.time_ms),
            watermark: survey.watermark.as_ref().map(|mark| WatermarkStat {
                durable: mark.durable,
                segment: mark.segment,
                closed: mark.closed,
            }),
            held: self.held(),
            tail: self.tail().clone(),
            snapshots: self.list_snapshots().map_err(OpenError::Io)?,
        })
    }

    fn shelf(&self) -> Result<Shelf, OpenError> {
        let survey = &self.survey;
        Ok(Shelf::with_manifest(&self.disk, &survey.layout, survey.manifest.clone())?)
    }

    fn stubs(&self) -> Result<u64, OpenError> {
        Ok(self.shelf()?.stubs.iter().map(Name::segments).sum())
    }

    /// What the archives' headers say.
    fn archive_stats(&self) -> Result<Vec<ArchiveStat>, OpenError> {
        let shelf = self.shelf()?;
        let stat = |(number, base): &(u64, u64)| {
            let path = shelf.path(*number, *base, Form::Full);
            let archive = shelf.open(*number, *base, Form::Full);
            let header = archive.map_err(|fault| fault.into_open_error(&path, *base))?.header;
            Ok(ArchiveStat {
                number: *number,
                path,
                sequence_first: header.base,
                sequence_last: header.last,
                time_first_ms: header.time_first_ms,
                time_last_ms: header.time_last_ms,
                bytes: header.file_bytes,
                whole: header.whole,
                leaves: header.leaves,
                keys: header.keys,
            })
        };
        shelf.archives.iter().map(stat).collect()
    }

    fn segment_stats(&self) -> Vec<SegmentStat> {
        let segments = &self.survey.segments;
        let successors = segments.iter().skip(1).map(Some).chain([None]);
        let stat = |header: &crate::format::segment::SegmentHeader, sequence_last, used_bytes| {
            SegmentStat {
                number: header.number,
                path: self.survey.layout.segment(&header.file_name()),
                sequence_first: header.base,
                sequence_last,
                bytes: header.segment_bytes,
                used_bytes,
            }
        };
        let pairs = segments.iter().zip(successors);
        pairs
            .map(|(header, successor)| match successor {
                Some(successor) => stat(header, successor.base - 1, successor.previous_end),
                None => stat(header, self.position.next - 1, self.end_offset),
            })
            .collect()
    }

    fn time_first_ms(&self) -> Result<Option<u64>, OpenError> {
        let Some(header) = self.survey.segments.first() else { return Ok(None) };
        let path = self.survey.layout.segment(&header.file_name());
        let mut walk = Walk::new(self.disk.open(&path, OpenMode::Read)?, header);
        Ok(walk.header_at(DATA_START)?.ok().map(|batch| batch.time_first_ms))
    }
}
