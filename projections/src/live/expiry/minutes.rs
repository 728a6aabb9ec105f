//! A slot for each minute that has one: an hour's worth of minutes and a little more to a page.

use std::collections::BTreeMap;

use crate::live::{shards::index, slot::Slot};

/// Unix minutes, up to the year 10136; all that is later is in the last one.
pub(super) type Minute = u32;

/// Minutes in a page: one for each bit of a word.
const PAGE_MINUTES: u32 = u64::BITS;

#[derive(Debug)]
struct Page {
    /// A bit for each minute that has a slot.
    taken: u64,
    slots: [Option<Slot>; 64],
}

/// Slots by minute. Pages without one are dropped.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    pages: BTreeMap<u32, Box<Page>>,
    len: usize,
}

impl Minutes {
    /// How many minutes have a slot.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The slot of a minute.
    pub(super) fn get(&self, minute: Minute) -> Option<Slot> {
        let page = self.pages.get(&(minute / PAGE_MINUTES))?;
        page.slots.get(index(minute % PAGE_MINUTES)).copied().flatten()
    }

    /// Gives a minute a slot; the one that it had.
    pub(super) fn set(&mut self, minute: Minute, slot: Slot) -> Option<Slot> {
        let page = self
            .pages
            .entry(minute / PAGE_MINUTES)
            .or_insert_with(|| Box::new(Page { taken: 0, slots: [None; 64] }));
        let old = page.exchange(minute % PAGE_MINUTES, Some(slot));
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes a minute's slot away, if it has one.
    pub(super) fn clear(&mut self, minute: Minute) {
        let number = minute / PAGE_MINUTES;
        let Some(page) = self.pages.get_mut(&number) else { return };
        let old = page.exchange(minute % PAGE_MINUTES, None);
        self.len -= usize::from(old.is_some());
        if page.taken == 0 {
            self.pages.remove(&number);
        }
    }

    /// The minutes up to `last` that have a slot, in order.
    pub(super) fn up_to(&self, last: Minute) -> Vec<Minute> {
        let mut minutes = Vec::new();
        for (number, page) in self.pages.range(..=last / PAGE_MINUTES) {
            let first = number * PAGE_MINUTES;
            let mut taken = page.taken;
            while taken != 0 {
                minutes.push(first + taken.trailing_zeros());
                taken &= taken - 1;
            }
        }
        minutes.truncate(minutes.partition_point(|minute| *minute <= last));
        minutes
    }
}

impl Page {
    fn exchange(&mut self, minute: u32, slot: Option<Slot>) -> Option<Slot> {
        let bit = 1 << minute;
        self.taken = if slot.is_some() { self.taken | bit } else { self.taken & !bit };
        self.slots.get_mut(index(minute)).and_then(|place| std::mem::replace(place, slot))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minute() -> impl Strategy<Value = Minute> {
        prop_oneof![0..250_u32, u32::MAX - 70..=u32::MAX]
    }

    proptest! {
        #[test]
        fn minutes_hold_what_a_map_holds(
            steps in prop::collection::vec((minute(), 0..3_u32), 1..100),
            last in minute(),
        ) {
            let (mut minutes, mut map) = (Minutes::default(), BTreeMap::new());
            for (minute, number) in steps {
                if let Some(slot) = Slot::of_number(number) {
                    prop_assert_eq!(minutes.set(minute, slot), map.insert(minute, slot));
                } else {
                    minutes.clear(minute);
                    map.remove(&minute);
                }
                prop_assert_eq!(minutes.get(minute), map.get(&minute).copied());
                prop_assert_eq!(minutes.len(), map.len());
                let due: Vec<_> = map.range(..=last).map(|(minute, _)| *minute).collect();
                prop_assert_eq!(minutes.up_to(last), due);
            }
            for minute in minutes.up_to(Minute::MAX) {
                minutes.clear(minute);
            }
            prop_assert!(minutes.pages.is_empty());
        }
    }
}
