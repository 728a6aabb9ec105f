//! A process to be killed: it works on the ledger in the folder it is given, from several threads,
//! and prints a line for each effect once it is acknowledged.

use std::io::Write as _;

use passbook::SessionStore;

const THREADS: usize = 4;

fn main() {
    let folder = std::env::args_os().nth(1).expect("a folder");
    let store = SessionStore::open(folder).expect("the ledger opens");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || work(store, thread));
        }
    });
}

/// Logs in, refreshes, and logs every third out again, for ever.
fn work(store: &SessionStore, thread: usize) {
    for number in 0_u64.. {
        let login = store.create(format!("user{thread}"));
        say("created", &login.id.to_string());
        let login = store.refresh(&login.token.expose()).expect("live");
        if number.is_multiple_of(3) {
            // Said before and after: in between it may or may not have happened.
            say("revoking", &login.id.to_string());
            assert!(store.revoke(&login.token.expose()));
            say("revoked", &login.id.to_string());
        }
    }
}

/// One line in one write: lines of several threads do not mix.
fn say(what: &str, id: &str) {
    let line = format!("{what} {id}\n");
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).expect("somebody listens");
}
