//! From the files to the caller's state: the newest snapshot that can be used, and the records
//! behind it.
//!
//! A snapshot that is bad is passed over and told, as long as something else has its records.

use crate::damage::{Damage, Evidence};
use crate::disk::Disk;
use crate::error::OpenError;
use crate::file::catalog::Catalog;
use crate::format::batch::Batch;
use crate::journal::RecordRef;
use crate::recovery::classify::End;
use crate::recovery::{Found, ROLLED_BACK, Survey};
use crate::replay::{NoSnapshots, Replay};
use crate::snapshot::shelf::{self, BadSnapshot};
use crate::snapshot::stored::StoredSnapshot;
use crate::snapshot::{SnapshotError, SnapshotInfo, SnapshotSource};

/// What a replay came to.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) found: Found,
    pub(super) catalog: Catalog,
    /// The snapshot that it began from.
    pub(super) snapshot: Option<SnapshotInfo>,
    /// Those that it could not begin from.
    pub(super) bad: Vec<BadSnapshot>,
}

/// How the try of one snapshot ended.
enum Tried {
    Used(Box<(Found, Catalog, SnapshotInfo)>),
    Bad(SnapshotError),
    /// The journal ends before it.
    Ahead(Box<Damage>),
    /// The caller wants records only.
    Unwanted,
}

/// Replays from the newest snapshot that can be used, or from the first record.
pub(super) fn replay(
    disk: &Disk,
    survey: &Survey,
    replay: &mut dyn Replay,
    accept_rollback: bool,
) -> Result<Replayed, OpenError> {
    let mut bad = Vec::new();
    let mut failure = None;
    for sequence in shelf::sequences(disk, &survey.layout)? {
        match try_snapshot(disk, survey, sequence, replay)? {
            Tried::Ahead(_) if accept_rollback => {
                replay.reset();
                let path = survey.layout.snapshot(sequence);
                let why = "it is ahead of the journal, which was rolled back".to_owned();
                bad.push(BadSnapshot { sequence, path, offset: 0, why });
            }
            Tried::Ahead(damage) => return Err(OpenError::Corrupt(damage)),
            Tried::Used(used) => {
                let (found, catalog, snapshot) = *used;
                return Ok(Replayed { found, catalog, snapshot: Some(snapshot), bad });
            }
            Tried::Bad(error) => {
                let path = survey.layout.snapshot(sequence);
                bad.push(BadSnapshot::new(sequence, path, &error));
                failure.get_or_insert(error);
            }
            Tried::Unwanted if survey.is_whole() => break,
            Tried::Unwanted => return Err(OpenError::Visit(NoSnapshots.into())),
        }
    }
    if !survey.is_whole() {
        return Err(beginning_is_gone(survey, bad.first(), failure));
    }
    let mut fold = Fold::from_the_first_record(replay);
    let (found, catalog) = fold.walk(disk, survey)?;
    Ok(Replayed { found, catalog, snapshot: None, bad })
}

fn try_snapshot(
    disk: &Disk,
    survey: &Survey,
    sequence: u64,
    replay: &mut dyn Replay,
) -> Result<Tried, OpenError> {
    let path = survey.layout.snapshot(sequence);
    let snapshot = match StoredSnapshot::open(disk, &path, &survey.manifest.store) {
        Ok(snapshot) => snapshot,
        Err(error) => return Ok(Tried::Bad(error)),
    };
    if sequence + 1 < survey.manifest.sequence_first {
        let why = "the records behind it are gone";
        return Ok(Tried::Bad(SnapshotError::corrupt(&path, 0, why)));
    }
    if let Err(error) = replay.snapshot(&snapshot) {
        replay.reset();
        if error.is::<NoSnapshots>() {
            return Ok(Tried::Unwanted);
        }
        let refused = || SnapshotError::corrupt(&path, 0, &format!("it was refused: {error}"));
        return Ok(Tried::Bad(snapshot.into_failure().unwrap_or_else(refused)));
    }
    let info = snapshot.info().clone();
    let mut fold = Fold::from(&info, replay);
    match fold.walk(disk, survey) {
        Err(_) if fold.mismatch => {
            replay.reset();
            let why = "its chain is not the journal's";
            Ok(Tried::Bad(SnapshotError::corrupt(&path, 0, why)))
        }
        Err(error) => Err(error),
        Ok((found, catalog)) => {
            if let Some(damage) = ahead_of_journal(survey, &found, &info) {
                return Ok(Tried::Ahead(Box::new(damage)));
            }
            Ok(Tried::Used(Box::new((found, catalog, info))))
        }
    }
}

/// A snapshot is only taken of what is durable: records up to it can't be missing.
fn ahead_of_journal(survey: &Survey, found: &Found, snapshot: &SnapshotInfo) -> Option<Damage> {
    let (next, sequence) = (found.position.next, snapshot.sequence);
    if next > sequence {
        return None;
    }
    if let End::Corrupt(damage) = &found.end {
        return Some(damage.clone());
    }
    Some(Damage {
        path: survey.layout.segment(&survey.last().file_name()),
        offset: found.end_offset,
        sequence_first: next,
        sequence_last: Some(sequence),
        why: format!("records are missing: {ROLLED_BACK}"),
        evidence: Evidence::Snapshot { sequence },
    })
}

/// No snapshot can be used, and the journal alone doesn't reach back to the first record.
fn beginning_is_gone(
    survey: &Survey,
    newest: Option<&BadSnapshot>,
    failure: Option<SnapshotError>,
) -> OpenError {
    if let Some(SnapshotError::Io(error)) = failure {
        return OpenError::Io(error);
    }
    let first = survey.manifest.sequence_first;
    let (path, offset, why) = match newest {
        Some(bad) => (bad.path.clone(), bad.offset, bad.why.as_str()),
        None => (survey.layout.snapshots(), 0, "there is no snapshot"),
    };
    OpenError::Corrupt(Box::new(Damage {
        path,
        offset,
        sequence_first: 1,
        sequence_last: Some(first - 1),
        why: format!(
            "{why}; no other snapshot can be used, and the journal begins at @{first}: \
             restore a backup, or salvage into a new folder"
        ),
        evidence: Evidence::AlwaysDurable,
    }))
}

/// Lends the records behind a snapshot, and checks that the snapshot belongs to this journal.
struct Fold<'a> {
    replay: &'a mut dyn Replay,
    /// The last record that is not lent.
    after: u64,
    snapshot: Option<&'a SnapshotInfo>,
    mismatch: bool,
}

impl<'a> Fold<'a> {
    fn from_the_first_record(replay: &'a mut dyn Replay) -> Self {
        Self { replay, after: 0, snapshot: None, mismatch: false }
    }

    fn from(snapshot: &'a SnapshotInfo, replay: &'a mut dyn Replay) -> Self {
        Self { replay, after: snapshot.sequence, snapshot: Some(snapshot), mismatch: false }
    }

    /// Walks from the segment with the first record that is wanted. All segments come into the
    /// catalog.
    fn walk(&mut self, disk: &Disk, survey: &Survey) -> Result<(Found, Catalog), OpenError> {
        let index = survey.index_of(self.after + 1);
        let (passed, walked) = survey.segments.split_at_checked(index).unwrap_or_default();
        if let Some(header) = walked.first() {
            self.check_chain(header.base - 1, header.previous_chain)?;
        }
        let mut catalog = Catalog::default();
        for header in passed {
            catalog.add(header.clone(), survey.layout.segment(&header.file_name()));
        }
        let mut headers = walked.iter();
        let mut current = 0;
        let found = survey.walk(disk, index, &mut |number, batch| {
            while current < number {
                let header = headers.next().expect("the walk goes over these headers").clone();
                current = header.number;
                let path = survey.layout.segment(&header.file_name());
                catalog.add(header, path);
            }
            catalog.mark(batch.header.sequence_first, batch.header.offset);
            self.check_chain(batch.header.sequence_last(), batch.chain)?;
            self.lend(batch)
        })?;
        // Segments without any batch, the last ones.
        for header in headers {
            catalog.add(header.clone(), survey.layout.segment(&header.file_name()));
        }
        Ok((found, catalog))
    }

    fn check_chain(&mut self, sequence: u64, chain: crate::leaf::Chain) -> Result<(), OpenError> {
        let differs = self
            .snapshot
            .is_some_and(|snapshot| snapshot.chain_sequence == sequence && snapshot.chain != chain);
        self.mismatch |= differs;
        if differs { Err(OpenError::Visit("the chains differ".into())) } else { Ok(()) }
    }

    fn lend(&mut self, batch: &Batch<'_>) -> Result<(), OpenError> {
        for record in batch.records().filter(|record| record.sequence > self.after) {
            let record = RecordRef {
                sequence: record.sequence,
                time_ms: record.time_ms,
                group_first: record.group_first,
                payload: record.payload,
            };
            self.replay.record(record).map_err(OpenError::Visit)?;
        }
        Ok(())
    }
}
