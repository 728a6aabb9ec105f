//! What must hold of a ledger whatever happened to its disk: the one judge of all suites.
//!
//! Of an image it says: acknowledged ⊆ recovered ⊆ submitted, a prefix, groups whole; the state is
//! the fold; what is kept reads back; dead tokens open nothing and live ones open; histories have
//! what was acknowledged; the chain verifies; and to open once more changes nothing. How an image
//! came to be, and how many there are, is left to the suites.

mod life;
mod opaque;
mod sessions;
mod tap;
mod truth;

use std::{path::Path, sync::Arc};

use passbook::journal::{
    OpenError, ReadError, Recovery, VerifyOptions, VerifyReport, sim::SimVfs, verify,
};

pub use life::{ALLOCATION_BYTES_MAX, Life, SEGMENT_BYTES, small};
pub use opaque::{ByNumber, Follow, snapshot as snapshot_opaque};
pub use tap::{SharedTruth, Tap, locked};
pub use truth::{Audit, Content, Course, Line, Point, Sent, Truth};

use crate::rig::FOLDER;

/// What is cut off ends with a block that is not blank.
const BLOCK_BYTES: usize = 4_096;

/// Holds images against a truth.
#[derive(Debug)]
pub struct Oracle<'a> {
    truth: &'a Truth,
    course: Course,
    /// The time of the openings, in Unix milliseconds.
    now_ms: u64,
}

/// What became of a reading of what is kept.
#[derive(Debug)]
pub enum Reading {
    /// All of it came back.
    Whole,
    /// It was refused, with file and byte.
    Refused(ReadError),
}

/// What became of an image that was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It does not open, and says where and why.
    Refused,
    /// It opens and is right; what the damage hit is refused when it is read.
    ReadingRefused,
    /// It opens and everything is there.
    Whole,
}

impl<'a> Oracle<'a> {
    /// A judge over what was submitted and acknowledged until now.
    pub fn new(truth: &'a Truth, now_ms: u64) -> Self {
        Self { truth, course: Course::of(truth), now_ms }
    }

    /// Judges what a crash left: it opens, and everything holds. How many records came back.
    ///
    /// # Errors
    /// What does not hold.
    pub fn after_crash(&self, image: &SimVfs) -> Result<u64, String> {
        let life = Life::open(self.truth.content, image, self.now_ms)?
            .map_err(|error| format!("a legal crash was refused: {}", told(&*error)))?;
        if let Some(bad) = life.recovery()?.snapshots_bad.first() {
            return Err(format!("a crash spoilt the snapshot @{}: {}", bad.sequence, bad.why));
        }
        check_quarantine(life.recovery()?, image)?;
        let (found, reading) = self.check_life(&life)?;
        if let Reading::Refused(error) = reading {
            return Err(format!("what is kept can't be read: {error}"));
        }
        let report = verified(image)?;
        if let Some(damage) = report.damages.first() {
            return Err(format!("after an opening that was fine: {damage}"));
        }
        if report.sequence_last() != found || report.chain != Some(life.recovery()?.chain) {
            return Err(format!("verified up to @{}, found @{found}", report.sequence_last()));
        }
        self.check_second_opening(image, life)?;
        Ok(found)
    }

    /// Judges what is left after bytes were changed: refused with a place, or right.
    ///
    /// # Errors
    /// What was lost or is wrong in silence.
    pub fn after_damage(&self, image: &SimVfs) -> Result<Outcome, String> {
        let before = verified(image);
        let life = match Life::open(self.truth.content, image, self.now_ms)? {
            Ok(life) => life,
            Err(error) => {
                check_place(&error)?;
                if before.is_ok_and(|report| report.is_good() && is_clean(&report)) {
                    return Err(format!("verified as good, and refused: {}", told(&*error)));
                }
                return Ok(Outcome::Refused);
            }
        };
        let (_, reading) = self.check_life(&life)?;
        let report = verified(image)?;
        let outcome = match reading {
            Reading::Whole => Outcome::Whole,
            Reading::Refused(ReadError::Corrupt { .. }) if report.is_good() => {
                return Err("reading is refused, and all verifies".to_owned());
            }
            Reading::Refused(ReadError::Corrupt { .. }) => Outcome::ReadingRefused,
            Reading::Refused(error) => return Err(format!("refused without a place: {error}")),
        };
        if outcome == Outcome::Whole {
            self.check_second_opening(image, life)?;
        }
        Ok(outcome)
    }

    /// Judges what somebody has rewritten, with checksums that are right again: an opening believes
    /// it, a whole verification does not.
    ///
    /// # Errors
    /// If it does.
    pub fn after_forgery(&self, image: &SimVfs) -> Result<(), String> {
        match verified(image) {
            Ok(report) if report.is_good() => Err("what was rewritten verifies".to_owned()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Opens an image and dies at once: numbers of the calls that may have changed it.
    ///
    /// # Errors
    /// What no opening may do.
    pub fn open_and_die(&self, image: &SimVfs) -> Result<Vec<u64>, String> {
        image.record_calls();
        let life = Life::open(self.truth.content, image, self.now_ms)?;
        let log = image.call_log();
        image.cut_at(1);
        drop(life);
        Ok(log.iter().filter(|call| call.kind.changes()).map(|call| call.number).collect())
    }

    /// The state that must be there after a record.
    pub fn state_at(&self, sequence: u64) -> [u8; 32] {
        opaque::state_at(&self.course, sequence)
    }

    /// What was submitted and acknowledged.
    pub fn truth(&self) -> &Truth {
        self.truth
    }

    /// Everything that one life must get right, and whether what is kept could be read.
    fn check_life(&self, life: &Life) -> Result<(u64, Reading), String> {
        let (found, state) = life.state()?;
        self.truth.check_extent(found)?;
        let at = usize::try_from(found).map_err(|error| error.to_string())?;
        let point = self.course.points.get(at).ok_or("more points than records")?;
        if state != point.state {
            return Err(format!("the state at @{found} is not the fold up to it"));
        }
        let (kept_first, kept) = match life.kept(1)? {
            Err(ReadError::Trimmed { first }) => (first, life.kept(first)?),
            kept => (1, kept),
        };
        let kept = match kept {
            Ok(kept) => kept,
            Err(error) => return Ok((found, Reading::Refused(error))),
        };
        self.check_kept(life, found, kept_first, &kept)?;
        let reading = match life {
            Life::Ledger(ledger) => {
                sessions::check_tokens(self.truth, point, ledger, self.now_ms)?;
                sessions::check_history(&self.course, ledger, kept_first)?
            }
            Life::Journal { journal, recovery, .. } => {
                let archived = kept_first..recovery.sequence_first;
                opaque::check_posted(self.truth, journal, archived)?
            }
        };
        Ok((found, reading))
    }

    /// What is kept is what was submitted, from a place on that retention explains.
    fn check_kept(
        &self,
        life: &Life,
        found: u64,
        kept_first: u64,
        kept: &[life::Kept],
    ) -> Result<(), String> {
        let gone = self.truth.record(kept_first.saturating_sub(1));
        if gone.is_some_and(|sent| sent.time_ms >= self.truth.retained_before_ms) {
            return Err(format!("nothing took the records before @{kept_first}"));
        }
        let in_journal = life.recovery()?.sequence_first;
        let mut rest = kept.iter();
        for sequence in kept_first..=found {
            if sequence < in_journal && !self.truth.is_kept_whole(sequence) {
                continue;
            }
            let sent = self.truth.record(sequence).ok_or("past what was submitted")?;
            let same = rest.next().is_some_and(|(number, time_ms, payload)| {
                (*number, *time_ms, payload) == (sequence, sent.time_ms, &sent.payload)
            });
            if !same {
                return Err(format!("@{sequence} does not read back as it was submitted"));
            }
        }
        rest.next().map_or(Ok(()), |more| Err(format!("@{} was never submitted", more.0)))
    }

    /// The process dies right after its opening; the next one finds the same and changes nothing.
    fn check_second_opening(&self, image: &SimVfs, life: Life) -> Result<(), String> {
        let state = life.state()?;
        let after = image.fork();
        // Nothing of the first life comes after this.
        image.cut_at(1);
        drop(life);
        let before = after.fork();
        let again = Life::open(self.truth.content, &after, self.now_ms)?
            .map_err(|error| format!("the second opening was refused: {}", told(&*error)))?;
        if again.state()? != state {
            return Err("the second opening found something else".to_owned());
        }
        let recovery = again.recovery()?;
        if recovery.dropped.is_some() || recovery.rewritten_bytes != 0 {
            return Err("the second opening repaired what the first had".to_owned());
        }
        let mut changed = after.differing(&before);
        changed.retain(|path| !path.ends_with("LOCK"));
        after.cut_at(1);
        match changed.first() {
            Some(path) => Err(format!("the second opening changed {}", path.display())),
            None => Ok(()),
        }
    }
}

/// A whole check of the files, by the journal's own verification.
fn verified(image: &SimVfs) -> Result<VerifyReport, String> {
    let vfs = Arc::new(image.clone());
    verify(Path::new(FOLDER), vfs, &VerifyOptions::default()).map_err(|error| told(&error))
}

/// What was cut off is kept aside, to its last block.
fn check_quarantine(recovery: &Recovery, image: &SimVfs) -> Result<(), String> {
    let Some(dropped) = &recovery.dropped else { return Ok(()) };
    let copy = image.read_all(&dropped.quarantine).unwrap_or_default();
    let is_whole = u64::try_from(copy.len()).is_ok_and(|bytes| bytes == dropped.bytes);
    let ends_well = copy.iter().rev().take(BLOCK_BYTES).any(|byte| *byte != 0);
    let what = format!("{} bytes that were cut off are not kept", dropped.bytes);
    if is_whole && ends_well { Ok(()) } else { Err(what) }
}

fn is_clean(report: &VerifyReport) -> bool {
    report.tail == passbook::journal::Tail::Clean
}

/// A refusal must say where.
fn check_place(error: &OpenError) -> Result<(), String> {
    match error {
        OpenError::Corrupt(damage) | OpenError::Ambiguous(damage) => {
            let is_ours = damage.path.starts_with(FOLDER);
            if is_ours { Ok(()) } else { Err(format!("no place of ours: {damage}")) }
        }
        OpenError::ForeignJournal { .. } | OpenError::NewerFormat { .. } => Ok(()),
        OpenError::Missing { .. }
        | OpenError::NotALedger { .. }
        | OpenError::Incomplete { .. }
        | OpenError::Locked { .. }
        | OpenError::NoSpace(_)
        | OpenError::NotWritable(_)
        | OpenError::Io(_)
        | OpenError::Option { .. }
        | OpenError::Visit(_) => Err(format!("damage was refused as: {}", told(error))),
    }
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
