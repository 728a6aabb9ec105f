//! What is measured on a day.

use std::{fs, path::Path, time::Duration};

/// A ledger at the end of a day.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) day: u64,
    /// Events since the first day.
    pub(crate) sequence: u64,
    pub(crate) live: usize,
    pub(crate) disk: Disk,
    /// Length of all archives ever made.
    pub(crate) archived_bytes: u64,
    pub(crate) resident_bytes: u64,
    pub(crate) opening: Duration,
    /// Events behind the snapshot that the opening began from.
    pub(crate) replayed: u64,
    /// How long the last compaction took.
    pub(crate) compacting: Duration,
    /// How long the index took to have the last event of the day.
    pub(crate) index_catch_up: Duration,
}

/// Bytes on disk, by part.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) journal: u64,
    pub(crate) snapshots: u64,
    /// Archives that still have their events.
    pub(crate) archives: u64,
    /// What is left of those that are older than the retention.
    pub(crate) stubs: u64,
    pub(crate) index: u64,
}

impl Disk {
    pub(crate) fn of(folder: &Path) -> Self {
        let stubs = bytes(&folder.join("archive"), &|name| {
            Path::new(name).extension().is_some_and(|end| end == "stub")
        });
        let all = |part: &str| bytes(&folder.join(part), &|_name| true);
        Self {
            journal: all("journal"),
            snapshots: all("snap"),
            archives: all("archive") - stubs,
            stubs,
            index: all("idx"),
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.journal + self.snapshots + self.archives + self.stubs + self.index
    }
}

fn bytes(folder: &Path, is_meant: &dyn Fn(&str) -> bool) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.map(|entry| {
        let entry = entry.expect("an entry");
        match entry.metadata().expect("there") {
            data if data.is_dir() => bytes(&entry.path(), is_meant),
            data if is_meant(&entry.file_name().to_string_lossy()) => data.len(),
            _other => 0,
        }
    });
    sizes.sum()
}

pub(crate) fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * 4_096
}
