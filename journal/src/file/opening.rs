//! The one order of an opening: lock → look → replay → make the end whole → start.
//!
//! What the end means is left to `recovery`, how it is made whole to `repair`.

use std::sync::OnceLock;

use passbook_planted::{Bug, unless};

use super::catalog::Catalog;
use super::create::{self, Folder};
use super::engine::{Engine, Writer};
use super::lengths::{Lengths, first_bytes};
use super::options::{AmbiguousTail, Create, Durability, Options};
use super::queue::{Mark, Queue, Start};
use super::repair::{self, Dropped};
use super::replaying::{self, Replayed};
use super::watermark::{Noted, WatermarkFile};
use super::{Recovery, inline, leftovers, lock};
use crate::disk::{Disk, DiskFile};
use crate::error::OpenError;
use crate::format::batch::Seal;
use crate::format::watermark::Watermark;
use crate::layout::Layout;
use crate::limits::{BATCH_BYTES_MAX, group_bytes_max};
use crate::recovery::classify::End;
use crate::recovery::{
    DATA_START, Found, Survey, read_watermark, survey, survey_without_watermark,
};
use crate::replay::Replay;
use crate::snapshot::shelf::{self, Shelf};
use crate::sync::atomic::AtomicU64;
use crate::sync::{Condvar, Mutex};
use crate::vfs::OpenMode;

/// Opens or creates; an engine that nobody runs yet.
pub(super) fn open(
    disk: Disk,
    layout: &Layout,
    options: Options,
    replay: &mut dyn Replay,
) -> Result<(Engine, Recovery), OpenError> {
    let (lock, created) = lock_or_create(&disk, layout, &options)?;
    let (mut survey, doubted) = look(&disk, layout, &options)?;
    let Replayed { found, catalog, snapshot, bad } =
        replaying::replay(&disk, &survey, replay, options.accept_rollback)?;
    let ahead = doubted.as_ref().filter(|mark| is_ahead(mark, &survey, &found)).cloned();
    survey.watermark = survey.watermark.or(doubted.filter(|_| ahead.is_none()));
    let (watermark, recovery) = settle(&disk, &survey, &found, (&options, ahead.as_ref()), &lock)?;
    let shelf = Shelf {
        bad: bad.iter().map(|bad| bad.sequence).collect(),
        spacing: options.snapshot_spacing,
        ..Shelf::default()
    };
    leftovers::remove(&disk, layout, &survey.manifest)?;
    super::snapshot::tidy(&disk, layout, &shelf)?;
    let sequence_first = catalog.sequence_first();
    let recovery = Recovery { created, sequence_first, snapshot, snapshots_bad: bad, ..recovery };
    let engine = build(disk, &survey, &found, options, (catalog, watermark, shelf, lock));
    Ok((engine, recovery))
}

/// Takes the lock, creating the ledger if it is missing and may be created.
fn lock_or_create(
    disk: &Disk,
    layout: &Layout,
    options: &Options,
) -> Result<(DiskFile, bool), OpenError> {
    let look = || match options.create {
        Create::Unfinished => create::look_unfinished(disk, layout),
        Create::IfMissing | Create::Never => create::look(disk, layout),
    };
    match (look()?, options.create) {
        (Folder::Ledger, _) => {
            // The lock file may have been lost; it says nothing about the data.
            Ok((lock::take(disk, layout, OpenMode::CreateOrOpen)?, false))
        }
        (Folder::Missing | Folder::Vacant, Create::Never) => {
            Err(OpenError::Missing { path: layout.dir.clone() })
        }
        (Folder::Missing | Folder::Vacant, Create::IfMissing | Create::Unfinished) => {
            create::create_folder(disk, layout)?;
            let lock = lock::take(disk, layout, OpenMode::CreateOrOpen)?;
            // Somebody may have created it while we waited for the lock.
            if look()? == Folder::Ledger {
                return Ok((lock, false));
            }
            create::create(disk, layout, options)?;
            Ok((lock, true))
        }
    }
}

/// What there is, and the watermark apart if it is not to be believed at once.
fn look(
    disk: &Disk,
    layout: &Layout,
    options: &Options,
) -> Result<(Survey, Option<Watermark>), OpenError> {
    if !options.accept_rollback {
        return Ok((survey(disk, layout)?, None));
    }
    let survey = survey_without_watermark(disk, layout)?;
    match read_watermark(disk, layout)? {
        Some(mark) if mark.store != survey.manifest.store => {
            Err(OpenError::ForeignJournal { path: layout.watermark() })
        }
        mark => Ok((survey, mark)),
    }
}

/// Whether a watermark claims more than was found.
fn is_ahead(mark: &Watermark, survey: &Survey, found: &Found) -> bool {
    mark.durable >= found.position.next || mark.segment > survey.last().number
}

/// Acts on what was found: refuses, or makes the end whole and says so in the watermark.
fn settle(
    disk: &Disk,
    survey: &Survey,
    found: &Found,
    (options, ahead): (&Options, Option<&Watermark>),
    lock: &DiskFile,
) -> Result<(WatermarkFile, Recovery), OpenError> {
    let torn = match (&found.end, options.ambiguous_tail) {
        (End::Clean, _) => None,
        (End::Torn { until, why, .. }, _) => Some((*until, (*why).to_owned())),
        (End::Ambiguous { until, damage }, AmbiguousTail::Quarantine) => {
            Some((*until, damage.why.clone()))
        }
        (End::Ambiguous { damage, .. }, AmbiguousTail::Refuse) => {
            return Err(OpenError::Ambiguous(Box::new(damage.clone())));
        }
        (End::Corrupt(damage), _) => return Err(OpenError::Corrupt(Box::new(damage.clone()))),
    };
    // From here on we write: the ledger is ours.
    lock::sign(lock, &options.owner_line(), options.opened_at_ms)?;
    let mut snapshots = Vec::new();
    if options.accept_rollback {
        snapshots = shelf::sequences(disk, &survey.layout)?;
        snapshots.retain(|sequence| *sequence >= found.position.next);
    }
    let rolled_back = repair::set_aside(disk, &survey.layout, ahead, &snapshots)?;
    let last = survey.last();
    let mark =
        Mark { segment: last.number, end: found.end_offset, durable: found.position.next - 1 };
    let covered = survey.watermark.as_ref().filter(|seen| seen.segment == last.number);
    let rewrite_from = covered.map_or(DATA_START, |seen| seen.end.clamp(DATA_START, mark.end));
    if covered.is_none() {
        // Without a watermark in it, the last segment may have its name only in a cache; and so
        // may the manifest of a new ledger.
        disk.fsync_dir(&survey.layout.dir)?;
        disk.fsync_dir(&survey.layout.journal())?;
    }
    let path = survey.layout.segment(&last.file_name());
    let mut dropped = None;
    if torn.is_some() || rewrite_from < mark.end {
        let segment = disk.open(&path, OpenMode::ReadWrite)?;
        if let Some((until, why)) = torn {
            let quarantine = repair::quarantine(disk, &survey.layout, &segment, mark.end, until)?;
            repair::zero(&segment, mark.end, until)?;
            let bytes = until - mark.end;
            dropped = Some(Dropped { path, offset: mark.end, bytes, why, quarantine });
        }
        let rewrite = || repair::rewrite(&segment, rewrite_from, mark.end);
        unless(Bug::TailNotRewritten, rewrite)?;
        unless(Bug::TailNotSynced, || segment.sync())?;
    }
    let watermark = note_recovered(disk, survey, mark)?;
    let closed_cleanly = dropped.is_none()
        && survey.watermark.as_ref().is_some_and(|seen| seen.closed && covers(seen, mark));
    let recovery = Recovery {
        created: false,
        store: survey.manifest.store,
        segments: u64::try_from(survey.segments.len()).unwrap_or(u64::MAX),
        sequence_first: survey.manifest.sequence_first,
        sequence_last: mark.durable,
        time_last_ms: found.position.time_ms,
        chain: found.position.chain,
        closed_cleanly,
        dropped,
        rolled_back,
        rewritten_bytes: mark.end - rewrite_from,
        snapshot: None,
        snapshots_bad: Vec::new(),
    };
    Ok((watermark, recovery))
}

fn covers(seen: &Watermark, mark: Mark) -> bool {
    (seen.segment, seen.end, seen.durable) == (mark.segment, mark.end, mark.durable)
}

/// Brings the watermark up to what was recovered, if it isn't.
fn note_recovered(disk: &Disk, survey: &Survey, mark: Mark) -> Result<WatermarkFile, OpenError> {
    let mut file = match survey.watermark.clone() {
        Some(current) => WatermarkFile::open(disk, &survey.layout, current)?,
        None => WatermarkFile::create(disk, &survey.layout, survey.manifest.store)?,
    };
    if !file.says(mark) {
        file.note(mark, Noted::Synced)?;
    }
    Ok(file)
}

fn build(
    disk: Disk,
    survey: &Survey,
    found: &Found,
    options: Options,
    (catalog, watermark, shelf, lock): (Catalog, WatermarkFile, Shelf, DiskFile),
) -> Engine {
    let header = survey.last().clone();
    let lengths = Lengths {
        first_bytes: first_bytes(options.segment_bytes),
        max_bytes: options.segment_bytes,
        active_bytes: header.segment_bytes,
        active_since_ms: header.previous_time_ms,
    };
    // Drafts are made to fit the smaller of the active segment and those to come.
    let smallest = header.segment_bytes.min(lengths.first_bytes);
    let group_bytes_max = group_bytes_max(smallest);
    let durable = found.position.next - 1;
    let background_bytes_per_second = options.background_rate();
    let start = Start {
        mark: Mark { segment: header.number, end: found.end_offset, durable },
        time_last_ms: found.position.time_ms,
        active_left: header.segment_bytes - found.end_offset,
        lengths,
        draft_bytes_max: usize::try_from(smallest - DATA_START)
            .unwrap_or(usize::MAX)
            .min(BATCH_BYTES_MAX),
        depth: match options.durability {
            Durability::Synced => options.sync_depth,
            // One at a time keeps what is buffered within the window.
            Durability::Buffered => 1,
        },
    };
    let writer = Writer {
        seal: Seal::new(&header.salt, header.number),
        header,
        offset: found.end_offset,
        chain: found.position.chain,
        time_last_ms: found.position.time_ms,
        sequence_last: durable,
        unsynced_bytes: 0,
    };
    Engine {
        disk,
        layout: survey.layout.clone(),
        entropy: options.entropy,
        store: survey.manifest.store,
        group_bytes_max,
        durability: options.durability,
        threading: options.threading,
        background_bytes_per_second,
        queue: Mutex::new(Queue::new(start)),
        work: Condvar::new(),
        appended: AtomicU64::new(0),
        room: Condvar::new(),
        keeper: Condvar::new(),
        closing: Condvar::new(),
        manifest: Mutex::new(survey.manifest.clone()),
        writer: Mutex::new(writer),
        catalog: Mutex::new(catalog),
        watermark: Mutex::new(watermark),
        shelf: Mutex::new(shelf),
        observer: OnceLock::new(),
        lock: Mutex::new(Some(lock)),
        lanes: inline::InlineLanes::default(),
        callers_lanes: Mutex::default(),
    }
}
