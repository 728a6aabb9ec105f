//! Who runs the steps: committing threads of one kind, and a keeper for what may take its time.
//!
//! A committing thread takes the writer's role, writes, gives the role up, syncs on its own
//! descriptor and completes. There is one more of them than syncs may be under way: while one
//! runs the observer, which may wait for a caller that `append` holds back, the others go on.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::engine::Engine;
use super::queue::Next;
use super::steps::Lane;
use super::watermark::Noted;
use crate::error::JournalError;

/// How often the keeper refreshes the watermark and looks for space, while there is reason to.
const KEEPER_TICK: Duration = Duration::from_secs(1);

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
    std::thread::Builder::new().name(name).spawn(run).map_err(|source| JournalError::Io {
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
        loop {
            if queue.can_complete() {
                if queue.can_write() {
                    self.work.notify_one();
                }
                self.complete_step(&mut queue);
            } else if let Some(work) = queue.take_work() {
                drop(queue);
                if let Some(ticket) = self.write_step(&mut lane, work) {
                    self.after_write();
                    self.sync_step(&lane, ticket);
                }
                queue = self.queue.lock();
            } else if queue.closed && (queue.is_drained() || queue.failure.is_some()) {
                self.work.notify_all();
                return;
            } else {
                self.work.wait(&mut queue);
            }
        }
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
            if matches!(queue.next, Next::Wanted) && queue.failure.is_none() {
                drop(queue);
                self.prepare_step();
                queue = self.queue.lock();
                continue;
            }
            let ticked = self.keeper.wait_for(&mut queue, KEEPER_TICK).timed_out();
            if !ticked || queue.failure.is_some() {
                continue;
            }
            if let Next::Failed { retry: true, .. } = queue.next {
                queue.next = Next::Wanted;
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
