//! What all suites have in common: how much one is to do, how its cases are spread over the
//! processors, and what it says in the end.
//!
//! A case is everything that one number decides: with the suite's seed it names the workload, the
//! crash and the state, so that a failure can be run again alone.

use std::{
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rand::{SeedableRng as _, rngs::SmallRng};

/// Runs to make a failure shorter.
const SHRINKS_MAX: u32 = 4_096;

/// How much a suite does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Decides all that is drawn.
    pub seed: u64,
    /// Cases to run at most; `None` = until the time is over.
    pub cases: Option<u64>,
    /// How long new cases are begun; `None` = until all are run.
    pub time: Option<Duration>,
    /// Run this case alone.
    pub only: Option<u64>,
    /// Threads that run cases; 0 = as many as there are processors.
    pub threads: usize,
    /// Runs to make a failure shorter, where a suite can.
    pub shrinks_max: u32,
    /// How often it says on stderr how far it is, so that nobody takes a long suite for a stuck one;
    /// `None` = never.
    pub says_every: Option<Duration>,
}

impl Default for Plan {
    /// What CI does: until a suite has had ten seconds.
    fn default() -> Self {
        let time = Some(Duration::from_secs(10));
        Self {
            seed: 1,
            cases: None,
            time,
            only: None,
            threads: 0,
            shrinks_max: SHRINKS_MAX,
            says_every: None,
        }
    }
}

impl Plan {
    /// So many cases, however long they take.
    pub fn of_cases(cases: u64) -> Self {
        Self { cases: Some(cases), time: None, ..Self::default() }
    }

    /// Runs cases 0, 1, 2 … on all processors, each with randomness that its number and the seed
    /// decide, until the plan is fulfilled or one has failed. A case adds what it did to the tally,
    /// and fails by a panic.
    ///
    /// # Errors
    /// The first case that failed.
    #[expect(clippy::disallowed_methods, reason = "the time that a suite may take is real")]
    pub fn run(
        &self,
        suite: &'static str,
        case: impl Fn(u64, &mut SmallRng, &mut Tally) + Sync,
    ) -> Result<Report, Failure> {
        let start = Instant::now();
        let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
        let said = AtomicU64::new(0);
        let (total, failure) = (Mutex::new(Tally::default()), Mutex::new(None));
        let work = || {
            let mut tally = Tally::default();
            while !failed.load(Ordering::Relaxed)
                && let Some(number) = self.take(&next, start)
            {
                self.say(suite, number, start.elapsed(), &said);
                let mut rng = SmallRng::seed_from_u64(mix(self.seed, number));
                let one = || case(number, &mut rng, &mut tally);
                if let Err(panic) = catch_unwind(AssertUnwindSafe(one)) {
                    failed.store(true, Ordering::Relaxed);
                    let what = words_of(&*panic);
                    let found = Failure { suite, seed: self.seed, case: number, what };
                    failure.lock().expect("no panic under it").get_or_insert(found);
                    break;
                }
                tally.add("cases", 1);
            }
            total.lock().expect("no panic under it").merge(tally);
        };
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads = if self.threads == 0 { processors } else { self.threads };
        thread::scope(|scope| {
            for _ in 0..if self.only.is_some() { 1 } else { threads } {
                scope.spawn(work);
            }
        });
        let failure = failure.into_inner().expect("no panic under it");
        let tally = total.into_inner().expect("no panic under it");
        let report = Report { suite, seed: self.seed, time: start.elapsed(), tally };
        failure.map_or(Ok(report), Err)
    }

    /// Says how far it is, if that is due. `said` counts how often it was.
    #[expect(clippy::print_stderr, reason = "it is asked for")]
    fn say(&self, suite: &str, case: u64, since: Duration, said: &AtomicU64) {
        let Some(every) = self.says_every else { return };
        let due = since.as_millis() / every.as_millis().max(1);
        let due = u64::try_from(due).unwrap_or(u64::MAX);
        if said.fetch_max(due, Ordering::Relaxed) < due {
            let of = self.cases.map(|cases| format!(" of {cases}")).unwrap_or_default();
            eprintln!("{suite}: at case {case}{of}, {} s", since.as_secs());
        }
    }

    /// The number of the next case to run.
    fn take(&self, next: &AtomicU64, start: Instant) -> Option<u64> {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if let Some(only) = self.only {
            return (number == 0).then_some(only);
        }
        let is_in_time = self.time.is_none_or(|time| start.elapsed() < time);
        (is_in_time && self.cases.is_none_or(|cases| number < cases)).then_some(number)
    }
}

/// Two numbers stirred into one (`SplitMix64`).
fn mix(seed: u64, number: u64) -> u64 {
    let mut bits = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without words".to_owned())
}

/// What a suite counted, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// Adds to a count.
    pub fn add(&mut self, what: &'static str, count: u64) {
        *self.0.entry(what).or_default() += count;
    }

    /// A count.
    pub fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Adds all counts of another.
    pub fn merge(&mut self, other: Self) {
        for (what, count) in other.0 {
            self.add(what, count);
        }
    }
}

/// What a suite did without finding anything.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which suite.
    pub suite: &'static str,
    /// Its seed.
    pub seed: u64,
    /// How long it took.
    pub time: Duration,
    /// What it did.
    pub tally: Tally,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.suite)?;
        for (at, (what, count)) in self.tally.0.iter().enumerate() {
            write!(f, "{} {count} {what}", if at == 0 { "" } else { "," })?;
        }
        write!(f, "; none failed (seed {}, {:.1} s)", self.seed, self.time.as_secs_f64())
    }
}

/// A case that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    suite: &'static str,
    seed: u64,
    case: u64,
    what: String,
}

impl Failure {
    /// The number of the case.
    pub fn case(&self) -> u64 {
        self.case
    }

    /// What did not hold, in one line.
    pub fn why(&self) -> &str {
        self.what.lines().next().unwrap_or_default()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { suite, seed, case, what } = self;
        writeln!(f, "{suite}: case {case} of seed {seed} failed: {what}")?;
        write!(
            f,
            "run it alone: cargo run --release -p passbook-tests --bin proof -- {suite} \
             --seed {seed} --case {case}"
        )
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;

    #[test]
    fn a_case_that_fails_is_named_and_runs_alone() {
        let case = |number, rng: &mut SmallRng, tally: &mut Tally| {
            tally.add("drawn", rng.random_range(0..10));
            assert!(number != 17, "unlucky");
        };
        let failure = Plan::of_cases(100).run("luck", case).expect_err("17 fails");
        assert!(failure.to_string().contains("luck --seed 1 --case 17"), "{failure}");
        let alone = Plan { only: Some(17), ..Plan::default() };
        assert!(alone.run("luck", case).is_err());
        let all = Plan::of_cases(17).run("luck", case).expect("none of the first");
        assert_eq!(all.tally.of("cases"), 17);
        let again = Plan { threads: 1, ..Plan::of_cases(17) }.run("luck", case).expect("the same");
        assert_eq!(all.tally, again.tally, "threads decide nothing");
    }
}
