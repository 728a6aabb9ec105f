//! Snapshots: what is kept, what opening begins from, what it falls back to, what it refuses.

use std::path::Path;
use std::sync::Arc;

use passbook_journal::limits::{SNAPSHOT_SECTION_BYTES_MAX, SNAPSHOTS_KEPT};
use passbook_journal::sim::SimVfs;
use passbook_journal::{
    Evidence, FileJournal, Journal, MemoryJournal, NoSnapshots, OpenError, Options, ReadError,
    RecordRef, SnapshotError, SnapshotMeta, VerifyOptions, VerifyReport, stat, verify,
};

use crate::ledger::{DIR, open, options};
use crate::snapped::{Snapped, encode, file, open_state, snap, snap_names, trim};

const META: SnapshotMeta = SnapshotMeta { digest: [3; 32], items: 9, created_at_ms: 4 };

/// Ten records over several segments, snapshots at @4 and @8, closed.
fn specimen() -> Snapped {
    let mut rig = Snapped::new(&SimVfs::new());
    assert!(rig.open());
    for round in 0..5 {
        rig.append(&[70, 300]);
        if round == 1 || round == 3 {
            rig.snap().unwrap();
        }
    }
    rig.close();
    assert_eq!(snap_names(&rig.sim), ["4.snap", "8.snap"]);
    rig
}

fn verified(sim: &SimVfs) -> VerifyReport {
    verify(Path::new(DIR), Arc::new(sim.clone()), &VerifyOptions::default()).unwrap()
}

#[test]
fn an_opening_begins_from_the_newest_snapshot_and_sees_only_what_is_behind() {
    let rig = specimen();
    let (journal, recovery, state) = open_state(options(&rig.sim)).unwrap();
    let used = recovery.snapshot.unwrap();
    assert_eq!((used.sequence, used.chain_sequence, used.items), (8, 8, 8));
    assert_eq!((used.time_ms, used.created_at_ms), (1_060, 77));
    assert_eq!(used.path, Some(file("snap/8.snap")));
    assert_eq!((recovery.snapshots_bad, recovery.sequence_first), (Vec::new(), 1));
    assert_eq!((state.replayed, state.resets), (2, 0));
    assert_eq!(state.seen, rig.submitted);
    let read = journal.read(1).unwrap().map(|record| record.unwrap().payload);
    assert!(read.eq(rig.submitted.iter().map(|seen| seen.payload.clone())), "all can be read");
}

#[test]
fn a_closure_sees_every_record_of_a_whole_journal() {
    let rig = specimen();
    let (_journal, recovery, seen) = open(&rig.sim).unwrap();
    assert_eq!((recovery.snapshot, recovery.snapshots_bad), (None, Vec::new()));
    assert_eq!(seen, rig.submitted);
}

#[test]
fn two_are_kept_and_leftovers_go_at_the_next_opening() {
    let mut rig = specimen();
    assert!(rig.open());
    rig.append(&[1]);
    rig.snap().unwrap();
    assert_eq!(snap_names(&rig.sim), ["11.snap", "8.snap"]);
    let journal = rig.journal.as_ref().unwrap();
    let listed: Vec<_> = journal.snapshots().unwrap().iter().map(|info| info.sequence).collect();
    assert_eq!(listed, [11, 8]);
    assert_eq!(listed.len(), SNAPSHOTS_KEPT);
    rig.close();
    rig.sim.put(&file("snap/12.tmp"), b"half");
    rig.sim.put(&file("snap/4.snap"), b"removal was lost");
    assert!(rig.open());
    assert_eq!(snap_names(&rig.sim), ["11.snap", "8.snap"]);
}

#[test]
fn a_sink_that_is_dropped_leaves_nothing_and_frees_the_turn() {
    let mut rig = specimen();
    assert!(rig.open());
    let journal = rig.journal.as_ref().unwrap();
    let mut sink = journal.begin_snapshot(9).unwrap();
    sink.section(b"half").unwrap();
    assert!(snap_names(&rig.sim).contains(&"9.tmp".to_owned()));
    assert!(matches!(journal.begin_snapshot(10), Err(SnapshotError::Busy)));
    drop(sink);
    assert_eq!(snap_names(&rig.sim), ["4.snap", "8.snap"]);
    journal.begin_snapshot(9).unwrap().finish(META).unwrap();
}

#[test]
fn a_snapshot_in_the_middle_of_a_batch_knows_where_it_is() {
    let rig = specimen();
    let (journal, ..) = open_state(options(&rig.sim)).unwrap();
    let info = snap(&journal, &rig.submitted, 9).unwrap();
    assert_eq!((info.sequence, info.chain_sequence), (9, 8));
    drop(journal);
    let (_journal, recovery, state) = open_state(options(&rig.sim)).unwrap();
    assert_eq!((recovery.snapshot.unwrap().sequence, state.replayed), (9, 1));
    assert_eq!(state.seen, rig.submitted);
    assert!(verified(&rig.sim).is_good());
}

#[test]
fn only_a_durable_state_that_is_not_older_than_the_newest_can_be_taken() {
    let mut rig = specimen();
    assert!(rig.open());
    let journal = rig.journal.as_ref().unwrap();
    for at in [0, 7, 11] {
        let refused = journal.begin_snapshot(at).unwrap_err();
        assert!(
            matches!(refused, SnapshotError::OutOfRange { first: 8, last: 10, .. }),
            "{refused}"
        );
    }
    for at in [8, 10] {
        drop(journal.begin_snapshot(at).unwrap());
    }
    let sink = journal.begin_snapshot(10).unwrap();
    journal.close().unwrap();
    assert!(matches!(sink.finish(META), Err(SnapshotError::Closed)));
    assert!(matches!(journal.begin_snapshot(10), Err(SnapshotError::Closed)));
}

#[test]
fn memory_keeps_the_same_contract() {
    let memory = MemoryJournal::inline();
    let payloads = [passbook_journal::Payload::new(b"a"), passbook_journal::Payload::new(b"b")];
    let group = |time_ms| passbook_journal::Group { time_ms, payloads: &payloads };
    memory.append(0, &group(5)).unwrap();
    assert!(matches!(memory.begin_snapshot(1), Err(SnapshotError::OutOfRange { last: 0, .. })));
    memory.pump();
    for at in [1, 2, 2] {
        let mut sink = memory.begin_snapshot(at).unwrap();
        assert!(matches!(memory.begin_snapshot(2), Err(SnapshotError::Busy)));
        sink.section(&[u8::try_from(at).unwrap(); 3]).unwrap();
        assert_eq!(sink.finish(META).unwrap().time_ms, 5);
    }
    assert!(matches!(memory.begin_snapshot(1), Err(SnapshotError::OutOfRange { first: 2, .. })));
    let listed: Vec<_> = memory.snapshots().unwrap().iter().map(|info| info.sequence).collect();
    assert_eq!(listed, [2, 1]);
    let source = memory.open_snapshot(1).unwrap();
    assert_eq!((source.section(0).unwrap(), source.info().raw_bytes), (vec![1; 3], 3));
    assert!(matches!(source.section(1), Err(SnapshotError::NoSection { index: 1, sections: 1 })));
    assert!(matches!(memory.open_snapshot(3), Err(SnapshotError::Missing { sequence: 3 })));
}

#[test]
fn a_section_at_the_limit_is_taken_and_one_past_it_fails_the_snapshot_only() {
    let rig = specimen();
    let (journal, ..) = open_state(options(&rig.sim)).unwrap();
    let mut bytes = vec![0; usize::try_from(SNAPSHOT_SECTION_BYTES_MAX).unwrap()];
    let mut sink = journal.begin_snapshot(10).unwrap();
    sink.section(&bytes).unwrap();
    let info = sink.finish(META).unwrap();
    assert!(info.bytes < 100_000 && info.raw_bytes == u64::from(SNAPSHOT_SECTION_BYTES_MAX));
    assert_eq!(journal.open_snapshot(10).unwrap().section(0).unwrap().len(), bytes.len());

    bytes.push(0);
    let mut sink = journal.begin_snapshot(10).unwrap();
    assert!(matches!(sink.section(&bytes), Err(SnapshotError::TooLarge { .. })));
    assert!(matches!(sink.section(b"x"), Err(SnapshotError::TooLarge { .. })));
    assert!(matches!(sink.finish(META), Err(SnapshotError::TooLarge { .. })));
    assert_eq!(journal.snapshots().unwrap()[0], info, "the one before is still there");
}

#[test]
fn a_trimmed_journal_needs_its_snapshot_and_says_where_it_begins() {
    let rig = specimen();
    assert!(trim(&rig.sim, 8) > 0);
    let (journal, recovery, state) = open_state(options(&rig.sim)).unwrap();
    assert_eq!((recovery.sequence_first, state.seen), (5, rig.submitted.clone()));
    for from in [0, 1, 4] {
        let refused = journal.read(from).unwrap_err();
        assert!(matches!(refused, ReadError::Trimmed { first: 5 }), "{refused}");
    }
    assert_eq!(journal.read(5).unwrap().count(), 6);
    drop(journal);

    let reader = FileJournal::open_read_only(Path::new(DIR), Arc::new(rig.sim.clone())).unwrap();
    assert!(matches!(reader.read(4), Err(ReadError::Trimmed { first: 5 })));
    assert!(matches!(reader.begin_snapshot(10), Err(SnapshotError::OpenedReadOnly)));
    let newest = reader.snapshots().unwrap()[0].clone();
    let source = reader.open_snapshot(newest.sequence).unwrap();
    let bytes: Vec<u8> =
        (0..newest.sections).flat_map(|index| source.section(index).unwrap()).collect();
    assert_eq!(bytes, encode(&rig.submitted[..8]));
    assert_eq!(reader.read(newest.sequence + 1).unwrap().count(), 2);

    let report = verified(&rig.sim);
    assert!(report.is_good(), "{:?}", report.damages);
    assert_eq!(report.snapshots.len(), 2);
    let listed = stat(Path::new(DIR), Arc::new(rig.sim)).unwrap().snapshots;
    assert_eq!(listed, report.snapshots);
}

#[test]
fn a_trimmed_journal_is_refused_to_who_wants_every_record() {
    let rig = specimen();
    trim(&rig.sim, 8);
    let refused =
        FileJournal::open(Path::new(DIR), options(&rig.sim), &mut |_: RecordRef<'_>| Ok(()));
    let Err(OpenError::Visit(cause)) = refused else { panic!("{refused:?}") };
    assert!(cause.is::<NoSnapshots>());
}

/// Damages the newest snapshot in one place; the opening must use the one before, and say so.
#[track_caller]
fn check_fallback(damage: impl Fn(&SimVfs), offset: u64, why: &str) {
    for trimmed in [false, true] {
        let mut rig = specimen();
        if trimmed {
            assert!(trim(&rig.sim, 5) > 0);
        }
        damage(&rig.sim);
        let (journal, recovery, state) = open_state(options(&rig.sim)).unwrap();
        assert_eq!(state.seen, rig.submitted);
        assert_eq!(recovery.snapshot.unwrap().sequence, 4);
        let [bad] = &recovery.snapshots_bad[..] else { panic!("{:?}", recovery.snapshots_bad) };
        assert_eq!((bad.sequence, &bad.path, bad.offset), (8, &file("snap/8.snap"), offset));
        assert!(bad.why.contains(why), "{bad}");
        let listed = journal.snapshots().unwrap();
        assert_eq!((listed.len(), listed[0].sequence), (1, 4), "what is bad doesn't count");
        drop(journal);
        let report = verified(&rig.sim);
        let [damage] = &report.damages[..] else { panic!("{:?}", report.damages) };
        assert_eq!((&damage.path, damage.offset), (&bad.path, bad.offset));

        // The next good one replaces the bad one, not the one that was fallen back to.
        assert!(rig.open());
        rig.append(&[5]);
        rig.snap().unwrap();
        assert_eq!(snap_names(&rig.sim), ["11.snap", "4.snap"]);
        rig.close();
        assert!(verified(&rig.sim).is_good());
    }
}

#[test]
fn a_bad_snapshot_is_told_and_the_one_before_is_used() {
    let newest = file("snap/8.snap");
    check_fallback(|sim| assert!(sim.flip(&newest, 8 * 100)), 0, "checksum");
    check_fallback(|sim| assert!(sim.flip(&newest, 8 * 4_100)), 4_096, "section");
    let length = |sim: &SimVfs| sim.read_all(&newest).unwrap().len();
    let bytes = u64::try_from(length(&specimen().sim)).unwrap();
    check_fallback(|sim| assert!(sim.truncate(&newest, bytes - 1)), bytes - 1, "its length");
    let longer = |sim: &SimVfs| {
        let mut bytes = sim.read_all(&newest).unwrap();
        bytes.push(0);
        sim.put(&newest, &bytes);
    };
    check_fallback(longer, bytes, "its length");
    check_fallback(|sim| sim.put(&newest, b""), 0, "too short");
    let of_another_name = |sim: &SimVfs| {
        sim.put(&newest, &sim.read_all(&file("snap/4.snap")).unwrap());
    };
    check_fallback(of_another_name, 0, "another file name");
}

#[test]
fn a_snapshot_of_another_history_is_not_used() {
    // The same store and sequences, other payloads.
    let (rig, mut other) = (specimen(), Snapped::new(&SimVfs::new()));
    assert!(other.open());
    for _ in 0..5 {
        other.append(&[71, 300]);
    }
    snap(other.journal.as_ref().unwrap(), &other.submitted, 8).unwrap();
    let foreign = other.sim.read_all(&file("snap/8.snap")).unwrap();
    drop(other);
    check_fallback(|sim| sim.put(&file("snap/8.snap"), &foreign), 0, "chain");
    drop(rig);
}

#[test]
fn without_any_good_snapshot_a_whole_journal_is_replayed_and_a_trimmed_one_refused() {
    let rig = specimen();
    let trimmed = rig.sim.fork();
    assert!(trim(&trimmed, 5) > 0);
    for (sim, name) in [(&rig.sim, "4"), (&rig.sim, "8"), (&trimmed, "4"), (&trimmed, "8")] {
        assert!(sim.flip(&file(&format!("snap/{name}.snap")), 8 * 4_100));
    }
    let (_journal, recovery, state) = open_state(options(&rig.sim)).unwrap();
    assert_eq!((recovery.snapshot, recovery.snapshots_bad.len()), (None, 2));
    assert_eq!((state.seen, state.resets), (rig.submitted, 2));

    let error = open_state(options(&trimmed)).unwrap_err();
    let OpenError::Corrupt(damage) = error else { panic!("{error}") };
    assert_eq!((&damage.path, damage.offset), (&file("snap/8.snap"), 4_096));
    assert_eq!((damage.sequence_first, damage.sequence_last), (1, Some(4)));
    assert!(damage.why.contains("restore a backup"), "{damage}");
}

#[test]
fn a_journal_that_ends_before_its_snapshot_has_lost_records() {
    let mut rig = Snapped::new(&SimVfs::new());
    assert!(rig.open());
    rig.append(&[10]);
    let before = rig.sim.fork();
    rig.append(&[20]);
    rig.snap().unwrap();
    for path in rig.sim.files().iter().filter(|path| path.ends_with("2.snap")) {
        before.put(path, &rig.sim.read_all(path).unwrap());
    }
    let error = open_state(options(&before)).unwrap_err();
    let OpenError::Corrupt(damage) = error else { panic!("{error}") };
    assert_eq!(damage.evidence, Evidence::Snapshot { sequence: 2 });
    assert_eq!((damage.sequence_first, damage.sequence_last), (2, Some(2)));
    let report = verified(&before);
    assert_eq!(report.damages[0].evidence, Evidence::Snapshot { sequence: 2 });
}

#[test]
fn a_rate_that_is_too_low_is_refused() {
    let sim = SimVfs::new();
    for (rate, taken) in [(0, true), (256 * 1024 - 1, false), (256 * 1024, true)] {
        let options = Options { background_bytes_per_second: rate, ..options(&sim) };
        assert_eq!(open_state(options).is_ok(), taken, "{rate}");
    }
}

#[test]
fn a_buffered_journal_is_synced_up_to_its_snapshot() {
    let buffered = |sim: &SimVfs| Options {
        durability: passbook_journal::Durability::Buffered,
        ..options(sim)
    };
    let mut rig = Snapped::new(&SimVfs::new());
    assert!(rig.open_with(buffered(&rig.sim)));
    rig.append(&[100, 200]);
    rig.snap().unwrap();
    for image in rig.sim.crash_images(64, 3) {
        let (_journal, recovery, state) = open_state(buffered(&image)).unwrap();
        assert_eq!((state.seen.len(), recovery.snapshot.unwrap().sequence), (2, 2));
    }
}
