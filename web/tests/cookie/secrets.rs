//! After a run over everything, no raw token is in any file, log or error body.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
};

use passbook::{Ledger, SimClock};

use crate::browser::{App, START_MS};

/// All that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn files(folder: &Path, found: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(fs::read(&path).expect("readable"));
        }
    }
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn raw(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect()
}

#[tokio::test]
async fn no_token_is_in_a_file_a_log_or_an_error() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
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

    let log = log.0.lock().expect("whole").clone();
    assert!(holds(&log, b"ledger:unavailable"), "the log is looked at");
    let mut places = vec![log];
    places.append(&mut bodies);
    files(folder.path(), &mut places);
    for token in &tokens {
        for place in &places {
            assert!(!holds(place, token.as_bytes()) && !holds(place, &raw(token)));
        }
    }
}
