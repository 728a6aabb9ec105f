//! What opening refuses, with which words, and that it writes nothing when it does.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use passbook_journal::sim::{ReadOnly, SimVfs};
use passbook_journal::{
    AmbiguousTail, Create, Durability, Evidence, FileJournal, Journal, OpenError, Options,
    RecordRef, Step,
};

use crate::ledger::{DIR, Rig, SEGMENT_BYTES, open, open_with, options, picture};

/// A closed ledger with five segments: @1, @2, @3 and @4, @5, @6.
fn rotated() -> Rig {
    let mut rig = Rig::new(&SimVfs::new());
    assert!(rig.open());
    for length in [100, 5000, 300, 10, 6000, 1] {
        assert!(rig.append(&[length]));
        rig.pump();
    }
    rig.close();
    assert_eq!(segments(&rig.sim).len(), 5);
    rig
}

fn segments(sim: &SimVfs) -> Vec<PathBuf> {
    sim.files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "seg"))
        .collect()
}

fn file(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// Opens, which must fail and leave every file as it was.
#[track_caller]
fn refusal(options: Options, sim: &SimVfs) -> OpenError {
    let before = (sim.files(), picture(sim), sim.read_all(&file("LOCK")));
    let error = open_with(options).expect_err("it must be refused");
    assert_eq!((sim.files(), picture(sim), sim.read_all(&file("LOCK"))), before, "{error}");
    error
}

#[track_caller]
fn corrupt(sim: &SimVfs) -> passbook_journal::Damage {
    let error = refusal(options(sim), sim);
    let OpenError::Corrupt(damage) = error else { panic!("{error}") };
    *damage
}

#[test]
fn a_folder_that_holds_something_else_is_not_a_ledger() {
    let sim = SimVfs::new();
    sim.put(&file("thesis.txt"), b"draft 7");
    let error = refusal(options(&sim), &sim);
    assert!(matches!(error, OpenError::NotALedger { ref found, .. } if found == "thesis.txt"));
}

#[test]
fn a_missing_ledger_is_created_only_if_asked() {
    let sim = SimVfs::new();
    let never = Options { create: Create::Never, ..options(&sim) };
    assert!(matches!(refusal(never, &sim), OpenError::Missing { .. }));
    let (journal, recovery, _) = open(&sim).unwrap();
    assert!(recovery.created);
    drop(journal);
    let never = Options { create: Create::Never, ..options(&sim) };
    assert!(!open_with(never).unwrap().1.created);
}

#[test]
fn a_ledger_that_lost_its_manifest_is_not_created_anew() {
    let rig = rotated();
    let other = SimVfs::new();
    for path in rig.sim.files().iter().filter(|path| !path.ends_with("MANIFEST")) {
        other.put(path, &rig.sim.read_all(path).unwrap());
    }
    let damage = corrupt(&other);
    assert_eq!(damage.path, file("MANIFEST"));
}

#[test]
fn a_newer_format_is_named_and_left_alone() {
    let rig = rotated();
    let path = file("MANIFEST");
    let mut bytes = rig.sim.read_all(&path).unwrap();
    bytes[8] = 9;
    bytes[12] = 9;
    let crc = crc32fast::hash(&bytes[..508]);
    bytes[508..].copy_from_slice(&crc.to_le_bytes());
    rig.sim.put(&path, &bytes);
    let error = refusal(options(&rig.sim), &rig.sim);
    assert!(matches!(error, OpenError::NewerFormat { found: 9, supported: 1, .. }), "{error}");
}

#[test]
fn a_segment_of_another_ledger_is_foreign() {
    let (rig, other) = (rotated(), SimVfs::new());
    let entropy = std::sync::Arc::new(passbook_journal::SeededEntropy::new(8));
    drop(open_with(Options { entropy, ..options(&other) }).unwrap());
    let path = segments(&other)[0].clone();
    rig.sim.put(&path, &other.read_all(&path).unwrap());
    let error = refusal(options(&rig.sim), &rig.sim);
    assert!(matches!(error, OpenError::ForeignJournal { path: found } if found == path));
}

#[test]
fn a_second_writer_learns_who_is_first() {
    let sim = SimVfs::new();
    let (_first, _, _) =
        open_with(Options { owner: "passbook import\n".to_owned(), ..options(&sim) }).unwrap();
    let error = refusal(options(&sim), &sim);
    let OpenError::Locked { pid, owner, since_ms, path } = error else { panic!("{error}") };
    assert_eq!(pid, Some(std::process::id()));
    assert_eq!((owner.as_str(), since_ms), ("passbook import", Some(5)));
    assert_eq!(path, file("LOCK"));
}

#[test]
fn the_lock_ends_with_the_journal() {
    let sim = SimVfs::new();
    let (first, _, _) = open(&sim).unwrap();
    first.close().unwrap();
    assert!(open(&sim).is_ok(), "closed, though not yet dropped");
}

#[test]
fn a_folder_that_may_not_be_written_is_refused_for_writing() {
    let rig = rotated();
    rig.sim.set_read_only(ReadOnly::Yes);
    let error = refusal(options(&rig.sim), &rig.sim);
    assert!(matches!(error, OpenError::NotWritable(_)), "{error}");
    let OpenError::NotWritable(cause) = error else { unreachable!() };
    assert_eq!(cause.kind(), Some(ErrorKind::ReadOnlyFilesystem));
}

#[test]
fn options_out_of_range_are_named() {
    let sim = SimVfs::new();
    let check = |options: Options, name: &str| {
        let error = refusal(options, &sim);
        let OpenError::Option { name: found, .. } = error else { panic!("{error}") };
        assert!(found.starts_with(name), "{found}");
    };
    for segment_bytes in [0, SEGMENT_BYTES - 4096, SEGMENT_BYTES + 1, (1 << 30) + 4096] {
        check(Options { segment_bytes, ..options(&sim) }, "segment_bytes");
    }
    for sync_depth in [0, 5] {
        check(Options { sync_depth, ..options(&sim) }, "sync_depth");
    }
}

#[test]
fn a_missing_segment_is_missed_wherever_it_was() {
    let rig = rotated();
    for (number, gone) in (1..).zip(segments(&rig.sim)) {
        let other = SimVfs::new();
        for path in rig.sim.files().iter().filter(|path| **path != gone) {
            other.put(path, &rig.sim.read_all(path).unwrap());
        }
        let damage = corrupt(&other);
        assert!(damage.why.starts_with(&format!("segment {number} is missing")), "{damage}");
    }
}

#[test]
fn a_segment_that_was_cut_is_refused() {
    let rig = rotated();
    for (index, path) in segments(&rig.sim).iter().enumerate() {
        for bytes in [0, 100, 4096, 8192, 12288, SEGMENT_BYTES - 1] {
            let sim = rig.sim.fork();
            assert!(sim.truncate(path, bytes));
            let damage = corrupt(&sim);
            assert_eq!(damage.path, *path, "segment {index} cut to {bytes}");
        }
    }
}

#[test]
fn a_sealed_segment_with_a_blank_tail_is_refused() {
    let rig = rotated();
    let path = segments(&rig.sim)[2].clone();
    let mut bytes = rig.sim.read_all(&path).unwrap();
    // As if @4 had never been written: in the last segment that would be a clean end.
    bytes[12288..].fill(0);
    rig.sim.put(&path, &bytes);
    assert_eq!(corrupt(&rig.sim).evidence, Evidence::Sealed);
}

#[test]
fn bytes_behind_the_end_of_a_sealed_segment_are_refused() {
    let rig = rotated();
    let path = segments(&rig.sim)[0].clone();
    assert!(rig.sim.flip(&path, 8 * (SEGMENT_BYTES - 100)));
    let damage = corrupt(&rig.sim);
    assert_eq!((damage.offset, damage.evidence), (12288, Evidence::Sealed));
}

#[test]
fn a_blank_tail_that_the_watermark_knew_is_refused() {
    let rig = rotated();
    let path = segments(&rig.sim)[4].clone();
    let mut bytes = rig.sim.read_all(&path).unwrap();
    bytes[8192..].fill(0);
    rig.sim.put(&path, &bytes);
    assert_eq!(corrupt(&rig.sim).evidence, Evidence::Watermark { durable: 6 });
}

#[test]
fn a_damaged_batch_that_a_later_one_knew_is_refused_without_any_watermark() {
    let mut rig = Rig::new(&SimVfs::new());
    let large = Options { segment_bytes: 1 << 16, ..options(&rig.sim) };
    assert!(rig.open_with(large));
    for length in [10, 20, 30] {
        assert!(rig.append(&[length]));
        rig.pump();
    }
    rig.kill();
    let path = segments(&rig.sim)[0].clone();
    let mut bytes = rig.sim.read_all(&path).unwrap();
    // The second batch vanishes whole: a torn write looks just like that.
    bytes[12288..16384].fill(0);
    rig.sim.put(&path, &bytes);
    let damage = corrupt(&rig.sim);
    assert_eq!(damage.evidence, Evidence::LaterBatch { offset: 16384, durable: 2 });
    assert_eq!((damage.offset, damage.sequence_first), (12288, 2));
}

#[test]
fn debris_far_ahead_is_no_torn_write() {
    let mut rig = Rig::new(&SimVfs::new());
    assert!(rig.open_with(Options { segment_bytes: 8 << 20, ..options(&rig.sim) }));
    // The fifth is the first of a second segment, which has room for debris of any length.
    for _ in 0..5 {
        assert!(rig.append(&[900 * 1024]));
        rig.pump();
    }
    rig.kill();
    let path = segments(&rig.sim)[1].clone();
    let window = 4 << 20;
    let end = 8192 + 226 * 4096;
    let mut bytes = rig.sim.read_all(&path).unwrap();
    assert_eq!(bytes.len(), 8 << 20);
    bytes[end + window - 1] = 7;
    let near = rig.sim.fork();
    near.put(&path, &bytes);
    let dropped = open(&near).unwrap().1.dropped.expect("just inside the window");
    assert_eq!((dropped.offset, dropped.bytes), (u64::try_from(end).unwrap(), 4 << 20));
    bytes[end + window] = 7;
    rig.sim.put(&path, &bytes);
    let evidence = corrupt(&rig.sim).evidence;
    assert!(matches!(evidence, Evidence::BeyondWindow { .. }), "{evidence}");
}

#[test]
fn an_ambiguous_tail_is_refused_until_a_person_says_so() {
    let mut rig = Rig::new(&SimVfs::new());
    assert!(rig.open() && rig.append(&[10]));
    rig.pump();
    assert!(rig.append(&[20]));
    rig.pump();
    rig.kill();
    let path = segments(&rig.sim)[0].clone();
    assert!(rig.sim.flip(&path, 8 * (12288 + 130)));
    let error = refusal(options(&rig.sim), &rig.sim);
    assert!(matches!(error, OpenError::Ambiguous(_)), "{error}");

    let quarantine = Options { ambiguous_tail: AmbiguousTail::Quarantine, ..options(&rig.sim) };
    let (journal, recovery, seen) = open_with(quarantine).unwrap();
    assert_eq!(seen, rig.submitted[..1]);
    let dropped = recovery.dropped.unwrap();
    assert_eq!((dropped.offset, dropped.bytes), (12288, 4096));
    assert_eq!(rig.sim.read_all(&dropped.quarantine).unwrap().len(), 4096);
    drop(journal);
    assert!(open(&rig.sim).unwrap().1.closed_cleanly);
}

#[test]
fn damage_with_evidence_is_never_put_aside() {
    let rig = rotated();
    assert!(rig.sim.flip(&segments(&rig.sim)[1], 8 * 8200));
    let quarantine = Options { ambiguous_tail: AmbiguousTail::Quarantine, ..options(&rig.sim) };
    assert!(matches!(refusal(quarantine, &rig.sim), OpenError::Corrupt(_)));
}

#[test]
fn a_lost_watermark_costs_a_rewrite_and_nothing_else() {
    let rig = rotated();
    let other = SimVfs::new();
    for path in rig.sim.files().iter().filter(|path| !path.ends_with("WATERMARK")) {
        other.put(path, &rig.sim.read_all(path).unwrap());
    }
    let (journal, recovery, seen) = open(&other).unwrap();
    assert_eq!(seen, rig.submitted);
    assert!(!recovery.closed_cleanly && recovery.rewritten_bytes == 4096, "{recovery:?}");
    drop(journal);
    let (_, recovery, _) = open(&other).unwrap();
    assert!(recovery.closed_cleanly && recovery.rewritten_bytes == 0);
}

#[test]
fn a_visitor_that_fails_stops_the_opening() {
    let rig = rotated();
    let before = picture(&rig.sim);
    let mut count = 0;
    let opened = FileJournal::open(Path::new(DIR), options(&rig.sim), &mut |_: RecordRef<'_>| {
        count += 1;
        if count == 3 { Err("that is enough".into()) } else { Ok(()) }
    });
    assert!(matches!(opened, Err(OpenError::Visit(_))));
    assert_eq!((count, picture(&rig.sim)), (3, before));
}

#[test]
fn a_buffered_journal_syncs_when_it_rotates_and_when_it_closes() {
    let mut rig = Rig::new(&SimVfs::new());
    let buffered = || Options { durability: Durability::Buffered, ..options(&SimVfs::new()) };
    let vfs = options(&rig.sim).vfs;
    assert!(rig.open_with(Options { vfs: vfs.clone(), ..buffered() }));
    for length in [10, 5000, 20] {
        assert!(rig.append(&[length]));
        rig.pump();
    }
    assert_eq!(rig.acked(), 3);
    let lost = rig.sim.crash_images(1, 0).next().unwrap();
    assert_eq!(open(&lost).unwrap().2, rig.submitted[..2], "the rotation synced what was before");
    rig.step(Step::Sync);
    rig.close();
    let kept = rig.sim.crash_images(1, 0).next().unwrap();
    assert_eq!(open(&kept).unwrap().2, rig.submitted);
}
