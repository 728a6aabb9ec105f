//! When a session is dead, and when a sweep finds it: at the edges of moments and of minutes.

use passbook_core::{Fact, SessionView, Subject, apply};
use passbook_projections::Live;

use crate::histories::{created, digest, event, id, revoked, user};

const MINUTE_MS: u64 = 60_000;

/// A table with one session that expires at that moment.
fn live_until(expires_at_ms: u64) -> Live {
    let live = Live::new();
    apply(&mut live.writer(), 1, &created(1, 1, 1, expires_at_ms));
    live
}

fn touch(live: &Live, expires_at_ms: u64) {
    let subject = Subject { session: id(1), user: user(1) };
    apply(&mut live.writer(), 2, &event(0, Fact::SessionTouched { subject, expires_at_ms }));
}

/// Looks from all sides whether the one session is there at that moment.
#[track_caller]
fn check(live: &Live, now_ms: u64, is_live: bool) {
    assert_eq!(live.live(&digest(1), now_ms).is_some(), is_live, "by token at {now_ms}");
    assert_eq!(live.find(id(1), now_ms).is_some(), is_live, "by id at {now_ms}");
    assert_eq!(live.list_for_user(&user(1), now_ms).len(), usize::from(is_live), "at {now_ms}");
    assert_eq!(live.expired(now_ms).is_empty(), is_live, "by a sweep at {now_ms}");
    assert_eq!(live.len(), 1, "to look removes nothing");
}

#[test]
fn a_session_is_dead_and_swept_from_its_expiry_on_and_not_one_before() {
    let edges = [1, MINUTE_MS - 1, MINUTE_MS, MINUTE_MS + 1, u64::from(u32::MAX) * MINUTE_MS];
    for expires_at_ms in edges {
        let live = live_until(expires_at_ms);
        check(&live, expires_at_ms - 1, true);
        check(&live, expires_at_ms, false);
        check(&live, expires_at_ms + 1, false);
        check(&live, u64::MAX, false);
    }
}

#[test]
fn a_session_that_expires_beyond_the_last_minute_is_still_found_to_the_millisecond() {
    let live = live_until(u64::MAX - 1);
    check(&live, u64::MAX - 2, true);
    check(&live, u64::MAX - 1, false);
}

#[test]
fn a_session_that_never_expires_is_never_swept() {
    let live = live_until(u64::MAX);
    check(&live, u64::MAX, true);
    assert_eq!(live.census().scheduled, 0);
}

#[test]
fn an_extended_session_moves_to_its_new_minute_when_a_sweep_passes_the_old() {
    let live = live_until(5 * MINUTE_MS);
    touch(&live, 9 * MINUTE_MS);
    assert!(live.expired(5 * MINUTE_MS - 1).is_empty());
    let other = created(2, 2, 2, 9 * MINUTE_MS + 1);
    apply(&mut live.writer(), 3, &other);
    assert_eq!(live.census().minutes, 2, "a touch moves nothing");
    assert!(live.expired(5 * MINUTE_MS).is_empty());
    assert_eq!(live.census().minutes, 1, "a sweep does");
    apply(&mut live.writer(), 4, &revoked(2));
    check(&live, 5 * MINUTE_MS, true);
    check(&live, 9 * MINUTE_MS - 1, true);
    check(&live, 9 * MINUTE_MS, false);
}

#[test]
fn a_shortened_session_is_swept_at_its_new_time() {
    let live = live_until(9 * MINUTE_MS);
    touch(&live, 5 * MINUTE_MS + 7);
    check(&live, 5 * MINUTE_MS + 6, true);
    check(&live, 5 * MINUTE_MS + 7, false);
}

#[test]
fn a_session_may_come_to_live_for_ever_and_back() {
    let live = live_until(5 * MINUTE_MS);
    touch(&live, u64::MAX);
    check(&live, u64::MAX, true);
    touch(&live, 5 * MINUTE_MS);
    check(&live, 5 * MINUTE_MS, false);
}

#[test]
fn a_sweep_takes_what_is_due_and_nothing_else() {
    let live = Live::new();
    for number in 1..=1_000 {
        apply(&mut live.writer(), number, &created(number, number % 7, number, 1_000 * number));
    }
    let swept = Fact::SessionsExpired { effective_now_ms: 400_500, ended: 400, policy_version: 0 };
    apply(&mut live.writer(), 1_001, &event(0, swept));
    assert_eq!(live.len(), 600);
    assert_eq!(live.find(id(400), 0), None);
    assert!(live.find(id(401), 0).is_some());
    assert!(live.expired(400_999).is_empty());
    assert_eq!(live.expired(401_000), [id(401)]);
}
