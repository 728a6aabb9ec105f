//! To the second: when tokens and sessions are over, and when their use is noted.

use passbook::{Login, Transport};
use passbook_axum::jwt::{JwtSessionService, JwtSessionsConfig};

use super::{
    app::App,
    keys::{NOW, SECRET},
};

fn with(change: impl FnOnce(&mut JwtSessionsConfig)) -> App {
    let mut config = JwtSessionsConfig::new(SECRET);
    change(&mut config);
    App::with(config)
}

#[tokio::test]
async fn an_access_token_is_valid_in_the_second_exp_and_dead_one_later() {
    for leeway in [0, 30] {
        let app = with(|config| config.leeway_secs = leeway);
        let pair = app.login("ann").await;
        assert_eq!(pair.access_expires_at, NOW + 900);
        app.clock.set_ms((NOW + 901 + leeway) * 1_000 - 1);
        app.me(&pair.access_token).await.is(200, "-");
        app.clock.advance_ms(1);
        app.me(&pair.access_token).await.is(401, "jwt:expired");
    }
}

#[tokio::test]
async fn a_refresh_token_works_until_its_session_is_over() {
    let app = with(|config| config.refresh_ttl_secs = 60);
    let (early, late, too_late) =
        (app.login("ann").await, app.login("ann").await, app.login("ann").await);
    assert_eq!((early.access_expires_at, early.refresh_expires_at), (NOW + 60, NOW + 60));
    app.clock.set_ms((NOW + 60) * 1_000 - 1);
    app.refresh(&early.refresh_token).await.is(200, "-");
    // In the second itself the token is valid, and the session over.
    app.clock.advance_ms(1);
    app.refresh(&late.refresh_token).await.is(401, "auth:session_not_found");
    app.me(&late.access_token).await.is(401, "auth:session_not_found");
    app.clock.advance_ms(1_000);
    app.refresh(&too_late.refresh_token).await.is(401, "jwt:expired");
    assert_eq!(app.ids("ann").await.len(), 1);
    assert_eq!(app.service.cleanup_expired().await.expect("swept"), 2);
}

#[tokio::test]
async fn no_rotation_carries_a_session_past_its_absolute_limit() {
    let app = with(|config| {
        config.refresh_ttl_secs = 60;
        config.absolute_ttl_secs = Some(100);
    });
    let mut pair = app.login("ann").await;
    for (second, expires_at) in [(30, 90), (50, 100), (99, 100)] {
        app.clock.set_ms((NOW + second) * 1_000);
        pair = app.service.rotate(&pair.refresh_token).await.expect("live");
        assert_eq!(pair.refresh_expires_at, NOW + expires_at, "at {second}");
        assert_eq!(pair.access_expires_at, NOW + expires_at, "at {second}");
    }
    app.clock.set_ms((NOW + 100) * 1_000);
    app.refresh(&pair.refresh_token).await.is(401, "auth:session_not_found");
}

#[tokio::test]
async fn a_rotation_follows_the_configuration_of_now() {
    let app = App::new();
    let pair = app.login("ann").await;
    let mut config = JwtSessionsConfig::new(SECRET);
    config.refresh_ttl_secs = 60;
    let shorter = JwtSessionService::new(app.ledger.clone(), config).expect("good");
    let pair = shorter.rotate(&pair.refresh_token).await.expect("live");
    assert_eq!(pair.refresh_expires_at, NOW + 60);
}

#[tokio::test]
async fn use_is_noted_when_the_interval_is_over() {
    let app = App::new();
    let pair = app.login("ann").await;
    let last_active = async || {
        (app.service.list("ann").await.expect("a list")[0].last_active_at_ms / 1_000) - NOW
    };
    app.clock.set_ms((NOW + 300) * 1_000 - 1);
    app.me(&pair.access_token).await.is(200, "-");
    assert_eq!(last_active().await, 0);
    app.clock.advance_ms(1);
    let seen = app.me(&pair.access_token).await.json();
    assert_eq!(last_active().await, 300);
    assert_eq!(seen["session"]["last_active_at_ms"], (NOW + 300) * 1_000, "the handler sees it");
    app.clock.advance_ms(299_999);
    app.me(&pair.access_token).await.is(200, "-");
    assert_eq!(last_active().await, 300);

    let app = with(|config| config.touch_interval_secs = 0);
    let pair = app.login("ann").await;
    let sequence = app.ledger.sequence();
    app.clock.advance_ms(1);
    app.me(&pair.access_token).await.is(200, "-");
    assert_eq!(app.ledger.sequence(), sequence + 1, "0 = each request");
}

#[tokio::test]
async fn a_login_beyond_the_limit_ends_the_least_recently_active() {
    let app = with(|config| config.max_per_user = 2);
    let first = app.login("ann").await;
    app.clock.advance_ms(1_000);
    let second = app.login("ann").await;
    app.clock.advance_ms(300_000);
    app.me(&first.access_token).await.is(200, "-");
    let sequence = app.ledger.sequence();
    app.login("ann").await;
    assert!(app.ledger.sequence() > sequence);
    app.me(&second.access_token).await.is(401, "auth:session_not_found");
    app.me(&first.access_token).await.is(200, "-");
    assert_eq!(app.ids("ann").await.len(), 2);
}

#[tokio::test]
async fn sessions_of_other_transports_are_listed_ended_and_counted() {
    let app = App::new();
    let pair = app.login("ann").await;
    let own = app.ids("ann").await.remove(0);
    app.clock.advance_ms(1_000);
    let cookie = Login::new("ann").transport(Transport::Cookie).data("theme", "\"dark\"");
    let cookie = app.ledger.create(cookie).await.expect("a login");
    let bob = app.login("bob").await;
    let listed = app.service.list("ann").await.expect("a list");
    let order = listed.iter().map(|session| session.transport).collect::<Vec<_>>();
    assert_eq!(order, [Transport::Cookie, Transport::Jwt], "most recently active first");
    assert_eq!(listed[0].data["theme"], "dark");
    assert!(app.service.list("nobody").await.expect("a list").is_empty());

    let foreign = app.ids("bob").await.remove(0);
    for keep in [foreign.as_str(), "01ARZ3NDEKTSV4RRFFQ69G5FAV", "x"] {
        let error = app.service.revoke_all_except("ann", keep).await.expect_err("not hers");
        assert_eq!((error.status().as_u16(), error.code()), (404, "auth:session_not_found"));
        assert_eq!(app.ids("ann").await.len(), 2, "nothing ended");
    }
    app.service.revoke_all_except("ann", &own).await.expect("hers");
    assert_eq!(app.ids("ann").await, [own]);
    assert!(app.ledger.session(&cookie.token).is_none());
    app.service.revoke_all("ann").await.expect("ended");
    app.me(&pair.access_token).await.is(401, "auth:session_not_found");
    app.me(&bob.access_token).await.is(200, "-");
}

#[tokio::test]
async fn the_session_of_the_request_is_kept_when_the_others_are_logged_out() {
    let app = App::new();
    let (first, second) = (app.login("ann").await, app.login("ann").await);
    let request = super::app::bearer("DELETE", "/others", &second.access_token);
    app.send(request).await.is(204, "-");
    app.me(&first.access_token).await.is(401, "auth:session_not_found");
    app.me(&second.access_token).await.is(200, "-");
}
