//! Which rows an event changes, and what they are after it.
//!
//! It has live tables of its own: a row is then of the same moment as the event, however far the
//! ledger has gone on.

use std::sync::Arc;

use passbook_core::{Fact, SessionId, SessionState, SessionView as _, apply};
use passbook_projections::{Live, history::Recorded, rows::SessionRow};

/// The sessions as of one event.
#[derive(Debug)]
pub(crate) struct Feed {
    live: Arc<Live>,
    /// The last event folded.
    sequence: u64,
}

impl Feed {
    /// The sessions in `live`, as of event `sequence`.
    pub(crate) fn of(live: Arc<Live>, sequence: u64) -> Self {
        Self { live, sequence }
    }

    /// The last event folded.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Folds one more event; gives the sessions that it may have changed or ended.
    pub(crate) fn fold(&mut self, recorded: &Recorded) -> Vec<SessionId> {
        let Recorded { sequence, event } = recorded;
        let touched = self.touched_by(&event.fact);
        apply(&mut self.live.writer(), *sequence, event);
        self.sequence = *sequence;
        touched
    }

    /// The session's row; `None` if it has none.
    pub(crate) fn row(&self, id: SessionId) -> Option<SessionRow> {
        self.live.session(id).as_ref().map(SessionRow::from)
    }

    fn touched_by(&self, fact: &Fact) -> Vec<SessionId> {
        match fact {
            Fact::UserSessionsRevoked { user, .. } => {
                self.live.sessions_of(user).iter().map(SessionState::id).collect()
            }
            Fact::SessionsExpired { effective_now_ms, .. }
            | Fact::Compacted { effective_now_ms, .. } => self.live.expired(*effective_now_ms),
            Fact::Opened { .. }
            | Fact::PolicySet { .. }
            | Fact::SessionCreated { .. }
            | Fact::SessionRefreshed { .. }
            | Fact::SessionReauthenticated { .. }
            | Fact::SessionUpgraded { .. }
            | Fact::SessionRevoked { .. }
            | Fact::DeviceSet { .. }
            | Fact::TenantSet { .. }
            | Fact::DataSet { .. }
            | Fact::DataRemoved { .. }
            | Fact::SessionTouched { .. }
            | Fact::TokenReuseDetected { .. }
            | Fact::LoginFailed { .. }
            | Fact::Bookmark { .. }
            | Fact::Salvaged { .. } => {
                fact.subject().map(|subject| subject.session).into_iter().collect()
            }
        }
    }
}
