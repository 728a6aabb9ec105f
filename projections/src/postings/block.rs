//! A complete block: what its first page says, and finding sequences in the others.

use std::io;

use thiserror::Error;

use super::{
    BLOCK_EVENTS_MAX, PAGE_BYTES, TIMES_EVERY, VERSION, begin_for,
    key::Key,
    page::{self, PAGE_ENTRIES, offset_of, pages_for},
};

const MAGIC: &[u8; 8] = b"PBPOSTNG";
/// Entries of an event, at most.
const KEYS_MAX: u64 = 2;
const TIMES_START: usize = 128;
const TIMES_MAX: usize = 64;
const FENCE_START: usize = TIMES_START + TIMES_MAX * 8;

/// Reads bytes of a block at an offset, and says how many there were.
pub type ReadAt<'a> = dyn Fn(&mut [u8], u64) -> io::Result<usize> + 'a;

/// A record that a block is tied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tie {
    /// Its sequence.
    pub sequence: u64,
    /// When it was recorded, in Unix milliseconds.
    pub time_ms: u64,
    checksum: u32,
}

impl Tie {
    /// To that record.
    pub fn of(sequence: u64, time_ms: u64, payload: &[u8]) -> Self {
        Self { sequence, time_ms, checksum: crc32fast::hash(payload) }
    }
}

/// A block that can't be used: as good as absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("byte {offset}: {why}")]
pub struct BadBlock {
    /// Where, in bytes from its start.
    pub offset: u64,
    /// What is wrong there.
    pub why: &'static str,
}

/// What the first page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) store: [u8; 16],
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) time_last_ms: u64,
    pub(super) entries: u32,
    pub(super) tie: Tie,
    pub(super) before: Option<Tie>,
    pub(super) happened_from_ms: u64,
    pub(super) times: Vec<u64>,
    pub(super) fence: Vec<u32>,
}

/// A complete block, its first page read and checked. At most 1.5 KiB of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    header: Header,
    checksum: u32,
}

impl Block {
    /// Reads and checks the first page of a block that is so many bytes long.
    ///
    /// # Errors
    /// [`BadBlock`].
    pub fn open(bytes_len: u64, read: &ReadAt<'_>) -> Result<Self, BadBlock> {
        let bytes = read_page(read, 0)?;
        let (header, checksum) = Header::decode(&bytes)?;
        if bytes_len != offset_of(pages_for(header.entries)) {
            return Err(BadBlock { offset: bytes_len, why: "its length is not what it says" });
        }
        Ok(Self { header, checksum })
    }

    /// The id of the ledger that it belongs to.
    pub fn store(&self) -> [u8; 16] {
        self.header.store
    }

    /// The first sequence.
    pub fn first(&self) -> u64 {
        self.header.first
    }

    /// The last sequence.
    pub fn last(&self) -> u64 {
        self.header.last
    }

    /// When the last of its records was recorded, in Unix milliseconds.
    pub fn time_last_ms(&self) -> u64 {
        self.header.time_last_ms
    }

    /// The record that it is tied to.
    pub fn tie(&self) -> Tie {
        self.header.tie
    }

    /// The tie of the block before, if that was known.
    pub fn before(&self) -> Option<Tie> {
        self.header.before
    }

    /// The earliest time at which an event of it happened that was recorded later than it happened, in
    /// Unix milliseconds; [`u64::MAX`] = there is none.
    pub fn happened_from_ms(&self) -> u64 {
        self.header.happened_from_ms
    }

    /// Where to begin so that no record of that time or later is missed, in Unix milliseconds.
    pub fn begin_for(&self, time_ms: u64) -> u64 {
        begin_for(self.header.first, &self.header.times, time_ms)
    }

    /// The sequences at which any of the keys may be found, rising. Reads the pages that may name
    /// them: one or two a key, if not many events have it.
    ///
    /// # Errors
    /// [`BadBlock`] if what it reads does not belong to the first page.
    pub fn sequences(&self, keys: &[Key<'_>], read: &ReadAt<'_>) -> Result<Vec<u64>, BadBlock> {
        let mut found = Vec::new();
        for key in keys {
            self.find(key.hash(), read, &mut found)?;
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn find(&self, hash: u32, read: &ReadAt<'_>, found: &mut Vec<u64>) -> Result<(), BadBlock> {
        let Header { first, last, entries, fence, .. } = &self.header;
        // It may begin in the page before the first one that begins at or behind it.
        let later = fence.partition_point(|first| *first < hash);
        let pages = fence.iter().enumerate().skip(later.saturating_sub(1));
        for (number, _) in pages.take_while(|(_, first)| **first <= hash) {
            let bytes = read_page(read, offset_of(number))?;
            let entries = usize::try_from(*entries).unwrap_or(usize::MAX);
            let entries = entries.saturating_sub(number * PAGE_ENTRIES).min(PAGE_ENTRIES);
            for (each, ordinal) in page::decode(self.checksum, number, &bytes, entries)? {
                let sequence = first + u64::from(ordinal);
                if each == hash && sequence <= *last {
                    found.push(sequence);
                }
            }
        }
        Ok(())
    }
}

fn read_page(read: &ReadAt<'_>, offset: u64) -> Result<Vec<u8>, BadBlock> {
    let mut bytes = vec![0; PAGE_BYTES];
    match read(&mut bytes, offset) {
        Ok(count) if count == PAGE_BYTES => Ok(bytes),
        Ok(_) => Err(BadBlock { offset, why: "a page is cut off" }),
        Err(_) => Err(BadBlock { offset, why: "a page can't be read" }),
    }
}

impl Header {
    /// The first page, and its checksum.
    pub(super) fn encode(&self) -> (Vec<u8>, u32) {
        let mut behind = Vec::with_capacity(PAGE_BYTES);
        behind.extend_from_slice(&VERSION.to_le_bytes());
        behind.extend_from_slice(&self.store);
        for number in [self.first, self.last, self.time_last_ms] {
            behind.extend_from_slice(&number.to_le_bytes());
        }
        behind.extend_from_slice(&self.entries.to_le_bytes());
        behind.extend_from_slice(&[0; 4]);
        for tie in [Some(self.tie), self.before] {
            let none = Tie { sequence: 0, time_ms: 0, checksum: 0 };
            let tie = tie.unwrap_or(none);
            behind.extend_from_slice(&tie.sequence.to_le_bytes());
            behind.extend_from_slice(&tie.time_ms.to_le_bytes());
            behind.extend_from_slice(&tie.checksum.to_le_bytes());
            behind.extend_from_slice(&[0; 4]);
        }
        behind.extend_from_slice(&self.happened_from_ms.to_le_bytes());
        behind.resize(TIMES_START - 12, 0);
        self.times.iter().for_each(|time| behind.extend_from_slice(&time.to_le_bytes()));
        behind.resize(FENCE_START - 12, 0);
        self.fence.iter().for_each(|hash| behind.extend_from_slice(&hash.to_le_bytes()));
        behind.resize(PAGE_BYTES - 12, 0);
        let checksum = checksum_of(&behind);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(&behind);
        (bytes, checksum)
    }

    fn decode(bytes: &[u8]) -> Result<(Self, u32), BadBlock> {
        let bad = |offset, why| BadBlock { offset, why };
        let mut fields = Fields { bytes, at: 0 };
        if fields.array() != Some(*MAGIC) {
            return Err(bad(0, "its magic bytes differ"));
        }
        let checksum = fields.u32().unwrap_or_default();
        if bytes.get(fields.at..).is_none_or(|behind| checksum_of(behind) != checksum) {
            return Err(bad(8, "its first page does not verify"));
        }
        if fields.u32() != Some(VERSION) {
            return Err(bad(12, "it has another version"));
        }
        let header = fields.header().ok_or(bad(16, "its first page is cut off"))?;
        match header.contradiction() {
            Some(why) => Err(bad(16, why)),
            None => Ok((header, checksum)),
        }
    }

    /// A valid checksum over nonsense is still nonsense.
    fn contradiction(&self) -> Option<&'static str> {
        let count = self.last.checked_sub(self.first).and_then(|count| count.checked_add(1));
        let Some(count) = count.filter(|count| *count <= BLOCK_EVENTS_MAX && self.first > 0) else {
            return Some("its sequences are out of range");
        };
        if u64::from(self.entries) > count * KEYS_MAX || !self.fence.is_sorted() {
            return Some("its entries are out of range");
        }
        let is_inside = (self.first..=self.last).contains(&self.tie.sequence);
        (!is_inside || !self.times.is_sorted()).then_some("its fields contradict each other")
    }
}

fn checksum_of(behind: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(MAGIC);
    hasher.update(behind);
    hasher.finalize()
}

/// Reads the fields of the first page, in order.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let end = self.at.checked_add(N)?;
        let array = self.bytes.get(self.at..end)?.try_into().ok()?;
        self.at = end;
        Some(array)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn tie(&mut self) -> Option<Tie> {
        let (sequence, time_ms, checksum) = (self.u64()?, self.u64()?, self.u32()?);
        self.u32()?;
        Some(Tie { sequence, time_ms, checksum })
    }

    fn header(&mut self) -> Option<Header> {
        let store = self.array()?;
        let (first, last, time_last_ms) = (self.u64()?, self.u64()?, self.u64()?);
        let entries = self.u32()?;
        self.u32()?;
        let (tie, before) = (self.tie()?, self.tie()?);
        let before = Some(before).filter(|before| before.sequence > 0);
        let happened_from_ms = self.u64()?;
        self.at = TIMES_START;
        let steps = last.saturating_sub(first) / TIMES_EVERY + 1;
        let steps = usize::try_from(steps).unwrap_or(usize::MAX).min(TIMES_MAX);
        let times = (0..steps).map(|_| self.u64()).collect::<Option<_>>()?;
        self.at = FENCE_START;
        let fence = (0..pages_for(entries)).map(|_| self.u32()).collect::<Option<_>>()?;
        Some(Header {
            store,
            first,
            last,
            time_last_ms,
            entries,
            tie,
            before,
            happened_from_ms,
            times,
            fence,
        })
    }
}
