//! `kill -9` of a real process under load on the real disk: what it said was done is done, what it
//! said was over is over, and to open once more changes nothing.
//!
//! The process to be killed is this program again, with `--victim` and a folder. When it is killed
//! is decided by what it has said, and how its threads meet by the machine: a failure tells what it
//! found, and its folder is kept.

mod heard;
pub mod victim;

use std::{
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use passbook::{
    Ledger, SessionStore,
    journal::{RealVfs, VerifyOptions, verify},
};
use passbook_planted::Bug;
use rand::{RngExt as _, rngs::SmallRng};

use self::heard::{Expected, Heard};
use super::{Goal, Suite};
use crate::plan::{Failure, Plan, Report, Tally};

/// See the module.
pub const SUITE: Suite = Suite {
    name: "kill",
    about: "a real process killed under load on the real disk",
    full: 20,
    goal: Goal { least: 100, of: &["kills"] },
    run,
};

/// Kills of one ledger.
const ROUNDS: usize = 5;

/// Lines after which the process is killed, at most.
const LINES_MAX: usize = 2_000;

fn run(plan: &Plan) -> Result<Report, Failure> {
    // One at a time: a child that another thread starts holds this one's lock until it is the victim.
    let plan = Plan { threads: 1, ..plan.clone() };
    plan.run(SUITE.name, |_number, rng, tally| case(rng, tally))
}

fn case(rng: &mut SmallRng, tally: &mut Tally) {
    let mut folder = tempfile::tempdir().expect("a folder");
    // What a failure leaves is looked at.
    folder.disable_cleanup(true);
    let mut heard = Heard::default();
    for _ in 0..ROUNDS {
        // Now and then in the middle of the opening.
        let lines = if rng.random_bool(0.2) { 1 } else { rng.random_range(2..LINES_MAX) };
        run_and_kill(folder.path(), lines, &mut heard);
        tally.add("kills", 1);
        if let Err(what) = check(folder.path(), &mut heard, tally) {
            panic!("{what}; the ledger is in {}", folder.path().display());
        }
    }
    heard.count(tally);
    folder.disable_cleanup(false);
}

/// The program that can be the victim: this one, or the one that was built beside this test.
fn program() -> PathBuf {
    let this = std::env::current_exe().expect("this program has a path");
    match this.parent() {
        Some(folder) if folder.ends_with("deps") => folder.with_file_name("proof"),
        _ => this,
    }
}

/// Starts the process, listens to so many lines, kills it, and listens to what is left in the pipe.
fn run_and_kill(folder: &Path, lines: usize, heard: &mut Heard) {
    let planted = Bug::ALL.iter().find(|bug| bug.is_planted());
    let mut child = Command::new(program())
        .arg("--victim")
        .arg(folder)
        .args(planted.map(|bug| format!("--plant={bug:?}")))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
    for line in said.by_ref().take(lines) {
        heard.hear(&line.expect("text"));
    }
    child.kill().expect("it runs");
    for line in said.map_while(Result::ok) {
        heard.hear(&line);
    }
    let status = child.wait().expect("it ended");
    assert_eq!(status.signal(), Some(9), "it ended by itself: {status}");
}

/// Opens what is left, twice, and holds it against what was heard.
fn check(folder: &Path, heard: &mut Heard, tally: &mut Tally) -> Result<(), String> {
    let store = open(folder)?;
    let recovery = store.ledger().opened().recovery.clone().ok_or("it is on a disk")?;
    tally.add("torn ends", u64::from(recovery.dropped.is_some()));
    tally.add("begun from a snapshot", u64::from(recovery.snapshot.is_some()));
    tally.add("compacted", u64::from(recovery.sequence_first > 1));
    tally.add("several segments", u64::from(recovery.segments > 1));
    if let Some(bad) = recovery.snapshots_bad.first() {
        return Err(format!("a kill spoilt the snapshot @{}: {}", bad.sequence, bad.why));
    }
    let expected = Expected::of(heard);
    expected.check(&store)?;
    let found = state_of(store.ledger());
    drop(store);
    let again = open(folder)?;
    let recovery = again.ledger().opened().recovery.as_ref().ok_or("it is on a disk")?;
    if recovery.dropped.is_some() || recovery.rewritten_bytes != 0 {
        return Err("the second opening repaired what the first had".to_owned());
    }
    if state_of(again.ledger()) != found {
        return Err("the second opening found something else".to_owned());
    }
    heard.settle(&again);
    drop(again);
    let vfs = Arc::new(RealVfs);
    let report =
        verify(folder, vfs, &VerifyOptions::default()).map_err(|error| error.to_string())?;
    match report.damages.first() {
        Some(damage) => Err(format!("after an opening that was fine: {damage}")),
        None => Ok(()),
    }
}

fn open(folder: &Path) -> Result<SessionStore, String> {
    let ledger = victim::builder(folder).open_blocking();
    let ledger = ledger.map_err(|error| format!("a legal crash was refused: {error:?}"))?;
    Ok(SessionStore::from(ledger))
}

fn state_of(ledger: &Ledger) -> (u64, [u8; 32]) {
    (ledger.sequence(), ledger.fingerprint())
}
