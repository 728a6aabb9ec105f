//! What it costs to keep the login history of all users, and to ask for it.
//!
//! `cargo bench -p passbook-projections --bench history`. Logins come in the order in which they
//! happened, of users in a random order; then the same users come back day by day, refresh and log
//! out. Each time is given twice: as passed, and as spent on a processor by this thread, which a
//! busy machine does not lengthen.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::{fs, time::Instant};

use passbook_core::{
    Actor, DeviceLabel, EndReason, Event, Fact, Origin, Rule, SessionId, Subject, TokenDigest,
    Transport, UserId,
};
use passbook_projections::history::{Expect, HistoryIndex, HistoryQuery, Recorded};

const START_MS: u64 = 1_700_000_000_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const EXPECT: Expect = Expect { store: [7; 16], durable: u64::MAX, cache_bytes: 64 << 20 };

fn main() {
    for (logins, users) in [(200_000, 20_000), (1_000_000, 200_000)] {
        bench(logins, users);
    }
}

fn bench(logins: u64, users: u64) {
    println!("\n{logins} logins of {users} users");
    let folder = tempfile::tempdir().expect("a folder");
    let mut index = HistoryIndex::open(folder.path(), &EXPECT).expect("opens").index;
    let mut sequence = 0;
    let mut numbered = |fact: Fact, at_ms| {
        sequence += 1;
        Recorded { sequence, event: event(at_ms, fact) }
    };
    let mut all = (0..logins).map(|number| numbered(login(number, users), at_ms(number)));
    timed("logins added, in bulk", logins, || index.add(&mut all).expect("adds"));
    let mut rest = (0..logins / 2).flat_map(|number| after(number, users)).collect::<Vec<_>>();
    let count = u64::try_from(rest.len()).expect("few");
    let base = logins;
    let mut later = (base + 1..)
        .zip(rest.drain(..))
        .map(|(sequence, fact)| Recorded { sequence, event: event(at_ms(base) + sequence, fact) });
    timed("refreshes and logouts added, in bulk", count, || index.add(&mut later).expect("adds"));
    let trickle = 20_000;
    let from = index.checkpoint() + 1;
    timed("logins added, one by one", trickle, || {
        for number in 0..trickle {
            let fact = login(logins + number, users);
            let event = event(at_ms(2 * logins + number), fact);
            let one = Recorded { sequence: from + number, event };
            index.add(&mut std::iter::once(one)).expect("adds");
        }
        trickle
    });
    report(&index, folder.path(), users);
}

fn report(index: &HistoryIndex, folder: &std::path::Path, users: u64) {
    let query = HistoryQuery::newest(10).expect("within the limits");
    let asked = 20_000;
    timed("pages of 10 lines", asked, || {
        (0..asked)
            .map(|number| index.page(&user(mix(number) % users), &query).expect("a page"))
            .filter(|page| !page.entries.is_empty())
            .count()
            .try_into()
            .expect("few")
    });
    timed("last logins", asked, || {
        let looks = (0..asked).map(|number| index.last_login(&user(mix(number) % users)));
        looks.filter(|login| matches!(login, Ok(Some(_)))).count().try_into().expect("few")
    });
    let entries = index.covered().entries;
    index.flush().expect("flushes");
    let bytes = index.reader().bytes_on_disk().expect("measured");
    println!("  {:>8} bytes on disk a line, of {entries} lines", bytes / entries);
    let copy = tempfile::tempdir().expect("a folder");
    for file in fs::read_dir(folder).expect("readable") {
        let file = file.expect("an entry");
        if file.path().is_file() {
            fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
        }
    }
    timed("lines checked at opening", entries, || {
        let opened = HistoryIndex::open(copy.path(), &EXPECT).expect("opens");
        assert_eq!(opened.rebuilt, None);
        opened.index.covered().entries
    });
}

/// Runs it, and says what each of `count` cost.
fn timed(what: &str, count: u64, run: impl FnOnce() -> u64) {
    let (start, processor) = (Instant::now(), processor_nanos());
    let done = run();
    let passed = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1);
    let spent = (processor_nanos() - processor).max(1);
    assert!(done > 0 && done <= count, "{what}: {done} of {count}");
    let a_second = |nanos: u64| u128::from(count) * 1_000_000_000 / u128::from(nanos);
    println!("  {:>8}/s ({:>8}/s on a processor) {what}", a_second(passed), a_second(spent));
}

/// Time that this thread has spent on a processor.
fn processor_nanos() -> u64 {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    schedstat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

/// A generator of numbers (`SplitMix64`), good enough to spread things.
fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn at_ms(number: u64) -> u64 {
    START_MS + number * 4_000
}

fn user(number: u64) -> UserId {
    UserId::new(format!("user-{number:07}")).expect("short")
}

fn subject(number: u64, users: u64) -> Subject {
    let session = SessionId::from_parts(at_ms(number), u128::from(mix(number)));
    Subject { session, user: user(mix(number) % users) }
}

fn event(at_ms: u64, fact: Fact) -> Event {
    Event {
        at_ms,
        occurred_at_ms: None,
        actor: Actor::User,
        origin: Origin { ip: "192.0.2.7".parse().ok(), ..Origin::default() },
        note: None,
        key: None,
        fact,
    }
}

fn login(number: u64, users: u64) -> Fact {
    Fact::SessionCreated {
        subject: subject(number, users),
        is_guest: false,
        digest: Some(TokenDigest::from_bytes([1; 32])),
        device: DeviceLabel::new(format!("Browser {} on a computer", mix(number) % 20)).ok(),
        tenant: None,
        transport: Transport::Token,
        created_at_ms: at_ms(number),
        lifetime_ms: 30 * DAY_MS,
        expires_at_ms: at_ms(number) + 30 * DAY_MS,
        absolute_at_ms: u64::MAX,
    }
}

/// What a session comes to: a refresh, and a logout.
fn after(number: u64, users: u64) -> [Fact; 2] {
    let refreshed = Fact::SessionRefreshed {
        subject: subject(number, users),
        digest: TokenDigest::from_bytes([2; 32]),
        generation: 2,
        lifetime_ms: 30 * DAY_MS,
        expires_at_ms: at_ms(number) + 60 * DAY_MS,
    };
    let revoked = Fact::SessionRevoked {
        subject: subject(number, users),
        reason: EndReason::Logout,
        rule: Rule::Requested,
        policy_version: 0,
    };
    [refreshed, revoked]
}
