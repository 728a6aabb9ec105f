//! Every row of the contract on refreshes as a client sees it: status, code, headers.

use serde_json::json;

use super::{
    app::{App, with_body},
    keys::NOW,
    rows::forged,
};

#[tokio::test]
async fn a_refresh_gives_a_new_pair_and_both_old_tokens_are_dead() {
    let app = App::new();
    let old = app.login("ann").await;
    let before = app.service.list("ann").await.expect("a list");
    app.clock.advance_ms(60_000);
    let answer = app.refresh(&old.refresh_token).await;
    answer.is(200, "-");
    let new = answer.json();
    assert_eq!(new["access_expires_at"], NOW + 60 + 900);
    assert_eq!(new["refresh_expires_at"], NOW + 60 + 2_592_000);
    app.me(&old.access_token).await.is(401, "auth:session_not_found");
    app.me(new["access_token"].as_str().expect("a token")).await.is(200, "-");
    let after = app.service.list("ann").await.expect("a list");
    assert_eq!((after[0].id, after[0].created_at_ms), (before[0].id, before[0].created_at_ms));
    assert_eq!(after[0].expires_at_ms, Some((NOW + 60 + 2_592_000) * 1_000));
    app.refresh(&old.refresh_token).await.is(401, "auth:session_not_found");
    app.me(new["access_token"].as_str().expect("a token")).await.is(200, "-");
    // After the race window the old token means that it was stolen.
    app.clock.advance_ms(10_001);
    app.refresh(&old.refresh_token).await.is(401, "auth:session_not_found");
    app.me(new["access_token"].as_str().expect("a token")).await.is(401, "auth:session_not_found");
}

#[tokio::test]
async fn a_refresh_tells_what_is_wrong_with_its_body_or_token() {
    let app = App::new();
    let pair = app.login("ann").await;
    let body = |token: &str| json!({ "refresh_token": token }).to_string();
    let expired = forged(&app, |claims| claims.exp = NOW - 1);
    for (text, status, code) in [
        ("", 400, "auth:refresh_missing"),
        ("{}", 400, "auth:refresh_missing"),
        (r#"{"refresh_token":null}"#, 400, "auth:refresh_missing"),
        (r#"{"refresh_token":["x"]}"#, 400, "auth:refresh_missing"),
        (r#"{"token":"x"}"#, 400, "auth:refresh_missing"),
        ("x", 400, "auth:body_not_json"),
        ("[]", 400, "auth:body_not_json"),
        (r#"{"refresh_token":"x""#, 400, "auth:body_not_json"),
        (&body(""), 401, "jwt:malformed_token"),
        (&body("x.y.z"), 401, "jwt:invalid_header"),
        // What is wrong with the token is told before its purpose, and that before its session.
        (&body(&expired), 401, "jwt:expired"),
        (&body(&pair.access_token), 401, "auth:aud_mismatch"),
        (
            &body(&forged(&app, |claims| claims.aud = Some("refresh".into()))),
            401,
            "auth:session_not_found",
        ),
    ] {
        let answer = app.send(with_body(text)).await;
        assert_eq!(answer.told(), (status, code.to_owned()), "{text}");
    }
    app.refresh(&pair.refresh_token).await.is(200, "-");
}

#[tokio::test]
async fn a_body_has_at_most_one_mebibyte() {
    let app = App::new();
    let pair = app.login("ann").await;
    let text = json!({ "refresh_token": pair.refresh_token }).to_string();
    let padded = |len: usize| format!("{text}{}", " ".repeat(len - text.len()));
    app.send(with_body(&padded(1_048_577))).await.is(413, "auth:body_too_large");
    app.send(with_body(&padded(1_048_576))).await.is(200, "-");
}
