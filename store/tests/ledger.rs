//! The ledger's promises beyond the blocking store: keys, contexts, limits, policy, data, opening.

use std::{net::IpAddr, sync::Arc};

use passbook::{
    Actor, Context, EndReason, Fact, FailureReason, HistoryKind, HistoryQuery, Ledger, LedgerError,
    Login, Policy, SimClock, core::limits::DATA_BYTES_MAX, journal::Options,
};

const START_MS: u64 = 1_795_132_800_000;

fn ledger_with(policy: Policy) -> (Ledger, Arc<SimClock>) {
    let clock = Arc::new(SimClock::at_ms(START_MS));
    let builder = Ledger::builder().clock(Arc::<SimClock>::clone(&clock)).policy(policy);
    (builder.sweep_interval(None).open_blocking().expect("memory opens"), clock)
}

fn ledger() -> (Ledger, Arc<SimClock>) {
    ledger_with(Policy::default())
}

fn facts(ledger: &Ledger) -> Vec<passbook::Event> {
    let events = ledger.events(0).expect("readable");
    events.map(|recorded| recorded.expect("readable").event).collect()
}

#[tokio::test]
async fn a_command_with_a_used_key_does_nothing_until_the_key_is_forgotten() {
    let (ledger, clock) = ledger();
    let keyed = |key: &str| ledger.in_context(Context::user().idempotency_key(key).expect("short"));
    let first = keyed("k").create("ann").await.expect("new");
    let sequence = ledger.sequence();
    let error = keyed("k").create("ann").await.expect_err("done before");
    let LedgerError::AlreadyDone(completed) = &error else { panic!("{error}") };
    assert_eq!((completed.sequence, completed.session), (sequence, Some(first.id)));
    assert_eq!(error.code(), "ledger:already_done");
    assert_eq!(ledger.sequence(), sequence, "nothing was written");
    keyed("other").create("ann").await.expect("another key");
    clock.advance_ms(24 * 3_600_000);
    assert!(keyed("k").create("ann").await.is_err(), "at the edge of the window");
    clock.advance_ms(1);
    keyed("k").create("ann").await.expect("forgotten");
}

#[tokio::test]
async fn a_context_is_in_every_event_that_is_made_with_it() {
    let (ledger, _clock) = ledger();
    let ip: IpAddr = "198.51.100.7".parse().expect("an address");
    let context = Context::operator("kim").expect("short").note("INC-311").expect("short");
    let kim = ledger.in_context(context.ip(ip).user_agent("curl/8"));
    ledger.create("ann").await.expect("durable");
    assert_eq!(kim.revoke_all_for_user("ann").await.expect("durable"), 1);
    let event = facts(&ledger).pop().expect("some");
    assert_eq!(event.actor.to_string(), "operator:kim");
    assert_eq!(event.note.as_deref(), Some("INC-311"));
    assert_eq!(event.origin.ip, Some(ip));
    let revoked = matches!(
        event.fact,
        Fact::UserSessionsRevoked { reason: EndReason::RevokedByAdmin, ended: 1, .. }
    );
    assert!(revoked, "{:?}", event.fact);
}

#[tokio::test]
async fn a_login_over_the_limit_evicts_the_least_recently_active() {
    let (ledger, clock) = ledger_with(Policy { sessions_per_user_max: 2, ..Policy::default() });
    let first = ledger.create("ann").await.expect("durable");
    clock.advance_ms(1);
    let second = ledger.create("ann").await.expect("durable");
    clock.advance_ms(1);
    assert!(ledger.touch(&first.token).await.expect("durable"));
    let third = ledger.create("ann").await.expect("durable");
    assert!(ledger.session(&first.token).is_some() && ledger.session(&third.token).is_some());
    assert!(ledger.session(&second.token).is_none());
    let evicted = facts(&ledger).into_iter().any(|event| {
        event.actor == Actor::System
            && matches!(event.fact, Fact::SessionRevoked { reason: EndReason::Evicted, .. })
    });
    assert!(evicted);
}

#[tokio::test]
async fn the_absolute_timeout_caps_what_extends_a_session() {
    let policy =
        Policy { idle_timeout_ms: 60_000, absolute_timeout_ms: 90_000, ..Policy::default() };
    let (ledger, clock) = ledger_with(policy);
    let login = ledger.create("ann").await.expect("durable");
    assert_eq!(login.expires_at_ms, START_MS + 60_000);
    clock.advance_ms(50_000);
    let renewed = ledger.refresh(&login.token).await.expect("durable").expect("live");
    assert_eq!(renewed.expires_at_ms, START_MS + 90_000);
    clock.advance_ms(39_999);
    assert!(ledger.touch(&renewed.token).await.expect("durable"));
    clock.advance_ms(1);
    assert!(ledger.session(&renewed.token).is_none());
    assert_eq!(ledger.sweep_expired().await.expect("durable"), 1);
    let history = ledger.history("ann", &HistoryQuery::default()).expect("readable").entries;
    let HistoryKind::End { reason, duration_ms } = history[0].kind else { panic!("{history:?}") };
    assert_eq!((reason, duration_ms), (EndReason::ExpiredAbsolute, 90_000));
}

#[tokio::test]
async fn revoke_all_except_wants_a_live_session_of_that_user() {
    let (ledger, _clock) = ledger();
    let kept = ledger.create("ann").await.expect("durable");
    ledger.create("ann").await.expect("durable");
    let foreign = ledger.create("bob").await.expect("durable");
    assert_eq!(ledger.revoke_all_except("ann", foreign.id).await.expect("answered"), None);
    assert_eq!(ledger.list_for_user("ann").len(), 2, "nothing ended");
    assert_eq!(ledger.revoke_all_except("ann", kept.id).await.expect("durable"), Some(1));
    assert!(ledger.session(&kept.token).is_some());
}

#[tokio::test]
async fn a_login_in_place_of_another_ends_it_in_the_same_group() {
    let (ledger, _clock) = ledger();
    let old = ledger.create("ann").await.expect("durable");
    let new = ledger.create(Login::new("ann").replaces(old.id)).await.expect("durable");
    assert!(ledger.session(&old.token).is_none() && ledger.session(&new.token).is_some());
    let kinds: Vec<_> = facts(&ledger).iter().map(|event| event.fact.kind()).collect();
    assert_eq!(kinds[kinds.len() - 2..], ["SessionRevoked", "SessionCreated"]);
}

#[tokio::test]
async fn session_data_holds_at_its_limit_and_is_refused_one_past() {
    let (ledger, _clock) = ledger();
    let login = ledger.create("ann").await.expect("durable");
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let at_limit = text(DATA_BYTES_MAX - 1);
    assert!(ledger.set_data(&login.token, "k", &at_limit).await.expect("at the limit"));
    let before = ledger.sequence();
    let past = ledger.set_data(&login.token, "k", &text(DATA_BYTES_MAX)).await;
    assert_eq!(past.expect_err("one past").code(), "auth:data_too_large");
    let second = ledger.set_data(&login.token, "l", "1").await;
    assert_eq!(second.expect_err("all keys count").code(), "auth:data_too_large");
    let no_json = ledger.set_data(&login.token, "k", "{").await;
    assert_eq!(no_json.expect_err("no JSON").code(), "auth:not_json");
    assert_eq!(ledger.sequence(), before, "nothing was written");
    let key = passbook::core::DataKey::new("k").expect("short");
    assert_eq!(ledger.data(login.id, &key).as_deref(), Some(&*at_limit));
    assert!(ledger.remove_data(&login.token, "k").await.expect("durable"));
    assert_eq!(ledger.data(login.id, &key), None);
}

#[tokio::test]
async fn a_policy_has_a_version_and_setting_it_again_changes_nothing() {
    let (ledger, _clock) = ledger();
    let set = |policy| ledger.set_policy(policy);
    let strict = Policy { sessions_per_user_max: 1, ..Policy::default() };
    assert!(set(strict).await.expect("durable"));
    let in_force = ledger.policy();
    assert_eq!((in_force.policy, in_force.since_sequence), (strict, ledger.sequence()));
    assert!(!set(strict).await.expect("answered"));
    assert_eq!(ledger.policy().version, in_force.version);
}

#[tokio::test]
async fn opening_writes_nothing_and_the_first_event_of_a_process_says_who_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || {
        let options = Options { segment_bytes: 1 << 20, ..Options::default() };
        Ledger::builder().path(folder.path()).journal_options(options).open()
    };
    let ledger = open().await.expect("new");
    let login = ledger.create("ann").await.expect("durable");
    ledger.record_login_failure(Some("ann"), FailureReason::WrongPassword).await.expect("durable");
    let fingerprint = ledger.fingerprint();
    drop(ledger);
    for _ in 0..2 {
        let ledger = open().await.expect("again");
        assert_eq!(ledger.opened().events, 3);
        assert_eq!(ledger.sequence(), 3, "opening wrote nothing");
        assert_eq!(ledger.fingerprint(), fingerprint);
        assert_eq!(ledger.session(&login.token).expect("live").id, login.id);
    }
    let ledger = open().await.expect("again");
    assert!(
        !ledger
            .revoke_session(passbook::SessionId::from_u128(1), EndReason::Logout)
            .await
            .expect("none")
    );
    assert_eq!(ledger.sequence(), 3, "neither did a revoke of nothing");
    assert!(ledger.revoke(&login.token).await.expect("durable"));
    let kinds: Vec<_> = facts(&ledger).iter().map(|event| event.fact.kind()).collect();
    assert_eq!(kinds, ["Opened", "SessionCreated", "LoginFailed", "Opened", "SessionRevoked"]);
    let two = ledger.clone();
    two.create("bob").await.expect("durable");
    assert_eq!(ledger.list_for_user("bob").len(), 1, "a clone is the same ledger");
    ledger.close().expect("closed");
    assert_eq!(two.create("cid").await.expect_err("closed").code(), "ledger:closed");
}
