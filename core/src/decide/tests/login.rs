//! Logging in, and who must go for it.

use super::*;
use crate::{AdoptedSession, DataKey, EndReason, Rule, SessionRef, limits, session::Data};

fn created(decided: &Decided) -> &Fact {
    facts(decided).into_iter().next_back().expect("a login is recorded")
}

/// Expiry and absolute timeout of a login at 100 under a policy.
#[track_caller]
fn check_times(policy: Policy, new: NewSession, wanted: (u64, u64, u64)) {
    let mut given = Given::policy(policy);
    let decided = given.when(100, Act::Create(new));
    let Fact::SessionCreated { lifetime_ms, expires_at_ms, absolute_at_ms, created_at_ms, .. } =
        created(&decided)
    else {
        panic!("{decided:?}")
    };
    assert_eq!(*created_at_ms, 100);
    assert_eq!((*lifetime_ms, *expires_at_ms, *absolute_at_ms), wanted);
    let state = given.session(1);
    let session = &state.session;
    assert_eq!((session.created_at_ms, session.last_active_at_ms), (100, 100));
    let times = (state.lifetime_ms, session.expires_at_ms, state.absolute_at_ms);
    assert_eq!(times, wanted);
}

#[test]
fn a_login_lives_as_long_as_it_says_or_else_as_the_policy_says() {
    let policy = Policy { idle_timeout_ms: 500, ..Policy::default() };
    let with = |lifetime_ms| NewSession { lifetime_ms, ..login(1, "ann") };
    check_times(policy, with(Some(1_000)), (1_000, 1_100, u64::MAX));
    check_times(policy, with(Some(0)), (0, u64::MAX, u64::MAX));
    check_times(policy, with(None), (500, 600, u64::MAX));
    let absolute = Policy { absolute_timeout_ms: 300, ..policy };
    check_times(absolute, with(None), (500, 400, 400));
    check_times(absolute, with(Some(200)), (200, 300, 400));
    let imported = NewSession { transport: Transport::Imported, ..with(None) };
    check_times(absolute, imported, (500, 600, u64::MAX));
}

#[test]
fn what_a_login_brings_is_recorded_and_kept() {
    let mut given = Given::default();
    let new = NewSession {
        is_guest: true,
        device: Some(crate::DeviceLabel::new("Fridge").expect("short")),
        tenant: Some(crate::TenantId::new("acme").expect("short")),
        transport: Transport::Cookie,
        ..login(1, "guest_1")
    };
    let mut command = Command::new(Act::Create(new));
    command.origin.ip = Some("198.51.100.7".parse().expect("an address"));
    command.origin.user_agent = Some(crate::UserAgent::new("curl/8"));
    let decided = given.when_asked(100, &command).expect("it may");
    assert_eq!(decided.outcome, Outcome::Created(id(1)));
    assert_eq!(decided.events[0].origin, command.origin);
    let state = given.session(1);
    assert_eq!((state.digest, state.generation, state.data), (Some(digest(1)), 1, None));
    let session = state.session;
    assert_eq!((&*session.user_id, session.is_guest), ("guest_1", true));
    assert_eq!(session.transport, Transport::Cookie);
    assert_eq!(session.device.as_deref(), Some("Fridge"));
    assert_eq!(session.tenant_id.as_deref(), Some("acme"));
    assert_eq!(session.ip, command.origin.ip);
    assert_eq!(session.user_agent.as_deref(), Some("curl/8"));
}

#[test]
fn an_id_that_is_taken_is_refused() {
    let mut given = Given::default();
    given.when(100, Act::Create(login(1, "ann")));
    let adopted = AdoptedSession {
        session: login(1, "bo"),
        created_at_ms: 1,
        last_active_at_ms: 1,
        expires_at_ms: 2,
    };
    for act in [Act::Create(login(1, "bo")), Act::Adopt(adopted)] {
        let refused = given.when_asked(100, &Command::new(act)).expect_err("it is taken");
        assert_eq!(refused, Rejection::SessionIdTaken(id(1)));
        assert_eq!(refused.code(), "auth:session_id_taken");
    }
}

#[test]
fn a_session_that_is_replaced_ends_in_the_same_moment_if_it_lives() {
    let mut given = Given::default();
    given.when(100, Act::Create(login(1, "ann")));
    let replacing = |number, old| NewSession { replaces: Some(id(old)), ..login(number, "ann") };
    let decided = given.when(200, Act::Create(replacing(2, 1)));
    let revoked = Fact::SessionRevoked {
        subject: subject(1, "ann"),
        reason: EndReason::Replaced,
        rule: Rule::ReplacedBy(id(2)),
        policy_version: 0,
    };
    assert_eq!((facts(&decided)[0], decided.events.len()), (&revoked, 2));
    assert_eq!(decided.outcome, Outcome::Created(id(2)));
    assert!(!given.has(1) && given.has(2));
    // One that is unknown, and one that is dead from this moment on.
    assert_eq!(given.when(300, Act::Create(replacing(3, 1))).events.len(), 1);
    assert_eq!(given.when(1_200, Act::Create(replacing(4, 2))).events.len(), 1);
}

/// Ann's sessions 1, 2 and 3, of which 1 was active last; then a login of hers.
fn three_sessions(policy: Policy) -> Given {
    let mut given = Given::policy(policy);
    for number in [1, 2, 3] {
        let new = NewSession { sessions_per_user_max: Some(0), ..login(number, "ann") };
        given.when(u64::from(number), Act::Create(new));
    }
    given.when(4, Act::Create(login(9, "bo")));
    given.when(5, Act::Touch { session: SessionRef::Id(id(1)) });
    given
}

/// Whom a login at 10 evicts.
#[track_caller]
fn check_evicted(policy: Policy, new: NewSession, limit: u32, evicted: &[u128]) {
    let decided = three_sessions(policy).when(10, Act::Create(new));
    let (_, before) = decided.events.split_last().expect("the login");
    let rule = Rule::SessionsPerUser { limit, live: 3 };
    for (event, number) in before.iter().zip(evicted) {
        let (reason, policy_version) = (EndReason::Evicted, 1);
        let subject = subject(*number, "ann");
        assert_eq!(event.fact, Fact::SessionRevoked { subject, reason, rule, policy_version });
        assert_eq!(event.actor, Actor::System, "it follows from a rule");
    }
    assert_eq!(before.len(), evicted.len(), "{decided:?}");
}

#[test]
fn the_least_recently_active_go_for_one_more_than_the_limit() {
    let limited = |limit| Policy { sessions_per_user_max: limit, ..Policy::default() };
    let own = |limit| NewSession { sessions_per_user_max: Some(limit), ..login(4, "ann") };
    check_evicted(limited(0), login(4, "ann"), 0, &[]);
    check_evicted(limited(4), login(4, "ann"), 4, &[]);
    check_evicted(limited(3), login(4, "ann"), 3, &[2]);
    check_evicted(limited(2), login(4, "ann"), 2, &[2, 3]);
    check_evicted(limited(1), login(4, "ann"), 1, &[2, 3, 1]);
    check_evicted(limited(1), own(0), 0, &[]);
    check_evicted(limited(0), own(3), 3, &[2]);
    let imported = NewSession { transport: Transport::Imported, ..login(4, "ann") };
    check_evicted(limited(1), imported, 1, &[]);
    check_evicted(limited(1), login(4, "cy"), 1, &[]);
}

#[test]
fn who_is_replaced_or_dead_is_not_evicted_too() {
    let mut given = three_sessions(Policy { sessions_per_user_max: 3, ..Policy::default() });
    let new = NewSession { replaces: Some(id(3)), ..login(4, "ann") };
    assert_eq!(given.when(10, Act::Create(new)).events.len(), 2, "3 makes room for 4");
    assert!(given.has(1) && given.has(2));
    // Session 2 expires at 1,002 and session 1, which was touched, at 1,005.
    let decided = given.when(1_002, Act::Create(login(5, "ann")));
    assert_eq!(decided.events.len(), 1, "2 is dead and counts no more");
    let decided = given.when(1_004, Act::Create(login(6, "ann")));
    let Fact::SessionRevoked { subject, .. } = facts(&decided)[0] else { panic!("{decided:?}") };
    assert_eq!(subject.session, id(1));
}

#[test]
fn an_adopted_session_keeps_its_times() {
    let adopt = |last_active_at_ms| AdoptedSession {
        session: NewSession { lifetime_ms: None, ..login(1, "ann") },
        created_at_ms: 40,
        last_active_at_ms,
        expires_at_ms: 900,
    };
    let mut given = Given::default();
    let decided = given.when(100, Act::Adopt(adopt(60)));
    assert_eq!(decided.outcome, Outcome::Created(id(1)));
    let touched = Fact::SessionTouched { subject: subject(1, "ann"), expires_at_ms: 900 };
    assert_eq!(facts(&decided)[1], &touched);
    let times: Vec<_> = decided.events.iter().map(|event| event.occurred_at_ms).collect();
    assert_eq!(times, [Some(40), Some(60)]);
    let state = given.session(1);
    let session = &state.session;
    assert_eq!((session.created_at_ms, session.last_active_at_ms), (40, 60));
    assert_eq!((session.expires_at_ms, state.absolute_at_ms), (900, u64::MAX));
    assert_eq!(state.lifetime_ms, crate::policy::IDLE_TIMEOUT_MS_DEFAULT);
    let decided = Given::default().when(100, Act::Adopt(adopt(40)));
    assert_eq!(decided.events.len(), 1, "it was not active since its login");
}

fn guest(number: u8) -> NewSession {
    NewSession { is_guest: true, ..login(number, "guest_1") }
}

fn upgrade(number: u128, successor: Option<u8>) -> Act {
    let session = SessionRef::Id(id(number));
    Act::Upgrade { session, user: user("ann"), successor: successor.map(digest) }
}

#[test]
fn a_guest_becomes_a_user_with_a_new_token_or_without() {
    let mut given = Given::default();
    given.when(100, Act::Create(guest(1)));
    given.when(100, Act::Create(guest(2)));
    let decided = given.when(150, upgrade(1, None));
    let fact =
        Fact::SessionUpgraded { subject: subject(1, "ann"), guest: user("guest_1"), rotated: None };
    assert_eq!((facts(&decided), decided.outcome), (vec![&fact], Outcome::Changed(id(1))));
    let decided = given.when(150, upgrade(2, Some(7)));
    let Fact::SessionUpgraded { rotated, .. } = facts(&decided)[0] else { panic!("{decided:?}") };
    assert_eq!((*rotated, decided.outcome), (Some((digest(7), 2)), Outcome::Refreshed(id(2))));
    let (kept, rotated) = (given.session(1), given.session(2));
    assert_eq!((kept.digest, kept.generation), (Some(digest(1)), 1));
    assert_eq!((rotated.digest, rotated.generation), (Some(digest(7)), 2));
    for session in [kept.session, rotated.session] {
        assert_eq!((&*session.user_id, session.is_guest), ("ann", false));
        assert_eq!((session.last_active_at_ms, session.expires_at_ms), (150, 1_100));
    }
    check_answer(&given.when(160, upgrade(1, None)), Outcome::NotAGuest(id(1)));
    check_answer(&given.when(160, upgrade(5, None)), Outcome::NotFound);
}

#[test]
fn an_upgrade_evicts_as_a_login_does_but_never_itself() {
    let mut given = Given::policy(Policy { sessions_per_user_max: 1, ..Policy::default() });
    given.when(100, Act::Create(login(3, "ann")));
    given.when(100, Act::Create(guest(1)));
    let decided = given.when(150, upgrade(1, None));
    assert_eq!(decided.events.len(), 2);
    assert!(given.has(1) && !given.has(3));
}

#[test]
fn a_login_brings_its_data_and_its_own_absolute_timeout() {
    let policy = Policy { absolute_timeout_ms: 5_000, ..Policy::default() };
    let own = NewSession { absolute_timeout_ms: Some(300), ..login(1, "ann") };
    check_times(policy, own, (1_000, 400, 400));
    let own = NewSession { absolute_timeout_ms: Some(0), ..login(1, "ann") };
    check_times(policy, own, (1_000, 1_100, u64::MAX));

    let data: Data = [(key("a"), "1".into()), (key("b"), "[]".into())].into();
    let mut given = Given::default();
    given.when(100, Act::Create(NewSession { data: data.clone(), ..login(1, "ann") }));
    assert_eq!(given.session(1).data.as_deref(), Some(&data));

    let value = "x".repeat(limits::DATA_BYTES_MAX);
    let data: Data = [(key("a"), value.into())].into();
    let too_large = Command::new(Act::Create(NewSession { data, ..login(2, "ann") }));
    let bytes = limits::DATA_BYTES_MAX + 1;
    assert_eq!(given.when_asked(100, &too_large), Err(Rejection::DataTooLarge { bytes }));
    assert!(!given.has(2));
}

fn key(name: &str) -> DataKey {
    DataKey::new(name).expect("short")
}
