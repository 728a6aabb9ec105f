//! Snapshots that stay beside the newest two, for the past.

use std::path::Path;

use passbook_journal::sim::SimVfs;
use passbook_journal::{FileJournal, Journal};

use crate::ledger::DIR;
use crate::shelved::{append, check_kept, compact, open, open_in, retain, snap, time_ms, verified};

/// The tests' spacing is five records: of these six snapshots 6 and 12 stay beside 20 and 19.
fn specimen() -> (SimVfs, FileJournal) {
    let sim = SimVfs::new();
    let (journal, _) = open(&sim).unwrap();
    for at in [3, 6, 9, 12, 19, 20] {
        append(&journal, at - journal.durable());
        snap(&journal, at).unwrap();
    }
    (sim, journal)
}

fn sequences(journal: &FileJournal) -> Vec<u64> {
    journal.snapshots().unwrap().iter().map(|info| info.sequence).collect()
}

#[test]
fn older_snapshots_stay_behind_a_compaction_and_opening_relies_on_none_of_them() {
    let (sim, journal) = specimen();
    assert_eq!(sequences(&journal), [20, 19, 12, 6]);
    let first = compact(&journal, 19).unwrap().sequence_first;
    assert!(first > 13, "{first}");
    assert!(journal.open_snapshot(6).is_ok());
    check_kept(&journal, "compacted");
    assert!(verified(&sim).is_good(), "they are a part of the ledger");
    drop(journal);
    let (journal, recovery) = open(&sim).unwrap();
    assert_eq!((recovery.snapshot.unwrap().sequence, recovery.snapshots_bad), (20, Vec::new()));
    assert_eq!(sequences(&journal), [20, 19, 12, 6]);
    drop(journal);
    // Without the newest two, the records behind the others are missing.
    for newest in ["snap/20.snap", "snap/19.snap"] {
        assert!(sim.flip(&Path::new(DIR).join(newest), 8 * 4_100));
    }
    let error = open(&sim).unwrap_err().to_string();
    assert!(error.contains("20.snap") && error.contains("restore a backup"), "{error}");
}

#[test]
fn they_go_with_the_retention_also_if_that_was_cut_short() {
    let (sim, journal) = specimen();
    compact(&journal, 19).unwrap();
    let six = Path::new(DIR).join("snap/6.snap");
    let bytes = sim.read_all(&six).unwrap();
    let kept_first = retain(&journal, time_ms(11)).unwrap().kept_first;
    assert!((8..=11).contains(&kept_first), "{kept_first}");
    assert_eq!(sequences(&journal), [20, 19, 12]);
    drop(journal);
    sim.put(&six, &bytes);
    let (journal, _) = open(&sim).unwrap();
    assert_eq!(sequences(&journal), [20, 19, 12]);
    check_kept(&journal, "reopened");
}

#[test]
fn a_backup_has_the_newest_two() {
    let (sim, journal) = specimen();
    journal.backup(Path::new("/copy")).unwrap();
    let (copy, _) = open_in(Path::new("/copy"), crate::ledger::options(&sim)).unwrap();
    assert_eq!(sequences(&copy), [20, 19]);
}
