//! Stands between a ledger and its journal and writes down what goes by.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use passbook::journal::{
    AppendError, BackupError, BackupInfo, CloseError, CompactError, Compacted, Compaction, Curator,
    Extent, FileJournal, Group, Journal, JournalError, JournalHealth, Observer, Progress,
    ReadError, Records, SnapshotError, SnapshotInfo, SnapshotSink, SnapshotSource,
};

use super::truth::Truth;

/// What all lives of one ledger have in common.
pub type SharedTruth = Arc<Mutex<Truth>>;

/// A journal that tells a [`Truth`] what it took and what it acknowledged.
#[derive(Debug)]
pub struct Tap {
    journal: Arc<FileJournal>,
    truth: SharedTruth,
}

impl Tap {
    /// Over a journal that was just opened.
    ///
    /// # Errors
    /// What the opening lost or invented.
    pub fn new(journal: Arc<FileJournal>, truth: SharedTruth) -> Result<Self, String> {
        locked(&truth).reopened(journal.durable())?;
        Ok(Self { journal, truth })
    }
}

/// The truth, for a moment.
pub fn locked(truth: &SharedTruth) -> MutexGuard<'_, Truth> {
    truth.lock().expect("no panic under it")
}

struct Heard {
    observer: Arc<dyn Observer>,
    truth: SharedTruth,
}

impl Observer for Heard {
    fn durable(&self, through: u64) {
        locked(&self.truth).acknowledge(through);
        self.observer.durable(through);
    }

    fn failed(&self, error: &Arc<JournalError>) {
        self.observer.failed(error);
    }
}

impl Journal for Tap {
    fn append(&self, expected: u64, group: &Group<'_>) -> Result<u64, AppendError> {
        let last = self.journal.append(expected, group)?;
        locked(&self.truth).take(group);
        Ok(last)
    }

    fn append_quietly(&self, expected: u64, group: &Group<'_>) -> Result<u64, AppendError> {
        let last = self.journal.append_quietly(expected, group)?;
        locked(&self.truth).take(group);
        Ok(last)
    }

    fn commit_here(&self, through: u64) {
        self.journal.commit_here(through);
    }

    fn commit_elsewhere(&self) {
        self.journal.commit_elsewhere();
    }

    fn head(&self) -> u64 {
        self.journal.head()
    }

    fn durable(&self) -> u64 {
        self.journal.durable()
    }

    fn read(&self, from: u64) -> Result<Records, ReadError> {
        self.journal.read(from)
    }

    fn begin_snapshot(&self, at: u64) -> Result<Box<dyn SnapshotSink>, SnapshotError> {
        self.journal.begin_snapshot(at)
    }

    fn snapshots(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        self.journal.snapshots()
    }

    fn open_snapshot(&self, sequence: u64) -> Result<Box<dyn SnapshotSource>, SnapshotError> {
        self.journal.open_snapshot(sequence)
    }

    fn compact(
        &self,
        compaction: &Compaction<'_>,
        curator: &dyn Curator,
    ) -> Result<Compacted, CompactError> {
        if let Some(before_ms) = compaction.remove_archives_before_ms {
            let mut truth = locked(&self.truth);
            truth.retained_before_ms = truth.retained_before_ms.max(before_ms);
        }
        self.journal.compact(compaction, curator)
    }

    fn read_kept(&self, from: u64) -> Result<Records, ReadError> {
        self.journal.read_kept(from)
    }

    fn posted(&self, keys: &[&[u8]]) -> Result<Records, ReadError> {
        self.journal.posted(keys)
    }

    fn extent(&self) -> Extent {
        self.journal.extent()
    }

    fn backup_with(&self, into: &Path, told: &dyn Fn(Progress)) -> Result<BackupInfo, BackupError> {
        self.journal.backup_with(into, told)
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.journal.observe(Arc::new(Heard { observer, truth: Arc::clone(&self.truth) }));
    }

    fn health(&self) -> JournalHealth {
        self.journal.health()
    }

    fn close(&self) -> Result<(), CloseError> {
        self.journal.close()
    }
}
