//! The inline mode: the owner runs the steps, one at a time, on its own thread.
//!
//! For tests that must be deterministic, and that want several batches under way at once.

use super::engine::Engine;
use super::queue::Next;
use super::steps::Lane;
use crate::limits::SYNC_DEPTH_MAX;
use crate::sync::Mutex;

/// One step of the engine, see [`FileJournal::step`](crate::FileJournal::step).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Writes the oldest queued batch, if the depth allows one more under way.
    Write,
    /// Syncs the oldest batch whose sync hasn't returned.
    Sync,
    /// Syncs the newest one: syncs may return in any order.
    SyncNewest,
    /// Tells the observer what is durable now.
    Complete,
    /// Prepares the next segment, if it is wanted.
    Prepare,
}

/// The lanes of the inline mode; threads have one each.
#[derive(Debug, Default)]
pub(super) struct InlineLanes(Mutex<[Lane; SYNC_DEPTH_MAX]>);

impl Engine {
    /// Runs one step; whether there was anything to do.
    pub(super) fn inline_step(&self, step: Step) -> bool {
        match step {
            Step::Write => self.inline_write(),
            Step::Sync => {
                let ticket = self.queue.lock().unsynced_tickets().next();
                self.inline_sync(ticket)
            }
            Step::SyncNewest => {
                let ticket = self.queue.lock().unsynced_tickets().next_back();
                self.inline_sync(ticket)
            }
            Step::Complete => {
                let mut queue = self.queue.lock();
                let ready = queue.can_complete();
                if ready {
                    self.complete_step(&mut queue);
                }
                ready
            }
            Step::Prepare => self.prepare_step(),
        }
    }

    /// Runs steps until there is nothing to do.
    pub(super) fn inline_pump(&self) {
        const ORDER: [Step; 4] = [Step::Write, Step::Sync, Step::Complete, Step::Prepare];
        while ORDER.iter().any(|step| self.inline_step(*step)) {}
    }

    /// Makes room for an append that is held back, without telling the observer.
    pub(super) fn make_room_inline(&self) {
        if self.inline_step(Step::Write) || self.inline_step(Step::Sync) {
            return;
        }
        let mut queue = self.queue.lock();
        if !matches!(queue.room.next, Next::Ready { .. }) {
            queue.room.next = Next::Wanted;
        }
        drop(queue);
        self.prepare_step();
    }

    fn inline_write(&self) -> bool {
        let (work, ticket) = {
            let mut queue = self.queue.lock();
            (queue.take_work(), queue.ticket_next())
        };
        let Some(work) = work else { return false };
        self.with_lane(ticket, |lane| self.write_step(lane, work)).is_some()
    }

    fn inline_sync(&self, ticket: Option<u64>) -> bool {
        let Some(ticket) = ticket else { return false };
        let failed_before = self.queue.lock().failure.is_some();
        self.with_lane(ticket, |lane| self.sync_step(lane, ticket));
        // A thread may be in a sync when another one fails: it happens, and it counts for nothing.
        !failed_before
    }

    fn with_lane<T>(&self, ticket: u64, run: impl FnOnce(&mut Lane) -> T) -> T {
        let mut lanes = self.lanes.0.lock();
        let index = usize::try_from(ticket).unwrap_or(usize::MAX) % SYNC_DEPTH_MAX;
        run(lanes.get_mut(index).expect("the remainder is below the number of lanes"))
    }
}
