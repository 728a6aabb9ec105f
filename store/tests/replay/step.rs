//! Going over events one by one, forwards and back.

use passbook::{
    At, Breakpoint, EndReason, FieldChange, LedgerError, Step,
    core::{Act, DeviceLabel, SessionRef, SessionState, State, state_fingerprint},
};
use proptest::prelude::*;

use crate::histories::{Life, MINUTE_MS, Model, START_MS, user, wishes};

/// What the plain fold says that the step changed, by ids.
fn check_difference(step: &Step, before: &State, after: &State) {
    let find = |state: &State, id| state.iter().find(|state| state.id() == id).cloned();
    let ids = |states: &[SessionState]| states.iter().map(SessionState::id).collect::<Vec<_>>();
    let opened: Vec<_> =
        after.iter().filter(|state| find(before, state.id()).is_none()).cloned().collect();
    let ended: Vec<_> =
        before.iter().filter(|state| find(after, state.id()).is_none()).cloned().collect();
    let difference = &step.difference;
    assert_eq!(difference.opened, opened);
    let told: Vec<_> = difference.ended.iter().map(|ended| ended.state.clone()).collect();
    assert_eq!(told, ended);
    for ended in &difference.ended {
        assert_eq!(ended.ending.event.as_ref(), Some(&step.recorded));
    }
    let changed: Vec<_> = after
        .iter()
        .filter(|state| find(before, state.id()).is_some_and(|old| old != **state))
        .cloned()
        .collect();
    let told: Vec<_> = difference.changed.iter().map(|change| change.session).collect();
    assert_eq!(told, ids(&changed));
    assert!(difference.changed.iter().all(|change| !change.fields.is_empty()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_step_tells_what_changed_and_a_step_back_undoes_it(wishes in wishes(60)) {
        let life = Life::after(&wishes);
        let mut stepper = life.ledger.replay().step_from(At::Sequence(0)).expect("kept");
        let (mut model, mut states, mut steps) = (Model::default(), Vec::new(), Vec::new());
        for recorded in life.events() {
            let before = model.state.clone();
            model.add(&recorded);
            let step = stepper.next().expect("readable").expect("one more");
            prop_assert_eq!(&step.recorded, &recorded);
            check_difference(&step, &before, &model.state);
            prop_assert_eq!(stepper.view().fingerprint(), state_fingerprint(&model.state));
            prop_assert_eq!(stepper.view().at_ms(), recorded.event.at_ms);
            states.push(state_fingerprint(&before));
            steps.push(step);
        }
        prop_assert_eq!(stepper.next().expect("readable"), None);
        prop_assert_eq!(stepper.view().fingerprint(), life.ledger.fingerprint());
        while let Some(step) = steps.pop() {
            prop_assert_eq!(stepper.back().expect("kept"), Some(step));
            prop_assert_eq!(Some(stepper.view().fingerprint()), states.pop());
        }
        prop_assert_eq!(stepper.back().expect("kept"), None);
        prop_assert_eq!(stepper.sequence(), 0);
    }

    #[test]
    fn to_and_fro_in_any_way_gives_the_state_of_the_place(
        wishes in wishes(40), ways in prop::collection::vec(any::<bool>(), 0..120)
    ) {
        let life = Life::after(&wishes);
        let replay = life.ledger.replay();
        let mut stepper = replay.step_from(At::Sequence(replay.head() / 2)).expect("kept");
        for forward in ways {
            if forward { stepper.next() } else { stepper.back() }.expect("kept");
            let view = replay.as_of(At::Sequence(stepper.sequence())).expect("kept");
            prop_assert_eq!(stepper.view().fingerprint(), view.fingerprint());
            prop_assert_eq!(stepper.view().at_ms(), view.at_ms());
        }
    }
}

#[test]
fn steps_that_are_no_longer_kept_are_folded_again() {
    let mut life = Life::in_memory();
    let first = life.create(user(0), None, None);
    for number in 0..4_300_u32 {
        life.clock.advance_ms(1);
        let session = SessionRef::Id(first);
        life.submit(Act::Touch { session }, 0, None);
        if number.is_multiple_of(50) {
            life.refresh(life.newest_token());
        }
    }
    let replay = life.ledger.replay();
    let mut stepper = replay.step_from(At::Sequence(0)).expect("kept");
    while stepper.next().expect("readable").is_some() {}
    assert_eq!(stepper.sequence(), replay.head());
    let mut expected = replay.head();
    while stepper.back().expect("kept").is_some() {
        expected -= 1;
        assert_eq!(stepper.sequence(), expected);
        if expected.is_multiple_of(1_000) {
            let view = replay.as_of(At::Sequence(expected)).expect("kept");
            assert_eq!(stepper.view().fingerprint(), view.fingerprint());
        }
    }
    assert_eq!(expected, 0);
}

#[test]
fn a_breakpoint_stops_at_the_event_that_has_all_it_asks_for() {
    let mut life = Life::after(&[]);
    let ann = life.create(user(0), None, None);
    let bob = life.create(user(1), None, None);
    life.clock.advance_ms(20 * MINUTE_MS);
    life.submit(Act::Sweep, 0, None);
    let swept = life.ledger.sequence();
    life.create(user(0), None, None);
    let replay = life.ledger.replay();
    let check = |breakpoint: &Breakpoint, expected: &[u64]| {
        let mut stepper = replay.step_from(At::Sequence(0)).expect("kept");
        let mut met = Vec::new();
        while let Some(step) = stepper.run_to(breakpoint).expect("readable") {
            assert_eq!(stepper.sequence(), step.recorded.sequence);
            met.push(step.recorded.sequence);
        }
        assert_eq!(met, expected, "{breakpoint:?}");
        while let Some(step) = stepper.run_back_to(breakpoint).expect("readable") {
            assert_eq!(met.pop(), Some(step.recorded.sequence));
        }
        assert!(met.is_empty(), "{breakpoint:?}: {met:?}");
    };
    let any = Breakpoint::default();
    check(&any, &[1, 2, 3, 4, swept, swept + 1]);
    check(&Breakpoint { kinds: vec!["SessionsExpired".to_owned()], ..any.clone() }, &[swept]);
    check(&Breakpoint { users: vec!["ann".to_owned()], ..any.clone() }, &[3, swept, swept + 1]);
    check(&Breakpoint { sessions: vec![bob, ann], ..any.clone() }, &[3, 4, swept]);
    check(&Breakpoint { ips: vec!["192.0.2.9".parse().expect("an ip")], ..any.clone() }, &[]);
    let idle = vec![EndReason::ExpiredIdle, EndReason::Logout];
    check(&Breakpoint { reasons: idle.clone(), ..any.clone() }, &[swept]);
    let both = Breakpoint { reasons: idle, users: vec!["cas".to_owned()], ..any };
    check(&both, &[]);
}

#[test]
fn a_changed_label_is_told_with_both_values() {
    let mut life = Life::in_memory();
    let ann = life.create(user(0), None, None);
    let session = SessionRef::Id(ann);
    let device = DeviceLabel::new("Fridge").expect("short");
    life.submit(Act::SetDevice { session, device }, 0, None);
    let replay = life.ledger.replay();
    let mut stepper = replay.step_from(At::Time(START_MS - 1)).expect("kept");
    assert_eq!(stepper.sequence(), 0, "nothing was recorded by then");
    let labels = Breakpoint { kinds: vec!["DeviceSet".to_owned()], ..Breakpoint::default() };
    let step = stepper.run_to(&labels).expect("readable").expect("one");
    let change = &step.difference.changed[0];
    assert_eq!((change.session, &*change.user), (ann, "ann"));
    assert_eq!(change.fields, [FieldChange::Device(None, Some("Fridge".into()))]);
}

#[test]
fn a_stepper_goes_on_when_more_has_happened() {
    let mut life = Life::in_memory();
    life.create(user(0), None, None);
    let ledger = life.ledger.clone();
    let mut stepper =
        ledger.replay().step_from(At::Sequence(life.ledger.sequence())).expect("kept");
    assert_eq!(stepper.next().expect("readable"), None);
    life.create(user(1), None, None);
    assert!(stepper.next().expect("readable").is_some());
    assert_eq!(stepper.view().fingerprint(), life.ledger.fingerprint());
}

#[test]
fn a_stepper_goes_back_no_further_than_states_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut life = Life::in_folder(folder.path());
    for _ in 0..600 {
        life.create(user(0), None, None);
    }
    life.clock.advance_ms(100 * 86_400_000);
    life.ledger.compact().expect("compacts");
    let sequence = life.ledger.sequence();
    drop(life);
    let retention = Some(std::time::Duration::from_hours(24));
    let policy = passbook::CompactionPolicy { retention, ..passbook::CompactionPolicy::default() };
    let clock = std::sync::Arc::new(passbook::SimClock::at_ms(START_MS + 200 * 86_400_000));
    let builder = passbook::Ledger::builder().path(folder.path()).clock(clock);
    let builder = builder.sweep_interval(None).compaction(Some(policy)).history_index(false);
    let ledger = builder.open_blocking().expect("a ledger");
    ledger.compact().expect("compacts");
    let oldest = ledger.snapshots().expect("readable").pop().expect("some").sequence;
    assert!(oldest >= sequence);
    let mut stepper = ledger.replay().step_from(At::Sequence(ledger.sequence())).expect("kept");
    while stepper.sequence() > oldest {
        stepper.back().expect("kept").expect("one more");
    }
    let error = stepper.back().expect_err("no state before it");
    assert!(
        matches!(error, LedgerError::NotRetained { first, .. } if first == oldest),
        "{error:?}"
    );
    assert_eq!(stepper.sequence(), oldest);
}
