//! Following the ledger: in order, each once, first the past and then live.

use passbook::{Ledger, SessionStore};

#[tokio::test]
async fn a_subscriber_gets_the_past_and_then_what_comes() {
    let ledger = Ledger::memory().expect("memory opens");
    for user in ["ann", "bob"] {
        ledger.create(user).await.expect("durable");
    }
    for from in [0, 1, 2, 3, 4] {
        let mut events = ledger.subscribe(from);
        let first = from.max(1);
        for expected in first..=ledger.sequence() {
            let recorded = events.next().await.expect("there").expect("readable");
            assert_eq!(recorded.sequence, expected, "from {from}");
        }
        assert!(events.try_next().is_none(), "no more for now");
        let (next, login) = tokio::join!(events.next(), ledger.create("cid"));
        login.expect("durable");
        assert_eq!(next.expect("live").expect("readable").sequence, ledger.sequence());
    }
}

#[test]
fn a_subscriber_beside_writers_gets_every_event_once_and_in_order() {
    const WRITERS: u64 = 4;
    const LOGINS: u64 = 250;
    let store = SessionStore::new();
    let mut events = store.ledger().subscribe(0);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || (0..LOGINS).for_each(|_| drop(store.create(format!("u{writer}")))));
        }
        for expected in 1..=WRITERS * LOGINS + 1 {
            let recorded = events.next_blocking().expect("more").expect("readable");
            assert_eq!(recorded.sequence, expected);
        }
    });
    assert!(events.try_next().is_none());
    store.ledger().close().expect("closed");
    assert!(events.next_blocking().is_none(), "nothing can come any more");
}

#[test]
fn a_subscriber_that_waits_hears_that_the_ledger_was_closed() {
    let ledger = Ledger::memory().expect("memory opens");
    let mut events = ledger.subscribe(0);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || events.next_blocking().is_none());
        ledger.close().expect("closed");
        assert!(waiting.join().expect("no panic"));
    });
}
