//! Logins, logouts and failed attempts from the syslog of a host: lines of sshd and of PAM.
//!
//! [`Reader`] streams: its memory has named limits however long the log is. It knows the old style
//! (`su(pam_unix)[1]: session opened …`) and the new (`sshd[1]: pam_unix(sshd:session): …`), BSD
//! and RFC 3339 stamps, and leaves every other line alone.
//!
//! **A session** is opened by PAM's `session opened`; sshd's `Accepted` line before it in the same
//! process adds address and method and is its first line. An `Accepted` that PAM does not follow
//! (sshd with `UsePAM no`) is a session opened all the same; no line of such a host tells its close,
//! so it stays open. **A failed attempt** counts once although PAM and sshd both tell of it: of the
//! counts that the witnesses of one process give, the greatest holds. So it is sshd's `Failed` lines
//! (and the N of `message repeated N times`) where sshd speaks, PAM's `authentication failure` lines
//! (and the N of `N more`) where it does not. `Invalid user` without a `Failed` is no attempt.
//!
//! An observation has the time, number and key of the first line that tells of it, and comes out in
//! that order; so a log that is imported again after it has grown gives every earlier key again.
//!
//! Known limits: an sshd that asks PAM in a process of its own (keyboard-interactive dialogues of
//! some versions) tells of one attempt under two process ids, which counts as two. A BSD stamp has
//! no zone, so the hour that summer time repeats is read with one fixed offset.

use std::io::{self, BufRead};

use thiserror::Error;

mod attempts;
mod header;
mod held;
mod join;
mod keys;
mod lines;
mod message;
mod observation;
mod sessions;
mod stamp;
mod summary;

pub use attempts::{PROCESS_SILENT_MS_MAX, PROCESSES_MAX};
pub use held::{HELD_MAX, HOLD_MS_MAX};
pub use keys::REMEMBERED_MAX;
pub use lines::LINE_LEN_MAX;
pub use observation::{Fact, Key, Observation};
pub use sessions::OPEN_MAX;
pub use stamp::{StampOptions, StampOptionsError, YEAR_MAX, YEAR_MIN};
pub use summary::{SKIPPED_NAMED_MAX, SkipReason, Skipped, Summary};

use header::Header;
use join::{Joiner, Line, Said, Verdict};
use keys::Keys;
use lines::{LineEnd, Lines};
use message::{Message, Reading};
use stamp::StampReader;

/// How often one line can open or close a session by `message repeated`; more is not understood.
pub const REPEATED_SESSIONS_MAX: u32 = 1_000;

/// The log can't be read any further.
#[derive(Debug, Error)]
#[error("reading the log after line {line}")]
pub struct ReadError {
    /// The last line that could be read.
    pub line: u64,
    source: io::Error,
}

/// Observations from a log, as an iterator; [`Reader::summary`] counts along.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    stamps: StampReader,
    keys: Keys,
    joiner: Joiner,
    summary: Summary,
    /// In case that the next line repeats it.
    last: Option<Said>,
    ended: bool,
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Observation, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(observation) = self.joiner.held.pop() {
                self.summary.add(&observation);
                return Some(Ok(observation));
            }
            if self.ended {
                return None;
            }
            if let Err(source) = self.read_line() {
                self.ended = true;
                self.joiner.held.settle_all();
                return Some(Err(ReadError { line: self.summary.lines, source }));
            }
        }
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads `input`; `options` say what BSD stamps leave out.
    pub fn new(input: R, options: StampOptions) -> Self {
        Self {
            lines: Lines::new(input),
            stamps: StampReader::new(options),
            keys: Keys::default(),
            joiner: Joiner::default(),
            summary: Summary::default(),
            last: None,
            ended: false,
        }
    }

    /// The counts so far: of all lines read, and of the observations that came out.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    fn read_line(&mut self) -> io::Result<()> {
        let end = self.lines.read()?;
        if end == LineEnd::Stream {
            self.ended = true;
            self.joiner.held.settle_all();
            return Ok(());
        }
        self.summary.lines += 1;
        let verdict = match end {
            LineEnd::Overlong => Verdict::Skipped(SkipReason::Overlong),
            LineEnd::Complete | LineEnd::Unfinished | LineEnd::Stream => self.understand(end),
        };
        let verdict = match (end, verdict) {
            (LineEnd::Unfinished, Verdict::Skipped(_)) => Verdict::Skipped(SkipReason::Unfinished),
            (_, verdict) => verdict,
        };
        match verdict {
            Verdict::Telling => self.summary.telling += 1,
            Verdict::Merged => self.summary.merged += 1,
            Verdict::Ignored => self.summary.ignored += 1,
            Verdict::Skipped(reason) => self.summary.skipped.add(self.summary.lines, reason),
        }
        Ok(())
    }

    fn understand(&mut self, end: LineEnd) -> Verdict {
        let text = String::from_utf8_lossy(self.lines.line());
        if text.trim().is_empty() {
            return Verdict::Ignored;
        }
        let header = match Header::read(&text, &mut self.stamps) {
            Ok(header) => header,
            Err(reason) => return Verdict::Skipped(reason),
        };
        self.joiner.held.advance(header.stamped.time_ms);
        let said = match said(&header, self.last.take()) {
            Ok(said) => said,
            Err(verdict) => return verdict,
        };
        if end == LineEnd::Unfinished {
            return Verdict::Skipped(SkipReason::Unfinished);
        }
        let key = self.keys.line(header.stamped.year, header.host, self.lines.line());
        let line = Line { number: self.summary.lines, time_ms: header.stamped.time_ms, key };
        let verdict = self.joiner.take(&said, line);
        self.last = Some(said);
        verdict
    }
}

/// `last` is the line before, when it said something.
fn said(header: &Header<'_>, last: Option<Said>) -> Result<Said, Verdict> {
    let malformed = Verdict::Skipped(SkipReason::Malformed);
    let said = if let Some(count) = message::last_repeated(header.message) {
        let last = last.filter(|last| header.program.is_empty() && last.host == header.host);
        Said { count, ..last.ok_or(Verdict::Ignored)? }
    } else {
        let (count, message) = message::unrepeat(header.message);
        let message = match message::read(header.program, header.module, message) {
            Reading::Says(message) => message,
            Reading::Irrelevant => return Err(Verdict::Ignored),
            Reading::Malformed => return Err(malformed),
        };
        let (host, program) = (header.host.to_owned(), header.program.to_owned());
        Said { host, program, pid: header.pid, message, count }
    };
    let count_max = match said.message {
        Message::Opened { .. } | Message::Closed { .. } | Message::Accepted { .. } => {
            REPEATED_SESSIONS_MAX
        }
        Message::Refused(_)
        | Message::InvalidUser { .. }
        | Message::UserUnknown
        | Message::PamSuccess => u32::MAX,
    };
    if (1..=count_max).contains(&said.count) { Ok(said) } else { Err(malformed) }
}

#[cfg(test)]
mod tests;
