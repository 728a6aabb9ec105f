//! The first event after which something holds.

use passbook::core::{Act, SessionRef};
use proptest::prelude::*;

use crate::histories::{Life, START_MS, user, wishes};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_first_event_after_which_it_holds_is_found(wishes in wishes(60), from in 0..90_u64) {
        let mut life = Life::after(&wishes);
        life.ledger.snapshot().expect("a snapshot");
        life.live(&wishes);
        let replay = life.ledger.replay();
        let events = life.events();
        let versions: Vec<_> = std::iter::once(0)
            .chain(events.iter().scan(0, |version, recorded| {
                if let passbook::Fact::PolicySet { version: set, .. } = &recorded.event.fact {
                    *version = *set;
                }
                Some(*version)
            }))
            .collect();
        for version in 0..=versions.iter().max().copied().unwrap_or(0) + 1 {
            let found = replay.bisect(|view| view.policy().version >= version).expect("kept");
            let first = versions.iter().position(|held| *held >= version);
            prop_assert_eq!(found.first, first.map(|first| u64::try_from(first).expect("few")));
            prop_assert_eq!(found.oldest, 0);
        }
        let found = replay.bisect(|view| view.sequence() >= from).expect("kept");
        prop_assert_eq!(found.first, (from <= replay.head()).then_some(from));
    }
}

#[test]
fn a_long_range_takes_few_looks_and_two_folds_at_most() {
    let mut life = Life::in_memory();
    let ann = life.create(user(0), None, None);
    for number in 0..12_000_u64 {
        life.clock.advance_ms(1);
        let session = SessionRef::Id(ann);
        life.submit(Act::Touch { session }, 0, None);
        if number == 5_000 {
            life.ledger.snapshot().expect("a snapshot");
        }
    }
    let replay = life.ledger.replay();
    for first in [1, 2, 3_333, 5_003, 11_999, replay.head()] {
        // `Opened`, the login, and then a touch every millisecond.
        let found = replay
            .bisect(|view| {
                let touched_ms = view.find(ann).map(|session| session.last_active_at_ms);
                let has_opened = view.sequence() > 0 && first == 1;
                has_opened || touched_ms.is_some_and(|at_ms| at_ms + 2 >= START_MS + first)
            })
            .expect("kept");
        assert_eq!(found.first, Some(first));
        assert!(found.looks <= 20, "{found:?}");
        assert!(found.folded <= 2 * replay.head(), "{found:?}");
    }
    assert_eq!(replay.bisect(|_| false).expect("kept").first, None);
    assert_eq!(replay.bisect(|_| true).expect("kept").first, Some(0));
}
