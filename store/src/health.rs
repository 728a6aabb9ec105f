//! How the ledger is, for a status page and an alarm.

use passbook_journal::JournalHealth;
use passbook_projections::rows::BackendError;

use crate::{execute::Engine, rows::MirrorHealth};

/// How the ledger is at one moment.
#[derive(Debug, Clone)]
pub struct Health {
    /// The writer's state and its counters.
    pub journal: JournalHealth,
    /// The sequence of the last event that readers see.
    pub applied: u64,
    /// Sessions in memory, expired ones that no sweep has dropped included.
    pub sessions: usize,
    /// Users that have a session in memory.
    pub users: usize,
    /// The last event that is in the history's index; `None` while it is built, or if there is
    /// none.
    pub indexed: Option<u64>,
    /// The event up to which [`Postings`](crate::Postings) are complete; `None` = none are kept.
    pub posted: Option<u64>,
    /// Rows of a backend that are not as they are in memory: under way, or failed and tried again
    /// until they are.
    pub backend_backlog: usize,
    /// What the backend said of one that failed; `None`: none did.
    pub backend_error: Option<BackendError>,
    /// The mirror that was asked for with [`Builder::mirror`](crate::Builder::mirror), if one was.
    pub mirror: Option<MirrorHealth>,
}

impl Health {
    pub(crate) fn of(engine: &Engine) -> Self {
        Self {
            journal: engine.journal.health(),
            applied: engine.inflight.applied(),
            sessions: engine.live.len(),
            users: engine.live.users(),
            indexed: None,
            posted: None,
            backend_backlog: 0,
            backend_error: None,
            mirror: None,
        }
    }

    /// Whether mutations are taken.
    pub fn is_writable(&self) -> bool {
        matches!(self.journal.writer, passbook_journal::WriterState::Healthy)
    }
}
