//! Segments: the header, the batches, and the records in them.

use super::bytes::{Broken, Input, count, crc, ensure, envelope, is_zero, leaf, link, size};

/// A record, as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub sequence: u64,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// Whether a group begins with it.
    pub is_group_first: bool,
    /// What was appended; `None` if only the leaf is left, in an archive.
    pub payload: Option<Vec<u8>>,
    /// The leaf.
    pub leaf: [u8; 32],
}

/// Who a segment belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Id of the store.
    pub store: [u8; 16],
    /// From 1.
    pub number: u64,
    /// Sequence of its first record.
    pub first: u64,
    /// Length of the file.
    pub file_len: u64,
    /// Where the last batch of the predecessor ends.
    pub previous_end: u64,
    /// What a batch must not be older than.
    pub time_ms: u64,
    /// The chain before its first batch.
    pub chain: [u8; 32],
    /// Goes into every checksum.
    pub salt: [u8; 16],
}

/// One batch that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Where it ends, padding included.
    pub end: usize,
    /// `durable` of its header.
    pub durable: u64,
    /// Its records.
    pub records: Vec<Record>,
    /// The chain before it.
    pub chain_before: [u8; 32],
    /// The chain that its trailer holds.
    pub chain: [u8; 32],
}

/// A segment, as far as it verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its header.
    pub header: Header,
    /// Its batches.
    pub batches: Vec<Batch>,
    /// Why it ends behind them; `None` = everything from there on is zero.
    pub flaw: Option<Broken>,
}

/// Where the last batch before left off.
struct Position {
    next: u64,
    chain: [u8; 32],
    time_ms: u64,
}

/// Reads one of the two header blocks.
///
/// # Errors
/// If it is not valid.
pub fn header(block: &[u8]) -> Result<Header, Broken> {
    ensure(block.len() == 4_096, "its header is cut off")?;
    let mut input = envelope(block, b"PASSBSEG")?;
    Ok(Header {
        store: input.array()?,
        number: input.u64()?,
        first: input.u64()?,
        file_len: input.u64()?,
        previous_end: input.u64()?,
        time_ms: input.u64()?,
        chain: input.array()?,
        salt: input.array()?,
    })
}

/// Walks over a segment up to the first place that doesn't verify.
///
/// # Errors
/// If its header doesn't.
pub fn segment(file: &[u8]) -> Result<Segment, Broken> {
    let mut input = Input(file);
    let (block, copy) = (input.take(4_096)?, input.take(4_096)?);
    let header = header(block)?;
    ensure(block == copy, "the two headers differ")?;
    ensure(header.file_len == count(file.len()), "the file has another length")?;
    let mut at = 8_192;
    let mut position =
        Position { next: header.first, chain: header.chain, time_ms: header.time_ms };
    let mut batches: Vec<Batch> = Vec::new();
    loop {
        let rest = file.get(at..).unwrap_or_default();
        if is_zero(rest) {
            return Ok(Segment { header, batches, flaw: None });
        }
        match batch(&header, at, rest, &position) {
            Ok(found) => {
                at = found.end;
                if let Some(last) = found.records.last() {
                    position.next = last.sequence + 1;
                    position.time_ms = last.time_ms;
                }
                position.chain = found.chain;
                batches.push(found);
            }
            Err(flaw) => return Ok(Segment { header, batches, flaw: Some(flaw) }),
        }
    }
}

impl Segment {
    /// All its records.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.batches.iter().flat_map(|batch| &batch.records)
    }
}

impl Batch {
    /// Whether the chain is that of the records.
    pub fn is_linked(&self) -> bool {
        let leaves: Vec<_> = self.records.iter().map(|record| record.leaf).collect();
        let first = self.records.first().map_or(0, |record| record.sequence);
        link(&self.chain_before, first, &leaves) == self.chain
    }
}

fn batch(header: &Header, at: usize, file: &[u8], position: &Position) -> Result<Batch, Broken> {
    let number = header.number.to_le_bytes();
    let seal = [&header.salt[..], &number[..]];
    let mut input = Input(file);
    let head = input.take(128)?;
    let mut fields = Input(head);
    let (magic, sum) = (fields.take(8)?, fields.u32()?);
    ensure(magic == b"PASSBBAT", "a batch's magic bytes differ")?;
    ensure(crc(&[seal[0], seal[1], magic, fields.0]) == sum, "a batch's checksum differs")?;
    fields.zeros(4)?;
    ensure(fields.u64()? == count(at), "a batch belongs at another offset")?;
    let (first, records, content) = (fields.u64()?, fields.u32()?, fields.len32()?);
    let (time_first_ms, time_last_ms, durable) = (fields.u64()?, fields.u64()?, fields.u64()?);
    let (chain_before, mask) = (fields.array::<32>()?, fields.array::<8>()?);
    fields.zeros(24)?;
    let extent = content.checked_next_multiple_of(4_096).ok_or(Broken("a batch is too long"))?;
    ensure((192..=1 << 20).contains(&content), "a batch's length is out of range")?;
    ensure((1..=65_536).contains(&records), "a batch's count is out of range")?;
    ensure(first > 0 && first == position.next, "a batch does not follow")?;
    let behind = first.checked_add(records.into()).ok_or(Broken("sequences are out of range"))?;
    ensure(chain_before == position.chain, "a batch's chain does not follow")?;
    ensure(time_first_ms >= position.time_ms, "a batch is before its predecessor")?;
    ensure(time_last_ms >= time_first_ms && durable < first, "a batch contradicts itself")?;

    let mut body = input.take(content - 128)?.to_vec();
    input.zeros(extent - content)?;
    body.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    let (body, trailer) = body.split_last_chunk::<64>().ok_or(Broken("a batch is cut off"))?;
    let mut body = Input(body);
    let mut found: Vec<Record> = Vec::new();
    let mut delta_last = 0;
    for sequence in first..behind {
        let (delta_ms, record) = record(&mut body, seal, sequence, time_first_ms)?;
        ensure(delta_ms >= delta_last, "a record is before its predecessor")?;
        ensure(sequence > first || record.is_group_first, "a batch begins within a group")?;
        delta_last = delta_ms;
        found.push(record);
    }
    body.end()?;
    let last_ms = found.last().map(|record| record.time_ms);
    ensure(last_ms == Some(time_last_ms), "a batch's last time differs")?;
    let chain = trailer_chain(trailer, seal, at, behind - 1)?;
    Ok(Batch { end: at + extent, durable, records: found, chain_before, chain })
}

fn record(
    body: &mut Input<'_>,
    seal: [&[u8]; 2],
    sequence: u64,
    time_first_ms: u64,
) -> Result<(u32, Record), Broken> {
    let head = body.take(12)?;
    let mut fields = Input(head);
    let (len, delta_ms, flags) = (fields.len32()?, fields.u32()?, fields.u32()?);
    let sum = body.u32()?;
    let payload = body.take(len)?;
    let found = crc(&[seal[0], seal[1], &sequence.to_le_bytes(), head, payload]);
    ensure(found == sum, "a record's checksum differs")?;
    ensure(flags <= 1, "a record's flags are unknown")?;
    let time_ms = time_first_ms.checked_add(delta_ms.into());
    let record = Record {
        sequence,
        time_ms: time_ms.ok_or(Broken("times are out of range"))?,
        is_group_first: flags == 1,
        payload: Some(payload.to_vec()),
        leaf: leaf(payload),
    };
    Ok((delta_ms, record))
}

fn trailer_chain(
    trailer: &[u8; 64],
    seal: [&[u8]; 2],
    at: usize,
    last: u64,
) -> Result<[u8; 32], Broken> {
    let (covered, sum) = trailer.split_last_chunk::<4>().ok_or(Broken("a trailer is cut off"))?;
    let found = crc(&[seal[0], seal[1], &count(at).to_le_bytes(), covered]);
    ensure(found == u32::from_le_bytes(*sum), "a trailer's checksum differs")?;
    let mut input = Input(covered);
    ensure(input.take(8)? == b"PASSBEND", "a trailer's magic bytes differ")?;
    ensure(input.u64()? == last, "a trailer's sequence differs")?;
    let chain = input.array()?;
    input.zeros(12)?;
    Ok(chain)
}

/// The segment number and first sequence in a name like `000002-48211.seg`.
///
/// # Errors
/// If it is no such name.
pub fn name(name: &str, suffix: &str) -> Result<(u64, u64), Broken> {
    let bad = Broken("a name is not one of ours");
    let (number, first) =
        name.strip_suffix(suffix).and_then(|stem| stem.split_once('-')).ok_or(bad)?;
    let parse = |text: &str| text.parse::<u64>().map_err(|_no_number| bad);
    let (number, first) = (parse(number)?, parse(first)?);
    ensure(format!("{number:06}-{first}{suffix}") == name, bad.0)?;
    size(number).map(|_fits| (number, first))
}
