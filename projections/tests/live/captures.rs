//! A capture is the picture of one moment, whatever happens meanwhile, and a table loaded from it
//! goes on like the one it was taken of.

use std::{num::NonZeroUsize, thread};

use passbook_core::{
    Event, FingerprintSum, IdempotencyKey, SessionView, State, WholeState, apply, decide,
    snapshot::{Section, decode, restore},
    state_fingerprint,
};
use passbook_projections::{Capture, Captured, Live, LoadError, LoadPlan};
use proptest::prelude::*;

use crate::{
    histories::{self, POOL, created, digest, id, revoked, user},
    readers::scattered,
};

const NEVER_MS: u64 = u64::MAX;

/// All that is left of a capture.
fn drain(capture: &mut Capture<'_>) -> (Vec<Vec<u8>>, Captured) {
    let sections: Vec<_> = std::iter::from_fn(|| capture.section()).collect();
    (sections, capture.captured().expect("all sections were given"))
}

fn load(
    sections: &[Vec<u8>],
    sessions: u64,
    threads: usize,
) -> Result<(Live, Captured), LoadError> {
    let live = Live::new();
    let plan = LoadPlan {
        sections: u32::try_from(sections.len()).expect("few"),
        sessions,
        threads: NonZeroUsize::new(threads),
    };
    let section = |number| sections.get(usize::try_from(number).expect("few"));
    let loaded = live.load(&plan, |number| Ok(section(number).expect("one planned").clone()))?;
    Ok((live, loaded))
}

/// That the sections are the state, by contents and by sum.
#[track_caller]
fn check_picture(sections: &[Vec<u8>], captured: Captured, model: &State) {
    assert_eq!(captured.sessions, u64::try_from(model.len()).expect("few"));
    assert_eq!(captured.digest, state_fingerprint(model));
    let mut restored = State::new();
    let mut sum = FingerprintSum::new();
    for section in sections {
        restore(&mut restored, section).expect("own bytes");
        if let Section::Sessions(sessions) = decode(section).expect("own bytes") {
            sessions.for_each(|(state, spent)| sum.add(&state, &spent));
        }
    }
    assert!(restored.iter().eq(model.iter()));
    for id in model.ids() {
        assert_eq!(restored.spent_tokens(id), model.spent_tokens(id));
    }
    assert_eq!(restored.policy(), model.policy());
    assert_eq!(sum.finish(&model.policy(), model.last_at_ms()), captured.digest);
    for key in ["Create", "Refresh", "SetData", "Compact", "SetPolicy"] {
        let key = IdempotencyKey::new(key).expect("short");
        assert_eq!(restored.completed(&key), model.completed(&key), "{key}");
    }
}

/// The plain table, under commands.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) state: State,
    pub(crate) sequence: u64,
    pub(crate) now_ms: u64,
    pub(crate) next_digest: u64,
}

impl Model {
    /// What comes of a wish, each event with its sequence; the plain table knows it already.
    pub(crate) fn carry_out(
        &mut self,
        elapsed_ms: u64,
        wish: &histories::Wish,
    ) -> Vec<(u64, Event)> {
        self.now_ms = self.now_ms.saturating_add(elapsed_ms);
        let command = wish.command(&mut self.next_digest);
        let decided = decide(&self.state, &command, self.now_ms);
        let events = decided.map_or_else(|_| Vec::new(), |decided| decided.events);
        let numbered = events.into_iter().map(|event| {
            self.sequence += 1;
            apply(&mut self.state, self.sequence, &event);
            (self.sequence, event)
        });
        numbered.collect()
    }
}

pub(crate) fn follow(live: &Live, events: &[(u64, Event)]) {
    for (sequence, event) in events {
        apply(&mut live.writer(), *sequence, event);
    }
}

/// That both tables answer as the model does.
#[track_caller]
pub(crate) fn check_same(loaded: &Live, grown: &Live, model: &Model) {
    let state = &model.state;
    for live in [loaded, grown] {
        assert_eq!(state_fingerprint(live), state_fingerprint(state));
        assert_eq!(live.users(), grown.users());
        for number in 0..=POOL {
            assert_eq!(live.session(id(number)), state.session(id(number)));
            assert_eq!(live.sessions_of(&user(number)), state.sessions_of(&user(number)));
        }
        for number in 0..=model.next_digest {
            assert_eq!(live.token(&digest(number)), state.token(&digest(number)));
        }
        let mut expired = live.expired(model.now_ms);
        expired.sort_unstable();
        let mut of_state = state.expired(model.now_ms);
        of_state.sort_unstable();
        assert_eq!(expired, of_state);
    }
    // A minute may stay listed longer in a table that saw the touch.
    let (mut of_loaded, of_grown) = (loaded.census(), grown.census());
    of_loaded.minutes = of_grown.minutes;
    // Labels are counted once a shard, and the shards are others.
    of_loaded.labels = of_grown.labels;
    assert_eq!(of_loaded, of_grown);
}

proptest! {
    #[test]
    fn a_capture_is_the_state_of_its_moment_and_loads_into_a_table_that_goes_on(
        before in histories::commands(),
        after in histories::commands(),
        drained_before in prop::collection::vec(any::<bool>(), 40),
        section_sessions in 1..4_usize,
        threads in 1..4_usize,
    ) {
        let (live, mut model) = (Live::new(), Model { now_ms: 1_000_000, ..Model::default() });
        for (elapsed_ms, wish) in &before {
            follow(&live, &model.carry_out(*elapsed_ms, wish));
        }
        let moment = model.state.clone();
        let mut capture = live.capture().expect("none runs").sections_of(section_sessions);
        let (mut sections, mut later) = (Vec::new(), Vec::new());
        for ((elapsed_ms, wish), is_drained) in after.iter().zip(drained_before) {
            if is_drained {
                sections.extend(capture.section());
            }
            let events = model.carry_out(*elapsed_ms, wish);
            follow(&live, &events);
            later.extend(events);
        }
        let (rest, captured) = drain(&mut capture);
        sections.extend(rest);
        check_picture(&sections, captured, &moment);
        let (loaded, of_load) = load(&sections, captured.sessions, threads).expect("own sections");
        prop_assert_eq!(of_load, captured);
        prop_assert_eq!(state_fingerprint(&loaded), captured.digest);
        follow(&loaded, &later);
        check_same(&loaded, &live, &model);
    }
}

/// A table with so many sessions of a third as many users; every seventh was ended again.
fn grown(sessions: u64) -> (Live, State) {
    let (live, mut state) = (Live::new(), State::new());
    let ended = (1..=sessions).step_by(7).map(revoked);
    let events = (1..=sessions)
        .map(|number| created(number, number % (sessions / 3), scattered(number), NEVER_MS));
    for (sequence, event) in (1..).zip(events.chain(ended)) {
        apply(&mut live.writer(), sequence, &event);
        apply(&mut state, sequence, &event);
    }
    (live, state)
}

#[test]
fn a_large_table_is_captured_beside_a_writer_and_readers() {
    const SESSIONS: u64 = 50_000;
    let (live, state) = grown(SESSIONS);
    let mut capture = live.capture().expect("none runs").sections_of(1_000);
    let (sections, captured) = thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=SESSIONS {
                apply(&mut live.writer(), SESSIONS * 2, &revoked(number));
                let next =
                    created(SESSIONS + number, number, scattered(SESSIONS + number), NEVER_MS);
                apply(&mut live.writer(), SESSIONS * 2, &next);
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                for number in (1..=SESSIONS).filter(|number| number % 7 != 1) {
                    let found = live.live(&digest(scattered(number)), 0);
                    assert!(found.is_none_or(|session| session.id == id(number)));
                }
            });
        }
        drain(&mut capture)
    });
    check_picture(&sections, captured, &state);
    for threads in [1, 4] {
        let (loaded, of_load) = load(&sections, captured.sessions, threads).expect("own sections");
        assert_eq!((of_load, state_fingerprint(&loaded)), (captured, captured.digest));
        let all_found = state.iter().all(|kept| {
            let found = loaded.live(&kept.digest.expect("it has one"), 0);
            found.as_ref() == Some(&kept.session)
        });
        assert!(all_found, "by token, on {threads} threads");
        assert_eq!(loaded.list_for_user(&user(4), 0).len(), state.sessions_of(&user(4)).len());
    }
}

#[test]
fn one_capture_at_a_time_and_one_that_is_dropped_leaves_nothing() {
    let (live, state) = grown(3_000);
    let mut first = live.capture().expect("none runs").sections_of(10);
    assert!(first.section().is_some());
    assert_eq!(first.captured(), None, "it has just begun");
    live.capture().expect_err("one runs");
    apply(&mut live.writer(), 9_000, &revoked(2));
    drop(first);
    apply(&mut live.writer(), 9_001, &revoked(3));
    let mut model = state;
    apply(&mut model, 9_000, &revoked(2));
    apply(&mut model, 9_001, &revoked(3));
    let mut second = live.capture().expect("the first is gone");
    let (sections, captured) = drain(&mut second);
    check_picture(&sections, captured, &model);
    assert_eq!(second.section(), None, "nothing comes after the end");
    live.capture().expect("the second is at its end");
}

#[test]
fn what_cannot_be_loaded_is_refused_with_its_place() {
    let (live, _) = grown(3_000);
    let (sections, captured) = drain(&mut live.capture().expect("none runs").sections_of(1_000));
    let error = |sections: &[Vec<u8>]| load(sections, captured.sessions, 2).expect_err("it is bad");
    let mut cut = sections.clone();
    cut[2].pop();
    assert!(matches!(error(&cut), LoadError::Section { section: 2, .. }));
    assert!(matches!(error(&sections[1..]), LoadError::NoHead));
    let plan = LoadPlan { sections: 1, sessions: 0, threads: None };
    assert!(matches!(live.load(&plan, |_| Ok(Vec::new())), Err(LoadError::NotEmpty)));
    let unreadable = Live::new().load(&plan, |_| Err("gone".into()));
    assert!(matches!(unreadable, Err(LoadError::Read { section: 0, .. })));
}

#[test]
fn many_remembered_commands_come_in_several_heads() {
    use passbook_core::{Act, Actor, BookmarkName, Command, Mark};
    const COMMANDS: u64 = 40_000;
    let (live, mut state) = (Live::new(), State::new());
    let key = |number: u64| IdempotencyKey::new(format!("key {number}")).expect("short");
    let carry_out = |state: &mut State, number: u64, now_ms: u64| {
        let name = BookmarkName::new("here").expect("short");
        let act = Act::Bookmark { name, mark: Mark::Here };
        let command = Command { key: Some(key(number)), actor: Actor::System, ..Command::new(act) };
        for event in decide(state, &command, now_ms).expect("it is allowed").events {
            apply(&mut live.writer(), number, &event);
            apply(state, number, &event);
        }
    };
    (1..=COMMANDS).for_each(|number| carry_out(&mut state, number, number));
    let moment = state.clone();
    let mut capture = live.capture().expect("none runs");
    let first = capture.section().expect("a head");
    carry_out(&mut state, COMMANDS + 1, COMMANDS + 1);
    let (mut sections, captured) = drain(&mut capture);
    sections.insert(0, first);
    assert_eq!(sections.len(), 3, "heads alone");
    let (loaded, _) = load(&sections, 0, 3).expect("own sections");
    assert_eq!(state_fingerprint(&loaded), captured.digest);
    for number in 1..=COMMANDS + 1 {
        assert_eq!(loaded.completed(&key(number)), moment.completed(&key(number)), "{number}");
    }
}
