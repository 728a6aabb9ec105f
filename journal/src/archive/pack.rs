//! Packing one sealed segment into its archive: walked and checked as at an opening, written to a
//! temporary file, synced, checked again as it was written, named.
//!
//! When, how fast, and what is removed after is left to `file::compact`.

use std::path::Path;

use passbook_planted::{Bug, unless};

use super::book::{Archive, Fault, Identity};
use super::check::check_whole;
use super::shelf::Shelf;
use super::{CompactError, Curator, Keep};
use crate::disk::{Disk, DiskFile};
use crate::error::{JournalError, OpenError};
use crate::format::archive::block::BlockDraft;
use crate::format::archive::frame::{Facts, FrameSeal, Kind, encode};
use crate::format::archive::index::{BlockPlace, PagePlace, encode_blocks, encode_pages};
use crate::format::archive::postings::{PageReader, Postings};
use crate::format::archive::{ArchiveHeader, FRAMES_START, Form, Name};
use crate::format::batch::Batch;
use crate::format::segment::SegmentHeader;
use crate::journal::RecordRef;
use crate::layout::Layout;
use crate::leaf::{leaf_of, link_of};
use crate::limits::{ARCHIVE_BLOCK_BYTES, ARCHIVE_KEY_BYTES_MAX};
use crate::recovery::walk::Walk;
use crate::recovery::walk_sealed;
use crate::vfs::OpenMode;

/// Hears of bytes of the segment that are done; an error stops.
pub(crate) type Advance<'a> = dyn FnMut(u64) -> Result<(), CompactError> + 'a;

/// One segment to pack.
pub(crate) struct Job<'a> {
    pub(crate) disk: &'a Disk,
    pub(crate) layout: &'a Layout,
    /// The archives there are.
    pub(crate) shelf: &'a Shelf,
    pub(crate) segment: &'a SegmentHeader,
    pub(crate) successor: &'a SegmentHeader,
    pub(crate) curator: &'a dyn Curator,
}

/// Makes sure that the segment's archive is there, whole and durable. One that is left from an
/// earlier try is kept.
pub(crate) fn pack(
    job: &Job<'_>,
    advance: &mut Advance<'_>,
) -> Result<ArchiveHeader, CompactError> {
    let (number, base) = (job.segment.number, job.segment.base);
    let path = job.layout.archived(&Name::of(number, base, Form::Full).to_string());
    if let Some(header) = job.existing(&path)? {
        advance(job.successor.previous_end)?;
        return Ok(header);
    }
    let packed = write(job, advance);
    if packed.is_err() {
        // Give the space back. If that fails too, the next try or opening removes it.
        drop(job.disk.unlink(&job.layout.archive_tmp()));
    }
    let header = packed?;
    job.disk.rename(&job.layout.archive_tmp(), &path)?;
    unless(Bug::ArchiveUnnamed, || job.disk.fsync_dir(&job.layout.archive()))?;
    Ok(header)
}

impl Job<'_> {
    /// A good archive of this very segment, durably named.
    fn existing(&self, path: &Path) -> Result<Option<ArchiveHeader>, CompactError> {
        match self.checked(path) {
            Ok(header) => {
                self.disk.fsync_dir(&self.layout.archive())?;
                Ok(Some(header))
            }
            Err(Fault::Damaged { .. } | Fault::Newer { .. }) => Ok(None),
            Err(Fault::Io(error)) if error.is_not_found() => Ok(None),
            Err(Fault::Io(error)) => Err(error.into()),
        }
    }

    /// Reads an archive from end to end; it must hold exactly this segment.
    fn checked(&self, path: &Path) -> Result<ArchiveHeader, Fault> {
        let SegmentHeader { store, number, base, .. } = *self.segment;
        let identity = Identity { store, name: Name::of(number, base, Form::Full) };
        let archive = Archive::open(self.disk, path, identity)?;
        check_whole(&archive, &|_| {})?;
        let (header, next) = (&archive.header, self.successor);
        let ends = (header.chain_in, header.previous_time_ms, header.chain_out, header.last + 1);
        let before = self.segment;
        if ends != (before.previous_chain, before.previous_time_ms, next.previous_chain, next.base)
        {
            return Err(Fault::damaged(0, "it is not the archive of this segment"));
        }
        Ok(archive.header)
    }
}

fn write(job: &Job<'_>, advance: &mut Advance<'_>) -> Result<ArchiveHeader, CompactError> {
    let tmp = job.layout.archive_tmp();
    match job.disk.unlink(&tmp) {
        Err(error) if !error.is_not_found() => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let file = job.disk.open(&tmp, OpenMode::CreateNew)?;
    let path = job.layout.segment(&job.segment.file_name());
    let mut packer = Packer::new(job, file, &path);
    let mut walk = Walk::new(job.disk.open(&path, OpenMode::Read)?, job.segment);
    walk_sealed(&mut walk, job.segment, job.successor, &mut |_, batch| {
        let taken = packer.take(batch).and_then(|()| advance(batch.header.extent()));
        taken.map_err(|error| OpenError::Visit(Box::new(error)))
    })
    .map_err(stopped)?;
    packer.finish()?;
    job.checked(&tmp).map_err(|fault| fault.into_compact_error(&tmp, job.segment.base))
}

/// The walk's error, or what our own visitor stopped it with.
fn stopped(error: OpenError) -> CompactError {
    match error {
        OpenError::Visit(inner) => match inner.downcast::<CompactError>() {
            Ok(inner) => *inner,
            Err(_) => unreachable!("the visitor fails with nothing else"),
        },
        OpenError::Corrupt(damage) | OpenError::Ambiguous(damage) => CompactError::Corrupt(damage),
        OpenError::NoSpace(error) | OpenError::NotWritable(error) | OpenError::Io(error) => {
            CompactError::Io(error)
        }
        OpenError::Missing { .. }
        | OpenError::NotALedger { .. }
        | OpenError::Incomplete { .. }
        | OpenError::NewerFormat { .. }
        | OpenError::ForeignJournal { .. }
        | OpenError::Locked { .. }
        | OpenError::Option { .. } => unreachable!("walking over a segment gives none of these"),
    }
}

/// The archive being written.
struct Packer<'a> {
    job: &'a Job<'a>,
    /// The segment.
    path: &'a Path,
    file: DiskFile,
    seal: FrameSeal,
    offset: u64,
    draft: BlockDraft,
    blocks: Vec<BlockPlace>,
    postings: Postings,
    keys: Vec<Vec<u8>>,
    header: ArchiveHeader,
}

impl<'a> Packer<'a> {
    fn new(job: &'a Job<'a>, file: DiskFile, path: &'a Path) -> Self {
        let SegmentHeader { store, number, base, previous_time_ms, previous_chain, .. } =
            *job.segment;
        let header = ArchiveHeader {
            store,
            number,
            number_first: number,
            base,
            last: base - 1,
            batches: 0,
            whole: 0,
            leaves: 0,
            payload_bytes: 0,
            previous_time_ms,
            time_first_ms: previous_time_ms,
            time_last_ms: previous_time_ms,
            chain_in: previous_chain,
            chain_out: previous_chain,
            postings_offset: 0,
            block_index_offset: 0,
            page_index_offset: 0,
            file_bytes: 0,
            keys: 0,
            counted_from: job.shelf.archives.first().map_or(number, |(number, _)| *number),
            postings_end: None,
            form: Form::Full,
        };
        Self {
            job,
            path,
            file,
            seal: FrameSeal::new(&store, number),
            offset: FRAMES_START,
            draft: BlockDraft::default(),
            blocks: Vec::new(),
            postings: Postings::default(),
            keys: Vec::new(),
            header,
        }
    }

    fn take(&mut self, batch: &Batch<'_>) -> Result<(), CompactError> {
        let leaves: Vec<_> = batch.records().map(|record| leaf_of(record.payload)).collect();
        let first = batch.header.sequence_first;
        if link_of(&batch.header.previous_chain, first, &leaves) != batch.chain {
            let fault = Fault::damaged(batch.header.offset, "the chain differs from the payloads");
            return Err(fault.into_compact_error(self.path, first));
        }
        if self.header.batches == 0 {
            self.header.time_first_ms = batch.header.time_first_ms;
        }
        self.draft.begin_batch(batch.header.count);
        for (record, leaf) in batch.records().zip(&leaves) {
            self.keys.clear();
            let keep = self.job.curator.sort(
                RecordRef {
                    sequence: record.sequence,
                    time_ms: record.time_ms,
                    group_first: record.group_first,
                    payload: record.payload,
                },
                &mut self.keys,
            );
            self.draft.push(&record, leaf, keep);
            self.count(keep, record.sequence, record.payload.len())?;
        }
        self.header.batches += 1;
        self.header.last = batch.header.sequence_last();
        self.header.time_last_ms = batch.header.time_last_ms;
        self.header.chain_out = batch.chain;
        if self.draft.bytes() >= ARCHIVE_BLOCK_BYTES { self.flush() } else { Ok(()) }
    }

    fn count(&mut self, keep: Keep, sequence: u64, bytes: usize) -> Result<(), CompactError> {
        if keep == Keep::Leaf {
            self.header.leaves += 1;
            return Ok(());
        }
        self.header.whole += 1;
        self.header.payload_bytes += u64::try_from(bytes).unwrap_or(0);
        for key in &self.keys {
            if key.len() > ARCHIVE_KEY_BYTES_MAX {
                return Err(self.too_large("key bytes", key.len(), ARCHIVE_KEY_BYTES_MAX));
            }
            self.postings.add(key, sequence);
        }
        Ok(())
    }

    fn too_large(&self, what: &'static str, actual: usize, max: usize) -> CompactError {
        CompactError::TooLarge { what, path: self.path.to_owned(), actual, max }
    }

    /// Writes the block so far.
    fn flush(&mut self) -> Result<(), CompactError> {
        if self.draft.is_empty() {
            return Ok(());
        }
        let draft = std::mem::take(&mut self.draft);
        let facts = Facts {
            offset: self.offset,
            kind: Kind::Block,
            count: draft.records,
            sequence_first: draft.sequence_first,
            time_first_ms: draft.time_first_ms,
            time_last_ms: draft.time_last_ms,
        };
        let bytes = self.put(facts, &draft.encode())?;
        let (sequence_first, records) = (draft.sequence_first, u64::from(draft.records));
        self.blocks.push(BlockPlace { sequence_first, offset: facts.offset, records, bytes });
        Ok(())
    }

    /// Writes one frame behind the others; its length.
    fn put(&mut self, facts: Facts, raw: &[u8]) -> Result<u64, CompactError> {
        let Some(bytes) = encode(facts, raw, &self.seal) else {
            let what = match facts.kind {
                Kind::Block => "bytes of a block",
                Kind::Page => "bytes of a page",
                Kind::BlockIndex => "bytes of the index of blocks",
                Kind::PageIndex => "bytes of the index of keys",
            };
            return Err(self.too_large(what, raw.len(), facts.kind.raw_bytes_max()));
        };
        self.file.write_at(&bytes, facts.offset)?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.offset += length;
        Ok(length)
    }

    /// Writes the footer, then the header, and syncs.
    fn finish(mut self) -> Result<(), CompactError> {
        self.flush()?;
        self.header.postings_offset = self.offset;
        self.header.keys = self.postings.count();
        let before = self.job.shelf.postings()?;
        self.header.postings_end = before.map(|before| before + self.postings.total());
        let keys: Vec<&[u8]> = self.postings.keys().collect();
        let ordinals = ordinals(self.job.shelf, &keys)?;
        let mut places = Vec::new();
        for page in self.postings.pages(&ordinals) {
            let offset = self.offset;
            let bytes = self.put(Facts::plain(Kind::Page, offset, page.entries), &page.bytes)?;
            places.push(PagePlace { key_first: page.key_first, offset, bytes });
        }
        self.header.block_index_offset = self.offset;
        let count = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        let index = encode_blocks(&self.blocks);
        self.put(Facts::plain(Kind::BlockIndex, self.offset, count), &index)?;
        self.header.page_index_offset = self.offset;
        let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
        self.put(Facts::plain(Kind::PageIndex, self.offset, count), &encode_pages(&places))?;
        self.header.file_bytes = self.offset;
        self.file.write_at(&self.header.encode(), 0)?;
        unless(Bug::ArchiveUnsynced, || self.file.sync())?;
        Ok(())
    }
}

/// How many records with each of the keys, sorted, came before: what the newest archive with the
/// key says; 0 if none has it.
fn ordinals(shelf: &Shelf, keys: &[&[u8]]) -> Result<Vec<u64>, CompactError> {
    let mut found = vec![None; keys.len()];
    for (number, base) in shelf.archives.iter().rev() {
        if found.iter().all(Option::is_some) {
            break;
        }
        let noted = shelf
            .open(*number, *base, Form::Full)
            .and_then(|archive| note_ordinals(&archive, keys, &mut found));
        let path = || shelf.path(*number, *base, Form::Full);
        noted.map_err(|fault| fault.into_compact_error(&path(), *base))?;
    }
    Ok(found.into_iter().map(Option::unwrap_or_default).collect())
}

/// Reads the pages that may hold a key not found yet.
fn note_ordinals(
    archive: &Archive,
    keys: &[&[u8]],
    found: &mut [Option<u64>],
) -> Result<(), Fault> {
    let places = archive.page_places()?;
    let mut here = Vec::new();
    for (index, place) in places.iter().enumerate() {
        let first = keys.partition_point(|key| *key < place.key_first.as_slice());
        let end = places.get(index + 1).map_or(keys.len(), |next| {
            keys.partition_point(|key| *key <= next.key_first.as_slice())
        });
        if !found.get(first..end).is_some_and(|range| range.contains(&None)) {
            continue;
        }
        let (frame, raw) = archive.page(place)?;
        for entry in PageReader::new(&raw, frame.count) {
            let (key, entry) = entry.map_err(|why| Fault::damaged(place.offset, why))?;
            if let Ok(at) = keys.binary_search(&key)
                && found.get(at) == Some(&None)
            {
                here.push((at, entry.ordinal_end()));
            }
        }
    }
    // The last entry of a key counts.
    for (at, ordinal) in here {
        if let Some(slot) = found.get_mut(at) {
            *slot = Some(ordinal);
        }
    }
    Ok(())
}

/// Writes a stub, durably but for the folder's sync.
pub(crate) fn write_stub(
    disk: &Disk,
    layout: &Layout,
    stub: &ArchiveHeader,
) -> Result<(), JournalError> {
    let tmp = layout.archive_tmp();
    match disk.unlink(&tmp) {
        Err(error) if !error.is_not_found() => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = disk.open(&tmp, OpenMode::CreateNew)?;
    file.write_at(&stub.encode(), 0)?;
    file.sync()?;
    disk.rename(&tmp, &layout.archived(&Name::of_header(stub).to_string()))
}
