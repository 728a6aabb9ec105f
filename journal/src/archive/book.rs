//! One archive, open for reading: its header and whichever frames are asked for.
//!
//! Every frame is checked before it is believed. Whether an archive is good as a whole is left to
//! `check`.

use std::path::Path;
use std::sync::Arc;

use crate::archive::CompactError;
use crate::damage::{Damage, Evidence};
use crate::disk::{Disk, DiskFile};
use crate::error::{JournalError, OpenError, ReadError};
use crate::format::archive::block::Block;
use crate::format::archive::frame::{FRAME_HEADER_BYTES, Frame, FrameSeal, Kind};
use crate::format::archive::index::{BlockPlace, PagePlace, decode_blocks, decode_pages};
use crate::format::archive::postings::{Entry, PageReader};
use crate::format::archive::{ArchiveHeader, FRAMES_START, Form, HEADER_BYTES, Name};
use crate::format::{FORMAT_VERSION, StoreId, Undecodable};
use crate::vfs::OpenMode;

/// Why something can't be read out of an archive.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The bytes at `offset` don't verify.
    Damaged {
        offset: u64,
        why: String,
    },
    /// A newer version wrote it.
    Newer {
        found: u32,
    },
    Io(JournalError),
}

impl From<JournalError> for Fault {
    fn from(error: JournalError) -> Self {
        Self::Io(error)
    }
}

impl Fault {
    pub(crate) fn damaged(offset: u64, why: &str) -> Self {
        Self::Damaged { offset, why: why.to_owned() }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Self::Io(error) => error.is_not_found(),
            Self::Damaged { .. } | Self::Newer { .. } => false,
        }
    }

    /// What a reader of record `sequence` is told.
    pub(crate) fn into_read_error(self, path: &Path, sequence: u64) -> ReadError {
        match self.into_damage(path, sequence) {
            Ok(Damage { path, offset, sequence_first: sequence, why, .. }) => {
                ReadError::Corrupt { path, offset, sequence, why }
            }
            Err(error) => ReadError::Io(Arc::new(error)),
        }
    }

    pub(crate) fn into_compact_error(self, path: &Path, sequence: u64) -> CompactError {
        match self.into_damage(path, sequence) {
            Ok(damage) => CompactError::Corrupt(Box::new(damage)),
            Err(error) => error.into(),
        }
    }

    pub(crate) fn into_open_error(self, path: &Path, sequence: u64) -> OpenError {
        match self {
            Self::Newer { found } => {
                let (path, supported) = (path.to_owned(), FORMAT_VERSION);
                OpenError::NewerFormat { path, found, supported }
            }
            Self::Damaged { offset, why } => OpenError::corrupt(path, offset, sequence, &why),
            Self::Io(error) => error.into(),
        }
    }

    /// The damage, unless the file system failed.
    fn into_damage(self, path: &Path, sequence: u64) -> Result<Damage, JournalError> {
        let (offset, why) = match self {
            Self::Damaged { offset, why } => (offset, why),
            Self::Newer { found } => {
                (8, format!("it has format {found}; this program reads up to {FORMAT_VERSION}"))
            }
            Self::Io(error) => return Err(error),
        };
        Ok(Damage {
            path: path.to_owned(),
            offset,
            sequence_first: sequence,
            sequence_last: None,
            why,
            evidence: Evidence::AlwaysDurable,
        })
    }
}

/// What an archive is expected to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) store: StoreId,
    pub(crate) name: Name,
}

/// An open archive or stub, its header checked.
#[derive(Debug)]
pub(crate) struct Archive {
    file: DiskFile,
    pub(crate) header: ArchiveHeader,
    seal: FrameSeal,
}

impl Archive {
    pub(crate) fn open(disk: &Disk, path: &Path, expected: Identity) -> Result<Self, Fault> {
        let file = disk.open(path, OpenMode::Read)?;
        let mut block = vec![0; HEADER_BYTES];
        let count = file.read_at(&mut block, 0)?;
        block.truncate(count);
        let header = ArchiveHeader::decode(&block).map_err(|why| match why {
            Undecodable::Damaged(why) => Fault::damaged(0, why),
            Undecodable::Newer { found } => Fault::Newer { found },
        })?;
        if header.store != expected.store {
            return Err(Fault::damaged(16, "it belongs to another ledger"));
        }
        if Name::of_header(&header) != expected.name {
            return Err(Fault::damaged(32, "its header belongs to another file name"));
        }
        let length = file.len()?;
        let expected_bytes = match header.form {
            Form::Full => header.file_bytes,
            Form::Stub => FRAMES_START,
        };
        if length != expected_bytes {
            let why = format!("its length is {length}, not {expected_bytes}");
            return Err(Fault::Damaged { offset: length.min(expected_bytes), why });
        }
        let seal = FrameSeal::new(&header.store, header.number);
        Ok(Self { file, header, seal })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The frame at `offset`, which must be of this kind and end by `limit`; also where it ends.
    pub(crate) fn frame_at(
        &self,
        offset: u64,
        limit: u64,
        kind: Kind,
    ) -> Result<(Frame, Vec<u8>, u64), Fault> {
        let damaged = |why| Fault::damaged(offset, why);
        let mut head = [0; FRAME_HEADER_BYTES];
        let count = self.file.read_at(&mut head, offset)?;
        let head = head.get(..count).unwrap_or_default();
        let frame = Frame::decode(head, &self.seal, offset).map_err(damaged)?;
        let Some((start, end)) = frame.range().filter(|(_, end)| *end <= limit) else {
            return Err(damaged("a frame's length is out of range"));
        };
        if frame.kind != kind {
            return Err(damaged("a frame is of another kind"));
        }
        let stored_len = usize::try_from(frame.stored_bytes).unwrap_or(usize::MAX);
        let mut stored = vec![0; stored_len];
        let count = self.file.read_at(&mut stored, start)?;
        stored.truncate(count);
        let raw = frame.unpack(&stored, &self.seal).map_err(damaged)?;
        Ok((frame, raw, end))
    }

    /// Where the blocks are.
    pub(crate) fn block_places(&self) -> Result<Vec<BlockPlace>, Fault> {
        let header = &self.header;
        let (offset, limit) = (header.block_index_offset, header.page_index_offset);
        let (frame, raw, end) = self.frame_at(offset, limit, Kind::BlockIndex)?;
        let range = (FRAMES_START, header.postings_offset);
        let places = decode_blocks(&raw, (header.base, header.last), range);
        let places = places.filter(|places| u32::try_from(places.len()) == Ok(frame.count));
        match places {
            Some(places) if end == limit => Ok(places),
            Some(_) | None => Err(Fault::damaged(offset, "the index of blocks is out of range")),
        }
    }

    /// Where the pages are.
    pub(crate) fn page_places(&self) -> Result<Vec<PagePlace>, Fault> {
        let header = &self.header;
        let (offset, limit) = (header.page_index_offset, header.file_bytes);
        let (frame, raw, end) = self.frame_at(offset, limit, Kind::PageIndex)?;
        let places = decode_pages(&raw, header.postings_offset, header.block_index_offset);
        let places = places.filter(|places| u32::try_from(places.len()) == Ok(frame.count));
        match places {
            Some(places) if end == limit => Ok(places),
            Some(_) | None => Err(Fault::damaged(offset, "the index of pages is out of range")),
        }
    }

    /// One block.
    pub(crate) fn block(&self, place: &BlockPlace) -> Result<Block, Fault> {
        let limit = place.offset.saturating_add(place.bytes);
        let (frame, raw, end) = self.frame_at(place.offset, limit, Kind::Block)?;
        let expected = (place.sequence_first, place.records);
        if end != limit || (frame.sequence_first, u64::from(frame.count)) != expected {
            return Err(Fault::damaged(place.offset, "a block is not what the index says"));
        }
        Block::decode(&frame, raw).map_err(|why| Fault::damaged(place.offset, why))
    }

    /// All that the archive has under a key: reads the pages that may hold it, no more.
    pub(crate) fn entry(&self, places: &[PagePlace], key: &[u8]) -> Result<Option<Entry>, Fault> {
        // The key may begin in the page before the first one that begins at or behind it.
        let later = places.partition_point(|place| place.key_first.as_slice() < key);
        let candidates = places.get(later.saturating_sub(1)..).unwrap_or_default();
        let mut found: Option<Entry> = None;
        for place in candidates.iter().take_while(|place| place.key_first.as_slice() <= key) {
            let (frame, raw) = self.page(place)?;
            for entry in PageReader::new(&raw, frame.count) {
                let (entry_key, entry) = entry.map_err(|why| Fault::damaged(place.offset, why))?;
                if entry_key == key {
                    merge(&mut found, entry).map_err(|why| Fault::damaged(place.offset, why))?;
                }
            }
        }
        Ok(found)
    }

    pub(crate) fn page(&self, place: &PagePlace) -> Result<(Frame, Vec<u8>), Fault> {
        let limit = place.offset.saturating_add(place.bytes);
        let (frame, raw, end) = self.frame_at(place.offset, limit, Kind::Page)?;
        if end != limit {
            return Err(Fault::damaged(place.offset, "a page is not what the index says"));
        }
        Ok((frame, raw))
    }
}

/// Adds the next entry of the same key.
fn merge(found: &mut Option<Entry>, entry: Entry) -> Result<(), &'static str> {
    match found {
        None => *found = Some(entry),
        Some(before) => {
            let follows = before.sequences.last() < entry.sequences.first();
            if before.ordinal_end() != entry.ordinal_first || !follows {
                return Err("entries of one key contradict each other");
            }
            before.sequences.extend(entry.sequences);
        }
    }
    Ok(())
}
