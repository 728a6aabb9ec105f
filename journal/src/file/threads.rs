//! Who runs the steps: committing threads of one kind, and a keeper for what may take its time.
//!
//! A committing thread takes the writer's role, writes, gives the role up, syncs on its own
//! descriptor and completes. There is one more of them than syncs may be under way: while one
//! runs the observer, which may wait for a caller that `append` holds back, the others go on.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::options::Threading;
use super::queue::{Next, Queue, Watched, Work};
use super::steps::Lane;
use super::watermark::Noted;
use crate::error::JournalError;
use crate::sync::atomic::Ordering;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{MutexGuard, hint};

/// How often the keeper refreshes the watermark and looks for space, while there is reason to.
const KEEPER_TICK: Duration = Duration::from_secs(1);

/// How long a thread watches the queue before it sleeps: some 50 µs, longer than a caller that has
/// just been answered needs to come again.
const WATCH_SPINS: u32 = if cfg!(shuttle) { 2 } else { 1000 };

/// How often a thread lets others run before it takes a batch that still grows. There is no timer:
/// with nobody else to run it costs a lone caller less than a microsecond.
const GATHER_YIELDS_MAX: u32 = 16;

/// Starts the threads of a journal.
pub(super) fn start(engine: &Arc<Engine>) -> Result<Vec<JoinHandle<()>>, JournalError> {
    let committers = engine.queue.lock().depth + 1;
    let mut threads = Vec::with_capacity(committers + 1);
    for number in 0..committers {
        let engine = Arc::clone(engine);
        let name = format!("journal-commit-{number}");
        threads.push(spawn(name, move || engine.commit_until_closed())?);
    }
    let engine = Arc::clone(engine);
    threads.push(spawn("journal-keeper".to_owned(), move || engine.keep_until_closed())?);
    Ok(threads)
}

fn spawn(
    name: String,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, JournalError> {
    thread::Builder::new().name(name).spawn(run).map_err(|source| JournalError::Io {
        op: "start a thread for",
        path: "journal".into(),
        offset: 0,
        source,
    })
}

impl Engine {
    fn commit_until_closed(&self) {
        let mut lane = Lane::default();
        let mut queue = self.queue.lock();
        // Whether this thread did something since it last slept.
        let mut active = false;
        loop {
            if queue.can_complete() {
                self.complete_and_wake(&mut queue);
                active = true;
            } else if let Some(work) = self.gather_and_take(&mut queue) {
                drop(queue);
                self.write_and_sync(&mut lane, work);
                queue = self.queue.lock();
                active = true;
            } else if queue.closed && (queue.is_drained() || queue.failure.is_some()) {
                self.work.notify_all();
                return;
            } else if active && queue.is_worth_watching() {
                self.watch(&mut queue);
                active = false;
            } else {
                self.work.wait(&mut queue);
            }
        }
    }

    /// Takes the next batch, once no more callers come for it at the moment: those that were just
    /// answered are about to come again, and what they share the processor with is this thread.
    fn gather_and_take(&self, queue: &mut MutexGuard<'_, Queue>) -> Option<Work> {
        if !queue.can_write() {
            return None;
        }
        MutexGuard::unlocked(queue, || {
            for _ in 0..GATHER_YIELDS_MAX {
                let before = self.appended.load(Ordering::Acquire);
                thread::yield_now();
                if self.appended.load(Ordering::Acquire) == before {
                    break;
                }
            }
        });
        queue.take_work()
    }

    fn write_and_sync(&self, lane: &mut Lane, work: Work) {
        if let Some(ticket) = self.write_step(lane, work) {
            self.after_write();
            self.sync_step(lane, ticket);
        }
    }

    /// See [`Journal::commit_here`](crate::Journal::commit_here). In the inline mode the caller is the
    /// owner, and does all there is to do.
    pub(super) fn commit_here(&self, through: u64) {
        match self.threading {
            Threading::Threads => {}
            Threading::Inline => return self.inline_pump(),
        }
        let mut queue = self.queue.lock();
        loop {
            // Also what is not ours: a batch that this thread synced may hold others' groups alone.
            if queue.can_complete() {
                self.complete_and_wake(&mut queue);
            } else if queue.told >= through {
                break;
            } else if let Some(work) = self.gather_and_take(&mut queue) {
                drop(queue);
                let mut lane = self.callers_lanes.lock().pop().unwrap_or_default();
                self.write_and_sync(&mut lane, work);
                self.callers_lanes.lock().push(lane);
                queue = self.queue.lock();
            } else {
                break;
            }
        }
        // What came meanwhile is not ours, and those who brought it may be asleep.
        self.wake_a_thread(&queue);
        if queue.closed {
            self.work.notify_all();
        }
    }

    /// See [`Journal::commit_elsewhere`](crate::Journal::commit_elsewhere).
    pub(super) fn commit_elsewhere(&self) {
        self.wake_a_thread(&self.queue.lock());
    }

    /// Completes; somebody else may write the next batch meanwhile.
    fn complete_and_wake(&self, queue: &mut MutexGuard<'_, Queue>) {
        if queue.can_write() {
            self.work.notify_one();
        }
        self.complete_step(queue);
    }

    /// Looks for the next group for a short while before the thread goes to sleep: to be woken
    /// costs a lone caller a good part of what its sync costs. One thread at a time does so.
    fn watch(&self, queue: &mut MutexGuard<'_, Queue>) {
        queue.watched = Watched::ByOne;
        let before = self.appended.load(Ordering::Acquire);
        MutexGuard::unlocked(queue, || {
            for _ in 0..WATCH_SPINS {
                if self.appended.load(Ordering::Acquire) != before {
                    break;
                }
                hint::spin_loop();
            }
        });
        queue.watched = Watched::No;
    }

    /// The writer's role is free: somebody else may want it, or the room that the batch left.
    fn after_write(&self) {
        if self.queue.lock().can_write() {
            self.work.notify_one();
        }
        self.room.notify_all();
    }

    fn keep_until_closed(&self) {
        let mut queue = self.queue.lock();
        while !queue.closed {
            if matches!(queue.room.next, Next::Wanted) && queue.failure.is_none() {
                drop(queue);
                self.prepare_step();
                queue = self.queue.lock();
                continue;
            }
            let ticked = self.keeper.wait_for(&mut queue, KEEPER_TICK).timed_out();
            if !ticked || queue.failure.is_some() {
                continue;
            }
            if let Next::Failed { retry: true, .. } = queue.room.next {
                queue.room.next = Next::Wanted;
            }
            let mark = queue.mark;
            drop(queue);
            self.refresh_watermark(mark);
            queue = self.queue.lock();
        }
    }

    /// A stale watermark is harmless, so a failure to write it is no reason to stop: whatever is
    /// wrong with the disk, the next commit meets it too.
    fn refresh_watermark(&self, mark: super::queue::Mark) {
        let mut watermark = self.watermark.lock();
        if !watermark.says(mark) {
            drop(watermark.note(mark, Noted::Lazily));
        }
    }
}
