//! After a run over everything, no raw token is in any file, log or error body.

use std::sync::Arc;

use passbook::{Ledger, SimClock};

use crate::{
    browser::{App, START_MS},
    traces::Log,
};

#[tokio::test]
async fn no_token_is_in_a_file_a_log_or_an_error() {
    let (log, _guard) = Log::begin();
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(SimClock::at_ms(START_MS));
    let builder = Ledger::builder().path(&folder).clock(clock.clone());
    let ledger = builder.open().await.expect("a new one");
    let app = App::on(ledger, clock, |_config| ());

    let mut tokens = Vec::new();
    let mut bodies = Vec::new();
    let mut browser = app.browser();
    let paths = [
        "/login/ann",
        "/set/theme/dark",
        "/rotate",
        "/step-up/pwd",
        "/get-number/theme",
        "/login/bo",
        "/revoke/x",
        "/logout-other",
        "/login/ann",
        "/logout",
    ];
    for path in paths {
        let answer = if path.starts_with("/get") {
            browser.get(path).await
        } else {
            browser.post(path).await
        };
        bodies.push(answer.body);
        if let Some(cookie) = &browser.cookie {
            let value = cookie.split_once('=').expect("a pair").1;
            tokens.push(value.split_once('.').expect("signed").0.to_owned());
        }
    }
    app.ledger.close().expect("clean");
    browser.post("/login/ann").await.is_problem(503, "ledger:unavailable");
    tokens.sort_unstable();
    tokens.dedup();
    assert!(tokens.len() >= 5, "{}", tokens.len());

    assert!(log.has("ledger:unavailable"), "the log is looked at");
    log.check(&tokens, folder.path(), bodies);
}
