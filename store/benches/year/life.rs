//! The users' year: each logs in once a day; of four logins one is logged out again, one refreshed.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use passbook::{
    CompactionPolicy, EndReason, IssuedSession, Ledger, Login, Pending, Policy, Reply,
    SeededEntropy, SimClock, Token,
    core::{Act, Command, SessionRef},
    journal::{Durability, Options},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::measure::{Disk, Sample, resident_bytes};

pub(crate) const START_MS: u64 = 1_795_132_800_000;
pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Acts that wait to become durable.
const WINDOW: usize = 2_048;

/// How much is lived.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub(crate) users: u64,
    pub(crate) days: u64,
    pub(crate) retention_days: u64,
    pub(crate) seed: u64,
}

impl Scale {
    /// About what the users write in a day, so that each day has something to compact.
    fn segment_bytes(&self) -> u64 {
        (self.users * 400).next_multiple_of(64 << 10)
    }
}

/// A ledger in use, and its simulated time.
#[derive(Debug)]
pub(crate) struct Life {
    scale: Scale,
    folder: PathBuf,
    clock: Arc<SimClock>,
    random: StdRng,
    ledger: Ledger,
    openings: u64,
    days: u64,
    logins: u64,
    acts: u64,
    archived_bytes: u64,
    compacting: Duration,
    acting: VecDeque<Pending<Reply>>,
}

impl Life {
    pub(crate) fn begin(folder: &Path, scale: &Scale) -> Self {
        let clock = Arc::new(SimClock::at_ms(START_MS));
        Self {
            ledger: open(folder, scale, &clock, 0),
            scale: scale.clone(),
            folder: folder.to_owned(),
            clock,
            random: StdRng::seed_from_u64(scale.seed),
            openings: 1,
            days: 0,
            logins: 0,
            acts: 0,
            archived_bytes: 0,
            compacting: Duration::ZERO,
            acting: VecDeque::new(),
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// All users log in, spread over the day, and some act on it.
    pub(crate) fn live_a_day(&mut self) {
        let midnight_ms = START_MS + self.days * DAY_MS;
        let mut logins = VecDeque::new();
        for user in 0..self.scale.users {
            self.clock.set_ms(midnight_ms + user * DAY_MS / self.scale.users);
            let login = Login::new(format!("user{user}")).device("Firefox on Linux");
            logins.push_back(self.ledger.start_login(login).expect("room"));
            if logins.len() > WINDOW {
                let login: Pending<IssuedSession> = logins.pop_front().expect("some");
                self.act_on(login.wait().expect("durable"));
            }
        }
        for login in logins {
            self.act_on(login.wait().expect("durable"));
        }
        for act in self.acting.drain(..) {
            act.wait().expect("durable");
        }
        self.days += 1;
        self.logins += self.scale.users;
        self.clock.set_ms(START_MS + self.days * DAY_MS);
    }

    fn act_on(&mut self, login: IssuedSession) {
        let presented = login.token.digest();
        let act = match self.random.next_u32() % 4 {
            0 => Act::Revoke { session: SessionRef::Token(presented), reason: EndReason::Logout },
            1 => {
                let mut secret = [0; 32];
                self.random.fill_bytes(&mut secret);
                let successor = Token::from_random_bytes(secret).digest();
                Act::Refresh { presented, successor, lifetime_ms: None }
            }
            2.. => return,
        };
        self.acts += 1;
        self.acting.push_back(self.ledger.submit(&Command::new(act)).expect("room"));
        if self.acting.len() > WINDOW {
            self.acting.pop_front().expect("some").wait().expect("durable");
        }
    }

    /// Compacts, as a ledger does once a day on its own.
    pub(crate) fn compact(&mut self) {
        let started = Instant::now();
        let report = self.ledger.compact().expect("a compaction");
        self.compacting = started.elapsed();
        self.archived_bytes += report.files.archive_bytes;
    }

    /// Measures at the worst moment of a day, before its compaction; closes and opens again.
    pub(crate) fn sample(&mut self, day: u64) -> Sample {
        let sequence = self.ledger.sequence();
        let index_catch_up = catch_up(&self.ledger);
        let resident_bytes = resident_bytes();
        let (live, fingerprint) = (self.ledger.len(), self.ledger.fingerprint());
        self.ledger.close().expect("a clean close");
        // The old handle goes with what it is replaced by, and the folder's lock with it.
        self.ledger = Ledger::memory().expect("a ledger");
        let disk = Disk::of(&self.folder);
        let started = Instant::now();
        self.ledger = open(&self.folder, &self.scale, &self.clock, self.openings);
        let opening = started.elapsed();
        self.openings += 1;
        assert_eq!(self.ledger.fingerprint(), fingerprint, "the state that was left");
        let replayed = self.ledger.opened().events;
        Sample {
            day,
            sequence,
            live,
            disk,
            archived_bytes: self.archived_bytes,
            resident_bytes,
            opening,
            replayed,
            compacting: self.compacting,
            index_catch_up,
        }
    }

    /// Closes; how many logins and acts on them there were.
    pub(crate) fn end(self) -> (u64, u64) {
        self.ledger.close().expect("a clean close");
        (self.logins, self.acts)
    }
}

/// How long the history's index takes to have all there is.
fn catch_up(ledger: &Ledger) -> Duration {
    let started = Instant::now();
    while ledger.health().indexed != Some(ledger.sequence()) {
        assert!(started.elapsed() < Duration::from_mins(1), "the index does not keep up");
        std::thread::sleep(Duration::from_millis(1));
    }
    started.elapsed()
}

fn open(folder: &Path, scale: &Scale, clock: &Arc<SimClock>, opening: u64) -> Ledger {
    let retention = Some(Duration::from_hours(24 * scale.retention_days));
    Ledger::builder()
        .path(folder)
        .journal_options(Options {
            durability: Durability::Buffered,
            segment_bytes: scale.segment_bytes(),
            ..Options::default()
        })
        .policy(Policy { sessions_per_user_max: 0, ..Policy::default() })
        .clock(Arc::<SimClock>::clone(clock))
        .entropy(Arc::new(SeededEntropy::new(scale.seed + opening)))
        // The days are simulated: nothing may wait for the machine's clock.
        .sweep_interval(None)
        .compaction(Some(CompactionPolicy {
            retention,
            bytes_per_second: 0,
            interval: Duration::from_hours(24),
            ..CompactionPolicy::default()
        }))
        .open_blocking()
        .expect("a ledger")
}
