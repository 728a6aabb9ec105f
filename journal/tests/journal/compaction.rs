//! Compaction, archive and retention: what is kept, found again, refused.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use passbook_journal::sim::SimVfs;
use passbook_journal::{
    CompactError, Compaction, Curator, FileJournal, Group, Journal, Keep, MemoryJournal, OpenError,
    Options, Payload, ReadError, RecordRef, SnapshotMeta, stat,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::ledger::{Anything, DIR, options, picture};
use crate::shelved::{
    ByNumber, append, body, check_kept, compact, open, retain, snap, time_ms, verified,
};

/// Fourteen records in a good many segments, and a snapshot of all of them.
pub(crate) fn ledger() -> (SimVfs, FileJournal) {
    let sim = SimVfs::new();
    let (journal, _) = open(&sim).unwrap();
    append(&journal, 14);
    snap(&journal, 14).unwrap();
    (sim, journal)
}

pub(crate) fn files(sim: &SimVfs, extension: &str) -> Vec<PathBuf> {
    let files = sim.files().into_iter();
    files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[test]
fn only_whole_sealed_segments_below_the_limit_leave_the_journal() {
    let (sim, journal) = ledger();
    let before = files(&sim, "seg").len();
    let foreseen = journal
        .compact(&Compaction { drop_through: 8, dry_run: true, ..Compaction::default() }, &ByNumber)
        .unwrap();
    assert_eq!(files(&sim, "seg").len(), before, "a dry run does nothing");
    let done = compact(&journal, 8).unwrap();
    assert_eq!((done.segments, done.sequence_first), (foreseen.segments, foreseen.sequence_first));
    assert_eq!((done.records, done.segment_bytes), (foreseen.records, foreseen.segment_bytes));
    assert!(done.sequence_first <= 9 && done.segments > 1, "{done:?}");
    assert_eq!(u64::try_from(before - files(&sim, "seg").len()).unwrap(), done.segments);
    assert_eq!(u64::try_from(files(&sim, "arc").len()).unwrap(), done.segments);
    check_kept(&journal, "after");
    let first = done.sequence_first;
    assert!(
        matches!(journal.read(first - 1), Err(ReadError::Trimmed { first: at }) if at == first)
    );
    // The active one stays, whatever is asked for.
    let all = compact(&journal, u64::MAX).unwrap();
    assert!(all.sequence_first <= 14 && files(&sim, "seg").len() == 1);
    check_kept(&journal, "after all");
    assert_eq!(compact(&journal, u64::MAX).unwrap().segments, 0);
    let stat = stat(Path::new(DIR), Arc::new(sim.clone())).unwrap();
    assert_eq!(stat.archives.len(), files(&sim, "arc").len());
    assert_eq!((stat.archives[0].sequence_first, stat.stubs), (1, 0));
    drop(journal);
    let (journal, recovery) = open(&sim).unwrap();
    assert_eq!(recovery.sequence_first, all.sequence_first);
    check_kept(&journal, "reopened");
}

#[test]
fn nothing_is_dropped_without_a_whole_snapshot_of_it() {
    let sim = SimVfs::new();
    let (journal, _) = open(&sim).unwrap();
    append(&journal, 14);
    let compact = |drop_through, dry_run| {
        let compaction = Compaction { drop_through, dry_run, ..Compaction::default() };
        journal.compact(&compaction, &ByNumber)
    };
    let refused = compact(10, false);
    assert!(matches!(refused, Err(CompactError::NoSnapshot { needed: 8..=10 })), "{refused:?}");
    assert!(compact(10, true).is_ok_and(|done| done.segments > 0), "to look needs none");
    snap(&journal, 6).unwrap();
    assert!(matches!(compact(10, false), Err(CompactError::NoSnapshot { .. })));
    snap(&journal, 10).unwrap();
    snap(&journal, 14).unwrap();
    let relied_on = Path::new(DIR).join("snap/10.snap");
    assert!(sim.flip(&relied_on, 8 * 4_100));
    let before = picture(&sim);
    let refused = compact(10, false);
    let Err(CompactError::BadSnapshot(bad)) = refused else { panic!("{refused:?}") };
    assert_eq!((bad.sequence, &bad.path, bad.offset), (10, &relied_on, 4_096));
    assert_eq!(picture(&sim), before, "nothing was done");
    // The bad one counts no longer; the newest does.
    assert!(compact(10, false).unwrap().segments > 0);
    check_kept(&journal, "after");
    drop(journal);
    assert_eq!(open(&sim).unwrap().1.snapshot.unwrap().sequence, 14);

    let memory = MemoryJournal::inline();
    fill(&memory, &[vec![vec![1]], vec![vec![2]]], || memory.pump());
    let compaction = Compaction { drop_through: 2, ..Compaction::default() };
    let refused = memory.compact(&compaction, &ByBytes);
    assert!(matches!(refused, Err(CompactError::NoSnapshot { needed: 2 })), "{refused:?}");
}

#[test]
fn retention_leaves_stubs_and_the_chain_goes_on_from_the_first_record() {
    let (sim, journal) = ledger();
    compact(&journal, 10).unwrap();
    let archives = files(&sim, "arc").len();
    let done = retain(&journal, time_ms(5)).unwrap();
    assert!(done.archives_removed > 1 && done.kept_first <= 5, "{done:?}");
    assert_eq!(files(&sim, "stub").len(), 1, "one for all");
    let removed = usize::try_from(done.archives_removed).unwrap();
    assert_eq!(removed + files(&sim, "arc").len(), archives);
    check_kept(&journal, "after retention");
    let first = done.kept_first;
    assert!(matches!(journal.read_kept(1), Err(ReadError::Trimmed { first: at }) if at == first));
    append(&journal, 3);
    compact(&journal, 12).unwrap();
    check_kept(&journal, "compacted again");
    drop(journal);
    let (journal, recovery) = open(&sim).unwrap();
    check_kept(&journal, "reopened");
    let report = verified(&sim);
    assert!(report.is_good(), "{:?}", report.damages);
    assert_eq!((report.chain, report.stubs), (Some(recovery.chain), done.archives_removed));
    let complete_from = report.complete_from.unwrap();
    assert_eq!((complete_from.sequence, complete_from.time_ms), (first, Some(time_ms(first))));
    // Everything that is sealed, then all archives.
    compact(&journal, u64::MAX).unwrap();
    let bare = retain(&journal, u64::MAX).unwrap();
    assert_eq!((bare.kept_first, files(&sim, "arc").len()), (bare.sequence_first, 0));
    assert_eq!(files(&sim, "stub").len(), 1, "one for all, again");
    check_kept(&journal, "without archives");
    assert!(verified(&sim.fork()).is_good());
}

/// A stub as it was once left for each archive: its header with the flag.
fn stub_of(archive: &[u8]) -> Vec<u8> {
    let mut stub = archive[..4_096].to_vec();
    stub[232] = 1;
    let crc = crc32fast::hash(&stub[..4_092]);
    stub[4_092..].copy_from_slice(&crc.to_le_bytes());
    stub
}

#[test]
fn stubs_of_one_archive_each_still_count_and_the_next_retention_makes_one_of_them() {
    let (sim, journal) = ledger();
    compact(&journal, 12).unwrap();
    let archives: Vec<_> = files(&sim, "arc")
        .into_iter()
        .map(|path| (path.with_extension("stub"), stub_of(&sim.read_all(&path).unwrap())))
        .collect();
    let removed = usize::try_from(retain(&journal, time_ms(7)).unwrap().archives_removed).unwrap();
    drop(journal);
    assert!(removed > 2, "{removed}");
    let (merged, old) = (sim.clone(), sim.fork());
    for (path, stub) in &archives[..removed] {
        old.put(path, stub);
    }
    // Beside the one that covers them they are left from before; without it they count.
    drop(open(&old).unwrap());
    assert_eq!(files(&old, "stub"), files(&merged, "stub"), "what was replaced is removed");
    for (path, stub) in &archives[..removed] {
        old.put(path, stub);
    }
    let [one] = &files(&merged, "stub")[..] else { panic!("one for all") };
    passbook_journal::Vfs::unlink(&old, one).unwrap();
    let (journal, _) = open(&old).unwrap();
    assert_eq!(files(&old, "stub").len(), removed);
    check_kept(&journal, "old stubs");
    let before = verified(&old);
    assert!(before.is_good(), "{:?}", before.damages);
    let more = retain(&journal, time_ms(12)).unwrap().archives_removed;
    assert!(more > 0);
    assert_eq!(files(&old, "stub").len(), 1);
    check_kept(&journal, "merged");
    let after = verified(&old);
    assert!(after.is_good(), "{:?}", after.damages);
    assert_eq!((after.stubs, after.chain), (before.stubs + more, before.chain));
}

#[test]
fn a_damaged_stub_is_told_and_retention_goes_on_behind_it() {
    let (sim, journal) = ledger();
    compact(&journal, 12).unwrap();
    retain(&journal, time_ms(5)).unwrap();
    let bad = files(&sim, "stub").remove(0);
    assert!(sim.flip(&bad, 8 * 200));
    assert!(retain(&journal, time_ms(9)).unwrap().archives_removed > 0);
    assert_eq!(files(&sim, "stub").len(), 2, "the damaged one and the one behind it");
    let report = verified(&sim);
    let damaged: Vec<_> = report.damages.iter().map(|damage| &damage.path).collect();
    assert_eq!(damaged, [&bad]);
    drop(journal);
    check_kept(&open(&sim).unwrap().0, "reopened");
}

#[test]
fn a_compaction_stops_when_it_is_told_to_and_goes_on_later() {
    let (_sim, journal) = ledger();
    let calls = AtomicU64::new(0);
    let progress = |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0..4 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let compaction =
        Compaction { drop_through: 12, progress: Some(&progress), ..Compaction::default() };
    assert!(matches!(journal.compact(&compaction, &ByNumber), Err(CompactError::Stopped)));
    check_kept(&journal, "stopped");
    assert!(compact(&journal, 12).unwrap().segments > 0);
    check_kept(&journal, "went on");
    journal.close().unwrap();
    assert!(matches!(compact(&journal, 14), Err(CompactError::Closed)));
    check_kept(&journal, "closed");
}

#[test]
fn no_flipped_bit_in_archive_or_stub_is_overlooked() {
    let (sim, journal) = ledger();
    compact(&journal, 7).unwrap();
    retain(&journal, time_ms(3)).unwrap();
    drop(journal);
    let stub = files(&sim, "stub").remove(0);
    let archives = files(&sim, "arc");
    let smallest = archives.iter().min_by_key(|path| sim.read_all(path).unwrap().len()).unwrap();
    let (refused, readers) = (AtomicU64::new(0), AtomicU64::new(0));
    for path in [&stub, smallest] {
        let bits = 8 * u64::try_from(sim.read_all(path).unwrap().len()).unwrap();
        std::thread::scope(|scope| {
            for half in 0..2 {
                let (sim, refused, readers) = (&sim, &refused, &readers);
                scope.spawn(move || {
                    for bit in (half..bits).step_by(2) {
                        let image = sim.fork();
                        assert!(image.flip(path, bit));
                        let report = verified(&image);
                        let damage = report.damages.iter().find(|damage| damage.path == *path);
                        let damage = damage.unwrap_or_else(|| panic!("bit {bit} was overlooked"));
                        assert!(damage.offset <= bit / 8, "bit {bit}: {damage}");
                        refused.fetch_add(1, Ordering::SeqCst);
                        // Readers don't look at stubs.
                        if path.extension().is_some_and(|found| found == "arc") {
                            readers.fetch_add(read_all(&image, path), Ordering::SeqCst);
                        }
                    }
                });
            }
        });
    }
    println!("{} flips refused, {} reads too", refused.into_inner(), readers.into_inner());
}

/// Reads all there is: right, or refused with the path. How many reads were refused.
fn read_all(image: &SimVfs, path: &Path) -> u64 {
    let journal = FileJournal::open_read_only(Path::new(DIR), Arc::new(image.clone())).unwrap();
    let first = journal.extent().kept_first;
    let reads =
        [journal.read_kept(first), journal.posted(&[b"ada"]), journal.posted(&[b"", b"bob"])];
    let mut refused = 0;
    for read in reads {
        for record in read.unwrap() {
            match record {
                Ok(record) => assert_eq!(record.payload, body(record.sequence)),
                Err(ReadError::Corrupt { path: found, .. }) if found == path => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    refused
}

#[test]
fn no_flipped_bit_in_the_manifest_of_a_compacted_ledger_is_overlooked() {
    let (sim, journal) = ledger();
    compact(&journal, 9).unwrap();
    retain(&journal, time_ms(4)).unwrap();
    drop(journal);
    let path = Path::new(DIR).join("MANIFEST");
    for bit in 0..8 * 512 {
        let image = sim.fork();
        assert!(image.flip(&path, bit));
        let Err(OpenError::Corrupt(damage)) = open(&image) else { panic!("bit {bit}") };
        assert_eq!(damage.path, path);
        assert!(verified(&image).damages.iter().any(|damage| damage.path == path), "bit {bit}");
    }
}

/// What a record is, by its first two bytes: which keys, and whether it is kept.
struct ByBytes;

fn keys_in(payload: &[u8]) -> Vec<Vec<u8>> {
    let bits = payload.first().copied().unwrap_or(0);
    let has = |bit: &u8| bits >> bit & 1 == 1;
    (0..6).filter(has).map(|bit| vec![b'k'; usize::from(bit) * usize::from(bit) * 40]).collect()
}

fn keep_of(payload: &[u8]) -> Keep {
    if payload.len() % 2 == 1 { Keep::Whole } else { Keep::Leaf }
}

impl Curator for ByBytes {
    fn sort(&self, record: RecordRef<'_>, keys: &mut Vec<Vec<u8>>) -> Keep {
        keys.extend(keys_in(record.payload));
        keep_of(record.payload)
    }
}

/// Appends groups of payloads to any journal.
fn fill(journal: &dyn Journal, groups: &[Vec<Vec<u8>>], pump: impl Fn()) {
    for (index, group) in groups.iter().enumerate() {
        let payloads: Vec<_> = group.iter().map(|payload| Payload::new(payload)).collect();
        let time_ms = u64::try_from(index).unwrap() * 7;
        journal.append(journal.head(), &Group { time_ms, payloads: &payloads }).unwrap();
        if index % 3 != 1 {
            pump();
        }
    }
    pump();
}

type Flat = Vec<(u64, u64, bool, Vec<u8>)>;

fn flat(records: passbook_journal::Records) -> Flat {
    let record = records.map(Result::unwrap);
    record.map(|at| (at.sequence, at.time_ms, at.group_first, at.payload)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_was_packed_comes_back_and_is_found_by_its_keys(
        groups in vec(vec(vec(any::<u8>(), 0..900), 1..6), 1..60),
        shares in vec(0_u64..=100, 1..4),
    ) {
        let sim = SimVfs::new();
        let options = Options { segment_bytes: 32 * 1024, ..options(&sim) };
        let (journal, _) = FileJournal::open(Path::new(DIR), options, &mut |_: RecordRef<'_>| Ok(())).unwrap();
        fill(&journal, &groups, || journal.pump());
        let memory = MemoryJournal::inline();
        fill(&memory, &groups, || memory.pump());
        let all = flat(journal.read(1).unwrap());
        let both: [&dyn Journal; 2] = [&journal, &memory];
        for journal in both {
            journal.begin_snapshot(journal.durable()).unwrap().finish(EMPTY).unwrap();
        }
        for share in shares {
            let drop_through = journal.durable() * share / 100;
            let compaction = Compaction { drop_through, ..Compaction::default() };
            let done = journal.compact(&compaction, &ByBytes).unwrap();
            let exactly = Compaction { drop_through: done.sequence_first - 1, ..compaction };
            memory.compact(&exactly, &ByBytes).unwrap();
            let in_journal = done.sequence_first;
            let kept: Flat = all
                .iter()
                .filter(|(at, _, _, payload)| *at >= in_journal || keep_of(payload) == Keep::Whole)
                .cloned()
                .collect();
            let mut postings: BTreeMap<Vec<u8>, Flat> = BTreeMap::new();
            for record in kept.iter().filter(|(at, ..)| *at < in_journal) {
                for key in keys_in(&record.3) {
                    postings.entry(key).or_default().push(record.clone());
                }
            }
            let both: [&dyn Journal; 2] = [&journal, &memory];
            for journal in both {
                prop_assert_eq!(flat(journal.read_kept(1).unwrap()), kept.clone());
                for bit in 0..7_usize {
                    let key = vec![b'k'; bit * bit * 40];
                    let found = flat(journal.posted(&[&key]).unwrap());
                    prop_assert_eq!(found, postings.get(&key).cloned().unwrap_or_default());
                }
                prop_assert_eq!(journal.extent().sequence_first, in_journal);
            }
        }
        let report = verified(&sim);
        prop_assert!(report.is_good(), "{:?}", report.damages);
        prop_assert_eq!(report.records, journal.durable());
        drop(journal);
        let recovery = open_bytes(&sim);
        prop_assert_eq!(report.chain, Some(recovery));
    }
}

const EMPTY: SnapshotMeta = SnapshotMeta { digest: [0; 32], items: 0, created_at_ms: 0 };

fn open_bytes(sim: &SimVfs) -> passbook_journal::Chain {
    FileJournal::open(Path::new(DIR), options(sim), &mut Anything).unwrap().1.chain
}
