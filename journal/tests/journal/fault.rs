//! Calls that fail: each one of a workload, once and for ever, in each way.
//!
//! Poisoned means for ever: nothing is acknowledged after the first failure in the middle of a
//! commit, reads go on, and the next opening finds everything that was acknowledged.

use std::io::ErrorKind;
use std::sync::Arc;

use passbook_journal::sim::{CallKind, Fault, SimVfs, Times};
use passbook_journal::{
    AppendError, CloseError, Group, Journal, OpenError, Options, Payload, ReadOnlyReason, Step,
    WriterState,
};

use crate::ledger::{Rig, SEGMENT_BYTES, open, options};

const FAULTS: [Fault; 4] = [
    Fault::Error(ErrorKind::Other),
    Fault::Error(ErrorKind::StorageFull),
    Fault::ShortWrite,
    Fault::LosePages,
];

/// Opens, appends with rotations, closes, opens again and appends once more.
fn run(rig: &mut Rig) {
    for life in 0..2 {
        if !rig.open() {
            return;
        }
        for lengths in [&[10][..], &[600, 20], &[3000], &[5]] {
            rig.append(lengths);
            rig.pump();
        }
        if life == 0 {
            rig.close();
        }
    }
}

#[test]
fn any_call_may_fail_and_nothing_acknowledged_is_lost() {
    let calls = {
        let mut rig = Rig::new(&SimVfs::new());
        run(&mut rig);
        rig.sim.calls()
    };
    let mut count = 0;
    for fault in FAULTS {
        for times in [Times::Once, Times::ForEver] {
            for number in 1..=calls {
                let what = format!("{fault:?} {times:?} at call {number}");
                let mut rig = Rig::new(&SimVfs::new());
                rig.sim.fail_at(number, fault, times);
                run(&mut rig);
                check_poison(&rig, &what);
                rig.sim.heal();
                // What is durable for sure, and what a reader of the caches would see.
                for image in [rig.sim.crash_images(1, 0).next().unwrap(), rig.sim.fork()] {
                    let (_, _, seen) =
                        open(&image).unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert!(seen.len() >= rig.acked(), "{what}");
                    assert!(rig.submitted.starts_with(&seen), "{what}");
                    count += 1;
                }
            }
        }
    }
    println!("{calls} calls, {} kinds of failure, {count} states opened", FAULTS.len() * 2);
}

/// A poisoned journal takes nothing, says why, and still reads what it acknowledged.
#[track_caller]
fn check_poison(rig: &Rig, what: &str) {
    let Some(journal) = &rig.journal else { return };
    if let WriterState::Poisoned(_) = journal.health().writer {
        let group = Group { time_ms: u64::MAX, payloads: &[Payload::new(b"late")] };
        let refused = journal.append(journal.head(), &group);
        assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{what}: {refused:?}");
        rig.sim.heal();
        assert!(matches!(journal.append(journal.head(), &group), Err(AppendError::Unavailable(_))));
        let read: Vec<_> = journal.read(1).unwrap().map(Result::unwrap).collect();
        assert_eq!(read.len(), usize::try_from(journal.durable()).unwrap(), "{what}");
        let told = rig.acks.failed.load(std::sync::atomic::Ordering::SeqCst);
        assert!(told, "{what}: the observer was not told");
        assert!(matches!(journal.close(), Err(CloseError::Poisoned(_))), "{what}");
    }
}

#[test]
fn a_failed_sync_poisons_for_ever_even_if_the_next_would_succeed() {
    let mut rig = Rig::new(&SimVfs::new());
    assert!(rig.open() && rig.append(&[10]));
    rig.pump();
    rig.sim.record_calls();
    assert!(rig.append(&[20]));
    // After an open and a write.
    rig.sim.fail_at(rig.sim.calls() + 3, Fault::LosePages, Times::Once);
    rig.pump();
    assert_eq!(rig.sim.call_log()[2].kind, CallKind::Sync);
    assert!(!rig.append(&[30]));
    assert_eq!(rig.acked(), 1);
    // The page is still in the cache and clean: a sync now would succeed and mean nothing. The
    // next opening writes it again.
    rig.kill();
    let (_, recovery, seen) = open(&rig.sim).unwrap();
    assert_eq!(seen.len(), 2);
    assert!(recovery.rewritten_bytes >= 4096);
    let image = rig.sim.crash_images(1, 0).next().unwrap();
    assert_eq!(open(&image).unwrap().2.len(), 2, "what was served is durable");
}

#[test]
fn a_later_sync_does_not_make_up_for_one_that_failed() {
    let mut rig = Rig::new(&SimVfs::new());
    let large = Options { segment_bytes: 1 << 16, sync_depth: 3, ..options(&rig.sim) };
    assert!(rig.open_with(large));
    for length in [10, 20, 30] {
        assert!(rig.append(&[length]));
        rig.step(Step::Write);
    }
    rig.sim.fail_at(rig.sim.calls() + 1, Fault::LosePages, Times::Once);
    rig.step(Step::Sync);
    rig.step(Step::SyncNewest);
    rig.step(Step::Complete);
    rig.pump();
    assert_eq!((rig.acked(), rig.journal.as_ref().unwrap().durable()), (0, 0));
}

#[test]
fn acknowledgements_wait_for_the_oldest_sync() {
    let mut rig = Rig::new(&SimVfs::new());
    let large = Options { segment_bytes: 1 << 16, sync_depth: 3, ..options(&rig.sim) };
    assert!(rig.open_with(large));
    for length in [10, 20, 30] {
        assert!(rig.append(&[length]));
        rig.step(Step::Write);
    }
    for (step, acked) in [(Step::SyncNewest, 0), (Step::Sync, 1), (Step::Sync, 3)] {
        rig.step(step);
        rig.step(Step::Complete);
        assert_eq!(rig.acked(), acked);
    }
}

#[test]
fn what_was_served_once_is_durable_even_if_its_folder_was_not() {
    let mut count = 0;
    for number in 1.. {
        let mut rig = Rig::new(&SimVfs::new());
        rig.sim.fail_at(number, Fault::Error(ErrorKind::Other), Times::Once);
        if rig.open() && rig.append(&[5000]) && rig.append(&[5000]) {
            rig.pump();
        }
        if rig.sim.calls() < number {
            break;
        }
        rig.kill();
        // Served from the caches, then the power fails.
        let Ok((_journal, _, seen)) = open(&rig.sim) else { panic!("call {number}") };
        let after = rig.sim.crash_images(1, 0).next().unwrap();
        assert_eq!(open(&after).unwrap().2, seen, "call {number}");
        count += 1;
    }
    println!("{count} calls that failed before the process died");
}

#[test]
fn a_full_disk_stops_appends_until_there_is_space_and_loses_nothing() {
    let mut rig = Rig::new(&SimVfs::new());
    assert!(rig.open());
    let held: usize =
        rig.sim.files().iter().map(|path| rig.sim.read_all(path).unwrap().len()).sum();
    // Room for half of the next segment.
    rig.sim.set_capacity(Some(u64::try_from(held).unwrap() + SEGMENT_BYTES / 2));
    assert!(rig.append(&[10]) && rig.append(&[6000]));
    rig.pump();
    let journal = rig.journal.as_ref().unwrap();
    let group = Group { time_ms: 9_000, payloads: &[Payload::new(&[1; 7000])] };
    for _ in 0..2 {
        let refused = journal.append(journal.head(), &group);
        assert!(
            matches!(refused, Err(AppendError::ReadOnly(ReadOnlyReason::DiskFull(_)))),
            "{refused:?}"
        );
    }
    assert!(matches!(journal.health().writer, WriterState::ReadOnly(ReadOnlyReason::DiskFull(_))));
    assert_eq!(journal.read(1).unwrap().count(), rig.acked());
    let left_over = rig.sim.files().iter().filter(|path| path.ends_with("next.tmp")).count();
    assert_eq!(left_over, 0, "the space of the failed try is given back");

    rig.sim.set_capacity(None);
    assert!(rig.append(&[7000]), "space came back");
    rig.pump();
    assert_eq!(rig.acked(), rig.submitted.len());
    let journal: Arc<dyn Journal> = Arc::new(rig.journal.take().unwrap());
    assert!(matches!(journal.health().writer, WriterState::Healthy));
    journal.close().unwrap();
    assert_eq!(open(&rig.sim).unwrap().2, rig.submitted);
}

/// Evidence that can't be read is no evidence that there is none.
#[test]
fn an_opening_that_can_not_read_something_says_so() {
    let mut rig = Rig::new(&SimVfs::new());
    run(&mut rig);
    rig.close();
    let calls = {
        let sim = rig.sim.fork();
        sim.record_calls();
        open(&sim).expect("nothing fails");
        sim.call_log()
    };
    let reads = calls.iter().filter(|call| !call.kind.changes());
    for call in reads.filter(|call| !call.path.ends_with("LOCK")) {
        let sim = rig.sim.fork();
        sim.fail_at(call.number, Fault::Error(ErrorKind::Other), Times::Once);
        let opened = open(&sim);
        assert!(matches!(opened, Err(OpenError::Io(_))), "{call:?}: {opened:?}");
    }
}
