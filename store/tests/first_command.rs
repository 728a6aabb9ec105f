//! The first command of a process, in front of which goes the event that it opened the ledger.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use passbook::{Clock, Ledger, SessionStore};

/// A clock that has moved on each time it is looked at.
#[derive(Debug, Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

#[test]
fn a_clock_that_ticks_during_the_first_command_does_not_refuse_it() {
    let clock = Arc::new(Ticking::default());
    let builder = Ledger::builder().clock(clock).sweep_interval(None);
    let store = SessionStore::from(builder.open_blocking().expect("memory opens"));
    store.try_create("ann".to_owned()).expect("the first command is taken");
}
