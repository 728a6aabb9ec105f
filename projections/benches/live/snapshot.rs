//! What it costs to capture a million sessions beside a writer and to load them, and how many bytes
//! a session has in memory and on disk.

use std::{
    hint::black_box,
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use passbook_core::{
    Session, SessionId, SessionState, Transport, apply,
    snapshot::{Head, Section, SessionRecord, decode, encode_head, encode_sessions},
};
use passbook_projections::{Live, LoadPlan};

use super::{
    DAY_MS, NOW_MS, SESSIONS_PER_USER, cost_each, lifecycle, mix, peer, processor_nanos,
    resident_bytes, token, user,
};

const SECTION_SESSIONS: u64 = 16_384;
const ZSTD_LEVEL: i32 = 1;
/// A section is no larger than this, decompressed.
const SECTION_BYTES_MAX: usize = 16 << 20;
const ROUNDS: usize = 5;

/// Benches everything with so many sessions: logins of the last 30 days, five a user at any time,
/// half of them used since, each with one of 20 device labels.
pub(super) fn bench(sessions: u64) {
    let sections = sections_of(sessions);
    println!("\n{sessions} sessions in {} sections", sections.len());
    bench_bytes(&sections, sessions);
    let live = bench_load(&sections, sessions);
    bench_decode(&sections, sessions);
    bench_capture(&live, sessions);
}

/// Loads the same sessions as the design does that has a row in a database for each.
pub(super) fn bench_peer(sessions: u64) {
    let sections = sections_of(sessions);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("peer.db");
    peer::write(&path, (0..sessions).map(|number| (number, record(number, sessions).0)));
    let of_peer = peer::load(&path, sessions, ROUNDS);
    let (_, own) = best_load(&sections, sessions, 2);
    let tenths = of_peer.as_micros() * 10 / own.as_micros().max(1);
    println!("\n{sessions} sessions, the best of {ROUNDS}, files in the cache of the system");
    println!("  {of_peer:>9.2?} to read all rows of SQLite into a map by token");
    println!(
        "  {own:>9.2?} to load all on 2 threads: {}.{} times as fast",
        tenths / 10,
        tenths % 10
    );
}

fn record(number: u64, sessions: u64) -> SessionRecord {
    let random = |salt: u64| mix(number ^ mix(salt));
    let created_at_ms = NOW_MS + number * (30 * DAY_MS / sessions) + random(1) % 2_000;
    let is_used = random(2).is_multiple_of(2);
    let used_ms = if is_used { random(3) % (30 * DAY_MS) } else { 0 };
    let bits = (u128::from(random(4)) << 64) | u128::from(random(5));
    let session = Session {
        id: SessionId::from_parts(created_at_ms, bits),
        user_id: user(random(6) % (sessions / SESSIONS_PER_USER)).text().clone(),
        is_guest: false,
        created_at_ms,
        last_active_at_ms: created_at_ms + used_ms,
        expires_at_ms: created_at_ms + used_ms + 30 * DAY_MS,
        device: Some(format!("Browser {} on a computer", random(7) % 20).into()),
        tenant_id: None,
        ip: "192.0.2.7".parse().ok(),
        user_agent: None,
        transport: Transport::Token,
    };
    let state = SessionState {
        session,
        digest: Some(token(number).digest()),
        generation: 1,
        lifetime_ms: 30 * DAY_MS,
        absolute_at_ms: u64::MAX,
        data: None,
    };
    (state, Vec::new())
}

fn compressed(section: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(section, ZSTD_LEVEL).expect("memory is enough")
}

fn sections_of(sessions: u64) -> Vec<Vec<u8>> {
    let mut sections = vec![compressed(&encode_head(&Head::default()))];
    for first in (0..sessions).step_by(usize::try_from(SECTION_SESSIONS).expect("small")) {
        let numbers = first..sessions.min(first + SECTION_SESSIONS);
        let records: Vec<_> = numbers.map(|number| record(number, sessions)).collect();
        sections.push(compressed(&encode_sessions(&records)));
    }
    sections
}

fn decompressed(section: &[u8]) -> Vec<u8> {
    zstd::bulk::decompress(section, SECTION_BYTES_MAX).expect("own bytes")
}

fn bench_bytes(sections: &[Vec<u8>], sessions: u64) {
    let bytes = |len: usize| u64::try_from(len).unwrap_or(u64::MAX) * 10 / sessions;
    let small = bytes(sections.iter().map(Vec::len).sum());
    let large = bytes(sections.iter().map(|section| decompressed(section).len()).sum());
    println!(
        "  {}.{} bytes of snapshot a session, with zstd level {ZSTD_LEVEL}",
        small / 10,
        small % 10
    );
    println!("  {}.{} bytes before compression", large / 10, large % 10);
}

fn bench_decode(sections: &[Vec<u8>], sessions: u64) {
    let plain: Vec<_> = sections.iter().map(|section| decompressed(section)).collect();
    let cost = cost_each(sessions, || {
        for section in &plain {
            match decode(section).expect("own bytes") {
                Section::Head(head) => drop(black_box(head)),
                Section::Sessions(made) => made.for_each(|record| drop(black_box(record))),
            }
        }
    });
    println!("  {cost} to decode a session");
}

/// Loads once: the table, and how long it took, as passed and as one thread's time on a processor.
fn load(sections: &[Vec<u8>], sessions: u64, threads: usize) -> (Live, Duration, Duration) {
    let live = Live::new();
    let plan = LoadPlan {
        sections: u32::try_from(sections.len()).expect("few"),
        sessions,
        threads: NonZeroUsize::new(threads),
    };
    let section = |number| sections.get(usize::try_from(number).expect("few"));
    let (start, processor) = (Instant::now(), processor_nanos());
    let loaded = live.load(&plan, |number| Ok(decompressed(section(number).expect("planned"))));
    assert_eq!(loaded.expect("own sections").sessions, sessions);
    (live, start.elapsed(), Duration::from_nanos(processor_nanos() - processor))
}

/// Loads several times and says how long the best took; the last table.
fn best_load(sections: &[Vec<u8>], sessions: u64, threads: usize) -> (Live, Duration) {
    let mut last = Live::new();
    let (mut best, mut best_busy) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        drop(last);
        let (live, elapsed, busy) = load(sections, sessions, threads);
        last = live;
        best = best.min(elapsed);
        best_busy = best_busy.min(busy);
    }
    println!(
        "  {best:>9.2?} to load all on {threads} threads ({best_busy:.2?} of one on a processor), \
         the best of {ROUNDS}"
    );
    (last, best)
}

fn bench_load(sections: &[Vec<u8>], sessions: u64) -> Live {
    let before = resident_bytes();
    let (first, ..) = load(sections, sessions, 2);
    let bytes = resident_bytes().saturating_sub(before) / sessions;
    println!("  {bytes:>6} bytes of resident memory a loaded session");
    drop(first);
    let (alone, _) = best_load(sections, sessions, 1);
    drop(alone);
    best_load(sections, sessions, 2).0
}

/// How long the steps of a writer at 50,000 events a second take while `beside` runs.
fn writer_steps(live: &Live, salt: u64, beside: impl FnOnce()) -> Vec<Duration> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut steps = Vec::with_capacity(1 << 20);
            let mut number = salt;
            let mut due = Instant::now();
            while !done.load(Ordering::Relaxed) {
                number += 1;
                for event in lifecycle(number) {
                    while Instant::now() < due {
                        std::hint::spin_loop();
                    }
                    due += Duration::from_micros(20);
                    let start = Instant::now();
                    apply(&mut live.writer(), 1, &event);
                    steps.push(start.elapsed());
                }
            }
            steps
        });
        beside();
        done.store(true, Ordering::Relaxed);
        writer.join().expect("the writer goes on")
    })
}

fn say_steps(what: &str, mut steps: Vec<Duration>) {
    steps.sort_unstable();
    let at = |part: usize| steps.get((steps.len() * part / 10_000).min(steps.len() - 1));
    let [median, most, longest] = [5_000, 9_990, 10_000].map(|part| at(part).copied());
    println!(
        "  {:>9.2?} longest step of a writer {what} (median {:.2?}, 99.9% {:.2?})",
        longest.unwrap_or_default(),
        median.unwrap_or_default(),
        most.unwrap_or_default(),
    );
}

fn bench_capture(live: &Live, sessions: u64) {
    let alone = writer_steps(live, 1 << 40, || thread::sleep(Duration::from_millis(700)));
    say_steps("alone", alone);
    let (mut begun, mut whole, mut captured) = (Duration::ZERO, Duration::ZERO, None);
    let beside = writer_steps(live, 2 << 40, || {
        let start = Instant::now();
        let mut capture = live.capture().expect("none runs");
        begun = start.elapsed();
        while let Some(section) = capture.section() {
            black_box(section);
        }
        whole = start.elapsed();
        captured = capture.captured();
    });
    say_steps("beside a capture", beside);
    assert!(captured.is_some_and(|captured| captured.sessions >= sessions));
    println!("  {begun:>9.2?} to begin a capture, {whole:.2?} for all of it");
}
