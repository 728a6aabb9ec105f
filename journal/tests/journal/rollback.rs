//! An older copy put in place of a newer ledger: refused, unless a person accepts what is lost.

use std::path::{Path, PathBuf};

use passbook_journal::sim::SimVfs;
use passbook_journal::{Evidence, FileJournal, OpenError, Options, Recovery};

use crate::ledger::{DIR, options, picture};
use crate::shelved::{append, check_kept, open, open_in, snap, verified};

fn file(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// The files after `older` records, beside the watermark after `newer` more; snapshots too, if
/// asked for.
fn rolled_back(older: u64, newer: u64, keep: &[&str]) -> SimVfs {
    let sim = SimVfs::new();
    let (journal, _) = open(&sim).unwrap();
    append(&journal, older);
    drop(journal);
    let image = SimVfs::new();
    for (path, bytes) in picture(&sim) {
        image.put(&path, &bytes);
    }
    let (journal, _) = open(&sim).unwrap();
    let last = append(&journal, newer);
    snap(&journal, last).unwrap();
    drop(journal);
    for (path, bytes) in picture(&sim) {
        if keep.iter().any(|name| path.to_string_lossy().ends_with(name)) {
            image.put(&path, &bytes);
        }
    }
    image
}

fn accept(sim: &SimVfs) -> Result<(FileJournal, Recovery), OpenError> {
    open_in(Path::new(DIR), Options { accept_rollback: true, ..options(sim) })
}

#[track_caller]
fn check(sim: &SimVfs, durable: u64, last: u64, copies: usize) {
    let before = picture(sim);
    let refused = open(sim);
    let Err(OpenError::Corrupt(damage)) = refused else { panic!("{refused:?}") };
    assert!(damage.why.contains("accept_rollback"), "{damage}");
    assert!(
        matches!(damage.evidence, Evidence::Watermark { durable: at } | Evidence::Snapshot { sequence: at } if at == durable)
    );
    assert_eq!(picture(sim), before, "nothing was written");
    let (journal, recovery) = accept(sim).unwrap();
    let aside = recovery.rolled_back.unwrap();
    assert_eq!((aside.durable, recovery.sequence_last), (durable, last));
    assert_eq!(aside.quarantine.len(), copies);
    for copy in &aside.quarantine {
        assert!(before.iter().any(|(_, bytes)| sim.read_all(copy).as_ref() == Some(bytes)));
    }
    assert_eq!(append(&journal, 2), last + 2);
    check_kept(&journal, "it goes on");
    drop(journal);
    assert!(open(sim).unwrap().1.rolled_back.is_none());
    assert!(verified(sim).is_good());
    assert!(accept(sim).unwrap().1.rolled_back.is_none(), "there is nothing to accept any more");
}

#[test]
fn an_older_copy_is_refused_unless_the_rollback_is_accepted() {
    // In the same segment, and segments behind.
    check(&rolled_back(1, 1, &["WATERMARK"]), 2, 1, 1);
    check(&rolled_back(3, 9, &["WATERMARK"]), 12, 3, 1);
    // With a snapshot of what is lost; with nothing else.
    check(&rolled_back(3, 9, &["WATERMARK", ".snap"]), 12, 3, 2);
    check(&rolled_back(3, 9, &[".snap"]), 12, 3, 1);
}

#[test]
fn damage_is_not_accepted_as_a_rollback() {
    let sim = rolled_back(5, 0, &["WATERMARK"]);
    let first = file("journal/000001-1.seg");
    assert!(sim.flip(&first, 8 * (8192 + 300)));
    assert!(matches!(accept(&sim), Err(OpenError::Corrupt(_) | OpenError::Ambiguous(_))));
}

#[test]
fn a_power_cut_in_an_accepted_rollback_changes_nothing_about_it() {
    let mut states = 0;
    for cut in 1.. {
        let sim = rolled_back(3, 9, &["WATERMARK", ".snap"]);
        sim.cut_at(cut);
        drop(accept(&sim));
        if !sim.is_off() {
            break;
        }
        for image in sim.crash_images(8, cut) {
            let (journal, recovery) = accept(&image).unwrap();
            assert_eq!(recovery.sequence_last, 3, "cut {cut}");
            check_kept(&journal, "after a cut");
            states += 1;
        }
    }
    println!("{states} states");
}
