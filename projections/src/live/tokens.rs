//! From a token's digest to the session of its lineage.
//!
//! Live and spent tokens have an index each: the live ones stay dense, however often sessions
//! rotate. An index says which row may know the digest; the row has the last word, and has room for
//! one live digest. So of a lineage never two tokens are live, whatever the index says meanwhile.

use passbook_core::{SpentToken, TokenDigest};

use super::{
    index::{Hash, Index, IndexBatch, IndexRead},
    row::Row,
    rows::{RowShard, Rows},
    slot::Slot,
};

/// The two indexes.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    live: Index,
    spent: Index,
}

/// In which index a digest is, and with which slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the row's live token.
    Live(Slot),
    /// It is one of the session's spent tokens.
    Spent(Slot),
}

impl Tokens {
    /// What `read` makes of the row that this live token opens.
    pub(crate) fn read_live<T>(
        &self,
        rows: &Rows,
        digest: &TokenDigest,
        read: impl Fn(&RowShard, Slot, &Row) -> Option<T>,
    ) -> Option<T> {
        self.live.look_up(hash_of(digest), |slot| {
            rows.read(
                slot,
                |shard, row| {
                    if row.is_opened_by(digest) { read(shard, slot, row) } else { None }
                },
            )
        })
    }

    /// What `read` makes of the row whose session has spent this token.
    pub(crate) fn read_spent<T>(
        &self,
        rows: &Rows,
        digest: &TokenDigest,
        read: impl Fn(&RowShard, Slot, &Row, SpentToken) -> T,
    ) -> Option<T> {
        self.spent.look_up(hash_of(digest), |slot| {
            rows.read(slot, |shard, row| {
                let token = shard.spent(slot).iter().rfind(|token| token.digest == *digest)?;
                Some(read(shard, slot, row, *token))
            })
        })
    }

    /// Where the digest is, according to the rows as they are.
    pub(crate) fn place_of(&self, rows: &Rows, digest: &TokenDigest) -> Option<Place> {
        self.read_live(rows, digest, |_, slot, _| Some(Place::Live(slot)))
            .or_else(|| self.read_spent(rows, digest, |_, slot, _, _| Place::Spent(slot)))
    }

    /// Puts the digest into that place, and takes it out of any other.
    pub(crate) fn set(&self, rows: &Rows, digest: &TokenDigest, place: Place) {
        let old = self.place_of(rows, digest);
        if old == Some(place) {
            return;
        }
        match place {
            Place::Live(slot) => self.live.insert(hash_of(digest), slot),
            Place::Spent(slot) => self.spent.insert(hash_of(digest), slot),
        }
        if let Some(old) = old {
            self.remove(digest, old);
        }
    }

    /// Both indexes, for one who looks at many places.
    pub(crate) fn read(&self) -> [IndexRead<'_>; 2] {
        [self.live.read(), self.spent.read()]
    }

    /// Room for so many live tokens more.
    pub(crate) fn reserve(&self, len: usize) {
        self.live.reserve(len);
    }

    /// Adds digests that are in no place; empties both batches.
    pub(crate) fn insert_all(&self, live: &mut IndexBatch, spent: &mut IndexBatch) {
        self.live.insert_all(live);
        self.spent.insert_all(spent);
    }

    /// Forgets all digests.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the digest out of that place.
    pub(crate) fn remove(&self, digest: &TokenDigest, place: Place) {
        match place {
            Place::Live(slot) => self.live.remove(hash_of(digest), slot),
            Place::Spent(slot) => self.spent.remove(hash_of(digest), slot),
        }
    }

    /// Entries of live and of spent tokens.
    pub(crate) fn lens(&self) -> (usize, usize) {
        (self.live.len(), self.spent.len())
    }
}

/// A digest's first eight bytes: it is SHA-256 of what the ledger drew itself, so they are random,
/// and nobody chooses them.
pub(crate) fn hash_of(digest: &TokenDigest) -> Hash {
    let first = digest.as_bytes().first_chunk().expect("a digest has 32 bytes");
    u64::from_le_bytes(*first).into()
}
