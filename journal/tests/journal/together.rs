//! Everything at once, on the real disk and with the journal's own threads: commits, snapshots,
//! compactions, backups from within and from beside.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use passbook_journal::{
    CompactError, Compaction, FileJournal, Group, Journal, Options, Payload, RealVfs, VerifyReport,
    verify,
};

use crate::ledger::Acks;
use crate::shelved::{ByNumber, body, check_kept, open_in, snap, time_ms};

const WRITERS: u64 = 4;
const RECORDS: u64 = 1_600;

fn options() -> Options {
    Options { segment_bytes: 64 * 1024, ..Options::default() }
}

fn verified(dir: &Path) -> VerifyReport {
    let report = verify(dir, Arc::new(RealVfs), &passbook_journal::VerifyOptions::default());
    let report = report.unwrap();
    assert!(report.is_good(), "{}: {:?}", dir.display(), report.damages);
    report
}

/// Appends records by their numbers until there are enough; the last one to stop says so.
fn write(journal: &FileJournal, turn: &Mutex<u64>, acks: &Acks, writing: &AtomicU64) {
    loop {
        let mut last = turn.lock();
        if *last == RECORDS {
            break;
        }
        let sequence = *last + 1;
        let body = body(sequence);
        let group = Group { time_ms: time_ms(sequence), payloads: &[Payload::new(&body)] };
        *last = journal.append(*last, &group).unwrap();
        drop(last);
        // A caller that waits for its record, every now and then.
        while sequence.is_multiple_of(16) && acks.durable.load(Ordering::SeqCst) < sequence {
            std::thread::yield_now();
        }
    }
    writing.fetch_sub(1, Ordering::SeqCst);
}

/// Snapshots and compacts while there are writers. How many segments were dropped.
fn snapshot_and_compact(journal: &FileJournal, writing: &AtomicU64) -> u64 {
    let mut dropped = 0;
    while writing.load(Ordering::SeqCst) > 0 {
        let at = journal.durable();
        if at == 0 || journal.snapshots().unwrap().first().is_some_and(|it| it.sequence == at) {
            std::thread::yield_now();
            continue;
        }
        snap(journal, at).unwrap();
        let Some(second) = journal.snapshots().unwrap().get(1).map(|it| it.sequence) else {
            continue;
        };
        let compaction = Compaction { drop_through: second, ..Compaction::default() };
        match journal.compact(&compaction, &ByNumber) {
            Ok(done) => dropped += done.segments,
            Err(CompactError::Running) => {}
            Err(error) => panic!("{error}"),
        }
    }
    dropped
}

/// Backs up while there are writers: what each backup must hold at least, and where it is.
fn back_up(
    journal: &FileJournal,
    (source, into): (&Path, &Path),
    (acks, writing): (&Acks, &AtomicU64),
) -> Vec<(u64, u64, PathBuf)> {
    let mut made = Vec::new();
    while writing.load(Ordering::SeqCst) > 0 && made.len() < 40 {
        let acked = acks.durable.load(Ordering::SeqCst);
        let path = into.join(made.len().to_string());
        let info = journal.backup(&path).unwrap();
        assert!(info.sequence >= acked, "@{acked} was acknowledged, {info:?}");
        made.push((acked, info.sequence, path));
        let path = into.join(made.len().to_string());
        let beside = FileJournal::open_read_only(source, Arc::new(RealVfs)).unwrap();
        let info = beside.backup(&path).unwrap();
        made.push((0, info.sequence, path));
    }
    made
}

#[test]
fn commits_snapshots_compactions_and_backups_go_on_together() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let (journal, _) = open_in(&dir, options()).unwrap();
    let (acks, turn, writing) = (Arc::new(Acks::default()), Mutex::new(0), AtomicU64::new(WRITERS));
    journal.observe(acks.clone());
    let (dropped, backups) = std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| write(&journal, &turn, &acks, &writing));
        }
        let compacting = scope.spawn(|| snapshot_and_compact(&journal, &writing));
        let backups = back_up(&journal, (&dir, folder.path()), (&acks, &writing));
        (compacting.join().unwrap(), backups)
    });
    println!("{dropped} segments dropped, {} backups beside {RECORDS} commits", backups.len());
    assert!(!backups.is_empty());
    journal.close().unwrap();
    assert_eq!(acks.durable.load(Ordering::SeqCst), RECORDS);
    check_kept(&journal, "closed");
    drop(journal);
    verified(&dir);
    let (journal, recovery) = open_in(&dir, options()).unwrap();
    assert_eq!((journal.durable(), recovery.closed_cleanly), (RECORDS, true));
    check_kept(&journal, "reopened");
    for (acked, sequence, path) in backups.iter().step_by(backups.len() / 6 + 1) {
        let report = verified(path);
        assert!(report.sequence_last() == *sequence && sequence >= acked, "{}", path.display());
        let (journal, _) = open_in(path, options()).unwrap();
        assert_eq!(journal.durable(), *sequence);
        check_kept(&journal, &path.display().to_string());
    }
}
