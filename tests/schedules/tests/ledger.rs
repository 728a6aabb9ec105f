//! The ledger's way from a command to its answer: decider, what is in flight, tickets, readers.

use std::{path::Path, sync::Arc};

use passbook::{
    Ledger, OnReuse, Policy, SeededEntropy, SessionStore, SimClock,
    journal::{Options, sim::SimVfs},
};
use passbook_schedules::check;
use shuttle::thread;

/// A store whose spent tokens end their session when they are shown a millisecond later.
fn store(is_on_disk: bool) -> (SessionStore, Arc<SimClock>) {
    let clock = Arc::new(SimClock::at_ms(1_000));
    let policy = Policy { race_window_ms: 0, on_reuse: OnReuse::EndSession, ..Policy::default() };
    let builder = Ledger::builder()
        .clock(Arc::<SimClock>::clone(&clock))
        .entropy(Arc::new(SeededEntropy::new(7)))
        .policy(policy)
        .sweep_interval(None)
        .compaction(None);
    let options = Options {
        vfs: Arc::new(SimVfs::new()),
        entropy: Arc::new(passbook::journal::SeededEntropy::new(7)),
        segment_bytes: 64 << 10,
        sync_depth: 2,
        ..Options::default()
    };
    let builder = if is_on_disk {
        builder.path(Path::new("/ledger")).journal_options(options)
    } else {
        builder
    };
    (SessionStore::from(builder.open_blocking().expect("an empty disk opens")), clock)
}

fn create(store: &SessionStore, user: &str) -> String {
    store.try_create(user).expect("the disk is fine").token.expose().to_string()
}

fn refresh(store: &SessionStore, token: &str) -> Option<String> {
    let renewed = store.try_refresh(token).expect("the disk is fine");
    renewed.map(|renewed| renewed.token.expose().to_string())
}

/// Two threads over one store; what each came to.
fn beside<T: Send + 'static>(
    store: &SessionStore,
    one: impl FnOnce(&SessionStore) -> T + Send + 'static,
    other: impl FnOnce(&SessionStore) -> T + Send + 'static,
) -> (T, T) {
    let shown = store.clone();
    let beside = thread::spawn(move || one(&shown));
    let second = other(store);
    (beside.join().expect("it did not panic"), second)
}

#[test]
fn a_token_that_was_just_handed_out_is_never_taken_for_spent() {
    check("fold beside apply", 2_500, |number| {
        let (store, clock) = store(number % 2 == 0);
        let run = move |user: &'static str| {
            let clock = Arc::clone(&clock);
            move |store: &SessionStore| {
                let mut token = create(store, user);
                for _ in 0..2 {
                    clock.advance_ms(1);
                    token = refresh(store, &token).expect("nobody else has this token");
                    assert!(store.get(&token).is_some(), "an answer that is not true yet");
                }
            }
        };
        let ((), ()) = beside(&store, run("ann"), run("bob"));
        assert_eq!(store.list_all_unfiltered().len(), 2);
    });
}

#[test]
fn of_two_that_refresh_one_token_one_wins_and_the_session_lives_on() {
    check("one winner", 2_500, |number| {
        let (store, _clock) = store(number % 2 == 0);
        let token = create(&store, "ann");
        let run = |token: String| {
            move |store: &SessionStore| {
                let renewed = refresh(store, &token);
                assert!(store.get(&token).is_none(), "spent, whoever won");
                if let Some(renewed) = &renewed {
                    assert!(store.get(renewed).is_some(), "an answer that is not true yet");
                }
                renewed
            }
        };
        let (one, other) = beside(&store, run(token.clone()), run(token));
        assert_eq!(usize::from(one.is_some()) + usize::from(other.is_some()), 1);
        assert_eq!(store.list_for_user("ann").len(), 1);
    });
}

#[test]
fn what_is_revoked_beside_a_refresh_is_dead_or_was_never_revoked() {
    check("refresh beside revoke", 2_500, |number| {
        let (store, _clock) = store(number % 2 == 0);
        let token = create(&store, "ann");
        let (shown, presented) = (token.clone(), token.clone());
        let (renewed, revoked) = beside(
            &store,
            move |store| refresh(store, &shown),
            move |store| {
                let revoked = store.try_revoke(&presented).expect("the disk is fine");
                assert!(store.get(&presented).is_none(), "dead to who was answered");
                revoked.then(String::new)
            },
        );
        assert_ne!(renewed.is_some(), revoked.is_some(), "one of the two came first");
        if let Some(renewed) = renewed {
            assert!(store.get(&renewed).is_some());
        }
        assert!(store.get(&token).is_none());
    });
}

#[test]
fn all_sessions_of_a_user_end_at_once_and_none_comes_back() {
    check("revoke all beside refreshes", 2_500, |number| {
        let (store, _clock) = store(number % 2 == 0);
        let (phone, laptop) = (create(&store, "ann"), create(&store, "ann"));
        let tokens = [phone.clone(), laptop];
        let (renewed, _) = beside(
            &store,
            move |store| refresh(store, &phone),
            move |store| {
                let ended = store.try_revoke_all_for_user("ann").expect("the disk is fine");
                assert_eq!(ended, 2);
                assert!(store.list_for_user("ann").is_empty(), "an answer that is not true yet");
                assert!(tokens.iter().all(|token| store.get(token).is_none()));
                None
            },
        );
        if let Some(renewed) = renewed {
            assert!(store.get(&renewed).is_none(), "refreshed before the end, ended with it");
        }
    });
}
