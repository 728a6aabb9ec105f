//! The past under another policy.

use std::collections::BTreeMap;

use passbook::{
    EndReason, Moved, OnReuse, Policy, SessionId, Why,
    core::{Act, SessionRef},
};
use proptest::prelude::*;

use crate::histories::{Life, MINUTE_MS, START_MS, Wish, short_policy, user, wishes};

/// When each session ended, as the ledger explains it.
fn ends(life: &Life) -> BTreeMap<SessionId, u64> {
    let replay = life.ledger.replay();
    let explained = life.sessions.iter().filter_map(|id| replay.explain(*id).ok());
    let ended = explained.filter_map(|it| it.ending().map(|ending| (it.session.id, ending.at_ms)));
    ended.collect()
}

/// The ledger is asked what another policy would have done; and the same is done under it.
fn check_against_a_ledger_of_that_policy(wishes: &[Wish], policy: Policy, other: Policy) {
    let mut wishes = wishes.to_vec();
    // Policies are set once, at the beginning. To end all but one is refused where that one is dead,
    // and then sessions live longer, of whose later acts the record has nothing. An import that ends
    // what is no import is judged at a time at which nobody knew of it. And the limit that a login
    // brings along is in the record only if it was reached.
    wishes.retain(|(what, number, _)| match what {
        17 | 21 | 25 => false,
        18 => !number.is_multiple_of(2),
        _ => true,
    });
    let (life, world) = (Life::under(policy, &wishes), Life::under(other, &wishes));
    let what_if = life.ledger.replay().what_if(&other).expect("kept");
    let mut told = ends(&life);
    for shift in &what_if.shifts {
        assert_eq!(shift.recorded.map(|end| end.at_ms), told.remove(&shift.session), "{shift:?}");
        if let Some(end) = shift.other {
            told.insert(shift.session, end.at_ms);
        }
    }
    assert_eq!(told, ends(&world), "{:#?}", what_if.shifts);
}

/// No timeout that a login of these histories brings along is the same.
fn own_policy() -> Policy {
    Policy { idle_timeout_ms: 20 * MINUTE_MS + 1, sessions_per_user_max: 0, ..short_policy() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn under_the_policy_in_force_nothing_changes(wishes in wishes(120)) {
        let life = Life::after(&wishes);
        let policy = life.ledger.policy().policy;
        let what_if = life.ledger.replay().what_if(&policy).expect("kept");
        prop_assert_eq!(what_if.shifts, []);
    }

    #[test]
    fn shorter_times_and_harder_rules_end_what_a_ledger_under_them_ends(
        wishes in wishes(120),
        idle in 1..=20_u64,
        absolute in 1..=60_u64,
        race in 0..=1_u64,
        refuses: bool,
    ) {
        let on_reuse = if refuses { OnReuse::Refuse } else { OnReuse::EndSession };
        let policy = Policy { on_reuse, ..own_policy() };
        let other = Policy {
            idle_timeout_ms: idle * MINUTE_MS + 1,
            absolute_timeout_ms: absolute * MINUTE_MS,
            race_window_ms: race * MINUTE_MS,
            ..own_policy()
        };
        check_against_a_ledger_of_that_policy(&wishes, policy, other);
    }

    #[test]
    fn a_smaller_limit_evicts_what_a_ledger_under_it_evicts(
        wishes in wishes(120), limit in 1..=4_u32, smaller in 1..=4_u32
    ) {
        let policy = Policy { sessions_per_user_max: limit, ..own_policy() };
        let other = Policy { sessions_per_user_max: smaller.min(limit), ..policy };
        check_against_a_ledger_of_that_policy(&wishes, policy, other);
    }
}

#[test]
fn a_longer_idle_timeout_ends_a_session_later_or_not_at_all() {
    let mut life = Life::after(&[]);
    let ann = life.create(user(0), None, None);
    life.clock.advance_ms(20 * MINUTE_MS);
    life.submit(Act::Sweep, 0, None);
    let longer = Policy { idle_timeout_ms: 30 * MINUTE_MS, ..short_policy() };
    let shift = |life: &Life| {
        let what_if = life.ledger.replay().what_if(&longer).expect("kept");
        assert_eq!((what_if.sessions, what_if.shifts.len()), (1, 1));
        what_if.shifts[0].clone()
    };
    let now = shift(&life);
    assert_eq!((now.session, now.moved(), now.other), (ann, Moved::NotAtAll, None));
    life.clock.advance_ms(10 * MINUTE_MS);
    let later = shift(&life);
    let end = later.other.expect("dead");
    let why = Why::Idle { last_active_at_ms: START_MS, lifetime_ms: 30 * MINUTE_MS };
    assert_eq!((later.moved(), end.at_ms, end.why), (Moved::Later, START_MS + 30 * MINUTE_MS, why));
    assert_eq!(later.recorded.expect("dead").at_ms, START_MS + 20 * MINUTE_MS);
}

#[test]
fn a_reuse_is_a_race_under_a_longer_window_and_refused_under_the_other_rule() {
    let mut life = Life::after(&[]);
    let ann = life.create(user(0), None, None);
    let first = life.newest_token();
    life.refresh(first);
    life.clock.advance_ms(5 * MINUTE_MS);
    life.refresh(first);
    let at_ms = life.ledger.now_ms();
    let moved = |policy: Policy| {
        let shifts = life.ledger.replay().what_if(&policy).expect("kept").shifts;
        let ends = shifts.iter().map(|it| (it.session, it.recorded.expect("ended").at_ms));
        assert!(ends.eq([(ann, at_ms); 1].into_iter().take(shifts.len())));
        shifts.first().map(passbook::Shift::moved)
    };
    let policy = short_policy();
    let race = |minutes| moved(Policy { race_window_ms: minutes * MINUTE_MS, ..policy });
    assert_eq!((race(4), race(5)), (None, Some(Moved::NotAtAll)));
    let refused = moved(Policy { on_reuse: OnReuse::Refuse, ..policy });
    assert_eq!(refused, Some(Moved::NotAtAll));
}

#[test]
fn an_eviction_that_would_not_have_been_needed_is_not_made() {
    let mut life = Life::after(&[]);
    let evicted = life.create(user(0), None, None);
    for _ in 0..3 {
        life.create(user(0), None, None);
    }
    let ending = life.ledger.replay().explain(evicted).expect("kept");
    assert_eq!(ending.ending().map(|ending| ending.reason), Some(EndReason::Evicted));
    let wider = Policy { sessions_per_user_max: 4, ..short_policy() };
    let shifts = life.ledger.replay().what_if(&wider).expect("kept").shifts;
    assert_eq!(shifts.len(), 1);
    assert_eq!((shifts[0].session, shifts[0].moved()), (evicted, Moved::NotAtAll));
    let why = shifts[0].recorded.map(|end| end.why);
    assert_eq!(why, Some(Why::Limit { limit: 3, live: 3 }));
}

#[test]
fn a_span_begins_with_the_sessions_that_were_live_then() {
    let mut life = Life::after(&[]);
    let idle = life.create(user(0), None, None);
    let ended = life.create(user(1), None, None);
    let (session, reason) = (SessionRef::Id(ended), EndReason::Logout);
    life.submit(Act::Revoke { session, reason }, 0, None);
    life.clock.advance_ms(10 * MINUTE_MS);
    let fresh = life.create(user(2), None, None);
    let begin = life.ledger.sequence();
    life.clock.advance_ms(6 * MINUTE_MS);
    life.submit(Act::Touch { session: SessionRef::Id(idle) }, 0, None);
    life.submit(Act::Touch { session: SessionRef::Id(fresh) }, 0, None);
    let shorter = Policy { idle_timeout_ms: 5 * MINUTE_MS, ..short_policy() };
    let what_if = life.ledger.replay().what_if_since(&shorter, begin + 1).expect("kept");
    assert_eq!((what_if.from, what_if.sessions), (begin + 1, 2));
    let begin_ms = START_MS + 10 * MINUTE_MS;
    let ends: Vec<_> = what_if
        .shifts
        .iter()
        .map(|shift| (shift.session, shift.other.expect("dead").at_ms))
        .collect();
    assert_eq!(ends, [(idle, begin_ms), (fresh, begin_ms + 5 * MINUTE_MS)], "not before the span");
}

#[test]
fn to_end_all_but_one_that_would_have_been_dead_ends_nothing() {
    let mut life = Life::after(&[]);
    let kept = life.create(user(0), None, None);
    life.clock.advance_ms(10 * MINUTE_MS);
    let other = life.create(user(0), None, None);
    let (user, except) = (user(0), Some(kept));
    let reason = EndReason::RevokedByUser;
    life.submit(Act::RevokeUser { user, except, reason }, 0, None);
    let shorter = Policy { idle_timeout_ms: 5 * MINUTE_MS, ..short_policy() };
    let shifts = life.ledger.replay().what_if(&shorter).expect("kept").shifts;
    let moved: Vec<_> = shifts.iter().map(|shift| (shift.session, shift.moved())).collect();
    assert_eq!(moved, [(kept, Moved::Earlier), (other, Moved::NotAtAll)]);
}
