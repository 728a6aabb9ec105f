//! Durable commits a second, beside what the device itself can do, in one run.
//!
//! Plain and short on purpose: each row runs for a fixed time, and the ratios are what counts. What a store on top costs is left to
//! the store's own bench. The first argument names the folder, if the default isn't on the disk
//! that matters: `cargo bench -p passbook-journal --bench commit -- /var/tmp`.

#![expect(clippy::disallowed_methods, reason = "a bench measures time and opens a file itself")]
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::collections::VecDeque;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use passbook_journal::{
    FileJournal, Group, Journal, JournalError, Observer, Options, Payload, RecordRef,
};

const ROW_TIME: Duration = Duration::from_secs(2);
const TURN_TIME: Duration = Duration::from_millis(100);
const TURNS: u32 = 20;
const PAYLOAD_BYTES: usize = 150;
const DEVICE_FILE_BYTES: u64 = 64 << 20;

fn main() {
    let given = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let base = given.map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(base).expect("a folder for the bench");
    println!("{:<34}{:>12}{:>10}{:>10}{:>10}", "", "commits/s", "x device", "p50 µs", "p99 µs");

    let device = device_rate(folder.path(), 1);
    row("device, depth 1", &device, device.rate);
    for depth in [2, 3] {
        row(&format!("device, depth {depth}"), &device_rate(folder.path(), depth), device.rate);
    }
    for depth in 1..=3 {
        for callers in [1, 8, 64, 256] {
            let path = folder.path().join(format!("t{depth}-{callers}"));
            let result = journal_threads(&path, depth, callers);
            row(&format!("{callers} threads, depth {depth}"), &result, device.rate);
        }
        for callers in [1, 8, 64, 256] {
            let path = folder.path().join(format!("a{depth}-{callers}"));
            let result = journal_tasks(&path, depth, callers);
            row(&format!("{callers} tasks on 2 threads, depth {depth}"), &result, device.rate);
        }
    }
    let (device, lone) = lone_caller_beside_device(folder.path());
    row("device, in turns with", &device, device.rate);
    row("1 thread, default depth", &lone, device.rate);
}

/// One caller and the device in short turns, so that neither has the quieter half of the run.
fn lone_caller_beside_device(folder: &Path) -> (Measured, Measured) {
    let path = folder.join("device-1");
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("made before");
    let journal = open(&folder.join("lone"), Options::default().sync_depth);
    let shared = Callers::new(&journal, 1);
    let (mut device, mut lone) = (Vec::new(), Vec::new());
    let mut block = 0;
    for _ in 0..TURNS {
        turn(&mut device, || {
            file.write_all_at(&[7; 4096], block * 4096 % DEVICE_FILE_BYTES).expect("write");
            file.sync_data().expect("sync");
            block += 1;
        });
        turn(&mut lone, || {
            shared.submit(&journal, 0);
            shared.wait(0);
        });
    }
    let of = |latencies_ns: Vec<u64>| {
        let total: u64 = latencies_ns.iter().sum();
        let count = u32::try_from(latencies_ns.len()).expect("fewer than 2^32 commits");
        Measured {
            rate: f64::from(count) / Duration::from_nanos(total).as_secs_f64(),
            latencies_ns,
        }
    };
    (of(device), of(lone))
}

fn turn(latencies: &mut Vec<u64>, mut act: impl FnMut()) {
    let started = Instant::now();
    while started.elapsed() < TURN_TIME {
        let begun = Instant::now();
        act();
        latencies.push(nanos(begun));
    }
}

struct Measured {
    rate: f64,
    latencies_ns: Vec<u64>,
}

fn row(name: &str, measured: &Measured, device_rate: f64) {
    let mut sorted = measured.latencies_ns.clone();
    sorted.sort_unstable();
    let at = |share: usize| {
        let index = sorted.len().saturating_sub(1) * share / 100;
        Duration::from_nanos(sorted.get(index).copied().unwrap_or(0)).as_secs_f64() * 1e6
    };
    let ratio = measured.rate / device_rate;
    println!("{name:<34}{:>12.0}{ratio:>10.2}{:>10.0}{:>10.0}", measured.rate, at(50), at(99));
}

/// 4 KiB aligned writes and syncs, each thread on its own descriptor and its own stretch.
fn device_rate(folder: &Path, depth: u64) -> Measured {
    let path = folder.join(format!("device-{depth}"));
    std::fs::write(&path, vec![0; 64 << 20]).expect("write");
    std::fs::File::open(&path).and_then(|file| file.sync_all()).expect("sync");
    let next = AtomicU64::new(0);
    let started = Instant::now();
    let latencies: Vec<u64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..depth)
            .map(|_| {
                scope.spawn(|| {
                    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("open");
                    let block = [7; 4096];
                    let mut latencies = Vec::new();
                    while started.elapsed() < ROW_TIME {
                        let begun = Instant::now();
                        let block_number = next.fetch_add(1, Ordering::Relaxed);
                        let offset = block_number * 4096 % DEVICE_FILE_BYTES;
                        file.write_all_at(&block, offset).expect("write");
                        file.sync_data().expect("sync");
                        latencies.push(nanos(begun));
                    }
                    latencies
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    });
    measured(started, latencies)
}

fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn measured(started: Instant, latencies_ns: Vec<u64>) -> Measured {
    let count = u32::try_from(latencies_ns.len()).expect("fewer than 2^32 commits in a row");
    Measured { rate: f64::from(count) / started.elapsed().as_secs_f64(), latencies_ns }
}

fn open(folder: &Path, depth: usize) -> FileJournal {
    let options = Options { sync_depth: depth, ..Options::default() };
    FileJournal::open(folder, options, &mut |_: RecordRef<'_>| Ok(())).expect("a journal").0
}

/// What a store keeps under its own lock, as the real one does: the head and who waits.
struct Desk {
    head: u64,
    waiting: VecDeque<(u64, usize)>,
}

struct Callers {
    desk: Mutex<Desk>,
    /// Per caller or per driver: what has come back.
    ready: Vec<(Mutex<Vec<usize>>, Condvar)>,
}

impl Observer for Callers {
    fn durable(&self, through: u64) {
        let mut done = Vec::new();
        {
            let mut desk = self.desk.lock();
            while let Some(caller) = desk.waiting.pop_front_if(|(sequence, _)| *sequence <= through)
            {
                done.push(caller.1);
            }
        }
        let mut lists: Vec<Vec<usize>> = self.ready.iter().map(|_| Vec::new()).collect();
        for caller in done {
            if let Some(list) = lists.get_mut(caller % self.ready.len()) {
                list.push(caller);
            }
        }
        for ((ready, signal), list) in self.ready.iter().zip(lists) {
            if !list.is_empty() {
                ready.lock().extend(list);
                signal.notify_one();
            }
        }
    }

    fn failed(&self, error: &Arc<JournalError>) {
        println!("failed: {error}");
    }
}

impl Callers {
    fn new(journal: &FileJournal, lists: usize) -> Arc<Self> {
        let desk = Desk { head: 0, waiting: VecDeque::new() };
        let ready = (0..lists).map(|_| (Mutex::new(Vec::new()), Condvar::new())).collect();
        let callers = Arc::new(Self { desk: Mutex::new(desk), ready });
        journal.observe(callers.clone());
        callers
    }

    fn submit(&self, journal: &FileJournal, caller: usize) {
        let bytes = [u8::try_from(caller % 251).unwrap_or(0); PAYLOAD_BYTES];
        let payloads = [Payload::new(&bytes)];
        let mut desk = self.desk.lock();
        let last = journal
            .append(desk.head, &Group { time_ms: 1, payloads: &payloads })
            .expect("appended");
        desk.head = last;
        desk.waiting.push_back((last, caller));
    }

    fn wait(&self, list: usize) -> Vec<usize> {
        let (ready, signal) = self.ready.get(list).expect("a list for each");
        let mut ready = ready.lock();
        while ready.is_empty() {
            signal.wait(&mut ready);
        }
        std::mem::take(&mut ready)
    }
}

/// Callers that are threads, each blocked until its own commit is durable.
fn journal_threads(folder: &Path, depth: usize, callers: usize) -> Measured {
    let journal = open(folder, depth);
    let shared = Callers::new(&journal, callers);
    let barrier = Barrier::new(callers + 1);
    let started = Mutex::new(Instant::now());
    let latencies = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..callers)
            .map(|caller| {
                let (shared, barrier, journal, started) = (&shared, &barrier, &journal, &started);
                scope.spawn(move || {
                    barrier.wait();
                    let begin = *started.lock();
                    let mut latencies = Vec::new();
                    while begin.elapsed() < ROW_TIME {
                        let begun = Instant::now();
                        shared.submit(journal, caller);
                        shared.wait(caller);
                        latencies.push(nanos(begun));
                    }
                    latencies
                })
            })
            .collect();
        *started.lock() = Instant::now();
        barrier.wait();
        workers.into_iter().flat_map(|worker| worker.join().expect("a caller")).collect()
    });
    let begun = *started.lock();
    measured(begun, latencies)
}

/// Callers that are tasks: two threads submit for whoever is ready, as a runtime would.
fn journal_tasks(folder: &Path, depth: usize, callers: usize) -> Measured {
    let journal = open(folder, depth);
    let drivers = callers.min(2);
    let shared = Callers::new(&journal, drivers);
    let stop = AtomicBool::new(false);
    let started = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..drivers)
            .map(|driver| {
                let (shared, stop, journal) = (&shared, &stop, &journal);
                scope.spawn(move || drive(shared, journal, (driver, drivers, callers), stop))
            })
            .collect();
        std::thread::sleep(ROW_TIME);
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().flat_map(|worker| worker.join().expect("a driver")).collect()
    });
    measured(started, latencies)
}

fn drive(
    shared: &Callers,
    journal: &FileJournal,
    (driver, drivers, callers): (usize, usize, usize),
    stop: &AtomicBool,
) -> Vec<u64> {
    let mut latencies = Vec::new();
    let mut begun = vec![Instant::now(); callers];
    let mut under_way = 0;
    for caller in (driver..callers).step_by(drivers) {
        shared.submit(journal, caller);
        under_way += 1;
    }
    while under_way > 0 {
        for caller in shared.wait(driver) {
            under_way -= 1;
            let Some(begun) = begun.get_mut(caller) else { continue };
            latencies.push(nanos(*begun));
            if !stop.load(Ordering::Relaxed) {
                *begun = Instant::now();
                shared.submit(journal, caller);
                under_way += 1;
            }
        }
    }
    latencies
}
