//! From a user to the user's sessions: a list that runs through their rows.
//!
//! A user's shard is locked while the list is walked or changed. So a reader sees all of a change:
//! `remove_user` has happened or not.

use std::{
    hash::BuildHasher,
    sync::atomic::{AtomicUsize, Ordering},
};

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::RwLock;
use passbook_core::Text;

use super::{
    index::Hash,
    row::{Links, Row},
    rows::{RowShard, Rows},
    shards::{SHARDS, Shards, index},
    slot::Slot,
};

/// A user with at least one session.
#[derive(Debug)]
struct User {
    name: Text,
    tag: u32,
    /// Where the list of sessions begins, the last added first.
    first: Slot,
}

#[derive(Debug, Default)]
struct UserTable(HashTable<User>);

/// Rows to be put into their users' lists, by shard.
#[derive(Debug)]
pub(crate) struct UserBatch {
    shards: Vec<Vec<(Hash, Text, Slot)>>,
}

impl Default for UserBatch {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Vec::new()).collect() }
    }
}

impl UserBatch {
    pub(crate) fn add(&mut self, hash: Hash, name: Text, slot: Slot) {
        let shard = self.shards.get_mut(index(hash.shard % SHARDS));
        shard.expect("a remainder is below its divisor").push((hash, name, slot));
    }
}

/// All users that have sessions.
#[derive(Debug, Default)]
pub(crate) struct Users {
    shards: Shards<RwLock<UserTable>>,
    hasher: DefaultHashBuilder,
    len: AtomicUsize,
}

impl Users {
    /// How many users have sessions.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// What `read` makes of each of the user's sessions.
    pub(crate) fn read<T>(
        &self,
        rows: &Rows,
        name: &str,
        read: impl Fn(&RowShard, Slot, &Row) -> Option<T>,
    ) -> Vec<T> {
        let hash = self.hash_of(name);
        let table = self.shards.of(hash.shard).read();
        let mut found = Vec::new();
        let mut next = table.first(hash, name);
        while let Some(slot) = next {
            next = rows.read(slot, |shard, row| {
                found.extend(read(shard, slot, row));
                shard.links(slot).next
            });
        }
        found
    }

    /// The user's name in the allocation that all of the user's sessions share.
    pub(crate) fn shared(&self, name: &Text) -> Text {
        let hash = self.hash_of(name);
        let table = self.shards.of(hash.shard).read();
        table.find(hash, name).map_or_else(|| name.clone(), |user| user.name.clone())
    }

    /// Puts a row that is in no list into its user's.
    pub(crate) fn link(&self, rows: &Rows, name: &Text, slot: Slot) {
        let hash = self.hash_of(name);
        let added = self.shards.of(hash.shard).write().link(rows, hash, name, slot);
        self.count(added);
    }

    /// Puts rows that are in no list into their users', and empties the batch.
    pub(crate) fn link_all(&self, rows: &Rows, batch: &mut UserBatch) {
        for (shard, links) in self.shards.iter().zip(&mut batch.shards) {
            let mut table = shard.write();
            for (hash, name, slot) in links.drain(..) {
                let added = table.link(rows, hash, &name, slot);
                self.count(added);
            }
        }
    }

    /// Takes a row out of its user's list.
    pub(crate) fn unlink(&self, rows: &Rows, name: &str, slot: Slot) {
        let hash = self.hash_of(name);
        let dropped = self.shards.of(hash.shard).write().unlink(rows, hash, name, slot);
        self.uncount(dropped);
    }

    /// Takes a row out of one user's list and puts it into another's; `write` changes the row
    /// between. No reader sees it in both or in neither.
    pub(crate) fn relink(&self, rows: &Rows, slot: Slot, new: &Text, write: impl FnOnce()) {
        let Some(old) = rows.read(slot, |_, row| Some(row.user.clone())) else { return };
        let old = old.as_str();
        let (old_hash, new_hash) = (self.hash_of(old), self.hash_of(new));
        // Only the one writer ever holds two of these locks, so their order does not matter.
        let mut source = self.shards.of(old_hash.shard).write();
        let mut target = (new_hash.shard % SHARDS != old_hash.shard % SHARDS)
            .then(|| self.shards.of(new_hash.shard).write());
        let dropped = source.unlink(rows, old_hash, old, slot);
        write();
        let target = target.as_deref_mut().unwrap_or(&mut *source);
        let added = target.link(rows, new_hash, new, slot);
        self.uncount(dropped);
        self.count(added);
    }

    /// Takes the user's rows out of the list, all in one moment, but the `kept` one; says which.
    pub(crate) fn unlink_all(&self, rows: &Rows, name: &str, kept: Option<Slot>) -> Vec<Slot> {
        let mut slots = self.read(rows, name, |_, slot, _| Some(slot));
        let len = slots.len();
        slots.retain(|slot| Some(*slot) != kept);
        let hash = self.hash_of(name);
        let mut table = self.shards.of(hash.shard).write();
        match kept.filter(|_| slots.len() < len) {
            None => {
                let dropped = table.remove(hash, name);
                self.uncount(dropped);
            }
            Some(kept) => {
                rows.relink(kept, |links| *links = Links::default());
                table.set_first(hash, name, kept);
            }
        }
        slots
    }

    pub(crate) fn hash_of(&self, name: &str) -> Hash {
        self.hasher.hash_one(name).into()
    }

    fn count(&self, added: Change) {
        match added {
            Change::Users => _ = self.len.fetch_add(1, Ordering::Relaxed),
            Change::Sessions => {}
        }
    }

    fn uncount(&self, dropped: Change) {
        match dropped {
            Change::Users => _ = self.len.fetch_sub(1, Ordering::Relaxed),
            Change::Sessions => {}
        }
    }
}

/// Whether a change of a list made or dropped a user.
#[derive(Debug, Clone, Copy)]
enum Change {
    Users,
    Sessions,
}

impl UserTable {
    fn find(&self, hash: Hash, name: &str) -> Option<&User> {
        self.0.find(hash.spread(), |user| user.tag == hash.tag && user.name == *name)
    }

    fn first(&self, hash: Hash, name: &str) -> Option<Slot> {
        self.find(hash, name).map(|user| user.first)
    }

    fn set_first(&mut self, hash: Hash, name: &str, slot: Slot) {
        let is_it = |user: &User| user.tag == hash.tag && user.name == *name;
        if let Some(user) = self.0.find_mut(hash.spread(), is_it) {
            user.first = slot;
        }
    }

    fn remove(&mut self, hash: Hash, name: &str) -> Change {
        let is_it = |user: &User| user.tag == hash.tag && user.name == *name;
        match self.0.find_entry(hash.spread(), is_it) {
            Ok(user) => {
                user.remove();
                Change::Users
            }
            Err(_absent) => Change::Sessions,
        }
    }

    fn link(&mut self, rows: &Rows, hash: Hash, name: &Text, slot: Slot) -> Change {
        let next = self.first(hash, name);
        rows.relink(slot, |links| *links = Links { previous: None, next });
        let Some(next) = next else {
            let user = User { name: name.clone(), tag: hash.tag, first: slot };
            self.0.insert_unique(hash.spread(), user, |user| Hash::spread_tag(user.tag));
            return Change::Users;
        };
        rows.relink(next, |links| links.previous = Some(slot));
        self.set_first(hash, name, slot);
        Change::Sessions
    }

    fn unlink(&mut self, rows: &Rows, hash: Hash, name: &str, slot: Slot) -> Change {
        let Links { previous, next } = rows.links(slot);
        if let Some(next) = next {
            rows.relink(next, |links| links.previous = previous);
        }
        match (previous, next) {
            (Some(previous), _) => rows.relink(previous, |links| links.next = next),
            (None, Some(next)) => self.set_first(hash, name, next),
            (None, None) => return self.remove(hash, name),
        }
        Change::Sessions
    }
}
