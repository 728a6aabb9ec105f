//! Databases that the real crates wrote: pylon-auth 0.3.23, modo-rs 0.11.0, tower-sessions-core 0.14.0
//! with tower-sessions-sqlx-store 0.15.0. `tests/witnesses` makes them, and beside each a list of the
//! tokens that it handed out.

use std::{path::Path, sync::Arc};

use passbook::{Ledger, Session, SessionStore, SimClock, Token};
use serde_json::json;
use tempfile::TempDir;

use super::support::run;

/// Some hours after they were made, and before anything in them expires.
const NOW: &str = "2026-11-22T00:00:00Z";
const NOW_MS: u64 = 1_795_305_600_000;

fn opened(ledger: &Ledger, token: &str) -> Option<Session> {
    ledger.session(&Token::parse_any(token).expect("it can be a token"))
}

/// What came of a witness: the ledger in its folder, and the tokens that are live.
struct Moved {
    ledger: Ledger,
    tokens: Vec<String>,
    _folder: TempDir,
}

/// Imports the database, and shows every token.
#[track_caller]
fn check(name: &str, from: &str, more: &[&str], expired: u64) -> Moved {
    let witnesses = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/witnesses");
    let path = |ending: &str| witnesses.join(format!("{name}.{ending}")).display().to_string();
    let tokens = std::fs::read_to_string(path("tokens")).expect("the witness wrote it");
    let told: Vec<_> = tokens.lines().filter_map(|line| line.split_once('\t')).collect();
    let live: Vec<_> = told.iter().filter(|(_, user)| *user != "-").copied().collect();
    assert!(live.len() >= 2 && live.len() < told.len(), "it has both kinds: {tokens}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = folder.path().to_str().expect("a plain name");
    let source = path("db");
    let import = ["import", "--from", from, &source, "--json", "--store", store, "--now", NOW];
    let imported = run(&[&import[..], more].concat());
    let answer = imported.json();
    assert_eq!(imported.code, 0, "{answer}");
    assert_eq!(answer["imported"], json!(live.len()), "{answer}");
    assert_eq!(answer["expired"], json!(expired), "{answer}");
    let clock = Arc::new(SimClock::at_ms(NOW_MS));
    let builder = Ledger::builder().path(folder.path()).clock(clock).sweep_interval(None);
    let ledger = builder.open_blocking().expect("it opens");
    for (token, user) in told {
        let opened = opened(&ledger, token).map(|session| session.user_id.to_string());
        assert_eq!(opened.as_deref(), (user != "-").then_some(user));
    }
    let tokens = live.into_iter().map(|(token, _)| token.to_owned()).collect();
    Moved { ledger, tokens, _folder: folder }
}

#[test]
fn every_token_that_pylon_handed_out_opens_its_session() {
    let moved = check("pylon", "pylon-sqlite", &[], 0);
    let store = SessionStore::from(moved.ledger.clone());
    let sessions: Vec<_> = moved.tokens.iter().filter_map(|token| store.get(token)).collect();
    let mira = sessions.iter().find(|session| &*session.user_id == "mira").expect("live");
    assert_eq!(mira.device.as_deref(), Some("Firefox on Linux"));
    assert_eq!(mira.tenant_id.as_deref(), Some("acme"));
    assert_eq!(sessions.iter().filter(|session| session.is_guest).count(), 1);
    let dagny = sessions.iter().find(|session| &*session.user_id == "dagny").expect("live");
    assert_eq!(dagny.expires_at(), None);
}

#[test]
fn every_token_that_modo_handed_out_opens_its_session() {
    let moved = check("modo", "modo-sqlite", &[], 0);
    let mira = opened(&moved.ledger, &moved.tokens[0]).expect("live");
    assert_eq!((&*mira.user_id, mira.ip), ("mira", "192.0.2.7".parse().ok()));
    assert!(mira.user_agent.is_some_and(|agent| agent.contains("Firefox/140.0")));
    assert_eq!(mira.expires_at_ms - mira.last_active_at_ms, 30 * 86_400_000);
}

#[test]
fn every_id_that_tower_sessions_handed_out_opens_its_session() {
    let key = ["--user-key", "user_id"];
    let moved = check("tower_sessions", "tower-sessions-sqlite", &key, 1);
    let (store, tokens) = (SessionStore::from(moved.ledger.clone()), &moved.tokens);
    assert_eq!(&*store.get(&tokens[1]).expect("live").user_id, "42");
    assert!(store.refresh(&tokens[0]).is_some(), "it is changed for a token of ours");
    assert!(store.get(&tokens[0]).is_none());
}
