//! What is said of a session: dead and why, or alive and until when.

use passbook_core::{EndReason, PolicyInForce, Session, SessionState, session::NEVER_MS};
use passbook_projections::history::{Recorded, expiry_reason};

use super::ending::Ending;

/// Why a session is dead, or what would end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The session as it was last: just before its end, or at the moment asked about.
    pub session: Session,
    /// The generation of its live token, or of the last one.
    pub generation: u32,
    /// Dead or alive.
    pub standing: Standing,
    /// By when it was judged, in Unix milliseconds.
    pub judged_at_ms: u64,
    /// The events about it that are kept, oldest first; the one that ended it is the last.
    pub events: Vec<Recorded>,
}

/// Whether a session lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It ended.
    Dead(Box<Ending>),
    /// It lives.
    Alive(Outlook),
}

/// What would end a session that lives. Times are Unix milliseconds; [`NEVER_MS`] = never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// When it ends if nobody refreshes or touches it.
    pub expires_at_ms: u64,
    /// With which reason it would end then; `None` = it never expires.
    pub reason: Option<EndReason>,
    /// When it ends whatever happens.
    pub absolute_at_ms: u64,
    /// How long a refresh or touch extends it, in milliseconds; 0 = for ever.
    pub lifetime_ms: u64,
    /// The policy in force: a login beyond its limit may end the session, and a spent token. `None`
    /// = no event that is kept says which.
    pub policy: Option<PolicyInForce>,
}

impl Outlook {
    pub(crate) fn of(state: &SessionState, policy: Option<PolicyInForce>) -> Self {
        let expires_at_ms = state.session.expires_at_ms;
        Self {
            expires_at_ms,
            reason: (expires_at_ms != NEVER_MS).then(|| expiry_reason(state)),
            absolute_at_ms: state.absolute_at_ms,
            lifetime_ms: state.lifetime_ms,
            policy,
        }
    }
}

impl Explanation {
    /// Its end, if it is dead.
    pub fn ending(&self) -> Option<&Ending> {
        match &self.standing {
            Standing::Dead(ending) => Some(ending),
            Standing::Alive(_) => None,
        }
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.ending().is_none()
    }
}
