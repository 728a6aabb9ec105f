//! A batch as it lies on disk, and how to check it.
//!
//! Building one is left to `draft`.

use crc32fast::Hasher;
use passbook_planted::Bug;

use super::Salt;
use super::bytes::{all_zero, array_at, u32_at, u64_at};
use crate::leaf::Chain;
use crate::limits::{
    BATCH_BYTES_MAX, BATCH_OVERHEAD_BYTES, BATCH_RECORDS_MAX, BLOCK_BYTES, RECORD_OVERHEAD_BYTES,
    SECTOR_BYTES,
};

pub(super) const MAGIC: [u8; 8] = *b"PASSBBAT";
pub(super) const TRAILER_MAGIC: [u8; 8] = *b"PASSBEND";

/// Length of the header, in bytes.
pub(crate) const HEADER_BYTES: usize = 128;

/// Length of the trailer, in bytes.
pub(crate) const TRAILER_BYTES: usize = 64;

const _: () = assert!(HEADER_BYTES + TRAILER_BYTES == BATCH_OVERHEAD_BYTES);

pub(super) const GROUP_FIRST_FLAG: u32 = 1;

/// What a segment mixes into all checksums of its batches.
#[derive(Debug, Clone)]
pub(crate) struct Seal(Hasher);

impl Seal {
    pub(crate) fn new(salt: &Salt, segment: u64) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(if Bug::NoSalt.is_planted() { &[0; 16] } else { salt });
        hasher.update(&segment.to_le_bytes());
        Self(hasher)
    }

    /// CRC-32 over salt, segment number and the parts.
    pub(super) fn crc(&self, parts: &[&[u8]]) -> u32 {
        let mut hasher = self.0.clone();
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

/// The fields of a batch header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    /// Where the batch begins in its file.
    pub(crate) offset: u64,
    pub(crate) sequence_first: u64,
    pub(crate) count: u32,
    /// Header, records and trailer, without padding.
    pub(crate) content_bytes: u32,
    pub(crate) time_first_ms: u64,
    pub(crate) time_last_ms: u64,
    /// Highest sequence whose sync had returned when this batch was encoded.
    pub(crate) durable: u64,
    pub(crate) previous_chain: Chain,
    /// Mixed by exclusive or into everything behind the header; 0 in nearly every batch.
    pub(crate) mask: u64,
}

/// Why a place does not hold a valid batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The first sector is all zero: nothing was written here, or not this sector.
    Blank,
    /// The first sector is neither zero nor a valid header.
    Header(&'static str),
    /// The header is valid, what it covers is not.
    Body {
        /// What doesn't hold.
        why: &'static str,
        /// Whether a sector that the batch filled is still all zero: it was never written.
        unwritten: bool,
    },
}

impl Flaw {
    /// What doesn't hold, in words.
    pub(crate) fn why(&self) -> &'static str {
        match self {
            Self::Blank => "its first sector is blank",
            Self::Header(why) | Self::Body { why, .. } => why,
        }
    }
}

impl BatchHeader {
    /// Checks and decodes the header in the first sector at `offset`.
    pub(crate) fn decode(sector: &[u8], seal: &Seal, offset: u64) -> Result<Self, Flaw> {
        let header = sector.get(..HEADER_BYTES).ok_or(Flaw::Header("it is cut off"))?;
        if array_at(header, 0) != Some(MAGIC) {
            let first = sector.get(..SECTOR_BYTES).ok_or(Flaw::Header("it is cut off"))?;
            let blank = all_zero(first);
            return Err(if blank { Flaw::Blank } else { Flaw::Header("its magic bytes differ") });
        }
        let (Some((before, after)), Some(crc)) = (header.split_at_checked(8), u32_at(header, 8))
        else {
            return Err(Flaw::Header("it is cut off"));
        };
        let after = after.get(4..).ok_or(Flaw::Header("it is cut off"))?;
        if seal.crc(&[before, after]) != crc {
            return Err(Flaw::Header("its checksum differs"));
        }
        let decoded = Self::fields(header).ok_or(Flaw::Header("it is cut off"))?;
        decoded.check(header, offset)?;
        Ok(decoded)
    }

    fn fields(header: &[u8]) -> Option<Self> {
        Some(Self {
            offset: u64_at(header, 16)?,
            sequence_first: u64_at(header, 24)?,
            count: u32_at(header, 32)?,
            content_bytes: u32_at(header, 36)?,
            time_first_ms: u64_at(header, 40)?,
            time_last_ms: u64_at(header, 48)?,
            durable: u64_at(header, 56)?,
            previous_chain: array_at(header, 64)?,
            mask: u64_at(header, 96)?,
        })
    }

    /// Limits and reserved fields: a valid checksum over nonsense is still nonsense.
    fn check(&self, header: &[u8], offset: u64) -> Result<(), Flaw> {
        if self.offset != offset {
            return Err(Flaw::Header("it belongs at another offset"));
        }
        let content = self.content_len();
        if content < BATCH_OVERHEAD_BYTES || self.extent_len() > BATCH_BYTES_MAX {
            return Err(Flaw::Header("its length is out of range"));
        }
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        if count == 0 || count > BATCH_RECORDS_MAX || self.sequence_first == 0 {
            return Err(Flaw::Header("its count is out of range"));
        }
        if self.sequence_first.checked_add(u64::from(self.count)).is_none() {
            return Err(Flaw::Header("its sequences are out of range"));
        }
        if self.durable >= self.sequence_first || self.time_last_ms < self.time_first_ms {
            return Err(Flaw::Header("its fields contradict each other"));
        }
        let reserved = header.get(104..).is_some_and(all_zero) && u32_at(header, 12) == Some(0);
        if !reserved {
            return Err(Flaw::Header("its reserved fields are not zero"));
        }
        Ok(())
    }

    /// Sequence of the last record.
    pub(crate) fn sequence_last(&self) -> u64 {
        self.sequence_first + u64::from(self.count) - 1
    }

    /// Header, records and trailer, in bytes.
    pub(crate) fn content_len(&self) -> usize {
        usize::try_from(self.content_bytes).unwrap_or(usize::MAX)
    }

    /// Content and padding, in bytes.
    pub(crate) fn extent_len(&self) -> usize {
        self.content_len().checked_next_multiple_of(BLOCK_BYTES).unwrap_or(usize::MAX)
    }

    /// Content and padding, in bytes.
    pub(crate) fn extent(&self) -> u64 {
        u64::try_from(self.extent_len()).unwrap_or(u64::MAX)
    }
}

/// A batch that verifies: its header and its records, unmasked.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) header: BatchHeader,
    /// Records only, back to back.
    records: &'a [u8],
    /// The link that the trailer holds.
    pub(crate) chain: Chain,
}

/// One record inside a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Framed<'a> {
    pub(crate) sequence: u64,
    pub(crate) time_ms: u64,
    pub(crate) group_first: bool,
    pub(crate) payload: &'a [u8],
    /// Where the record begins, counted from the start of the batch.
    pub(crate) offset_in_batch: usize,
}

/// Checks everything a header covers: records, trailer, padding. `extent` is the whole batch as
/// read; it is unmasked in place.
pub(crate) fn check_batch<'a>(
    header: BatchHeader,
    extent: &'a mut [u8],
    seal: &Seal,
) -> Result<Batch<'a>, Flaw> {
    let content_len = header.content_len();
    let unwritten = extent
        .get(..content_len.next_multiple_of(SECTOR_BYTES))
        .is_some_and(|content| content.chunks(SECTOR_BYTES).any(all_zero));
    let flaw = |why| Flaw::Body { why, unwritten };

    let Some((content, padding)) = extent.split_at_mut_checked(content_len) else {
        return Err(flaw("it is cut off"));
    };
    if !all_zero(padding) {
        return Err(flaw("its padding is not zero"));
    }
    let (_, body) = content.split_at_mut_checked(HEADER_BYTES).ok_or(flaw("it is cut off"))?;
    apply_mask(body, header.mask);
    let (records, trailer) =
        body.split_last_chunk::<TRAILER_BYTES>().ok_or(flaw("it is cut off"))?;
    check_records(&header, records, seal).map_err(flaw)?;
    let chain = check_trailer(&header, trailer, seal).map_err(flaw)?;
    Ok(Batch { header, records, chain })
}

fn check_records(header: &BatchHeader, records: &[u8], seal: &Seal) -> Result<(), &'static str> {
    let mut rest = records;
    let mut delta_last = 0;
    for index in 0..header.count {
        let frame = Frame::split(rest).ok_or("a record is cut off")?;
        let sequence = header.sequence_first + u64::from(index);
        let crc = seal.crc(&[&sequence.to_le_bytes(), frame.fields, frame.payload]);
        if crc != frame.crc && !Bug::TornBatchTaken.is_planted() {
            return Err("a record's checksum differs");
        }
        let first_is_marked = index > 0 || frame.flags == GROUP_FIRST_FLAG;
        if frame.flags & !GROUP_FIRST_FLAG != 0 || !first_is_marked {
            return Err("a record's flags are unknown");
        }
        if frame.delta_ms < delta_last {
            return Err("a record's time is before its predecessor's");
        }
        delta_last = frame.delta_ms;
        rest = frame.rest;
    }
    if !rest.is_empty() {
        return Err("bytes lie behind the last record");
    }
    match header.time_first_ms.checked_add(u64::from(delta_last)) {
        Some(time) if time == header.time_last_ms => Ok(()),
        Some(_) | None => Err("its times contradict each other"),
    }
}

fn check_trailer(
    header: &BatchHeader,
    trailer: &[u8; TRAILER_BYTES],
    seal: &Seal,
) -> Result<Chain, &'static str> {
    let (covered, crc) = trailer.split_last_chunk::<4>().ok_or("its trailer is cut off")?;
    if seal.crc(&[&header.offset.to_le_bytes(), covered]) != u32::from_le_bytes(*crc) {
        return Err("its trailer's checksum differs");
    }
    let reserved = covered.get(48..).is_some_and(all_zero);
    let last = u64_at(covered, 8);
    let chain = array_at(covered, 16).ok_or("its trailer is cut off")?;
    if array_at(covered, 0) != Some(TRAILER_MAGIC)
        || last != Some(header.sequence_last())
        || !reserved
    {
        return Err("its trailer contradicts its header");
    }
    Ok(chain)
}

/// One record taken apart, nothing checked yet.
struct Frame<'a> {
    fields: &'a [u8],
    delta_ms: u32,
    flags: u32,
    crc: u32,
    payload: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Frame<'a> {
    fn split(bytes: &'a [u8]) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(RECORD_OVERHEAD_BYTES)?;
        let payload_len = usize::try_from(u32_at(head, 0)?).ok()?;
        let (payload, rest) = body.split_at_checked(payload_len)?;
        Some(Self {
            fields: head.get(..12)?,
            delta_ms: u32_at(head, 4)?,
            flags: u32_at(head, 8)?,
            crc: u32_at(head, 12)?,
            payload,
            rest,
        })
    }
}

impl<'a> Batch<'a> {
    /// The records, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = Framed<'a>> + use<'a> {
        let (first, time_first_ms) = (self.header.sequence_first, self.header.time_first_ms);
        let mut rest = self.records;
        let mut offset_in_batch = HEADER_BYTES;
        (0..self.header.count).map_while(move |index| {
            let frame = Frame::split(rest)?;
            let framed = Framed {
                sequence: first + u64::from(index),
                time_ms: time_first_ms + u64::from(frame.delta_ms),
                group_first: frame.flags == GROUP_FIRST_FLAG,
                payload: frame.payload,
                offset_in_batch,
            };
            offset_in_batch += RECORD_OVERHEAD_BYTES + frame.payload.len();
            rest = frame.rest;
            Some(framed)
        })
    }
}

/// XORs a mask over bytes, eight at a time; the tail takes the mask's first bytes.
pub(super) fn apply_mask(bytes: &mut [u8], mask: u64) {
    if mask == 0 {
        return;
    }
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_le_bytes(*word) ^ mask).to_le_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.to_le_bytes()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests;
