//! Power cuts and failing calls in compaction, retention and the cleaning after them.
//!
//! Whatever was acknowledged is readable whole or accounted for by its leaf, or retention took it
//! on purpose; nothing is refused.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use passbook_journal::sim::{Fault, SimVfs, Times};
use passbook_journal::{FileJournal, Journal, WriterState, stat};

use crate::ledger::{DIR, picture};
use crate::shelved::{append, check_kept, compact, open, retain, time_ms, verified};

/// States tried for one cut.
const STATES_MAX: usize = 10;

const SEED: u64 = 0xC0DE;

#[derive(Debug, Clone, Copy)]
enum Do {
    Open,
    Append(u64),
    Compact(u64),
    /// Retention of archives whose last record is before this one.
    Retain(u64),
    Kill,
    Close,
}

use Do::{Append, Close, Compact, Kill, Open, Retain};

const WORKLOADS: [&[Do]; 5] = [
    &[Open, Append(9), Compact(5), Append(1)],
    &[Open, Append(9), Compact(9), Kill, Open, Append(4), Compact(12), Close, Open, Append(1)],
    &[Open, Append(12), Compact(8), Retain(5), Append(3), Kill, Open, Compact(14), Close, Open],
    &[Open, Append(8), Compact(8), Retain(99), Append(5), Compact(11), Kill, Open, Retain(99)],
    &[Open, Append(9), Compact(9), Retain(3), Retain(5), Retain(7), Append(1), Close, Open],
];

/// A run until its end or until the power is off.
struct Run {
    sim: SimVfs,
    acked: u64,
    /// Retention may have taken records before this one.
    retained: u64,
    calls: u64,
}

fn run(workload: &[Do], cut: Option<u64>) -> Run {
    let mut run = Run { sim: SimVfs::new(), acked: 0, retained: 1, calls: 0 };
    run.sim.cut_at(cut.unwrap_or(u64::MAX));
    let mut journal: Option<FileJournal> = None;
    for act in workload {
        if run.sim.is_off() {
            break;
        }
        match (act, &journal) {
            (Open, _) => journal = open(&run.sim).ok().map(|(journal, _)| journal),
            (Append(count), Some(journal)) => run.acked = append(journal, *count).max(run.acked),
            (Compact(through), Some(journal)) => drop(compact(journal, *through)),
            (Retain(before), Some(journal)) => {
                run.retained = run.retained.max(*before);
                drop(retain(journal, time_ms(*before)));
            }
            (Close, Some(_)) => journal = None,
            (Kill, Some(_)) => {
                run.calls += run.sim.calls();
                let left = cut.unwrap_or(u64::MAX) - run.calls;
                run.sim = run.sim.fork();
                run.sim.cut_at(left);
                journal = None;
            }
            (Append(_) | Compact(_) | Retain(_) | Close | Kill, None) => break,
        }
    }
    // What the journal does when it is dropped is no longer part of the run.
    let sim = run.sim.clone();
    run.calls += sim.calls();
    if cut.is_none() {
        run.sim = sim.fork();
    }
    run
}

#[track_caller]
fn check(image: &SimVfs, run: &Run, what: &str) {
    let (journal, recovery) = open(image)
        .unwrap_or_else(|error| panic!("{what}: a legal power cut was refused: {error}"));
    assert!(journal.durable() >= run.acked, "{what}: lost");
    let extent = journal.extent();
    assert_eq!(recovery.sequence_first, extent.sequence_first, "{what}");
    assert!(extent.kept_first <= run.retained.max(1), "{what}: @{} is gone", extent.kept_first - 1);
    check_kept(&journal, what);
    assert!(extent.postings.is_some() && extent.postings_removed.is_some(), "{what}: uncounted");
    let after = image.fork();
    let (durable, chain) = (journal.durable(), recovery.chain);
    drop(journal);
    let before = picture(&after);
    let report = verified(&after);
    assert!(report.is_good(), "{what}: {:?}", report.damages);
    assert_eq!(report.chain, Some(chain), "{what}");
    let kept = extent.kept_first..=durable;
    let expected = if kept.is_empty() { Vec::new() } else { vec![kept] };
    assert_eq!(report.intact, expected, "{what}");
    assert_eq!(report.complete_from.unwrap().sequence, extent.kept_first, "{what}");
    check_files(&after, what);
    drop(open(&after).expect("it opened before"));
    assert_eq!(names(&picture(&after)), names(&before), "{what}: the second opening changed names");
}

fn names(files: &[(PathBuf, Vec<u8>)]) -> Vec<&PathBuf> {
    files.iter().map(|(path, _)| path).collect()
}

/// After an opening for writing there is nothing that doesn't count.
#[track_caller]
fn check_files(sim: &SimVfs, what: &str) {
    let stat = stat(Path::new(DIR), Arc::new(sim.clone())).unwrap();
    let files = sim.files();
    let count =
        |end: &str| files.iter().filter(|path| path.to_string_lossy().ends_with(end)).count();
    let found = (count(".seg"), count(".arc"), count(".stub"));
    // One stub, however many archives retention has removed.
    let expected = (stat.segments.len(), stat.archives.len(), usize::from(stat.stubs > 0));
    assert_eq!(found, expected, "{what}: segments, archives, stubs");
    assert_eq!(count("archive/next.tmp") + count("MANIFEST.tmp"), 0, "{what}");
}

#[test]
fn no_power_cut_in_a_compaction_loses_anything_or_is_refused() {
    let (cuts, states) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (cuts, states) = (&cuts, &states);
            scope.spawn(move || {
                for (number, workload) in WORKLOADS.iter().enumerate() {
                    let calls = run(workload, None).calls;
                    for cut in (1..=calls).filter(|cut| cut % 2 == half) {
                        let run = run(workload, Some(cut));
                        cuts.fetch_add(1, Ordering::SeqCst);
                        for (at, image) in run.sim.crash_images(STATES_MAX, SEED + cut).enumerate()
                        {
                            check(
                                &image,
                                &run,
                                &format!("workload {number}, cut {cut}, state {at}"),
                            );
                            states.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
            });
        }
    });
    println!(
        "{} workloads, {} cuts, {} states",
        WORKLOADS.len(),
        cuts.into_inner(),
        states.into_inner()
    );
}

#[test]
fn the_cleaning_after_a_compaction_may_be_cut_short_too() {
    let mut states = 0;
    for (number, workload) in WORKLOADS.iter().enumerate() {
        let calls = run(workload, None).calls;
        for cut in (1..=calls).rev().step_by(5).take(20) {
            let run = run(workload, Some(cut));
            for first in run.sim.crash_images(3, SEED + cut) {
                let quiet = first.fork();
                quiet.record_calls();
                drop(open(&quiet).expect("a legal power cut"));
                let log = quiet.call_log();
                for call in log.iter().filter(|call| call.kind.changes()) {
                    let second = first.fork();
                    second.cut_at(call.number);
                    drop(open(&second));
                    for image in second.crash_images(4, SEED) {
                        check(&image, &run, &format!("workload {number}, {cut}, {}", call.number));
                        states += 1;
                    }
                }
            }
        }
    }
    println!("{states} states after a cleaning that was cut short");
}

#[test]
fn a_failing_call_in_a_compaction_is_its_callers_error_and_no_more() {
    let faults = [
        Fault::Error(ErrorKind::Other),
        Fault::Error(ErrorKind::StorageFull),
        Fault::ShortWrite,
        Fault::LosePages,
    ];
    let (mut refused, mut count) = (0, 0);
    for fault in faults {
        for times in [Times::Once, Times::ForEver] {
            for number in 1.. {
                let what = format!("{fault:?} {times:?} at call {number}");
                let sim = SimVfs::new();
                let (journal, _) = open(&sim).unwrap();
                append(&journal, 9);
                let calls = sim.calls();
                sim.fail_at(calls + number, fault, times);
                let compacted = compact(&journal, 9).and_then(|_| retain(&journal, time_ms(4)));
                if sim.calls() < calls + number {
                    break;
                }
                refused += u64::from(compacted.is_err());
                sim.heal();
                assert!(matches!(journal.health().writer, WriterState::Healthy), "{what}");
                check_kept(&journal, &what);
                assert_eq!(append(&journal, 2), 11, "{what}: the journal goes on");
                let run = Run { sim: sim.fork(), acked: 11, retained: 4, calls: 0 };
                compact(&journal, 9).unwrap_or_else(|error| panic!("{what}: again: {error}"));
                check_kept(&journal, &what);
                let image = sim.crash_images(1, 0).next().unwrap();
                check(&image, &run, &what);
                count += 1;
            }
        }
    }
    println!("{count} failures, {refused} of them told to the caller");
}

#[test]
fn a_manifest_that_only_a_cache_has_takes_nothing_along() {
    let before = SimVfs::new();
    append(&open(&before).unwrap().0, 14);
    let mut states = 0;
    for number in 1.. {
        let sim = before.fork();
        let (journal, _) = open(&sim).unwrap();
        sim.fail_at(sim.calls() + number, Fault::Error(ErrorKind::Other), Times::Once);
        let done = compact(&journal, 10);
        // The process dies; the next one finds what the last one wrote, and the power fails in it.
        let next = sim.fork();
        if done.is_ok() && number > 200 {
            break;
        }
        let (reopened, _) = open(&next).unwrap_or_else(|error| panic!("call {number}: {error}"));
        for image in next.crash_images(STATES_MAX, SEED + number) {
            let (journal, _) =
                open(&image).unwrap_or_else(|error| panic!("call {number}, then a cut: {error}"));
            assert_eq!(journal.durable(), 14, "call {number}");
            states += 1;
        }
        drop(reopened);
    }
    assert!(states > 500, "{states} states");
}
