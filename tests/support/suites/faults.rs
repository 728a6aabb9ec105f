//! Failing calls: each call of a run, in each way, once and for ever. Nothing acknowledged is lost,
//! and what failed in the middle of a commit is never made up for.

use std::io::ErrorKind;

use passbook::journal::{
    AppendError, Group, Journal as _, Payload, WriterState,
    sim::{Fault, Times},
};
use rand::{RngExt as _, rngs::SmallRng};

use crate::{
    oracle::{Content, Oracle},
    plan::{Failure, Plan, Report, Tally},
    script::{Disturbance, Run, Script},
};

/// How a call fails. An interrupted one is repeated by the real disk; here it is told.
const FAULTS: [(Fault, &str); 5] = [
    (Fault::Error(ErrorKind::Other), "runs with EIO"),
    (Fault::Error(ErrorKind::StorageFull), "runs with ENOSPC"),
    (Fault::Error(ErrorKind::Interrupted), "runs with EINTR"),
    (Fault::ShortWrite, "runs with a short write"),
    (Fault::LosePages, "runs with a sync that loses pages"),
];

/// States that the disk may be in if the power fails behind the run.
const STATES_MAX: usize = 4;

/// Runs the suite.
///
/// # Errors
/// The first case that failed.
pub(super) fn run(plan: &Plan) -> Result<Report, Failure> {
    plan.run("faults", case)
}

/// One run with one kind of failure, at each of its calls.
fn case(number: u64, rng: &mut SmallRng, tally: &mut Tally) {
    let kinds = FAULTS.iter().flat_map(|fault| [(fault, Times::Once), (fault, Times::ForEver)]);
    let kind = usize::try_from(number % 10).expect("below ten");
    let ((fault, name), times) = kinds.into_iter().nth(kind).expect("five faults, twice");
    let is_ledger = number / 10 % 2 == 1;
    let content = if is_ledger { Content::Sessions } else { Content::Opaque };
    let is_keeping = number / 20 % 2 == 1;
    let draw = if is_keeping { Script::draw_keeping } else { Script::draw };
    let script = draw(content, rng);
    let quiet = Run::play(&script, Disturbance::None);
    tally.merge(quiet.tally.clone());
    let calls = quiet.calls;
    for call in quiet.calls_before + 1..=calls {
        let run = Run::play(&script, Disturbance::Fault(call, *fault, times));
        let what = || format!("{fault:?} {times:?} at call {call} of {calls}\n{:?}", script.lines);
        tally.add(name, 1);
        tally.add("runs", 1);
        check_poison(&run, tally, &what);
        let truth = run.truth();
        let oracle = Oracle::new(&truth, run.now_ms());
        // After a power cut, and after the death of the process alone.
        for image in run.vfs.crash_images(STATES_MAX, rng.random()).chain([run.vfs.fork()]) {
            oracle.after_crash(&image).unwrap_or_else(|why| panic!("{why}: {}", what()));
            tally.add("states", 1);
        }
    }
}

/// A poisoned journal takes nothing more, even when the disk is well again, and still reads what it
/// acknowledged.
fn check_poison(run: &Run, tally: &mut Tally, what: &dyn Fn() -> String) {
    let Some(journal) = run.journal() else { return };
    let WriterState::Poisoned(_) = journal.health().writer else { return };
    tally.add("poisoned", 1);
    run.vfs.heal();
    let group = Group { time_ms: u64::MAX, payloads: &[Payload::new(b"late")] };
    for _ in 0..2 {
        let refused = journal.append(journal.head(), &group);
        assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}: {}", what());
        journal.pump();
    }
    let first = journal.extent().sequence_first;
    let read = journal.read(first).map(|records| records.map_while(Result::ok).count());
    let readable = read.ok().and_then(|count| u64::try_from(count).ok());
    assert_eq!(readable, Some(journal.durable() + 1 - first), "{}", what());
}
