//! Keeps a table of rows in step with a ledger.
//!
//! It follows the events, and for each session that they touch writes what the session is now: a
//! row, or none. What a backend fails stays due and is tried again with the next change, so a row
//! is never left behind in silence.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use passbook_core::{
    Act, Actor, AdoptedSession, Command, DataKey, DeviceLabel, Fact, NewSession, Origin, SessionId,
    SessionRef, SessionState, SessionView, State, TenantId, Transport, UserAgent, UserId, apply,
};
use passbook_projections::history::Recorded;

use crate::{Ledger, SessionBackend, SessionRow, error::LedgerError, subscribe::Subscription};

/// A backend and how far it has followed.
#[derive(Debug)]
pub(crate) struct Mirror {
    backend: Box<dyn SessionBackend>,
    followed: Mutex<Followed>,
}

#[derive(Debug)]
struct Followed {
    events: Subscription,
    state: State,
    due: BTreeSet<SessionId>,
}

impl Mirror {
    /// Takes the backend's rows over into an empty ledger, and follows it from then on.
    pub(crate) fn hydrate(
        ledger: &Ledger,
        backend: Box<dyn SessionBackend>,
    ) -> Result<Self, LedgerError> {
        let now_ms = ledger.engine.now_ms();
        for row in backend.load_all()? {
            if row.expires_at_ms <= now_ms {
                backend.remove(&row.id)?;
            } else {
                adopt(ledger, row)?;
            }
        }
        let mut followed =
            Followed { events: ledger.subscribe(0), state: State::new(), due: BTreeSet::new() };
        followed.follow()?;
        followed.due.clear();
        Ok(Self { backend, followed: Mutex::new(followed) })
    }

    /// Writes what has changed, and what failed before.
    pub(crate) fn catch_up(&self) -> Result<(), LedgerError> {
        let mut followed = self.followed.lock();
        followed.follow()?;
        // All of them, whatever one says: an ended session's row must not wait for another's.
        let mut failed = None;
        for id in followed.due.clone() {
            let written = match followed.state.session(id) {
                Some(state) => self.backend.save(&row_of(&state)),
                None => self.backend.remove(&id),
            };
            match written {
                Ok(()) => {
                    followed.due.remove(&id);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Rows that are to be written or removed and are not.
    pub(crate) fn backlog(&self) -> usize {
        self.followed.lock().due.len()
    }
}

impl Followed {
    fn follow(&mut self) -> Result<(), LedgerError> {
        while let Some(recorded) = self.events.try_next() {
            let Recorded { sequence, event } = recorded?;
            self.due.extend(touched(&self.state, &event.fact));
            apply(&mut self.state, sequence, &event);
        }
        Ok(())
    }
}

/// The sessions that a fact may change.
fn touched(state: &State, fact: &Fact) -> Vec<SessionId> {
    match fact {
        Fact::UserSessionsRevoked { user, .. } => {
            state.sessions_of(user).iter().map(SessionState::id).collect()
        }
        Fact::SessionsExpired { effective_now_ms, .. }
        | Fact::Compacted { effective_now_ms, .. } => state.expired(*effective_now_ms),
        Fact::Opened { .. }
        | Fact::PolicySet { .. }
        | Fact::SessionCreated { .. }
        | Fact::SessionRefreshed { .. }
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

fn row_of(state: &SessionState) -> SessionRow {
    let session = &state.session;
    let data = state.data.iter().flat_map(|data| data.iter());
    SessionRow {
        id: session.id,
        token_digest: state.digest,
        user_id: session.user_id.clone(),
        is_guest: session.is_guest,
        created_at_ms: session.created_at_ms,
        last_active_at_ms: session.last_active_at_ms,
        expires_at_ms: session.expires_at_ms,
        device: session.device.clone(),
        tenant_id: session.tenant_id.clone(),
        ip: session.ip,
        user_agent: session.user_agent.clone(),
        data: data.map(|(key, value)| (key.text().clone(), value.clone())).collect(),
    }
}

fn adopt(ledger: &Ledger, row: SessionRow) -> Result<(), LedgerError> {
    let session = NewSession {
        id: row.id,
        digest: row.token_digest,
        user: UserId::new(row.user_id)?,
        is_guest: row.is_guest,
        device: row.device.map(DeviceLabel::new).transpose()?,
        tenant: row.tenant_id.map(TenantId::new).transpose()?,
        transport: Transport::Token,
        lifetime_ms: None,
        replaces: None,
        sessions_per_user_max: None,
    };
    let origin = Origin {
        ip: row.ip,
        user_agent: row.user_agent.as_deref().map(UserAgent::new),
        imported: None,
    };
    let adopted = AdoptedSession {
        session,
        created_at_ms: row.created_at_ms,
        last_active_at_ms: row.last_active_at_ms,
        expires_at_ms: row.expires_at_ms,
    };
    submit(ledger, Act::Adopt(adopted), origin)?;
    for (key, value) in row.data {
        let session = SessionRef::Id(row.id);
        submit(
            ledger,
            Act::SetData { session, key: DataKey::new(key)?, value },
            Origin::default(),
        )?;
    }
    Ok(())
}

fn submit(ledger: &Ledger, act: Act, origin: Origin) -> Result<(), LedgerError> {
    let command = Command { actor: Actor::System, origin, ..Command::new(act) };
    ledger.submit(&command)?.wait().map(|_reply| ())
}
