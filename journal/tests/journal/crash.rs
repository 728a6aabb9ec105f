//! Power cuts: at every call of small workloads, in every state that the medium may then be in.
//!
//! I1, I2 and I4 of the design: nothing acknowledged is lost, what comes back is a prefix of what
//! was submitted with groups whole, and a legal power cut is never refused.

use std::sync::atomic::{AtomicUsize, Ordering};

use passbook_journal::Step;
use passbook_journal::sim::SimVfs;

use crate::ledger::{Rig, Seen, open, picture};

/// States tried for one cut; past this they are sampled.
const STATES_MAX: usize = 1 << 10;

/// States of the first crash whose recovery is cut in turn.
const RECOVERIES_CUT_MAX: usize = 6;

const SEED: u64 = 0x5EED;

/// One act of a workload.
#[derive(Debug, Clone, Copy)]
enum Do {
    Append(&'static [usize]),
    Step(Step),
    Pump,
    Close,
    Kill,
    Open,
}

use Do::{Append, Close, Kill, Open, Pump};
const WRITE: Do = Do::Step(Step::Write);
const SYNC: Do = Do::Step(Step::Sync);
const NEWEST: Do = Do::Step(Step::SyncNewest);
const COMPLETE: Do = Do::Step(Step::Complete);

/// Small, but each with another shape of tail.
const WORKLOADS: [&[Do]; 20] = [
    &[Open],
    &[Open, Append(&[10]), Pump],
    &[Open, Append(&[10, 20, 30]), Pump, Append(&[600]), Pump],
    &[Open, Append(&[1500, 700]), Pump, Close],
    &[Open, Append(&[10]), Append(&[20, 30]), Append(&[40]), Pump, Append(&[0]), Pump],
    // Several batches under way, synced in order.
    &[Open, Append(&[700]), WRITE, Append(&[10]), WRITE, SYNC, SYNC, COMPLETE, Append(&[5]), Pump],
    &[Open, Append(&[900]), WRITE, Append(&[900]), WRITE, SYNC, COMPLETE, SYNC, COMPLETE],
    // The later one synced first.
    &[Open, Append(&[600]), WRITE, Append(&[700]), WRITE, NEWEST, COMPLETE, SYNC, COMPLETE],
    // Written, never synced.
    &[Open, Append(&[300]), Pump, Append(&[1800]), WRITE, Append(&[10]), WRITE],
    // Rotations: a segment holds two small batches.
    &[Open, Append(&[10]), Pump, Append(&[10]), Pump, Append(&[10]), Pump],
    &[Open, Append(&[5000]), Pump, Append(&[5000]), Pump],
    &[
        Open,
        Append(&[10]),
        WRITE,
        Append(&[10]),
        WRITE,
        SYNC,
        SYNC,
        COMPLETE,
        Append(&[10, 600]),
        WRITE,
        Append(&[9]),
        Pump,
    ],
    // A batch that fills a segment to the last byte.
    &[Open, Append(&[8192 - 192 - 16]), Pump, Append(&[1]), Pump],
    // Reopened after a close and after a death.
    &[Open, Append(&[10]), Pump, Close, Open, Append(&[20]), Pump, Close],
    &[Open, Append(&[800]), Pump, Kill, Open, Append(&[20]), Pump],
    &[Open, Append(&[800]), WRITE, Kill, Open, Append(&[1100]), Pump],
    &[
        Open,
        Append(&[10]),
        Pump,
        Append(&[10]),
        WRITE,
        Kill,
        Open,
        Append(&[10]),
        Pump,
        Close,
        Open,
    ],
    // Rotated, died, reopened.
    &[
        Open,
        Append(&[10]),
        Pump,
        Append(&[10]),
        Pump,
        Append(&[10]),
        Pump,
        Kill,
        Open,
        Append(&[7]),
        Pump,
    ],
    // Sectors that are all zero or nearly so are filled in disguise.
    &[Open, Append(&[2000]), WRITE, Append(&[60]), WRITE, SYNC, COMPLETE, SYNC, COMPLETE],
    &[Open, Append(&[10; 12]), Pump, Append(&[0, 0, 0]), WRITE, Append(&[1]), WRITE, NEWEST, Close],
];

/// Runs a workload until its end or until the power is off. The nineteenth is made of zeros.
fn run(number: usize, cut: Option<u64>) -> Rig {
    let mut rig = Rig::new(&SimVfs::new());
    if let Some(cut) = cut {
        rig.cut_at(cut);
    }
    for act in WORKLOADS[number] {
        if rig.sim.is_off() {
            break;
        }
        match act {
            Append(lengths) if number == 18 => drop(rig.append_bytes(lengths, |_| 0)),
            Append(lengths) => drop(rig.append(lengths)),
            Do::Step(step) => rig.step(*step),
            Pump => rig.pump(),
            Close => rig.close(),
            Kill => rig.kill(),
            Open => drop(rig.open()),
        }
    }
    rig
}

/// Opens one state after a crash: nothing refused, nothing lost, nothing invented, groups whole;
/// and opening it once more changes nothing.
#[track_caller]
fn check(image: &SimVfs, submitted: &[Seen], acked: usize, what: &str) {
    let (journal, _, seen) = match open(image) {
        Ok(opened) => opened,
        Err(error) => panic!("{what}: a legal power cut was refused: {error}"),
    };
    assert!(seen.len() >= acked, "{what}: {acked} acknowledged, {} recovered", seen.len());
    assert!(submitted.starts_with(&seen), "{what}: not a prefix of what was submitted");
    let next = submitted.get(seen.len());
    assert!(next.is_none_or(|next| next.group_first), "{what}: a group was torn");

    let after_first = image.fork();
    drop(journal);
    let before = picture(&after_first);
    let (_journal, recovery, again) = open(&after_first).expect("it opened before");
    assert_eq!(again, seen, "{what}: the second opening found something else");
    assert_eq!((recovery.dropped, recovery.rewritten_bytes), (None, 0), "{what}");
    assert_eq!(picture(&after_first), before, "{what}: the second opening changed something");
}

/// Numbers of the calls that can change what a crash leaves.
fn cuts(sim: &SimVfs) -> Vec<u64> {
    let log = sim.call_log();
    log.into_iter().filter(|call| call.kind.changes()).map(|call| call.number).collect()
}

#[test]
fn no_power_cut_loses_what_was_acknowledged_or_is_refused() {
    let (cut_count, state_count, sampled) =
        (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= WORKLOADS.len() {
                        break;
                    }
                    for cut in 1..=calls_of(number) {
                        let rig = run(number, Some(cut));
                        let images = rig.sim.crash_images(STATES_MAX, SEED + cut);
                        sampled.fetch_add(usize::from(!images.is_exhaustive()), Ordering::SeqCst);
                        cut_count.fetch_add(1, Ordering::SeqCst);
                        for (at, image) in images.enumerate() {
                            let what = format!("workload {number}, cut {cut}, state {at}");
                            check(&image, &rig.submitted, rig.acked(), &what);
                            state_count.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
            });
        }
    });
    println!(
        "{} workloads, {} cuts, {} states, {} cuts sampled with seed {SEED:#x}",
        WORKLOADS.len(),
        cut_count.into_inner(),
        state_count.into_inner(),
        sampled.into_inner(),
    );
}

/// Calls of a workload that is left in peace.
fn calls_of(number: usize) -> u64 {
    run(number, None).calls()
}

#[test]
fn a_recovery_may_be_cut_short_as_often_as_one_likes() {
    let mut state_count = 0;
    for number in 0..WORKLOADS.len() {
        let calls = calls_of(number);
        // The last calls leave the most interesting tails.
        for cut in (1..=calls + 1).rev().step_by(3).take(8) {
            let rig = run(number, Some(cut));
            for first in rig.sim.crash_images(RECOVERIES_CUT_MAX, SEED + cut) {
                let calls = {
                    let quiet = first.fork();
                    quiet.record_calls();
                    drop(open(&quiet).expect("a legal power cut"));
                    cuts(&quiet)
                };
                for second_cut in calls {
                    let second = first.fork();
                    second.cut_at(second_cut);
                    drop(open(&second));
                    for image in second.crash_images(64, SEED + second_cut) {
                        let what = format!("workload {number}, cuts {cut} and {second_cut}");
                        check(&image, &rig.submitted, rig.acked(), &what);
                        state_count += 1;
                    }
                }
            }
        }
    }
    println!("{state_count} states after a recovery that was cut short");
}
