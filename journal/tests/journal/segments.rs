//! How long segments are: short in a new and in a quiet ledger, long in a busy one, and short again
//! after a compaction.

use passbook_journal::limits::SEGMENT_BYTES_FIRST;
use passbook_journal::sim::SimVfs;
use passbook_journal::{Compaction, FileJournal, Group, Journal, Options, Payload};

use crate::ledger::{Anything, DIR, options};
use crate::shelved::{KeepAll, verified};

const MIB: u64 = 1 << 20;
static BODY: [u8; 900 * 1024] = [7; 900 * 1024];

fn settings(sim: &SimVfs) -> Options {
    Options { segment_bytes: 16 * MIB, ..options(sim) }
}

fn open(sim: &SimVfs) -> FileJournal {
    let dir = std::path::Path::new(DIR);
    FileJournal::open(dir, settings(sim), &mut Anything).unwrap().0
}

/// Appends records that fill some megabytes, a second apart or an hour.
fn append(journal: &FileJournal, time_ms: &mut u64, step_ms: u64, count: u64) {
    for _ in 0..count {
        *time_ms += step_ms;
        let group = Group { time_ms: *time_ms, payloads: &[Payload::new(&BODY)] };
        journal.append(journal.head(), &group).unwrap();
        journal.pump();
    }
}

/// Lengths of the segments in MiB, oldest first.
fn lengths(sim: &SimVfs) -> Vec<u64> {
    let files = sim.files().into_iter();
    let segments = files.filter(|path| path.extension().is_some_and(|found| found == "seg"));
    segments.map(|path| u64::try_from(sim.read_all(&path).unwrap().len()).unwrap() / MIB).collect()
}

#[test]
fn segments_double_while_they_fill_within_seconds_and_halve_when_they_take_long() {
    let sim = SimVfs::new();
    let journal = open(&sim);
    let mut time_ms = 1_000_000;
    append(&journal, &mut time_ms, 1, 40);
    assert_eq!(lengths(&sim), [4, 8, 16, 16], "at once");
    append(&journal, &mut time_ms, 1_000_000, 40);
    assert_eq!(lengths(&sim), [4, 8, 16, 16, 8, 4, 4, 4, 4, 4, 4], "and then slowly");
    drop(journal);
    let journal = open(&sim);
    assert_eq!(journal.durable(), 80);
    assert!(verified(&sim).damages.is_empty());
}

#[test]
fn what_makes_room_for_a_compaction_lets_go_of_a_long_segment_that_is_hardly_used() {
    let sim = SimVfs::new();
    let journal = open(&sim);
    let mut time_ms = 1_000_000;
    append(&journal, &mut time_ms, 1, 14);
    assert_eq!(lengths(&sim), [4, 8, 16]);
    let compaction = |dry_run| Compaction { drop_through: 14, dry_run, ..Compaction::default() };
    let foreseen = journal.compact(&compaction(true), &KeepAll).unwrap();
    assert_eq!((foreseen.segments, foreseen.sequence_first), (3, 15), "{foreseen:?}");

    journal.begin_segment();
    assert_eq!(lengths(&sim), [4, 8, 16], "the next group begins it");
    append(&journal, &mut time_ms, 1, 1);
    assert_eq!(lengths(&sim), [4, 8, 16, 4]);
    let mut snapshot = journal.begin_snapshot(15).unwrap();
    snapshot.section(b"fifteen").unwrap();
    let meta = passbook_journal::SnapshotMeta { digest: [0; 32], items: 15, created_at_ms: 1 };
    snapshot.finish(meta).unwrap();
    let done = journal.compact(&compaction(false), &KeepAll).unwrap();
    assert_eq!((done.segments, done.segment_bytes), (foreseen.segments, foreseen.segment_bytes));
    assert_eq!(lengths(&sim), [4]);

    journal.begin_segment();
    append(&journal, &mut time_ms, 1, 1);
    assert_eq!(lengths(&sim), [4], "one that is as short as can be is not left");
    assert!(verified(&sim).damages.is_empty());
    drop(journal);
    assert_eq!(open(&sim).durable(), 16);
}

#[test]
fn what_is_queued_goes_to_the_segment_that_begins() {
    let sim = SimVfs::new();
    let journal = open(&sim);
    let mut time_ms = 1_000_000;
    append(&journal, &mut time_ms, 1, 14);
    for count in 0..2 {
        let group = Group { time_ms: time_ms + count, payloads: &[Payload::new(&BODY)] };
        journal.append(journal.head(), &group).unwrap();
    }
    journal.begin_segment();
    journal.pump();
    assert_eq!(lengths(&sim), [4, 8, 16, 4]);
    time_ms += 2;
    append(&journal, &mut time_ms, 1, 3);
    drop(journal);
    assert_eq!(open(&sim).durable(), 19);
    assert!(verified(&sim).damages.is_empty());
}

#[test]
fn a_full_disk_leaves_the_long_segment_in_use() {
    let sim = SimVfs::new();
    let journal = open(&sim);
    let mut time_ms = 1_000_000;
    append(&journal, &mut time_ms, 1, 14);
    let used: usize = sim.files().iter().map(|path| sim.read_all(path).unwrap().len()).sum();
    sim.set_capacity(Some(u64::try_from(used).unwrap() + SEGMENT_BYTES_FIRST / 2));
    journal.begin_segment();
    append(&journal, &mut time_ms, 1, 2);
    assert_eq!((lengths(&sim), journal.durable()), (vec![4, 8, 16], 16));
}
