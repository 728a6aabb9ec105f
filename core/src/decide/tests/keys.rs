//! Commands that are sent twice, and clocks that step back.

use super::*;
use crate::{BookmarkName, Completed, IdempotencyKey, Mark, Note, limits::IDEMPOTENCY_WINDOW_MS};

fn keyed(act: Act) -> Command {
    let key = IdempotencyKey::new("k1").expect("short");
    Command { key: Some(key), ..Command::new(act) }
}

fn bookmark() -> Act {
    Act::Bookmark { name: BookmarkName::new("here").expect("short"), mark: Mark::Here }
}

#[test]
fn the_second_time_a_key_does_nothing_for_a_day() {
    let mut given = Given::default();
    let login = keyed(Act::Create(login(1, "ann")));
    let decided = given.when_asked(100, &login).expect("it may");
    assert_eq!(decided.events[0].key, login.key);
    let completed = Completed { sequence: 1, at_ms: 100, session: Some(id(1)) };
    let last_ms = 100 + IDEMPOTENCY_WINDOW_MS;
    for now_ms in [100, last_ms] {
        // Whatever it asks for now.
        let again = given.when_asked(now_ms, &keyed(bookmark())).expect("it may");
        check_answer(&again, Outcome::AlreadyDone(completed));
    }
    let decided = given.when_asked(last_ms + 1, &keyed(bookmark())).expect("it may");
    assert_eq!(decided.outcome, Outcome::Recorded);
    let again = given.when_asked(last_ms + 1, &keyed(bookmark())).expect("it may");
    let completed = Completed { sequence: 2, at_ms: last_ms + 1, session: None };
    check_answer(&again, Outcome::AlreadyDone(completed));
}

#[test]
fn a_key_names_the_first_event_alone_and_only_what_wrote_one() {
    let mut given = Given::default();
    check_answer(&given.when_asked(5, &keyed(Act::Sweep)).expect("it may"), Outcome::Expired(0));
    given.when(10, Act::Create(login(1, "ann")));
    let replacing = NewSession { replaces: Some(id(1)), ..login(2, "ann") };
    let decided = given.when_asked(20, &keyed(Act::Create(replacing))).expect("it may");
    let keys: Vec<_> = decided.events.iter().map(|event| event.key.is_some()).collect();
    assert_eq!(keys, [true, false]);
}

#[test]
fn an_importers_key_is_recorded_and_not_remembered() {
    let mut given = Given::default();
    let command = Command { actor: Actor::Importer, ..keyed(bookmark()) };
    for _ in 0..2 {
        let decided = given.when_asked(100, &command).expect("it may");
        assert_eq!(decided.outcome, Outcome::Recorded);
        assert_eq!(decided.events[0].key, command.key);
    }
    for actor in [Actor::System, Actor::Operator(crate::OperatorName::new("kim").expect("short"))] {
        let mut given = Given::default();
        let command = Command { actor, ..keyed(bookmark()) };
        given.when_asked(100, &command).expect("it may");
        let again = given.when_asked(100, &command).expect("it may");
        assert!(matches!(again.outcome, Outcome::AlreadyDone(_)), "{again:?}");
    }
}

#[test]
fn time_never_steps_back_behind_the_last_event() {
    let mut given = Given::default();
    given.when(100, Act::Create(login(1, "ann")));
    let decided = given.when(50, Act::Touch { session: crate::SessionRef::Id(id(1)) });
    check_answer(&decided, Outcome::Unchanged(id(1)));
    assert_eq!(given.when(50, bookmark()).events[0].at_ms, 100);
    assert_eq!(given.when(150, bookmark()).events[0].at_ms, 150);
    assert_eq!(given.state.last_at_ms(), 150);
}

#[test]
fn who_and_why_is_in_the_event() {
    let note = Note::new("INC-311").expect("short");
    let mut command = keyed(bookmark());
    command.note = Some(note.clone());
    command.actor = Actor::Operator(crate::OperatorName::new("kim").expect("short"));
    command.occurred_at_ms = Some(7);
    let decided = Given::default().when_asked(100, &command).expect("it may");
    let event = &decided.events[0];
    assert_eq!((&event.actor, &event.note), (&command.actor, &Some(note)));
    assert_eq!((event.at_ms, event.occurred_at_ms), (100, Some(7)));
}
