//! Many threads on one store: what they were answered has an explanation by an order of their calls
//! (see [`linear`](crate::linear)). A seed decides what they do, the machine how they meet; so a
//! failure tells its history, and may take some runs to come again.

mod disk;
mod thread;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use passbook::{
    Clock, Ledger, OnReuse, Policy, SeededEntropy, SessionStore,
    journal::{Options, sim::SimVfs},
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use self::{disk::Hesitant, thread::Worker};
use super::{Goal, Suite};
use crate::{
    linear::{Reuse, Sessions, check, parts},
    plan::{Failure, Plan, Report, Tally},
    rig::{FOLDER, START_MS},
};

/// See the module.
pub(super) const SUITE: Suite = Suite {
    name: "linear",
    about: "many threads on one store: some order of their calls explains all answers",
    full: 20_000,
    goal: Goal { least: 10_000, of: &["cases"] },
    run,
};

/// Threads that call at once.
const THREADS: std::ops::RangeInclusive<usize> = 2..=6;
/// Calls of a thread.
const CALLS: std::ops::RangeInclusive<usize> = 20..=80;
/// Users that all threads share.
const USERS: std::ops::RangeInclusive<usize> = 1..=3;
/// Snapshots or compactions beside them, on a disk.
const KEEPINGS: u32 = 3;
/// So short that a case goes through several.
const SEGMENT_BYTES: u64 = 64 << 10;

fn run(plan: &Plan) -> Result<Report, Failure> {
    plan.run(SUITE.name, |_number, rng, tally| case(rng, tally))
}

/// Goes on by a millisecond whenever a token is shown to be changed: so one that was spent before
/// was spent earlier.
#[derive(Debug)]
struct Ticks(AtomicU64);

impl Ticks {
    fn tick(&self) {
        _ = self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Clock for Ticks {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// What all threads of a case share.
#[derive(Debug)]
struct Arena {
    clock: Arc<Ticks>,
    policy: Policy,
    /// `None` = in memory.
    disk: Option<SimVfs>,
}

impl Arena {
    fn draw(rng: &mut SmallRng) -> (Self, Reuse) {
        let (reuse, on_reuse) = if rng.random() {
            (Reuse::Ends, OnReuse::EndSession)
        } else {
            (Reuse::Refused, OnReuse::Refuse)
        };
        let policy = Policy { race_window_ms: 0, on_reuse, ..Policy::default() };
        let disk = rng.random_bool(0.75).then(SimVfs::new);
        let arena = Self { clock: Arc::new(Ticks(AtomicU64::new(START_MS))), policy, disk };
        (arena, reuse)
    }

    /// A ledger on that disk, or in memory.
    fn open(&self, disk: Option<&SimVfs>, seed: u64) -> Ledger {
        let clock = Arc::<Ticks>::clone(&self.clock);
        let builder = Ledger::builder()
            .clock(clock)
            .entropy(Arc::new(SeededEntropy::new(seed)))
            .policy(self.policy)
            .sweep_interval(None)
            .compaction(None);
        let Some(disk) = disk else { return builder.open_blocking().expect("room in memory") };
        let options = Options {
            vfs: Arc::new(Hesitant::new(disk.clone(), seed)),
            entropy: Arc::new(passbook::journal::SeededEntropy::new(seed)),
            segment_bytes: SEGMENT_BYTES,
            ..Options::default()
        };
        let builder = builder.journal_options(options).path(Path::new(FOLDER));
        builder.open_blocking().expect("the disk is fine")
    }
}

fn case(rng: &mut SmallRng, tally: &mut Tally) {
    let (arena, reuse) = Arena::draw(rng);
    let store = SessionStore::from(arena.open(arena.disk.as_ref(), rng.random()));
    let users = rng.random_range(USERS);
    let shared = thread::Shared::new(&arena.clock, users);
    let calls = rng.random_range(CALLS);
    let seeds: Vec<u64> = (0..rng.random_range(THREADS)).map(|_| rng.random()).collect();
    let is_kept = arena.disk.is_some() && rng.random();
    std::thread::scope(|scope| {
        let (shared, store) = (&shared, &store);
        for seed in seeds {
            scope.spawn(move || {
                let rng = SmallRng::seed_from_u64(seed);
                Worker::new(shared, store, rng).work(calls);
            });
        }
        if is_kept {
            scope.spawn(move || keep(store.ledger()));
        }
    });
    tally.add("snapshots and compactions beside", if is_kept { u64::from(KEEPINGS) } else { 0 });
    Worker::new(&shared, &store, SmallRng::seed_from_u64(0)).look_at_all();
    if let Some(disk) = &arena.disk {
        // All that was done was answered, so a power cut takes nothing of it.
        let mut images = disk.crash_images(8, rng.random());
        let image = images.next().expect("at least one state");
        let again = SessionStore::from(arena.open(Some(&image), rng.random()));
        Worker::new(&shared, &again, SmallRng::seed_from_u64(0)).look_at_all();
        tally.add("power cuts after", 1);
    }
    for history in shared.into_histories(tally) {
        for part in parts(&history) {
            match check(&Sessions::of(&part, reuse), &part) {
                Ok(states) => tally.add("states", states),
                Err(refused) => panic!("{reuse:?}: {refused}"),
            }
            tally.add("histories", 1);
        }
    }
}

fn keep(ledger: &Ledger) {
    for number in 0..KEEPINGS {
        if number.is_multiple_of(2) {
            drop(ledger.snapshot().expect("the disk is fine"));
        } else {
            drop(ledger.compact().expect("the disk is fine"));
        }
    }
}
