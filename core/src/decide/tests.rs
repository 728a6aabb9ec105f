//! What is recorded of the acts that keep the ledger itself.

use crate::{
    Act, Command, Decided, Fact, Outcome, SessionId, SessionTable, State, apply, decide,
    limits::SALVAGED_RANGES_MAX, state::tests::state_of,
};

/// Two sessions that expire at 9,000.
fn two_sessions() -> State {
    let mut state = State::new();
    state.put(state_of(1, "ann"));
    state.put(state_of(2, "bo"));
    state
}

#[track_caller]
fn check_compact(now_ms: u64, ended: u32) {
    let mut state = two_sessions();
    let Decided { events, outcome } =
        decide(&state, &Command::new(Act::Compact), now_ms).expect("it is always allowed");
    assert_eq!(outcome, Outcome::Expired(ended));
    let fact = Fact::Compacted { effective_now_ms: now_ms, ended, policy_version: 0 };
    assert_eq!(events.iter().map(|event| &event.fact).collect::<Vec<_>>(), [&fact]);
    apply(&mut state, 1, &events[0]);
    assert_eq!(state.len(), 2 - usize::try_from(ended).expect("small"));
}

#[test]
fn a_compaction_ends_what_has_expired_and_is_recorded_in_any_case() {
    check_compact(8_999, 0);
    check_compact(9_000, 2);
}

#[test]
fn a_salvage_is_recorded_with_its_first_ranges_and_changes_no_session() {
    let mut state = two_sessions();
    let lost: Vec<_> = (0..).step_by(2).map(|n| (n, n)).take(SALVAGED_RANGES_MAX + 1).collect();
    let act =
        Act::NoteSalvage { source: [7; 16], kept: 9, lost: lost.clone(), lost_records: 1_001 };
    let decided = decide(&state, &Command::new(act), 5).expect("it is always allowed");
    let event = decided.events.first().expect("it is recorded");
    let recorded = lost.into_iter().take(SALVAGED_RANGES_MAX).collect();
    let (source, lost_records) = ([7; 16], 1_001);
    assert_eq!(event.fact, Fact::Salvaged { source, kept: 9, lost: recorded, lost_records });
    apply(&mut state, 1, event);
    let ids: Vec<_> = state.iter().map(crate::SessionState::id).collect();
    assert_eq!(ids, [SessionId::from_u128(1), SessionId::from_u128(2)]);
}
