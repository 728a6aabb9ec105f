//! Every row of the contract's table of methods: success and failure.

use axum::http::header;
use passbook::{EndReason, HistoryKind, HistoryQuery, Ledger, Login, SessionId};
use passbook_axum::SessionLayer;
use serde_json::{Value, json};

use crate::browser::{App, SECRET, START_MS};

/// How the sessions of a user ended, newest first.
pub(crate) fn ends(ledger: &Ledger, user: &str) -> Vec<EndReason> {
    let entries = ledger.history(user, &HistoryQuery::default()).expect("it is kept").entries;
    let reason = |kind: &HistoryKind| match kind {
        HistoryKind::End { reason, .. } => Some(*reason),
        HistoryKind::Login { .. }
        | HistoryKind::Refresh { .. }
        | HistoryKind::StepUp { .. }
        | HistoryKind::Upgrade { .. }
        | HistoryKind::Device
        | HistoryKind::Tenant(_)
        | HistoryKind::Reuse(_)
        | HistoryKind::Failure { .. } => None,
    };
    entries.iter().filter_map(|entry| reason(&entry.kind)).collect()
}

#[tokio::test]
async fn without_the_layer_the_extractor_answers_500_and_does_not_panic() {
    let app = App::new();
    let bare = axum::Router::new().route(
        "/",
        axum::routing::get(async |session: passbook_axum::Session| {
            session.user_id().unwrap_or_default()
        }),
    );
    let mut browser = App { router: bare, ..app }.browser();
    browser.get("/").await.is_problem(500, "auth:middleware_missing");
}

#[tokio::test]
async fn without_a_session_each_method_says_so_in_its_way() {
    let app = App::new();
    let mut browser = app.browser();
    assert_eq!(browser.get("/me").await.ok().json(), json!({ "user": null, "in": false }));
    assert_eq!(browser.get("/current").await.ok().json(), Value::Null);
    assert_eq!(browser.get("/get/theme").await.ok().json(), Value::Null);
    assert_eq!(browser.post("/set/theme/dark").await.ok().json(), Value::Null, "a no-op");
    browser.post("/remove/theme").await.ok();
    for path in ["/rotate", "/logout-all", "/logout-other", "/revoke/x", "/step-up/pwd"] {
        browser.post(path).await.is_problem(401, "auth:unauthenticated");
    }
    for path in ["/sessions", "/data"] {
        browser.get(path).await.is_problem(401, "auth:unauthenticated");
    }
    let answer = browser.post("/logout").await.ok();
    let removal = "_session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0";
    assert_eq!(answer.cookie(), Some(removal));
    assert_eq!(app.ledger.sequence(), 0, "none of it was written");
}

#[tokio::test]
async fn a_login_sets_a_signed_cookie_and_tells_the_ledger_where_it_came_from() {
    let app = App::new();
    let mut browser = app.browser();
    let answer = browser.post("/login/ann").await.ok();
    let cookie = answer.cookie().expect("a cookie");
    let attributes = "; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000";
    assert!(cookie.starts_with("_session=") && cookie.ends_with(attributes), "{cookie}");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(browser.get("/me").await.ok().json(), json!({ "user": "ann", "in": true }));

    let current = browser.get("/current").await.ok();
    assert_eq!(current.cookie(), None, "nothing new to tell");
    let told = current.json();
    assert_eq!(told["device"], "Firefox on Linux");
    assert_eq!(told["transport"], "cookie");
    assert_eq!(told["created_at_ms"], START_MS);
    assert_eq!(told["expires_at_ms"], START_MS + 2_592_000_000);
    assert_eq!((&told["is_current"], &told["data"]), (&json!(true), &json!({})));
    let session = app.ledger.list_for_user("ann").pop().expect("one");
    assert_eq!(session.user_agent.as_deref(), Some(browser.agent.as_str()));
    assert_eq!(browser.get("/data").await.ok().json()["id"], session.id.to_string());
}

#[tokio::test]
async fn a_login_brings_its_data_if_that_is_an_object_within_the_limits() {
    let app = App::new();
    let mut browser = app.browser();
    for refused in [json!([1]), json!("x"), json!(null), json!(7)] {
        let answer = browser.post_json("/login-with/ann", &refused).await;
        answer.is_problem(400, "auth:data_not_object");
    }
    let reserved = json!({ "passbook:step_up": {} });
    browser.post_json("/login-with/ann", &reserved).await.is_problem(400, "auth:reserved_key");
    let large = json!({ "k": "x".repeat(64 * 1_024) });
    browser.post_json("/login-with/ann", &large).await.is_problem(400, "auth:data_too_large");
    let key = json!({ "": 1 });
    browser.post_json("/login-with/ann", &key).await.is_problem(400, "auth:limit");
    let user = format!("/login/{}", "u".repeat(257));
    browser.post(&user).await.is_problem(400, "auth:limit");
    assert!(app.ledger.is_empty() && browser.cookie.is_none());

    browser.post_json("/login-with/ann", &json!({ "cart": [7], "theme": "dark" })).await.ok();
    assert_eq!(browser.get("/get/cart").await.ok().json(), json!([7]));
    assert_eq!(browser.get("/current").await.ok().json()["data"]["theme"], "dark");
}

#[tokio::test]
async fn a_login_replaces_the_session_of_the_same_browser_in_one_moment() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let (id, stolen) = (browser.id().await, browser.clone());
    browser.post("/login/bo").await.ok();
    assert_ne!(browser.id().await, id);
    assert_eq!(ends(&app.ledger, "ann"), [EndReason::Replaced]);
    assert_eq!(app.ledger.len(), 1);
    assert_eq!(stolen.clone().user().await, None);
}

#[tokio::test]
async fn the_least_recently_active_goes_over_the_limit_of_ten() {
    let app = App::new();
    let mut browsers = Vec::new();
    for _ in 0..10 {
        browsers.push(app.logged_in("ann").await);
        app.clock.advance_ms(1_000);
    }
    app.clock.advance_ms(300_000);
    assert_eq!(browsers[0].user().await.as_deref(), Some("ann"), "the first is active again");
    app.logged_in("ann").await;
    assert_eq!(browsers[1].user().await, None);
    assert_eq!(browsers[0].user().await.as_deref(), Some("ann"));
    assert_eq!(app.ledger.list_for_user("ann").len(), 10);
    assert_eq!(ends(&app.ledger, "ann"), [EndReason::Evicted]);
}

#[tokio::test]
async fn data_is_kept_removed_typed_and_limited() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    assert_eq!(browser.post("/set/theme/dark").await.ok().json(), "dark", "read as it was set");
    assert_eq!(browser.get("/get/theme").await.ok().json(), "dark");
    let answer = browser.get("/get-number/theme").await;
    answer.is_problem(500, "auth:data_type");
    assert!(!String::from_utf8_lossy(&answer.body).contains("dark"), "no value in the message");
    browser.post("/set/passbook:fingerprint/x").await.is_problem(400, "auth:reserved_key");
    assert_eq!(browser.get("/get/passbook:fingerprint").await.ok().json(), Value::Null);
    let long = format!("/set/{}/x", "k".repeat(257));
    browser.post(&long).await.is_problem(400, "auth:limit");
    let large = json!("x".repeat(64 * 1_024));
    browser.post_json("/set-json/k", &large).await.is_problem(400, "auth:data_too_large");
    assert_eq!(browser.get("/current").await.ok().json()["data"], json!({ "theme": "dark" }));
    browser.post("/remove/theme").await.ok();
    browser.post("/remove/never-set").await.ok();
    assert_eq!(browser.get("/get/theme").await.ok().json(), Value::Null);
}

#[tokio::test]
async fn a_rotation_keeps_id_and_data_and_changes_the_token() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    browser.post("/set/theme/dark").await.ok();
    let (id, old) = (browser.id().await, browser.clone());
    app.clock.advance_ms(5_000);
    let answer = browser.post("/rotate").await.ok();
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_ne!(browser.cookie, old.cookie);
    assert_eq!(browser.id().await, id);
    let current = browser.get("/current").await.ok().json();
    assert_eq!(current["data"]["theme"], "dark");
    assert_eq!(current["expires_at_ms"], START_MS + 5_000 + 2_592_000_000);
    assert_eq!(old.clone().user().await, None, "a race: refused, and the session lives on");
    assert_eq!(browser.user().await.as_deref(), Some("ann"));
    app.clock.advance_ms(10_001);
    assert_eq!(old.clone().user().await, None, "later: somebody stole it");
    assert_eq!(browser.user().await, None, "so it has ended for both");
    assert_eq!(ends(&app.ledger, "ann"), [EndReason::TokenReuse]);
}

#[tokio::test]
async fn logging_out_ends_this_all_or_the_others() {
    let app = App::new();
    let [mut here, mut there, mut elsewhere] =
        [app.logged_in("ann").await, app.logged_in("ann").await, app.logged_in("ann").await];
    let mut other = app.logged_in("bo").await;
    let answer = here.post("/logout").await.ok();
    assert!(answer.cookie().expect("a removal").contains("Max-Age=0"));
    assert_eq!(ends(&app.ledger, "ann"), [EndReason::Logout]);

    there.post("/logout-other").await.ok();
    assert_eq!((there.user().await.as_deref(), elsewhere.user().await), (Some("ann"), None));
    let mut again = app.logged_in("ann").await;
    let answer = again.post("/logout-all").await.ok();
    assert!(answer.cookie().expect("a removal").contains("Max-Age=0"));
    assert_eq!(there.user().await, None);
    assert_eq!(other.user().await.as_deref(), Some("bo"), "somebody else");
}

#[tokio::test]
async fn my_sessions_are_those_of_all_transports_most_recently_active_first() {
    let app = App::new();
    let mut first = app.logged_in("ann").await;
    app.clock.advance_ms(1_000);
    let token = app.ledger.create(Login::new("ann").device("Fridge")).await.expect("durable");
    app.clock.advance_ms(1_000);
    let mut second = app.logged_in("ann").await;
    app.logged_in("bo").await;
    app.clock.advance_ms(300_000);
    let (first_id, second_id) = (first.id().await, second.id().await);
    let listed = first.get("/sessions").await.ok().json();
    let told: Vec<_> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|session| (session["id"].as_str().expect("an id"), session["is_current"] == true))
        .collect();
    let mut wanted = vec![(first_id.as_str(), true), (second_id.as_str(), false)];
    wanted.sort_unstable();
    let token_id = token.id.to_string();
    wanted.push((&token_id, false));
    assert_eq!(told, wanted, "both cookies were touched in one moment: ties by id");
}

#[tokio::test]
async fn one_of_my_sessions_can_be_ended_and_no_other_be_told_from_nothing() {
    let app = App::new();
    let [mut here, mut there] = [app.logged_in("ann").await, app.logged_in("ann").await];
    let mut foreign = app.logged_in("bo").await;
    let foreign_id = foreign.id().await;
    let unknown = SessionId::from_parts(START_MS, 7).to_string();
    let mut answers = Vec::new();
    for id in [&foreign_id, &unknown, "no-id", &unknown.to_lowercase()] {
        let answer = here.post(&format!("/revoke/{id}")).await;
        answer.is_problem(404, "auth:session_not_found");
        answers.push((answer.headers, answer.body));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "the same bytes");
    assert_eq!(foreign.user().await.as_deref(), Some("bo"));

    let id = there.id().await;
    let answer = here.post(&format!("/revoke/{id}")).await.ok();
    assert_eq!((answer.cookie(), there.user().await), (None, None));
    assert_eq!(ends(&app.ledger, "ann"), [EndReason::RevokedByUser]);
    here.post(&format!("/revoke/{id}")).await.is_problem(404, "auth:session_not_found");
    let id = here.id().await;
    let answer = here.post(&format!("/revoke/{id}")).await.ok();
    assert!(answer.cookie().expect("a removal").contains("Max-Age=0"));
    assert_eq!(here.user().await, None);
}

#[tokio::test]
async fn what_the_ledger_cant_write_is_503_and_no_cookie() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    app.logged_in("ann").await;
    app.ledger.close().expect("clean");
    let cookie = browser.cookie.clone();
    let paths =
        ["/login/bo", "/set/theme/dark", "/rotate", "/step-up/pwd", "/logout", "/logout-all"];
    for path in paths.into_iter().chain(["/logout-other"]) {
        let answer = browser.post(path).await;
        answer.is_problem(503, "ledger:unavailable");
        assert_eq!(answer.cookie(), None, "{path}");
    }
    let id = browser.id().await;
    let answer = browser.post(&format!("/revoke/{id}")).await;
    answer.is_problem(503, "ledger:unavailable");
    assert_eq!(browser.user().await.as_deref(), Some("ann"), "reads go on");
    assert_eq!(browser.cookie, cookie);
}

#[tokio::test]
async fn another_fingerprint_ends_the_session_or_marks_it() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let mut thief = browser.clone();
    thief.agent = "curl/8".to_owned();
    let answer = thief.get("/me").await.ok();
    assert_eq!(answer.json()["user"], Value::Null);
    assert!(answer.cookie().expect("a removal").contains("Max-Age=0"));
    assert_eq!(browser.user().await, None);
    assert_eq!(ends(&app.ledger, "ann"), [EndReason::Fingerprint]);

    let app = App::with(|config| {
        config.fingerprint_mismatch = passbook_axum::OnMismatch::Flag;
    });
    let mut browser = app.logged_in("ann").await;
    browser.agent = "curl/8".to_owned();
    assert_eq!(browser.user().await.as_deref(), Some("ann"));

    let app = App::with(|config| config.validate_fingerprint = false);
    let mut browser = app.logged_in("ann").await;
    browser.agent = "curl/8".to_owned();
    assert_eq!(browser.user().await.as_deref(), Some("ann"));
}

#[test]
fn a_layer_refuses_a_config_that_is_out_of_range() {
    let ledger = Ledger::memory().expect("memory");
    let short = passbook_axum::CookieSessionsConfig::new(&SECRET[1..]);
    let refused = SessionLayer::new(ledger, short).expect_err("63 bytes");
    assert_eq!(refused.field, "cookie.secrets");
}

#[tokio::test]
async fn a_logout_may_tell_the_browser_to_forget_the_site() {
    let app = App::with(|config| config.clear_site_data = true);
    let mut browser = app.logged_in("ann").await;
    assert!(!browser.post("/rotate").await.ok().headers.contains_key("clear-site-data"));
    let answer = browser.post("/logout").await.ok();
    assert_eq!(answer.headers["clear-site-data"], "\"cache\", \"cookies\", \"storage\"");
    let mut other = App::new().logged_in("ann").await;
    assert!(!other.post("/logout").await.ok().headers.contains_key("clear-site-data"));
}

/// The device that the last login of that user came from.
fn device(app: &App, user: &str) -> Option<String> {
    let session = app.ledger.list_for_user(user).into_iter().next()?;
    assert!(session.user_agent.is_some());
    session.device.map(|device| device.to_string())
}

#[tokio::test]
async fn a_login_over_another_session_is_of_the_browser_that_sends_it() {
    // Out and in again in one request: the session that knew the browser has gone by then.
    let mut browser = App::new().logged_in("ann").await;
    browser.post("/out-and-in/bo").await.ok();
    assert_eq!(device(&browser.app, "bo").as_deref(), Some("Firefox on Linux"));

    // Where fingerprints are not looked at, the session may have been opened by another browser.
    let app = App::with(|config| config.validate_fingerprint = false);
    let mut browser = app.logged_in("ann").await;
    browser.agent = "curl/8.14.1".to_owned();
    browser.post("/login/bo").await.ok();
    assert_eq!(device(&app, "bo").as_deref(), Some("curl on Unknown"));
}
