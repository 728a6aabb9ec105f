//! What is queued, what is under way, what is durable: the state behind the one short lock.
//!
//! It decides and computes; reading and writing files is left to `steps` and `rotate`.

mod room;

use std::collections::VecDeque;
use std::sync::Arc;

use passbook_planted::Bug;

pub(crate) use self::room::{Next, Room};
use super::lengths::Lengths;
use crate::error::{AppendError, JournalError};
use crate::format::draft::Draft;
use crate::journal::Group;
use crate::limits::QUEUE_BYTES_MAX;

/// Drafts whose buffers are kept for the next batches.
const SPARE_DRAFTS_MAX: usize = 8;

/// One batch that was written and whose sync has not returned, or whose predecessor's has not.
#[derive(Debug, Clone)]
pub(crate) struct Flight {
    pub(crate) ticket: u64,
    /// Sequence of its last record.
    pub(crate) through: u64,
    pub(crate) records: u64,
    pub(crate) extent: u64,
    /// Number of its segment, and where it ends there.
    pub(crate) segment: u64,
    pub(crate) end: u64,
    pub(crate) synced: bool,
}

/// Where the journal was durable, as the watermark says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) segment: u64,
    pub(crate) end: u64,
    pub(crate) durable: u64,
}

/// See [`Queue::watched`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    No,
    ByOne,
}

/// Why nothing goes on, and whether the observer knows.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) error: Arc<JournalError>,
    pub(crate) told: bool,
}

/// A draft to write, and what its header says.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) draft: Draft,
    /// Highest sequence that was on the medium when the work was taken.
    pub(crate) durable: u64,
    /// Whether the next segment must become the active one first.
    pub(crate) rotate: bool,
}

/// Why an append can't go on at once.
#[derive(Debug)]
pub(crate) enum Obstacle {
    Refused(AppendError),
    /// The queue is over its limit, or both segments are spoken for.
    Full,
    /// The next segment is needed and not ready.
    NeedsSegment,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: u64,
    pub(crate) records: u64,
    pub(crate) bytes_written: u64,
    pub(crate) syncs: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Queue {
    /// The last one still takes groups.
    drafts: VecDeque<Draft>,
    spare: Vec<Draft>,
    queued_bytes: usize,
    pub(crate) head: u64,
    time_last_ms: u64,
    flights: VecDeque<Flight>,
    ticket_next: u64,
    /// Acknowledged: what `durable()` answers.
    pub(crate) durable: u64,
    /// On the medium for sure; the same as `durable` unless durability is buffered.
    pub(crate) mark: Mark,
    /// Last `durable` that the observer has heard.
    pub(crate) told: u64,
    pub(crate) writing: bool,
    pub(crate) completing: bool,
    /// Whether a committing thread looks for work without being woken.
    pub(crate) watched: Watched,
    pub(crate) failure: Option<Failure>,
    pub(crate) closed: bool,
    pub(crate) room: Room,
    draft_bytes_max: usize,
    pub(crate) depth: usize,
    pub(crate) counters: Counters,
}

/// What a queue starts from.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) mark: Mark,
    pub(crate) time_last_ms: u64,
    pub(crate) active_left: u64,
    pub(crate) lengths: Lengths,
    pub(crate) draft_bytes_max: usize,
    pub(crate) depth: usize,
}

impl Queue {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            drafts: VecDeque::new(),
            spare: Vec::new(),
            queued_bytes: 0,
            head: start.mark.durable,
            time_last_ms: start.time_last_ms,
            flights: VecDeque::new(),
            ticket_next: 0,
            durable: start.mark.durable,
            mark: start.mark,
            told: start.mark.durable,
            writing: false,
            completing: false,
            watched: Watched::No,
            failure: None,
            closed: false,
            room: Room::new(start.active_left, start.lengths),
            draft_bytes_max: start.draft_bytes_max,
            depth: start.depth,
            counters: Counters::default(),
        }
    }

    /// Frames the group into the last draft, or says what is in the way.
    pub(crate) fn admit(
        &mut self,
        expected: u64,
        group: &Group<'_>,
        framed_bytes: usize,
    ) -> Result<u64, Obstacle> {
        if Bug::PoisonForgotten.is_planted() {
            self.failure.take_if(|failure| failure.told);
        }
        self.check(expected, group).map_err(Obstacle::Refused)?;
        if self.queued_bytes > QUEUE_BYTES_MAX {
            return Err(Obstacle::Full);
        }
        let bytes_max = self.draft_bytes_max;
        let last = self.drafts.back().filter(|draft| draft.takes(group, framed_bytes, bytes_max));
        let joins = last.is_some();
        let (before, after) = match last {
            Some(draft) => (draft.extent(), draft.extent_with(framed_bytes)),
            None => (0, Draft::extent_of(framed_bytes)),
        };
        self.room.place(u64_of(before), u64_of(after))?;
        if !joins {
            let mut draft = self.spare.pop().unwrap_or_default();
            draft.begin(self.head + 1, group.time_ms);
            self.drafts.push_back(draft);
        }
        self.queued_bytes += after - before;
        self.drafts.back_mut().expect("one was there or was just added").push(group);
        self.head += u64_of(group.payloads.len());
        self.time_last_ms = group.time_ms;
        self.room.holds_since(group.time_ms);
        Ok(self.head)
    }

    fn check(&self, expected: u64, group: &Group<'_>) -> Result<(), AppendError> {
        if let Some(failure) = &self.failure {
            return Err(AppendError::Unavailable(Arc::clone(&failure.error)));
        }
        if self.closed {
            return Err(AppendError::Closed);
        }
        if expected != self.head {
            return Err(AppendError::Conflict { expected, actual: self.head });
        }
        if group.time_ms < self.time_last_ms {
            let (time_ms, last_ms) = (group.time_ms, self.time_last_ms);
            return Err(AppendError::TimeBackwards { time_ms, last_ms });
        }
        Ok(())
    }

    /// Records in batches that are under way.
    fn records_in_flight(&self) -> u64 {
        self.flights.iter().map(|flight| flight.records).sum()
    }

    /// Whether a batch can be written now.
    pub(crate) fn can_write(&self) -> bool {
        let Some(draft) = self.drafts.front() else { return false };
        if self.writing || self.failure.is_some() {
            return false;
        }
        if self.room.must_rotate(u64_of(draft.extent())) {
            return self.flights.is_empty() && matches!(self.room.next, Next::Ready { .. });
        }
        // Counted in order: a batch stays under way until all before it are synced, so that no
        // more than `depth` of them can ever be torn.
        let flying = self.flights.len();
        flying == 0 || (flying < self.depth && self.is_worth_a_sync(draft))
    }

    /// Beside a sync that is under way, another one pays only for a batch of some size.
    fn is_worth_a_sync(&self, draft: &Draft) -> bool {
        2 * u64_of(draft.count()) >= self.records_in_flight()
    }

    /// How long the next segment should be.
    pub(crate) fn next_bytes(&self) -> u64 {
        self.room.next_bytes(self.time_last_ms)
    }

    /// Whether to begin another segment now is possible, and would free space.
    pub(crate) fn is_worth_a_turn(&self) -> bool {
        self.room.is_worth_a_turn() && self.failure.is_none() && !self.closed
    }

    /// The next segment is ready: it takes what is queued and not being written, if that fits.
    pub(crate) fn turn(&mut self, bytes: u64) {
        self.room.next = Next::Ready { bytes };
        if self.is_worth_a_turn() {
            let queued = self.drafts.iter().map(|draft| u64_of(draft.extent())).sum();
            self.room.turn(bytes, queued);
        }
    }

    /// Takes the writer's role and the oldest draft.
    pub(crate) fn take_work(&mut self) -> Option<Work> {
        if !self.can_write() {
            return None;
        }
        let draft = self.drafts.pop_front()?;
        self.writing = true;
        let rotate = self.room.must_rotate(u64_of(draft.extent()));
        Some(Work { draft, durable: self.mark.durable, rotate })
    }

    /// The next segment, of so many bytes, has become the active one; the records before it end at
    /// `since_ms`.
    pub(crate) fn rotated(&mut self, mark: Mark, bytes: u64, since_ms: u64) {
        self.mark = mark;
        self.room.rotated(bytes, since_ms);
    }

    /// The ticket that the next batch will get.
    pub(crate) fn ticket_next(&self) -> u64 {
        self.ticket_next
    }

    /// Gives the writer's role up: the batch is written. Returns its ticket.
    pub(crate) fn written(&mut self, mut flight: Flight, draft: Draft) -> u64 {
        self.writing = false;
        self.room.take(flight.extent);
        self.queued_bytes -= draft.extent_sealed();
        self.counters.bytes_written += flight.extent;
        flight.ticket = self.ticket_next;
        self.ticket_next += 1;
        let ticket = flight.ticket;
        self.flights.push_back(flight);
        if self.spare.len() < SPARE_DRAFTS_MAX {
            self.spare.push(draft);
        }
        ticket
    }

    /// The batches whose sync hasn't returned, oldest first.
    pub(crate) fn unsynced_tickets(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.flights.iter().filter(|flight| !flight.synced).map(|flight| flight.ticket)
    }

    /// A sync returned: what is whole up to there is durable.
    pub(crate) fn synced(&mut self, ticket: u64, on_medium: bool) {
        if self.failure.is_some() {
            // What failed before may be part of what this sync should have covered.
            return;
        }
        if on_medium {
            self.counters.syncs += 1;
        }
        if let Some(flight) = self.flights.iter_mut().find(|flight| flight.ticket == ticket) {
            flight.synced = true;
        }
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.synced) {
            self.durable = flight.through;
            self.counters.commits += 1;
            self.counters.records += flight.records;
            if on_medium {
                let Flight { segment, end, through, .. } = flight;
                self.mark = Mark { segment, end, durable: through };
            }
        }
    }

    /// Whether nothing is queued or under way, and no thread waits for that to change yet.
    pub(crate) fn is_worth_watching(&self) -> bool {
        self.watched == Watched::No && !self.closed && self.failure.is_none() && self.is_drained()
    }

    /// Whether everything queued has been made durable.
    pub(crate) fn is_drained(&self) -> bool {
        self.drafts.is_empty() && self.flights.is_empty() && !self.writing
    }

    /// Whether the observer must be told something.
    pub(crate) fn can_complete(&self) -> bool {
        let failed = self.failure.as_ref().is_some_and(|failure| !failure.told);
        !self.completing && (self.told < self.durable || failed)
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }
}

fn u64_of(count: usize) -> u64 {
    u64::try_from(count).expect("lengths in memory fit 64 bits")
}
