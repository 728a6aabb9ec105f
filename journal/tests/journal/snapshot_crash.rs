//! Power cuts, failing calls and flipped bits around snapshots: nothing is lost, nothing legal is
//! refused, nothing wrong is loaded.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};

use passbook_journal::sim::{Fault, SimVfs, Times};
use passbook_journal::{AppendError, Journal, OpenError, WriterState};

use crate::ledger::options;
use crate::snapped::{Snapped, file, open_state, snap_names, trim};

const STATES_MAX: usize = 1 << 6;
const SEED: u64 = 0x5A95;

#[derive(Debug, Clone, Copy)]
enum Do {
    Append(&'static [usize]),
    Snap,
    /// Begins one, and drops it unfinished.
    Abandon,
    Close,
    Open,
}
use Do::{Abandon, Append, Close, Open, Snap};

const WORKLOADS: [&[Do]; 5] = [
    &[Open, Append(&[10]), Snap, Append(&[20]), Snap, Close, Open],
    &[Open, Append(&[600, 20]), Snap, Append(&[5000]), Snap, Append(&[5000]), Snap, Append(&[1])],
    &[Open, Append(&[10]), Snap, Append(&[7]), Close, Open, Append(&[300]), Snap, Snap],
    &[Open, Append(&[10]), Abandon, Append(&[7]), Snap, Abandon, Append(&[9]), Close],
    &[Open, Append(&[5000]), Append(&[5000]), Snap, Append(&[900]), Snap, Close, Open, Snap],
];

fn run(rig: &mut Snapped, workload: &[Do]) -> usize {
    let mut failed = 0;
    for act in workload {
        match act {
            Append(lengths) => rig.append(lengths),
            Snap => failed += usize::from(rig.snap().is_err()),
            Abandon => {
                if let Some(journal) = &rig.journal
                    && let Ok(mut sink) = journal.begin_snapshot(journal.durable())
                {
                    drop(sink.section(&[1; 700]));
                }
            }
            Close => rig.close(),
            Open => {
                rig.open();
            }
        }
    }
    failed
}

/// Opens one state: nothing refused, nothing lost, the snapshot that was taken is used.
#[track_caller]
fn check(image: &SimVfs, rig: &Snapped, what: &str) {
    let (journal, recovery, state) = match open_state(options(image)) {
        Ok(opened) => opened,
        Err(error) => panic!("{what}: refused: {error}"),
    };
    let seen = u64::try_from(state.seen.len()).unwrap();
    assert!(seen >= rig.acked(), "{what}: {} acknowledged, {seen} recovered", rig.acked());
    assert!(rig.submitted.starts_with(&state.seen), "{what}: not a prefix");
    assert_eq!(recovery.snapshots_bad, Vec::new(), "{what}");
    let used = recovery.snapshot.map_or(0, |snapshot| snapshot.sequence);
    let snapped = u64::try_from(rig.taken).unwrap();
    assert!(used >= snapped, "{what}: the snapshot at @{snapped} is gone, @{used} was used");
    let names = snap_names(image);
    assert!(
        names.len() <= 2 && names.iter().all(|name| !name.contains("tmp")),
        "{what}: {names:?}"
    );
    drop(journal);
    let again = open_state(options(&image.fork())).expect("it opened before").2;
    assert_eq!(again.seen, state.seen, "{what}");
}

#[test]
fn no_power_cut_around_a_snapshot_loses_anything_or_is_refused() {
    let (mut cuts, mut states) = (0, 0);
    for (number, workload) in WORKLOADS.iter().enumerate() {
        let mut quiet = Snapped::new(&SimVfs::new());
        assert_eq!(run(&mut quiet, workload), 0);
        for cut in 1..=quiet.sim.calls() {
            let mut rig = Snapped::new(&SimVfs::new());
            rig.sim.cut_at(cut);
            run(&mut rig, workload);
            cuts += 1;
            for (at, image) in rig.sim.crash_images(STATES_MAX, SEED + cut).enumerate() {
                check(&image, &rig, &format!("workload {number}, cut {cut}, state {at}"));
                states += 1;
            }
        }
    }
    println!("{} workloads, {cuts} cuts, {states} states, 0 lost, 0 refused", WORKLOADS.len());
}

#[test]
fn a_cut_in_an_opening_that_tidies_up_loses_nothing() {
    let mut states = 0;
    for cut in 1.. {
        let mut rig = Snapped::new(&SimVfs::new());
        run(&mut rig, WORKLOADS[1]);
        rig.close();
        rig.sim.put(&file("snap/99.tmp"), b"half");
        rig.sim.put(&file("snap/1.snap"), b"its removal was lost");
        let image = rig.sim.fork();
        image.cut_at(cut);
        drop(open_state(options(&image)));
        if !image.is_off() {
            break;
        }
        for (at, state) in image.crash_images(STATES_MAX, SEED + cut).enumerate() {
            check(&state, &rig, &format!("cut {cut}, state {at}"));
            states += 1;
        }
    }
    println!("{states} states");
}

#[test]
fn a_failed_snapshot_is_an_error_to_who_takes_it_and_to_nobody_else() {
    let faults = [
        Fault::Error(ErrorKind::Other),
        Fault::Error(ErrorKind::StorageFull),
        Fault::ShortWrite,
        Fault::LosePages,
    ];
    let prepared = || {
        let mut rig = Snapped::new(&SimVfs::new());
        run(&mut rig, &[Open, Append(&[10]), Snap, Append(&[700]), Snap, Append(&[20])]);
        rig
    };
    let calls = {
        let mut rig = prepared();
        let before = rig.sim.calls();
        rig.snap().unwrap();
        rig.sim.calls() - before
    };
    let (mut errors, mut count) = (0, 0);
    for fault in faults {
        for times in [Times::Once, Times::ForEver] {
            for number in 1..=calls {
                let what = format!("{fault:?} {times:?} at call {number} of {calls}");
                let mut rig = prepared();
                rig.sim.fail_at(rig.sim.calls() + number, fault, times);
                errors += usize::from(rig.snap().is_err());
                rig.sim.heal();
                let health = rig.journal.as_ref().unwrap().health();
                assert!(matches!(health.writer, WriterState::Healthy), "{what}: {health:?}");
                rig.append(&[30]);
                assert_eq!(rig.acked(), 4, "{what}: the writer goes on");
                let died = rig.sim.crash_images(1, 0).next().unwrap();
                check(&died, &rig, &what);
                rig.snap().unwrap_or_else(|error| panic!("{what}: the next one: {error}"));
                check(&rig.sim.crash_images(1, 0).next().unwrap(), &rig, &what);
                check(&rig.sim.fork(), &rig, &what);
                count += 1;
            }
        }
    }
    println!("{calls} calls, {count} failures, {errors} told to who took the snapshot");
    assert!(errors > 0);
}

#[test]
fn a_poisoned_journal_takes_no_snapshot() {
    let mut rig = Snapped::new(&SimVfs::new());
    run(&mut rig, &[Open, Append(&[10])]);
    rig.sim.fail_at(rig.sim.calls() + 1, Fault::Error(ErrorKind::Other), Times::ForEver);
    rig.append(&[20]);
    rig.sim.heal();
    let journal = rig.journal.as_ref().unwrap();
    let late = passbook_journal::Group {
        time_ms: 9_999,
        payloads: &[passbook_journal::Payload::new(b"x")],
    };
    assert!(matches!(journal.append(2, &late), Err(AppendError::Unavailable(_))));
    assert!(matches!(rig.snap(), Err(passbook_journal::SnapshotError::Unavailable(_))));
}

/// Seven records over four segments, snapshots at @4 and @6.
fn specimen() -> Snapped {
    let mut rig = Snapped::new(&SimVfs::new());
    let one = Append(&[9]);
    let failed = run(&mut rig, &[Open, one, one, one, one, Snap, one, one, Snap, one, Close]);
    assert_eq!((failed, rig.submitted.len()), (0, 7));
    rig
}

/// Flips every bit of the newest snapshot, and some of the other, which is not read while the
/// newest is good. How many were healed by falling back, and how many refused.
fn flip_all(rig: &Snapped) -> (u64, u64) {
    let (healed, refused, next) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let (newest, other) = (file("snap/6.snap"), file("snap/4.snap"));
    let bits = 8 * u64::try_from(rig.sim.read_all(&newest).unwrap().len()).unwrap();
    let check = |bit| {
        let image = rig.sim.fork();
        assert!(image.flip(&newest, bit));
        match open_state(options(&image)) {
            Ok((_, recovery, state)) => {
                assert_eq!(state.seen, rig.submitted, "bit {bit}");
                assert_eq!(recovery.snapshots_bad.len(), 1, "bit {bit} was overlooked");
                healed.fetch_add(1, Ordering::SeqCst);
            }
            Err(OpenError::Corrupt(damage)) => {
                assert_eq!(damage.path, newest, "bit {bit}");
                assert!(damage.offset <= bit / 8, "bit {bit}: {damage}");
                refused.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => panic!("bit {bit}: {error}"),
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let bit = next.fetch_add(1, Ordering::SeqCst);
                    if bit >= bits {
                        break;
                    }
                    check(bit);
                }
            });
        }
    });
    for bit in (0..bits - 800).step_by(997) {
        let image = rig.sim.fork();
        assert!(image.flip(&other, bit));
        let (_, recovery, state) = open_state(options(&image)).unwrap();
        assert_eq!((state.seen, recovery.snapshots_bad), (rig.submitted.clone(), Vec::new()));
    }
    (healed.into_inner(), refused.into_inner())
}

#[test]
fn no_flipped_bit_of_a_snapshot_is_ever_loaded() {
    // Whole; from @5 on, so that the older snapshot will do; from @7 on, so that it won't.
    for (trimmed_at, heals) in [(None, true), (Some(5), true), (Some(7), false)] {
        let rig = specimen();
        if let Some(sequence) = trimmed_at {
            assert!(trim(&rig.sim, sequence) > 0);
        }
        let (healed, refused) = flip_all(&rig);
        println!("journal from {trimmed_at:?}: {healed} flips healed, {refused} refused");
        assert_eq!((healed > 0, refused > 0), (heals, !heals));
    }
}
