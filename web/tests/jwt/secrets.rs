//! After a run over everything, no raw token is in any file, log or error body.

use std::sync::Arc;

use passbook::{Ledger, SimClock};
use passbook_axum::jwt::{JwtSessionsConfig, TokenPair};

use super::{
    app::App,
    keys::{NOW, SECRET},
    traces::Log,
};

#[tokio::test]
async fn no_token_is_in_a_file_a_log_or_an_error() {
    let (log, _guard) = Log::begin();
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(SimClock::at_ms(NOW * 1_000));
    let ledger = Ledger::builder().path(&folder).clock(clock.clone()).open().await;
    let app = App::on(ledger.expect("a new one"), clock, JwtSessionsConfig::new(SECRET));

    let mut answers = Vec::new();
    let first = app.login("ann").await;
    answers.push(app.me(&first.access_token).await.body);
    let second = app.service.rotate(&first.refresh_token).await.expect("its first time");
    answers.push(app.me(&first.access_token).await.body);
    let refused = app.service.rotate(&first.refresh_token).await.expect_err("spent");
    answers.push(format!("{refused:?} {refused}").into_bytes());
    let third = app.service.reauthenticated(&second.refresh_token, &["pwd"]).await.expect("live");
    answers.push(format!("{third:?}").into_bytes());
    app.service.logout(&third.access_token).await.expect("ends");
    app.ledger.close().expect("clean");
    let meta = passbook_axum::SessionMeta::from_headers("", "", "", "");
    let refused = app.service.authenticate("ann", &meta).await.expect_err("closed");
    answers.push(format!("{refused:?}").into_bytes());

    let jti = |pair: &TokenPair| {
        let claims = app.service.decoder().decode(&pair.access_token).expect("ours");
        claims.jti.expect("it has one")
    };
    let tokens = [&first, &second, &third].map(jti);
    for pair in [&first, &second, &third] {
        for token in [&pair.access_token, &pair.refresh_token] {
            let shows =
                |answer: &Vec<u8>| answer.windows(token.len()).any(|part| part == token.as_bytes());
            assert!(!log.has(token) && !answers.iter().any(shows));
        }
    }
    log.check(&tokens, folder.path(), answers);
}
