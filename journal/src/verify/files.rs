//! Which files a journal should have, which it has, and what their headers still say.

use std::path::{Path, PathBuf};

use super::archives::CompleteFrom;
use super::plain_damage;
use crate::archive::shelf::{Shelf, first_time_ms};
use crate::damage::Damage;
use crate::disk::Disk;
use crate::error::OpenError;
use crate::format::manifest::{MANIFEST_BYTES, Manifest};
use crate::format::segment::SegmentHeader;
use crate::format::watermark::Watermark;
use crate::format::{FORMAT_VERSION, StoreId, Undecodable};
use crate::layout::Layout;
use crate::limits::{BLOCK_BYTES, SEGMENT_HEADER_BYTES};
use crate::recovery::segment_numbers;
use crate::vfs::OpenMode;

/// A segment whose header can be read from at least one of its copies.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) path: PathBuf,
    pub(super) header: SegmentHeader,
    /// The header of the next number, if there is one.
    pub(super) successor: Option<SegmentHeader>,
    /// Whether no later segment exists, readable or not.
    pub(super) is_last: bool,
}

/// What there is to check, and the damage that shows already.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) store: Option<StoreId>,
    /// The archives, unless the manifest is damaged.
    pub(super) shelf: Option<Shelf>,
    disk: Disk,
    pub(super) pieces: Vec<Piece>,
    pub(super) damages: Vec<Damage>,
}

impl Files {
    pub(super) fn look(
        disk: &Disk,
        layout: &Layout,
        watermark: Option<&Watermark>,
    ) -> Result<Self, OpenError> {
        let mut damages = Vec::new();
        let manifest = read_manifest(disk, layout, &mut damages)?;
        let store = manifest.as_ref().map(|manifest| manifest.store);
        let mut numbers = segment_numbers(disk, layout)?;
        if let Some(manifest) = &manifest {
            // Older ones are what a compaction had no time to remove.
            numbers.retain(|(number, _)| *number >= manifest.segment_first);
        }
        let number_last = numbers.last().map_or(0, |(number, _)| *number);
        let mut headers = Vec::new();
        let mut number_next = manifest.as_ref().map_or(1, |manifest| manifest.segment_first);
        for (number, base) in numbers {
            for missing in number_next..number {
                damages.push(missing_segment(layout, missing, base));
            }
            number_next = number + 1;
            let path = layout.segment(&format!("{number:06}-{base}.seg"));
            if let Some(header) = read_header(disk, &path, (number, base), store, &mut damages)? {
                headers.push((path, header));
            }
        }
        for missing in number_next..=watermark.map_or(0, |mark| mark.segment) {
            let sequence = watermark.map_or(1, |mark| mark.durable);
            damages.push(missing_segment(layout, missing, sequence));
        }
        let shelf = match manifest {
            Some(manifest) => Some(Shelf::with_manifest(disk, layout, manifest)?),
            None => None,
        };
        let pieces = pieces(headers, number_last);
        Ok(Self { store, shelf, disk: disk.clone(), pieces, damages })
    }

    pub(super) fn segment_bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.header.segment_bytes).sum()
    }

    /// Length of segments and archives.
    pub(super) fn bytes(&self) -> u64 {
        self.segment_bytes() + self.shelf.as_ref().map_or(0, Shelf::bytes)
    }

    /// The first record in archives and journal together.
    pub(super) fn complete_from(&self) -> Option<CompleteFrom> {
        let shelf = self.shelf.as_ref()?;
        let in_journal = || {
            let piece = self.pieces.first()?;
            first_time_ms(&self.disk, &piece.header, &piece.path)
        };
        let time_ms = shelf.first_time_ms().or_else(in_journal);
        Some(CompleteFrom { sequence: shelf.kept_first(), time_ms })
    }
}

fn pieces(headers: Vec<(PathBuf, SegmentHeader)>, number_last: u64) -> Vec<Piece> {
    let mut successors =
        headers.iter().skip(1).map(|(_, header)| header.clone()).collect::<Vec<_>>();
    successors.reverse();
    headers
        .into_iter()
        .map(|(path, header)| {
            let successor = successors.pop().filter(|next| next.number == header.number + 1);
            let is_last = header.number == number_last;
            Piece { path, header, successor, is_last }
        })
        .collect()
}

fn missing_segment(layout: &Layout, number: u64, sequence: u64) -> Damage {
    let why = format!("segment {number} is missing");
    plain_damage(&layout.journal(), 0, sequence, &why)
}

fn read_manifest(
    disk: &Disk,
    layout: &Layout,
    damages: &mut Vec<Damage>,
) -> Result<Option<Manifest>, OpenError> {
    let path = layout.manifest();
    let bytes = match disk.read_start(&path, MANIFEST_BYTES + 1) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    match Manifest::decode(&bytes) {
        Ok(manifest) if bytes.len() == MANIFEST_BYTES => Ok(Some(manifest)),
        Ok(_) => {
            damages.push(plain_damage(&path, 0, 1, "its length differs"));
            Ok(None)
        }
        Err(Undecodable::Damaged(why)) => {
            damages.push(plain_damage(&path, 0, 1, why));
            Ok(None)
        }
        Err(Undecodable::Newer { found }) => {
            Err(OpenError::NewerFormat { path, found, supported: FORMAT_VERSION })
        }
    }
}

/// The header from either copy; notes what is wrong with the other one.
fn read_header(
    disk: &Disk,
    path: &Path,
    (number, base): (u64, u64),
    store: Option<StoreId>,
    damages: &mut Vec<Damage>,
) -> Result<Option<SegmentHeader>, OpenError> {
    let file = disk.open(path, OpenMode::Read)?;
    let mut blocks = vec![0; SEGMENT_HEADER_BYTES];
    let count = file.read_at(&mut blocks, 0)?;
    blocks.truncate(count);
    let mut readable = None;
    let mut offset = 0;
    for _ in 0..2 {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let block = blocks.get(from..from + BLOCK_BYTES).unwrap_or_default();
        match SegmentHeader::decode(block) {
            Ok(header) if (header.number, header.base) != (number, base) => {
                damages.push(plain_damage(path, offset, base, "it belongs to another file name"));
            }
            Ok(header) if readable.as_ref().is_some_and(|first| *first != header) => {
                damages.push(plain_damage(
                    path,
                    offset,
                    base,
                    "the two copies of its header differ",
                ));
            }
            Ok(header) => readable = Some(header),
            Err(Undecodable::Damaged(why)) => {
                damages.push(plain_damage(path, offset, base, &format!("its header: {why}")));
            }
            Err(Undecodable::Newer { found }) => {
                let path = path.to_owned();
                return Err(OpenError::NewerFormat { path, found, supported: FORMAT_VERSION });
            }
        }
        offset += 4096;
    }
    if let Some(header) = &readable {
        damages.extend(check_header(path, header, file.len()?, store));
    }
    Ok(readable)
}

fn check_header(
    path: &Path,
    header: &SegmentHeader,
    length: u64,
    store: Option<StoreId>,
) -> Vec<Damage> {
    let mut damages = Vec::new();
    if store.is_some_and(|store| store != header.store) {
        damages.push(plain_damage(path, 0, header.base, "it belongs to another ledger"));
    }
    if length != header.segment_bytes {
        let why = format!("its length is {length}, not {}", header.segment_bytes);
        let offset = length.min(header.segment_bytes);
        damages.push(plain_damage(path, offset, header.base, &why));
    }
    damages
}
