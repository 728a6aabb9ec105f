//! No secret reaches disk, log or `Debug` (invariant I8).

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use passbook::{
    FailureReason, HistoryQuery, Ledger, Policy, SessionStore, SimClock, Token, journal::Options,
};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The forms in which a token could leak: raw, and in hexadecimal of either case.
fn forms(token: &Token) -> Vec<Vec<u8>> {
    let wire = token.expose();
    let hex = wire.trim_start_matches("pb_");
    vec![token.expose_bytes().to_vec(), hex.as_bytes().to_vec(), hex.to_uppercase().into_bytes()]
}

fn contains(text: &[u8], form: &[u8]) -> bool {
    text.windows(form.len()).any(|window| window == form)
}

#[track_caller]
fn check_none_in(what: &str, text: &[u8], tokens: &[Token]) {
    for token in tokens {
        for form in forms(token) {
            assert!(!contains(text, &form), "a token is in {what}");
        }
    }
}

/// Everything that a ledger can do with tokens; gives all that there were.
fn use_all(store: &SessionStore, clock: &SimClock) -> Vec<Token> {
    let first = store.create("ann".to_owned());
    let second = store.refresh(&first.token.expose()).expect("live");
    let replayed = store.refresh(&first.token.expose()).expect("replayed");
    let guest = store.create_guest();
    let upgraded = store.upgrade_and_rotate(&guest.token.expose(), "bob".to_owned()).expect("live");
    store.set_device(&second.token.expose(), "Firefox".to_owned());
    clock.advance_ms(3_600_000);
    assert!(store.refresh(&first.token.expose()).is_none(), "reuse");
    store.revoke(&upgraded.token.expose());
    [first, second, replayed, guest, upgraded].into_iter().map(|issued| issued.token).collect()
}

#[test]
fn a_token_is_in_no_file_and_in_no_debug() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(SimClock::at_ms(1_795_132_800_000));
    let ledger = Ledger::builder()
        .path(folder.path())
        .journal_options(Options { segment_bytes: 1 << 20, ..Options::default() })
        .clock(Arc::<SimClock>::clone(&clock))
        .policy(Policy { replay_window_ms: 60_000, ..Policy::default() })
        .open_blocking()
        .expect("a ledger");
    let store = SessionStore::from(ledger);
    let tokens = use_all(&store, &clock);
    let mut shown = format!("{store:?} {tokens:?} {:?}", store.ledger().health());
    for recorded in store.ledger().events(0).expect("readable") {
        write!(shown, "{recorded:?}").expect("a string takes it");
    }
    let (history, all) =
        (store.ledger().history("ann", &HistoryQuery::default()), store.list_all_unfiltered());
    write!(shown, "{history:?} {all:?}").expect("a string takes it");
    let issued = store.create("cid".to_owned());
    write!(shown, "{issued:?}").expect("a string takes it");
    check_none_in("what Debug shows", shown.as_bytes(), &tokens);
    check_none_in("what Debug shows", shown.as_bytes(), std::slice::from_ref(&issued.token));
    store.ledger().close().expect("closed");
    let mut seen = 0;
    for path in files(folder.path()) {
        let bytes = fs::read(&path).expect("readable");
        check_none_in(&path.display().to_string(), &bytes, &tokens);
        seen += usize::from(contains(&bytes, tokens[4].digest().as_bytes()));
    }
    assert!(seen > 0, "the search finds what is there: the digests");
}

#[test]
fn an_error_about_a_token_shows_nothing_of_it() {
    let store = SessionStore::new();
    let login = store.create("ann".to_owned());
    let wire = login.token.expose().to_string();
    let with_typo = format!("{}g", wire.get(..66).expect("67 characters"));
    let error = Token::parse(&with_typo).expect_err("a typo");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(wire.get(3..20).expect("67 characters")), "{shown}");
    let error =
        store.ledger().submit(&passbook::core::Command::new(passbook::core::Act::RecordFailure {
            user: None,
            reason: FailureReason::Other,
            count: 1,
        }));
    check_none_in("a pending answer", format!("{error:?}").as_bytes(), &[login.token]);
}
