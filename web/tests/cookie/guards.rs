//! What passes which guard.

use passbook::{HistoryKind, HistoryQuery};
use serde_json::json;

use crate::browser::App;

#[tokio::test]
async fn only_who_is_logged_in_passes() {
    let app = App::new();
    app.browser().get("/account").await.is_problem(401, "auth:unauthenticated");
    app.logged_in("ann").await.get("/account").await.ok();
}

#[tokio::test]
async fn what_asks_for_a_recent_proof_lets_a_step_up_pass() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    browser.get("/money").await.ok();
    app.clock.advance_ms(600_000);
    browser.get("/money").await.ok();
    app.clock.advance_ms(1);
    browser.get("/money").await.is_problem(401, "auth:reauthentication_required");
    browser.post("/rotate").await.ok();
    browser.get("/money").await.is_problem(401, "auth:reauthentication_required");

    let (old, id) = (browser.clone(), browser.id().await);
    browser.post("/step-up/otp").await.ok();
    browser.get("/money").await.ok();
    assert_ne!(browser.cookie, old.cookie, "it rotates");
    let current = browser.get("/current").await.ok().json();
    assert_eq!((&current["id"], &current["amr"]), (&json!(id), &json!(["otp"])));
    assert_eq!(current["auth_time_ms"], app.ledger.now_ms());
    assert_eq!(current["data"], json!({}), "the application does not see it among its data");
    let history = app.ledger.history("ann", &HistoryQuery::default()).expect("kept").entries;
    assert!(matches!(&history[0].kind, HistoryKind::StepUp { amr } if *amr == "otp"));
    browser.post("/step-up/a%20word").await.is_problem(500, "auth:amr");
}

#[tokio::test]
async fn only_who_acts_for_an_organisation_passes() {
    let app = App::new();
    app.browser().get("/acme").await.is_problem(401, "auth:unauthenticated");
    let mut browser = app.logged_in("ann").await;
    browser.get("/acme").await.is_problem(403, "auth:tenant_missing");
    let session = passbook::core::SessionRef::Id(app.ledger.list_for_user("ann")[0].id);
    let tenant = passbook::core::TenantId::new("acme").ok();
    let act = passbook::core::Act::SetTenant { session, tenant };
    let set = app.ledger.submit(&passbook::core::Command::new(act)).expect("taken");
    set.await.expect("durable");
    browser.get("/acme").await.ok();
}

#[tokio::test]
async fn a_guard_without_a_session_layer_says_so() {
    let app = App::new();
    let bare = axum::Router::new()
        .route("/", axum::routing::get(async || "yours"))
        .layer(passbook_axum::require_auth());
    App { router: bare, ..app }.browser().get("/").await.is_problem(500, "auth:middleware_missing");
}
