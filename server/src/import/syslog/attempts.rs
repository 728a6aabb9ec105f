//! One failed attempt counts once, although several witnesses tell of it.
//!
//! A wrong password on a host with PAM is told by `pam_unix` (`authentication failure`, and at the
//! end of the process `PAM 4 more authentication failures`), by sshd (`Failed password`), and at
//! times by `pam_sss` and by sshd's `error: PAM:`. None of them is always there. So each process
//! has a count a witness, and the number of its attempts is **the greatest of these counts**: a line
//! that lifts its witness above what was counted so far is an attempt, any other is a further line
//! of one. A log in which only PAM speaks is counted by PAM's lines, one in which sshd speaks too
//! by sshd's, and a process in which sshd kept silent about some by both.
//!
//! PAM is never asked about a key, so `Failed publickey` is always an attempt of its own. It is
//! seldom asked about an empty password: `Failed none` is an attempt of its own unless PAM has just
//! told of one that sshd has not.
//!
//! Not an attempt, as no credential was shown: `Invalid user`. Not one by itself: `check pass; user
//! unknown`. Both give facts to the attempt that follows.
//!
//! State is kept by process and is bounded in number and time; it depends on earlier lines only, so
//! that a log which has grown gives the same attempts as before and then more.

use std::collections::{HashMap, VecDeque};

use super::held::Ticket;
use super::message::{Refusal, Witness};
use super::observation::Key;

/// How many processes are remembered; past it the half which was silent longest is forgotten.
pub const PROCESSES_MAX: usize = 8_192;

/// A process silent for so long is gone, and its number may be another's.
pub const PROCESS_SILENT_MS_MAX: u64 = 600_000;

/// Attempts of one process that wait for a further line.
const WAITING_MAX: usize = 64;

/// The processes of one stream.
#[derive(Debug, Default)]
pub(super) struct Processes {
    known: HashMap<ProcessName, Process>,
}

/// Which process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ProcessName {
    pub(super) host: String,
    pub(super) program: String,
    pub(super) pid: Option<u32>,
}

/// What a process has told so far.
#[derive(Debug, Default)]
pub(super) struct Process {
    last_line: u64,
    last_ms: u64,
    pam_unix: u32,
    pam_other: u32,
    sshd: u32,
    sshd_error: u32,
    counted: u32,
    waiting: VecDeque<Ticket>,
    named: Option<Named>,
    unknown_user: bool,
    /// The login that sshd accepted and PAM has not confirmed yet.
    pub(super) login: Option<Login>,
}

/// Whom `Invalid user` named.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) user: Option<String>,
    pub(super) origin: String,
}

/// A login that sshd accepted.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) ticket: Ticket,
    pub(super) line: u64,
    pub(super) key: Key,
    pub(super) user: String,
}

/// What a refusal comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Attempts of which nobody had told before.
    pub(super) new: u32,
    /// Earlier ones of which this line tells more.
    pub(super) told_again: Vec<Ticket>,
}

impl Processes {
    /// The process, new when it isn't known or was silent for too long.
    pub(super) fn process(&mut self, name: ProcessName, line: u64, time_ms: u64) -> &mut Process {
        if self.known.len() >= PROCESSES_MAX && !self.known.contains_key(&name) {
            self.forget_half();
        }
        let process = self.known.entry(name).or_default();
        if time_ms.saturating_sub(process.last_ms) > PROCESS_SILENT_MS_MAX {
            *process = Process::default();
        }
        process.last_line = line;
        process.last_ms = process.last_ms.max(time_ms);
        process
    }

    /// The process, unless it isn't known or was silent for too long.
    pub(super) fn known(&mut self, name: &ProcessName, time_ms: u64) -> Option<&mut Process> {
        let process = self.known.get_mut(name)?;
        let silent_ms = time_ms.saturating_sub(process.last_ms);
        (silent_ms <= PROCESS_SILENT_MS_MAX).then_some(process)
    }

    fn forget_half(&mut self) {
        let mut lines: Vec<u64> = self.known.values().map(|process| process.last_line).collect();
        let middle = lines.len() / 2;
        let (_, &mut first_kept, _) = lines.select_nth_unstable(middle);
        self.known.retain(|_, process| process.last_line >= first_kept);
    }
}

impl Process {
    /// Counts what one witness tells.
    pub(super) fn count(&mut self, witness: Witness, count: u32) -> Counted {
        let alone = Counted { new: count, told_again: Vec::new() };
        let told = match witness {
            Witness::SshdAlone => return alone,
            Witness::SshdNone if self.pam_unix.max(self.pam_other) <= self.sshd => return alone,
            Witness::SshdNone | Witness::Sshd => &mut self.sshd,
            Witness::SshdError => &mut self.sshd_error,
            Witness::PamUnix => &mut self.pam_unix,
            Witness::PamOther => &mut self.pam_other,
        };
        *told = told.saturating_add(count);
        let new = told.saturating_sub(self.counted);
        self.counted = self.counted.saturating_add(new);
        let again = usize::try_from(count.saturating_sub(new)).unwrap_or(usize::MAX);
        let told_again = match witness {
            // PAM knows nothing that sshd has not told.
            Witness::PamUnix | Witness::PamOther => Vec::new(),
            Witness::Sshd | Witness::SshdNone | Witness::SshdError | Witness::SshdAlone => {
                self.waiting.drain(..again.min(self.waiting.len())).collect()
            }
        };
        Counted { new, told_again }
    }

    /// An attempt that only PAM told of waits for sshd's word.
    pub(super) fn wait(&mut self, ticket: Ticket) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(ticket);
    }

    /// A PAM module took the password that another had refused: that was no failed attempt.
    pub(super) fn succeed(&mut self) -> Option<Ticket> {
        let ticket = self.waiting.pop_back()?;
        self.counted = self.counted.saturating_sub(1);
        self.pam_unix = self.pam_unix.min(self.counted);
        self.pam_other = self.pam_other.min(self.counted);
        Some(ticket)
    }

    pub(super) fn name_user(&mut self, named: Named) {
        self.named = Some(named);
    }

    pub(super) fn user_is_unknown(&mut self) {
        self.unknown_user = true;
    }

    /// Adds what earlier lines of the process said about its user.
    pub(super) fn complete(&mut self, refusal: &mut Refusal) {
        let unknown = std::mem::take(&mut self.unknown_user);
        if refusal.user.is_some() {
            return;
        }
        refusal.invalid_user |= unknown;
        if let Some(named) = &self.named {
            refusal.invalid_user = true;
            refusal.user.clone_from(&named.user);
            if refusal.origin.is_none() {
                refusal.origin = Some(named.origin.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
