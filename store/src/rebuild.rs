//! Rebuilding the live tables: from a snapshot and the events behind it, or from all events.
//!
//! It is the same for an opening, which the journal drives, and for a moment of the past.

use std::sync::Arc;

use passbook_core::{SessionTable as _, apply, codec};
use passbook_journal::{BoxError, Journal, RecordRef, Replay, SnapshotInfo, SnapshotSource};
use passbook_planted::Bug;
use passbook_projections::{Live, LoadPlan};
use thiserror::Error;

use crate::error::LedgerError;

/// Live tables that are being rebuilt.
#[derive(Debug)]
pub(crate) struct Rebuild {
    live: Arc<Live>,
    /// The snapshot that it began from.
    snapshot: Option<SnapshotInfo>,
    /// The record that is no event, if one was met.
    unreadable: Option<LedgerError>,
    events: u64,
}

/// A snapshot whose state is not the one that was captured.
#[derive(Debug, Error)]
#[error("the state in it is not the one that was captured: its fingerprint differs")]
struct OtherState;

impl Rebuild {
    pub(crate) fn new() -> Self {
        Self { live: Arc::new(Live::new()), snapshot: None, unreadable: None, events: 0 }
    }

    /// The tables.
    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live)
    }

    /// The snapshot that it began from.
    pub(crate) fn snapshot(&self) -> Option<&SnapshotInfo> {
        self.snapshot.as_ref()
    }

    /// How many events were folded behind the snapshot.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// Why the last record was refused, if it was.
    pub(crate) fn unreadable(&mut self) -> Option<LedgerError> {
        self.unreadable.take()
    }

    /// Rebuilds from a journal that is open already, up to `through`: from the nearest snapshot that
    /// is good. Gives the snapshots that are not, with why.
    ///
    /// # Errors
    /// [`LedgerError::NotRetained`] if there is no snapshot to begin from and the first events are
    /// gone; [`LedgerError::Read`] and [`LedgerError::Event`].
    pub(crate) fn follow(
        &mut self,
        journal: &dyn Journal,
        through: u64,
    ) -> Result<Vec<(u64, BoxError)>, LedgerError> {
        let mut bad = Vec::new();
        let mut from = 1;
        for info in journal.snapshots()?.into_iter().filter(|info| info.sequence <= through) {
            let loaded = journal
                .open_snapshot(info.sequence)
                .map_err(BoxError::from)
                .and_then(|source| self.snapshot_of(&*source));
            match loaded {
                Ok(()) => {
                    from = info.sequence + 1;
                    break;
                }
                Err(error) => {
                    bad.push((info.sequence, error));
                    self.reset();
                }
            }
        }
        if from > through {
            return Ok(bad);
        }
        let first = journal.extent().sequence_first;
        if from < first {
            return Err(LedgerError::NotRetained { sequence: through, first });
        }
        for record in journal.read(from)? {
            let record = record?;
            if record.sequence > through {
                break;
            }
            self.fold(record.sequence, &record.payload)?;
        }
        Ok(bad)
    }

    /// Takes a snapshot; an error leaves what is of no more use.
    pub(crate) fn snapshot_of(&mut self, source: &dyn SnapshotSource) -> Result<(), BoxError> {
        let info = source.info();
        let plan = LoadPlan { sections: info.sections, sessions: info.items, threads: None };
        let loaded =
            self.live.load(&plan, |index| source.section(index).map_err(BoxError::from))?;
        if (loaded.sessions, loaded.digest) != (info.items, info.digest) {
            return Err(OtherState.into());
        }
        self.snapshot = Some(info.clone());
        Ok(())
    }

    /// Takes one event.
    pub(crate) fn fold(&mut self, sequence: u64, payload: &[u8]) -> Result<(), LedgerError> {
        let event = codec::decode(payload)
            .map_err(|cause| LedgerError::Event { sequence, cause: Arc::new(cause) })?;
        apply(&mut self.live.writer(), sequence, &event);
        if Bug::ReplayExpires.is_planted() {
            self.live.writer().remove_expired(event.at_ms);
        }
        self.events += 1;
        Ok(())
    }
}

impl Replay for Rebuild {
    fn snapshot(&mut self, source: &dyn SnapshotSource) -> Result<(), BoxError> {
        self.snapshot_of(source)
    }

    fn record(&mut self, record: RecordRef<'_>) -> Result<(), BoxError> {
        self.fold(record.sequence, record.payload).map_err(|error| {
            self.unreadable = Some(error.clone());
            error.into()
        })
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}
