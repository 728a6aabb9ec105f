//! A table does what a plain list of entries does, and keeps its invariants, whatever tags come.

use proptest::{prelude::*, sample::Index};

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Insert(u32),
    /// One that is there, or was.
    Remove(Index),
    Reserve(usize),
}

/// Tags that meet often: few values, at both ends too, or all near one home.
fn tag() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => (0..6_u32).prop_map(|part| part << 29),
        2 => 0..3_u32,
        2 => u32::MAX - 40..=u32::MAX,
        1 => any::<u32>(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => tag().prop_map(Step::Insert),
        9 => any::<Index>().prop_map(Step::Remove),
        1 => (0..40_usize).prop_map(Step::Reserve),
    ]
}

fn slot(number: u32) -> Slot {
    Slot::of_number(number).expect("counted from 1")
}

/// The slots with a tag, in order.
fn found(table: &Table, tag: u32) -> Vec<u32> {
    let mut slots = Vec::new();
    let nothing: Option<()> = table.find(tag, |slot| {
        slots.push(slot.number());
        None
    });
    assert_eq!(nothing, None);
    slots.sort_unstable();
    slots
}

#[track_caller]
fn check(table: &Table, kept: &[(u32, u32)]) {
    assert_eq!(table.len(), kept.len());
    assert!(table.len() <= table.capacity());
    for (at, bucket) in table.buckets.iter().enumerate() {
        let taken = bucket.entries().count();
        assert!(bucket.0.iter().skip(taken).all(|place| *place == 0), "a gap in bucket {at}");
        for entry in bucket.entries() {
            let mut before = table.home(entry.tag());
            while before != at {
                assert!(table.buckets[before].is_full(), "{entry:?} in {at} is beyond a gap");
                before = table.after(before);
            }
        }
    }
    for (tag, _) in kept {
        let mut slots: Vec<_> =
            kept.iter().filter(|(other, _)| other == tag).map(|(_, slot)| *slot).collect();
        slots.sort_unstable();
        assert_eq!(found(table, *tag), slots, "tag {tag:#x}");
    }
}

proptest! {
    #[test]
    fn a_table_finds_what_a_list_finds(steps in prop::collection::vec(step(), 1..200)) {
        let mut table = Table::default();
        let (mut kept, mut all) = (Vec::new(), Vec::new());
        for (number, step) in (1..).zip(steps) {
            match step {
                Step::Insert(tag) => {
                    table.insert(Entry::new(tag, slot(number)));
                    kept.push((tag, number));
                    all.push((tag, number));
                }
                Step::Remove(chosen) if !all.is_empty() => {
                    let gone = *chosen.get(&all);
                    table.remove(Entry::new(gone.0, slot(gone.1)));
                    kept.retain(|entry| *entry != gone);
                }
                Step::Remove(_) => {}
                Step::Reserve(more) => {
                    table.reserve(more);
                    prop_assert!(table.capacity() >= table.len() + more);
                }
            }
            check(&table, &kept);
        }
        prop_assert!(found(&table, 0x1234_5678).is_empty());
    }
}

#[test]
fn an_empty_table_finds_nothing_and_takes_no_memory() {
    let mut table = Table::default();
    assert!(found(&table, 7).is_empty());
    table.remove(Entry::new(7, slot(1)));
    assert_eq!((table.len(), table.buckets.capacity()), (0, 0));
}

#[test]
fn all_of_one_tag_are_found_over_many_buckets() {
    let mut table = Table::default();
    let kept: Vec<_> = (1..=100).map(|number| (u32::MAX, number)).collect();
    for (tag, number) in &kept {
        table.insert(Entry::new(*tag, slot(*number)));
    }
    check(&table, &kept);
    for first in 1..=100 {
        let (tag, number) = kept[first - 1];
        table.remove(Entry::new(tag, slot(number)));
        check(&table, &kept[first..]);
    }
}

#[test]
fn room_for_a_number_is_enough_for_it_and_hardly_more() {
    let mut table = Table::default();
    table.reserve(15_625);
    let buckets = table.buckets.len();
    assert_eq!(buckets, 2_605);
    for number in 1..=15_625_u32 {
        table.insert(Entry::new(number.wrapping_mul(0x9e37_79b9), slot(number)));
    }
    assert_eq!(table.buckets.len(), buckets);
    assert_eq!(table.buckets.capacity(), buckets);
}

#[test]
fn nearly_all_random_entries_are_in_their_home() {
    let mut table = Table::default();
    table.reserve(6_000);
    let tag = |number: u32| {
        let mixed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Entry((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)).tag()
    };
    (1..=6_000).for_each(|number| table.insert(Entry::new(tag(number), slot(number))));
    let at_home = (1..=6_000)
        .filter(|number| {
            let entry = Entry::new(tag(*number), slot(*number));
            table.place_of(entry) == Some(table.home(entry.tag()))
        })
        .count();
    assert!(at_home > 5_500, "{at_home} of 6000 at home with three of four places taken");
}
