//! The past of a ledger of many events: how fast a fold goes alone and with reading, how long the
//! state at a random moment takes, and an explanation.
//!
//! `cargo bench -p passbook --bench replay`. `REPLAY_EVENTS` says how many events there are,
//! 1,000,000 if not said; at 10,000,000 the files take some GiB of the folder that `TMPDIR` names.
//! Everything is read from files that the system has in memory. The seed is fixed.

#![expect(clippy::disallowed_methods, reason = "a bench measures time and reads its own size")]
#![expect(clippy::indexing_slicing, reason = "a bench that reaches beyond stops")]
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::{
    collections::VecDeque,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use passbook::{
    At, CompactionPolicy, Ledger, LedgerError, Postings, Recorded, Replay, SeededEntropy,
    SessionId, SimClock, Token, Transport,
    core::{
        Act, Command, EndReason, NewSession, SessionRef, TokenDigest, UserId, apply, codec,
        state_fingerprint,
    },
    journal::{Durability, FileJournal, Journal, Options, RealVfs},
};
use passbook_projections::{BulkFold, Live};

const START_MS: u64 = 1_795_132_800_000;
const USERS: u64 = 50_000;
/// Commands that wait to become durable while the ledger is filled.
const WINDOW: usize = 4_096;
/// Events whose fold is timed without reading them.
const FOLDED: usize = 500_000;
/// Times that they are folded.
const FOLDS: usize = 9;
const QUESTIONS: u64 = 25;

fn main() {
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let said = std::env::var("REPLAY_EVENTS");
    let events = said.map_or(1_000_000, |text| text.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(SimClock::at_ms(START_MS));
    let ledger = open(folder.path(), &clock);
    let started = Instant::now();
    let sessions = Filling::new(&ledger, &clock).fill(events);
    let head = ledger.sequence();
    println!(
        "{head} events, {} logins, {} live, filled in {:.0?}",
        sessions.len(),
        ledger.len(),
        started.elapsed()
    );
    let snapshots: Vec<_> =
        ledger.snapshots().expect("readable").iter().map(|info| info.sequence).collect();
    println!("snapshots it took: {snapshots:?}");
    fold_alone(&ledger);
    let postings = post(folder.path());
    let replay = ledger.replay().with_postings(&postings);
    moments("a ledger in use", &replay, head, clock_span(&clock));
    explanations("a ledger in use", &replay, &sessions);
    ledger.close().expect("closes");
    let journal = FileJournal::open_read_only(folder.path(), Arc::new(RealVfs)).expect("readable");
    read_alone(&journal);
    let replay = Replay::over(&journal, clock_span(&clock).1);
    explanations("a folder that is only read", &replay, &sessions);
    let postings = Postings::of_ledger(folder.path(), journal.store());
    explanations("the same with postings", &replay.with_postings(&postings), &sessions);
    moments("the same without postings", &replay, head, clock_span(&clock));
    let at_head = replay.as_of(At::Sequence(head)).expect("kept").fingerprint();
    println!("the digest at the head is the live one: {}", at_head == ledger.fingerprint());
}

fn open(folder: &Path, clock: &Arc<SimClock>) -> Ledger {
    let options = Options { durability: Durability::Buffered, ..Options::default() };
    let builder = Ledger::builder().path(folder).journal_options(options);
    let builder =
        builder.clock(Arc::<SimClock>::clone(clock)).entropy(Arc::new(SeededEntropy::new(7)));
    // Snapshots as a ledger takes them on its own; no compaction, so that all is in the journal.
    let policy = CompactionPolicy {
        journal_bytes: u64::MAX,
        age: Duration::MAX,
        dead_percent: 100,
        retention: None,
        interval: Duration::from_millis(100),
        ..CompactionPolicy::default()
    };
    let builder = builder.sweep_interval(None).compaction(Some(policy)).history_index(false);
    builder.open_blocking().expect("a ledger")
}

fn clock_span(clock: &SimClock) -> (u64, u64) {
    use passbook::Clock as _;
    (START_MS, clock.now_ms())
}

/// Makes a ledger of logins, refreshes, touches, logouts and a sweep now and then.
struct Filling<'a> {
    ledger: &'a Ledger,
    clock: &'a SimClock,
    random: u64,
    sessions: Vec<SessionId>,
    /// The newest token of each of those, by its number.
    tokens: Vec<u64>,
    token: u64,
}

impl<'a> Filling<'a> {
    fn new(ledger: &'a Ledger, clock: &'a SimClock) -> Self {
        Self { ledger, clock, random: 1, sessions: Vec::new(), tokens: Vec::new(), token: 0 }
    }

    fn fill(mut self, events: u64) -> Vec<SessionId> {
        let mut pending = VecDeque::new();
        while self.ledger.health().journal.head < events {
            for _ in 0..1_024 {
                let act = self.act();
                pending.push_back(self.ledger.submit(&Command::new(act)).expect("room"));
                if pending.len() > WINDOW {
                    pending.pop_front().expect("some").wait().expect("written");
                }
            }
            self.clock.advance_ms(2_000);
        }
        for pending in pending {
            pending.wait().expect("written");
        }
        self.sessions
    }

    fn act(&mut self) -> Act {
        let choice = self.draw(100);
        if self.sessions.len() < 1_000 || choice < 20 {
            return self.login();
        }
        // Mostly one of the newest.
        let back = self.draw(20_000).min(u64::try_from(self.sessions.len()).expect("few") - 1);
        let index = self.sessions.len() - 1 - usize::try_from(back).expect("few");
        let session = SessionRef::Id(self.sessions[index]);
        match choice {
            20..50 => {
                let presented = digest(self.tokens[index]);
                self.token += 1;
                self.tokens[index] = self.token;
                Act::Refresh { presented, successor: digest(self.token), lifetime_ms: None }
            }
            50..82 => Act::Touch { session },
            82..99 => Act::Revoke { session, reason: EndReason::Logout },
            _ => Act::Sweep,
        }
    }

    fn login(&mut self) -> Act {
        self.token += 1;
        let number = u128::try_from(self.sessions.len()).expect("few");
        let id = SessionId::from_parts(self.ledger.now_ms(), number);
        self.sessions.push(id);
        self.tokens.push(self.token);
        Act::Create(NewSession {
            id,
            digest: Some(digest(self.token)),
            user: UserId::new(format!("u_{}", self.draw(USERS))).expect("short"),
            is_guest: false,
            device: None,
            tenant: None,
            transport: Transport::Token,
            lifetime_ms: None,
            absolute_timeout_ms: None,
            data: std::collections::BTreeMap::new(),
            replaces: None,
            sessions_per_user_max: None,
        })
    }

    fn draw(&mut self, below: u64) -> u64 {
        drawn(&mut self.random, below)
    }
}

/// The next of a row of random numbers (Marsaglia's xorshift), below that one.
fn drawn(random: &mut u64, below: u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random % below
}

fn token(number: u64) -> Token {
    let bytes = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().repeat(4);
    Token::from_random_bytes(bytes.try_into().expect("32 bytes"))
}

fn digest(number: u64) -> TokenDigest {
    token(number).digest()
}

fn rate(what: &str, count: usize, took: Duration) {
    let count = f64::from(u32::try_from(count).expect("few"));
    println!("{what:<48}{:>12.0} events a second", count / took.as_secs_f64());
}

/// On one core, of events that are in memory: the fold, then decoding.
fn fold_alone(ledger: &Ledger) {
    let events = ledger.events(0).expect("readable").take(FOLDED);
    let events: Vec<Recorded> = events.collect::<Result<_, _>>().expect("readable");
    let mut live = Live::new();
    let mut times = Vec::new();
    for _ in 0..FOLDS {
        let started = Instant::now();
        let mut bulk = BulkFold::new(Live::new());
        bulk.fold(&events);
        live = bulk.finish();
        times.push(started.elapsed());
    }
    times.sort_unstable();
    rate("fold alone, median", events.len(), times[FOLDS / 2]);
    rate("fold alone, slowest", events.len(), times[FOLDS - 1]);
    let followed = Live::new();
    let started = Instant::now();
    for Recorded { sequence, event } in &events {
        apply(&mut followed.writer(), *sequence, event);
    }
    rate("fold alone, as a ledger in use does it", events.len(), started.elapsed());
    assert_eq!(state_fingerprint(&live), state_fingerprint(&followed), "it is the same fold");
    let encode = |recorded: &Recorded| codec::encode(&recorded.event).expect("small");
    let payloads: Vec<_> = events.iter().map(encode).collect();
    let started = Instant::now();
    let bytes: usize =
        payloads.iter().map(|bytes| codec::decode(bytes).map_or(0, |_| bytes.len())).sum();
    rate("decode alone", payloads.len(), started.elapsed());
    let started = Instant::now();
    let read = payloads.iter().filter(|bytes| codec::glance(bytes).is_ok()).count();
    rate("glance alone", read, started.elapsed());
    println!("{:<48}{:>12} bytes", "an event", bytes / payloads.len());
}

/// Makes the postings, as the ledger's own thread does if it keeps them.
fn post(folder: &Path) -> Postings {
    let journal = FileJournal::open_read_only(folder, Arc::new(RealVfs)).expect("readable");
    let postings = Postings::of_ledger(folder, journal.store());
    let started = Instant::now();
    postings.fill(&journal, journal.durable()).expect("a folder");
    let events = usize::try_from(journal.durable()).expect("few");
    rate("postings made", events, started.elapsed());
    postings
}

/// Reading and verifying all events, then the same with decoding.
fn read_alone(journal: &dyn Journal) {
    let read = || journal.read_kept(1).expect("readable").map(|record| record.expect("readable"));
    let started = Instant::now();
    let count = read().count();
    rate("read and verify", count, started.elapsed());
    let started = Instant::now();
    let count = read().filter(|record| codec::decode(&record.payload).is_ok()).count();
    rate("read, verify and decode", count, started.elapsed());
}

/// The middle one and the longest of some times.
fn told(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let (middle, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what:<56} median {middle:>9.1?}   longest {longest:>9.1?}");
}

fn moments(whose: &str, replay: &Replay<'_>, head: u64, (begin_ms, end_ms): (u64, u64)) {
    let timed = |at: At| {
        let started = Instant::now();
        let view = replay.as_of(at).expect("kept");
        assert!(view.sequence() <= head);
        started.elapsed()
    };
    let mut random = 9;
    let by_sequence = (0..QUESTIONS).map(|_| timed(At::Sequence(drawn(&mut random, head))));
    told(&format!("as_of a sequence, {whose}"), by_sequence.collect());
    let by_time =
        (0..QUESTIONS).map(|_| timed(At::Time(begin_ms + drawn(&mut random, end_ms - begin_ms))));
    told(&format!("as_of a time, {whose}"), by_time.collect());
}

fn explanations(whose: &str, replay: &Replay<'_>, sessions: &[SessionId]) {
    let timed = |id: SessionId| {
        let started = Instant::now();
        let explanation = replay.explain(id).expect("kept");
        (explanation.is_alive(), started.elapsed())
    };
    let asked = sessions.iter().step_by(sessions.len() / 64).map(|id| timed(*id));
    let (alive, dead): (Vec<_>, Vec<_>) = asked.partition(|(is_alive, _)| *is_alive);
    for (what, times) in [("dead", dead), ("alive", alive)] {
        if !times.is_empty() {
            let times = times.into_iter().map(|(_, took)| took).collect();
            told(&format!("explain one that is {what}, {whose}"), times);
        }
    }
    // The tokens of the first logins are those of sessions that died long ago; some are nobody's.
    let of_tokens = (1..=QUESTIONS).map(|part| {
        let number = part * u64::try_from(sessions.len()).expect("few") / QUESTIONS;
        let started = Instant::now();
        let explained = replay.explain_token(&token(number));
        assert!(matches!(explained, Ok(_) | Err(LedgerError::NoTrace { .. })), "{explained:?}");
        started.elapsed()
    });
    told(&format!("explain_token, {whose}"), of_tokens.collect());
}
