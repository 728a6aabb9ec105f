//! Why a session is dead, and what would end one that lives.

use passbook::{
    Actor, At, Cause, EndReason, LedgerError, Policy, SessionId, TokenEnd,
    core::{Act, SessionRef, SessionView as _, event::ReuseVerdict},
};
use proptest::prelude::*;

use crate::histories::{Life, MINUTE_MS, Model, START_MS, short_policy, user, wishes};

proptest! {
    #[test]
    fn every_dead_session_has_one_explanation_and_it_names_the_event_of_the_fold(
        wishes in wishes(80)
    ) {
        let life = Life::after(&wishes);
        let model = Model::of(&life.events());
        let (replay, now_ms) = (life.ledger.replay(), life.ledger.now_ms());
        for (id, end) in &model.ends {
            let explanation = replay.explain(*id).expect("kept");
            let ending = explanation.ending().expect("it is gone");
            prop_assert_eq!((ending.sequence(), ending.kind()), (Some(end.sequence), Some(end.kind)));
            prop_assert_eq!(explanation.session.expires_at_ms, end.expires_at_ms);
            prop_assert_eq!(explanation.events.last(), ending.event.as_ref());
            let recorded = Model::of(life.events().iter().take_while(|it| it.sequence <= end.sequence));
            prop_assert_eq!(ending.policy, Some(recorded.state.policy()));
        }
        for state in model.state.iter() {
            let explanation = replay.explain(state.id()).expect("kept");
            prop_assert_eq!(&explanation.session, &state.session);
            prop_assert_eq!(explanation.is_alive(), !state.session.is_expired(now_ms));
            if let Some(ending) = explanation.ending() {
                prop_assert_eq!(ending.sequence(), None);
                prop_assert_eq!(ending.at_ms, state.session.expires_at_ms);
            }
        }
    }

    #[test]
    fn of_every_lineage_at_most_one_token_lives_and_it_is_the_folds(wishes in wishes(80)) {
        let life = Life::after(&wishes);
        let model = Model::of(&life.events());
        for state in model.state.iter().filter(|state| state.digest.is_some()) {
            let lineage = life.ledger.replay().lineage(state.id()).expect("kept");
            let live: Vec<_> =
                lineage.tokens.iter().filter(|token| token.end == TokenEnd::Live).collect();
            if state.session.is_expired(life.ledger.now_ms()) {
                prop_assert!(live.is_empty());
            } else {
                prop_assert_eq!(live.len(), 1);
                prop_assert_eq!(lineage.live().map(|token| token.generation), Some(state.generation));
            }
        }
    }
}

/// A ledger with short timeouts, at most three sessions a user, and one login of ann.
fn with_ann() -> (Life, SessionId) {
    let mut life = Life::after(&[]);
    let ann = life.create(user(0), None, None);
    (life, ann)
}

#[test]
fn a_reused_token_is_explained_by_both_generations_and_the_race_window() {
    let (mut life, ann) = with_ann();
    let first = life.newest_token();
    life.clock.advance_ms(MINUTE_MS);
    life.refresh(first);
    life.clock.advance_ms(MINUTE_MS);
    life.refresh(first);
    life.clock.advance_ms(1);
    life.refresh(first);
    let explanation = life.ledger.replay().explain(ann).expect("kept");
    let ending = explanation.ending().expect("dead");
    let spent_at_ms = START_MS + MINUTE_MS;
    let presented_at_ms = spent_at_ms + MINUTE_MS + 1;
    let cause = Cause::Reused {
        presented_generation: 1,
        current_generation: 2,
        spent_at_ms,
        presented_at_ms,
        race_window_ms: MINUTE_MS,
    };
    assert_eq!((ending.reason, ending.cause), (EndReason::TokenReuse, cause));
    assert_eq!((ending.at_ms, ending.kind()), (presented_at_ms, Some("TokenReuseDetected")));
    let policy = ending.policy.expect("known");
    assert_eq!((policy.version, policy.policy), (1, short_policy()));
    let kinds: Vec<_> = explanation.events.iter().map(|it| it.event.fact.kind()).collect();
    assert_eq!(
        kinds,
        ["SessionCreated", "SessionRefreshed", "TokenReuseDetected", "TokenReuseDetected"]
    );

    let lineage = life.ledger.replay().lineage(ann).expect("kept");
    let shown: Vec<_> = lineage
        .presented
        .iter()
        .map(|it| (it.generation, it.current_generation, it.verdict))
        .collect();
    let (race, ended) = (Some(ReuseVerdict::Race), Some(ReuseVerdict::Ended));
    assert_eq!(shown, [(1, 1, None), (1, 2, race), (1, 2, ended)]);
    assert_eq!(lineage.tokens[1].end, TokenEnd::EndedWithSession);
    assert!(
        matches!(lineage.tokens[0].end, TokenEnd::Spent { successor: 2, at_ms, .. } if at_ms == spent_at_ms)
    );
    assert_eq!(lineage.live(), None);
}

#[test]
fn an_evicted_session_is_explained_by_the_limit_and_the_login_that_it_made_room_for() {
    let (mut life, ann) = with_ann();
    for _ in 0..2 {
        life.create(user(0), None, None);
    }
    let by = life.create(user(0), None, None);
    let ending = life.ledger.replay().explain(ann).expect("kept");
    let ending = ending.ending().expect("dead");
    let last_active_at_ms = START_MS;
    let cause = Cause::Evicted { limit: 3, live: 3, last_active_at_ms, by: Some(by) };
    assert_eq!((ending.reason, ending.cause), (EndReason::Evicted, cause));
    assert_eq!(ending.actor(), &Actor::System);
}

#[test]
fn an_expiry_is_explained_with_and_without_a_sweep() {
    let (mut life, ann) = with_ann();
    let expires_at_ms = START_MS + 20 * MINUTE_MS;
    let expired = |life: &Life, sequence| {
        let explanation = life.ledger.replay().explain(ann).expect("kept");
        let ending = explanation.ending().expect("dead");
        assert_eq!((ending.reason, ending.at_ms), (EndReason::ExpiredIdle, expires_at_ms));
        assert_eq!(ending.sequence(), sequence);
        let effective_now_ms = life.ledger.now_ms();
        let cause = Cause::Expired {
            expires_at_ms,
            absolute_at_ms: START_MS + 60 * MINUTE_MS,
            last_active_at_ms: START_MS,
            lifetime_ms: 20 * MINUTE_MS,
            effective_now_ms,
        };
        assert_eq!(ending.cause, cause);
    };
    life.clock.advance_ms(20 * MINUTE_MS - 1);
    let explanation = life.ledger.replay().explain(ann).expect("kept");
    let passbook::Standing::Alive(outlook) = explanation.standing else { panic!("one ms left") };
    assert_eq!(
        (outlook.expires_at_ms, outlook.reason),
        (expires_at_ms, Some(EndReason::ExpiredIdle))
    );
    life.clock.advance_ms(1);
    expired(&life, None);
    life.submit(Act::Sweep, 0, None);
    expired(&life, Some(life.ledger.sequence()));
}

#[test]
fn a_token_finds_its_session_live_spent_and_dead() {
    let life = Life::in_memory();
    let store = passbook::SessionStore::from(life.ledger.clone());
    let login = store.create("ann".to_owned());
    let next = store.refresh(&login.token.expose()).expect("it lives");
    let replay = life.ledger.replay();
    for token in [&login.token, &next.token] {
        assert!(replay.explain_token(token).expect("known").is_alive());
    }
    store.revoke(&next.token.expose());
    for token in [&login.token, &next.token] {
        let explanation = replay.explain_token(token).expect("known");
        assert_eq!(explanation.session.id, login.id);
        assert_eq!(explanation.ending().map(|ending| ending.reason), Some(EndReason::Logout));
    }
    let other = Life::in_memory();
    let error = other.ledger.replay().explain_token(&login.token).expect_err("of another ledger");
    assert!(matches!(error, LedgerError::NoTrace { first: 1, last: 0 }), "{error:?}");
}

#[test]
fn an_earlier_moment_is_explained_as_it_was_then() {
    let (mut life, ann) = with_ann();
    let alive = life.ledger.sequence();
    life.clock.advance_ms(MINUTE_MS);
    let (session, reason) = (SessionRef::Id(ann), EndReason::RevokedByAdmin);
    life.submit(Act::Revoke { session, reason }, 0, None);
    let replay = life.ledger.replay();
    assert!(replay.explain_at(ann, At::Sequence(alive)).expect("kept").is_alive());
    assert!(replay.explain_at(ann, At::Time(START_MS)).expect("kept").is_alive());
    assert!(!replay.explain_at(ann, At::Sequence(alive + 1)).expect("kept").is_alive());
    let before = replay.explain_at(ann, At::Sequence(alive - 1)).expect_err("no login yet");
    assert_eq!(before.code(), "ledger:no_trace");
}

#[test]
fn what_ended_before_a_compaction_is_explained_from_the_archive() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut life = Life::in_folder(folder.path());
    life.submit(Act::SetPolicy(Policy { race_window_ms: 7, ..Policy::default() }), 0, None);
    let first = life.create(user(0), None, None);
    life.refresh(life.newest_token());
    life.refresh(life.newest_token());
    life.clock.advance_ms(1_000);
    life.refresh(1);
    for _ in 0..600 {
        life.create(user(1), None, None);
    }
    let replay = life.ledger.replay();
    let before = replay.explain(first).expect("in the journal");
    assert_eq!(before.ending().map(|ending| ending.reason), Some(EndReason::TokenReuse));
    life.submit(Act::SetPolicy(Policy::default()), 0, None);
    let report = life.ledger.compact().expect("compacts");
    assert!(report.files.sequence_first > 10, "{report:?}");
    let replay = life.ledger.replay();
    let after = replay.explain(first).expect("archived");
    assert_eq!(after.ending(), before.ending());
    assert_eq!(after.events, before.events);
    assert_eq!(after.ending().and_then(|ending| ending.policy).map(|it| it.version), Some(1));
    let lineage = replay.lineage(first).expect("archived");
    assert_eq!(lineage.tokens.len(), 3);
}
