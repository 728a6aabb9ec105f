//! The rows of all sessions, sharded by slot: what one lock covers changes in one moment.

mod aside;
mod shard;

use passbook_core::{Renewal, SessionState, SpentToken, Text, snapshot::SessionRecord};

pub(crate) use self::shard::{Copied, RowShard};
use super::{
    row::Row,
    shards::{ReadShards, SHARDS, Shards, index},
    slot::Slot,
};
use crate::sync::RwLock;

/// All rows.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    shards: Shards<RwLock<RowShard>>,
}

impl Rows {
    /// What `read` makes of the row in that slot; `None` if it is empty.
    pub(crate) fn read<T>(
        &self,
        slot: Slot,
        read: impl FnOnce(&RowShard, &Row) -> Option<T>,
    ) -> Option<T> {
        let shard = self.shards.of(slot.number()).read();
        read(&shard, shard.row(slot)?)
    }

    /// What `read` makes of every row: see [`for_each`](Self::for_each).
    pub(crate) fn read_all<T>(&self, read: impl Fn(&RowShard, Slot, &Row) -> T) -> Vec<T> {
        let mut found = Vec::new();
        self.for_each(|shard, slot, row| found.push(read(shard, slot, row)));
        found
    }

    /// Shows every row. Only so many rows as a part has are locked at a time, so a session that comes
    /// or goes meanwhile may be seen or not.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&RowShard, Slot, &Row)) {
        for (number, shard) in (0..).zip(self.shards.iter()) {
            for part in 0.. {
                let shard = shard.read();
                let Some(rows) = shard.part(number, part) else { break };
                for (slot, row) in rows {
                    visit(&shard, slot, row);
                }
            }
        }
    }

    /// Writes a session into a slot; if one is there, it keeps its place in its user's list and its
    /// spent tokens.
    pub(crate) fn put(&self, slot: Slot, state: &SessionState, user: Text) {
        self.shards.of(slot.number()).write().put(slot, state, user);
    }

    /// Renews the session in a slot, and keeps and gives the token that it spends by it.
    pub(crate) fn renew(&self, slot: Slot, renewal: &Renewal) -> Option<SpentToken> {
        self.shards.of(slot.number()).write().renew(slot, renewal)
    }

    /// All of them, for one who looks at many: writers wait meanwhile.
    pub(crate) fn read_whole(&self) -> RowsRead<'_> {
        RowsRead { shards: self.shards.read_all() }
    }

    /// Empties a slot.
    pub(crate) fn remove(&self, slot: Slot) {
        self.shards.of(slot.number()).write().remove(slot);
    }

    /// Adds a spent token.
    pub(crate) fn spend(&self, slot: Slot, token: SpentToken) {
        self.shards.of(slot.number()).write().spend(slot, token);
    }

    /// Takes the last spent token away again.
    pub(crate) fn unspend(&self, slot: Slot) -> Option<SpentToken> {
        self.shards.of(slot.number()).write().unspend(slot)
    }

    /// Begins a capture of what is in the slots up to `highest`.
    pub(crate) fn begin_capture(&self, highest: u32) {
        let end = index(highest / SHARDS) + 1;
        for shard in self.shards.iter() {
            shard.write().begin_capture(end);
        }
    }

    /// Copies up to `len` rows of a shard; `None` if no capture runs.
    pub(crate) fn copy(
        &self,
        shard: u32,
        from: usize,
        len: usize,
        records: &mut Vec<SessionRecord>,
    ) -> Option<Copied> {
        self.shards.of(shard).read().copy(shard, from, len, records)
    }

    /// Ends the capture; what was set aside and not handed over is dropped.
    pub(crate) fn end_capture(&self) {
        for shard in self.shards.iter() {
            // Freed outside the lock.
            let aside = shard.write().end_capture();
            drop(aside);
        }
    }

    /// Writes many rows of one shard.
    pub(crate) fn fill(&self, number: u32, write: impl FnOnce(&mut RowShard)) {
        write(&mut self.shards.of(number).write());
    }

    /// Labels kept, over all shards.
    pub(crate) fn labels(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().labels()).sum()
    }

    /// Entries kept beside the rows, over all shards.
    pub(crate) fn beside(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().beside()).sum()
    }
}

/// Rows that nobody changes meanwhile.
#[derive(Debug)]
pub(crate) struct RowsRead<'a> {
    shards: ReadShards<'a, RowShard>,
}

impl RowsRead<'_> {
    /// The row in that slot, if one is there.
    pub(crate) fn row(&self, slot: Slot) -> Option<&Row> {
        self.shards.of(slot.number()).row(slot)
    }
}
