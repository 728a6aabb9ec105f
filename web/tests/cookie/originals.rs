//! What the systems that the interface comes from got wrong: each case has its test.

use axum::{
    body::Body,
    http::{StatusCode, header},
};
use passbook::core::SessionRef;
use passbook_axum::CookieSecret;
use serde_json::json;
use tokio::sync::oneshot;
use tower::ServiceExt;

use crate::browser::{Answer, App, Browser, FIREFOX, SECRET};

#[tokio::test]
async fn authenticate_and_then_set_in_one_request_persists() {
    let app = App::new();
    let mut browser = app.logged_in("guest-of-honour").await;
    browser.post("/login-and-set/ann").await.ok();
    let data = browser.get("/current").await.ok().json()["data"].clone();
    assert_eq!(data, json!({ "after": "kept" }));
}

#[tokio::test]
async fn set_before_and_after_a_rotation_persists() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    browser.post("/rotate-around-set").await.ok();
    let data = browser.get("/current").await.ok().json()["data"].clone();
    assert_eq!(data, json!({ "before": 1, "after": 2 }));
}

#[tokio::test]
async fn what_was_set_is_written_also_if_the_handler_answers_an_error() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let answer = browser.post("/set-and-fail/theme/dark").await;
    assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(browser.get("/get/theme").await.ok().json(), "dark");
}

/// Sends a request whose handler sets a key and then waits until it is told to go on.
fn slow(
    browser: &Browser,
    key: &'static str,
) -> (oneshot::Receiver<()>, oneshot::Sender<()>, tokio::task::JoinHandle<Answer>) {
    let (entered, has_entered) = oneshot::channel();
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let gate = std::sync::Arc::new(std::sync::Mutex::new(Some((entered, may_go_on))));
    let handler = async move |session: passbook_axum::Session| {
        session.set(key, &key).expect("small");
        let (entered, may_go_on) = gate.lock().expect("whole").take().expect("called once");
        entered.send(()).expect("awaited");
        may_go_on.await.expect("told");
    };
    let config = passbook_axum::CookieSessionsConfig::new(SECRET);
    let layer = passbook_axum::layer(browser.app.ledger.clone(), config).expect("valid");
    let router = axum::Router::new().route("/slow", axum::routing::post(handler)).layer(layer);
    let request = browser.request("POST", "/slow").body(Body::empty()).expect("a request");
    let task = tokio::spawn(async move {
        Answer::of(router.oneshot(request).await.expect("infallible")).await
    });
    (has_entered, go_on, task)
}

#[tokio::test]
async fn two_requests_that_set_different_keys_both_win() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let (one_in, one_go, one) = slow(&browser, "one");
    let (two_in, two_go, two) = slow(&browser, "two");
    one_in.await.expect("it begins");
    two_in.await.expect("it begins");
    one_go.send(()).expect("it waits");
    one.await.expect("no panic").ok();
    two_go.send(()).expect("it waits");
    two.await.expect("no panic").ok();
    let data = browser.get("/current").await.ok().json()["data"].clone();
    assert_eq!(data, json!({ "one": "one", "two": "two" }));
}

#[tokio::test]
async fn a_slow_request_after_a_rotation_does_not_bring_the_old_cookie_back() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    app.clock.advance_ms(300_000); // a touch is due, so it would set its cookie again
    let (begun, go, slow) = slow(&browser, "slow");
    begun.await.expect("it begins");
    browser.post("/rotate").await.ok();
    go.send(()).expect("it waits");
    let answer = slow.await.expect("no panic").ok();
    assert_eq!(answer.cookie(), None);
    assert_eq!(browser.user().await.as_deref(), Some("ann"));
    assert_eq!(browser.get("/get/slow").await.ok().json(), "slow", "what it set is there");
}

#[tokio::test]
async fn a_slow_request_after_a_logout_revives_nothing() {
    let app = App::new();
    let browser = app.logged_in("ann").await;
    app.clock.advance_ms(300_000);
    let (begun, go, slow) = slow(&browser, "slow");
    begun.await.expect("it begins");
    browser.clone().post("/logout").await.ok();
    go.send(()).expect("it waits");
    assert_eq!(slow.await.expect("no panic").ok().cookie(), None);
    assert!(app.ledger.is_empty());
    assert_eq!(browser.clone().user().await, None);
}

#[tokio::test]
async fn logout_all_without_a_session_is_401() {
    App::new().browser().post("/logout-all").await.is_problem(401, "auth:unauthenticated");
}

#[tokio::test]
async fn the_session_is_found_in_every_cookie_header_and_every_pair() {
    let app = App::new();
    let browser = app.logged_in("ann").await;
    let ended = app.logged_in("bo").await;
    ended.clone().post("/logout").await.ok();
    let (live, dead) = (browser.cookie.expect("set"), ended.cookie.expect("set"));
    let nobody = app.browser();
    for lines in [
        vec![format!("{dead}; {live}")],
        vec![dead.clone(), live.clone()],
        vec!["_session=rubbish; theme=dark".to_owned(), format!("a=b; {dead};{live}; c")],
    ] {
        let mut request = nobody.request("GET", "/me").body(Body::empty()).expect("a request");
        for line in &lines {
            request.headers_mut().append(header::COOKIE, line.parse().expect("a header"));
        }
        assert_eq!(nobody.clone().send(request).await.ok().json()["user"], "ann", "{lines:?}");
    }
}

#[tokio::test]
async fn a_tampered_value_a_wrong_name_and_a_foreign_secret_open_nothing() {
    let app = App::new();
    let browser = app.logged_in("ann").await;
    let cookie = browser.cookie.clone().expect("set");
    let value = cookie.strip_prefix("_session=").expect("its name");
    let as_cookie =
        async |cookie: String| Browser { cookie: Some(cookie), ..browser.clone() }.user().await;
    for at in [0, 63, 64, 65, value.len() - 1] {
        let mut tampered = value.as_bytes().to_vec();
        tampered[at] = if tampered[at] == b'0' { b'1' } else { b'0' };
        let tampered = String::from_utf8(tampered).expect("digits");
        assert_eq!(as_cookie(format!("_session={tampered}")).await, None, "{at}");
    }
    let (token, _) = value.split_once('.').expect("a dot");
    assert_eq!(as_cookie(format!("_session={token}")).await, None, "without its signature");

    let renamed = App::on(app.ledger.clone(), app.clock.clone(), |config| {
        config.cookie_name = "other".to_owned();
    });
    let moved = Browser { app: renamed, cookie: Some(format!("other={value}")), ..browser.clone() };
    assert_eq!(moved.clone().user().await, None, "the name is signed too");

    let foreign = App::on(app.ledger.clone(), app.clock.clone(), |config| {
        config.cookie.secrets = vec![CookieSecret::from("x".repeat(64))];
    });
    assert_eq!(Browser { app: foreign, ..browser.clone() }.user().await, None);
    let rotated = App::on(app.ledger.clone(), app.clock.clone(), |config| {
        config.cookie.secrets = vec!["x".repeat(64).into(), SECRET.into()];
    });
    let user = Browser { app: rotated, ..browser.clone() }.user().await;
    assert_eq!(user.as_deref(), Some("ann"), "the old secret still verifies");
}

#[tokio::test]
async fn a_session_of_one_api_is_known_to_the_others() {
    let app = App::new();
    let mut browser = app.logged_in("ann").await;
    let id = app.ledger.list_for_user("ann").pop().expect("one").id;
    let store = passbook::SessionStore::from(app.ledger.clone());
    assert_eq!(store.revoke_all_for_user("ann"), 1);
    assert!(app.ledger.session_and_data(SessionRef::Id(id)).is_none());
    assert_eq!(browser.user().await, None);
    assert_eq!(browser.agent, FIREFOX);
}
