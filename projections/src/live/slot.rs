//! Where a session's row is: a number that stays the same for as long as the session is there.

use std::num::NonZeroU32;

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
}

impl Slots {
    /// Takes a free slot: one that was given back, or the next that never was taken.
    pub(crate) fn take(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            self.highest = self.highest.checked_add(1).expect("2^32 rows are 512 GiB");
            Slot(NonZeroU32::new(self.highest).expect("counted up from 0"))
        })
    }

    /// The highest slot that ever was taken; 0 = none was.
    pub(crate) fn highest(&self) -> u32 {
        self.highest
    }

    /// Takes all slots up to `highest`, but the `free` ones.
    pub(crate) fn take_all(&mut self, highest: u32, free: Vec<Slot>) {
        *self = Self { highest, free };
    }

    /// Gives a slot back that nothing refers to any more.
    pub(crate) fn give_back(&mut self, slot: Slot) {
        self.free.push(slot);
    }
}
