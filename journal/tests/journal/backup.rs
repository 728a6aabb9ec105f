//! Backups beside a writer and without one, what a power cut leaves of them, and the way back.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use passbook_journal::sim::{CallKind, Fault, SimVfs, Times};
use passbook_journal::{
    BackupError, Create, Durability, FileJournal, Journal, OpenError, Options, Progress,
    WriterState, restore, restore_with,
};

use crate::ledger::{DIR, options, picture};
use crate::shelved::{
    append, check_kept, compact, open, open_in, retain, snap, time_ms, verified, verified_in,
};

const INTO: &str = "/backup";
const SEED: u64 = 0xBAC;

/// Stubs, archives, snapshots and several segments; the last record is @17.
fn ledger() -> (SimVfs, FileJournal) {
    let sim = SimVfs::new();
    let (journal, _) = open(&sim).unwrap();
    append(&journal, 12);
    compact(&journal, 8).unwrap();
    retain(&journal, time_ms(4)).unwrap();
    append(&journal, 3);
    snap(&journal, 15).unwrap();
    append(&journal, 2);
    (sim, journal)
}

fn never(sim: &SimVfs) -> Options {
    Options { create: Create::Never, ..options(sim) }
}

/// Opens a copy: it must hold all records up to `through`, and be good to the last byte.
#[track_caller]
fn check_copy(sim: &SimVfs, dir: &str, through: u64, what: &str) {
    let report = verified_in(Path::new(dir), sim);
    assert!(report.is_good(), "{what}: {:?}", report.damages);
    let (journal, recovery) = open_in(Path::new(dir), never(sim)).unwrap();
    assert_eq!((journal.durable(), report.chain), (through, Some(recovery.chain)), "{what}");
    assert!(recovery.closed_cleanly && recovery.rewritten_bytes == 0, "{what}: {recovery:?}");
    check_kept(&journal, what);
    assert_eq!(append(&journal, 3), through + 3, "{what}: it is a ledger");
    drop(journal);
    assert!(verified_in(Path::new(dir), sim).is_good(), "{what}");
}

fn files_in(sim: &SimVfs, dir: &str) -> Vec<(PathBuf, u64)> {
    let files = sim.files().into_iter().filter(|path| path.starts_with(dir));
    files.map(|path| (path.clone(), bytes_of(sim, &path))).collect()
}

fn bytes_of(sim: &SimVfs, path: &Path) -> u64 {
    u64::try_from(sim.read_all(path).unwrap().len()).unwrap()
}

#[test]
fn a_backup_is_the_ledger_as_it_was_and_shares_only_what_never_changes() {
    let (sim, journal) = ledger();
    // Queued, but not durable.
    let body = passbook_journal::Payload::new(b"x");
    let late = passbook_journal::Group { time_ms: 9_999, payloads: &[body] };
    journal.append(17, &late).unwrap();
    let info = journal.backup(Path::new(INTO)).unwrap();
    assert_eq!((info.sequence, info.time_ms), (17, time_ms(17)));
    assert_eq!(info.path, Path::new(INTO));
    let files = files_in(&sim, INTO);
    assert_eq!(info.files, u64::try_from(files.len()).unwrap());
    assert_eq!(info.bytes, files.iter().map(|(_, bytes)| bytes).sum::<u64>());
    assert!(info.linked_bytes > 0 && info.linked_bytes < info.bytes, "{info:?}");
    let before = picture(&sim.fork());
    check_copy(&sim, INTO, 17, "the backup");
    let source = |picture: Vec<(PathBuf, Vec<u8>)>| {
        picture.into_iter().filter(|(path, _)| path.starts_with(DIR)).collect::<Vec<_>>()
    };
    assert_eq!(source(picture(&sim)), source(before), "the source is untouched");
}

#[test]
fn what_the_source_does_later_is_nothing_to_the_backup() {
    let (sim, journal) = ledger();
    journal.backup(Path::new(INTO)).unwrap();
    append(&journal, 9);
    compact(&journal, u64::MAX).unwrap();
    retain(&journal, u64::MAX).unwrap();
    check_copy(&sim, INTO, 17, "after the source went on");
}

#[test]
fn a_backup_and_a_restore_say_how_far_they_are() {
    let (sim, journal) = ledger();
    let heard = std::cell::RefCell::new(Vec::new());
    let told = |at: Progress| heard.borrow_mut().push((at.done_bytes, at.total_bytes));
    let rises_to_its_end = || {
        let heard = heard.take();
        let total = heard.last().unwrap().1;
        assert!(heard.is_sorted() && heard.iter().all(|(_, whole)| *whole == total));
        assert_eq!(heard.last().unwrap().0, total, "{heard:?}");
        (total, heard.len())
    };
    let info = Journal::backup_with(&journal, Path::new(INTO), &told).unwrap();
    let (total, steps) = rises_to_its_end();
    let small = info.bytes - total;
    assert!(small < 16 << 10 && steps > 4, "{steps} steps, {small} bytes of WATERMARK and such");
    restore_with(Path::new(INTO), Path::new("/then"), Arc::new(sim), &told).unwrap();
    assert_eq!(rises_to_its_end().0, total);
}

#[test]
fn across_file_systems_everything_is_copied() {
    let (sim, journal) = ledger();
    let first = sim.calls() + calls_before_first_link(&sim);
    sim.fail_at(first, Fault::Error(ErrorKind::CrossesDevices), Times::ForEver);
    let info = journal.backup(Path::new(INTO)).unwrap();
    assert_eq!((info.sequence, info.linked_bytes), (17, 0));
    sim.heal();
    check_copy(&sim, INTO, 17, "copied");
}

/// Calls of a backup up to its first link.
fn calls_before_first_link(sim: &SimVfs) -> u64 {
    let probe = sim.fork();
    let (journal, _) = open(&probe).unwrap();
    let before = probe.calls();
    probe.record_calls();
    journal.backup(Path::new(INTO)).unwrap();
    let log = probe.call_log();
    log.iter().find(|call| call.kind == CallKind::HardLink).unwrap().number - before
}

#[test]
fn a_target_that_holds_anything_is_refused() {
    let (sim, journal) = ledger();
    sim.put(&Path::new(INTO).join("mine"), b"precious");
    let backup = |into: &str| journal.backup(Path::new(into));
    let refused = backup(INTO);
    assert!(
        matches!(&refused, Err(BackupError::NotEmpty { found, .. }) if found == "mine"),
        "{refused:?}"
    );
    assert!(matches!(backup("/ledger/backup"), Err(BackupError::Inside { .. })));
    assert!(matches!(backup("/no/such"), Err(BackupError::Io(_))));
    let info = backup("/new").unwrap();
    assert!(matches!(backup("/new"), Err(BackupError::NotEmpty { .. })));
    let vfs = Arc::new(sim);
    let again = restore(Path::new("/new"), Path::new(INTO), vfs.clone());
    assert!(matches!(again, Err(BackupError::NotEmpty { .. })));
    let missing = restore(Path::new("/nothing"), Path::new("/other"), vfs);
    let Err(BackupError::Source(cause)) = missing else { panic!("{missing:?}") };
    assert!(matches!(*cause, OpenError::Missing { .. }));
    assert_eq!(info.sequence, 17);
    journal.close().unwrap();
    assert!(matches!(backup("/late"), Err(BackupError::Closed)));
}

#[test]
fn a_reader_backs_up_what_is_provably_durable() {
    let (sim, journal) = ledger();
    let vfs = || Arc::new(sim.clone());
    let beside = FileJournal::open_read_only(Path::new(DIR), vfs()).unwrap();
    let info = beside.backup(Path::new(INTO)).unwrap();
    // The snapshot shows more than the watermark does.
    assert!((15..=17).contains(&info.sequence), "{info:?}");
    check_copy(&sim, INTO, info.sequence, "beside a writer");
    drop(journal);
    let alone = FileJournal::open_read_only(Path::new(DIR), vfs()).unwrap();
    assert_eq!(alone.backup(Path::new("/alone")).unwrap().sequence, 17);
    check_copy(&sim, "/alone", 17, "alone");
}

#[test]
fn a_buffered_journal_is_synced_for_its_backup() {
    let sim = SimVfs::new();
    let buffered = Options { durability: Durability::Buffered, ..options(&sim) };
    let (journal, _) = open_in(Path::new(DIR), buffered).unwrap();
    append(&journal, 3);
    assert_eq!(journal.backup(Path::new(INTO)).unwrap().sequence, 3);
    for image in sim.crash_images(16, SEED) {
        check_copy(&image, INTO, 3, "after a power cut");
    }
}

#[test]
fn a_damaged_ledger_gives_no_backup_that_would_not_open() {
    let (sim, journal) = ledger();
    drop(journal);
    let segments: Vec<_> =
        sim.files().into_iter().filter(|at| at.extension().is_some_and(|e| e == "seg")).collect();
    assert!(sim.flip(segments.last().unwrap(), 8 * (8192 + 200)));
    let reader = FileJournal::open_read_only(Path::new(DIR), Arc::new(sim.clone())).unwrap();
    let refused = reader.backup(Path::new(INTO));
    let Err(BackupError::Corrupt(damage)) = refused else { panic!("{refused:?}") };
    assert_eq!(&damage.path, segments.last().unwrap());
    let left = open_in(Path::new(INTO), options(&sim));
    assert!(matches!(left, Err(OpenError::Incomplete { .. })), "{left:?}");
}

/// Numbers of the calls that change something.
fn changes(sim: &SimVfs, act: impl Fn(&SimVfs)) -> Vec<u64> {
    let probe = sim.fork();
    probe.record_calls();
    act(&probe);
    probe.call_log().iter().filter(|call| call.kind.changes()).map(|call| call.number).collect()
}

/// After a cut in a copy: the source is whole, and the copy is whole or no ledger.
fn check_cut(image: &SimVfs, source: &str, target: &str, done: bool, what: &str) -> bool {
    let (journal, _) = open_in(Path::new(source), never(image))
        .unwrap_or_else(|error| panic!("{what}: the source is hurt: {error}"));
    assert!(journal.durable() >= 17, "{what}");
    check_kept(&journal, what);
    drop(journal);
    assert!(verified_in(Path::new(source), image).is_good(), "{what}");
    match open_in(Path::new(target), never(image)) {
        Ok((journal, _)) => {
            drop(journal);
            check_copy(image, target, 17, what);
            true
        }
        Err(OpenError::Missing { .. } | OpenError::Incomplete { .. }) => {
            assert!(!done, "{what}: it was reported as done");
            // Creating one there is refused too, unless nothing at all is there.
            let names = files_in(image, target);
            let created = open_in(Path::new(target), options(image)).is_ok();
            assert_eq!(created, names.is_empty(), "{what}: {names:?}");
            false
        }
        Err(error) => panic!("{what}: half a copy was taken for a ledger: {error}"),
    }
}

#[test]
fn no_power_cut_in_a_backup_hurts_the_source_or_makes_half_a_ledger() {
    let (sim, journal) = ledger();
    journal.close().unwrap();
    let act = |sim: &SimVfs| -> bool {
        let Ok((journal, _)) = open(sim) else { return false };
        journal.backup(Path::new(INTO)).is_ok()
    };
    cut_everywhere(&sim, DIR, INTO, &act);
}

#[test]
fn no_power_cut_in_a_restore_makes_half_a_ledger() {
    let (sim, journal) = ledger();
    journal.backup(Path::new(INTO)).unwrap();
    drop(journal);
    let act = |sim: &SimVfs| -> bool {
        restore(Path::new(INTO), Path::new("/restored"), Arc::new(sim.clone())).is_ok()
    };
    cut_everywhere(&sim, INTO, "/restored", &act);
}

fn cut_everywhere(
    sim: &SimVfs,
    source: &str,
    target: &str,
    act: &(impl Fn(&SimVfs) -> bool + Sync),
) {
    let cuts = changes(sim, |sim| assert!(act(sim)));
    let (next, whole, half) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        loop {
            let index = usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap();
            let Some(cut) = cuts.get(index).copied() else { return };
            let image = sim.fork();
            image.cut_at(cut);
            let done = act(&image);
            for (at, state) in image.crash_images(8, SEED + cut).enumerate() {
                let what = format!("cut {cut}, state {at}");
                let counter =
                    if check_cut(&state, source, target, done, &what) { &whole } else { &half };
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let (whole, half) = (whole.into_inner(), half.into_inner());
    println!("{} cuts, {whole} states with a whole copy, {half} with none", cuts.len());
    assert!(whole > 0 && half > 0);
}

#[test]
fn a_failing_call_in_a_backup_is_its_callers_error_and_no_more() {
    let (mut refused, mut count) = (0, 0);
    for fault in [Fault::Error(ErrorKind::StorageFull), Fault::ShortWrite, Fault::LosePages] {
        for number in 1.. {
            let (sim, journal) = ledger();
            let calls = sim.calls();
            sim.fail_at(calls + number, fault, Times::Once);
            let done = journal.backup(Path::new(INTO));
            if sim.calls() < calls + number {
                break;
            }
            sim.heal();
            let what = format!("{fault:?} at call {number}");
            assert!(matches!(journal.health().writer, WriterState::Healthy), "{what}");
            assert_eq!(append(&journal, 1), 18, "{what}");
            match done {
                Ok(info) => check_copy(&sim, INTO, info.sequence, &what),
                Err(_) => refused += 1,
            }
            count += 1;
        }
    }
    println!("{count} failures, {refused} told to who asked for the backup");
    assert!(refused > 0);
}

#[test]
fn a_restored_ledger_shares_nothing_with_its_backup() {
    let (sim, journal) = ledger();
    journal.backup(Path::new(INTO)).unwrap();
    drop(journal);
    let into = Path::new("/restored");
    let info = restore(Path::new(INTO), into, Arc::new(sim.clone())).unwrap();
    assert_eq!((info.sequence, info.time_ms), (17, time_ms(17)));
    assert_eq!(info.files, u64::try_from(files_in(&sim, "/restored").len()).unwrap());
    for (path, bytes) in files_in(&sim, INTO) {
        let _there = sim.flip(&path, bytes * 4);
    }
    check_copy(&sim, "/restored", 17, "restored");
    assert!(!verified(&sim).is_good(), "the source shares with the backup");
}
