//! What differs between two moments.

use std::collections::BTreeSet;

use passbook::{
    At, EndReason, SessionId,
    core::{Act, SessionState, Text},
};
use proptest::prelude::*;

use crate::histories::{Life, MINUTE_MS, Model, START_MS, user, wishes};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn two_moments_differ_by_what_the_two_folds_differ_by(
        wishes in wishes(60), from in 0..80_u64, to in 0..80_u64
    ) {
        let mut life = Life::after(&wishes);
        life.ledger.snapshot().expect("a snapshot");
        life.live(&wishes);
        let replay = life.ledger.replay();
        let (from, to) = (from.min(replay.head()), to.min(replay.head()));
        let diff = replay.diff(At::Sequence(from), At::Sequence(to)).expect("kept");
        let (from, to) = (from.min(to), from.max(to));
        let events = life.events();
        let model = |last| Model::of(events.iter().filter(|recorded| recorded.sequence <= last));
        let (before, after) = (model(from), model(to));
        let live = |model: &Model, at_ms: u64| {
            let live = model.state.iter().filter(|state| !state.session.is_expired(at_ms));
            live.cloned().map(|state| (state.id(), state)).collect::<std::collections::BTreeMap<_, _>>()
        };
        let (old, new) = (live(&before, diff.from.at_ms), live(&after, diff.to.at_ms));
        let opened: Vec<_> =
            new.values().filter(|state| !old.contains_key(&state.id())).cloned().collect();
        prop_assert_eq!(&diff.difference.opened, &opened);
        let gone: Vec<_> = old.keys().filter(|id| !new.contains_key(id)).copied().collect();
        let told: Vec<_> = diff.difference.ended.iter().map(|ended| ended.state.id()).collect();
        prop_assert_eq!(told, gone);
        for ended in &diff.difference.ended {
            let end = after.ends.get(&ended.state.id());
            prop_assert_eq!(ended.ending.sequence(), end.map(|end| end.sequence));
        }
        let differs = |id: &SessionId| old.get(id).is_some_and(|old| Some(old) != new.get(id));
        let changed: Vec<_> = new.keys().filter(|id| differs(id)).copied().collect();
        let told: Vec<_> = diff.difference.changed.iter().map(|change| change.session).collect();
        prop_assert_eq!(&told, &changed);
        prop_assert_eq!(diff.unchanged, old.len() - gone_len(&diff) - changed.len());
        prop_assert_eq!((diff.from.live, diff.to.live), (old.len(), new.len()));
        let (then, now) = (users(old.values()), users(new.values()));
        prop_assert_eq!(&diff.users_new, &now.difference(&then).cloned().collect::<Vec<_>>());
        prop_assert_eq!(&diff.users_gone, &then.difference(&now).cloned().collect::<Vec<_>>());
    }
}

fn users<'a>(states: impl Iterator<Item = &'a SessionState>) -> BTreeSet<Text> {
    states.map(|state| state.session.user_id.clone()).collect()
}

fn gone_len(diff: &passbook::Diff) -> usize {
    diff.difference.ended.len()
}

#[test]
fn between_two_times_a_session_that_expired_has_ended_swept_or_not() {
    let mut life = Life::after(&[]);
    let ann = life.create(user(0), None, None);
    life.clock.advance_ms(2 * MINUTE_MS);
    let imported = life.create(user(1), None, Some(START_MS + MINUTE_MS));
    let expires_at_ms = START_MS + 20 * MINUTE_MS;
    let ended = |life: &Life, to_ms| {
        let diff = life.ledger.replay().diff(At::Time(START_MS), At::Time(to_ms)).expect("kept");
        let opened: Vec<_> = diff.difference.opened.iter().map(SessionState::id).collect();
        assert_eq!(opened, [imported], "had not logged in yet at the first moment");
        let ended = diff.difference.ended;
        ended.into_iter().map(|ended| (ended.state.id(), ended.ending)).collect::<Vec<_>>()
    };
    life.clock.set_ms(expires_at_ms + 7);
    assert!(ended(&life, expires_at_ms - 1).is_empty());
    let by_clock = ended(&life, expires_at_ms);
    assert_eq!((by_clock.len(), by_clock[0].0, by_clock[0].1.sequence()), (1, ann, None));
    life.submit(Act::Sweep, 0, None);
    let swept = ended(&life, expires_at_ms + 7);
    assert_eq!(swept[0].1.sequence(), Some(life.ledger.sequence()));
    for ending in [&by_clock[0].1, &swept[0].1] {
        assert_eq!((ending.reason, ending.at_ms), (EndReason::ExpiredIdle, expires_at_ms));
    }
}
