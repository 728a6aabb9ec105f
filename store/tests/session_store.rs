//! What page 000 promises of `SessionStore`, method by method.

use std::sync::Arc;

use passbook::{IssuedSession, Ledger, Policy, SessionStore, SimClock};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A store whose clock stands at day 100.
fn store() -> (SessionStore, Arc<SimClock>) {
    let clock = Arc::new(SimClock::at_ms(100 * DAY_MS));
    let ledger = Ledger::builder()
        .clock(Arc::<SimClock>::clone(&clock))
        .sweep_interval(None)
        .open_blocking()
        .expect("memory opens");
    (SessionStore::from(ledger), clock)
}

fn wire(issued: &IssuedSession) -> String {
    issued.token.expose().to_string()
}

#[test]
fn a_created_session_is_found_by_its_token_and_by_nothing_else() {
    let (store, _clock) = store();
    let ann = store.create("ann".to_owned());
    let found = store.get(&wire(&ann)).expect("live");
    assert_eq!(found, ann.session);
    assert_eq!((&*found.user_id, found.is_guest), ("ann", false));
    assert_eq!(found.expires_at(), Some((100 + 30) * DAY_MS / 1_000));
    for wrong in [
        "",
        "pb_",
        &wire(&ann).to_uppercase(),
        &ann.id.to_string(),
        wire(&ann).trim_start_matches("pb_"),
    ] {
        assert!(store.get(wrong).is_none(), "{wrong:?}");
    }
}

#[test]
fn a_session_is_dead_from_its_expiry_on_and_a_clock_that_steps_back_revives_nothing() {
    let (store, clock) = store();
    let store = store.with_lifetime(10);
    let ann = wire(&store.create("ann".to_owned()));
    clock.advance_ms(9_999);
    assert!(store.get(&ann).is_some());
    clock.advance_ms(1);
    assert!(store.get(&ann).is_none());
    assert!(store.refresh(&ann).is_none() && !store.set_device(&ann, "x".to_owned()));
    assert_eq!(store.list_for_user("ann"), []);
    assert_eq!(store.list_all_unfiltered().len(), 1, "no sweep has dropped it");
    clock.set_ms(0);
    assert!(store.get(&ann).is_none(), "the clock stepped back");
    assert_eq!(store.revoke_all_for_user("ann"), 0, "only live ones count");
    assert_eq!(store.sweep_expired(), 1);
    assert_eq!(store.sweep_expired(), 0);
    assert!(store.list_all_unfiltered().is_empty());
}

#[test]
fn lifetime_zero_is_for_ever_and_huge_ones_saturate() {
    let (store, clock) = store();
    for lifetime_secs in [0, u64::MAX, u64::MAX / 1_000] {
        let store = store.clone().with_lifetime(lifetime_secs);
        let session = store.create("ann".to_owned());
        assert_eq!(session.expires_at(), None, "{lifetime_secs}");
        clock.advance_ms(1_000_000 * DAY_MS);
        assert!(store.get(&wire(&session)).is_some(), "{lifetime_secs}");
    }
}

#[test]
fn refresh_keeps_who_and_since_when_and_changes_token_and_expiry() {
    let (store, clock) = store();
    let first = store.create("ann".to_owned());
    assert!(store.set_device(&wire(&first), "Firefox".to_owned()));
    assert!(store.set_tenant(&wire(&first), Some("acme".to_owned())));
    clock.advance_ms(5 * DAY_MS);
    let second = store.clone().with_lifetime(60).refresh(&wire(&first)).expect("live");
    assert_eq!(second.id, first.id);
    assert_eq!(second.created_at_ms, first.created_at_ms);
    assert_eq!(second.device.as_deref(), Some("Firefox"));
    assert_eq!(second.tenant_id.as_deref(), Some("acme"));
    assert_eq!(second.expires_at_ms, 105 * DAY_MS + 60_000);
    assert!(store.get(&wire(&first)).is_none());
    assert_eq!(store.get(&wire(&second)).as_ref(), Some(&second.session));
}

#[test]
fn a_spent_token_is_a_race_at_first_and_a_theft_later() {
    let (store, clock) = store();
    let first = store.create("ann".to_owned());
    let second = store.refresh(&wire(&first)).expect("live");
    clock.advance_ms(10_000);
    assert!(store.refresh(&wire(&first)).is_none(), "within the race window");
    assert!(store.get(&wire(&second)).is_some(), "the session lives on");
    clock.advance_ms(1);
    assert!(store.refresh(&wire(&first)).is_none(), "after it");
    assert!(store.get(&wire(&second)).is_none(), "the session ended");
    let kinds = kinds(&store);
    assert_eq!(
        kinds,
        [
            "Opened",
            "SessionCreated",
            "SessionRefreshed",
            "TokenReuseDetected",
            "TokenReuseDetected"
        ]
    );
}

fn kinds(store: &SessionStore) -> Vec<&'static str> {
    let events = store.ledger().events(0).expect("readable");
    events.map(|recorded| recorded.expect("readable").event.fact.kind()).collect()
}

#[test]
fn within_the_replay_window_the_same_successor_comes_again_until_it_is_used() {
    let clock = Arc::new(SimClock::at_ms(1_000));
    let policy = Policy { replay_window_ms: 5_000, ..Policy::default() };
    let ledger = Ledger::builder().clock(Arc::<SimClock>::clone(&clock)).policy(policy);
    let store = SessionStore::from(ledger.open_blocking().expect("memory opens"));
    let first = wire(&store.create("ann".to_owned()));
    let second = wire(&store.refresh(&first).expect("live"));
    clock.advance_ms(5_000);
    assert_eq!(wire(&store.refresh(&first).expect("replayed")), second);
    assert!(store.get(&second).is_some(), "used now");
    assert!(store.refresh(&first).is_none(), "and never handed out again");
    let third = wire(&store.refresh(&second).expect("live"));
    clock.advance_ms(5_001);
    assert!(store.refresh(&second).is_none(), "the window is over");
    assert!(store.get(&third).is_some(), "still a race");
}

#[test]
fn guests_are_known_and_not_authenticated_until_they_upgrade() {
    let (store, _clock) = store();
    let guest = store.create_guest();
    assert!(guest.is_guest && guest.user_id.len() == "guest_".len() + 32);
    let context = store.resolve(Some(&wire(&guest)));
    assert!(context.is_guest && !context.is_authenticated());
    assert!(store.upgrade(&wire(&guest), "ann".to_owned()));
    assert!(!store.upgrade(&wire(&guest), "bob".to_owned()), "no guest any more");
    let context = store.resolve(Some(&wire(&guest)));
    assert!(context.is_authenticated() && !context.is_guest);
    assert_eq!(store.get(&wire(&guest)).expect("same token").id, guest.id);
    assert_eq!(store.list_for_user(&guest.user_id), []);
    assert_eq!(store.list_for_user("ann").len(), 1);

    let guest = store.create_guest();
    let user = store.upgrade_and_rotate(&wire(&guest), "ann".to_owned()).expect("a guest");
    assert!(store.get(&wire(&guest)).is_none(), "a planted token is worth nothing");
    assert_eq!(store.get(&wire(&user)).expect("live").user_id, "ann");
    let named_like_a_guest = store.create("guest_00".to_owned());
    assert!(store.resolve(Some(&wire(&named_like_a_guest))).is_authenticated());
}

#[test]
fn resolve_gives_user_and_tenant_and_never_errors() {
    let (store, _clock) = store();
    let ann = wire(&store.create("ann".to_owned()));
    assert!(store.set_tenant(&ann, Some("acme".to_owned())));
    let context = store.resolve(Some(&ann));
    assert_eq!(context.user_id.as_deref(), Some("ann"));
    assert_eq!(context.tenant_id.as_deref(), Some("acme"));
    assert!(store.set_tenant(&ann, None));
    assert_eq!(store.resolve(Some(&ann)).tenant_id, None);
    for nobody in [None, Some("nonsense")] {
        assert_eq!(store.resolve(nobody), passbook::AuthContext::anonymous());
    }
}

#[test]
fn list_for_user_is_newest_login_first_and_revoke_all_is_one_event() {
    let (store, clock) = store();
    let ids: Vec<_> = (0..3)
        .map(|_| {
            clock.advance_ms(1_000);
            store.create("ann".to_owned()).id
        })
        .collect();
    let bob = wire(&store.create("bob".to_owned()));
    let listed: Vec<_> = store.list_for_user("ann").iter().map(|session| session.id).collect();
    assert_eq!(listed, [ids[2], ids[1], ids[0]]);
    assert_eq!(store.revoke_all_for_user("ann"), 3);
    assert_eq!(store.revoke_all_for_user("ann"), 0);
    assert!(store.get(&bob).is_some());
    assert_eq!(kinds(&store).last(), Some(&"UserSessionsRevoked"));
    let again = wire(&store.create("ann".to_owned()));
    assert!(store.get(&again).is_some(), "a later login is not ended by an earlier revoke");
}

#[test]
fn values_over_their_limit_change_nothing() {
    let (store, _clock) = store();
    let ann = wire(&store.create("ann".to_owned()));
    let before = store.ledger().sequence();
    for user in [String::new(), "u".repeat(257)] {
        let error = store.try_create(user.clone()).expect_err("out of limits");
        assert_eq!(error.code(), "auth:limit");
        assert_eq!(store.revoke_all_for_user(&user), 0);
    }
    assert!(!store.set_device(&ann, "d".repeat(257)));
    assert!(!store.set_tenant(&ann, Some("t".repeat(257))));
    assert!(!store.set_tenant(&ann, Some(String::new())));
    assert_eq!(store.ledger().sequence(), before, "nothing was written");
    assert!(store.try_create("u".repeat(256)).is_ok());
    assert!(store.set_device(&ann, "d".repeat(256)));
}

#[test]
fn many_callers_that_refresh_one_token_have_one_winner() {
    let (store, _clock) = store();
    let token = wire(&store.create("ann".to_owned()));
    let winners: Vec<IssuedSession> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..64).map(|_| scope.spawn(|| store.refresh(&token))).collect();
        callers.into_iter().filter_map(|caller| caller.join().expect("no panic")).collect()
    });
    assert_eq!(winners.len(), 1);
    assert!(store.get(&wire(&winners[0])).is_some());
    assert_eq!(store.list_for_user("ann").len(), 1);
}

#[test]
fn a_token_that_was_just_handed_out_is_never_taken_for_spent() {
    let (store, _clock) = store();
    std::thread::scope(|scope| {
        for caller in 0..4 {
            let store = &store;
            scope.spawn(move || {
                let mut token = wire(&store.create(format!("user{caller}")));
                for turn in 0..2_000 {
                    let renewed = store.refresh(&token);
                    token = wire(&renewed.unwrap_or_else(|| panic!("turn {turn}: refused")));
                }
            });
        }
    });
}
