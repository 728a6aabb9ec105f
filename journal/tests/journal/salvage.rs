//! Salvaging: everything outside what is damaged comes back, what is lost is named, and the
//! damaged ledger stays as it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use passbook_journal::sim::SimVfs;
use passbook_journal::{FileJournal, Journal, OpenError, SalvageReport, salvage};
use proptest::prelude::*;

use crate::ledger::{DIR, picture};
use crate::shelved::{append, body, compact, is_whole, open, retain, snap, time_ms};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// @1 to @4 or so are stubs, some are archived, the rest lies in several segments up to @24.
fn ledger() -> (SimVfs, Model) {
    let sim = SimVfs::new();
    let (journal, _) = open(&sim).unwrap();
    append(&journal, 12);
    compact(&journal, 9).unwrap();
    retain(&journal, time_ms(4)).unwrap();
    append(&journal, 12);
    snap(&journal, 20).unwrap();
    let model = Model::of(&journal);
    drop(journal);
    (sim, model)
}

/// Where each record lies: file, first byte, end.
struct Model {
    places: BTreeMap<u64, (PathBuf, u64, u64)>,
    removed: u64,
    leaves: Vec<u64>,
    last: u64,
}

impl Model {
    fn of(journal: &FileJournal) -> Self {
        let extent = journal.extent();
        let mut places = BTreeMap::new();
        for record in journal.read(extent.sequence_first).unwrap() {
            let record = record.unwrap();
            let place = record.place.unwrap();
            let content = 192 + 16 + u64::try_from(record.payload.len()).unwrap();
            let end = place.batch_offset + content.next_multiple_of(4096);
            places.insert(record.sequence, (place.segment, place.batch_offset, end));
        }
        let archived = extent.kept_first..extent.sequence_first;
        let leaves = archived.filter(|sequence| !is_whole(*sequence)).collect();
        Self { places, removed: extent.kept_first - 1, leaves, last: journal.durable() }
    }
}

/// Salvages, and checks the report against what was given and what was there.
#[track_caller]
fn check(sim: &SimVfs, model: &Model, what: &str) -> (Vec<u64>, SalvageReport) {
    let before = sim.files().len();
    let picture_before = picture(sim);
    let mut given = Vec::new();
    let report = salvage(Path::new(DIR), Arc::new(sim.clone()), &mut |record| {
        assert_eq!(record.payload, body(record.sequence), "{what}: @{}", record.sequence);
        assert_eq!(record.time_ms, time_ms(record.sequence), "{what}");
        assert!(record.group_first, "{what}");
        given.push(record.sequence);
        Ok(())
    });
    let report = report.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!((before, picture_before), (sim.files().len(), picture(sim)), "{what}: unchanged");
    assert!(given.is_sorted_by(|one, two| one < two), "{what}: in order, each once: {given:?}");
    assert_eq!(report.kept, u64::try_from(given.len()).unwrap(), "{what}");
    // Every sequence is exactly one of kept, lost, a leaf, removed.
    let mut all: Vec<u64> = given.clone();
    for ranges in [&report.lost, &report.leaves, &report.removed] {
        assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{what}: {ranges:?}");
        all.extend(ranges.iter().flat_map(|(first, last)| *first..=*last));
    }
    all.sort_unstable();
    assert_eq!(all, (1..=report.highest).collect::<Vec<_>>(), "{what}: {report:?}");
    assert!(report.highest <= model.last, "{what}: {report:?}");
    // Of records at the very end whose every witness is gone nobody can know.
    if report.highest == model.last {
        assert_eq!(report.lost.is_empty(), all_there(model, &given, &report), "{what}");
    }
    (given, report)
}

fn all_there(model: &Model, given: &[u64], report: &SalvageReport) -> bool {
    let leaves: u64 = report.leaves.iter().map(|(first, last)| last - first + 1).sum();
    let removed: u64 = report.removed.iter().map(|(first, last)| last - first + 1).sum();
    u64::try_from(given.len()).unwrap() + leaves + removed == model.last
}

/// The files, changed by `change`, in a new file system.
fn changed(sim: &SimVfs, change: impl FnOnce(&mut Files)) -> SimVfs {
    let mut files: Files = picture(sim).into_iter().collect();
    change(&mut files);
    let image = SimVfs::new();
    for (path, bytes) in &files {
        image.put(path, bytes);
    }
    image
}

fn named(files: &Files, end: &str) -> Vec<PathBuf> {
    files.keys().filter(|path| path.to_string_lossy().ends_with(end)).cloned().collect()
}

#[test]
fn a_segment_that_lacks_only_zeros_behind_a_batch_loses_nothing() {
    let (sim, model) = ledger();
    let (path, begins, end) = model.places[&model.last].clone();
    // Behind the batch's content, but within its last block.
    let cut = usize::try_from(end - 1).unwrap();
    let image = changed(&sim, |files| files.get_mut(&path).unwrap().truncate(cut));
    let (given, report) = check(&image, &model, "cut in the padding");
    assert!(end - begins >= 4096 && !report.damages.is_empty());
    assert_eq!(given.last(), Some(&model.last));
}

#[test]
fn a_name_that_claims_every_segment_there_could_be_is_one_name() {
    let (sim, model) = ledger();
    let name = format!("archive/000001-{}-1.stub", u64::MAX);
    sim.put(&Path::new(DIR).join(name), b"no header");
    let (given, report) = check(&sim, &model, "a forged stub");
    assert!(given.contains(&model.last) && !report.damages.is_empty());
}

#[test]
fn a_whole_ledger_is_given_whole() {
    let (sim, model) = ledger();
    let (given, report) = check(&sim, &model, "whole");
    assert_eq!((report.damages.clone(), report.lost.clone()), (Vec::new(), Vec::new()));
    let leaf = |sequence: &u64| model.leaves.contains(sequence);
    let expected: Vec<u64> = (model.removed + 1..=model.last).filter(|at| !leaf(at)).collect();
    assert_eq!((given, report.highest), (expected, 24));
    assert_eq!(report.removed, [(1, model.removed)]);
    assert_eq!(report.leaves.len(), model.leaves.len());
}

#[test]
fn manifest_watermark_and_one_copy_of_each_header_may_be_gone() {
    let (sim, model) = ledger();
    let (whole, _) = check(&sim, &model, "whole");
    for copy in [0..4096, 4096..8192] {
        let image = changed(&sim, |files| {
            files.retain(|path, _| !path.ends_with("MANIFEST") && !path.ends_with("WATERMARK"));
            for path in named(files, ".seg") {
                files.get_mut(&path).unwrap()[copy.clone()].fill(0);
            }
        });
        let (given, report) = check(&image, &model, "without");
        assert_eq!((given, report.lost), (whole.clone(), Vec::new()));
        assert!(report.damages.len() > named(&picture(&sim).into_iter().collect(), ".seg").len());
    }
}

#[test]
fn a_missing_file_costs_its_records_and_no_others() {
    let (sim, model) = ledger();
    let files: Files = picture(&sim).into_iter().collect();
    let (whole, _) = check(&sim, &model, "whole");
    for path in files.keys() {
        let what = path.display().to_string();
        let image = changed(&sim, |files| drop(files.remove(path)));
        let (given, report) = check(&image, &model, &what);
        let is_here = |sequence: &u64| model.places.get(sequence).is_some_and(|at| at.0 == *path);
        if path.extension().is_some_and(|found| found == "arc") {
            assert!(given.len() < whole.len() && !report.damages.is_empty(), "{what}");
        } else {
            let expected: Vec<u64> = whole.iter().filter(|at| !is_here(at)).copied().collect();
            assert_eq!(given, expected, "{what}");
            let lost = whole.len() - given.len();
            assert_eq!(lost > 0, !report.lost.is_empty(), "{what}");
            assert!(lost == 0 || !report.damages.is_empty(), "{what}");
        }
        assert_eq!(report.highest, 24, "{what}");
    }
}

#[test]
fn records_in_a_segment_and_its_archive_are_given_once_and_whole() {
    let (before, _) = ledger_before_compaction();
    let (after, model) = ledger();
    // What a compaction had no time to remove.
    let image = changed(&after, |files| {
        for (path, bytes) in picture(&before) {
            if path.extension().is_some_and(|found| found == "seg") {
                files.entry(path).or_insert(bytes);
            }
        }
    });
    let (given, report) = check(&image, &model, "both");
    assert_eq!(given, (1..=24).collect::<Vec<_>>());
    assert_eq!((report.leaves, report.removed, report.lost), (vec![], vec![], vec![]));
}

/// The same ledger when nothing had left the journal.
fn ledger_before_compaction() -> (SimVfs, u64) {
    let sim = SimVfs::new();
    let (journal, _) = open(&sim).unwrap();
    let last = append(&journal, 12);
    drop(journal);
    (sim, last)
}

#[test]
fn what_is_no_ledger_is_refused() {
    let sim = SimVfs::new();
    let salvaged = |sim: &SimVfs| salvage(Path::new(DIR), Arc::new(sim.clone()), &mut |_| Ok(()));
    assert!(matches!(salvaged(&sim), Err(OpenError::Missing { .. })));
    sim.put(&Path::new(DIR).join("journal/000001-1.seg"), &vec![7; 40_000]);
    assert!(matches!(salvaged(&sim), Err(OpenError::Corrupt(_))));
    let (sim, _) = ledger();
    let stopped = salvage(Path::new(DIR), Arc::new(sim), &mut |_| Err("enough".into()));
    assert!(matches!(stopped, Err(OpenError::Visit(_))));
}

/// One way to damage a file, by shares of its length.
#[derive(Debug, Clone)]
enum Harm {
    Flip(f64),
    ZeroBlocks(f64, u64),
    Garbage(f64, u64, u8),
    Truncate(f64),
    Remove,
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        4 => (0.0..1.0).prop_map(Harm::Flip),
        3 => (0.0..1.0, 1_u64..4).prop_map(|(at, count)| Harm::ZeroBlocks(at, count)),
        2 => (0.0..1.0, 1_u64..9000, any::<u8>()).prop_map(|(at, n, byte)| Harm::Garbage(at, n, byte)),
        1 => (0.0..1.0).prop_map(Harm::Truncate),
        1 => Just(Harm::Remove),
    ]
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a small length"
)]
fn share(length: usize, at: f64) -> usize {
    ((length as f64 * at) as usize).min(length.saturating_sub(1))
}

/// Harms a file; the range of bytes that may differ.
fn apply(files: &mut Files, path: &Path, harm: &Harm) -> std::ops::Range<usize> {
    let Some(bytes) = files.get_mut(path) else { return 0..usize::MAX };
    let length = bytes.len();
    if length == 0 {
        return 0..0;
    }
    match harm {
        Harm::Flip(at) => {
            let at = share(length * 8, *at);
            bytes[at / 8] ^= 1 << (at % 8);
            at / 8..at / 8 + 1
        }
        Harm::ZeroBlocks(at, count) => {
            let from = share(length, *at) / 4096 * 4096;
            let until = length.min(from + 4096 * usize::try_from(*count).unwrap());
            bytes[from..until].fill(0);
            from..until
        }
        Harm::Garbage(at, count, byte) => {
            let from = share(length, *at);
            let until = length.min(from + usize::try_from(*count).unwrap());
            bytes[from..until].fill(*byte);
            from..until
        }
        Harm::Truncate(at) => {
            let from = share(length, *at);
            bytes.truncate(from);
            from..length
        }
        Harm::Remove => {
            drop(files.remove(path));
            0..length
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn everything_outside_the_damage_is_kept(
        harms in proptest::collection::vec((any::<proptest::sample::Index>(), harm()), 1..5)
    ) {
        let (sim, model) = ledger();
        let whole = check(&sim, &model, "whole").0;
        let mut touched: Vec<(PathBuf, std::ops::Range<usize>)> = Vec::new();
        let image = changed(&sim, |files| {
            let paths: Vec<PathBuf> = files.keys().cloned().collect();
            for (index, harm) in &harms {
                let path = index.get(&paths);
                touched.push((path.clone(), apply(files, path, harm)));
            }
        });
        let is_touched = |path: &Path, from: u64, until: u64| {
            touched.iter().any(|(touched, range)| {
                let (from, until) = (usize::try_from(from).unwrap(), usize::try_from(until).unwrap());
                touched == path && range.start < until && from < range.end
            })
        };
        let headers_gone = |path: &Path| is_touched(path, 0, 4096) && is_touched(path, 4096, 8192);
        let (given, report) = check(&image, &model, &format!("{touched:?}"));
        for sequence in &whole {
            let there = match model.places.get(sequence) {
                Some((path, from, until)) => {
                    !headers_gone(path) && !is_touched(path, *from, *until)
                }
                // Archives of one block each: whole if their file wasn't touched.
                None => !touched.iter().any(|(path, _)| path.extension().is_some_and(|e| e == "arc")),
            };
            prop_assert!(!there || given.contains(sequence), "@{sequence}: {report:?}");
        }
    }
}
