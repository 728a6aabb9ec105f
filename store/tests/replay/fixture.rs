//! Fixtures: a slice of a ledger answers what the ledger answered, under other names.

use std::collections::BTreeMap;

use passbook::{
    At, Cause, EndReason, Explanation, Fixture, HistoryQuery, Ledger, Names, OnReuse, Policy,
    SessionId, Shift, Slice, Standing,
    core::{Act, SessionRef, SessionView as _, UserId},
};
use proptest::prelude::*;

use crate::histories::{
    Life, MINUTE_MS, Model, START_MS, USERS, digest, short_policy, user, wishes,
};

/// Through the file and back.
fn opened(fixture: &Fixture) -> Ledger {
    passbook::fixture(fixture.to_string().as_bytes()).expect("a fixture")
}

fn fixture_of(life: &Life, slice: &Slice, names: Names) -> Fixture {
    life.ledger.replay().fixture(slice, names).expect("kept")
}

/// The sessions of which something is kept, and what is said of them.
fn explained(life: &Life) -> Vec<(SessionId, Explanation)> {
    let replay = life.ledger.replay();
    life.sessions.iter().filter_map(|id| Some((*id, replay.explain(*id).ok()?))).collect()
}

/// What the sessions of the first are called in the second.
fn called(real: &Fixture, other: &Fixture) -> BTreeMap<SessionId, SessionId> {
    real.sessions().into_iter().zip(other.sessions()).collect()
}

/// All that is said of an end beside names.
fn without_names(explanation: &Explanation) -> impl PartialEq + std::fmt::Debug + use<> {
    let ending = explanation.ending();
    let outlook = match &explanation.standing {
        Standing::Dead(_) => None,
        Standing::Alive(outlook) => Some(*outlook),
    };
    let events = explanation.events.iter();
    (
        ending.map(|it| (it.reason, it.at_ms, it.sequence(), it.kind(), it.policy)),
        (explanation.generation, explanation.judged_at_ms, outlook),
        events.map(|it| (it.sequence, it.event.fact.kind(), it.event.at_ms)).collect::<Vec<_>>(),
        (explanation.session.created_at_ms, explanation.session.expires_at_ms),
    )
}

/// The cause, with what the sessions are called in the fixture.
fn renamed(cause: Cause, names: &BTreeMap<SessionId, SessionId>) -> Cause {
    let name = |id: SessionId| *names.get(&id).unwrap_or(&id);
    match cause {
        Cause::Replaced { by } => Cause::Replaced { by: name(by) },
        Cause::Evicted { limit, live, last_active_at_ms, by } => {
            Cause::Evicted { limit, live, last_active_at_ms, by: by.map(name) }
        }
        // Of one that is in no event of the slice the test knows no name.
        Cause::AllOfUser { ended, .. } => Cause::AllOfUser { ended, except: None },
        Cause::Requested | Cause::Reused { .. } | Cause::Expired { .. } => cause,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn of_each_session_its_fixture_says_what_the_ledger_says(wishes in wishes(60)) {
        let life = Life::after(&wishes);
        for (id, told) in explained(&life) {
            let fixture = fixture_of(&life, &Slice::Session(id), Names::Real);
            prop_assert_eq!(&Fixture::parse(fixture.to_string().as_bytes()), &Ok(fixture.clone()));
            let ledger = opened(&fixture);
            prop_assert_eq!(ledger.replay().explain(id).expect("in it"), told);
            prop_assert_eq!(
                ledger.replay().lineage(id).expect("in it"),
                life.ledger.replay().lineage(id).expect("kept")
            );
        }
    }

    #[test]
    fn under_pseudonyms_a_fixture_says_the_same_and_has_no_name(wishes in wishes(60)) {
        let life = Life::after(&wishes);
        for (id, told) in explained(&life) {
            let slice = Slice::Session(id);
            let veiled = fixture_of(&life, &slice, Names::Pseudonyms);
            let names = called(&fixture_of(&life, &slice, Names::Real), &veiled);
            let ours = opened(&veiled).replay().explain(names[&id]).expect("in it");
            prop_assert_eq!(veiled.session(), Some(names[&id]));
            prop_assert_eq!(without_names(&ours), without_names(&told));
            let cause = told.ending().map(|ending| renamed(ending.cause, &names));
            prop_assert_eq!(ours.ending().map(|it| renamed(it.cause, &BTreeMap::new())), cause);
            let text = veiled.to_string();
            let digests = (1..=life.newest_token()).map(|number| digest(number).to_hex());
            let origins = ["192.0.2.", "2001:db8", "key 0", "key 1", "device 0"].map(str::to_owned);
            for real in digests.chain(origins).chain(USERS.map(str::to_owned)) {
                prop_assert!(!text.contains(&real), "{} in {}", real, text);
            }
        }
    }

    #[test]
    fn of_a_user_a_fixture_has_the_sessions_at_each_sequence_and_their_steps(wishes in wishes(50)) {
        let life = Life::after(&wishes);
        for user in USERS {
            let slice = Slice::User(user.into());
            let Ok(fixture) = life.ledger.replay().fixture(&slice, Names::Real) else { continue };
            let ledger = opened(&fixture);
            for sequence in 0..=life.ledger.sequence() {
                let at = At::Sequence(sequence);
                let of = |ledger: &Ledger| ledger.replay().as_of(at).expect("kept").list_for_user(user);
                prop_assert_eq!(of(&ledger), of(&life.ledger), "@{}", sequence);
            }
            let (replay, theirs) = (ledger.replay(), life.ledger.replay());
            let mut stepper = replay.step_from(At::Sequence(0)).expect("kept");
            while let Some(step) = stepper.next().expect("readable") {
                let sequence = step.recorded.sequence;
                let mut there = theirs.step_from(At::Sequence(sequence - 1)).expect("kept");
                if step.recorded.event.fact.subject().is_some() {
                    prop_assert_eq!(Some(step), there.next().expect("readable"));
                }
            }
            let history = |ledger: &Ledger| {
                ledger.history(user, &HistoryQuery::default()).expect("readable").entries
            };
            prop_assert_eq!(history(&ledger), history(&life.ledger));
        }
    }

    #[test]
    fn of_a_user_a_fixture_knows_what_another_policy_would_have_done(
        wishes in wishes(80), minutes in 1..30_u64, limit in 0..4_u32
    ) {
        let life = Life::after(&wishes);
        let other = Policy {
            idle_timeout_ms: minutes * MINUTE_MS,
            sessions_per_user_max: limit,
            on_reuse: if limit == 1 { OnReuse::Refuse } else { OnReuse::EndSession },
            ..short_policy()
        };
        let told = life.ledger.replay().what_if(&other).expect("kept");
        for user in USERS {
            let slice = Slice::User(user.into());
            let Ok(fixture) = life.ledger.replay().fixture(&slice, Names::Real) else { continue };
            let ours = opened(&fixture).replay().what_if(&other).expect("in it");
            let of_user = |shifts: &[Shift]| -> Vec<_> {
                shifts.iter().filter(|shift| shift.user == user).cloned().collect()
            };
            prop_assert_eq!(of_user(&ours.shifts), of_user(&told.shifts));
        }
    }

    #[test]
    fn of_a_span_a_fixture_has_what_its_events_were_about(
        wishes in wishes(60), from in 1..40_u64, length in 0..30_u64
    ) {
        let life = Life::after(&wishes);
        let head = life.ledger.sequence();
        let (from, to) = (from.min(head), (from + length).min(head));
        let fixture = fixture_of(&life, &Slice::Span(from..=to), Names::Real);
        let ledger = opened(&fixture);
        let (ours, theirs) = (ledger.replay(), life.ledger.replay());
        prop_assert_eq!(ours.head(), to);
        let events = life.events();
        let named = events.iter().filter(|it| (from..=to).contains(&it.sequence));
        for subject in named.filter_map(|it| it.event.fact.subject()) {
            for sequence in from - 1..=to {
                let at = At::Sequence(sequence);
                let find = |view: passbook::View| view.find(subject.session);
                prop_assert_eq!(
                    find(ours.as_of(at).expect("kept")), find(theirs.as_of(at).expect("kept"))
                );
            }
            let end = theirs.explain_at(subject.session, At::Sequence(to)).expect("kept");
            let own = ours.explain_at(subject.session, At::Sequence(to)).expect("in it");
            prop_assert_eq!(own.ending(), end.ending());
        }
        let model = Model::of(events.iter().take_while(|it| it.sequence <= to));
        let ended = model.ends.iter().filter(|(_, end)| (from..=to).contains(&end.sequence));
        for (id, end) in ended {
            let own = ours.explain(*id).expect("in it");
            prop_assert_eq!(own.ending().and_then(passbook::Ending::sequence), Some(end.sequence));
        }
        prop_assert_eq!(ledger.policy(), model.state.policy());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn at_each_sequence_and_time_a_fixture_says_what_the_ledger_says(wishes in wishes(40)) {
        let life = Life::after(&wishes);
        let replay = life.ledger.replay();
        for (id, told) in explained(&life).into_iter().take(3) {
            let ledger = opened(&fixture_of(&life, &Slice::Session(id), Names::Real));
            let sequences = (0..=replay.head()).map(At::Sequence);
            let times = (0..90).map(|minute| At::Time(START_MS + minute * MINUTE_MS));
            for at in sequences.chain(times) {
                let (then, ours) = (replay.as_of(at), ledger.replay().as_of(at));
                prop_assert_eq!(
                    ours.expect("kept").find(id), then.expect("kept").find(id), "{:?} {:?}", at, told
                );
                let is_alive = |ledger: &Ledger| {
                    let explained = ledger.replay().explain_at(id, at);
                    explained.ok().map(|it| (it.is_alive(), it.ending().map(|end| end.reason)))
                };
                prop_assert_eq!(is_alive(&ledger), is_alive(&life.ledger), "{:?}", at);
            }
        }
    }
}

/// What the slice's fixture and the ledger say of the session under another policy.
fn shifts(life: &Life, slice: &Slice, session: SessionId, other: &Policy) -> [Vec<Shift>; 2] {
    let of = |ledger: &Ledger| {
        let mut shifts = ledger.replay().what_if(other).expect("kept").shifts;
        shifts.retain(|shift| shift.session == session);
        shifts
    };
    [of(&opened(&fixture_of(life, slice, Names::Real))), of(&life.ledger)]
}

#[test]
fn the_guest_that_a_user_was_brings_the_guests_other_sessions_along() {
    let mut life = Life::after(&[]);
    let guest = || UserId::new("guest_1").expect("short");
    let first = life.create(guest(), None, None);
    life.clock.advance_ms(1);
    life.create(guest(), None, None);
    let (session, user) = (SessionRef::Id(first), user(0));
    life.submit(Act::Upgrade { session, user, successor: None }, 0, None);
    // The second would have taken the first's place before that became ann's.
    let one = Policy { sessions_per_user_max: 1, ..short_policy() };
    let [ours, theirs] = shifts(&life, &Slice::User("ann".into()), first, &one);
    assert_eq!(ours, theirs);
    assert_eq!(theirs[0].other.expect("ended").at_ms, START_MS + 1);
}

#[test]
fn the_end_of_all_sessions_of_a_user_is_told_of_one_that_it_came_too_late_for() {
    let mut life = Life::after(&[]);
    let first = life.create(user(0), None, None);
    life.clock.advance_ms(21 * MINUTE_MS);
    life.submit(Act::Sweep, 0, None);
    life.create(user(0), None, None);
    life.clock.advance_ms(MINUTE_MS);
    let (user, reason) = (user(0), EndReason::RevokedByAdmin);
    life.submit(Act::RevokeUser { user, except: None, reason }, 0, None);
    life.clock.advance_ms(60 * MINUTE_MS);
    let long = Policy { idle_timeout_ms: 50 * MINUTE_MS, ..short_policy() };
    let [ours, theirs] = shifts(&life, &Slice::Session(first), first, &long);
    assert_eq!(ours, theirs);
    assert_eq!(theirs[0].other.expect("ended").at_ms, START_MS + 22 * MINUTE_MS);
}
