//! Taking a snapshot beside the commits: temp file, sections, header, sync, rename.
//!
//! No lock that a commit needs is held across a call of the file system. A failure stays with
//! whoever takes the snapshot.

use std::path::PathBuf;
use std::sync::Arc;

use passbook_planted::{Bug, unless};
use zstd::bulk::Compressor;

use super::create::create_dir_if_missing;
use super::engine::Engine;
use crate::disk::{Disk, DiskFile};
use crate::error::{JournalError, ReadError};
use crate::format::snapshot::{
    SECTIONS_START, SectionEntry, SnapshotHeader, encode_table, section_crc,
};
use crate::layout::Layout;
use crate::pace::Pace;
use crate::snapshot::memory::check_section;
use crate::snapshot::place::{SnapshotPlace, locate};
use crate::snapshot::shelf::{self, Shelf};
use crate::snapshot::stored::info_of;
use crate::snapshot::{SnapshotError, SnapshotInfo, SnapshotMeta, SnapshotSink, SnapshotSource};
use crate::vfs::OpenMode;

/// Fast, and most of what higher levels give.
const ZSTD_LEVEL: i32 = 1;

/// Bytes written at a time: small enough that commits get in between.
const WRITE_BYTES: usize = 64 * 1024;

/// Bytes after which they are synced, so that no large write-back meets the commits at the end.
const SYNC_EVERY_BYTES: u64 = 64 * 1024;

/// The one snapshot that is being taken; gives the turn back when it is dropped.
struct Turn(Arc<Engine>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.shelf.lock().busy = false;
    }
}

/// A snapshot on its way to disk.
struct SnapshotWriter {
    turn: Turn,
    file: DiskFile,
    header: SnapshotHeader,
    entries: Vec<SectionEntry>,
    offset: u64,
    unsynced_bytes: u64,
    compressor: Compressor<'static>,
    pace: Pace,
    failure: Option<SnapshotError>,
    published: bool,
}

impl Engine {
    pub(super) fn begin_snapshot(
        self: &Arc<Self>,
        at: u64,
    ) -> Result<Box<dyn SnapshotSink>, SnapshotError> {
        self.check_range(at)?;
        let turn = self.take_turn()?;
        let place = self.place_of(at)?;
        let dir = self.layout.snapshots();
        create_dir_if_missing(&self.disk, &dir)?;
        self.disk.fsync_dir(&self.layout.dir)?;
        let tmp = self.layout.snapshot_tmp(at);
        unlink_if_there(&self.disk, &tmp)?;
        let header = SnapshotHeader {
            store: self.store,
            sequence: at,
            time_ms: place.time_ms,
            chain_sequence: place.chain_sequence,
            chain: place.chain,
            created_at_ms: 0,
            digest: [0; 32],
            items: 0,
            sections: 0,
            table_offset: SECTIONS_START,
        };
        Ok(Box::new(SnapshotWriter {
            compressor: compressor(&tmp)?,
            file: self.disk.open(&tmp, OpenMode::CreateNew)?,
            header,
            entries: Vec::new(),
            offset: SECTIONS_START,
            unsynced_bytes: 0,
            pace: Pace::new(self.background_bytes_per_second),
            failure: None,
            published: false,
            turn,
        }))
    }

    /// A state that was durable, of records that are there, not older than the newest snapshot.
    fn check_range(&self, at: u64) -> Result<(), SnapshotError> {
        let last = {
            let queue = self.queue.lock();
            if let Some(failure) = &queue.failure {
                return Err(SnapshotError::Unavailable(Arc::clone(&failure.error)));
            }
            queue.durable
        };
        let newest = self.snapshots()?.first().map_or(1, |newest| newest.sequence);
        let first = newest.max(self.catalog.lock().sequence_first().saturating_sub(1)).max(1);
        if !(first..=last).contains(&at) {
            return Err(SnapshotError::OutOfRange { at, first, last });
        }
        Ok(())
    }

    fn take_turn(self: &Arc<Self>) -> Result<Turn, SnapshotError> {
        let mut shelf = self.shelf.lock();
        match *shelf {
            Shelf { closed: true, .. } => Err(SnapshotError::Closed),
            Shelf { busy: true, .. } => Err(SnapshotError::Busy),
            Shelf { busy: false, closed: false, .. } => {
                shelf.busy = true;
                Ok(Turn(Arc::clone(self)))
            }
        }
    }

    fn place_of(&self, at: u64) -> Result<SnapshotPlace, SnapshotError> {
        let (entries, offset) = self.catalog.lock().from(at);
        let entry =
            entries.first().ok_or(SnapshotError::Records(ReadError::Trimmed { first: 1 }))?;
        locate(&self.disk, (&entry.path, &entry.header), offset, at)
    }

    /// The snapshots that are not known to be bad, newest first.
    pub(super) fn snapshots(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        let mut found =
            shelf::list(&self.disk, &self.layout, &self.store).map_err(SnapshotError::Io)?;
        let shelf = self.shelf.lock();
        found.retain(|snapshot| !shelf.bad.contains(&snapshot.sequence));
        Ok(found)
    }

    pub(super) fn open_snapshot(
        &self,
        sequence: u64,
    ) -> Result<Box<dyn SnapshotSource>, SnapshotError> {
        let snapshot = shelf::open(&self.disk, &self.layout, &self.store, sequence)?;
        Ok(Box::new(snapshot))
    }

    /// Gives a written and synced snapshot its name, and removes those that are too many.
    fn publish(&self, sequence: u64) -> Result<(), SnapshotError> {
        let mut shelf = self.shelf.lock();
        if shelf.closed {
            return Err(SnapshotError::Closed);
        }
        self.disk.rename(&self.layout.snapshot_tmp(sequence), &self.layout.snapshot(sequence))?;
        let named = || self.disk.fsync_dir(&self.layout.snapshots());
        if let Err(error) = unless(Bug::SnapshotUnnamed, named) {
            // Its name may be lost in a power cut, so nothing may rely on it.
            shelf.bad.insert(sequence);
            return Err(error.into());
        }
        shelf.bad.remove(&sequence);
        self.prune(&mut shelf);
        Ok(())
    }

    /// What can't be removed now is tried again after the next snapshot and at the next opening.
    fn prune(&self, shelf: &mut Shelf) {
        let Ok(sequences) = shelf::sequences(&self.disk, &self.layout) else { return };
        for sequence in shelf.surplus(&sequences) {
            drop(self.disk.unlink(&self.layout.snapshot(sequence)));
        }
        let unlink = |sequence| self.disk.unlink(&self.layout.snapshot(sequence));
        shelf.bad.retain(|sequence| unlink(*sequence).is_err_and(|error| !error.is_not_found()));
    }
}

/// Removes what earlier lives left behind and makes the names of the others durable. Only after
/// an opening has chosen: the bad ones are known then.
pub(super) fn tidy(disk: &Disk, layout: &Layout, shelf: &Shelf) -> Result<(), JournalError> {
    let names = shelf::names(disk, layout)?;
    if names.is_empty() {
        return Ok(());
    }
    let dir = layout.snapshots();
    for name in names.iter().filter(|name| is_tmp(name)) {
        disk.unlink(&dir.join(name))?;
    }
    let sequences = shelf::sequences(disk, layout)?;
    for sequence in shelf.surplus(&sequences) {
        disk.unlink(&layout.snapshot(sequence))?;
    }
    disk.fsync_dir(&dir)
}

fn is_tmp(name: &str) -> bool {
    name.strip_suffix(".tmp").is_some()
}

fn unlink_if_there(disk: &Disk, path: &std::path::Path) -> Result<(), JournalError> {
    match disk.unlink(path) {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn compressor(path: &std::path::Path) -> Result<Compressor<'static>, JournalError> {
    Compressor::new(ZSTD_LEVEL).map_err(|source| compress_failed(path.to_owned(), source))
}

fn compress_failed(path: PathBuf, source: std::io::Error) -> JournalError {
    JournalError::Io { op: "compress", path, offset: 0, source }
}

impl SnapshotWriter {
    fn add(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        check_section(bytes, self.entries.len())?;
        let stored = self
            .compressor
            .compress(bytes)
            .map_err(|source| compress_failed(self.file.path().to_owned(), source))?;
        let index = u32::try_from(self.entries.len()).expect("checked against the limit");
        let crc = section_crc(&self.header.store, self.header.sequence, index, &stored);
        let entry = SectionEntry {
            offset: self.offset,
            stored_bytes: u32::try_from(stored.len()).expect("hardly longer than the section"),
            raw_bytes: u32::try_from(bytes.len()).expect("checked against the limit"),
            crc,
        };
        for piece in stored.chunks(WRITE_BYTES) {
            self.write(piece)?;
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Writes one piece behind the last.
    fn write(&mut self, piece: &[u8]) -> Result<(), JournalError> {
        let bytes = u64::try_from(piece.len()).expect("a piece is small");
        self.file.write_at(piece, self.offset)?;
        self.offset += bytes;
        self.unsynced_bytes += bytes;
        if self.unsynced_bytes >= SYNC_EVERY_BYTES {
            self.unsynced_bytes = 0;
            self.file.sync()?;
        }
        let engine = &self.turn.0;
        self.pace.spend(bytes, &mut |slice| {
            engine.pause(slice);
            Ok(())
        })
    }

    fn complete(&mut self, meta: SnapshotMeta) -> Result<SnapshotInfo, SnapshotError> {
        let engine = Arc::clone(&self.turn.0);
        let sequence = self.header.sequence;
        engine.sync_through(sequence).map_err(SnapshotError::Unavailable)?;
        self.header.digest = meta.digest;
        self.header.items = meta.items;
        self.header.created_at_ms = meta.created_at_ms;
        self.header.sections = u32::try_from(self.entries.len()).expect("checked at each section");
        self.header.table_offset = self.offset;
        let table = encode_table(&self.header.store, sequence, &self.entries);
        for piece in table.chunks(WRITE_BYTES) {
            self.write(piece)?;
        }
        self.file.write_at(&self.header.encode(), 0)?;
        unless(Bug::SnapshotUnsynced, || self.file.sync())?;
        engine.publish(sequence)?;
        self.published = true;
        Ok(info_of(&self.header, &self.entries, &engine.layout.snapshot(sequence)))
    }
}

impl SnapshotSink for SnapshotWriter {
    fn section(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        self.add(bytes).inspect_err(|error| self.failure = Some(error.clone()))
    }

    fn finish(mut self: Box<Self>, meta: SnapshotMeta) -> Result<SnapshotInfo, SnapshotError> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.complete(meta),
        }
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        // Once the journal is closed the folder may be another process's; its opening tidies up.
        let shelf = self.turn.0.shelf.lock();
        if !self.published && !shelf.closed {
            drop(self.turn.0.disk.unlink(self.file.path()));
        }
    }
}
