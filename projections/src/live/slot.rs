//! Where a session's row is: a number that stays the same for as long as the session is there.

use std::num::NonZeroU32;

use passbook_core::SessionId;

use super::shards::{SHARDS, index};

/// A row's number. Never 0, so that `Option<Slot>` has four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Slot(NonZeroU32);

impl Slot {
    /// The number, for tables that have an item for every slot.
    pub(crate) fn number(self) -> u32 {
        self.0.get()
    }

    /// The slot at that index of that shard; `None` for 0 and for what no number holds.
    pub(crate) fn at(shard: u32, index_in_shard: usize) -> Option<Self> {
        let number = u32::try_from(index_in_shard).ok()?.checked_mul(SHARDS)?.checked_add(shard)?;
        NonZeroU32::new(number).map(Self)
    }

    /// The slot of that number; `None` for 0.
    pub(crate) fn of_number(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// Its index among the slots of the same shard.
    pub(crate) fn index_in_shard(self) -> usize {
        index(self.number() / SHARDS)
    }
}

/// Which slots are taken.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    highest: u32,
    free: Vec<Slot>,
    greatest_id: Option<SessionId>,
}

impl Slots {
    /// Takes a free slot for that session: one that was given back, or the next that never was taken.
    pub(crate) fn take(&mut self, id: SessionId) -> Slot {
        self.greatest_id = self.greatest_id.max(Some(id));
        self.free.pop().unwrap_or_else(|| {
            self.highest = self.highest.checked_add(1).expect("2^32 rows are 512 GiB");
            Slot(NonZeroU32::new(self.highest).expect("counted up from 0"))
        })
    }

    /// The highest slot that ever was taken; 0 = none was.
    pub(crate) fn highest(&self) -> u32 {
        self.highest
    }

    /// The greatest id that ever had a slot: who has a greater one has none. Most new sessions do,
    /// for ids rise with time.
    pub(crate) fn greatest_id(&self) -> Option<SessionId> {
        self.greatest_id
    }

    /// Takes all slots up to `highest`, but the `free` ones, for ids of which that is the greatest.
    pub(crate) fn take_all(
        &mut self,
        highest: u32,
        free: Vec<Slot>,
        greatest_id: Option<SessionId>,
    ) {
        *self = Self { highest, free, greatest_id };
    }

    /// Gives a slot back that nothing refers to any more.
    pub(crate) fn give_back(&mut self, slot: Slot) {
        self.free.push(slot);
    }
}
