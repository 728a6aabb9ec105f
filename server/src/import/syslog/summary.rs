//! What became of the lines of a stream, in numbers.
//!
//! Every line is exactly one of four: *telling* (it is the first to tell of something observed),
//! *merged* (it tells no more than facts of a login or attempt that other lines tell), *ignored*
//! (read, and about something else) or *skipped* (could not be read, so it may have told something).
//! A blank line is ignored.

use super::observation::{Fact, Observation};

/// How many skipped lines are named.
pub const SKIPPED_NAMED_MAX: usize = 3;

/// The count of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines read.
    pub lines: u64,
    /// Lines which began an observation.
    pub telling: u64,
    /// Lines which told more of a login or attempt that is counted by another line.
    pub merged: u64,
    /// Lines about something else.
    pub ignored: u64,
    /// Lines that could not be read, by reason.
    pub skipped: Skipped,
    /// Sessions opened.
    pub opened: u64,
    /// Sessions closed.
    pub closed: u64,
    /// Those of `closed` which were opened before the stream begins.
    pub closed_unmatched: u64,
    /// Failed attempts: the sum of the counts, not the number of observations.
    pub failed: u64,
    /// Sessions opened so far and not closed so far.
    pub still_open: u64,
}

/// Why a line was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// It begins with no stamp that we know.
    Stamp,
    /// Its stamp names a day which that year does not have, as 29 February 2025.
    Date,
    /// It is longer than [`LINE_LEN_MAX`](super::LINE_LEN_MAX).
    Overlong,
    /// It begins as a login or logout does and goes on otherwise.
    Malformed,
    /// The last line would tell something but has no line end: whoever writes it may not be done.
    Unfinished,
}

impl SkipReason {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::Stamp, Self::Date, Self::Overlong, Self::Malformed, Self::Unfinished];

    /// The reason in a few words for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Stamp => "no time stamp",
            Self::Date => "no such day in that year",
            Self::Overlong => "line too long",
            Self::Malformed => "not understood",
            Self::Unfinished => "the last line has no end",
        }
    }
}

/// The lines skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    counts: [u64; SkipReason::ALL.len()],
    first: Vec<(u64, SkipReason)>,
}

impl Skipped {
    /// How many in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many for `reason`.
    pub fn count(&self, reason: SkipReason) -> u64 {
        self.by_reason().find(|(each, _)| *each == reason).map_or(0, |(_, count)| count)
    }

    /// Each reason and its count, zeros too.
    pub fn by_reason(&self) -> impl Iterator<Item = (SkipReason, u64)> + '_ {
        SkipReason::ALL.into_iter().zip(self.counts)
    }

    /// The first [`SKIPPED_NAMED_MAX`] line numbers, with the reasons.
    pub fn first(&self) -> &[(u64, SkipReason)] {
        &self.first
    }

    pub(super) fn add(&mut self, line: u64, reason: SkipReason) {
        for (each, count) in SkipReason::ALL.iter().zip(&mut self.counts) {
            if *each == reason {
                *count += 1;
            }
        }
        if self.first.len() < SKIPPED_NAMED_MAX {
            self.first.push((line, reason));
        }
    }
}

impl Summary {
    pub(super) fn add(&mut self, observation: &Observation) {
        match &observation.fact {
            Fact::Opened { .. } => self.opened += 1,
            Fact::Closed { opened, .. } => {
                self.closed += 1;
                self.closed_unmatched += u64::from(opened.is_none());
            }
            Fact::Failed { count, .. } => self.failed += u64::from(*count),
        }
        self.still_open = self.opened.saturating_sub(self.closed - self.closed_unmatched);
    }
}
