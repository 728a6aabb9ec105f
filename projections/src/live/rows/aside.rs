//! Rows as they were when a capture began, set aside before they change.

use passbook_core::snapshot::SessionRecord;

use crate::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// What a shard remembers while a capture runs.
#[derive(Debug)]
pub(super) struct Aside {
    /// Rows from here on were not there when it began.
    end: usize,
    /// Rows below were copied. Changes under the shard's lock alone, for reading or writing.
    copied: AtomicUsize,
    /// A bit for each row that changed before it was copied; made with the first.
    changed: Vec<u64>,
    /// Those rows, as they were.
    kept: Mutex<Vec<SessionRecord>>,
}

impl Aside {
    pub(super) fn new(end: usize) -> Self {
        Self { end, copied: AtomicUsize::new(0), changed: Vec::new(), kept: Mutex::default() }
    }

    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Whether the row at that index must be set aside before the change that is about to be made:
    /// it belongs to the picture, is not copied, and this is its first change.
    pub(super) fn wants(&mut self, index: usize) -> bool {
        if index >= self.end || index < *self.copied.get_mut() {
            return false;
        }
        if self.changed.is_empty() {
            self.changed.resize(self.end.div_ceil(64), 0);
        }
        let Some(word) = self.changed.get_mut(index / 64) else { return false };
        let bit = 1 << (index % 64);
        let is_first = *word & bit == 0;
        *word |= bit;
        is_first
    }

    /// Sets a row aside.
    pub(super) fn keep(&mut self, record: SessionRecord) {
        self.kept.get_mut().push(record);
    }

    /// Whether the row at that index has changed, so that it must not be copied.
    pub(super) fn has_changed(&self, index: usize) -> bool {
        self.changed.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// Notes that all rows below were copied, and hands over what was set aside so far.
    pub(super) fn copied_to(&self, index: usize) -> Vec<SessionRecord> {
        self.copied.store(index, Ordering::Relaxed);
        std::mem::take(&mut self.kept.lock())
    }
}
