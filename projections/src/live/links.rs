//! The neighbours of each session in its user's list: a number of 64 bits for each slot.
//!
//! There is no lock here. Whoever reads or changes the neighbours of a slot holds the lock of the
//! user in whose list it is, so nobody sees a change half done; and a step from one session to the
//! next of the same user takes no other lock. The numbers are atomic because those of two users
//! are side by side.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use super::{shards::index, slot::Slot};

/// Slots in a piece.
const PIECE_LEN: u32 = 4_096;
/// The first level has one piece and each one more twice as many: 2^20 pieces have all slots.
const LEVELS: usize = 21;

/// The neighbours in a list that runs through items of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Links {
    pub(crate) previous: Option<Slot>,
    pub(crate) next: Option<Slot>,
}

impl Links {
    fn of_bits(bits: u64) -> Self {
        let half = |bits: u64| u32::try_from(bits).expect("32 bits are left");
        Self {
            previous: Slot::of_number(half(bits >> 32)),
            next: Slot::of_number(half(bits & u64::from(u32::MAX))),
        }
    }

    fn bits(self) -> u64 {
        let bits = |slot: Option<Slot>| u64::from(slot.map_or(0, Slot::number));
        (bits(self.previous) << 32) | bits(self.next)
    }
}

type Piece = Box<[AtomicU64]>;
type Level = Box<[OnceLock<Piece>]>;

/// The neighbours by slot. Grows by the piece, and what was grown stays.
#[derive(Debug, Default)]
pub(crate) struct LinkTable {
    levels: [OnceLock<Level>; LEVELS],
}

impl LinkTable {
    /// The neighbours of a slot that is in a list.
    pub(crate) fn get(&self, slot: Slot) -> Links {
        Links::of_bits(self.place(slot).load(Ordering::Relaxed))
    }

    /// Sets them.
    pub(crate) fn set(&self, slot: Slot, links: Links) {
        self.place(slot).store(links.bits(), Ordering::Relaxed);
    }

    /// Sets the one before.
    pub(crate) fn set_previous(&self, slot: Slot, previous: Option<Slot>) {
        self.set(slot, Links { previous, ..self.get(slot) });
    }

    /// Sets the one behind.
    pub(crate) fn set_next(&self, slot: Slot, next: Option<Slot>) {
        self.set(slot, Links { next, ..self.get(slot) });
    }

    fn place(&self, slot: Slot) -> &AtomicU64 {
        let number = slot.number() / PIECE_LEN + 1;
        let level = number.ilog2();
        let pieces = self.levels.get(index(level)).expect("the last has the highest slot");
        let pieces = pieces.get_or_init(|| (0..1_u32 << level).map(|_| OnceLock::new()).collect());
        let piece = pieces.get(index(number - (1 << level))).expect("below the next power of two");
        let piece = piece.get_or_init(|| (0..PIECE_LEN).map(|_| AtomicU64::new(0)).collect());
        piece.get(index(slot.number() % PIECE_LEN)).expect("a remainder is below its divisor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_neighbours_of_its_own() {
        let numbers = [1, 2, 4_095, 4_096, 12_287, 12_288, 1 << 20, u32::MAX];
        let slots = numbers.map(|number| Slot::of_number(number).expect("not 0"));
        let table = LinkTable::default();
        for (slot, other) in slots.into_iter().zip(slots.into_iter().rev()) {
            assert_eq!(table.get(slot), Links::default());
            table.set(slot, Links { previous: Some(other), next: None });
            table.set_next(slot, Some(slot));
        }
        for (slot, other) in slots.into_iter().zip(slots.into_iter().rev()) {
            assert_eq!(table.get(slot), Links { previous: Some(other), next: Some(slot) });
            table.set_previous(slot, None);
            assert_eq!(table.get(slot), Links { previous: None, next: Some(slot) });
        }
    }
}
