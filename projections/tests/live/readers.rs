//! What readers see while one thread writes.
//!
//! Two looks are two moments, so each check is one that stays true whatever happens between them: a
//! token that was seen dead never lives again, and where one token died its successor lived.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use passbook_core::{EndReason, Event, Fact, Subject, TokenDigest, apply};
use passbook_projections::Live;

use crate::histories::{self, event, id, revoked, user};

const READERS: usize = 3;
const ROUNDS: u64 = 20_000;
const NEVER_MS: u64 = u64::MAX;

/// Runs `write` once, and `read` over and over in several threads until that is done. Each thread
/// hands `read` what it remembers.
fn beside<M: Default>(write: impl FnOnce() + Send, read: impl Fn(&mut M) + Sync) {
    let done = AtomicBool::new(false);
    let start = Barrier::new(READERS + 1);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut memory = M::default();
                    start.wait();
                    while !done.load(Ordering::Relaxed) {
                        read(&mut memory);
                    }
                })
            })
            .collect();
        start.wait();
        write();
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().expect("no reader saw anything untrue");
        }
    });
}

/// Scattered over the index as those of real tokens are.
pub(crate) fn scattered(token: u64) -> u64 {
    token.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn digest(token: u64) -> TokenDigest {
    histories::digest(scattered(token))
}

fn created(session: u64, owner: u64, token: u64, expires_at_ms: u64) -> Event {
    histories::created(session, owner, scattered(token), expires_at_ms)
}

fn refreshed(session: u64, token: u64) -> Event {
    let generation = u32::try_from(token).expect("few");
    event(
        0,
        Fact::SessionRefreshed {
            subject: Subject { session: id(session), user: user(1) },
            digest: digest(token),
            generation,
            lifetime_ms: 0,
            expires_at_ms: NEVER_MS,
        },
    )
}

fn upgraded(session: u64, owner: u64) -> Event {
    let subject = Subject { session: id(session), user: user(owner) };
    event(0, Fact::SessionUpgraded { subject, guest: user(0), rotated: None })
}

fn user_revoked(owner: u64) -> Event {
    let reason = EndReason::RevokedByAdmin;
    event(0, Fact::UserSessionsRevoked { user: user(owner), except: None, reason, ended: 1 })
}

#[test]
fn of_a_lineage_one_token_lives_at_every_moment_and_never_two() {
    const TOKENS: u64 = 10 * ROUNDS;
    let live = Live::new();
    apply(&mut live.writer(), 1, &created(1, 1, 1, NEVER_MS));
    let newest = AtomicU64::new(1);
    let lives = |token| live.live(&digest(token), 0).is_some();
    beside(
        || {
            for token in 2..=TOKENS {
                apply(&mut live.writer(), token, &refreshed(1, token));
                newest.store(token, Ordering::Release);
            }
        },
        |(): &mut ()| {
            // Once a token was seen alive, all before it are dead for good.
            let known = newest.load(Ordering::Acquire);
            if lives(known + 1) {
                assert!(!lives(known), "{known} lives beside its successor");
            }
            // Where one was seen dead, its successor lives or lived: upwards there is a live one.
            let known = newest.load(Ordering::Acquire);
            let first_live = (known..=TOKENS).find(|token| lives(*token));
            assert!(first_live.is_some(), "none lives from {known} on");
            assert!(live.find(id(1), 0).is_some(), "the session itself never goes");
        },
    );
    assert!(lives(TOKENS));
}

#[test]
fn a_session_that_no_event_ends_is_never_missing() {
    const STILL: u64 = 1;
    const MOVING: u64 = 2;
    let live = Live::new();
    apply(&mut live.writer(), 1, &created(STILL, 3, STILL, NEVER_MS));
    apply(&mut live.writer(), 2, &created(MOVING, 4, MOVING, NEVER_MS));
    beside(
        || {
            for round in 0..ROUNDS {
                let churned = 10 + round % 300;
                apply(
                    &mut live.writer(),
                    round,
                    &created(churned, 3 + round % 2, churned, NEVER_MS),
                );
                apply(&mut live.writer(), round, &upgraded(MOVING, 4 + round % 3));
                if round > 200 {
                    apply(&mut live.writer(), round, &revoked(10 + (round - 200) % 300));
                }
            }
        },
        |(): &mut ()| {
            for session in [STILL, MOVING] {
                let found = live.live(&digest(session), 0).expect("its token lives");
                assert_eq!(found.id, id(session));
                assert!(live.find(id(session), 0).is_some());
            }
            let listed = live.list_for_user(&user(3), 0);
            assert!(listed.iter().any(|session| session.id == id(STILL)), "in its user's list");
            assert!(live.all().iter().filter(|session| session.id <= id(MOVING)).count() == 2);
        },
    );
}

#[test]
fn a_list_shows_sessions_of_its_user_and_each_once() {
    let live = Live::new();
    for session in 1..=4 {
        apply(&mut live.writer(), session, &created(session, 1, session, NEVER_MS));
    }
    beside(
        || {
            for round in 0..10 * ROUNDS {
                apply(&mut live.writer(), round, &upgraded(1 + round % 4, 1 + round / 4 % 2));
            }
        },
        |(): &mut ()| {
            for owner in [1, 2] {
                let listed = live.list_for_user(&user(owner), 0);
                assert!(listed.iter().all(|session| session.user_id == *user(owner)));
                assert!(listed.is_sorted_by(|left, right| left.id > right.id), "each once");
            }
        },
    );
}

#[test]
fn all_sessions_of_a_user_go_in_one_moment() {
    const SESSIONS: u64 = 50;
    let live = Live::new();
    beside(
        || {
            for round in 1..=ROUNDS / SESSIONS {
                for number in 0..SESSIONS {
                    let session = round * SESSIONS + number;
                    apply(&mut live.writer(), round, &created(session, 1, session, NEVER_MS));
                }
                apply(&mut live.writer(), round, &user_revoked(1));
            }
        },
        |seen: &mut (u128, usize)| {
            // Each round has ids of its own: within one, sessions only come.
            let listed = live.list_for_user(&user(1), 0);
            let Some(newest) = listed.first() else { return };
            let round = newest.id.as_u128() / u128::from(SESSIONS);
            assert!(listed.iter().all(|old| old.id.as_u128() / u128::from(SESSIONS) == round));
            assert!((round, listed.len()) >= *seen, "some went before others");
            *seen = (round, listed.len());
        },
    );
    assert_eq!((live.len(), live.users()), (0, 0));
}
