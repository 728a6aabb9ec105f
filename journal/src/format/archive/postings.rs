//! Under which keys the records of an archive are found: pages of sorted entries.
//!
//! Where the pages are is left to `index`.

use std::collections::BTreeMap;

use super::varint::{Cursor, put_length, put_varint};
use crate::limits::{ARCHIVE_ENTRY_SEQUENCES_MAX, ARCHIVE_KEY_BYTES_MAX, ARCHIVE_PAGE_BYTES};

/// The postings of an archive in the making.
#[derive(Debug, Default)]
pub(crate) struct Postings {
    keys: BTreeMap<Vec<u8>, Posting>,
    total: u64,
}

/// Sequences of one key, as deltas.
#[derive(Debug, Default)]
struct Posting {
    count: u64,
    last: u64,
    deltas: Vec<u8>,
}

impl Postings {
    /// Notes a record under a key. Sequences come in order; the same one twice is once.
    pub(crate) fn add(&mut self, key: &[u8], sequence: u64) {
        if !self.keys.contains_key(key) {
            self.keys.insert(key.to_vec(), Posting::default());
        }
        let Some(posting) = self.keys.get_mut(key) else { return };
        if posting.count > 0 && posting.last == sequence {
            return;
        }
        put_varint(&mut posting.deltas, sequence - posting.last);
        posting.last = sequence;
        posting.count += 1;
        self.total += 1;
    }

    /// Records of all keys, a record once for each of its keys.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.keys().map(Vec::as_slice)
    }

    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.keys.len()).unwrap_or(u64::MAX)
    }

    /// The pages: first key, number of entries, bytes. `ordinals` holds the ordinal of each key's
    /// first record, in the order of keys.
    pub(crate) fn pages(&self, ordinals: &[u64]) -> Vec<Page> {
        let mut pages = Vec::new();
        let mut page = Page::default();
        for ((key, posting), ordinal) in self.keys.iter().zip(ordinals) {
            for entry in posting.entries(*ordinal) {
                if page.entries == 0 {
                    page.key_first.clone_from(key);
                }
                put_length(&mut page.bytes, key.len());
                page.bytes.extend_from_slice(key);
                entry.encode(&mut page.bytes);
                page.entries += 1;
                if page.bytes.len() >= ARCHIVE_PAGE_BYTES {
                    pages.push(std::mem::take(&mut page));
                }
            }
        }
        if page.entries > 0 {
            pages.push(page);
        }
        pages
    }
}

impl Posting {
    /// Entries of at most so many sequences each.
    fn entries(&self, ordinal_first: u64) -> Vec<Entry> {
        let mut cursor = Cursor::new(&self.deltas);
        let mut entries: Vec<Entry> = Vec::new();
        let (mut sequence, mut ordinal) = (0, ordinal_first);
        while let Some(delta) = cursor.varint() {
            sequence += delta;
            match entries.last_mut() {
                Some(entry) if ordinal - entry.ordinal_first < ARCHIVE_ENTRY_SEQUENCES_MAX => {
                    entry.sequences.push(sequence);
                }
                Some(_) | None => {
                    entries.push(Entry { ordinal_first: ordinal, sequences: vec![sequence] });
                }
            }
            ordinal += 1;
        }
        entries
    }
}

/// One page, before compression.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) key_first: Vec<u8>,
    pub(crate) entries: u32,
    pub(crate) bytes: Vec<u8>,
}

/// Some records of one key: all that the archive has, unless the next entry has the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// How many records had the key before the first of these.
    pub(crate) ordinal_first: u64,
    /// In order, at least one.
    pub(crate) sequences: Vec<u64>,
}

impl Entry {
    fn encode(&self, bytes: &mut Vec<u8>) {
        put_varint(bytes, self.ordinal_first);
        put_length(bytes, self.sequences.len());
        let mut last = 0;
        for sequence in &self.sequences {
            put_varint(bytes, sequence - last);
            last = *sequence;
        }
    }

    fn decode(cursor: &mut Cursor<'_>) -> Option<Self> {
        let ordinal_first = cursor.varint()?;
        let count = cursor.varint()?;
        if !(1..=ARCHIVE_ENTRY_SEQUENCES_MAX).contains(&count) {
            return None;
        }
        ordinal_first.checked_add(count)?;
        let mut sequences = Vec::new();
        let mut sequence = 0_u64;
        for _ in 0..count {
            let delta = cursor.varint().filter(|delta| *delta > 0)?;
            sequence = sequence.checked_add(delta)?;
            sequences.push(sequence);
        }
        Some(Self { ordinal_first, sequences })
    }

    /// The ordinal of the next record with this key.
    pub(crate) fn ordinal_end(&self) -> u64 {
        self.ordinal_first + u64::try_from(self.sequences.len()).unwrap_or(u64::MAX)
    }
}

/// Reads the entries of an unpacked page one after another.
#[derive(Debug)]
pub(crate) struct PageReader<'a> {
    cursor: Cursor<'a>,
    left: u32,
}

impl<'a> PageReader<'a> {
    pub(crate) fn new(bytes: &'a [u8], entries: u32) -> Self {
        Self { cursor: Cursor::new(bytes), left: entries }
    }

    fn entry(&mut self) -> Option<(&'a [u8], Entry)> {
        let key_len = self.cursor.length().filter(|length| *length <= ARCHIVE_KEY_BYTES_MAX)?;
        let key = self.cursor.take(key_len)?;
        Some((key, Entry::decode(&mut self.cursor)?))
    }
}

impl<'a> Iterator for PageReader<'a> {
    type Item = Result<(&'a [u8], Entry), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let done = self.cursor.is_empty();
            self.cursor = Cursor::new(&[]);
            return if done { None } else { Some(Err("bytes lie behind a page's last entry")) };
        }
        self.left -= 1;
        Some(self.entry().ok_or("an entry of a page is out of range"))
    }
}
