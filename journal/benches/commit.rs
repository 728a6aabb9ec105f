//! Durable commits beside what the device itself can do, in one run; the table of ratios is printed
//! last. What a store on top costs is left to the store's own bench.
//!
//! `cargo bench -p passbook-journal --bench commit -- [FILTER]`. Files go to the folder that `TMPDIR`
//! names: it should be on the disk that matters.

#![expect(clippy::disallowed_methods, reason = "a bench measures time and opens a file itself")]
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "commit/callers.rs"]
mod callers;
#[path = "../../store/benches/ledger/report.rs"]
mod report;

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use callers::Callers;
use criterion::Criterion;
use passbook_journal::{FileJournal, Journal as _, Options, RecordRef};
use report::Report;

const DEVICE_FILE_BYTES: u64 = 64 << 20;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let (criterion, report) = (&mut criterion, Report::default());
    let folder = tempfile::tempdir().expect("a folder for the bench");
    for threads in [1, 2, 3] {
        bench_device(criterion, &report, folder.path(), threads);
    }
    // Right behind the device: what the device does changes by the minute.
    let default = Options::default().sync_depth;
    for depth in [default].into_iter().chain((1..=3).filter(|depth| *depth != default)) {
        let callers: &[usize] = if depth == default { &[1, 8, 64, 256] } else { &[64, 256] };
        for callers in callers {
            bench_commits(criterion, &report, depth, *callers, Kind::Threads);
            bench_commits(criterion, &report, depth, *callers, Kind::Tasks);
        }
    }
    criterion.final_summary();
    report.print();
}

/// 4 KiB aligned writes and syncs, each thread on its own descriptor.
fn bench_device(criterion: &mut Criterion, report: &Report, folder: &Path, threads: usize) {
    let path = folder.join("device");
    std::fs::write(&path, vec![0; 64 << 20]).expect("space");
    std::fs::File::open(&path).and_then(|file| file.sync_all()).expect("a disk that syncs");
    let name = format!("device, {}", counted(threads, "thread"));
    let next_block = AtomicU64::new(0);
    let write = |left: &AtomicU64| {
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("it is there");
        while take_one(left) {
            let offset = next_block.fetch_add(1, Ordering::Relaxed) * 4_096 % DEVICE_FILE_BYTES;
            file.write_all_at(&[7; 4_096], offset).expect("written");
            file.sync_data().expect("synced");
        }
    };
    criterion.bench_function(&name, |bencher| {
        bencher
            .iter_custom(|iters| report.time(&name, iters, || on_threads(threads, iters, write)));
    });
}

/// What the callers are.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Each blocked until its own commit is durable.
    Threads,
    /// Two threads submit for whoever is ready, as a runtime would.
    Tasks,
}

fn bench_commits(
    criterion: &mut Criterion,
    report: &Report,
    depth: usize,
    callers: usize,
    kind: Kind,
) {
    let folder = tempfile::tempdir().expect("a folder for the bench");
    let options = Options { sync_depth: depth, ..Options::default() };
    let opened = FileJournal::open(folder.path(), options, &mut |_: RecordRef<'_>| Ok(()));
    let journal = opened.expect("a journal").0;
    let (name, lists) = match kind {
        Kind::Threads => (format!("{}, depth {depth}", counted(callers, "thread")), callers),
        Kind::Tasks => (format!("{}, depth {depth}", counted(callers, "task")), callers.min(2)),
    };
    let shared = Callers::new(&journal, lists);
    criterion.bench_function(&name, |bencher| {
        bencher.iter_custom(|iters| {
            report.time(&name, iters, || match kind {
                Kind::Threads => {
                    let next = AtomicU64::new(0);
                    on_threads(callers, iters, |left| {
                        let caller = next.fetch_add(1, Ordering::Relaxed);
                        shared.commit(&journal, usize::try_from(caller).expect("few"), left);
                    });
                }
                Kind::Tasks => {
                    let next = AtomicU64::new(0);
                    on_threads(lists, iters, |left| {
                        let list = next.fetch_add(1, Ordering::Relaxed);
                        let own = (usize::try_from(list).expect("few")..callers).step_by(lists);
                        shared.drive(&journal, own, left);
                    });
                }
            })
        });
    });
    let health = journal.health();
    if let Some(each) = health.records.checked_div(health.commits) {
        report.fact(format!("{name}: {each} records a commit"));
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Runs `work` on so many threads until `count` turns are taken.
fn on_threads(threads: usize, count: u64, work: impl Fn(&AtomicU64) + Sync) {
    let left = AtomicU64::new(count);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&left));
        }
    });
}

/// Takes a turn, if one is left.
fn take_one(left: &AtomicU64) -> bool {
    let taken = |turns: u64| turns.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
}
