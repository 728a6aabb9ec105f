//! Phases of one long work: each is shown in the place of the one before.

use std::sync::{Mutex, PoisonError};

use passbook::{
    CopyPhase, CopyProgress, SalvagePhase, SalvageProgress, journal::Progress as Bytes,
};

use super::{Mode, Progress, Unit};

/// The phase that is under way. May be told from several threads.
#[derive(Debug)]
pub(crate) struct Phases {
    mode: Mode,
    current: Mutex<Option<Progress>>,
}

impl Phases {
    pub(crate) fn new(mode: Mode) -> Self {
        Self { mode, current: Mutex::new(None) }
    }

    /// A copy, which then is read again.
    pub(crate) fn copying(&self, at: CopyProgress) {
        let phase = match at.phase {
            CopyPhase::Copy => "copy",
            CopyPhase::Verify => "verify",
        };
        self.at(phase, Unit::Bytes, at.done_bytes, Some(at.total_bytes));
    }

    /// Every byte is read.
    pub(crate) fn verifying(&self, at: Bytes) {
        self.at("verify", Unit::Bytes, at.done_bytes, Some(at.total_bytes));
    }

    /// What can be read is looked for, then written.
    pub(crate) fn salvaging(&self, at: SalvageProgress) {
        let phase = match at.phase {
            SalvagePhase::Survey => "read",
            SalvagePhase::Write => "write",
        };
        self.at(phase, Unit::Events, at.done_events, at.total_events);
    }

    /// The work is over.
    pub(crate) fn finish(&self) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(progress) = current {
            progress.finish();
        }
    }

    fn at(&self, phase: &'static str, unit: Unit, done: u64, total: Option<u64>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_none_or(|progress| progress.phase != phase) {
            let before = current.replace(Progress::new(phase, total, unit, self.mode));
            if let Some(before) = before {
                before.finish();
            }
        }
        if let Some(progress) = &*current {
            progress.at(done);
        }
    }
}
