//! Every timeout, by a clock that the test sets.

use axum::http::header;

use crate::browser::{App, Browser, START_MS};

const HOUR_SECS: u64 = 3_600;

fn app() -> App {
    App::with(|config| {
        config.session_ttl_secs = HOUR_SECS;
        config.absolute_ttl_secs = Some(10 * HOUR_SECS);
        config.touch_interval_secs = 600;
    })
}

/// Whether the browser is still logged in after so many milliseconds.
async fn is_in_after(browser: &mut Browser, ms: u64) -> bool {
    browser.app.clock.advance_ms(ms);
    browser.user().await.is_some()
}

#[tokio::test]
async fn idle_for_its_lifetime_a_session_is_out_although_it_is_young() {
    let mut browser = app().logged_in("ann").await;
    assert!(is_in_after(&mut browser, HOUR_SECS * 1_000 - 1).await);
    assert!(is_in_after(&mut browser, HOUR_SECS * 1_000 - 1).await, "its use extended it");
    assert!(!is_in_after(&mut browser, HOUR_SECS * 1_000).await, "dead at now >= expires");
    assert!(!is_in_after(&mut browser, 0).await);
}

#[tokio::test]
async fn past_its_absolute_timeout_a_session_is_out_although_it_is_active() {
    let mut browser = app().logged_in("ann").await;
    for _ in 0..19 {
        assert!(is_in_after(&mut browser, HOUR_SECS * 500).await);
    }
    assert!(is_in_after(&mut browser, HOUR_SECS * 500 - 1).await, "a millisecond before");
    assert!(!is_in_after(&mut browser, 1).await);
    let mut browser = app().logged_in("ann").await;
    for _ in 0..19 {
        browser.app.clock.advance_ms(HOUR_SECS * 500);
        browser.post("/rotate").await.ok();
    }
    assert!(!is_in_after(&mut browser, HOUR_SECS * 500).await, "a rotation does not extend it");
}

#[tokio::test]
async fn use_is_noted_exactly_at_the_interval_and_the_cookie_lives_as_long() {
    let mut browser = app().logged_in("ann").await;
    let active_ms = |browser: &Browser| {
        browser.app.ledger.list_for_user("ann").pop().expect("one").last_active_at_ms
    };
    browser.app.clock.advance_ms(599_999);
    assert_eq!(browser.get("/me").await.ok().cookie(), None);
    assert_eq!(active_ms(&browser), START_MS);
    browser.app.clock.advance_ms(1);
    let answer = browser.get("/me").await.ok();
    assert!(answer.cookie().expect("again").ends_with("Max-Age=3600"));
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(active_ms(&browser), START_MS + 600_000);
    assert_eq!(browser.get("/me").await.ok().cookie(), None, "noted");
}

#[tokio::test]
async fn an_interval_of_zero_notes_each_request() {
    let app = App::with(|config| config.touch_interval_secs = 0);
    let mut browser = app.logged_in("ann").await;
    let before = app.ledger.sequence();
    for _ in 0..3 {
        app.clock.advance_ms(1);
        assert!(browser.get("/me").await.ok().cookie().is_some());
    }
    assert_eq!(app.ledger.sequence(), before + 3);
}

#[tokio::test]
async fn a_lifetime_of_zero_never_ends_and_its_cookie_lives_as_long_as_browsers_keep_one() {
    let app = App::with(|config| config.session_ttl_secs = 0);
    let mut browser = app.browser();
    let answer = browser.post("/login/ann").await.ok();
    assert!(answer.cookie().expect("set").ends_with("Max-Age=34560000"));
    app.clock.advance_ms(100 * 365 * 24 * HOUR_SECS * 1_000);
    assert!(browser.user().await.is_some());
}

#[tokio::test]
async fn a_clock_that_steps_back_revives_nothing() {
    let mut browser = app().logged_in("ann").await;
    browser.app.clock.advance_ms(HOUR_SECS * 1_000);
    let mut next = app().logged_in("bo").await;
    assert!(next.user().await.is_some());
    browser.app.ledger.sweep_expired().await.expect("durable");
    browser.app.clock.set_ms(START_MS);
    assert_eq!(browser.user().await, None);
}
