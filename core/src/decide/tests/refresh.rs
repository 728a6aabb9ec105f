//! Carrying a session on, and what a spent token means.

use super::*;
use crate::{
    Amr, OnReuse, ReuseVerdict, SessionRef, SpentToken, TokenStanding, session::STEP_UP_KEY,
};

fn refresh(presented: u8, successor: u8) -> Act {
    refresh_for(presented, successor, None)
}

fn refresh_for(presented: u8, successor: u8, lifetime_ms: Option<u64>) -> Act {
    let (presented, successor) = (digest(presented), digest(successor));
    Act::Refresh { presented, successor, lifetime_ms }
}

/// Ann logged in at 100 with token 1 and changed it for token 2 at 200.
fn refreshed(policy: Policy) -> Given {
    let mut given = Given::policy(policy);
    given.when(100, Act::Create(login(1, "ann")));
    given.when(200, refresh(1, 2));
    given
}

#[test]
fn a_refresh_changes_the_token_and_extends_the_session() {
    let mut given = Given::default();
    given.when(100, Act::Create(login(1, "ann")));
    let decided = given.when(200, refresh(1, 2));
    let fact = Fact::SessionRefreshed {
        subject: subject(1, "ann"),
        digest: digest(2),
        generation: 2,
        lifetime_ms: 1_000,
        expires_at_ms: 1_200,
    };
    assert_eq!((facts(&decided), decided.outcome), (vec![&fact], Outcome::Refreshed(id(1))));
    let state = given.session(1);
    assert_eq!((state.digest, state.generation), (Some(digest(2)), 2));
    let session = &state.session;
    assert_eq!((session.last_active_at_ms, session.expires_at_ms), (200, 1_200));
    let spent = SpentToken { digest: digest(1), generation: 1, spent_at_ms: 200 };
    let standing = given.state.token(&digest(1));
    assert_eq!(standing, Some(TokenStanding::Spent(state.clone(), spent)));
    assert_eq!(given.state.token(&digest(2)), Some(TokenStanding::Live(state)));
}

#[test]
fn a_refresh_may_say_for_how_long_and_later_ones_go_by_it() {
    let mut given = refreshed(Policy::default());
    given.when(300, refresh_for(2, 3, Some(50)));
    assert_eq!(given.session(1).session.expires_at_ms, 350);
    given.when(310, refresh(3, 4));
    assert_eq!((given.session(1).lifetime_ms, given.session(1).session.expires_at_ms), (50, 360));
    given.when(320, refresh_for(4, 5, Some(0)));
    assert_eq!(given.session(1).session.expires_at_ms, u64::MAX);
}

#[test]
fn nothing_extends_a_session_past_its_absolute_timeout() {
    let policy = Policy { absolute_timeout_ms: 1_050, ..Policy::default() };
    let mut given = refreshed(policy);
    assert_eq!(given.session(1).session.expires_at_ms, 1_150);
    given.when(300, Act::Touch { session: SessionRef::Token(digest(2)) });
    assert_eq!(given.session(1).session.expires_at_ms, 1_150);
}

#[test]
fn an_unknown_token_and_a_dead_session_refresh_nothing() {
    let mut given = refreshed(Policy::default());
    check_answer(&given.when(300, refresh(7, 8)), Outcome::NotFound);
    assert_eq!(given.when(1_199, refresh(2, 3)).outcome, Outcome::Refreshed(id(1)));
    let mut given = refreshed(Policy::default());
    check_answer(&given.when(1_200, refresh(2, 3)), Outcome::NotFound);
    check_answer(&given.when(1_200, refresh(1, 3)), Outcome::NotFound);
}

#[track_caller]
fn check_reuse(policy: Policy, now_ms: u64, verdict: ReuseVerdict) {
    let mut given = refreshed(policy);
    let decided = given.when(now_ms, refresh(1, 9));
    let fact = Fact::TokenReuseDetected {
        subject: subject(1, "ann"),
        presented_generation: 1,
        current_generation: 2,
        spent_at_ms: 200,
        race_window_ms: policy.race_window_ms,
        policy_version: 1,
        verdict,
    };
    assert_eq!(facts(&decided), [&fact]);
    assert_eq!(decided.outcome, Outcome::Reused(id(1), verdict));
    assert_eq!(given.has(1), verdict != ReuseVerdict::Ended);
    if given.has(1) {
        assert_eq!(given.session(1).digest, Some(digest(2)), "its token is the same");
    }
}

#[test]
fn a_spent_token_is_a_race_within_the_window_and_a_theft_after_it() {
    let policy = Policy { race_window_ms: 50, ..Policy::default() };
    check_reuse(policy, 200, ReuseVerdict::Race);
    check_reuse(policy, 250, ReuseVerdict::Race);
    check_reuse(policy, 251, ReuseVerdict::Ended);
    let refuse = Policy { on_reuse: OnReuse::Refuse, ..policy };
    check_reuse(refuse, 250, ReuseVerdict::Race);
    check_reuse(refuse, 251, ReuseVerdict::Refused);
}

#[test]
fn a_touch_starts_the_timeout_anew_unless_it_did_in_this_moment() {
    let touch = || Act::Touch { session: SessionRef::Token(digest(1)) };
    let mut given = Given::default();
    given.when(100, Act::Create(login(1, "ann")));
    check_answer(&given.when(100, touch()), Outcome::Unchanged(id(1)));
    let decided = given.when(101, touch());
    let fact = Fact::SessionTouched { subject: subject(1, "ann"), expires_at_ms: 1_101 };
    assert_eq!((facts(&decided), decided.outcome), (vec![&fact], Outcome::Changed(id(1))));
    let session = given.session(1).session;
    assert_eq!((session.last_active_at_ms, session.expires_at_ms), (101, 1_101));
    // The same expiry at another time is an activity all the same.
    let mut given = Given::default();
    given.when(100, Act::Create(NewSession { lifetime_ms: Some(0), ..login(1, "ann") }));
    assert_eq!(given.when(101, touch()).outcome, Outcome::Changed(id(1)));
    check_answer(&given.when(101, touch()), Outcome::Unchanged(id(1)));
}

#[test]
fn an_activity_of_the_past_extends_from_then() {
    let mut given = Given::default();
    given.when(100, Act::Create(login(1, "ann")));
    let touch = Act::Touch { session: SessionRef::Token(digest(1)) };
    let command = Command { occurred_at_ms: Some(150), ..Command::new(touch) };
    let decided = given.when_asked(500, &command).expect("it may");
    assert_eq!((decided.events[0].at_ms, decided.events[0].occurred_at_ms), (500, Some(150)));
    let session = given.session(1).session;
    assert_eq!((session.last_active_at_ms, session.expires_at_ms), (150, 1_150));
}

fn step_up(presented: u8, successor: u8) -> Act {
    let amr = Amr::new(["pwd", "otp"]).expect("two names");
    Act::Reauthenticate { presented: digest(presented), successor: digest(successor), amr }
}

#[test]
fn a_step_up_is_recorded_with_its_methods_and_changes_the_token() {
    let mut given = refreshed(Policy::default());
    let decided = given.when(300, step_up(2, 3));
    let fact = Fact::SessionReauthenticated {
        subject: subject(1, "ann"),
        amr: Amr::parse("pwd otp").expect("two names"),
        digest: digest(3),
        generation: 3,
        expires_at_ms: 1_300,
    };
    assert_eq!((facts(&decided), decided.outcome), (vec![&fact], Outcome::Refreshed(id(1))));
    let state = given.session(1);
    assert_eq!((state.digest, state.generation, state.lifetime_ms), (Some(digest(3)), 3, 1_000));
    let session = &state.session;
    assert_eq!((session.last_active_at_ms, session.expires_at_ms), (300, 1_300));
    let data = state.data.expect("the step-up is kept");
    let kept = data.get(STEP_UP_KEY).expect("under its key");
    assert_eq!(kept, &r#"{"auth_time_ms":300,"amr":["pwd","otp"]}"#);
}

#[test]
fn a_spent_token_steps_nothing_up() {
    let mut given = refreshed(Policy { race_window_ms: 10, ..Policy::default() });
    let decided = given.when(300, step_up(1, 3));
    assert_eq!(decided.outcome, Outcome::Reused(id(1), ReuseVerdict::Ended));
    assert!(!given.has(1));
}

#[test]
fn any_token_of_its_lineage_ends_a_session() {
    for shown in [1, 2] {
        let mut given = refreshed(Policy::default());
        let session = SessionRef::Lineage(digest(shown));
        let revoke = Act::Revoke { session, reason: crate::EndReason::Logout };
        assert_eq!(given.when(300, revoke.clone()).outcome, Outcome::Ended(1));
        assert!(!given.has(1));
        check_answer(&given.when(300, revoke), Outcome::NotFound);
    }
    let mut given = refreshed(Policy::default());
    let session = SessionRef::Lineage(digest(7));
    check_answer(&given.when(300, Act::Touch { session }), Outcome::NotFound);
}
