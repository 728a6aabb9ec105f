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
    /// Number of the segment that it was made from.
    pub(crate) number: u64,
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
        Some(Self {
            store: array_at(block, 16)?,
            number: u64_at(block, 32)?,
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
            && block.get(236..HEADER_BYTES - 4).is_some_and(all_zero);
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
        let fits = self.number > 0
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
}

/// Name of the file with the archive of a segment, or with its stub.
pub(crate) fn file_name(number: u64, base: u64, form: Form) -> String {
    match form {
        Form::Full => format!("{number:06}-{base}.arc"),
        Form::Stub => format!("{number:06}-{base}.stub"),
    }
}

/// Segment number, base sequence and form out of a file name, if it is one of ours.
pub(crate) fn parse_file_name(name: &str) -> Option<(u64, u64, Form)> {
    let (stem, form) = match name.strip_suffix(".arc") {
        Some(stem) => (stem, Form::Full),
        None => (name.strip_suffix(".stub")?, Form::Stub),
    };
    let (number, base) = stem.split_once('-')?;
    let (number, base) = (number.parse().ok()?, base.parse().ok()?);
    (file_name(number, base, form) == name).then_some((number, base, form))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> ArchiveHeader {
        ArchiveHeader {
            store: [1; 16],
            number: 2,
            base: 30,
            last: 36,
            batches: 3,
            whole: 5,
            leaves: 2,
            payload_bytes: 99,
            previous_time_ms: 6,
            time_first_ms: 7,
            time_last_ms: 8,
            chain_in: [9; 32],
            chain_out: [10; 32],
            postings_offset: 5000,
            block_index_offset: 6000,
            page_index_offset: 6100,
            file_bytes: 6200,
            keys: 4,
            counted_from: 1,
            postings_end: Some(7),
            form: Form::Full,
        }
    }

    #[test]
    fn a_header_comes_back_and_so_does_its_stub() {
        for header in [header(), header().stub()] {
            assert_eq!(ArchiveHeader::decode(&header.encode()), Ok(header));
        }
    }

    #[test]
    fn a_header_that_contradicts_itself_is_refused() {
        for wrong in [
            ArchiveHeader { last: 37, ..header() },
            ArchiveHeader { base: 0, ..header() },
            ArchiveHeader { counted_from: 3, ..header() },
            ArchiveHeader { file_bytes: 6099, ..header() },
            ArchiveHeader { time_first_ms: 9, ..header() },
        ] {
            let refused = ArchiveHeader::decode(&wrong.encode());
            assert!(matches!(refused, Err(Undecodable::Damaged(_))), "{wrong:?}");
        }
    }

    #[test]
    fn only_exact_names_are_archives() {
        assert_eq!(parse_file_name("000012-734003.arc"), Some((12, 734_003, Form::Full)));
        assert_eq!(parse_file_name("000012-734003.stub"), Some((12, 734_003, Form::Stub)));
        for name in ["12-734003.arc", "000012-0734003.arc", "000012-734003.seg", "next.tmp"] {
            assert_eq!(parse_file_name(name), None, "{name}");
        }
    }
}
