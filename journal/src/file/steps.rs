//! The steps of a commit, in their one order: write → sync → complete.
//!
//! Threads and the inline mode run the same functions; who runs them when is left to `threads`.

use std::sync::Arc;

use passbook_planted::{Bug, unless};

use super::engine::{Engine, Writer};
use super::options::Durability;
use super::queue::{Flight, Mark, Queue, Work};
use crate::disk::DiskFile;
use crate::error::JournalError;
use crate::format::draft::Sealing;
use crate::limits::WINDOW_BYTES_MAX;
use crate::sync::MutexGuard;
use crate::vfs::OpenMode;

/// A way to the active segment with a descriptor of its own, so that no other sync can swallow
/// the error that this one should see.
#[derive(Debug, Default)]
pub(super) struct Lane {
    file: Option<(u64, DiskFile)>,
}

impl Lane {
    /// The descriptor of the active segment, opened when it has changed.
    fn follow(&mut self, engine: &Engine, writer: &Writer) -> Result<&DiskFile, JournalError> {
        let number = writer.header.number;
        if self.file.as_ref().is_none_or(|(opened, _)| *opened != number) {
            let path = engine.layout.segment(&writer.header.file_name());
            let file = engine.disk.open(&path, OpenMode::ReadWrite)?;
            self.file = Some((number, file));
        }
        let (_, file) = self.file.as_ref().expect("it was just opened");
        Ok(file)
    }
}

impl Engine {
    /// Writes one batch; its ticket, or nothing if the journal is poisoned now.
    pub(super) fn write_step(&self, lane: &mut Lane, work: Work) -> Option<u64> {
        match self.write(lane, work) {
            Ok(ticket) => Some(ticket),
            Err(error) => {
                self.poison(error);
                None
            }
        }
    }

    fn write(&self, lane: &mut Lane, work: Work) -> Result<u64, JournalError> {
        let Work { mut draft, durable, rotate } = work;
        let mut writer = self.writer.lock();
        let durable = if rotate { self.rotate(&mut writer)? } else { durable };
        let durable = if Bug::HeaderAhead.is_planted() { writer.sequence_last } else { durable };
        let file = lane.follow(self, &writer)?;
        let offset = writer.offset;
        let chain = draft.seal(&Sealing {
            seal: &writer.seal,
            salt: &writer.header.salt,
            offset,
            durable,
            previous_chain: writer.chain,
        });
        file.write_at(draft.sealed(), offset)?;

        let extent = u64::try_from(draft.extent_sealed()).expect("a batch is at most 1 MiB");
        writer.offset += extent;
        writer.chain = chain;
        writer.time_last_ms = draft.time_last_ms();
        writer.sequence_last = draft.sequence_last();
        writer.unsynced_bytes += extent;
        let flight = Flight {
            ticket: 0,
            through: draft.sequence_last(),
            records: u64::try_from(draft.count()).expect("a batch has at most 65,536 records"),
            extent,
            segment: writer.header.number,
            end: writer.offset,
            synced: false,
        };
        self.catalog.lock().mark(draft.sequence_first(), offset);
        let ticket = self.queue.lock().written(flight, draft);
        Ok(ticket)
    }

    /// Makes one written batch durable, on the lane that wrote it.
    pub(super) fn sync_step(&self, lane: &Lane, ticket: u64) {
        let on_medium = match self.durability {
            Durability::Synced => true,
            Durability::Buffered => self.buffer_is_full(),
        };
        if on_medium
            && let Some((_, file)) = &lane.file
            && let Err(error) = sync_once(file)
        {
            return self.poison(error);
        }
        self.queue.lock().synced(ticket, on_medium);
    }

    /// Whether so much is buffered that a power cut could leave debris that looks like damage.
    fn buffer_is_full(&self) -> bool {
        let mut writer = self.writer.lock();
        let full = writer.unsynced_bytes >= WINDOW_BYTES_MAX / 2;
        if full {
            writer.unsynced_bytes = 0;
        }
        full
    }

    /// Syncs what is only buffered, at a rotation and at the end.
    pub(super) fn sync_buffered(&self) -> Result<(), JournalError> {
        let mut writer = self.writer.lock();
        let synced = self.sync_all(&mut writer);
        drop(writer);
        synced.map(drop)
    }

    /// Makes all written batches durable and says how far that is. Nothing may be under way.
    pub(super) fn sync_all(&self, writer: &mut Writer) -> Result<Mark, JournalError> {
        let mark = self.queue.lock().mark;
        match self.durability {
            Durability::Synced => Ok(mark),
            Durability::Buffered if writer.unsynced_bytes == 0 => Ok(mark),
            Durability::Buffered => {
                let path = self.layout.segment(&writer.header.file_name());
                self.disk.open(&path, OpenMode::ReadWrite)?.sync()?;
                writer.unsynced_bytes = 0;
                let (segment, end) = (writer.header.number, writer.offset);
                let mark = Mark { segment, end, durable: writer.sequence_last };
                self.queue.lock().mark = mark;
                Ok(mark)
            }
        }
    }

    /// Makes records up to `sequence` durable on the medium, if they are only buffered. A sync that
    /// fails poisons: nobody else would hear of it.
    pub(super) fn sync_through(&self, sequence: u64) -> Result<(), Arc<JournalError>> {
        if self.queue.lock().mark.durable >= sequence {
            return Ok(());
        }
        if let Err(error) = self.sync_buffered() {
            self.poison(error);
        }
        match &self.queue.lock().failure {
            Some(failure) => Err(Arc::clone(&failure.error)),
            None => Ok(()),
        }
    }

    /// Tells the observer what it hasn't heard. One at a time, in order, without any lock of ours.
    pub(super) fn complete_step(&self, queue: &mut MutexGuard<'_, Queue>) {
        queue.completing = true;
        loop {
            if queue.told < queue.durable {
                let through = queue.durable;
                queue.told = through;
                MutexGuard::unlocked(queue, || self.tell(through));
            } else if let Some(failure) = queue.failure.as_mut().filter(|failure| !failure.told) {
                failure.told = true;
                let error = Arc::clone(&failure.error);
                MutexGuard::unlocked(queue, || {
                    if let Some(slot) = self.observer.get() {
                        slot.0.failed(&error);
                    }
                });
            } else {
                break;
            }
        }
        queue.completing = false;
    }

    fn tell(&self, through: u64) {
        if let Some(slot) = self.observer.get() {
            slot.0.durable(through);
        }
    }
}

/// What a failed sync leaves is unknown, and a second one proves nothing: so there is none.
fn sync_once(file: &DiskFile) -> Result<(), JournalError> {
    let synced = unless(Bug::AnsweredBeforeSync, || file.sync());
    if Bug::SecondSyncBelieved.is_planted() { synced.or_else(|_| file.sync()) } else { synced }
}
