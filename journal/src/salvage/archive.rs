//! What of one archive can still be read: every block that verifies by itself, found by its
//! frame's header even if the index is gone.

use std::path::{Path, PathBuf};

use super::segment::{damage, unreadable};
use super::{Finding, Found, Piece, SalvagedRecord};
use crate::disk::{Disk, DiskFile};
use crate::error::{JournalError, OpenError};
use crate::format::StoreId;
use crate::format::archive::block::{Block, Body};
use crate::format::archive::frame::{FRAME_HEADER_BYTES, Frame, FrameSeal, Kind, MAGIC};
use crate::format::archive::{ArchiveHeader, FRAMES_START, HEADER_BYTES};
use crate::vfs::OpenMode;

/// Bytes searched at a time for the next frame.
const SEARCH_BYTES: usize = 256 * 1024;

/// An archive by its name.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) path: PathBuf,
    pub(super) number: u64,
    pub(super) base: u64,
}

/// What the header of an archive or a stub says, if it verifies and is of this ledger.
pub(super) fn header(disk: &Disk, path: &Path) -> Option<ArchiveHeader> {
    ArchiveHeader::decode(&disk.read_start(path, HEADER_BYTES).ok()?).ok()
}

/// Looks for blocks from the start to the end of the file.
pub(super) fn scan(disk: &Disk, store: &StoreId, archive: &Archive) -> Found {
    let mut found = Found::default();
    let header = header(disk, &archive.path);
    let ours = |header: &ArchiveHeader| {
        (header.store, header.number, header.base) == (*store, archive.number, archive.base)
    };
    match header.filter(ours) {
        Some(header) => found.highest = header.last,
        None => found.damages.push(damage(
            &archive.path,
            0,
            archive.base,
            None,
            "its header does not verify",
        )),
    }
    let seal = FrameSeal::new(store, archive.number);
    if let Err(error) = search(disk, &seal, archive, &mut found) {
        let why = unreadable(&error);
        found.damages.push(damage(&archive.path, FRAMES_START, archive.base, None, &why));
    }
    found
}

fn search(
    disk: &Disk,
    seal: &FrameSeal,
    archive: &Archive,
    found: &mut Found,
) -> Result<(), JournalError> {
    let file = disk.open(&archive.path, OpenMode::Read)?;
    let length = file.len()?;
    let mut offset = FRAMES_START;
    let (mut next, mut bad) = (archive.base, None);
    while offset < length {
        match frame_at(&file, seal, offset, length)? {
            Ok((frame, raw, end)) => {
                let block = match frame.kind {
                    Kind::Block => Block::decode(&frame, raw).map(Some),
                    Kind::Page | Kind::BlockIndex | Kind::PageIndex => Ok(None),
                };
                match block {
                    Ok(Some(block)) => {
                        let (first, last) = (frame.sequence_first, block.sequence_end() - 1);
                        if let Some((offset, why)) = bad.take() {
                            let last = first.checked_sub(1).filter(|last| *last >= next);
                            found.damages.push(damage(&archive.path, offset, next, last, why));
                        }
                        found.findings.push(Finding { first, last, offset, end });
                        found.highest = found.highest.max(last);
                        next = last.saturating_add(1);
                    }
                    Ok(None) => {}
                    Err(why) => bad = bad.or(Some((offset, why))),
                }
                offset = end;
            }
            Err(why) => {
                bad = bad.or(Some((offset, why)));
                let Some(at) = next_frame(&file, offset + 1, length)? else { break };
                offset = at;
            }
        }
    }
    if let Some((offset, why)) = bad {
        found.damages.push(damage(&archive.path, offset, next, None, why));
    }
    Ok(())
}

type Unpacked = (Frame, Vec<u8>, u64);

/// The frame at an offset, unpacked, and where it ends.
fn frame_at(
    file: &DiskFile,
    seal: &FrameSeal,
    offset: u64,
    length: u64,
) -> Result<Result<Unpacked, &'static str>, JournalError> {
    let mut head = [0; FRAME_HEADER_BYTES];
    let count = file.read_at(&mut head, offset)?;
    let frame = match Frame::decode(head.get(..count).unwrap_or_default(), seal, offset) {
        Ok(frame) => frame,
        Err(why) => return Ok(Err(why)),
    };
    let Some((start, end)) = frame.range().filter(|(_, end)| *end <= length) else {
        return Ok(Err("a frame's length is out of range"));
    };
    let mut stored = vec![0; usize::try_from(frame.stored_bytes).unwrap_or(usize::MAX)];
    let count = file.read_at(&mut stored, start)?;
    stored.truncate(count);
    Ok(frame.unpack(&stored, seal).map(|raw| (frame, raw, end)))
}

/// Where the magic bytes of a frame come next.
fn next_frame(file: &DiskFile, from: u64, length: u64) -> Result<Option<u64>, JournalError> {
    let mut at = from;
    let mut buffer = vec![0; SEARCH_BYTES];
    while at < length {
        let count = file.read_at(&mut buffer, at)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if let Some(index) = bytes.windows(MAGIC.len()).position(|window| window == MAGIC) {
            return Ok(Some(at + u64::try_from(index).unwrap_or(u64::MAX)));
        }
        if count < SEARCH_BYTES {
            return Ok(None);
        }
        // The magic bytes may lie across the end of what was read.
        at += u64::try_from(SEARCH_BYTES - MAGIC.len() + 1).unwrap_or(u64::MAX);
    }
    Ok(None)
}

/// Gives the records of a piece of a finding; `leaf` hears of those whose payload is gone.
pub(super) fn give(
    disk: &Disk,
    store: &StoreId,
    archive: &Archive,
    piece: &Piece,
    (give, leaf): (&mut super::Give<'_>, &mut dyn FnMut(u64)),
) -> Result<(), OpenError> {
    let file = disk.open(&archive.path, OpenMode::Read)?;
    let seal = FrameSeal::new(store, archive.number);
    let unpacked = frame_at(&file, &seal, piece.finding.offset, piece.finding.end)?;
    // It verified a moment ago; if it doesn't any more, its records are lost.
    let Ok((frame, raw, _)) = unpacked else { return Ok(()) };
    let Ok(block) = Block::decode(&frame, raw) else { return Ok(()) };
    for record in block.records().filter(|record| piece.holds(record.sequence)) {
        match record.body {
            Body::Leaf(_) => leaf(record.sequence),
            Body::Whole(payload) => give(SalvagedRecord {
                sequence: record.sequence,
                time_ms: record.time_ms,
                group_first: record.group_first,
                payload,
                path: &archive.path,
            })?,
        }
    }
    Ok(())
}
