//! Taking snapshots in memory: the same contract as in files, without a disk.

use std::sync::Arc;

use super::{Fault, Shared};
use crate::leaf::CHAIN_START;
use crate::limits::SNAPSHOTS_KEPT;
use crate::snapshot::memory::{MemorySnapshot, check_section};
use crate::snapshot::{SnapshotError, SnapshotInfo, SnapshotMeta, SnapshotSink};

struct MemorySink {
    shared: Arc<Shared>,
    at: u64,
    time_ms: u64,
    sections: Vec<Vec<u8>>,
    failure: Option<SnapshotError>,
}

pub(super) fn begin(shared: &Arc<Shared>, at: u64) -> Result<Box<dyn SnapshotSink>, SnapshotError> {
    let mut state = shared.state.lock();
    if let Fault::Poisoned(error) = &state.fault {
        return Err(SnapshotError::Unavailable(Arc::clone(error)));
    }
    let first = state.snapshots.first().map_or(1, |newest| newest.info.sequence);
    let last = state.durable;
    if !(first..=last).contains(&at) {
        return Err(SnapshotError::OutOfRange { at, first, last });
    }
    if state.closed {
        return Err(SnapshotError::Closed);
    }
    if state.snapshot_busy {
        return Err(SnapshotError::Busy);
    }
    state.snapshot_busy = true;
    let time_ms = state.record(at).map_or(0, |record| record.time_ms);
    let (shared, sections) = (Arc::clone(shared), Vec::new());
    Ok(Box::new(MemorySink { shared, at, time_ms, sections, failure: None }))
}

impl SnapshotSink for MemorySink {
    fn section(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        check_section(bytes, self.sections.len())
            .inspect_err(|error| self.failure = Some(error.clone()))?;
        self.sections.push(bytes.to_vec());
        Ok(())
    }

    fn finish(mut self: Box<Self>, meta: SnapshotMeta) -> Result<SnapshotInfo, SnapshotError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let sections = std::mem::take(&mut self.sections);
        let bytes = sections.iter().map(Vec::len).sum::<usize>();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let info = SnapshotInfo {
            sequence: self.at,
            time_ms: self.time_ms,
            chain_sequence: 0,
            chain: CHAIN_START,
            digest: meta.digest,
            items: meta.items,
            created_at_ms: meta.created_at_ms,
            sections: u32::try_from(sections.len()).expect("checked at each section"),
            raw_bytes: bytes,
            bytes,
            path: None,
        };
        let snapshot = MemorySnapshot { info: info.clone(), sections: Arc::new(sections) };
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(SnapshotError::Closed);
        }
        state.snapshots.retain(|kept| kept.info.sequence != self.at);
        state.snapshots.insert(0, snapshot);
        state.snapshots.truncate(SNAPSHOTS_KEPT);
        Ok(info)
    }
}

impl Drop for MemorySink {
    fn drop(&mut self) {
        self.shared.state.lock().snapshot_busy = false;
    }
}
