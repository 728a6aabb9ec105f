//! The archive of one segment: its header, and the parts that its frames hold.
//!
//! Which files there are, in which order they are written and what damage means is left to
//! `archive`.

use super::bytes::{all_zero, array_at, put, u32_at, u64_at};
use super::{StoreId, Undecodable, check_envelope, put_envelope};
use crate::leaf::Chain;
use crate::limits::BLOCK_BYTES;

pub(crate) mod block;
pub(crate) mod frame;
pub(crate) mod index;
pub(crate) mod postings;
pub(crate) mod varint;

const MAGIC: [u8; 8] = *b"PASSBARC";

/// Length of the header, in bytes; a stub has nothing else.
pub(crate) const HEADER_BYTES: usize = BLOCK_BYTES;

/// The same, as an offset: where the first frame begins.
pub(crate) const FRAMES_START: u64 = 4096;
const _: () = assert!(HEADER_BYTES == 4096);

const STUB_FLAG: u32 = 1;

/// Whether the records are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// They are: bodies, leaves, postings.
    Full,
    /// Retention took them; the header is left.
    Stub,
}

/// What an archive says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArchiveHeader {
    pub(crate) store: StoreId,
    /// Number of the segment that it was made from; in a stub of several, of the last one.
    pub(crate) number: u64,
    /// Number of the first one; the same unless it is a stub of several.
    pub(crate) number_first: u64,
    /// Sequence of its first record.
    pub(crate) base: u64,
    /// Sequence of its last record; one less than `base` without any.
    pub(crate) last: u64,
    pub(crate) batches: u64,
    /// Records of which the payload is kept.
    pub(crate) whole: u64,
    /// Records of which only the leaf is kept.
    pub(crate) leaves: u64,
    /// Payload bytes that are kept.
    pub(crate) payload_bytes: u64,
    /// Time of the last record before it; 0 without one.
    pub(crate) previous_time_ms: u64,
    /// Times of its first and last record; `previous_time_ms` without any.
    pub(crate) time_first_ms: u64,
    pub(crate) time_last_ms: u64,
    /// Chain before its first and behind its last batch.
    pub(crate) chain_in: Chain,
    pub(crate) chain_out: Chain,
    /// Where the frames with postings begin, the frame with the index of blocks, and the one with
    /// the index of pages.
    pub(crate) postings_offset: u64,
    pub(crate) block_index_offset: u64,
    pub(crate) page_index_offset: u64,
    /// Length of the whole archive; of what it was, in a stub.
    pub(crate) file_bytes: u64,
    /// Different keys.
    pub(crate) keys: u64,
    /// Number of the oldest archive that was there when this one was written: a key that none of
    /// them had begins at ordinal 0.
    pub(crate) counted_from: u64,
    /// Postings of this archive and all before it, removed ones included: one for each key of a
    /// record that is kept whole. `None` if they were not counted from the first on.
    pub(crate) postings_end: Option<u64>,
    pub(crate) form: Form,
}

impl ArchiveHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut block = vec![0; HEADER_BYTES];
        put(&mut block, 16, &self.store);
        for (offset, field) in (32..).step_by(8).zip(self.numbers()) {
            put(&mut block, offset, &field.to_le_bytes());
        }
        put(&mut block, 168, &self.chain_in);
        put(&mut block, 200, &self.chain_out);
        let flags = match self.form {
            Form::Full => 0,
            Form::Stub => STUB_FLAG,
        };
        put(&mut block, 232, &flags.to_le_bytes());
        if self.number_first != self.number {
            put(&mut block, 240, &self.number_first.to_le_bytes());
        }
        put_envelope(&mut block, MAGIC);
        block
    }

    /// The numbers from offset 32 on, 8 bytes each.
    fn numbers(&self) -> [u64; 17] {
        [
            self.number,
            self.base,
            self.last,
            self.batches,
            self.whole,
            self.leaves,
            self.payload_bytes,
            self.previous_time_ms,
            self.time_first_ms,
            self.time_last_ms,
            self.postings_offset,
            self.block_index_offset,
            self.page_index_offset,
            self.file_bytes,
            self.keys,
            self.counted_from,
            self.postings_end.map_or(0, |count| count.saturating_add(1)),
        ]
    }

    /// The header, from the first block of a file.
    pub(crate) fn decode(block: &[u8]) -> Result<Self, Undecodable> {
        check_envelope(block, MAGIC)?;
        let header = Self::fields(block).ok_or(Undecodable::Damaged("it is too short"))?;
        header.check(block).map(|()| header)
    }

    fn fields(block: &[u8]) -> Option<Self> {
        let number = u64_at(block, 32)?;
        let number_first = u64_at(block, 240).map(|first| if first == 0 { number } else { first });
        Some(Self {
            store: array_at(block, 16)?,
            number,
            number_first: number_first?,
            base: u64_at(block, 40)?,
            last: u64_at(block, 48)?,
            batches: u64_at(block, 56)?,
            whole: u64_at(block, 64)?,
            leaves: u64_at(block, 72)?,
            payload_bytes: u64_at(block, 80)?,
            previous_time_ms: u64_at(block, 88)?,
            time_first_ms: u64_at(block, 96)?,
            time_last_ms: u64_at(block, 104)?,
            postings_offset: u64_at(block, 112)?,
            block_index_offset: u64_at(block, 120)?,
            page_index_offset: u64_at(block, 128)?,
            file_bytes: u64_at(block, 136)?,
            keys: u64_at(block, 144)?,
            counted_from: u64_at(block, 152)?,
            postings_end: u64_at(block, 160)?.checked_sub(1),
            chain_in: array_at(block, 168)?,
            chain_out: array_at(block, 200)?,
            form: if u32_at(block, 232)? & STUB_FLAG == 0 { Form::Full } else { Form::Stub },
        })
    }

    /// A valid checksum over nonsense is still nonsense.
    fn check(&self, block: &[u8]) -> Result<(), Undecodable> {
        let reserved = u32_at(block, 232).is_some_and(|flags| flags & !STUB_FLAG == 0)
            && block.get(236..240).is_some_and(all_zero)
            && u64_at(block, 240) != Some(self.number)
            && block.get(248..HEADER_BYTES - 4).is_some_and(all_zero);
        if !reserved || block.len() != HEADER_BYTES {
            return Err(Undecodable::Damaged("its reserved fields are not zero"));
        }
        let records = self.last.checked_add(1).and_then(|next| next.checked_sub(self.base));
        let counted = self.whole.checked_add(self.leaves);
        let offsets = [
            FRAMES_START,
            self.postings_offset,
            self.block_index_offset,
            self.page_index_offset,
            self.file_bytes,
        ];
        let numbers = match self.form {
            Form::Full => self.number_first == self.number,
            Form::Stub => (1..=self.number).contains(&self.number_first),
        };
        let fits = numbers
            && self.number > 0
            && self.base > 0
            && records.is_some()
            && records == counted
            && (1..=self.number).contains(&self.counted_from)
            && offsets.is_sorted()
            && self.previous_time_ms <= self.time_first_ms
            && self.time_first_ms <= self.time_last_ms;
        if !fits {
            return Err(Undecodable::Damaged("its fields contradict each other"));
        }
        Ok(())
    }

    /// The same header for a stub.
    pub(crate) fn stub(&self) -> Self {
        Self { form: Form::Stub, ..self.clone() }
    }

    /// One stub for this one and the next, if that goes on where this one ends.
    pub(crate) fn joined(&self, next: &Self) -> Option<Self> {
        let ends = (self.store, self.number + 1, self.last + 1, self.chain_out, self.time_last_ms);
        let begins = (next.store, next.number_first, next.base, next.chain_in);
        if ends != (begins.0, begins.1, begins.2, begins.3, next.previous_time_ms) {
            return None;
        }
        let sum = u64::checked_add;
        Some(Self {
            number_first: self.number_first,
            base: self.base,
            batches: sum(self.batches, next.batches)?,
            whole: sum(self.whole, next.whole)?,
            leaves: sum(self.leaves, next.leaves)?,
            payload_bytes: sum(self.payload_bytes, next.payload_bytes)?,
            previous_time_ms: self.previous_time_ms,
            time_first_ms: self.time_first_ms,
            chain_in: self.chain_in,
            postings_offset: FRAMES_START,
            block_index_offset: FRAMES_START,
            page_index_offset: FRAMES_START,
            file_bytes: sum(self.file_bytes, next.file_bytes)?,
            // How many of them both have is not known.
            keys: 0,
            form: Form::Stub,
            ..next.clone()
        })
    }
}

/// What the name of an archive or a stub says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    /// Number of the segment; in a stub of several, of the last one.
    pub(crate) number: u64,
    /// Number of the first one; the same unless it is a stub of several.
    pub(crate) number_first: u64,
    /// Sequence of the first record.
    pub(crate) base: u64,
    pub(crate) form: Form,
}

impl Name {
    /// Of what was made from one segment.
    pub(crate) fn of(number: u64, base: u64, form: Form) -> Self {
        Self { number, number_first: number, base, form }
    }

    /// The name that a header belongs to.
    pub(crate) fn of_header(header: &ArchiveHeader) -> Self {
        let ArchiveHeader { number, number_first, base, form, .. } = *header;
        Self { number, number_first, base, form }
    }

    /// Out of a file name, if it is one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (stem, form) = match text.strip_suffix(".arc") {
            Some(stem) => (stem, Form::Full),
            None => (text.strip_suffix(".stub")?, Form::Stub),
        };
        let (numbers, base) = stem.rsplit_once('-')?;
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let (number_first, number) = (first.parse().ok()?, last.parse().ok()?);
        let name = Self { number, number_first, base: base.parse().ok()?, form };
        let is_possible = number_first == number || form == Form::Stub && number_first < number;
        (is_possible && name.to_string() == text).then_some(name)
    }

    /// Whether it is of all segments that the other one is of, and of more.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let is_in = self.number_first <= other.number_first && other.number <= self.number;
        is_in && (self.number_first, self.number) != (other.number_first, other.number)
    }

    /// How many segments it is of.
    pub(crate) fn segments(&self) -> u64 {
        self.number.saturating_sub(self.number_first).saturating_add(1)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, number_first, base, form } = self;
        if number_first != number {
            write!(f, "{number_first:06}-")?;
        }
        let end = match form {
            Form::Full => "arc",
            Form::Stub => "stub",
        };
        write!(f, "{number:06}-{base}.{end}")
    }
}

#[cfg(test)]
mod tests;
