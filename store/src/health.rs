//! How the ledger is, for a status page and an alarm.

use passbook_journal::JournalHealth;

use crate::execute::Engine;

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
    /// Writes to a backend that failed and wait to be tried again.
    pub backend_backlog: usize,
}

impl Health {
    pub(crate) fn of(engine: &Engine) -> Self {
        Self {
            journal: engine.journal.health(),
            applied: engine.inflight.applied(),
            sessions: engine.live.len(),
            users: engine.live.users(),
            indexed: None,
            backend_backlog: 0,
        }
    }

    /// Whether mutations are taken.
    pub fn is_writable(&self) -> bool {
        matches!(self.journal.writer, passbook_journal::WriterState::Healthy)
    }
}
