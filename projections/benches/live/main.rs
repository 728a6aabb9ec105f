//! What a look into `Live` costs, alone and beside a writer, what a session costs in memory, and
//! (in `snapshot`) what it costs to write all sessions down and to load them.
//!
//! `cargo bench -p passbook-projections --bench live`; `-- snapshot`, `-- peer` or `-- looks` behind
//! it does only a part. Looks by token go to all sessions in a random order, so
//! caches are as cold as the number of sessions makes them, and include parsing the token's text
//! and its SHA-256; what those two cost alone is shown beside. Each time is given twice: as passed,
//! and as spent on a processor, which a busy machine does not lengthen.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod peer;
mod snapshot;

use std::{
    env, fmt, fs,
    hint::{black_box, spin_loop},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use passbook_core::{
    Actor, DeviceLabel, EndReason, Event, Fact, Origin, Rule, SessionId, Subject, Token,
    TokenDigest, Transport, UserId, apply,
};
use passbook_projections::Live;

const NOW_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const SESSIONS_PER_USER: u64 = 5;
const TOKEN_TEXT_LEN: usize = 67;
const PAGE_BYTES: u64 = 4_096;

fn main() {
    // cargo adds one that says that this is a bench.
    let parts: Vec<_> = env::args().skip(1).filter(|part| !part.starts_with("--")).collect();
    let is_wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    // In a process that has used no memory yet: what is left over would be counted as nothing.
    if is_wanted("snapshot") {
        snapshot::bench(1_000_000);
    }
    if is_wanted("peer") {
        snapshot::bench_peer(1_000_000);
    }
    if is_wanted("looks") {
        bench_looks();
    }
}

fn bench_looks() {
    // The largest first: memory that another one left would be taken for none at all.
    for sessions in [1_000_000, 100_000, 10_000] {
        let before = resident_bytes();
        let live = filled(sessions);
        let bytes = resident_bytes().saturating_sub(before) / sessions;
        println!("\n{sessions} sessions of {} users", live.users());
        println!("  {bytes:>6} bytes of resident memory a session");
        bench_lookups(&live, sessions);
        bench_lists(&live, sessions);
    }
}

/// A generator of numbers (`SplitMix64`), good enough to spread things.
fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn token(number: u64) -> Token {
    let mut bytes = [0; 32];
    for (part, salt) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(1..) {
        *part = mix(number ^ mix(salt)).to_le_bytes();
    }
    Token::from_random_bytes(bytes)
}

fn id(number: u64) -> SessionId {
    SessionId::from_parts(NOW_MS + number / 1_000, u128::from(mix(number)))
}

fn user(number: u64) -> UserId {
    UserId::new(format!("user-{number:07}")).expect("short")
}

fn event(fact: Fact) -> Event {
    Event {
        at_ms: NOW_MS,
        occurred_at_ms: None,
        actor: Actor::User,
        origin: Origin { ip: "192.0.2.7".parse().ok(), ..Origin::default() },
        note: None,
        key: None,
        fact,
    }
}

fn created(session: u64, owner: u64, digest: TokenDigest) -> Event {
    let expires_at_ms = NOW_MS + DAY_MS + mix(session) % (30 * DAY_MS);
    event(Fact::SessionCreated {
        subject: Subject { session: id(session), user: user(owner) },
        is_guest: false,
        digest: Some(digest),
        device: DeviceLabel::new(format!("Browser {} on a computer", mix(session) % 20)).ok(),
        tenant: None,
        transport: Transport::Token,
        created_at_ms: NOW_MS + session / 1_000,
        lifetime_ms: 30 * DAY_MS,
        expires_at_ms,
        absolute_at_ms: u64::MAX,
    })
}

/// The sessions of a user come one after another in neither time nor memory.
fn filled(sessions: u64) -> Live {
    let live = Live::new();
    let users = sessions / SESSIONS_PER_USER;
    for number in 0..sessions {
        let event = created(number, number % users, token(number).digest());
        apply(&mut live.writer(), number, &event);
    }
    live
}

fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}

/// The texts of all tokens, in a random order.
fn token_texts(sessions: u64) -> String {
    let mut numbers: Vec<u64> = (0..sessions).collect();
    numbers.sort_unstable_by_key(|number| mix(number ^ 0x5eed));
    numbers.iter().map(|number| token(*number).expose().to_string()).collect()
}

/// How long one of many took, in nanoseconds.
#[derive(Clone, Copy)]
struct Cost {
    passed: u64,
    on_processor: u64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} ns ({:>5} on a processor)", self.passed, self.on_processor)
    }
}

fn cost_each(count: u64, run: impl FnOnce()) -> Cost {
    let (start, processor) = (Instant::now(), processor_nanos());
    run();
    let passed = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Cost { passed: passed / count, on_processor: (processor_nanos() - processor) / count }
}

/// Time that this thread has spent on a processor.
fn processor_nanos() -> u64 {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    schedstat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

fn bench_lookups(live: &Live, sessions: u64) {
    let texts = token_texts(sessions);
    let tokens = || {
        let (chunks, _) = texts.as_bytes().as_chunks::<TOKEN_TEXT_LEN>();
        let texts = chunks.iter().map(|text| std::str::from_utf8(text).expect("hexadecimal"));
        texts.map(|text| Token::parse(text).expect("a token").digest())
    };
    let rounds = 3_000_000 / sessions;
    let parse = cost_each(rounds * sessions, || {
        (0..rounds).flat_map(|_| tokens()).for_each(|digest| _ = black_box(digest));
    });
    let look_at_all = || {
        cost_each(rounds * sessions, || {
            (0..rounds).flat_map(|_| tokens()).for_each(|digest| {
                assert!(black_box(live.live(&digest, NOW_MS)).is_some());
            });
        })
    };
    let alone = look_at_all();
    println!("  {parse} to parse a token and take its digest");
    println!("  {alone} the same and to find its session");
    for (name, pause) in [("full speed", Duration::ZERO), ("100k/s", Duration::from_micros(10))] {
        let (beside, events_per_s) = beside_writer(live, pause, look_at_all);
        let percent = beside.passed * 100 / alone.passed.max(1);
        println!("  {beside} beside a writer at {name}: {events_per_s} events/s, {percent}%");
    }
}

/// What `read` costs while a thread logs in, refreshes and revokes, and how many events a second
/// that one applied.
fn beside_writer(live: &Live, pause: Duration, read: impl Fn() -> Cost) -> (Cost, u128) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let start = Instant::now();
            let mut events = 0_u32;
            let mut due = start;
            while !done.load(Ordering::Relaxed) {
                for event in lifecycle((1 << 40) + u64::from(events) / 3) {
                    while Instant::now() < due {
                        spin_loop();
                    }
                    due += pause;
                    apply(&mut live.writer(), 1, &event);
                    events += 1;
                }
            }
            u128::from(events) * 1_000_000 / start.elapsed().as_micros().max(1)
        });
        let cost = read();
        done.store(true, Ordering::Relaxed);
        (cost, writer.join().expect("the writer goes on"))
    })
}

/// A session's life in three events.
fn lifecycle(session: u64) -> [Event; 3] {
    let subject = Subject { session: id(session), user: user(session) };
    let refreshed = Fact::SessionRefreshed {
        subject: subject.clone(),
        digest: token(!session).digest(),
        generation: 2,
        lifetime_ms: DAY_MS,
        expires_at_ms: NOW_MS + 2 * DAY_MS,
    };
    let revoked = Fact::SessionRevoked {
        subject,
        reason: EndReason::Logout,
        rule: Rule::Requested,
        policy_version: 0,
    };
    [created(session, session, token(session).digest()), event(refreshed), event(revoked)]
}

fn bench_lists(live: &Live, sessions: u64) {
    let users = sessions / SESSIONS_PER_USER;
    let mut names: Vec<_> = (0..users).map(user).collect();
    names.sort_unstable_by_key(|name| {
        mix(name.bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte))))
    });
    let rounds = 1_000_000 / sessions;
    let cost = cost_each(rounds * users, || {
        for name in (0..rounds).flat_map(|_| &names) {
            assert_eq!(black_box(live.list_for_user(name, NOW_MS)).len(), 5);
        }
    });
    println!("  {cost} to list a user's {SESSIONS_PER_USER} sessions");
}
