//! Given, when, then: a state, an act and a time give these events, and they give that state.

use crate::{
    Act, Actor, Command, Decided, Event, Fact, NewSession, Outcome, Policy, Rejection, SessionId,
    SessionState, SessionTable, SessionView, State, Subject, TokenDigest, Transport, UserId, apply,
    decide, limits::SALVAGED_RANGES_MAX, state::tests::state_of,
};

mod acts;
mod adopt;
mod keys;
mod login;
mod refresh;

/// A state with what was decided folded into it at once.
#[derive(Debug, Default)]
struct Given {
    state: State,
    sequence: u64,
}

impl Given {
    fn policy(policy: Policy) -> Self {
        let mut given = Self::default();
        given.when(1, Act::SetPolicy(policy));
        given
    }

    /// Decides, folds, and says what was decided.
    fn when(&mut self, now_ms: u64, act: Act) -> Decided {
        self.when_asked(now_ms, &Command::new(act)).expect("it may be carried out")
    }

    fn when_asked(&mut self, now_ms: u64, command: &Command) -> Result<Decided, Rejection> {
        let decided = decide(&self.state, command, now_ms)?;
        for event in &decided.events {
            self.sequence += 1;
            apply(&mut self.state, self.sequence, event);
        }
        Ok(decided)
    }

    #[track_caller]
    fn session(&self, number: u128) -> SessionState {
        self.state.session(id(number)).expect("it is there")
    }

    fn has(&self, number: u128) -> bool {
        self.state.session(id(number)).is_some()
    }
}

fn id(number: u128) -> SessionId {
    SessionId::from_u128(number)
}

fn digest(number: u8) -> TokenDigest {
    TokenDigest::from_bytes([number; 32])
}

fn user(name: &str) -> UserId {
    UserId::new(name).expect("short")
}

fn subject(number: u128, name: &str) -> Subject {
    Subject { session: id(number), user: user(name) }
}

/// A login whose token has the session's number.
fn login(number: u8, name: &str) -> NewSession {
    NewSession {
        id: id(number.into()),
        digest: Some(digest(number)),
        user: user(name),
        is_guest: false,
        device: None,
        tenant: None,
        transport: Transport::Token,
        lifetime_ms: Some(1_000),
        absolute_timeout_ms: None,
        data: crate::session::Data::new(),
        replaces: None,
        sessions_per_user_max: None,
    }
}

fn facts(decided: &Decided) -> Vec<&Fact> {
    decided.events.iter().map(|event| &event.fact).collect()
}

fn actors(decided: &Decided) -> Vec<&Actor> {
    decided.events.iter().map(|event: &Event| &event.actor).collect()
}

/// Nothing is recorded, and this is the answer.
#[track_caller]
fn check_answer(decided: &Decided, outcome: Outcome) {
    assert_eq!(decided.outcome, outcome);
    assert!(decided.events.is_empty(), "{:?}", decided.events);
}

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
    let ids: Vec<_> = state.iter().map(SessionState::id).collect();
    assert_eq!(ids, [SessionId::from_u128(1), SessionId::from_u128(2)]);
}
