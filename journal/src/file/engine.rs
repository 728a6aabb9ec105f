//! The commit engine: what its parts share, and the append path.
//!
//! Locks, in the order in which they may be taken: `lanes` → `writer` → `queue`;
//! `catalog`, `watermark` and `shelf` alone. `manifest` belongs to whoever compacts or backs
//! up, before all others. `queue` is never held across a call of the file system or of the observer, so `append`
//! waits for neither.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::catalog::Catalog;
use super::inline::InlineLanes;
use super::options::{Durability, Threading};
use super::queue::{Failure, Next, Obstacle, Queue, Watched};
use super::steps::Lane;
use super::watermark::WatermarkFile;
use crate::disk::{Disk, DiskFile};
use crate::entropy::Entropy;
use crate::error::{AppendError, CloseError, JournalError, ReadOnlyReason};
use crate::format::StoreId;
use crate::format::batch::Seal;
use crate::format::manifest::Manifest;
use crate::format::segment::SegmentHeader;
use crate::health::{JournalHealth, WriterState};
use crate::journal::{Group, Observer};
use crate::layout::Layout;
use crate::leaf::Chain;
use crate::snapshot::shelf::Shelf;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// Who commits what is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committer {
    /// The journal's own threads.
    Threads,
    /// Whoever appended.
    Caller,
}

/// Everything that the committing threads, the keeper and the callers share.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) disk: Disk,
    pub(super) layout: Layout,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) store: StoreId,
    pub(super) group_bytes_max: usize,
    pub(super) durability: Durability,
    pub(super) threading: Threading,
    /// 0 = no limit.
    pub(super) background_bytes_per_second: u64,
    pub(super) queue: Mutex<Queue>,
    /// For the committing threads: there may be something to write or to tell.
    pub(super) work: Condvar,
    /// Counts groups, for the thread that watches the queue without its lock.
    pub(super) appended: AtomicU64,
    /// For callers of `append` that are held back.
    pub(super) room: Condvar,
    /// For the keeper: the next segment is wanted, or we close.
    pub(super) keeper: Condvar,
    /// For background work that pauses: we close.
    pub(super) closing: Condvar,
    /// Held by whoever compacts or backs up, from the first to the last call.
    pub(super) manifest: Mutex<Manifest>,
    /// Held by whoever has the writer's role, so never waited for.
    pub(super) writer: Mutex<Writer>,
    pub(super) catalog: Mutex<Catalog>,
    pub(super) watermark: Mutex<WatermarkFile>,
    /// Never taken by a commit.
    pub(super) shelf: Mutex<Shelf>,
    pub(super) observer: OnceLock<ObserverSlot>,
    /// The kernel's lock lives as long as this file is open.
    pub(super) lock: Mutex<Option<DiskFile>>,
    pub(super) lanes: InlineLanes,
    /// Ways to the active segment for callers that commit themselves, when none does.
    pub(super) callers_lanes: Mutex<Vec<Lane>>,
}

/// Where the next batch goes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) header: SegmentHeader,
    pub(super) seal: Seal,
    pub(super) offset: u64,
    pub(super) chain: Chain,
    pub(super) time_last_ms: u64,
    pub(super) sequence_last: u64,
    /// Bytes written since the last sync, when durability is buffered.
    pub(super) unsynced_bytes: u64,
}

pub(super) struct ObserverSlot(pub(super) Arc<dyn Observer>);

impl std::fmt::Debug for ObserverSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObserverSlot").finish_non_exhaustive()
    }
}

impl Engine {
    pub(crate) fn append(
        &self,
        expected: u64,
        group: &Group<'_>,
        committer: Committer,
    ) -> Result<u64, AppendError> {
        group.check_size(self.group_bytes_max)?;
        let framed_bytes = group.framed_bytes();
        let mut queue = self.queue.lock();
        loop {
            match queue.admit(expected, group, framed_bytes) {
                Ok(last) => {
                    self.after_append(&mut queue, committer);
                    return Ok(last);
                }
                Err(Obstacle::Refused(error)) => return Err(error),
                Err(Obstacle::Full) => self.wait_for_room(&mut queue),
                Err(Obstacle::NeedsSegment) => self.wait_for_segment(&mut queue)?,
            }
        }
    }

    fn after_append(&self, queue: &mut Queue, committer: Committer) {
        if queue.room.runs_low() {
            queue.room.next = Next::Wanted;
            self.keeper.notify_one();
        }
        self.appended.fetch_add(1, Ordering::Release);
        match committer {
            Committer::Threads => self.wake_a_thread(queue),
            Committer::Caller => {}
        }
    }

    /// Wakes a committing thread, unless one looks by itself or there is nothing to do.
    pub(super) fn wake_a_thread(&self, queue: &Queue) {
        if queue.watched == Watched::No && queue.can_write() {
            self.work.notify_one();
        }
    }

    fn wait_for_room(&self, queue: &mut MutexGuard<'_, Queue>) {
        match self.threading {
            Threading::Threads => self.room.wait(queue),
            Threading::Inline => MutexGuard::unlocked(queue, || self.make_room_inline()),
        }
    }

    fn wait_for_segment(&self, queue: &mut MutexGuard<'_, Queue>) -> Result<(), AppendError> {
        match (&mut queue.room.next, self.threading) {
            (Next::Failed { reason, retry }, Threading::Threads) => {
                *retry = true;
                Err(AppendError::ReadOnly(reason.clone()))
            }
            (
                Next::Absent | Next::Wanted | Next::Preparing | Next::Ready { .. },
                Threading::Threads,
            ) => {
                if matches!(queue.room.next, Next::Absent) {
                    queue.room.next = Next::Wanted;
                    self.keeper.notify_one();
                }
                self.room.wait(queue);
                Ok(())
            }
            (_, Threading::Inline) => {
                queue.room.next = Next::Wanted;
                MutexGuard::unlocked(queue, || self.prepare_step());
                match &queue.room.next {
                    Next::Failed { reason, .. } => Err(AppendError::ReadOnly(reason.clone())),
                    Next::Absent | Next::Wanted | Next::Preparing | Next::Ready { .. } => Ok(()),
                }
            }
        }
    }

    /// Ends it for ever: nothing is written, synced or acknowledged any more.
    pub(super) fn poison(&self, error: JournalError) {
        let mut queue = self.queue.lock();
        queue.writing = false;
        queue.failure.get_or_insert_with(|| Failure { error: Arc::new(error), told: false });
        self.wake_all();
    }

    /// Background work waits so long, or until the journal ends.
    pub(super) fn pause(&self, time: Duration) {
        let mut queue = self.queue.lock();
        if !queue.closed && queue.failure.is_none() {
            self.closing.wait_for(&mut queue, time);
        }
    }

    pub(super) fn wake_all(&self) {
        self.work.notify_all();
        self.room.notify_all();
        self.keeper.notify_all();
        self.closing.notify_all();
    }

    pub(crate) fn health(&self) -> JournalHealth {
        let segments = self.catalog.lock().count();
        let queue = self.queue.lock();
        let writer = match (&queue.failure, queue.closed, &queue.room.next) {
            (Some(failure), _, _) => WriterState::Poisoned(Arc::clone(&failure.error)),
            (None, true, _) => WriterState::Closed,
            (None, false, Next::Failed { reason, .. }) => WriterState::ReadOnly(reason.clone()),
            (None, false, Next::Absent | Next::Wanted | Next::Preparing | Next::Ready { .. }) => {
                WriterState::Healthy
            }
        };
        JournalHealth {
            writer,
            head: queue.head,
            durable: queue.durable,
            commits: queue.counters.commits,
            records: queue.counters.records,
            bytes_written: queue.counters.bytes_written,
            syncs: queue.counters.syncs,
            segments,
            queued_bytes: queue.queued_bytes(),
        }
    }

    /// The last act: everything is drained, so the watermark may say that all of it is durable.
    pub(crate) fn finish(&self) -> Result<(), CloseError> {
        // A snapshot that is being taken must not get its name once the lock is gone.
        self.shelf.lock().closed = true;
        let buffered = self.sync_buffered();
        let queue = self.queue.lock();
        if let Some(failure) = &queue.failure {
            let error = Arc::clone(&failure.error);
            drop(queue);
            drop(self.lock.lock().take());
            return Err(CloseError::Poisoned(error));
        }
        let mark = queue.mark;
        drop(queue);
        let noted = buffered.and_then(|()| self.watermark.lock().close(mark));
        drop(self.lock.lock().take());
        noted.map_err(|error| CloseError::Watermark(Arc::new(error)))
    }
}

/// A failed preparation: a full disk, or something else.
pub(super) fn reason_of(error: JournalError) -> ReadOnlyReason {
    let error = Arc::new(error);
    if error.is_disk_full() {
        ReadOnlyReason::DiskFull(error)
    } else {
        ReadOnlyReason::NotPrepared(error)
    }
}
