//! Durable logins: so many tasks, each waiting for its own before the next.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use criterion::Criterion;
use passbook::{Ledger, Login, SessionStore, journal::Options};
use tokio::runtime::Runtime;

use crate::report::Report;

pub(crate) fn bench(criterion: &mut Criterion, report: &Report) {
    bench_thread(criterion, report);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
    for (tasks, sync_depth) in [(1, 0), (8, 0), (64, 0), (256, 0), (64, 1), (256, 1)] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = Options::default();
        let mut name = format!("create, {tasks} task{}", if tasks == 1 { "" } else { "s" });
        if sync_depth > 0 {
            options.sync_depth = sync_depth;
            name = format!("{name}, sync depth {sync_depth}");
        }
        let builder = Ledger::builder().path(folder.path()).journal_options(options);
        let ledger = builder.open_blocking().expect("a ledger");
        criterion.bench_function(&name, |bencher| {
            bencher.iter_custom(|iters| {
                report.time(&name, iters, || create(&runtime, &ledger, tasks, iters))
            });
        });
        let journal = ledger.health().journal;
        let commits = journal.commits.max(1);
        report.fact(format!("{name}: {} events a commit", journal.records / commits));
    }
}

/// One thread that waits for each login before the next.
fn bench_thread(criterion: &mut Criterion, report: &Report) {
    let name = "create, 1 thread";
    let folder = tempfile::tempdir().expect("a folder");
    let store = SessionStore::open(folder.path()).expect("a store");
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|iters| {
            report.time(name, iters, || {
                for number in 0..iters {
                    let login =
                        Login::new(format!("u_{}", number % 10_000)).device("Firefox on Linux");
                    store.try_create(login).expect("a durable login");
                }
            })
        });
    });
}

/// `count` logins of 10,000 users by `tasks` tasks.
pub(crate) fn create(runtime: &Runtime, ledger: &Ledger, tasks: u64, count: u64) {
    let next = Arc::new(AtomicU64::new(0));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let (ledger, next) = (ledger.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    while let number = next.fetch_add(1, Ordering::Relaxed)
                        && number < count
                    {
                        let login =
                            Login::new(format!("u_{}", number % 10_000)).device("Firefox on Linux");
                        ledger.create(login).await.expect("a durable login");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}
