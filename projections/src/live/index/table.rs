//! One shard of an index: buckets of eight entries, each bucket one cache line.
//!
//! An entry is a tag of 32 bits and a slot of 32 bits; 0 is no entry, for there is no slot 0. The
//! tag alone says where an entry belongs: its home is the tag's part of the way through the buckets.
//! So a table has as many buckets as it needs, not only a power of two, and grows with nothing but
//! what it holds. An entry whose home is full is in the next bucket that is not.
//!
//! Invariants:
//! - the taken places of a bucket are its first;
//! - all buckets from an entry's home to the one before its own are full;
//! - at most three of four places are taken. So there is a bucket that is not full, where each
//!   search ends, and more than nine of ten end in the bucket in which they begin.

use crate::live::{shards::index, slot::Slot};

/// Places in a bucket.
const WIDTH: usize = 8;
/// Entries that a table holds before it grows, for each of its buckets.
const ENTRIES_A_BUCKET: usize = 6;
/// Entries whose buckets are fetched from memory side by side.
const AHEAD: usize = 32;

/// A slot with its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(u64);

impl Entry {
    pub(super) fn new(tag: u32, slot: Slot) -> Self {
        Self((u64::from(tag) << 32) | u64::from(slot.number()))
    }

    fn tag(self) -> u32 {
        u32::try_from(self.0 >> 32).expect("32 bits are left")
    }

    /// `None` if it is no entry.
    fn slot(self) -> Option<Slot> {
        Slot::of_number(u32::try_from(self.0 & u64::from(u32::MAX)).expect("32 bits are left"))
    }
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket([u64; WIDTH]);

const _: () = assert!(size_of::<Bucket>() == 64, "a bucket is a cache line");

impl Bucket {
    /// A bit for each place whose tag is this one. Looks at all places: that is as many steps,
    /// whatever is found.
    fn places_of(&self, tag: u32) -> u32 {
        let tag = u64::from(tag);
        let bits = self.0.iter().zip(0..).map(|(entry, at)| u32::from(entry >> 32 == tag) << at);
        bits.fold(0, |places, bit| places | bit)
    }

    fn entry(&self, place: u32) -> Option<Entry> {
        self.0.get(index(place)).copied().map(Entry)
    }

    fn is_full(&self) -> bool {
        self.0.last().is_some_and(|last| *last != 0)
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        self.0.into_iter().take_while(|entry| *entry != 0).map(Entry)
    }

    /// Puts an entry into the first free place; whether there was one.
    fn add(&mut self, entry: Entry) -> bool {
        let free = self.0.iter_mut().find(|place| **place == 0);
        free.map(|place| *place = entry.0).is_some()
    }

    /// Takes an entry out, if it is there.
    fn take(&mut self, entry: Entry) {
        let Some(place) = self.0.iter().position(|kept| *kept == entry.0) else { return };
        let last = self.entries().count() - 1;
        self.0.swap(place, last);
        if let Some(place) = self.0.get_mut(last) {
            *place = 0;
        }
    }
}

/// Entries by tag.
#[derive(Debug, Default)]
pub(super) struct Table {
    buckets: Vec<Bucket>,
    len: usize,
}

impl Table {
    /// What `read` makes of the first slot with that tag of which it makes something.
    #[inline]
    pub(super) fn find<T>(&self, tag: u32, mut read: impl FnMut(Slot) -> Option<T>) -> Option<T> {
        let mut at = self.home(tag);
        loop {
            let bucket = self.buckets.get(at)?;
            let mut places = bucket.places_of(tag);
            while places != 0 {
                let slot = bucket.entry(places.trailing_zeros()).and_then(Entry::slot);
                if let Some(found) = slot.and_then(&mut read) {
                    return Some(found);
                }
                places &= places - 1;
            }
            if !bucket.is_full() {
                return None;
            }
            at = self.after(at);
        }
    }

    /// Adds an entry.
    pub(super) fn insert(&mut self, entry: Entry) {
        if self.len == self.capacity() {
            // By half: a table of any size then has more than half of its places taken.
            self.resize((self.buckets.len() + self.buckets.len() / 2).max(1) + 1);
        }
        self.put(entry);
    }

    /// Adds entries.
    pub(super) fn insert_all(&mut self, entries: &[Entry]) {
        for few in entries.chunks(AHEAD) {
            // Asked for one behind the other, each would be waited for.
            let full = few.iter().filter(|entry| self.is_home_full(entry.tag())).count();
            std::hint::black_box(full);
            for entry in few {
                self.insert(*entry);
            }
        }
    }

    /// Room for so many entries more, and no more than that.
    pub(super) fn reserve(&mut self, more: usize) {
        let len = self.len.saturating_add(more);
        if len > self.capacity() {
            self.resize(len.div_ceil(ENTRIES_A_BUCKET));
        }
    }

    /// Takes an entry out, if it is there.
    pub(super) fn remove(&mut self, entry: Entry) {
        let Some(at) = self.place_of(entry) else { return };
        let Some(bucket) = self.buckets.get_mut(at) else { return };
        let was_full = bucket.is_full();
        bucket.take(entry);
        self.len -= 1;
        if was_full {
            self.fill(at);
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn capacity(&self) -> usize {
        self.buckets.len() * ENTRIES_A_BUCKET
    }

    /// The bucket in which an entry of that tag belongs.
    fn home(&self, tag: u32) -> usize {
        let buckets = u64::try_from(self.buckets.len()).expect("an index has at most 64 bits");
        // The product has at most 64 bits: there are fewer buckets than slots.
        let home = (u64::from(tag) * buckets) >> 32;
        usize::try_from(home).expect("below the number of buckets")
    }

    /// Whether the bucket in which an entry of that tag belongs is full.
    pub(super) fn is_home_full(&self, tag: u32) -> bool {
        self.buckets.get(self.home(tag)).is_some_and(Bucket::is_full)
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 < self.buckets.len() { at + 1 } else { 0 }
    }

    /// From one bucket on to another.
    fn steps(&self, from: usize, to: usize) -> usize {
        if from <= to { to - from } else { self.buckets.len() - from + to }
    }

    /// Puts an entry where it belongs; there is room.
    fn put(&mut self, entry: Entry) {
        let mut at = self.home(entry.tag());
        while let Some(bucket) = self.buckets.get_mut(at)
            && !bucket.add(entry)
        {
            at = self.after(at);
        }
        self.len += 1;
    }

    /// The bucket in which that entry is.
    fn place_of(&self, entry: Entry) -> Option<usize> {
        let mut at = self.home(entry.tag());
        loop {
            let bucket = self.buckets.get(at)?;
            if bucket.0.contains(&entry.0) {
                return Some(at);
            }
            if !bucket.is_full() {
                return None;
            }
            at = self.after(at);
        }
    }

    /// Brings an entry back into a bucket that was full until now, if one farther on would have had
    /// its place there; then one into the place that this one leaves, and so on.
    fn fill(&mut self, mut hole: usize) {
        let mut at = self.after(hole);
        while at != hole {
            let Some(bucket) = self.buckets.get(at).copied() else { return };
            let steps = self.steps(hole, at);
            let strayed =
                bucket.entries().find(|entry| self.steps(self.home(entry.tag()), at) >= steps);
            if let Some(entry) = strayed {
                self.carry(entry, at, hole);
                hole = at;
            }
            if !bucket.is_full() {
                return;
            }
            at = self.after(at);
        }
    }

    fn carry(&mut self, entry: Entry, from: usize, to: usize) {
        if let Some(bucket) = self.buckets.get_mut(from) {
            bucket.take(entry);
        }
        if let Some(bucket) = self.buckets.get_mut(to) {
            bucket.add(entry);
        }
    }

    fn resize(&mut self, buckets: usize) {
        let old = std::mem::replace(&mut self.buckets, vec![Bucket::default(); buckets]);
        self.len = 0;
        for entry in old.iter().flat_map(Bucket::entries) {
            self.put(entry);
        }
    }
}

#[cfg(test)]
mod tests;
