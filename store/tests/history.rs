//! One user's history, told from the events.

use std::sync::Arc;

use passbook::{
    Context, EndReason, FailureReason, HistoryKind, HistoryQuery, Ledger, Login, Policy, SimClock,
};

const START_MS: u64 = 1_795_132_800_000;

/// The user's history as words, oldest first.
fn told(ledger: &Ledger, user: &str) -> Vec<String> {
    let history = ledger.history(user, &HistoryQuery::default()).expect("readable").entries;
    let words = history.iter().rev().map(|entry| match &entry.kind {
        HistoryKind::Login { is_guest, .. } => format!("login guest={is_guest}"),
        HistoryKind::Refresh { count, .. } => format!("refresh x{count}"),
        HistoryKind::Upgrade { guest } => format!("upgrade from={}", guest.starts_with("guest_")),
        HistoryKind::StepUp { amr } => format!("step-up {amr}"),
        HistoryKind::Device => format!("device {}", entry.device.as_deref().unwrap_or_default()),
        HistoryKind::Tenant(tenant) => format!("tenant {tenant:?}"),
        HistoryKind::Reuse(verdict) => format!("reuse {verdict}"),
        HistoryKind::Failure { reason, count } => format!("failure {reason} x{count}"),
        HistoryKind::End { reason, duration_ms } => {
            format!("end {reason} by {} after {duration_ms}", entry.actor)
        }
    });
    words.collect()
}

fn ledger() -> (Ledger, Arc<SimClock>) {
    let clock = Arc::new(SimClock::at_ms(START_MS));
    let builder = Ledger::builder().clock(Arc::<SimClock>::clone(&clock)).sweep_interval(None);
    let policy = Policy { idle_timeout_ms: 100_000, ..Policy::default() };
    (builder.policy(policy).open_blocking().expect("memory opens"), clock)
}

#[tokio::test]
async fn a_life_is_told_in_order_and_refreshes_are_folded() {
    let (ledger, clock) = ledger();
    ledger.record_login_failure(Some("ann"), FailureReason::WrongPassword).await.expect("durable");
    let guest = ledger.create_guest().await.expect("durable");
    clock.advance_ms(1);
    let ann = ledger.upgrade_and_rotate(&guest.token, "ann").await.expect("ok").expect("guest");
    let mut token = ann.token;
    for _ in 0..3 {
        clock.advance_ms(1);
        token = ledger.refresh(&token).await.expect("ok").expect("live").token;
    }
    ledger.set_device(&token, "Firefox").await.expect("durable");
    ledger.set_tenant(&token, Some("acme".to_owned())).await.expect("durable");
    ledger.create("bob").await.expect("durable");
    clock.advance_ms(10);
    ledger.revoke(&token).await.expect("durable");
    assert_eq!(
        told(&ledger, "ann"),
        [
            "failure wrong_password x1",
            "upgrade from=true",
            "refresh x3",
            "device Firefox",
            "tenant Some(\"acme\")",
            "end logout by user after 14",
        ]
    );
    assert_eq!(told(&ledger, "bob"), ["login guest=false"]);
    assert_eq!(told(&ledger, "nobody"), Vec::<String>::new());
}

#[tokio::test]
async fn every_ending_has_its_reason_its_actor_and_its_time() {
    let (ledger, clock) = ledger();
    let first = ledger.create("ann").await.expect("durable");
    let second = ledger.create(Login::new("ann").replaces(first.id)).await.expect("durable");
    clock.advance_ms(1);
    let third = ledger.create(Login::new("ann").sessions_per_user_max(1)).await.expect("durable");
    assert!(ledger.session(&second.token).is_none());
    let renewed = ledger.refresh(&third.token).await.expect("ok").expect("live");
    clock.advance_ms(10_001);
    assert!(ledger.refresh(&third.token).await.expect("ok").is_none(), "reuse");
    assert!(ledger.session(&renewed.token).is_none());
    ledger.create("ann").await.expect("durable");
    let kim = ledger.in_context(Context::operator("kim").expect("short"));
    kim.revoke_all_for_user("ann").await.expect("durable");
    let last = ledger.create("ann").await.expect("durable");
    clock.advance_ms(500_000);
    ledger.sweep_expired().await.expect("durable");
    assert_eq!(
        told(&ledger, "ann"),
        [
            "login guest=false",
            "end replaced by user after 0",
            "login guest=false",
            "end evicted by system after 1",
            "login guest=false",
            "refresh x1",
            "end token_reuse by user after 10001",
            "login guest=false",
            "end revoked_by_admin by operator:kim after 0",
            "login guest=false",
            "end expired_idle by system after 100000",
        ]
    );
    let end = &ledger.history("ann", &HistoryQuery::default()).expect("readable").entries[0];
    assert_eq!(end.at_ms, last.expires_at_ms, "it was dead from its expiry on, not from the sweep");
    assert!(matches!(end.kind, HistoryKind::End { reason: EndReason::ExpiredIdle, .. }));
}
