//! What a million sessions cost: memory, disk, and time to open.

use std::{path::Path, time::Instant};

use criterion::Criterion;
use passbook::SessionStore;

use crate::{read::fill, report::Report};

const SESSIONS: u64 = 1_000_000;

/// Runs once: it takes seconds, and criterion's repetitions would tell nothing more.
pub(crate) fn bench(_criterion: &mut Criterion, report: &Report) {
    if std::env::args().skip(1).any(|argument| !argument.starts_with('-')) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = SessionStore::open(folder.path()).expect("a ledger");
    drop(fill(&store, SESSIONS));
    store.ledger().close().expect("a clean close");
    drop(store);
    let before = resident_bytes();
    let started = Instant::now();
    let store = SessionStore::open(folder.path()).expect("a ledger");
    report.add("open, 1 M sessions, full replay", 1, started.elapsed());
    assert_eq!(store.ledger().len(), 1_000_000);
    let each = |bytes: u64| bytes / SESSIONS;
    report.fact(format!(
        "1 M sessions of 200 k users, a device label each: {} bytes of memory and {} bytes of disk \
         a session (memory: what opening added, of what was freed before too)",
        each(resident_bytes().saturating_sub(before)),
        each(disk_bytes(folder.path())),
    ));
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4_096
}

fn disk_bytes(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
        .map(|entry| match entry.metadata().expect("there") {
            data if data.is_dir() => disk_bytes(&entry.path()),
            data => data.len(),
        })
        .sum()
}
