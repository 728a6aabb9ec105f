//! Compaction, in its one order: pack a segment → manifest → forget and remove it
//! → the next; then `retention`.
//!
//! The manifest's rename is the commit of each: before it nothing was removed, after it nothing
//! is needed that is removed. Runs in the caller's thread and takes the journal's short locks for
//! moments only, never across a call of the file system. What it leaves when it is cut short is
//! `leftovers`' to remove.

use std::ops::ControlFlow;
use std::sync::Arc;

use passbook_planted::Bug;

use super::create::{create_dir_if_missing, write_manifest};
use super::engine::Engine;
use super::leftovers;
use super::reader::Reader;
use super::retention::expired;
use crate::archive::kept::KeptReader;
use crate::archive::pack::{Job, pack};
use crate::archive::shelf::Shelf;
use crate::archive::{CompactError, CompactProgress, Compacted, Compaction, Curator, Extent};
use crate::error::ReadError;
use crate::file::catalog::Entry;
use crate::format::archive::ArchiveHeader;
use crate::format::manifest::Manifest;
use crate::format::segment::SegmentHeader;
use crate::pace::Pace;
use crate::snapshot::shelf;
use crate::snapshot::{BadSnapshot, SnapshotError};

impl Engine {
    pub(super) fn compact(
        &self,
        compaction: &Compaction<'_>,
        curator: &dyn Curator,
    ) -> Result<Compacted, CompactError> {
        let mut manifest = self.manifest.try_lock().ok_or(CompactError::Running)?;
        self.check_alive(CompactError::Closed)?;
        let through = compaction.drop_through.min(self.queue.lock().durable);
        if compaction.dry_run {
            let plan = self.droppable_after_a_turn(through);
            return self.foresee(compaction, &plan, &manifest);
        }
        let plan = self.catalog.lock().droppable(through);
        if let Some((_, successor)) = plan.last() {
            self.check_snapshot(successor.base - 1)?;
        }
        let mut done = Compacted::default();
        leftovers::remove_segments(&self.disk, &self.layout, &manifest)?;
        let total_bytes = plan.iter().map(|(_, successor)| successor.previous_end).sum();
        let pace = Pace::new(compaction.bytes_per_second);
        let mut pace = Gentle { engine: self, compaction, pace, done_bytes: 0, total_bytes };
        for (entry, successor) in &plan {
            let header = self.pack(entry, successor, &manifest, (curator, &mut pace))?;
            count(&mut done, entry, &header);
            self.drop_segment(entry, successor, &mut manifest)?;
        }
        if let Some(before_ms) = compaction.remove_archives_before_ms {
            self.retain(before_ms, &mut manifest, &mut done)?;
        }
        done.sequence_first = manifest.sequence_first;
        done.kept_first = kept_first(&manifest);
        Ok(done)
    }

    /// What a compaction could drop that makes the active segment end here first, where that pays.
    fn droppable_after_a_turn(&self, through: u64) -> Vec<(Entry, SegmentHeader)> {
        let turns = {
            let queue = self.queue.lock();
            queue.is_worth_a_turn() && through == queue.durable
        };
        let catalog = self.catalog.lock();
        let mut plan = catalog.droppable(through);
        if let Some(active) = catalog.active().filter(|_| turns) {
            let successor = SegmentHeader { base: through + 1, ..active.header.clone() };
            plan.push((active.clone(), successor));
        }
        plan
    }

    /// Why not to go on, if there is a reason.
    pub(super) fn check_alive(&self, closed: CompactError) -> Result<(), CompactError> {
        let queue = self.queue.lock();
        match &queue.failure {
            Some(failure) => Err(CompactError::Unavailable(Arc::clone(&failure.error))),
            None if queue.closed => Err(closed),
            None => Ok(()),
        }
    }

    /// Without the records up to `last`, an opening begins from a snapshot at or above it: the
    /// oldest of those that count must be there and read whole. If it is bad it counts no longer.
    fn check_snapshot(&self, last: u64) -> Result<(), CompactError> {
        let bad = self.shelf.lock().bad.clone();
        let sequences = shelf::sequences(&self.disk, &self.layout)?;
        let relied_on = sequences.iter().rfind(|at| **at >= last && !bad.contains(at)).copied();
        let sequence = relied_on.ok_or(CompactError::NoSnapshot { needed: last })?;
        let snapshot = shelf::open(&self.disk, &self.layout, &self.store, sequence);
        match snapshot.and_then(|snapshot| snapshot.check_sections()) {
            Ok(()) => Ok(()),
            Err(SnapshotError::Io(error)) => Err(CompactError::Io(error)),
            // A newer one has replaced it just now.
            Err(SnapshotError::Missing { .. }) => Err(CompactError::NoSnapshot { needed: last }),
            Err(error) => {
                self.shelf.lock().bad.insert(sequence);
                let path = self.layout.snapshot(sequence);
                let bad = BadSnapshot::new(sequence, path, &error);
                Err(CompactError::BadSnapshot(Box::new(bad)))
            }
        }
    }

    pub(super) fn shelf(&self, manifest: &Manifest) -> Result<Shelf, CompactError> {
        let shelf = Shelf::with_manifest(&self.disk, &self.layout, manifest.clone())?;
        shelf.check().map_err(CompactError::Corrupt)?;
        Ok(shelf)
    }

    fn pack(
        &self,
        entry: &Entry,
        successor: &SegmentHeader,
        manifest: &Manifest,
        (curator, pace): (&dyn Curator, &mut Gentle<'_>),
    ) -> Result<ArchiveHeader, CompactError> {
        pace.spend(0)?;
        create_dir_if_missing(&self.disk, &self.layout.archive())?;
        self.disk.fsync_dir(&self.layout.dir)?;
        let shelf = self.shelf(manifest)?;
        let job = Job {
            disk: &self.disk,
            layout: &self.layout,
            shelf: &shelf,
            segment: &entry.header,
            successor,
            curator,
        };
        pack(&job, &mut |bytes| pace.spend(bytes))
    }

    /// Commits that the segment's archive replaces it, then forgets and removes it.
    fn drop_segment(
        &self,
        entry: &Entry,
        successor: &SegmentHeader,
        manifest: &mut Manifest,
    ) -> Result<(), CompactError> {
        let mut next = Manifest {
            segment_first: successor.number,
            sequence_first: successor.base,
            ..manifest.clone()
        };
        if next.archive_first == 0 {
            next.archive_first = entry.header.number;
            next.archive_sequence_first = entry.header.base;
        }
        if Bug::DeletedBeforeManifest.is_planted() {
            self.disk.unlink(&entry.path)?;
            return Ok(write_manifest(&self.disk, &self.layout, &next)?);
        }
        write_manifest(&self.disk, &self.layout, &next)?;
        *manifest = next;
        self.catalog.lock().drop_before(manifest.segment_first);
        Ok(self.disk.unlink(&entry.path)?)
    }

    /// What would be done.
    fn foresee(
        &self,
        compaction: &Compaction<'_>,
        plan: &[(Entry, SegmentHeader)],
        manifest: &Manifest,
    ) -> Result<Compacted, CompactError> {
        let mut seen = Compacted {
            sequence_first: manifest.sequence_first,
            kept_first: kept_first(manifest),
            ..Compacted::default()
        };
        for (entry, successor) in plan {
            seen.segments += 1;
            seen.segment_bytes += entry.header.segment_bytes;
            seen.records += successor.base - entry.header.base;
            seen.sequence_first = successor.base;
        }
        if let Some(before_ms) = compaction.remove_archives_before_ms {
            for header in expired(&self.shelf(manifest)?, before_ms)? {
                seen.archives_removed += 1;
                seen.archives_removed_bytes += header.file_bytes;
                seen.kept_first = header.last + 1;
            }
        }
        Ok(seen)
    }

    /// Records in segments, from `from` on.
    pub(super) fn reader(&self, from: u64, through: u64) -> Result<Reader, ReadError> {
        let (first, place) = {
            let catalog = self.catalog.lock();
            (catalog.sequence_first(), catalog.from(from))
        };
        if from < first {
            return Err(ReadError::Trimmed { first });
        }
        Ok(Reader::new(self.disk.clone(), self.layout.clone(), place, from, through))
    }

    /// Records in archives and segments, from `from` on.
    pub(super) fn kept_reader(&self, from: u64, through: u64) -> Result<KeptReader, ReadError> {
        let (disk, layout) = (self.disk.clone(), self.layout.clone());
        let (first, place) = {
            let catalog = self.catalog.lock();
            let first = from.max(catalog.sequence_first());
            (first, catalog.from(first))
        };
        let journal = Reader::new(disk.clone(), layout.clone(), place, first, through);
        KeptReader::new(disk, layout, journal, from, through)
    }

    pub(super) fn extent(&self) -> Extent {
        let (sequence_first, segment) = {
            let catalog = self.catalog.lock();
            (catalog.sequence_first(), catalog.from(1).0.into_iter().next())
        };
        Extent::look(
            &self.disk,
            &self.layout,
            sequence_first,
            segment.as_ref().map(|entry| (&entry.header, entry.path.as_path())),
        )
    }
}

fn count(done: &mut Compacted, entry: &Entry, header: &ArchiveHeader) {
    done.segments += 1;
    done.segment_bytes += entry.header.segment_bytes;
    done.archive_bytes += header.file_bytes;
    done.records += header.whole + header.leaves;
    done.whole += header.whole;
}

/// The first record that is kept, in the archive or in a segment.
pub(super) fn kept_first(manifest: &Manifest) -> u64 {
    match manifest.archive_first {
        0 => manifest.sequence_first,
        _ => manifest.archive_sequence_first,
    }
}

/// Keeps to the byte rate, tells progress, and notices when to stop.
struct Gentle<'a> {
    engine: &'a Engine,
    compaction: &'a Compaction<'a>,
    pace: Pace,
    done_bytes: u64,
    total_bytes: u64,
}

impl Gentle<'_> {
    fn spend(&mut self, bytes: u64) -> Result<(), CompactError> {
        self.done_bytes = self.done_bytes.saturating_add(bytes);
        self.tell()?;
        let mut pace = std::mem::take(&mut self.pace);
        let spent = pace.spend(bytes, &mut |slice| {
            self.engine.pause(slice);
            self.tell()
        });
        self.pace = pace;
        spent
    }

    fn tell(&self) -> Result<(), CompactError> {
        self.engine.check_alive(CompactError::Stopped)?;
        let progress =
            CompactProgress { done_bytes: self.done_bytes, total_bytes: self.total_bytes };
        match self.compaction.progress.map_or(ControlFlow::Continue(()), |tell| tell(progress)) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(CompactError::Stopped),
        }
    }
}
