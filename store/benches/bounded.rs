//! What bounds a ledger of a million sessions: commits beside a snapshot, the time to open, memory
//! and disk after a compaction; and how long the design that Passbook began as takes to load the
//! same sessions from SQLite. All in one run: `cargo bench -p passbook --bench bounded`.

#![expect(clippy::disallowed_methods, reason = "a bench measures time and reads its own folder")]
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "../../projections/benches/live/peer.rs"]
mod peer;

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use passbook::{Ledger, Login, Session, SessionStore, Token, core::SessionState};

const SESSIONS: u64 = 1_000_000;
const USERS: u64 = 200_000;
const LABELS: u64 = 20;
const TAIL: u64 = 100_000;
/// Logins that wait to become durable while the ledger is filled.
const WINDOW: usize = 4_096;
const ROUNDS: usize = 3;
/// Of the user whose commits are measured: as many as the limit leaves.
const EXTRA: u64 = 50;

fn main() {
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    if let Some(folder) = std::env::var_os("BOUNDED_OPEN") {
        return open_once(Path::new(&folder));
    }
    if let Some(path) = std::env::var_os("BOUNDED_PEER") {
        let sessions = SESSIONS + EXTRA;
        return println!("{}", peer::load(Path::new(&path), sessions, 1).as_nanos());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = SessionStore::from(open(folder.path()));
    log_in(store.ledger(), 0..SESSIONS);
    println!("{SESSIONS} sessions of {USERS} users, a device label each, 30 days");

    beside_a_snapshot(&store);
    store.ledger().compact().expect("compacts");
    // What the measurement of commits added is gone with the next one.
    let sessions = store.ledger().list_all_unfiltered();
    drop(store);
    show_disk(folder.path(), sessions.len());

    let peer = load_peer(&sessions);
    drop(sessions);
    let from_snapshot = time_in_children("BOUNDED_OPEN", folder.path());
    let ledger = open(folder.path());
    log_in(&ledger, 0..TAIL);
    drop(ledger);
    let with_tail = time_in_children("BOUNDED_OPEN", folder.path());
    println!("start    sqlite rows into a map          {peer:>10.2?}");
    ratio("from the snapshot alone", from_snapshot, peer);
    ratio("with a tail of 100,000 events", with_tail, peer);
}

fn ratio(what: &str, took: Duration, peer: Duration) {
    let times = peer.as_secs_f64() / took.as_secs_f64();
    println!("start    {what:<30} {took:>10.0?}   {times:.2}x");
}

fn open(folder: &Path) -> Ledger {
    let builder = Ledger::builder().path(folder).sweep_interval(None).compaction(None);
    builder.history_index(false).open_blocking().expect("a ledger")
}

/// In a process of its own each time, as a start is: the best of some.
fn time_in_children(job: &str, path: &Path) -> Duration {
    let own = std::env::current_exe().expect("this program");
    let once = |_round| {
        let child = std::process::Command::new(&own).env(job, path).output();
        let said = String::from_utf8(child.expect("it runs").stdout).expect("text");
        let (nanoseconds, what) = said.trim().split_once(' ').unwrap_or((said.trim(), ""));
        (Duration::from_nanos(nanoseconds.parse().expect("a number")), what.to_owned())
    };
    let (took, what) = (0..ROUNDS).map(once).min().expect("some rounds");
    if !what.is_empty() {
        println!("opened   {what}");
    }
    took
}

fn open_once(folder: &Path) {
    let before = resident_bytes();
    let started = Instant::now();
    let ledger = open(folder);
    let took = started.elapsed();
    let memory = resident_bytes().saturating_sub(before);
    let (sessions, opened) = (ledger.len(), ledger.opened());
    let each = memory / u64::try_from(sessions).expect("few").max(1);
    println!(
        "{} {sessions} sessions from a snapshot of {} and {} events, {each} bytes of memory a session",
        took.as_nanos(),
        opened.snapshot.as_ref().map_or(0, |info| info.items),
        opened.events
    );
}

fn log_in(ledger: &Ledger, numbers: std::ops::Range<u64>) {
    let mut pending = VecDeque::new();
    for number in numbers {
        let login = Login::new(format!("u_{}", number % USERS))
            .device(format!("Firefox {} on Linux", number % LABELS));
        pending.push_back(ledger.start_login(login).expect("room"));
        if pending.len() > WINDOW {
            pending.pop_front().expect("some").wait().expect("durable");
        }
    }
    for login in pending {
        login.wait().expect("durable");
    }
}

/// Commits of one caller, alone and while snapshots are taken, one after another.
fn beside_a_snapshot(store: &SessionStore) {
    let alone = commits_until(store, |started| started.elapsed() > Duration::from_secs(4));
    let done = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        scope.spawn(|| {
            let started = Instant::now();
            let info = store.ledger().snapshot().expect("a snapshot");
            println!(
                "snapshot of {} sessions in {:.0?}, {} bytes each",
                info.items,
                started.elapsed(),
                info.bytes / info.items.max(1)
            );
            done.store(true, Ordering::Release);
        });
        commits_until(store, |_| done.load(Ordering::Acquire))
    });
    println!("commits of one caller      number       p50       p90       p99     p99.9       max");
    histogram("alone", alone);
    histogram("while a snapshot is taken", beside);
}

fn commits_until(store: &SessionStore, is_over: impl Fn(Instant) -> bool) -> Vec<Duration> {
    let started = Instant::now();
    let mut took = Vec::new();
    while !is_over(started) {
        let login = Login::new("writer").sessions_per_user_max(u32::try_from(EXTRA).expect("few"));
        let begun = Instant::now();
        store.try_create(login).expect("durable");
        took.push(begun.elapsed());
    }
    took
}

fn histogram(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |thousandths: usize| {
        let place = (took.len() * thousandths / 1_000).min(took.len().saturating_sub(1));
        took.get(place).copied().unwrap_or_default()
    };
    print!("  {what:<25}{:>7}", took.len());
    for thousandths in [500, 900, 990, 999, 1_000] {
        print!("{:>10.1?}", at(thousandths));
    }
    println!();
}

/// A token for a row of the peer; which one does not matter to it.
fn token(number: u64) -> Token {
    let mut bytes = [0xa5; 32];
    for (byte, value) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte = value;
    }
    Token::from_random_bytes(bytes)
}

fn load_peer(sessions: &[Session]) -> Duration {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("seed.db");
    let state = |session: &Session| SessionState {
        session: session.clone(),
        digest: None,
        generation: 1,
        lifetime_ms: 0,
        absolute_at_ms: u64::MAX,
        data: None,
    };
    peer::write(&path, (0..).zip(sessions.iter().map(state)));
    time_in_children("BOUNDED_PEER", &path)
}

fn show_disk(folder: &Path, sessions: usize) {
    println!("disk after a compaction, bytes a session");
    let sessions = u64::try_from(sessions).expect("few");
    let mut all = 0;
    for part in ["snap", "journal", "archive"] {
        let bytes = disk_bytes(&folder.join(part));
        all += bytes;
        println!("  {part:<10}{:>8}", bytes / sessions);
    }
    println!("  {:<10}{:>8}", "all", all / sessions);
}

fn disk_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let bytes = |entry: std::io::Result<fs::DirEntry>| {
        entry.and_then(|entry| entry.metadata()).map_or(0, |data| data.len())
    };
    entries.map(bytes).sum()
}

fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4_096
}
