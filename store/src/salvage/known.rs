//! What a snapshot of the damaged ledger knows of its sessions, whatever became of the events.

use std::{path::Path, sync::Arc};

use passbook_core::{
    Act, Actor, Command, EndReason, Note, Session, SessionRef, SessionState, SessionView as _,
};
use passbook_journal::{Options, StoreId, salvaged_snapshots};

use super::count;
use crate::{error::LedgerError, execute::Committer, ledger::Ledger, rebuild::Rebuild};

/// Kept in the event of each session that is ended again.
const NOTE: &str = "salvage: the event that ended or changed it is lost, a snapshot knows of it";

/// The state of the newest snapshot that is good, and of the kept events behind it.
#[derive(Debug)]
pub(super) struct Known {
    rebuild: Rebuild,
    snapshot: u64,
}

impl Known {
    pub(super) fn of(
        damaged: &Path,
        options: &Options,
        store: &StoreId,
    ) -> Result<Option<Self>, LedgerError> {
        let sources = salvaged_snapshots(damaged, Arc::clone(&options.vfs), store);
        for source in sources.map_err(|error| LedgerError::Open(Arc::new(error)))? {
            let mut rebuild = Rebuild::new();
            let snapshot = source.info().sequence;
            match rebuild.snapshot_of(&*source) {
                Ok(()) => return Ok(Some(Self { rebuild, snapshot })),
                Err(error) => tracing::warn!(snapshot, %error, "a snapshot can't be used"),
            }
        }
        Ok(None)
    }

    pub(super) fn snapshot(&self) -> u64 {
        self.snapshot
    }

    /// Takes a kept event, if it is behind the snapshot.
    pub(super) fn follow(&mut self, sequence: u64, payload: &[u8]) -> Result<(), LedgerError> {
        if sequence > self.snapshot { self.rebuild.fold(sequence, payload) } else { Ok(()) }
    }

    /// How many live sessions the ledger does not have.
    pub(super) fn not_in(&self, ledger: &Ledger, now_ms: u64) -> u64 {
        let live = self.rebuild.live().all().into_iter().filter(|own| !own.is_expired(now_ms));
        count(live.filter(|own| ledger.engine.live.session(own.id).is_none()).count())
    }

    /// Ends the ledger's live sessions that are not as they were known, and says how many.
    pub(super) fn end_stale(&self, ledger: &Ledger, now_ms: u64) -> Result<u64, LedgerError> {
        let live = ledger.list_all_unfiltered().into_iter().filter(|own| !own.is_expired(now_ms));
        let stale: Vec<Session> = live.filter(|own| self.is_stale(own, ledger)).collect();
        for Session { id, .. } in &stale {
            let session = SessionRef::Id(*id);
            let command = Command {
                actor: Actor::System,
                note: Some(Note::new(NOTE)?),
                ..Command::new(Act::Revoke { session, reason: EndReason::RevokedByAdmin })
            };
            ledger.engine.submit(&command, Committer::Caller)?.wait()?;
        }
        Ok(count(stale.len()))
    }

    fn is_stale(&self, own: &Session, ledger: &Ledger) -> bool {
        let bearer = |state: SessionState| (state.digest, state.session.user_id);
        let known = self.rebuild.live().session(own.id).map(bearer);
        known != ledger.engine.live.session(own.id).map(bearer)
    }
}
