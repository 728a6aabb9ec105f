//! The live tables: what readers see between the steps of an event.

use std::sync::Arc;

use passbook_core::{
    Actor, EndReason, Event, Fact, Origin, Rule, SessionId, Subject, TokenDigest, Transport,
    UserId, apply,
};
use passbook_projections::Live;
use passbook_schedules::check;
use shuttle::thread;

const NEVER_MS: u64 = u64::MAX;

fn id(number: u64) -> SessionId {
    SessionId::from_u128(u128::from(number))
}

fn user(number: u64) -> UserId {
    UserId::new(format!("user {number}")).expect("short")
}

/// Those of all tokens meet in one shard of an index.
fn digest(number: u64) -> TokenDigest {
    TokenDigest::from_bytes(number.to_le_bytes().repeat(4).try_into().expect("32 bytes"))
}

fn subject(session: u64, owner: u64) -> Subject {
    Subject { session: id(session), user: user(owner) }
}

fn event(fact: Fact) -> Event {
    let (origin, actor) = (Origin::default(), Actor::User);
    Event { at_ms: 0, occurred_at_ms: None, actor, origin, note: None, key: None, fact }
}

fn created(session: u64, owner: u64, token: u64) -> Event {
    event(Fact::SessionCreated {
        subject: subject(session, owner),
        is_guest: false,
        digest: Some(digest(token)),
        device: None,
        tenant: None,
        transport: Transport::Token,
        created_at_ms: session,
        lifetime_ms: 0,
        expires_at_ms: NEVER_MS,
        absolute_at_ms: NEVER_MS,
    })
}

fn revoked(session: u64, owner: u64) -> Event {
    event(Fact::SessionRevoked {
        subject: subject(session, owner),
        reason: EndReason::Logout,
        rule: Rule::Requested,
        policy_version: 0,
    })
}

fn refreshed(session: u64, owner: u64, token: u64) -> Event {
    event(Fact::SessionRefreshed {
        subject: subject(session, owner),
        digest: digest(token),
        generation: u32::try_from(token).expect("few"),
        lifetime_ms: 0,
        expires_at_ms: NEVER_MS,
    })
}

fn all_revoked(owner: u64) -> Event {
    let reason = EndReason::RevokedByAdmin;
    event(Fact::UserSessionsRevoked { user: user(owner), except: None, reason, ended: 1 })
}

fn lives(live: &Live, token: u64) -> bool {
    live.live(&digest(token), 0).is_some()
}

/// Tables with these events, and a thread that goes on with the others.
fn beside(before: &[Event], then: Vec<Event>, read: impl Fn(&Live)) -> Arc<Live> {
    let live = Arc::new(Live::new());
    for (sequence, event) in (1..).zip(before) {
        apply(&mut live.writer(), sequence, event);
    }
    let written = Arc::clone(&live);
    let writer = thread::spawn(move || {
        for (sequence, event) in (100..).zip(&then) {
            apply(&mut written.writer(), sequence, event);
        }
    });
    read(&live);
    writer.join().expect("it did not panic");
    live
}

#[test]
fn of_a_lineage_one_token_lives_at_every_look() {
    check("rotation", 10_000, |_| {
        let then = vec![refreshed(1, 1, 2), refreshed(1, 1, 3)];
        let live = beside(&[created(1, 1, 1)], then, |live| {
            // Downwards: once a token was seen alive, those before it are dead for good.
            let mut newer_lives = false;
            for token in [3, 2, 1] {
                let is_live = lives(live, token);
                assert!(!(newer_lives && is_live), "{token} lives beside its successor");
                newer_lives |= is_live;
            }
            // Upwards: where one is dead, a later one lives.
            assert!((1..=3).any(|token| lives(live, token)), "none lives");
            assert!(live.find(id(1), 0).is_some(), "the session itself never goes");
        });
        assert!(lives(&live, 3) && !lives(&live, 2) && !lives(&live, 1));
    });
}

#[test]
fn a_removed_session_stays_dead_and_its_place_shows_no_other() {
    check("removal", 10_000, |_| {
        // The second session takes the slot of the first.
        let then = vec![revoked(1, 1), created(2, 2, 2)];
        let live = beside(&[created(1, 1, 1)], then, |live| {
            let mut is_gone = false;
            for _ in 0..2 {
                let found = live.live(&digest(1), 0);
                assert!(found.as_ref().is_none_or(|found| found.id == id(1)), "another's");
                assert!(!(is_gone && found.is_some()), "it is back");
                is_gone |= found.is_none();
                let found = live.find(id(2), 0);
                assert!(found.is_none_or(|found| found.user_id == *user(2)), "another's");
                let listed = live.list_for_user(&user(1), 0);
                assert!(listed.iter().all(|found| found.id == id(1)), "another's");
            }
        });
        assert!(!lives(&live, 1) && lives(&live, 2));
    });
}

#[test]
fn a_users_sessions_go_from_the_list_in_one_moment() {
    check("all of a user", 10_000, |_| {
        let before = [created(1, 1, 1), created(2, 1, 2)];
        let live = beside(&before, vec![all_revoked(1), created(3, 1, 3)], |live| {
            let mut is_gone = [false; 2];
            for _ in 0..2 {
                let listed = live.list_for_user(&user(1), 0);
                let old = listed.iter().filter(|found| found.id != id(3)).count();
                assert!(old == 0 || old == 2, "{old} of two are listed");
                for (token, is_gone) in (1..).zip(&mut is_gone) {
                    let is_live = lives(live, token);
                    assert!(!(*is_gone && is_live), "{token} is back");
                    *is_gone |= !is_live;
                }
            }
        });
        assert!(!lives(&live, 1) && !lives(&live, 2) && lives(&live, 3));
    });
}

#[test]
fn a_session_that_no_event_is_about_is_never_missing() {
    check("others", 10_000, |_| {
        let before = [created(1, 1, 1), created(2, 1, 2)];
        let then = vec![revoked(2, 1), created(3, 1, 3), refreshed(3, 1, 4)];
        beside(&before, then, |live| {
            assert!(lives(live, 1), "by its token");
            assert!(live.find(id(1), 0).is_some(), "by its id");
            let listed = live.list_for_user(&user(1), 0);
            assert!(listed.iter().any(|found| found.id == id(1)), "in its user's list");
            assert!(live.all().iter().any(|found| found.id == id(1)), "among all");
        });
    });
}
