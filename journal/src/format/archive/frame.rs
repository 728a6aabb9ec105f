//! A frame: compressed bytes with a header, both under a checksum. An archive is a row of them.
//!
//! What the bytes say is left to `block`, `postings` and `index`.

use crc32fast::Hasher;
use passbook_planted::Bug;

use crate::format::StoreId;
use crate::format::bytes::{array_at, put, u32_at, u64_at};
use crate::limits::{ARCHIVE_BLOCK_BYTES_MAX, ARCHIVE_INDEX_BYTES_MAX, ARCHIVE_PAGE_BYTES_MAX};

pub(crate) const MAGIC: [u8; 8] = *b"PASSBARF";

/// Length of a frame's header, in bytes.
pub(crate) const FRAME_HEADER_BYTES: usize = 64;

/// Level of compression: denser ones cost much more time than they save space.
const ZSTD_LEVEL: i32 = 3;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Whole batches.
    Block,
    /// Keys and their sequences.
    Page,
    /// Where each block is.
    BlockIndex,
    /// Where each page is, and its first key.
    PageIndex,
}

impl Kind {
    fn number(self) -> u32 {
        match self {
            Self::Block => 1,
            Self::Page => 2,
            Self::BlockIndex => 3,
            Self::PageIndex => 4,
        }
    }

    fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Block),
            2 => Some(Self::Page),
            3 => Some(Self::BlockIndex),
            4 => Some(Self::PageIndex),
            _ => None,
        }
    }

    /// Most bytes before compression.
    pub(crate) fn raw_bytes_max(self) -> usize {
        match self {
            Self::Block => ARCHIVE_BLOCK_BYTES_MAX,
            Self::Page => ARCHIVE_PAGE_BYTES_MAX,
            Self::BlockIndex | Self::PageIndex => ARCHIVE_INDEX_BYTES_MAX,
        }
    }
}

/// What one archive mixes into all checksums of its frames: so none verifies in another one.
#[derive(Debug, Clone)]
pub(crate) struct FrameSeal(Hasher);

impl FrameSeal {
    pub(crate) fn new(store: &StoreId, segment: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(store);
        hasher.update(&segment.to_le_bytes());
        Self(hasher)
    }

    fn crc(&self, parts: &[&[u8]]) -> u32 {
        let mut hasher = self.0.clone();
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

/// The fields of a frame's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Where it begins in its file.
    pub(crate) offset: u64,
    pub(crate) kind: Kind,
    /// Records, entries or places in it.
    pub(crate) count: u32,
    /// Length before compression.
    pub(crate) raw_bytes: u32,
    /// Length behind the header.
    pub(crate) stored_bytes: u32,
    /// Sequence of the first record of a block; 0 in others.
    pub(crate) sequence_first: u64,
    /// Times of the first and last record of a block; 0 in others.
    pub(crate) time_first_ms: u64,
    pub(crate) time_last_ms: u64,
    body_crc: u32,
}

/// What the writer of a frame knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) offset: u64,
    pub(crate) kind: Kind,
    pub(crate) count: u32,
    pub(crate) sequence_first: u64,
    pub(crate) time_first_ms: u64,
    pub(crate) time_last_ms: u64,
}

impl Facts {
    /// Of a frame without records.
    pub(crate) fn plain(kind: Kind, offset: u64, count: u32) -> Self {
        Self { offset, kind, count, sequence_first: 0, time_first_ms: 0, time_last_ms: 0 }
    }
}

/// Header and compressed bytes; nothing if `raw` is past the limit of its kind.
pub(crate) fn encode(facts: Facts, raw: &[u8], seal: &FrameSeal) -> Option<Vec<u8>> {
    if raw.len() > facts.kind.raw_bytes_max() {
        return None;
    }
    let stored = zstd::bulk::compress(raw, ZSTD_LEVEL).expect("memory takes what zstd writes");
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).ok();
    let mut bytes = vec![0; FRAME_HEADER_BYTES];
    put(&mut bytes, 0, &MAGIC);
    put(&mut bytes, 12, &seal.crc(&[&facts.offset.to_le_bytes(), &stored]).to_le_bytes());
    put(&mut bytes, 16, &facts.offset.to_le_bytes());
    put(&mut bytes, 24, &facts.kind.number().to_le_bytes());
    put(&mut bytes, 28, &facts.count.to_le_bytes());
    put(&mut bytes, 32, &length(raw)?.to_le_bytes());
    put(&mut bytes, 36, &length(&stored)?.to_le_bytes());
    put(&mut bytes, 40, &facts.sequence_first.to_le_bytes());
    put(&mut bytes, 48, &facts.time_first_ms.to_le_bytes());
    put(&mut bytes, 56, &facts.time_last_ms.to_le_bytes());
    let crc = header_crc(&bytes, seal)?;
    put(&mut bytes, 8, &crc.to_le_bytes());
    bytes.extend_from_slice(&stored);
    Some(bytes)
}

fn header_crc(header: &[u8], seal: &FrameSeal) -> Option<u32> {
    Some(seal.crc(&[header.get(..8)?, header.get(12..FRAME_HEADER_BYTES)?]))
}

impl Frame {
    /// Checks and decodes the header at `offset`.
    pub(crate) fn decode(
        header: &[u8],
        seal: &FrameSeal,
        offset: u64,
    ) -> Result<Self, &'static str> {
        if array_at(header, 0) != Some(MAGIC) {
            return Err("a frame's magic bytes differ");
        }
        if header_crc(header, seal) != u32_at(header, 8) || header.len() < FRAME_HEADER_BYTES {
            return Err("a frame's header checksum differs");
        }
        let frame = Self::fields(header).ok_or("a frame is of an unknown kind")?;
        let raw_fits =
            usize::try_from(frame.raw_bytes).is_ok_and(|bytes| bytes <= frame.kind.raw_bytes_max());
        if frame.offset != offset {
            return Err("a frame belongs at another offset");
        }
        if !raw_fits || frame.time_first_ms > frame.time_last_ms {
            return Err("a frame's fields are out of range");
        }
        Ok(frame)
    }

    fn fields(header: &[u8]) -> Option<Self> {
        Some(Self {
            offset: u64_at(header, 16)?,
            kind: Kind::of(u32_at(header, 24)?)?,
            count: u32_at(header, 28)?,
            raw_bytes: u32_at(header, 32)?,
            stored_bytes: u32_at(header, 36)?,
            sequence_first: u64_at(header, 40)?,
            time_first_ms: u64_at(header, 48)?,
            time_last_ms: u64_at(header, 56)?,
            body_crc: u32_at(header, 12)?,
        })
    }

    /// Where its stored bytes begin, and where it ends.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        let start = self.offset.checked_add(64)?;
        Some((start, start.checked_add(u64::from(self.stored_bytes))?))
    }

    /// Checks the stored bytes and unpacks them.
    pub(crate) fn unpack(&self, stored: &[u8], seal: &FrameSeal) -> Result<Vec<u8>, &'static str> {
        let crc = seal.crc(&[&self.offset.to_le_bytes(), stored]);
        if crc != self.body_crc && !Bug::FrameUnchecked.is_planted() {
            return Err("a frame's checksum differs");
        }
        let raw_len = usize::try_from(self.raw_bytes).unwrap_or(usize::MAX);
        match zstd::bulk::decompress(stored, raw_len) {
            Ok(raw) if raw.len() == raw_len => Ok(raw),
            Ok(_) | Err(_) => Err("a frame does not unpack to its length"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_in_its_place_only() {
        let seal = FrameSeal::new(&[1; 16], 2);
        let facts = Facts { sequence_first: 9, ..Facts::plain(Kind::Block, 4096, 3) };
        let raw = [7; 5000];
        let bytes = encode(facts, &raw, &seal).unwrap();
        let frame = Frame::decode(&bytes, &seal, 4096).unwrap();
        let stored = &bytes[FRAME_HEADER_BYTES..];
        assert_eq!(frame.range(), Some((4160, 4096 + u64::try_from(bytes.len()).unwrap())));
        assert_eq!((frame.count, frame.sequence_first), (3, 9));
        assert_eq!(frame.unpack(stored, &seal).unwrap(), raw);
        assert!(frame.unpack(&stored[1..], &seal).is_err());
        assert!(Frame::decode(&bytes, &seal, 8192).is_err(), "another offset");
        assert!(Frame::decode(&bytes, &FrameSeal::new(&[1; 16], 3), 4096).is_err());
        assert!(encode(facts, &vec![0; ARCHIVE_BLOCK_BYTES_MAX + 1], &seal).is_none());
    }
}
