//! What changes a session, what ends it, and what is only recorded.

use super::*;
use crate::{
    BookmarkName, DataKey, DeviceLabel, EndReason, FailureReason, Mark, Rule, SessionRef, TenantId,
    Text, limits::DATA_BYTES_MAX,
};

const REASON: EndReason = EndReason::Logout;

/// Ann has sessions 1 and 2, Bo has 3; all expire at 1,100.
fn three() -> Given {
    let mut given = Given::default();
    for (number, name) in [(1, "ann"), (2, "ann"), (3, "bo")] {
        given.when(100, Act::Create(login(number, name)));
    }
    given
}

fn by_id(number: u128) -> SessionRef {
    SessionRef::Id(id(number))
}

fn key(name: &str) -> DataKey {
    DataKey::new(name).expect("short")
}

fn set_data(name: &str, value: &str) -> Act {
    Act::ChangeData { session: by_id(1), changes: vec![(key(name), Some(Text::from(value)))] }
}

/// The first time it is recorded, the second time it is as wanted already.
#[track_caller]
fn check_change(given: &mut Given, act: &Act, fact: &Fact) {
    let decided = given.when(200, act.clone());
    assert_eq!((facts(&decided), decided.outcome), (vec![fact], Outcome::Changed(id(1))));
    check_answer(&given.when(200, act.clone()), Outcome::Unchanged(id(1)));
}

#[test]
fn a_session_is_labelled_and_switched_once() {
    let mut given = three();
    let device = DeviceLabel::new("Fridge").expect("short");
    let subject = || subject(1, "ann");
    let act = Act::SetDevice { session: by_id(1), device: device.clone() };
    check_change(&mut given, &act, &Fact::DeviceSet { subject: subject(), device });
    assert_eq!(given.session(1).session.device.as_deref(), Some("Fridge"));
    for tenant in [Some(TenantId::new("acme").expect("short")), None] {
        let act = Act::SetTenant { session: by_id(1), tenant: tenant.clone() };
        let name = tenant.as_ref().map(|tenant| tenant.text().clone());
        check_change(&mut given, &act, &Fact::TenantSet { subject: subject(), tenant });
        assert_eq!(given.session(1).session.tenant_id, name);
    }
    assert_eq!(given.session(1).session.last_active_at_ms, 100, "that is no activity");
}

#[test]
fn data_is_set_once_replaced_and_removed() {
    let mut given = three();
    let fact = |value: &str| {
        let (subject, value) = (subject(1, "ann"), Text::from(value));
        Fact::DataSet { subject, key: key("k"), value }
    };
    let data_of = |given: &Given| given.session(1).data.map(|data| (*data).clone());
    check_change(&mut given, &set_data("k", "1"), &fact("1"));
    check_change(&mut given, &set_data("k", "2"), &fact("2"));
    assert_eq!(data_of(&given), Some([(key("k"), Text::from("2"))].into()));
    given.when(200, set_data("l", "3"));
    let remove = |name| Act::ChangeData { session: by_id(1), changes: vec![(key(name), None)] };
    check_answer(&given.when(200, remove("m")), Outcome::Unchanged(id(1)));
    let fact = Fact::DataRemoved { subject: subject(1, "ann"), key: key("k") };
    check_change(&mut given, &remove("k"), &fact);
    assert_eq!(data_of(&given), Some([(key("l"), Text::from("3"))].into()));
    given.when(200, remove("l"));
    assert_eq!(data_of(&given), None, "without its last key it has none at all");
    check_answer(&given.when(200, remove("l")), Outcome::Unchanged(id(1)));
}

#[test]
fn all_data_of_a_session_has_a_limit() {
    let mut given = three();
    given.when(200, set_data("a", "123"));
    let room = DATA_BYTES_MAX - "a123".len() - "bb".len();
    let too_large = given
        .when_asked(200, &Command::new(set_data("bb", &"x".repeat(room + 1))))
        .expect_err("one past the limit");
    assert_eq!(too_large, Rejection::DataTooLarge { bytes: DATA_BYTES_MAX + 1 });
    assert_eq!(too_large.code(), "auth:data_too_large");
    given.when(200, set_data("bb", &"x".repeat(room)));
    // What a key had before makes room for what it gets.
    given.when(200, set_data("bb", &"y".repeat(room)));
    assert_eq!(given.session(1).data_bytes(), DATA_BYTES_MAX);
    let more = given.when_asked(200, &Command::new(set_data("a", "1234")));
    assert_eq!(more, Err(Rejection::DataTooLarge { bytes: DATA_BYTES_MAX + 1 }));
}

#[test]
fn a_session_that_is_not_there_or_dead_is_not_found() {
    let acts = |session: SessionRef| {
        let device = DeviceLabel::new("Fridge").expect("short");
        let tenant = Some(TenantId::new("acme").expect("short"));
        let reason = REASON;
        [
            Act::SetDevice { session, device },
            Act::SetTenant { session, tenant },
            Act::ChangeData { session, changes: vec![(key("k"), Some(Text::from("1")))] },
            Act::Touch { session },
            Act::Revoke { session, reason },
        ]
    };
    let spent = Act::Refresh { presented: digest(3), successor: digest(4), lifetime_ms: None };
    let mut given = three();
    given.when(150, spent);
    for (now_ms, session) in [
        (200, by_id(9)),
        (200, SessionRef::Token(digest(9))),
        (200, SessionRef::Token(digest(3))),
        (1_100, by_id(1)),
        (1_100, SessionRef::Token(digest(1))),
    ] {
        for act in acts(session) {
            check_answer(&given.when(now_ms, act), Outcome::NotFound);
        }
    }
    assert_eq!(
        given.when(1_100, Act::Touch { session: by_id(3) }).outcome,
        Outcome::Changed(id(3))
    );
}

#[test]
fn a_session_is_ended_by_token_or_id_and_the_policy_is_named() {
    let mut given = three();
    given.when(150, Act::SetPolicy(Policy { race_window_ms: 1, ..Policy::default() }));
    for (number, session) in [(1, by_id(1)), (2, SessionRef::Token(digest(2)))] {
        let decided = given.when(200, Act::Revoke { session, reason: REASON });
        let fact = Fact::SessionRevoked {
            subject: subject(number, "ann"),
            reason: REASON,
            rule: Rule::Requested,
            policy_version: 1,
        };
        assert_eq!((facts(&decided), decided.outcome), (vec![&fact], Outcome::Ended(1)));
        assert!(!given.has(number));
        check_answer(&given.when(200, Act::Revoke { session, reason: REASON }), Outcome::NotFound);
    }
    assert!(given.has(3));
}

#[test]
fn all_sessions_of_a_user_end_in_one_event_but_the_one_that_is_excepted() {
    let revoke = |name: &str, except: Option<u128>| {
        let (user, except) = (user(name), except.map(id));
        Act::RevokeUser { user, except, reason: REASON }
    };
    let fact = |except: Option<u128>, ended| {
        let (user, except) = (user("ann"), except.map(id));
        Fact::UserSessionsRevoked { user, except, reason: REASON, ended }
    };
    let mut given = three();
    let decided = given.when(200, revoke("ann", Some(2)));
    assert_eq!(facts(&decided), [&fact(Some(2), 1)]);
    assert_eq!(decided.outcome, Outcome::Ended(1));
    assert!(!given.has(1) && given.has(2) && given.has(3));
    check_answer(&given.when(200, revoke("ann", Some(2))), Outcome::Ended(0));
    check_answer(&given.when(200, revoke("ann", Some(3))), Outcome::NotFound);
    check_answer(&given.when(200, revoke("ann", Some(9))), Outcome::NotFound);
    let mut given = three();
    assert_eq!(facts(&given.when(200, revoke("ann", None))), [&fact(None, 2)]);
    assert!(!given.has(1) && !given.has(2) && given.has(3));
    check_answer(&given.when(200, revoke("ann", None)), Outcome::Ended(0));
    check_answer(&three().when(1_100, revoke("ann", None)), Outcome::Ended(0));
    check_answer(&three().when(1_100, revoke("ann", Some(1))), Outcome::NotFound);
}

#[test]
fn a_sweep_ends_what_has_expired_and_is_silent_otherwise() {
    let mut given = three();
    check_answer(&given.when(1_099, Act::Sweep), Outcome::Expired(0));
    given.when(1_050, Act::Touch { session: by_id(2) });
    let decided = given.when(1_100, Act::Sweep);
    let fact = Fact::SessionsExpired { effective_now_ms: 1_100, ended: 2, policy_version: 0 };
    assert_eq!((facts(&decided), decided.outcome), (vec![&fact], Outcome::Expired(2)));
    assert_eq!(actors(&decided), [&Actor::System]);
    assert!(!given.has(1) && given.has(2) && !given.has(3));
}

#[test]
fn a_policy_is_recorded_when_it_changes_and_the_first_time() {
    let mut given = Given::default();
    let other = Policy { sessions_per_user_max: 3, ..Policy::default() };
    for (version, policy) in [(1, Policy::default()), (2, other), (3, Policy::default())] {
        let decided = given.when(100, Act::SetPolicy(policy));
        assert_eq!(facts(&decided), [&Fact::PolicySet { version, policy }]);
        assert_eq!(decided.outcome, Outcome::Recorded);
        let in_force = given.state.policy();
        assert_eq!((in_force.version, in_force.policy), (version, policy));
        assert_eq!(in_force.since_sequence, given.sequence);
        check_answer(&given.when(100, Act::SetPolicy(policy)), Outcome::PolicyUnchanged);
    }
}

#[test]
fn what_happens_to_no_session_is_recorded_as_it_is_said() {
    let failed = |count| Act::RecordFailure {
        user: Some(user("ann")),
        reason: FailureReason::Denied,
        count,
    };
    let name = BookmarkName::new("before the move").expect("short");
    let mut given = three();
    for (said, recorded) in [(0, 1), (1, 1), (3, 3)] {
        let decided = given.when(200, failed(said));
        let (user, reason) = (Some(user("ann")), FailureReason::Denied);
        assert_eq!(facts(&decided), [&Fact::LoginFailed { user, reason, count: recorded }]);
    }
    for mark in [Mark::Here, Mark::Sequence(1), Mark::Time(150), Mark::Deleted] {
        let decided = given.when(200, Act::Bookmark { name: name.clone(), mark });
        let recorded = Fact::Bookmark { name: name.clone(), mark };
        assert_eq!((facts(&decided), decided.outcome), (vec![&recorded], Outcome::Recorded));
    }
    let decided = given.when(200, Act::Open { version: "1".into(), dropped_bytes: 7 });
    assert_eq!(facts(&decided), [&Fact::Opened { version: "1".into(), dropped_bytes: 7 }]);
    assert_eq!(given.state.len(), 3);
}

#[test]
fn changes_of_data_happen_all_or_none() {
    let mut given = three();
    given.when(200, set_data("a", "1"));
    let change = |changes: &[(&str, Option<&str>)]| Act::ChangeData {
        session: by_id(1),
        changes: changes.iter().map(|(name, json)| (key(name), json.map(Text::from))).collect(),
    };
    let mixed = change(&[("a", None), ("b", Some("2")), ("c", None), ("b", Some("2"))]);
    let decided = given.when(200, mixed);
    let kinds: Vec<_> = facts(&decided).iter().map(|fact| fact.kind()).collect();
    assert_eq!(kinds, ["DataRemoved", "DataSet"], "what is as wanted leaves no event");
    let large = "x".repeat(DATA_BYTES_MAX);
    let refused =
        given.when_asked(200, &Command::new(change(&[("d", Some("1")), ("e", Some(&large))])));
    assert!(matches!(refused, Err(Rejection::DataTooLarge { .. })));
    assert_eq!(given.session(1).data.map(|data| data.len()), Some(1));
    // What one key leaves is room for another, whatever their order.
    let room = "x".repeat(DATA_BYTES_MAX - "f".len());
    given.when(200, change(&[("f", Some(&room)), ("b", None)]));
    assert_eq!(given.session(1).data_bytes(), DATA_BYTES_MAX);
}
