//! Checking a whole ledger: every checksum, every link, every byte of padding, on several
//! threads, without changing anything and without stopping at the first damage.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::archive::shelf::Shelf;
use crate::damage::{Damage, Evidence};
use crate::disk::Disk;
use crate::error::{JournalError, OpenError};
use crate::file::create::{Folder, look};
use crate::file::lock;
use crate::format::StoreId;
use crate::format::watermark::Watermark;
use crate::layout::Layout;
use crate::leaf::Chain;
use crate::read_only::{Held, Tail};
use crate::recovery::{read_manifest, read_watermark};
use crate::snapshot::SnapshotInfo;
use crate::vfs::Vfs;

mod archives;
mod files;
mod ordinals;
mod segment;
mod snapshots;

pub use archives::CompleteFrom;

use archives::{CheckedVolume, Volume, check_volume, shelve, volumes};
use files::{Files, Piece};
use ordinals::check_ordinals;
use segment::{Checked, check_segment};
use snapshots::{Snapshots, missing_at_end};

/// Verifications before damage counts while a compaction is at work.
const TRIES: usize = 4;

/// Most threads that check at the same time.
pub const VERIFY_JOBS_MAX: usize = 64;

/// How to verify.
#[derive(Clone, Copy)]
pub struct VerifyOptions<'a> {
    /// Threads, 1 to [`VERIFY_JOBS_MAX`]; what is outside is brought inside.
    pub jobs: usize,
    /// Hears of progress, from any of the threads.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl Default for VerifyOptions<'_> {
    fn default() -> Self {
        Self { jobs: 1, progress: None }
    }
}

impl std::fmt::Debug for VerifyOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyOptions").field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes checked.
    pub done_bytes: u64,
    /// Bytes to check in all.
    pub total_bytes: u64,
}

/// What a verification found.
#[derive(Debug, Clone)]
pub struct VerifyReport {
    /// The ledger's identity, unless its manifest is damaged.
    pub store: Option<StoreId>,
    /// Number of segments found.
    pub segments: u64,
    /// Length of all segments together.
    pub bytes: u64,
    /// Number of archives found; their header verifies.
    pub archives: u64,
    /// Length of all archives together.
    pub archive_bytes: u64,
    /// Number of stubs: archives that retention removed, but for their place in the chain.
    pub stubs: u64,
    /// From where on the history is complete, unless the manifest is damaged.
    pub complete_from: Option<CompleteFrom>,
    /// Records that verify, in archives and journal; of some only the leaf is left.
    pub records: u64,
    /// Stretches of records that verify, in order.
    pub intact: Vec<RangeInclusive<u64>>,
    /// Everything that doesn't, in order of files and offsets.
    pub damages: Vec<Damage>,
    /// The chain over all records, if the last batch verifies; 32 zero bytes without any.
    pub chain: Option<Chain>,
    /// Highest sequence that was provably durable when we started; beside a writer, what came
    /// after is not judged.
    pub durable_at_start: u64,
    /// Whether a writer held the ledger.
    pub held: Held,
    /// What lies behind the last record.
    pub tail: Tail,
    /// The snapshots all of whose sections verify, newest first.
    pub snapshots: Vec<SnapshotInfo>,
}

impl VerifyReport {
    /// Whether nothing acknowledged is damaged.
    pub fn is_good(&self) -> bool {
        self.damages.is_empty()
    }

    /// Sequence of the last record that verifies; 0 if none does.
    pub fn sequence_last(&self) -> u64 {
        self.intact.last().map_or(0, |range| *range.end())
    }
}

/// Checks everything in a ledger's journal. Reads only; a writer may hold it.
///
/// # Errors
/// When there is no ledger to check, it is of a newer format, or the file system fails. Damage is
/// no error: it is in the report.
pub fn verify(
    dir: &Path,
    vfs: Arc<dyn Vfs>,
    options: &VerifyOptions<'_>,
) -> Result<VerifyReport, OpenError> {
    let disk = Disk::new(vfs);
    let layout = Layout::new(dir);
    match look(&disk, &layout) {
        Ok(Folder::Ledger) | Err(OpenError::Corrupt(_)) => {}
        Ok(Folder::Missing | Folder::Vacant) => {
            return Err(OpenError::Missing { path: layout.dir });
        }
        Err(error) => return Err(error),
    }
    let mut tries = 0;
    loop {
        let before = read_manifest(&disk, &layout).ok();
        let report = look_and_check(&disk, &layout, options);
        tries += 1;
        // A compaction beside us moved what we were looking at.
        let moved = tries < TRIES && before != read_manifest(&disk, &layout).ok();
        if !moved || report.as_ref().is_ok_and(VerifyReport::is_good) {
            return report;
        }
    }
}

fn look_and_check(
    disk: &Disk,
    layout: &Layout,
    options: &VerifyOptions<'_>,
) -> Result<VerifyReport, OpenError> {
    let held = if lock::is_held(disk, layout)? { Held::ByWriter } else { Held::No };
    let watermark = read_watermark(disk, layout)?;
    let files = Files::look(disk, layout, watermark.as_ref())?;
    // Before the segments are read: beside a writer, a later one would be ahead of them.
    let snapshots = Snapshots::look(disk, layout, files.store)?;
    let mut job = Job::new(disk, &files, watermark.as_ref(), held, options);
    job.total_bytes += snapshots.bytes();
    let checked = job.run(options.jobs.clamp(1, VERIFY_JOBS_MAX))?;
    let (good, damages) = snapshots.check(disk, layout, &files, &|bytes| job.advance(bytes));
    let missing = |last| missing_at_end(&files, &good, last);
    let mut report = report(&files, checked, watermark.as_ref(), held);
    if let Some(shelf) = files.shelf.as_ref().filter(|_| report.damages.is_empty()) {
        report.damages.extend(check_ordinals(shelf)?);
    }
    report.damages.extend(damages);
    if held == Held::No {
        report.damages.extend(missing(report.sequence_last()));
    }
    report.damages.sort_by(|a, b| (&a.path, a.offset).cmp(&(&b.path, b.offset)));
    report.snapshots = good;
    Ok(report)
}

/// The work that the threads share.
struct Job<'a> {
    disk: &'a Disk,
    pieces: &'a [Piece],
    watermark: Option<&'a Watermark>,
    held: Held,
    progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    done_bytes: AtomicU64,
    total_bytes: u64,
    next: AtomicUsize,
    shelf: Option<&'a Shelf>,
    volumes: Vec<Volume>,
    checked: Mutex<Vec<(usize, Result<Done, JournalError>)>>,
}

/// What was checked.
enum Done {
    Volume(CheckedVolume),
    Segment(Checked),
}

impl<'a> Job<'a> {
    fn new(
        disk: &'a Disk,
        files: &'a Files,
        watermark: Option<&'a Watermark>,
        held: Held,
        options: &VerifyOptions<'a>,
    ) -> Self {
        Self {
            disk,
            pieces: &files.pieces,
            watermark,
            held,
            progress: options.progress,
            done_bytes: AtomicU64::new(0),
            total_bytes: files.bytes(),
            next: AtomicUsize::new(0),
            shelf: files.shelf.as_ref(),
            volumes: files.shelf.as_ref().map(volumes).unwrap_or_default(),
            checked: Mutex::new(Vec::new()),
        }
    }

    fn run(&self, jobs: usize) -> Result<Vec<Done>, JournalError> {
        std::thread::scope(|scope| {
            for _ in 1..jobs.min(self.volumes.len() + self.pieces.len()) {
                scope.spawn(|| self.work());
            }
            self.work();
        });
        let mut checked = std::mem::take(&mut *self.checked.lock());
        checked.sort_by_key(|(index, _)| *index);
        checked.into_iter().map(|(_, checked)| checked).collect()
    }

    fn work(&self) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(done) = self.check(index) else { return };
            self.checked.lock().push((index, done));
        }
    }

    /// Checks archives first, then segments; nothing behind the last.
    fn check(&self, index: usize) -> Option<Result<Done, JournalError>> {
        let advance = |bytes| self.advance(bytes);
        if let (Some(volume), Some(shelf)) = (self.volumes.get(index), self.shelf) {
            return Some(check_volume(shelf, *volume, &advance).map(Done::Volume));
        }
        let piece = self.pieces.get(index.checked_sub(self.volumes.len())?)?;
        let checked = check_segment(self.disk, piece, self.watermark, self.held, &advance);
        Some(checked.map(Done::Segment))
    }

    fn advance(&self, bytes: u64) {
        let done_bytes = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(progress) = self.progress {
            progress(Progress { done_bytes, total_bytes: self.total_bytes });
        }
    }
}

fn report(
    files: &Files,
    checked: Vec<Done>,
    watermark: Option<&Watermark>,
    held: Held,
) -> VerifyReport {
    let complete_from = files.complete_from();
    let bytes = files.segment_bytes();
    let (mut volumes, mut segments) = (Vec::new(), Vec::new());
    for done in checked {
        match done {
            Done::Volume(volume) => volumes.push(volume),
            Done::Segment(segment) => segments.push(segment),
        }
    }
    let first = files.pieces.first().map(|piece| (piece.path.as_path(), &piece.header));
    let shelved = files.shelf.as_ref().map(|shelf| shelve(shelf, volumes, first));
    let shelved = shelved.unwrap_or_default();
    let mut report = VerifyReport {
        store: files.store,
        segments: u64::try_from(files.pieces.len()).unwrap_or(u64::MAX),
        bytes,
        archives: shelved.archives,
        archive_bytes: shelved.archive_bytes,
        stubs: shelved.stubs,
        complete_from,
        records: shelved.records,
        intact: shelved.intact,
        damages: files.damages.clone(),
        chain: None,
        durable_at_start: watermark.map_or(0, |mark| mark.durable),
        held,
        tail: Tail::Clean,
        snapshots: Vec::new(),
    };
    report.damages.extend(shelved.damages);
    for piece in segments {
        report.records += piece.records;
        report.durable_at_start = report.durable_at_start.max(piece.proven);
        report.damages.extend(piece.damages);
        report.chain = piece.chain;
        report.tail = piece.tail;
        for range in piece.intact {
            join(&mut report.intact, range);
        }
    }
    if held == Held::No {
        report.durable_at_start = report.sequence_last();
    }
    report
}

/// Adds a range behind the others, or lengthens the last one.
fn join(ranges: &mut Vec<RangeInclusive<u64>>, range: RangeInclusive<u64>) {
    match ranges.last_mut() {
        Some(last) if *last.end() + 1 == *range.start() => *last = *last.start()..=*range.end(),
        Some(_) | None => ranges.push(range),
    }
}

/// Damage that needs no other evidence.
fn plain_damage(path: &Path, offset: u64, sequence_first: u64, why: &str) -> Damage {
    Damage {
        path: path.to_owned(),
        offset,
        sequence_first,
        sequence_last: None,
        why: why.to_owned(),
        evidence: Evidence::AlwaysDurable,
    }
}
