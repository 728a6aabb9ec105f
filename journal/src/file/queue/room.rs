//! Where there is room for what is queued: in the active segment, or in the one prepared after it.

use super::Obstacle;
use crate::error::ReadOnlyReason;
use crate::file::lengths::Lengths;
use crate::recovery::DATA_START;

/// State of the segment after the active one.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    Absent,
    /// Somebody asked for it.
    Wanted,
    /// It is being filled with zeros.
    Preparing,
    /// It has so many bytes.
    Ready {
        bytes: u64,
    },
    /// The last try failed. `retry` once an append has met it since.
    Failed {
        reason: ReadOnlyReason,
        retry: bool,
    },
}

/// Where the last draft goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TailIn {
    Active,
    Next,
}

/// When a batch begins the next segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Once it doesn't fit into the active one.
    WhenFull,
    /// The next one does, whatever is left of the active one.
    Now,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) next: Next,
    lengths: Lengths,
    /// Bytes left in the active segment.
    active_left: u64,
    turn: Turn,
    /// Bytes left behind all drafts, in the segment that the last of them goes to.
    tail_left: u64,
    tail_in: TailIn,
}

impl Room {
    pub(super) fn new(active_left: u64, lengths: Lengths) -> Self {
        Self {
            next: Next::Absent,
            lengths,
            active_left,
            turn: Turn::WhenFull,
            tail_left: active_left,
            tail_in: TailIn::Active,
        }
    }

    /// Reserves room for the last draft to grow from `before` to `after` bytes. Room is given
    /// only in segments that exist: so a full disk is met here, never in the middle of a batch.
    pub(super) fn place(&mut self, before: u64, after: u64) -> Result<(), Obstacle> {
        if let Some(left) = (self.tail_left + before).checked_sub(after) {
            self.tail_left = left;
            return Ok(());
        }
        if self.tail_in == TailIn::Next {
            return Err(Obstacle::Full);
        }
        match self.next {
            Next::Ready { bytes } => {
                self.tail_in = TailIn::Next;
                self.tail_left = bytes - DATA_START - after;
                Ok(())
            }
            Next::Absent | Next::Wanted | Next::Preparing | Next::Failed { .. } => {
                Err(Obstacle::NeedsSegment)
            }
        }
    }

    /// A record of this time was admitted.
    pub(super) fn holds_since(&mut self, time_ms: u64) {
        if self.lengths.active_since_ms == 0 {
            self.lengths.active_since_ms = time_ms;
        }
    }

    /// A batch was written to the active segment.
    pub(super) fn take(&mut self, extent: u64) {
        self.active_left -= extent;
    }

    /// Whether the next segment should be prepared by now: the last quarter has begun.
    pub(crate) fn runs_low(&self) -> bool {
        matches!(self.next, Next::Absent)
            && (self.tail_in == TailIn::Next || self.tail_left < self.lengths.active_bytes / 4)
    }

    /// Whether a batch of so many bytes begins the next segment.
    pub(super) fn must_rotate(&self, extent: u64) -> bool {
        self.turn == Turn::Now || extent > self.active_left
    }

    /// How long the next segment should be, if the last record is of this time.
    pub(super) fn next_bytes(&self, time_last_ms: u64) -> u64 {
        self.lengths.next_bytes(time_last_ms)
    }

    /// How long a segment is that begins anew.
    pub(crate) fn first_bytes(&self) -> u64 {
        self.lengths.first_bytes
    }

    /// Whether to begin another segment now would free space: this one has records and is longer
    /// than one that begins anew, and nothing is spoken for in the next.
    pub(super) fn is_worth_a_turn(&self) -> bool {
        let Lengths { active_bytes, first_bytes, .. } = self.lengths;
        active_bytes > first_bytes
            && self.active_left < active_bytes - DATA_START
            && self.tail_in == TailIn::Active
    }

    /// The next segment is to take all of the `queued` bytes that aren't being written, if they fit.
    pub(super) fn turn(&mut self, bytes: u64, queued: u64) {
        if let Some(left) = (bytes - DATA_START).checked_sub(queued) {
            self.turn = Turn::Now;
            self.tail_in = TailIn::Next;
            self.tail_left = left;
        }
    }

    /// The next segment, of so many bytes, has become the active one; the records before it end at
    /// `since_ms`.
    pub(super) fn rotated(&mut self, bytes: u64, since_ms: u64) {
        self.lengths.active_bytes = bytes;
        self.lengths.active_since_ms = since_ms;
        self.active_left = bytes - DATA_START;
        self.turn = Turn::WhenFull;
        self.next = Next::Absent;
        match self.tail_in {
            TailIn::Next => self.tail_in = TailIn::Active,
            TailIn::Active => unreachable!("the draft that rotates was placed in the next segment"),
        }
    }
}
