//! Reads: by token alone and beside a writer, by user, and the end of all of a user's sessions.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
};

use criterion::Criterion;
use passbook::{Ledger, Login, SessionStore, Token};

use crate::report::Report;

const SESSIONS_PER_USER: u64 = 5;
/// Logins that wait to become durable, while a ledger is filled.
const WINDOW: usize = 2_048;

pub(crate) fn bench(criterion: &mut Criterion, report: &Report) {
    for sessions in [100_000, 1_000_000] {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = Ledger::builder().path(folder.path()).open_blocking().expect("a ledger");
        let store = SessionStore::from(ledger);
        let tokens = fill(&store, sessions);
        bench_get(criterion, report, &store, &tokens);
        bench_list(criterion, report, &store, sessions);
        bench_revoke_all(criterion, report, &store, sessions);
    }
}

/// Durable logins of `sessions / 5` users, each on five devices; their tokens in an order of their
/// own.
pub(crate) fn fill(store: &SessionStore, sessions: u64) -> Vec<String> {
    let mut tokens = Vec::new();
    let users = sessions / SESSIONS_PER_USER;
    std::thread::scope(|scope| {
        let fillers: Vec<_> = (0..2)
            .map(|half| {
                scope.spawn(move || {
                    let mut pending = std::collections::VecDeque::new();
                    let mut tokens = Vec::new();
                    for number in (half..sessions).step_by(2) {
                        let login = Login::new(format!("u_{}", number % users))
                            .device(format!("Firefox {} on Linux", number % 20));
                        pending.push_back(store.ledger().start_login(login).expect("room"));
                        if pending.len() > WINDOW {
                            let login = pending.pop_front().expect("some").wait();
                            tokens.push(login.expect("durable").token.expose().to_string());
                        }
                    }
                    for login in pending {
                        tokens.push(login.wait().expect("durable").token.expose().to_string());
                    }
                    tokens
                })
            })
            .collect();
        for filler in fillers {
            tokens.extend(filler.join().expect("no panic"));
        }
    });
    // By token is by nothing that the tables know: every look is at a random place.
    tokens.sort_unstable();
    tokens
}

fn bench_get(criterion: &mut Criterion, report: &Report, store: &SessionStore, tokens: &[String]) {
    let total = tokens.len();
    // One behind the other, as a request that was just read is in a cache and not anywhere in memory.
    let packed = tokens.concat();
    let length = packed.len() / total;
    let mut at = 0;
    let mut next = || {
        let token = packed.get(at..at + length).expect("tokens are ASCII");
        at = (at + length) % packed.len();
        token
    };
    let mut get = |criterion: &mut Criterion, name: &str| {
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|iters| {
                report.time(name, iters, || {
                    for _ in 0..iters {
                        black_box(store.get(next())).expect("live");
                    }
                })
            });
        });
    };
    get(criterion, &format!("get, {total} live"));
    criterion.bench_function(&format!("token and digest, {total}"), |bencher| {
        let mut next = tokens.iter().cycle();
        bencher.iter(|| {
            let token = Token::parse(next.next().expect("it goes round")).expect("a token");
            black_box(token.digest())
        });
    });
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| write_until(store, &stop));
        get(criterion, &format!("get, {total} live, beside a writer"));
        stop.store(true, Ordering::Relaxed);
    });
}

/// Logins and logouts of somebody else, as fast as one thread can pipeline them.
fn write_until(store: &SessionStore, stop: &AtomicBool) {
    let mut pending = std::collections::VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        let login = Login::new("writer").sessions_per_user_max(50);
        pending.push_back(store.ledger().start_login(login).expect("room"));
        if pending.len() > 64 {
            pending.pop_front().expect("some").wait().expect("durable");
        }
    }
    for login in pending {
        login.wait().expect("durable");
    }
    store.revoke_all_for_user("writer");
}

fn bench_list(criterion: &mut Criterion, report: &Report, store: &SessionStore, sessions: u64) {
    let name = format!("list_for_user, 5 of {sessions}");
    let users: Vec<_> = (0..1_000).map(|number| format!("u_{number}")).collect();
    let mut next = users.iter().cycle();
    criterion.bench_function(&name, |bencher| {
        bencher.iter_custom(|iters| {
            report.time(&name, iters, || {
                for _ in 0..iters {
                    let user = next.next().expect("it goes round");
                    assert_eq!(black_box(store.list_for_user(user)).len(), 5);
                }
            })
        });
    });
}

fn bench_revoke_all(
    criterion: &mut Criterion,
    report: &Report,
    store: &SessionStore,
    sessions: u64,
) {
    let name = format!("revoke_all_for_user, 5 of {sessions}, durable");
    let mut next = 0;
    let users = sessions / SESSIONS_PER_USER;
    criterion.bench_function(&name, |bencher| {
        bencher.iter_custom(|iters| {
            report.time(&name, iters, || {
                for _ in 0..iters {
                    store.revoke_all_for_user(&format!("u_{}", next % users));
                    next += 1;
                }
            })
        });
    });
}
