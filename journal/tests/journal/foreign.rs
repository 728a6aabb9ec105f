//! Files that are good by themselves and don't belong where they are: missing, of another life of the
//! same ledger, or of a later time.

use std::path::{Path, PathBuf};

use passbook_journal::sim::SimVfs;
use passbook_journal::{
    Compaction, Curator, Evidence, FileJournal, Group, Journal, Keep, OpenError, Options, Payload,
    ReadError, RecordRef,
};

use crate::compaction::{files, ledger};
use crate::ledger::{Anything, DIR, options, picture};
use crate::shelved::{KeepAll, append, body, compact, open, snap, time_ms, verified};

#[test]
fn a_missing_archive_is_named_at_the_opening() {
    let (sim, journal) = ledger();
    compact(&journal, 10).unwrap();
    drop(journal);
    for path in files(&sim, "arc") {
        let image = SimVfs::new();
        for (kept, bytes) in picture(&sim).into_iter().filter(|(kept, _)| *kept != path) {
            image.put(&kept, &bytes);
        }
        let Err(OpenError::Corrupt(damage)) = open(&image) else { panic!("it was not missed") };
        assert!(damage.why.contains("missing"), "{damage}");
        assert!(!verified(&image).is_good());
    }
}

/// Keeps nothing but leaves.
#[derive(Debug)]
struct Forgetful;

impl Curator for Forgetful {
    fn sort(&self, _record: RecordRef<'_>, _keys: &mut Vec<Vec<u8>>) -> Keep {
        Keep::Leaf
    }
}

#[test]
fn verifying_misses_what_an_archive_left_out_that_the_next_one_counts() {
    let (sim, journal) = ledger();
    drop(journal);
    let forgetful = sim.fork();
    compact(&open(&sim).unwrap().0, 10).unwrap();
    let (journal, _) = open(&forgetful).unwrap();
    let compaction = Compaction { drop_through: 10, ..Compaction::default() };
    journal.compact(&compaction, &Forgetful).unwrap();
    assert!(verified(&sim).is_good() && verified(&forgetful).is_good());
    let archives = files(&sim, "arc");
    // Behind the last one nothing counts on it.
    let (last, counted) = archives.split_last().unwrap();
    assert!(counted.len() > 2);
    for path in counted.iter().filter(|path| sim.read_all(path) != forgetful.read_all(path)) {
        let image = sim.fork();
        image.put(path, &forgetful.read_all(path).unwrap());
        let damages = verified(&image).damages;
        let [damage] = &damages[..] else { panic!("{}: {damages:?}", path.display()) };
        assert!(damage.path >= *path && damage.path <= *last, "{damage}");
        assert!(damage.why.contains("before it"), "{damage}");
    }
}

/// The ledger as it was after three records, which then went on by itself up to @14: its payloads
/// are of other bytes, `longer` by so many, and kept under the same names.
fn lived_otherwise(longer: usize) -> (SimVfs, FileJournal) {
    let sim = SimVfs::new();
    append(&open(&sim).unwrap().0, 3);
    let journal = FileJournal::open(Path::new(DIR), options(&sim), &mut Anything).unwrap().0;
    for sequence in 4..=14 {
        let mut other = body(sequence);
        for byte in &mut other {
            *byte ^= 0x40;
        }
        other.resize(other.len() + longer, 7);
        let group = Group { time_ms: time_ms(sequence), payloads: &[Payload::new(&other)] };
        journal.append(sequence - 1, &group).unwrap();
        journal.pump();
    }
    (sim, journal)
}

/// The same, compacted.
fn another_life(longer: usize) -> SimVfs {
    let (sim, journal) = lived_otherwise(longer);
    snap(&journal, 14).unwrap();
    let compaction = Compaction { drop_through: 10, ..Compaction::default() };
    journal.compact(&compaction, &KeepAll).unwrap();
    sim
}

#[test]
fn a_segment_of_another_life_is_no_successor() {
    let sim = SimVfs::new();
    append(&open(&sim).unwrap().0, 14);
    let other = lived_otherwise(0).0;
    let ours = files(&sim, "seg");
    assert_eq!(ours, files(&other, "seg"), "of the same names");
    let mut tried = 0;
    for path in ours.iter().filter(|path| numbers(path).1 > 4) {
        // From there on all is of the other life, and continues itself.
        let image = sim.fork();
        for later in ours.iter().filter(|later| *later >= path) {
            image.put(later, &other.read_all(later).unwrap());
        }
        let refused = FileJournal::open(Path::new(DIR), options(&image), &mut Anything);
        assert!(matches!(refused, Err(OpenError::Corrupt(_))), "{}", path.display());
        assert!(!verified(&image).is_good());
        tried += 1;
    }
    assert!(tried > 2);
}

#[test]
fn a_segment_of_another_life_that_a_snapshot_covers_is_not_answered_with() {
    let sim = SimVfs::new();
    let (journal, _) = open(&sim).unwrap();
    append(&journal, 14);
    snap(&journal, 12).unwrap();
    drop(journal);
    let other = lived_otherwise(0).0;
    let mut tried = 0;
    for path in files(&sim, "seg").iter().filter(|path| (4..11).contains(&numbers(path).1)) {
        let image = sim.fork();
        image.put(path, &other.read_all(path).unwrap());
        let (journal, recovery) = open(&image).unwrap();
        assert_eq!(recovery.snapshot.unwrap().sequence, 12, "no other segment was read");
        let records: Vec<_> = journal.read(1).unwrap().collect();
        for record in records.iter().filter_map(|record| record.as_ref().ok()) {
            assert_eq!(record.payload, body(record.sequence), "of another life");
        }
        let refused = records.last().unwrap();
        assert!(matches!(refused, Err(ReadError::Corrupt { .. })), "{refused:?}");
        // Whoever begins in it hears at its end.
        let within: Vec<_> = journal.read(numbers(path).1).unwrap().collect();
        let refused = within.last().unwrap();
        assert!(matches!(refused, Err(ReadError::Corrupt { .. })), "{refused:?}");
        tried += 1;
    }
    assert!(tried > 2);
}

#[test]
fn a_header_whose_second_copy_is_of_another_life_is_refused_and_told() {
    let sim = SimVfs::new();
    append(&open(&sim).unwrap().0, 14);
    let other = lived_otherwise(0).0;
    let path = files(&sim, "seg").into_iter().find(|path| numbers(path).1 > 4).unwrap();
    for at in [0, 4_096] {
        let image = sim.fork();
        let mut bytes = sim.read_all(&path).unwrap();
        bytes[at..at + 4_096].copy_from_slice(&other.read_all(&path).unwrap()[at..at + 4_096]);
        image.put(&path, &bytes);
        let Err(OpenError::Corrupt(damage)) = open(&image) else { panic!("copy at {at}") };
        assert!(damage.why.contains("copies"), "{damage}");
        assert!(!verified(&image).is_good(), "copy at {at}");
    }
}

#[test]
fn bytes_behind_the_last_batch_of_a_sealed_segment_are_refused_in_any_block() {
    let sim = SimVfs::new();
    let options = |sim: &SimVfs| Options { segment_bytes: 64 << 10, ..options(sim) };
    let journal = FileJournal::open(Path::new(DIR), options(&sim), &mut Anything).unwrap().0;
    // Five blocks each: of a segment's fourteen the last four stay free.
    for sequence in 1..=3 {
        let payload = vec![0x5a; 17 << 10];
        let group = Group { time_ms: time_ms(sequence), payloads: &[Payload::new(&payload)] };
        journal.append(sequence - 1, &group).unwrap();
        journal.pump();
    }
    drop(journal);
    let [sealed, _last] = &files(&sim, "seg")[..] else { panic!("two segments") };
    let good = sim.read_all(sealed).unwrap();
    let end = good.iter().rposition(|byte| *byte != 0).unwrap() / 4_096 * 4_096 + 4_096;
    assert_eq!(good.len() - end, 4 * 4_096);
    for block in (end..good.len()).step_by(4_096) {
        let image = sim.fork();
        let mut bytes = good.clone();
        bytes[block + 1_000] = 1;
        image.put(sealed, &bytes);
        let opened = FileJournal::open(Path::new(DIR), options(&image), &mut Anything);
        let Err(OpenError::Corrupt(damage)) = opened else { panic!("block at {block}") };
        assert_eq!(damage.offset, u64::try_from(block).unwrap(), "{damage}");
    }
}

#[test]
fn a_segment_that_a_snapshot_covers_is_left_to_verify() {
    let sim = SimVfs::new();
    let (journal, _) = open(&sim).unwrap();
    append(&journal, 14);
    snap(&journal, 12).unwrap();
    drop(journal);
    let first = files(&sim, "seg").remove(0);
    let mut bytes = sim.read_all(&first).unwrap();
    bytes[8_192 + 200] ^= 1;
    sim.put(&first, &bytes);
    let (_, recovery) = open(&sim.fork()).unwrap();
    assert_eq!(recovery.snapshot.unwrap().sequence, 12);
    assert!(!verified(&sim).is_good());
}

#[test]
fn a_manifest_with_a_byte_too_many_is_refused() {
    let (sim, journal) = ledger();
    drop(journal);
    let manifest = PathBuf::from(DIR).join("MANIFEST");
    let mut bytes = sim.read_all(&manifest).unwrap();
    bytes.push(0);
    sim.put(&manifest, &bytes);
    let Err(OpenError::Corrupt(damage)) = open(&sim) else { panic!("it was taken") };
    assert!(damage.why.contains("length"), "{damage}");
}

#[test]
fn an_archive_of_another_life_of_the_ledger_is_not_answered_with() {
    let (sim, journal) = ledger();
    compact(&journal, 10).unwrap();
    drop(journal);
    let other = another_life(0);
    let swapped: Vec<_> = files(&sim, "arc")
        .into_iter()
        .filter_map(|path| other.read_all(&path).map(|bytes| (path, bytes)))
        .filter(|(path, _)| numbers(path).1 > 3)
        .collect();
    assert!(swapped.len() > 1, "{swapped:?}");
    for (path, bytes) in swapped {
        let image = sim.fork();
        image.put(&path, &bytes);
        let (journal, _) = open(&image).unwrap();
        for read in [journal.read_kept(1), journal.posted(&[b"ada"])] {
            let mut last = None;
            for record in read.unwrap() {
                if let Ok(record) = &record {
                    assert_eq!(record.payload, body(record.sequence), "of another life");
                }
                last = Some(record);
            }
            let told = matches!(last, Some(Err(ReadError::Corrupt { .. })));
            assert!(told, "{}: {last:?}", path.display());
        }
        assert!(!verified(&image).is_good());
    }
}

/// The number and the first sequence in a name like `000002-4.arc`.
fn numbers(path: &Path) -> (u64, u64) {
    let stem = path.file_stem().unwrap().to_string_lossy();
    let (number, first) = stem.split_once('-').unwrap();
    (number.parse().unwrap(), first.parse().unwrap())
}

#[test]
fn verifying_refuses_what_an_opening_refuses_a_manifest_of_another_life() {
    let manifest = PathBuf::from(DIR).join("MANIFEST");
    let (sim, journal) = ledger();
    compact(&journal, 10).unwrap();
    drop(journal);
    let ours = files(&sim, "seg").remove(0);
    let mut tried = 0;
    for longer in (500..4_000).step_by(500) {
        let other = another_life(longer);
        let theirs = files(&other, "seg").remove(0);
        // Only the sequence differs.
        if numbers(&ours).0 == numbers(&theirs).0 && ours != theirs {
            let image = sim.fork();
            image.put(&manifest, &other.read_all(&manifest).unwrap());
            assert!(matches!(open(&image), Err(OpenError::Corrupt(_))));
            assert!(!verified(&image).is_good(), "{longer}");
            tried += 1;
        }
    }
    assert!(tried > 0);
}

#[test]
fn verifying_asks_a_later_watermark_behind_a_segment_that_is_full() {
    let watermark = PathBuf::from(DIR).join("WATERMARK");
    // More records in as many segments, for they are smaller and came in one batch.
    let other = SimVfs::new();
    let (journal, _) = open(&other).unwrap();
    let group = Group { time_ms: time_ms(1), payloads: &[Payload::new(b"small"); 8] };
    journal.append(0, &group).unwrap();
    journal.pump();
    assert_eq!(files(&other, "seg").len(), 1);
    drop(journal);
    let sim = SimVfs::new();
    let (journal, _) = open(&sim).unwrap();
    while is_blank_at_its_end(&sim) {
        append(&journal, 1);
    }
    assert_eq!((files(&sim, "seg").len(), journal.durable() < 8), (1, true));
    drop(journal);
    let image = sim.fork();
    image.put(&watermark, &other.read_all(&watermark).unwrap());
    assert!(matches!(open(&image.fork()), Err(OpenError::Corrupt(_))));
    assert!(!verified(&image).is_good());
}

#[test]
fn a_watermark_that_changed_places_with_what_it_speaks_of_is_heard() {
    let watermark = PathBuf::from(DIR).join("WATERMARK");
    let mut swapped = 0;
    for bytes in [9_000, 14_000, 22_000] {
        let sim = SimVfs::new();
        let open = |sim: &SimVfs| {
            let options = Options { segment_bytes: 64 << 10, ..options(sim) };
            FileJournal::open(Path::new(DIR), options, &mut Anything)
        };
        let (journal, _) = open(&sim).unwrap();
        for sequence in 1..=2 {
            let large = vec![0x5a; bytes];
            let group = Group { time_ms: time_ms(sequence), payloads: &[Payload::new(&large)] };
            journal.append(sequence - 1, &group).unwrap();
            journal.pump();
        }
        drop(journal);
        let path = files(&sim, "seg").remove(0);
        let (slots, data) = (sim.read_all(&watermark).unwrap(), sim.read_all(&path).unwrap());
        let end = data.iter().rposition(|byte| *byte != 0).unwrap();
        for (slot, at) in [0, 4_096].into_iter().zip([end / 4_096 * 4_096; 2]) {
            let image = sim.fork();
            let (mut slots, mut data) = (slots.clone(), data.clone());
            data[at..at + 4_096].swap_with_slice(&mut slots[slot..slot + 4_096]);
            image.put(&watermark, &slots);
            image.put(&path, &data);
            let refused = match open(&image) {
                Err(OpenError::Corrupt(damage)) => damage,
                answer => panic!("slot {slot}, {bytes} bytes: {answer:?}"),
            };
            assert!(matches!(refused.evidence, Evidence::Watermark { durable: 2 }), "{refused}");
            swapped += 1;
        }
    }
    assert_eq!(swapped, 6);
}

fn is_blank_at_its_end(sim: &SimVfs) -> bool {
    let last = files(sim, "seg").pop().and_then(|path| sim.read_all(&path)).unwrap();
    last[last.len() - 4_096..].iter().all(|byte| *byte == 0)
}
