//! What the process does that is to be killed: several threads work on the ledger and say a line for
//! each effect once it is acknowledged, while another one takes snapshots and compacts.

use std::{io::Write as _, panic, path::Path, process};

use passbook::{Builder, Ledger, SessionStore, journal::Options};

/// Threads, each with a user of its own.
pub(super) const THREADS: usize = 4;

/// So short that segments change all the time.
const SEGMENT_BYTES: u64 = 128 << 10;

/// Of so many logins one is followed by the end of all that the user has.
const ALL_STRIDE: u64 = 16;

/// How the ledger is opened, here and by who looks at what is left.
pub(super) fn builder(folder: &Path) -> Builder {
    let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::default() };
    Ledger::builder().path(folder).journal_options(options).sweep_interval(None).compaction(None)
}

/// The user of a thread.
pub(super) fn user(thread: usize) -> String {
    format!("user{thread}")
}

/// Works for ever. A panic of any thread is the end of the process, which is noticed: it was not
/// killed.
pub fn work(folder: &Path) {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        tell(panic);
        process::abort();
    }));
    say(&["opening"]);
    let store = SessionStore::from(builder(folder).open_blocking().expect("the ledger opens"));
    if store.ledger().sequence() == 0 {
        // Of nothing there is no snapshot.
        drop(log_in(&store, &user(0)));
    }
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || log_in_and_out(store, &user(thread)));
        }
        scope.spawn(|| keep(store.ledger()));
    });
}

/// Logs in, refreshes, and logs every third out again; and now and then all.
fn log_in_and_out(store: &SessionStore, user: &str) {
    for number in 1_u64.. {
        let (id, token) = log_in(store, user);
        say(&["refreshing", user, &id, &token]);
        let renewed = store.refresh(&token).expect("live").token.expose().to_string();
        say(&["refreshed", user, &id, &renewed]);
        if number.is_multiple_of(ALL_STRIDE) {
            let sessions = store.list_for_user(user);
            let ids: Vec<_> = sessions.iter().map(|session| session.id.to_string()).collect();
            for id in &ids {
                say(&["ending", user, id, "-"]);
            }
            assert_eq!(store.revoke_all_for_user(user), ids.len());
            for id in &ids {
                say(&["ended", user, id, "-"]);
            }
        } else if number.is_multiple_of(3) {
            say(&["ending", user, &id, &renewed]);
            assert!(store.revoke(&renewed));
            say(&["ended", user, &id, &renewed]);
        }
    }
}

/// The id and the token of a new session.
fn log_in(store: &SessionStore, user: &str) -> (String, String) {
    let login = store.create(user.to_owned());
    let (id, token) = (login.id.to_string(), login.token.expose().to_string());
    say(&["created", user, &id, &token]);
    (id, token)
}

fn keep(ledger: &Ledger) {
    loop {
        drop(ledger.snapshot().expect("the disk is fine"));
        drop(ledger.compact().expect("the disk is fine"));
    }
}

/// One line in one write: lines of several threads do not mix.
fn say(words: &[&str]) {
    let line = format!("{}\n", words.join(" "));
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).expect("somebody listens");
}
