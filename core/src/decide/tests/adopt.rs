//! Taking over sessions that another store kept.

use super::*;
use crate::{
    AdoptedSession, DataKey, MovedSession, Past, SessionRef, SpentToken, WholeState, limits,
    sessions_fingerprint,
};

/// A session of ann's as another ledger had it.
fn moved(number: u8, past: Past) -> MovedSession {
    let session = NewSession { lifetime_ms: Some(500), ..login(number, "ann") };
    let adopted =
        AdoptedSession { session, created_at_ms: 40, last_active_at_ms: 75, expires_at_ms: 900 };
    MovedSession { adopted, past }
}

fn spent(number: u8, generation: u32, spent_at_ms: u64) -> SpentToken {
    SpentToken { digest: digest(number), generation, spent_at_ms }
}

/// As [`moved`], with one key of data.
fn moved_with_data(past: Past, value: String) -> MovedSession {
    let mut moved = moved(9, past);
    moved.adopted.session.data.insert(DataKey::new("k").expect("short"), value.into());
    moved
}

#[track_caller]
fn check_past(past: Past) {
    let mut given = Given::default();
    let moved = moved_with_data(past.clone(), "[1]".to_owned());
    given.when(100, Act::Move(Box::new(moved.clone())));
    let state = given.session(9);
    assert_eq!(given.state.spent_tokens(id(9)), past.spent);
    assert_eq!((state.digest, state.generation), (Some(digest(9)), past.generation));
    assert_eq!((state.lifetime_ms, state.absolute_at_ms), (500, past.absolute_at_ms));
    assert_eq!(state.data.unwrap_or_default().as_ref(), &moved.adopted.session.data);
    let session = state.session;
    let times = (session.created_at_ms, session.last_active_at_ms, session.expires_at_ms);
    assert_eq!(times, (40, 75, 900));
}

#[test]
fn a_moved_session_keeps_its_spent_tokens_and_its_data() {
    check_past(Past::default());
    let lineage = vec![spent(1, 1, 50), spent(2, 2, 75)];
    check_past(Past { spent: lineage, generation: 3, absolute_at_ms: 2_000 });
}

#[test]
fn a_token_that_was_spent_elsewhere_ends_its_session_here() {
    let mut given = Given::default();
    let past = Past { spent: vec![spent(1, 1, 50)], generation: 2, ..Past::default() };
    let mut moved = moved(9, past);
    moved.adopted.expires_at_ms = u64::MAX;
    given.when(100, Act::Move(Box::new(moved)));
    given.when(
        90_000,
        Act::Refresh { presented: digest(1), successor: digest(8), lifetime_ms: None },
    );
    assert!(!given.has(9));
}

#[test]
fn a_lineage_whose_beginning_is_lost_goes_on_where_it_was() {
    check_past(Past { generation: 7, ..Past::default() });
    check_past(Past { spent: vec![spent(6, 6, 60)], generation: 7, ..Past::default() });
}

#[test]
fn what_moves_from_one_state_to_another_leaves_the_same_fingerprint() {
    let (mut source, mut target) = (Given::default(), Given::default());
    let past = Past { spent: vec![spent(1, 1, 50)], generation: 2, ..Past::default() };
    source.when(100, Act::Move(Box::new(moved(9, past.clone()))));
    source.when(100, Act::SetPolicy(Policy { race_window_ms: 1, ..Policy::default() }));
    target.when(700, Act::Move(Box::new(moved(9, past))));
    let fingerprint = sessions_fingerprint(&source.state);
    assert_eq!(fingerprint, sessions_fingerprint(&target.state));
    assert_ne!(crate::state_fingerprint(&source.state), crate::state_fingerprint(&target.state));
    target.when(800, Act::Touch { session: SessionRef::Id(id(9)) });
    assert_ne!(fingerprint, sessions_fingerprint(&target.state));
}

#[test]
fn a_session_is_not_taken_over_with_a_token_or_an_id_of_another() {
    let mut given = Given::default();
    let past = Past { spent: vec![spent(1, 1, 50)], generation: 2, ..Past::default() };
    given.when(100, Act::Move(Box::new(moved(9, past))));
    let taken = Err(Rejection::TokenTaken(id(9)));
    let mut refused = |moved: MovedSession| {
        given.when_asked(100, &Command::new(Act::Move(Box::new(moved)))).map(|_decided| ())
    };
    assert_eq!(refused(moved(1, Past::default())), taken, "live here, spent there");
    let with_spent =
        |number| Past { spent: vec![spent(number, 1, 50)], generation: 2, ..Past::default() };
    assert_eq!(refused(moved(5, with_spent(9))), taken, "spent here, live there");
    let mut same_id = moved(6, Past::default());
    same_id.adopted.session.id = id(9);
    assert_eq!(refused(same_id), Err(Rejection::SessionIdTaken(id(9))));
    assert_eq!(refused(moved(5, Past::default())), Ok(()));
}

#[test]
fn a_session_is_not_taken_over_with_too_much_data() {
    let ask = |value_len| {
        let moved = moved_with_data(Past::default(), "x".repeat(value_len));
        Given::default().when_asked(100, &Command::new(Act::Move(Box::new(moved))))
    };
    assert!(ask(limits::DATA_BYTES_MAX - 1).is_ok());
    let bytes = limits::DATA_BYTES_MAX + 1;
    assert_eq!(ask(limits::DATA_BYTES_MAX), Err(Rejection::DataTooLarge { bytes }));
}
