//! A block of an archive: whole batches, with the payload or the leaf of each record.
//!
//! Compression and checksums are left to `frame`.

use std::ops::Range;

use super::frame::Frame;
use super::varint::{Cursor, put_length, put_varint};
use crate::archive::Keep;
use crate::format::batch::Framed;
use crate::leaf::{Leaf, leaf_of};
use crate::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX};

const GROUP_FIRST_FLAG: u64 = 1;
const WHOLE_FLAG: u64 = 2;
/// The payload's length lies above the flags.
const LENGTH_SHIFT: u32 = 2;

/// Batches that will become one block.
#[derive(Debug, Default)]
pub(crate) struct BlockDraft {
    pub(crate) sequence_first: u64,
    pub(crate) time_first_ms: u64,
    pub(crate) time_last_ms: u64,
    pub(crate) records: u32,
    batches: u64,
    counts: Vec<u8>,
    fields: Vec<u8>,
    bodies: Vec<u8>,
}

impl BlockDraft {
    /// Begins the next batch; its records follow.
    pub(crate) fn begin_batch(&mut self, count: u32) {
        put_varint(&mut self.counts, u64::from(count));
        self.batches += 1;
    }

    /// Adds a record to the batch that was begun last.
    pub(crate) fn push(&mut self, record: &Framed<'_>, leaf: &Leaf, keep: Keep) {
        if self.records == 0 {
            self.sequence_first = record.sequence;
            self.time_first_ms = record.time_ms;
            self.time_last_ms = record.time_ms;
        }
        put_varint(&mut self.fields, record.time_ms.saturating_sub(self.time_last_ms));
        self.time_last_ms = record.time_ms;
        let group_first = if record.group_first { GROUP_FIRST_FLAG } else { 0 };
        match keep {
            Keep::Whole => {
                let length = u64::try_from(record.payload.len()).expect("a batch is at most 1 MiB");
                put_varint(&mut self.fields, length << LENGTH_SHIFT | WHOLE_FLAG | group_first);
                self.bodies.extend_from_slice(record.payload);
            }
            Keep::Leaf => {
                put_varint(&mut self.fields, group_first);
                self.bodies.extend_from_slice(leaf);
            }
        }
        self.records += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches == 0
    }

    /// Bytes before compression, within a few.
    pub(crate) fn bytes(&self) -> usize {
        self.counts.len() + self.fields.len() + self.bodies.len()
    }

    /// The bytes of the block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes() + 10);
        put_varint(&mut bytes, self.batches);
        bytes.extend_from_slice(&self.counts);
        put_length(&mut bytes, self.fields.len());
        bytes.extend_from_slice(&self.fields);
        bytes.extend_from_slice(&self.bodies);
        bytes
    }
}

/// A block that was unpacked and makes sense.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    sequence_first: u64,
    /// Records of each batch, in order.
    pub(crate) counts: Vec<u32>,
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    time_ms: u64,
    group_first: bool,
    keep: Keep,
    /// Where payload or leaf lies in the block.
    body: Range<usize>,
}

/// One archived record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Archived<'a> {
    pub(crate) sequence: u64,
    pub(crate) time_ms: u64,
    pub(crate) group_first: bool,
    pub(crate) body: Body<'a>,
}

/// What is left of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    Whole(&'a [u8]),
    Leaf(Leaf),
}

impl Body<'_> {
    pub(crate) fn leaf(&self) -> Leaf {
        match self {
            Self::Whole(payload) => leaf_of(payload),
            Self::Leaf(leaf) => *leaf,
        }
    }
}

impl Block {
    /// Takes unpacked bytes apart.
    pub(crate) fn decode(frame: &Frame, bytes: Vec<u8>) -> Result<Self, &'static str> {
        let cut_off = "a block is cut off";
        let mut cursor = Cursor::new(&bytes);
        let counts = decode_counts(&mut cursor, frame.count)?;
        let fields_len = cursor.length().ok_or(cut_off)?;
        let fields = cursor.take(fields_len).ok_or(cut_off)?;
        let bodies_start = bytes.len() - cursor.left();
        let mut slots = Vec::new();
        let mut scan =
            Scan { fields: Cursor::new(fields), at: bodies_start, time_ms: frame.time_first_ms };
        for _ in 0..frame.count {
            slots.push(scan.next().ok_or("a record's fields are out of range")?);
        }
        if !scan.fields.is_empty() || scan.at != bytes.len() || scan.time_ms != frame.time_last_ms {
            return Err("a block's parts contradict each other");
        }
        let in_range = frame.sequence_first.checked_add(u64::from(frame.count)).is_some();
        if !in_range || frame.sequence_first == 0 {
            return Err("a block's sequences are out of range");
        }
        Ok(Self { bytes, sequence_first: frame.sequence_first, counts, slots })
    }

    /// Sequence of the record behind its last.
    pub(crate) fn sequence_end(&self) -> u64 {
        self.sequence_first + u64::try_from(self.slots.len()).unwrap_or(u64::MAX)
    }

    /// All records, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = Archived<'_>> {
        (self.sequence_first..self.sequence_end()).filter_map(|sequence| self.record(sequence))
    }

    pub(crate) fn record(&self, sequence: u64) -> Option<Archived<'_>> {
        let index = usize::try_from(sequence.checked_sub(self.sequence_first)?).ok()?;
        let slot = self.slots.get(index)?;
        let body = self.bytes.get(slot.body.clone())?;
        Some(Archived {
            sequence,
            time_ms: slot.time_ms,
            group_first: slot.group_first,
            body: match slot.keep {
                Keep::Whole => Body::Whole(body),
                Keep::Leaf => Body::Leaf(*body.first_chunk()?),
            },
        })
    }
}

/// Counts of batches that hold `records` records together.
fn decode_counts(cursor: &mut Cursor<'_>, records: u32) -> Result<Vec<u32>, &'static str> {
    let wrong = "a block's batches are out of range";
    let batches = cursor.length().filter(|count| *count <= cursor.left()).ok_or(wrong)?;
    let mut counts = Vec::new();
    let mut total = 0_u32;
    for _ in 0..batches {
        let count = cursor.length().filter(|count| (1..=BATCH_RECORDS_MAX).contains(count));
        let count = u32::try_from(count.ok_or(wrong)?).unwrap_or(u32::MAX);
        total = total.checked_add(count).ok_or(wrong)?;
        counts.push(count);
    }
    if total == records && records > 0 { Ok(counts) } else { Err(wrong) }
}

/// The place in a block's columns.
struct Scan<'a> {
    fields: Cursor<'a>,
    at: usize,
    time_ms: u64,
}

impl Scan<'_> {
    fn next(&mut self) -> Option<Slot> {
        self.time_ms = self.time_ms.checked_add(self.fields.varint()?)?;
        let tag = self.fields.varint()?;
        let length = usize::try_from(tag >> LENGTH_SHIFT).ok()?;
        let (keep, length) = match (tag & WHOLE_FLAG != 0, length) {
            (true, length) if length <= BATCH_BYTES_MAX => (Keep::Whole, length),
            (false, 0) => (Keep::Leaf, size_of::<Leaf>()),
            (true | false, _) => return None,
        };
        let end = self.at.checked_add(length)?;
        let body = self.at..end;
        self.at = end;
        let group_first = tag & GROUP_FIRST_FLAG != 0;
        Some(Slot { time_ms: self.time_ms, group_first, keep, body })
    }
}
