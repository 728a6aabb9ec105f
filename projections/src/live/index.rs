//! From a hash to slots: eight bytes an entry, sharded.
//!
//! An entry keeps 32 bits of the hash beside the slot. So a table grows without a look at any row,
//! and nearly every candidate is the right one; which it is only the row can tell.

mod table;

use self::table::{Entry, Table};
use super::{
    shards::{ReadShards, SHARDS, Shards, index},
    slot::Slot,
};
use crate::sync::RwLock;

/// A hash, cut into what chooses the shard and what is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hash {
    /// Chooses the shard.
    pub(crate) shard: u32,
    /// Is kept, to tell candidates apart.
    pub(crate) tag: u32,
}

impl From<u64> for Hash {
    fn from(hash: u64) -> Self {
        let half = |bits: u64| u32::try_from(bits).expect("32 bits are left");
        Self { shard: half(hash & u64::from(u32::MAX)), tag: half(hash >> 32) }
    }
}

impl Hash {
    /// The hash within a shard's table.
    pub(crate) fn spread(self) -> u64 {
        Self::spread_tag(self.tag)
    }

    /// The same, of what was kept. A table wants the high and the low bits to be random; the
    /// product with an odd number (2^64 divided by the golden ratio) has both from any tag.
    pub(crate) fn spread_tag(tag: u32) -> u64 {
        u64::from(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// Entries to be added, by shard.
#[derive(Debug)]
pub(crate) struct IndexBatch {
    shards: Vec<Vec<Entry>>,
}

impl Default for IndexBatch {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Vec::new()).collect() }
    }
}

impl IndexBatch {
    pub(crate) fn add(&mut self, hash: Hash, slot: Slot) {
        let shard = self.shards.get_mut(index(hash.shard % SHARDS));
        shard.expect("a remainder is below its divisor").push(Entry::new(hash.tag, slot));
    }
}

/// Slots by hash.
#[derive(Debug, Default)]
pub(crate) struct Index {
    shards: Shards<RwLock<Table>>,
}

impl Index {
    /// What `read` makes of the first candidate that it takes for the right one.
    ///
    /// The shard stays locked for readers while `read` looks at rows: a slot is not given to
    /// another session before its entries are gone.
    pub(crate) fn look_up<T>(&self, hash: Hash, read: impl FnMut(Slot) -> Option<T>) -> Option<T> {
        self.shards.of(hash.shard).read().find(hash.tag, read)
    }

    /// All of it, for one who looks at many places: writers wait meanwhile.
    pub(crate) fn read(&self) -> IndexRead<'_> {
        IndexRead { shards: self.shards.read_all() }
    }

    /// Adds an entry.
    pub(crate) fn insert(&self, hash: Hash, slot: Slot) {
        self.shards.of(hash.shard).write().insert(Entry::new(hash.tag, slot));
    }

    /// Adds all entries of a batch, and empties it.
    pub(crate) fn insert_all(&self, batch: &mut IndexBatch) {
        for (shard, entries) in self.shards.iter().zip(&mut batch.shards) {
            if entries.is_empty() {
                continue;
            }
            shard.write().insert_all(entries);
            entries.clear();
        }
    }

    /// Room for so many entries more. They spread as coins fall: each shard gets its part and six
    /// standard deviations.
    pub(crate) fn reserve(&self, len: usize) {
        let part = len / index(SHARDS);
        for shard in self.shards.iter() {
            shard.write().reserve(part + 6 * part.isqrt());
        }
    }

    /// Takes that entry away, if it is there.
    pub(crate) fn remove(&self, hash: Hash, slot: Slot) {
        self.shards.of(hash.shard).write().remove(Entry::new(hash.tag, slot));
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|table| table.read().len()).sum()
    }
}

/// An index that nobody changes meanwhile.
#[derive(Debug)]
pub(crate) struct IndexRead<'a> {
    shards: ReadShards<'a, Table>,
}

impl IndexRead<'_> {
    /// Whether the place in which a search begins is full: it is fetched from memory by that.
    pub(crate) fn is_home_full(&self, hash: Hash) -> bool {
        self.shards.of(hash.shard).is_home_full(hash.tag)
    }

    /// The first candidate.
    pub(crate) fn first(&self, hash: Hash) -> Option<Slot> {
        self.shards.of(hash.shard).find(hash.tag, Some)
    }
}
