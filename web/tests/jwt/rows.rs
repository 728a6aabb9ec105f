//! Every row of the contract as a client sees it: status, code, headers.

use axum::body::Body;
use http::{Request, StatusCode, header};
use passbook_axum::jwt::{Audience, Claims, JwtSessionsConfig, TokenSourceConfig};
use serde_json::{Value, json};

use super::{
    app::{App, bearer, with_body},
    keys::{NOW, SECRET, ed_dsa, encoded, hs256, with_keys},
};

fn source(kind: &str, name: &str) -> TokenSourceConfig {
    let config = match kind {
        "body" => json!({ "kind": "body", "field": name }),
        "bearer" => json!({ "kind": "bearer" }),
        kind => json!({ "kind": kind, "name": name }),
    };
    serde_json::from_value(config).expect("a source")
}

/// A token that the service's key signed, and whose claims are none that it would make.
pub(crate) fn forged(app: &App, change: impl FnOnce(&mut Claims)) -> String {
    let mut claims = Claims {
        sub: Some("ann".to_owned()),
        aud: Some(Audience::from("access")),
        jti: Some("0a".repeat(32)),
        iat: Some(NOW),
        ..Claims::until(NOW + 900)
    };
    change(&mut claims);
    app.service.encoder().encode(&claims).expect("it signs")
}

fn jti_of(app: &App, token: &str) -> String {
    app.service.decoder().decode(token).expect("valid").jti.expect("it has one")
}

#[tokio::test]
async fn a_login_gives_a_pair_of_one_session() {
    let app = App::new();
    let request = Request::post("/login").body(Body::from("ann")).expect("ok");
    let answer = app.send(request).await;
    answer.is(200, "-");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let pair = answer.json();
    let names = pair.as_object().expect("an object").keys().collect::<Vec<_>>();
    let expected =
        ["access_expires_at", "access_token", "refresh_expires_at", "refresh_token", "token_type"];
    assert_eq!(names, expected);
    assert_eq!(pair["token_type"], "Bearer");
    assert_eq!(pair["access_expires_at"], NOW + 900);
    assert_eq!(pair["refresh_expires_at"], NOW + 2_592_000);
    let claims = |name: &str| {
        app.service.decoder().decode(pair[name].as_str().expect("a token")).expect("valid")
    };
    let (access, refresh) = (claims("access_token"), claims("refresh_token"));
    assert_eq!(access.jti, refresh.jti, "both carry the session's token");
    assert_eq!(access.jti.map(|jti| jti.len()), Some(64));
    assert_eq!((access.aud, refresh.aud), (Some("access".into()), Some("refresh".into())));
    assert_eq!((access.exp, refresh.exp), (NOW + 900, NOW + 2_592_000));
    assert_eq!((access.sub.as_deref(), access.iat, access.iss), (Some("ann"), Some(NOW), None));
    let listed = &app.service.list("ann").await.expect("a list")[0];
    assert_eq!(listed.device.as_deref(), Some("curl on Unknown"));
    assert_eq!(listed.ip, Some("198.51.100.7".parse().expect("an address")));
    let request = Request::post("/login").body(Body::empty()).expect("ok");
    app.send(request).await.is(400, "auth:limit");
}

#[tokio::test]
async fn the_layer_lets_a_live_access_token_pass_and_nothing_else() {
    let app = App::new();
    let pair = app.login("ann").await;
    let answer = app.me(&pair.access_token).await;
    answer.is(200, "-");
    let seen = answer.json();
    assert_eq!(seen["sub"], "ann");
    assert_eq!(seen["session"]["id"], app.ids("ann").await[0].as_str());
    assert_eq!(seen["session"]["is_current"], true);
    for (token, code) in [
        ("x", "jwt:malformed_token"),
        ("x.y.z", "jwt:invalid_header"),
        (&pair.refresh_token, "auth:aud_mismatch"),
        (
            &encoded(&JwtSessionsConfig::new("x".repeat(32)), &Claims::until(NOW)),
            "jwt:invalid_signature",
        ),
        (&forged(&app, |claims| claims.exp = NOW - 1), "jwt:expired"),
        (&forged(&app, |claims| claims.nbf = Some(NOW + 1)), "jwt:not_yet_valid"),
        (&forged(&app, |claims| claims.aud = None), "auth:aud_mismatch"),
        (&forged(&app, |claims| claims.aud = Some("Access".into())), "auth:aud_mismatch"),
        (
            &forged(&app, |claims| {
                claims.aud = Some(Audience::Many(vec!["access".into(), "refresh".into()]));
            }),
            "auth:aud_mismatch",
        ),
        (&forged(&app, |_| ()), "auth:session_not_found"),
        (&forged(&app, |claims| claims.jti = None), "auth:session_not_found"),
        (&forged(&app, |claims| claims.jti = Some("0A".repeat(32))), "auth:session_not_found"),
    ] {
        let answer = app.me(token).await;
        answer.is(401, code);
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer error=\"invalid_token\"");
    }
}

#[tokio::test]
async fn a_handler_sees_its_session_and_which_of_the_list_it_is() {
    let app = App::new();
    let (_other, pair) = (app.login("ann").await, app.login("ann").await);
    let id = app.send(bearer("GET", "/id", &pair.access_token)).await;
    let list = app.send(bearer("GET", "/sessions", &pair.access_token)).await.json();
    let sessions = list.as_array().expect("a list");
    let current = sessions.iter().filter(|session| session["is_current"] == true);
    assert_eq!(sessions.len(), 2);
    assert_eq!(
        current.map(|session| &session["id"]).collect::<Vec<_>>(),
        [&json!(String::from_utf8(id.body).expect("text"))]
    );
    let jti = jti_of(&app, &pair.access_token);
    assert!(!list.to_string().contains(&jti), "a list shows no secret");
}

#[tokio::test]
async fn a_request_without_a_token_is_told_what_is_missing() {
    let app = App::new();
    for value in
        [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Basic YTpi"), Some("x.y.z")]
    {
        let mut request = Request::get("/me");
        if let Some(value) = value {
            request = request.header(header::AUTHORIZATION, value);
        }
        let answer = app.send(request.body(Body::empty()).expect("ok")).await;
        answer.is(401, "jwt:missing_token");
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
    }
    let pair = app.login("ann").await;
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let value = format!("{scheme} {}", pair.access_token);
        let request = Request::get("/me").header(header::AUTHORIZATION, value);
        app.send(request.body(Body::empty()).expect("ok")).await.is(200, "-");
    }
    let answer = app.send(Request::get("/bare").body(Body::empty()).expect("ok")).await;
    answer.is(500, "auth:middleware_missing");
}

#[tokio::test]
async fn the_user_in_a_token_must_be_the_sessions() {
    let app = App::new();
    let pair = app.login("ann").await;
    let jti = jti_of(&app, &pair.access_token);
    for other in [Some("bob".to_owned()), None] {
        let change = |aud: &str| {
            let (aud, other) = (Audience::from(aud), other.clone());
            forged(&app, |claims| {
                claims.jti = Some(jti.clone());
                claims.sub = other;
                claims.aud = Some(aud);
            })
        };
        app.me(&change("access")).await.is(401, "auth:session_not_found");
        app.refresh(&change("refresh")).await.is(401, "auth:session_not_found");
        app.logout(&change("access")).await.is(401, "auth:session_not_found");
    }
    app.me(&pair.access_token).await.is(200, "-");
    app.refresh(&pair.refresh_token).await.is(200, "-");
}

#[tokio::test]
async fn a_logout_ends_the_session_whatever_became_of_the_token() {
    let app = App::new();
    let (old, other) = (app.login("ann").await, app.login("ann").await);
    let new = app.service.rotate(&old.refresh_token).await.expect("the first");
    app.clock.advance_ms(901_000);
    app.me(&old.access_token).await.is(401, "jwt:expired");
    app.logout(&new.refresh_token).await.is(401, "auth:aud_mismatch");
    assert_eq!(app.ids("ann").await.len(), 2);
    // Rotated away, and expired.
    app.logout(&old.access_token).await.is(204, "-");
    app.refresh(&new.refresh_token).await.is(401, "auth:session_not_found");
    app.logout(&old.access_token).await.is(204, "-");
    assert_eq!(app.ids("ann").await.len(), 1);
    app.refresh(&other.refresh_token).await.is(200, "-");

    let none = Request::post("/logout").body(Body::empty()).expect("ok");
    app.send(none).await.is(401, "auth:access_missing");
    app.logout("x.y").await.is(401, "jwt:malformed_token");
    let by_other = encoded(&JwtSessionsConfig::new("x".repeat(32)), &Claims::until(NOW));
    app.logout(&by_other).await.is(401, "jwt:invalid_signature");
}

#[tokio::test]
async fn a_token_is_looked_for_where_the_configuration_says() {
    for (kind, name) in
        [("bearer", ""), ("cookie", "at"), ("header", "x-token"), ("query", "token")]
    {
        let mut config = JwtSessionsConfig::new(SECRET);
        config.access_source = source(kind, name);
        // Never the same place for both, but for the one that can't be told apart.
        config.refresh_source = source(kind, "rt");
        let app = App::with(config);
        let pair = app.login("ann").await;
        let request = |method: &str, path: &str, name: &str, token: Option<&str>| {
            let uri = match (kind, token) {
                ("query", Some(token)) => format!("{path}?a=b&{name}={token}&c"),
                _ => path.to_owned(),
            };
            let request = Request::builder().method(method).uri(uri);
            let request = match (kind, token) {
                ("bearer", Some(token)) => {
                    request.header("authorization", format!("Bearer {token}"))
                }
                ("cookie", Some(token)) => request
                    .header("cookie", "a=b")
                    .header("cookie", format!("x{name}=no; {name}={token}; c=d")),
                ("header", Some(token)) => request.header(name, token),
                _ => request,
            };
            request.body(Body::empty()).expect("ok")
        };
        let answer = app.send(request("GET", "/me", name, Some(&pair.access_token))).await;
        assert_eq!(answer.status, 200, "{kind}");
        app.send(request("GET", "/me", name, None)).await.is(401, "jwt:missing_token");
        if kind != "bearer" {
            app.me(&pair.access_token).await.is(401, "jwt:missing_token");
            assert!(!app.me("x").await.headers.contains_key("www-authenticate"), "{kind}");
        }
        // A token that is looked for elsewhere than in the body: 401, not 400.
        app.send(request("POST", "/refresh", "rt", None)).await.is(401, "auth:refresh_missing");
        app.refresh(&pair.refresh_token).await.is(401, "auth:refresh_missing");
        let answer = app.send(request("POST", "/refresh", "rt", Some(&pair.refresh_token))).await;
        answer.is(200, "-");
        let new = answer.json()["access_token"].as_str().expect("a token").to_owned();
        app.send(request("POST", "/logout", name, None)).await.is(401, "auth:access_missing");
        app.send(request("POST", "/logout", name, Some(&new))).await.is(204, "-");
        assert!(app.ids("ann").await.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn a_revoke_of_an_unknown_and_a_foreign_id_answers_the_same_bytes() {
    let app = App::new();
    let (ann, bob) = (app.login("ann").await, app.login("bob").await);
    let foreign = app.ids("bob").await.remove(0);
    let own = app.ids("ann").await.remove(0);
    let revoke = async |id: &str| {
        app.send(bearer("DELETE", &format!("/sessions/{id}"), &ann.access_token)).await
    };
    let unknown = revoke("01ARZ3NDEKTSV4RRFFQ69G5FAV").await;
    unknown.is(404, "auth:session_not_found");
    for id in [foreign.as_str(), "x", "01ARZ3NDEKTSV4RRFFQ69G5FA", "%00"] {
        assert_eq!(revoke(id).await, unknown, "{id}");
    }
    app.me(&bob.access_token).await.is(200, "-");
    revoke(&own).await.is(204, "-");
    app.me(&ann.access_token).await.is(401, "auth:session_not_found");
    let ended = app.service.revoke("ann", &own).await.expect_err("it has ended");
    assert_eq!((ended.status(), ended.code()), (StatusCode::NOT_FOUND, "auth:session_not_found"));
}

#[tokio::test]
async fn a_step_up_changes_the_pair_and_the_time_of_the_proof() {
    let app = App::new();
    let old = app.login("ann").await;
    app.clock.advance_ms(60_000);
    let mut request = with_body(&json!({ "refresh_token": old.refresh_token }).to_string());
    *request.uri_mut() = "/step-up".parse().expect("a path");
    let answer = app.send(request).await;
    answer.is(200, "-");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let seen = app.me(answer.json()["access_token"].as_str().expect("a token")).await.json();
    assert_eq!(seen["session"]["auth_time_ms"], (NOW + 60) * 1_000);
    assert_eq!(seen["session"]["amr"], json!(["pwd", "otp"]));
    assert_eq!(seen["session"]["created_at_ms"], NOW * 1_000);
    app.me(&old.access_token).await.is(401, "auth:session_not_found");
    let new = answer.json()["refresh_token"].as_str().expect("a token").to_owned();
    let error = app.service.reauthenticated(&new, &["a word"]).await.expect_err("no name");
    assert_eq!((error.status().as_u16(), error.code()), (500, "auth:amr"));
    app.refresh(&new).await.is(200, "-");
}

#[tokio::test]
async fn without_stateful_validation_the_claims_alone_are_looked_at() {
    let mut config = JwtSessionsConfig::new(SECRET);
    config.stateful_validation = false;
    let app = App::with(config);
    let pair = app.login("ann").await;
    app.service.revoke_all("ann").await.expect("ended");
    let answer = app.me(&pair.access_token).await;
    answer.is(200, "-");
    assert_eq!(answer.json(), json!({ "sub": "ann", "session": Value::Null }));
    app.me(&pair.refresh_token).await.is(401, "auth:aud_mismatch");
    app.clock.advance_ms(901_000);
    app.me(&pair.access_token).await.is(401, "jwt:expired");
    app.refresh(&pair.refresh_token).await.is(401, "auth:session_not_found");
}

#[tokio::test]
async fn an_issuer_is_put_in_and_asked_for() {
    let mut config = JwtSessionsConfig::new(SECRET);
    config.issuer = Some("https://passbook.example".to_owned());
    let app = App::with(config);
    let pair = app.login("ann").await;
    app.me(&pair.access_token).await.is(200, "-");
    let jti = jti_of(&app, &pair.access_token);
    let other = forged(&app, |claims| {
        claims.jti = Some(jti.clone());
        claims.iss = Some("https://passbook.example/".to_owned());
    });
    app.me(&other).await.is(401, "jwt:invalid_issuer");
    app.logout(&other).await.is(401, "jwt:invalid_issuer");
}

#[tokio::test]
async fn the_key_set_is_served_to_anybody() {
    let app = App::with(with_keys([ed_dsa("2026-11"), hs256("old", SECRET)]));
    let answer = app.send(Request::get("/jwks").body(Body::empty()).expect("ok")).await;
    answer.is(200, "-");
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/jwk-set+json");
    assert_eq!(answer.headers.get_all(header::CONTENT_TYPE).iter().count(), 1);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "public, max-age=300");
    let kids = answer.json()["keys"].as_array().expect("a set").len();
    assert_eq!((kids, &answer.json()["keys"][0]["kid"]), (1, &json!("2026-11")));
    let pair = app.login("ann").await;
    app.me(&pair.access_token).await.is(200, "-");
}

#[tokio::test]
async fn a_ledger_that_can_not_write_is_a_503() {
    let app = App::new();
    let pair = app.login("ann").await;
    app.ledger.close().expect("nothing was under way");
    app.me(&pair.access_token).await.is(200, "-");
    app.clock.advance_ms(300_000);
    app.me(&pair.access_token).await.is(503, "ledger:unavailable");
    app.refresh(&pair.refresh_token).await.is(503, "ledger:unavailable");
    app.logout(&pair.access_token).await.is(503, "ledger:unavailable");
    let login = Request::post("/login").body(Body::from("ann")).expect("ok");
    app.send(login).await.is(503, "ledger:unavailable");
}
