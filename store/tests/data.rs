//! A session's data, its step-up and its lineage, through the ledger.

use std::sync::Arc;

use passbook::{
    EndReason, HistoryQuery, HistoryWhat, Ledger, LedgerError, Login, SimClock,
    core::{
        Amr, DataKey, Rejection, SessionRef,
        limits::DATA_BYTES_MAX,
        session::{FINGERPRINT_KEY, STEP_UP_KEY},
    },
};

fn key(name: &str) -> DataKey {
    DataKey::new(name).expect("short")
}

fn ledger() -> (Ledger, Arc<SimClock>) {
    let clock = Arc::new(SimClock::at_ms(1_795_180_244_010));
    (Ledger::builder().clock(clock.clone()).open_blocking().expect("memory"), clock)
}

#[tokio::test]
async fn a_login_brings_its_data_its_fingerprint_and_its_own_end() {
    let (ledger, clock) = ledger();
    let login = Login::new("ann")
        .data("cart", "[7]")
        .fingerprint("0a\"b")
        .lifetime_ms(0)
        .absolute_timeout_ms(60_000);
    let ann = ledger.create(login).await.expect("durable");
    assert_eq!(ledger.data(ann.id, &key("cart")).as_deref(), Some("[7]"));
    assert_eq!(ledger.data(ann.id, &key(FINGERPRINT_KEY)).as_deref(), Some(r#""0a\"b""#));
    clock.advance_ms(59_999);
    let token = ledger.refresh(&ann.token).await.expect("durable").expect("live").token;
    clock.advance_ms(1);
    assert!(ledger.session(&token).is_none(), "nothing extends it past its end");

    let sequence = ledger.sequence();
    for refused in [
        Login::new("bo").data("passbook:step_up", "1"),
        Login::new("bo").data("", "1"),
        Login::new("bo").data("cart", "no json"),
        Login::new("bo").data("cart", format!("\"{}\"", "x".repeat(DATA_BYTES_MAX))),
    ] {
        ledger.create(refused).await.expect_err("refused");
    }
    assert_eq!(ledger.sequence(), sequence, "nothing was written");
}

#[tokio::test]
async fn data_changes_all_or_not_at_all() {
    let (ledger, _clock) = ledger();
    let ann = ledger.create("ann").await.expect("durable");
    let session = SessionRef::Id(ann.id);
    let change = vec![(key("a"), Some("1".into())), (key("b"), Some("2".into()))];
    assert!(ledger.change_data(session, change).await.expect("durable"));
    let large = format!("\"{}\"", "x".repeat(DATA_BYTES_MAX));
    let refused = [
        vec![(key("a"), None), (key("c"), Some(large.as_str().into()))],
        vec![(key("a"), None), (key("c"), Some("no json".into()))],
        vec![(key("a"), None), (key("passbook:c"), Some("1".into()))],
        vec![(key("a"), None), (key(STEP_UP_KEY), None)],
    ];
    let mut errors = Vec::new();
    for change in refused {
        errors.push(ledger.change_data(session, change).await.expect_err("refused"));
    }
    assert!(matches!(errors[0], LedgerError::Rejected(Rejection::DataTooLarge { .. })));
    assert!(matches!(errors[1], LedgerError::NotJson(_)));
    assert!(matches!(errors[2..], [LedgerError::ReservedKey, LedgerError::ReservedKey]));
    assert_eq!(errors[3].code(), "auth:reserved_key");
    let (_, data) = ledger.session_and_data(session).expect("live");
    assert_eq!(data.expect("two keys").len(), 2);
    ledger.revoke(&ann.token).await.expect("durable");
    assert!(!ledger.change_data(session, vec![(key("a"), None)]).await.expect("no error"));
    assert!(ledger.session_and_data(session).is_none());
}

#[tokio::test]
async fn a_step_up_is_in_the_history_and_has_one_winner() {
    let (ledger, clock) = ledger();
    let ann = ledger.create("ann").await.expect("durable");
    clock.advance_ms(5_000);
    let amr = || Amr::new(["pwd", "hwk"]).expect("two names");
    let proved = ledger.reauthenticate(&ann.token, amr()).await.expect("durable").expect("live");
    let json = ledger.data(ann.id, &key(STEP_UP_KEY)).expect("kept");
    assert_eq!(&*json, r#"{"auth_time_ms":1795180249010,"amr":["pwd","hwk"]}"#);
    assert!(ledger.is_spent(&ann.token) && !ledger.is_spent(&proved.token));
    let again = ledger.reauthenticate(&ann.token, amr()).await.expect("durable");
    assert!(again.is_none(), "a race");
    let query = HistoryQuery { kinds: vec![HistoryWhat::StepUp], ..HistoryQuery::default() };
    let lines = ledger.history("ann", &query).expect("kept").entries;
    assert_eq!(lines.len(), 1);
    // Whoever opens the ledger again finds it so: the fold is the same.
    let as_of = ledger.as_of(ledger.sequence()).expect("kept");
    assert_eq!(as_of.fingerprint(), ledger.fingerprint());
}

#[tokio::test]
async fn any_token_that_a_session_had_ends_it_and_no_other_does() {
    let (ledger, _clock) = ledger();
    let first = ledger.create("ann").await.expect("durable").token;
    let second = ledger.refresh(&first).await.expect("durable").expect("live").token;
    let bo = ledger.create("bo").await.expect("durable").token;
    let (found, _) = ledger.session_and_data(SessionRef::Lineage(first.digest())).expect("live");
    assert_eq!(found.user_id, "ann");
    assert!(ledger.revoke_lineage(&first, EndReason::Logout).await.expect("durable"));
    assert!(ledger.session(&second).is_none());
    assert!(ledger.session_and_data(SessionRef::Lineage(first.digest())).is_none());
    assert!(!ledger.revoke_lineage(&second, EndReason::Logout).await.expect("no error"));
    assert!(ledger.session(&bo).is_some());
}
