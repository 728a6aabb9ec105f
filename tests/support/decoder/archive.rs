//! Archives and stubs: the header, the frames, the records, and under which keys they are found.

use std::collections::BTreeMap;

use super::bytes::{Broken, Input, count, crc, ensure, envelope, leaf, link, size, unpack};
use super::segment::Record;

/// What is left of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its header.
    pub header: Header,
    /// Its records; none in a stub.
    pub records: Vec<Record>,
    /// For each key, the ordinal of its first record here, and the sequences; none in a stub.
    pub keys: BTreeMap<Vec<u8>, (u64, Vec<u64>)>,
}

/// Who an archive belongs to, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Id of the store.
    pub store: [u8; 16],
    /// Number of the segment, of the last one in a stub of several.
    pub number: u64,
    /// Number of the first segment.
    pub number_first: u64,
    /// Sequences of its first and its last record.
    pub sequences: (u64, u64),
    /// How many batches, whole records, leaves, and bytes of payloads.
    pub counts: [u64; 4],
    /// Times of the last record before, the first and the last.
    pub times_ms: [u64; 3],
    /// Where the pages and the two indexes begin, and the file ends.
    pub offsets: [u64; 4],
    /// Number of different keys.
    pub keys: u64,
    /// The oldest archive that was kept when it was written.
    pub counted_from: u64,
    /// Postings in it and all archives before it, if they were counted.
    pub postings: Option<u64>,
    /// The chain before and behind it.
    pub chains: ([u8; 32], [u8; 32]),
    /// Whether it is all that is left.
    pub is_stub: bool,
}

/// Reads the header block.
///
/// # Errors
/// If it is not valid.
pub fn header(block: &[u8]) -> Result<Header, Broken> {
    ensure(block.len() == 4_096, "its header is cut off")?;
    let mut input = envelope(block, b"PASSBARC")?;
    let (store, number) = (input.array()?, input.u64()?);
    let sequences = (input.u64()?, input.u64()?);
    let counts = [input.u64()?, input.u64()?, input.u64()?, input.u64()?];
    let times_ms = [input.u64()?, input.u64()?, input.u64()?];
    let offsets = [input.u64()?, input.u64()?, input.u64()?, input.u64()?];
    let (keys, counted_from) = (input.u64()?, input.u64()?);
    let postings = input.u64()?.checked_sub(1);
    let (chains, flags) = ((input.array()?, input.array()?), input.u32()?);
    input.zeros(4)?;
    let several_from = input.u64()?;
    input.zeros(3_844)?;
    let [_, whole, leaves, _] = counts;
    let records = sequences.1.checked_add(1).and_then(|end| end.checked_sub(sequences.0));
    ensure(records.is_some() && records == whole.checked_add(leaves), "its counts differ")?;
    ensure(number > 0 && sequences.0 > 0, "its numbers are out of range")?;
    ensure((1..=number).contains(&counted_from), "its numbers are out of range")?;
    ensure(offsets.is_sorted() && offsets[0] >= 4_096, "its parts are not in order")?;
    ensure(times_ms.is_sorted(), "its times are not in order")?;
    ensure(flags <= 1, "its flags are unknown")?;
    let is_stub = flags == 1;
    ensure(
        several_from < number && (is_stub || several_from == 0),
        "its numbers are out of range",
    )?;
    let number_first = if several_from == 0 { number } else { several_from };
    Ok(Header {
        store,
        number,
        number_first,
        sequences,
        counts,
        times_ms,
        offsets,
        keys,
        counted_from,
        postings,
        chains,
        is_stub,
    })
}

/// Reads an archive or a stub.
///
/// # Errors
/// If any part of it does not verify, the chain included.
pub fn archive(file: &[u8]) -> Result<Archive, Broken> {
    let (head, frames) = file.split_at_checked(4_096).ok_or(Broken("its header is cut off"))?;
    let header = header(head)?;
    let mut archive = Archive { header, records: Vec::new(), keys: BTreeMap::new() };
    if archive.header.is_stub {
        ensure(frames.is_empty(), "something lies behind a stub")?;
        return Ok(archive);
    }
    let [pages_at, blocks_at, index_at, file_len] = archive.header.offsets;
    ensure(count(file.len()) == file_len, "its length differs")?;
    let (mut blocks, mut pages) = (Vec::new(), Vec::new());
    let mut walk = Walk { input: Input(frames), at: 4_096, header: &archive.header };
    let mut totals =
        Totals { chain: archive.header.chains.0, time_ms: archive.header.times_ms[0], batches: 0 };
    while walk.at < pages_at {
        let frame = walk.frame(1)?;
        block(&frame, &mut totals, &archive.header, &mut archive.records)?;
        blocks.push((u64::from(frame.count), frame.len));
    }
    ensure(walk.at == pages_at, "its pages begin elsewhere")?;
    while walk.at < blocks_at {
        let frame = walk.frame(2)?;
        let first = page(&frame, archive.header.sequences, &mut archive.keys)?;
        pages.push((frame.len, first));
    }
    ensure(walk.at == blocks_at, "its index of blocks is elsewhere")?;
    index_of_blocks(&walk.frame(3)?, &blocks)?;
    ensure(walk.at == index_at, "its index of pages is elsewhere")?;
    index_of_pages(&walk.frame(4)?, &pages)?;
    walk.input.end()?;
    check_totals(&archive, &totals)?;
    Ok(archive)
}

fn check_totals(archive: &Archive, totals: &Totals) -> Result<(), Broken> {
    let Archive { header, records, keys } = archive;
    let whole = records.iter().filter_map(|record| record.payload.as_ref());
    let payload_bytes = whole.clone().map(|payload| count(payload.len())).sum();
    let whole = count(whole.count());
    let counts = [totals.batches, whole, count(records.len()) - whole, payload_bytes];
    ensure(header.counts == counts, "its header contradicts its records")?;
    ensure(header.chains.1 == totals.chain, "its chain differs")?;
    let [before_ms, first_ms, last_ms] = header.times_ms;
    let first = records.first().map_or(first_ms, |record| record.time_ms);
    ensure((first, totals.time_ms) == (first_ms, last_ms), "its times differ")?;
    ensure(!records.is_empty() || last_ms == before_ms, "its times differ")?;
    ensure(count(keys.len()) == header.keys, "its header contradicts its keys")
}

struct Frame {
    count: u32,
    first: u64,
    times_ms: (u64, u64),
    raw: Vec<u8>,
    len: u64,
}

struct Walk<'a> {
    input: Input<'a>,
    at: u64,
    header: &'a Header,
}

impl Walk<'_> {
    fn frame(&mut self, kind: u32) -> Result<Frame, Broken> {
        let (store, number) = (&self.header.store, self.header.number.to_le_bytes());
        let head = self.input.take(64)?;
        let mut fields = Input(head);
        let (magic, head_sum) = (fields.take(8)?, fields.u32()?);
        ensure(magic == b"PASSBARF", "a frame's magic bytes differ")?;
        let found = crc(&[store, &number, magic, fields.0]);
        ensure(found == head_sum, "a frame's header checksum differs")?;
        let sum = fields.u32()?;
        ensure(fields.u64()? == self.at, "a frame belongs at another offset")?;
        ensure(fields.u32()? == kind, "a frame is of another kind")?;
        let (count_, raw_len, len) = (fields.u32()?, fields.len32()?, fields.len32()?);
        let (first, times_ms) = (fields.u64()?, (fields.u64()?, fields.u64()?));
        let most = match kind {
            1 => 4 << 20,
            2 => 128 << 10,
            _ => 16 << 20,
        };
        ensure(raw_len <= most, "a frame is too long")?;
        ensure(times_ms.0 <= times_ms.1, "a frame's times are not in order")?;
        let stored = self.input.take(len)?;
        let found = crc(&[store, &number, &self.at.to_le_bytes(), stored]);
        ensure(found == sum, "a frame's checksum differs")?;
        let frame_len = count(64 + len);
        self.at += frame_len;
        let raw = unpack(stored, raw_len)?;
        Ok(Frame { count: count_, first, times_ms, raw, len: frame_len })
    }
}

struct Totals {
    chain: [u8; 32],
    time_ms: u64,
    batches: u64,
}

fn block(
    frame: &Frame,
    totals: &mut Totals,
    header: &Header,
    records: &mut Vec<Record>,
) -> Result<(), Broken> {
    let expected = header.sequences.0.checked_add(count(records.len()));
    ensure(expected == Some(frame.first), "a block does not follow")?;
    let mut input = Input(&frame.raw);
    let batches = input.varint()?;
    let mut counts = Vec::new();
    for _ in 0..batches {
        let records = input.varint()?;
        ensure((1..=65_536).contains(&records), "a batch's count is out of range")?;
        counts.push(records);
    }
    let total = counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count));
    ensure(total == Some(frame.count.into()) && frame.count > 0, "a block's count differs")?;
    let fields_len = input.varlen()?;
    let mut fields = Input(input.take(fields_len)?);
    let (mut sequence, mut time_ms) = (frame.first, frame.times_ms.0);
    for records_in_batch in counts {
        let (first, mut leaves) = (sequence, Vec::new());
        for _ in 0..records_in_batch {
            let record = archived(&mut fields, &mut input, sequence, &mut time_ms)?;
            ensure(!leaves.is_empty() || record.is_group_first, "a batch begins within a group")?;
            ensure(record.time_ms >= totals.time_ms, "a record is before its predecessor")?;
            totals.time_ms = record.time_ms;
            leaves.push(record.leaf);
            records.push(record);
            sequence = sequence.checked_add(1).ok_or(Broken("sequences are out of range"))?;
        }
        totals.chain = link(&totals.chain, first, &leaves);
        totals.batches += 1;
    }
    fields.end()?;
    input.end()?;
    ensure(time_ms == frame.times_ms.1, "a block's times differ")
}

fn archived(
    fields: &mut Input<'_>,
    bodies: &mut Input<'_>,
    sequence: u64,
    time_ms: &mut u64,
) -> Result<Record, Broken> {
    let after = time_ms.checked_add(fields.varint()?);
    *time_ms = after.ok_or(Broken("times are out of range"))?;
    let tag = fields.varint()?;
    let (is_group_first, is_whole, len) = (tag & 1 == 1, tag & 2 == 2, size(tag >> 2)?);
    let (payload, leaf) = if is_whole {
        ensure(len <= 1 << 20, "a record is too long")?;
        let payload = bodies.take(len)?;
        (Some(payload.to_vec()), leaf(payload))
    } else {
        ensure(len == 0, "a leaf has a length")?;
        (None, bodies.array()?)
    };
    Ok(Record { sequence, time_ms: *time_ms, is_group_first, payload, leaf })
}

/// Adds a page's entries; gives its first key.
fn page(
    frame: &Frame,
    range: (u64, u64),
    keys: &mut BTreeMap<Vec<u8>, (u64, Vec<u64>)>,
) -> Result<Vec<u8>, Broken> {
    let mut input = Input(&frame.raw);
    let mut first = None;
    for _ in 0..frame.count {
        let key_len = input.varlen()?;
        ensure(key_len <= 1_024, "a key is too long")?;
        let key = input.take(key_len)?.to_vec();
        let (ordinal, len) = (input.varint()?, input.varint()?);
        ensure((1..=8_192).contains(&len), "an entry's count is out of range")?;
        ensure(ordinal.checked_add(len).is_some(), "an ordinal is out of range")?;
        let is_last = keys.last_key_value().is_none_or(|(last, _)| *last <= key);
        ensure(is_last, "keys are not in order")?;
        let (start, sequences) = keys.entry(key.clone()).or_insert_with(|| (ordinal, Vec::new()));
        let follows = start.checked_add(count(sequences.len())) == Some(ordinal);
        ensure(follows, "entries of one key contradict each other")?;
        let mut sequence = 0_u64;
        for _ in 0..len {
            let step = input.varint()?;
            let next = sequence.checked_add(step).filter(|next| *next > sequence);
            sequence = next.ok_or(Broken("an entry's sequences do not rise"))?;
            ensure((range.0..=range.1).contains(&sequence), "an entry names another's record")?;
            let rises = sequences.last().is_none_or(|last| *last < sequence);
            ensure(rises, "an entry's sequences do not rise")?;
            sequences.push(sequence);
        }
        first.get_or_insert(key);
    }
    input.end()?;
    first.ok_or(Broken("a page is empty"))
}

fn index_of_blocks(frame: &Frame, blocks: &[(u64, u64)]) -> Result<(), Broken> {
    let mut input = Input(&frame.raw);
    for (records, len) in blocks {
        let found = (input.varint()?, input.varint()?);
        ensure(found == (*records, *len), "the index of blocks differs")?;
    }
    ensure(count(blocks.len()) == u64::from(frame.count), "the index of blocks differs")?;
    input.end()
}

fn index_of_pages(frame: &Frame, pages: &[(u64, Vec<u8>)]) -> Result<(), Broken> {
    let mut input = Input(&frame.raw);
    for (len, key) in pages {
        let (found_len, key_len) = (input.varint()?, input.varlen()?);
        let found = (found_len, input.take(key_len)?);
        ensure(found == (*len, key.as_slice()), "the index of pages differs")?;
    }
    ensure(count(pages.len()) == u64::from(frame.count), "the index of pages differs")?;
    input.end()
}
