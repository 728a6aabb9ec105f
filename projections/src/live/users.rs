//! From a user to the user's sessions: a list that runs through a table beside the rows.
//!
//! A user's shard is locked while the list is walked or changed. So a reader sees all of a change:
//! `remove_user` has happened or not.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};
use passbook_core::Text;

use super::{
    index::Hash,
    links::{LinkTable, Links},
    row::Row,
    rows::{RowShard, Rows},
    shards::{SHARDS, Shards, index},
    slot::Slot,
};
use crate::sync::{
    RwLock,
    atomic::{AtomicUsize, Ordering},
};

/// Users that are fetched from memory side by side.
const AHEAD: usize = 32;

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
    /// Those of a user's sessions change only while the user's shard is locked for writing.
    links: LinkTable,
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
            next = self.links.get(slot).next;
            found.extend(rows.read(slot, |shard, row| read(shard, slot, row)));
        }
        found
    }

    /// The user's name as rows keep it: in place if it fits, else [shared](Self::shared).
    pub(crate) fn kept(&self, name: &Text) -> Text {
        if name.is_in_place() { name.clone() } else { self.shared(name) }
    }

    /// The user's name in the allocation that all of the user's sessions share.
    pub(crate) fn shared(&self, name: &Text) -> Text {
        let hash = self.hash_of(name);
        let table = self.shards.of(hash.shard).read();
        table.find(hash, name).map_or_else(|| name.clone(), |user| user.name.clone())
    }

    /// Puts a row that is in no list into its user's.
    pub(crate) fn link(&self, name: &Text, slot: Slot) {
        let hash = self.hash_of(name);
        let added = self.shards.of(hash.shard).write().link(&self.links, hash, name, slot);
        self.count(added);
    }

    /// Puts rows that are in no list into their users', and empties the batch.
    pub(crate) fn link_all(&self, batch: &mut UserBatch) {
        for (shard, links) in self.shards.iter().zip(&mut batch.shards) {
            let mut table = shard.write();
            let known = table.0.len();
            for few in links.chunks(AHEAD) {
                // Asked for one behind the other, each would be waited for.
                let firsts = few.iter().filter_map(|(hash, name, _)| table.first(*hash, name));
                let lists = firsts.filter(|first| self.links.get(*first).next.is_some()).count();
                std::hint::black_box(lists);
                for (hash, name, slot) in few {
                    table.link(&self.links, *hash, name, *slot);
                }
            }
            links.clear();
            self.len.fetch_add(table.0.len() - known, Ordering::Relaxed);
        }
    }

    /// Takes a row out of its user's list.
    pub(crate) fn unlink(&self, name: &str, slot: Slot) {
        let hash = self.hash_of(name);
        let dropped = self.shards.of(hash.shard).write().unlink(&self.links, hash, name, slot);
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
        let dropped = source.unlink(&self.links, old_hash, old, slot);
        write();
        let target = target.as_deref_mut().unwrap_or(&mut *source);
        let added = target.link(&self.links, new_hash, new, slot);
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
                self.links.set(kept, Links::default());
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

    fn link(&mut self, links: &LinkTable, hash: Hash, name: &Text, slot: Slot) -> Change {
        let is_it = |user: &User| user.tag == hash.tag && user.name == *name;
        match self.0.entry(hash.spread(), is_it, |user| Hash::spread_tag(user.tag)) {
            Entry::Occupied(mut user) => {
                let next = std::mem::replace(&mut user.get_mut().first, slot);
                links.set(slot, Links { previous: None, next: Some(next) });
                links.set_previous(next, Some(slot));
                Change::Sessions
            }
            Entry::Vacant(place) => {
                links.set(slot, Links::default());
                place.insert(User { name: name.clone(), tag: hash.tag, first: slot });
                Change::Users
            }
        }
    }

    fn unlink(&mut self, links: &LinkTable, hash: Hash, name: &str, slot: Slot) -> Change {
        let Links { previous, next } = links.get(slot);
        if let Some(next) = next {
            links.set_previous(next, previous);
        }
        match (previous, next) {
            (Some(previous), _) => links.set_next(previous, next),
            (None, Some(next)) => self.set_first(hash, name, next),
            (None, None) => return self.remove(hash, name),
        }
        Change::Sessions
    }
}
