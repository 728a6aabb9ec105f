//! The rules: from the state and a command to events.
//!
//! Pure: the same state, command and time give the same events. It never changes state; what it
//! says happened is made so by [`apply`](crate::apply()), once it is durable.

mod adopt;
mod data;
mod login;
mod refresh;

use thiserror::Error;

use crate::{
    Act, Actor, Command, Completed, EndReason, Event, Fact, Note, Origin, Past, Policy,
    ReuseVerdict, Rule, SessionId, SessionRef, SessionState, SessionView, Subject, TenantId,
    TokenStanding, UserId, limits,
};

/// What a command comes to: the events to be recorded, as one atomic group, and the answer to give
/// once they are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// In order; empty if there is nothing to record.
    pub events: Vec<Event>,
    /// The answer.
    pub outcome: Outcome,
}

/// The answer to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The session was opened.
    Created(SessionId),
    /// The session has a new token.
    Refreshed(SessionId),
    /// A spent token was shown; refused.
    Reused(SessionId, ReuseVerdict),
    /// The session was changed.
    Changed(SessionId),
    /// The session is there and was as wanted already.
    Unchanged(SessionId),
    /// So many live sessions ended.
    Ended(u32),
    /// So many sessions ended because their time had come.
    Expired(u32),
    /// It was recorded.
    Recorded,
    /// The policy in force says this already.
    PolicyUnchanged,
    /// There is no such live session.
    NotFound,
    /// The session is live, and no guest's.
    NotAGuest(SessionId),
    /// A command of the same idempotency key was carried out before.
    AlreadyDone(Completed),
}

/// A command that may not be carried out in this state. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The session's data would be larger than 64 KiB.
    #[error("the session's data would have {bytes} bytes; it may have {}", limits::DATA_BYTES_MAX)]
    DataTooLarge {
        /// How large it would be, in bytes.
        bytes: usize,
    },
    /// The id of the new session is taken: ids must be made anew for each session.
    #[error("there is a session {0} already")]
    SessionIdTaken(SessionId),
    /// A token of the session that is to be taken over belongs to another one, live or spent.
    #[error("a token of it belongs to session {0}")]
    TokenTaken(SessionId),
}

impl Rejection {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DataTooLarge { .. } => "auth:data_too_large",
            Self::SessionIdTaken(_) => "auth:session_id_taken",
            Self::TokenTaken(_) => "auth:token_taken",
        }
    }
}

/// What every rule is told beside the act.
struct Scene<'a, V> {
    view: &'a V,
    actor: &'a Actor,
    origin: &'a Origin,
    note: Option<&'a Note>,
    occurred_at_ms: Option<u64>,
    /// When events will have been recorded.
    at_ms: u64,
    /// The moment at which sessions are judged live or dead: for an import, the log's time.
    moment_ms: u64,
}

/// Decides what comes of a command at `now_ms`, in the given state.
///
/// A clock that stepped back is not believed: time is never before the last event's.
///
/// # Errors
/// [`Rejection`] if the command may not be carried out; then nothing is to be recorded.
pub fn decide(
    view: &impl SessionView,
    command: &Command,
    now_ms: u64,
) -> Result<Decided, Rejection> {
    let at_ms = now_ms.max(view.last_at_ms());
    if let Some(completed) = command.key.as_ref().and_then(|key| view.completed(key))
        && at_ms - completed.at_ms <= limits::IDEMPOTENCY_WINDOW_MS
    {
        return Ok(answer(Outcome::AlreadyDone(completed)));
    }
    let scene = Scene {
        view,
        actor: &command.actor,
        origin: &command.origin,
        note: command.note.as_ref(),
        occurred_at_ms: command.occurred_at_ms,
        at_ms,
        moment_ms: command.occurred_at_ms.unwrap_or(at_ms),
    };
    let mut decided = scene.decide(&command.act)?;
    if let (Some(key), Some(first)) = (&command.key, decided.events.first_mut()) {
        first.key = Some(key.clone());
    }
    Ok(decided)
}

fn answer(outcome: Outcome) -> Decided {
    Decided { events: Vec::new(), outcome }
}

impl<V: SessionView> Scene<'_, V> {
    fn decide(&self, act: &Act) -> Result<Decided, Rejection> {
        match act {
            Act::Open { version, dropped_bytes } => Ok(self.recorded(Fact::Opened {
                version: version.clone(),
                dropped_bytes: *dropped_bytes,
            })),
            Act::SetPolicy(policy) => Ok(self.set_policy(policy)),
            Act::Create(new) => self.create(new),
            Act::Adopt(adopted) => self.adopt(adopted, &Past::default()),
            Act::Move(moved) => self.take_in(moved),
            Act::Refresh { presented, successor, lifetime_ms } => {
                Ok(self.refresh(presented, successor, *lifetime_ms))
            }
            Act::Reauthenticate { presented, successor, amr } => {
                Ok(self.reauthenticate(presented, successor, amr))
            }
            Act::Upgrade { session, user, successor } => {
                Ok(self.upgrade(*session, user, *successor))
            }
            Act::Revoke { session, reason } => Ok(self.revoke(*session, *reason)),
            Act::RevokeUser { user, except, reason } => {
                Ok(self.revoke_user(user, *except, *reason))
            }
            Act::Touch { session } => Ok(self.touch(*session)),
            Act::SetDevice { session, device } => Ok(self.change(*session, |subject, state| {
                let same = state.session.device.as_ref() == Some(device.text());
                (!same).then(|| Fact::DeviceSet { subject, device: device.clone() })
            })),
            Act::SetTenant { session, tenant } => Ok(self.change(*session, |subject, state| {
                let same = state.session.tenant_id.as_ref() == tenant.as_ref().map(TenantId::text);
                (!same).then(|| Fact::TenantSet { subject, tenant: tenant.clone() })
            })),
            Act::ChangeData { session, changes } => self.change_data(*session, changes),
            Act::Sweep => Ok(self.sweep()),
            Act::RecordFailure { user, reason, count } => Ok(self.recorded(Fact::LoginFailed {
                user: user.clone(),
                reason: *reason,
                count: (*count).max(1),
            })),
            Act::Bookmark { name, mark } => {
                Ok(self.recorded(Fact::Bookmark { name: name.clone(), mark: *mark }))
            }
            Act::Compact => Ok(self.compact()),
            Act::NoteSalvage { source, kept, lost, lost_records } => {
                Ok(self.recorded(Fact::Salvaged {
                    source: *source,
                    kept: *kept,
                    lost: lost.iter().take(limits::SALVAGED_RANGES_MAX).copied().collect(),
                    lost_records: *lost_records,
                }))
            }
        }
    }

    fn event(&self, fact: Fact) -> Event {
        Event {
            at_ms: self.at_ms,
            occurred_at_ms: self.occurred_at_ms,
            actor: self.actor.clone(),
            origin: self.origin.clone(),
            note: self.note.cloned(),
            key: None,
            fact,
        }
    }

    /// An event that follows from a rule rather than from the actor's wish.
    fn event_of_rule(&self, fact: Fact) -> Event {
        Event { actor: Actor::System, ..self.event(fact) }
    }

    fn recorded(&self, fact: Fact) -> Decided {
        Decided { events: vec![self.event(fact)], outcome: Outcome::Recorded }
    }

    /// The live session of that name.
    fn live(&self, session: SessionRef) -> Option<SessionState> {
        let state = match session {
            SessionRef::Id(id) => self.view.session(id)?,
            SessionRef::Token(digest) => match self.view.token(&digest)? {
                TokenStanding::Live(state) => state,
                TokenStanding::Spent(..) => return None,
            },
            SessionRef::Lineage(digest) => match self.view.token(&digest)? {
                TokenStanding::Live(state) | TokenStanding::Spent(state, _) => state,
            },
        };
        (!state.session.is_expired(self.moment_ms)).then_some(state)
    }

    /// The user's live sessions, newest login first.
    fn live_of(&self, user: &str) -> Vec<SessionState> {
        let mut states = self.view.sessions_of(user);
        states.retain(|state| !state.session.is_expired(self.moment_ms));
        states
    }

    fn change(
        &self,
        session: SessionRef,
        fact: impl FnOnce(Subject, &SessionState) -> Option<Fact>,
    ) -> Decided {
        let Some(state) = self.live(session) else { return answer(Outcome::NotFound) };
        match fact(subject_of(&state), &state) {
            None => answer(Outcome::Unchanged(state.id())),
            Some(fact) => {
                Decided { events: vec![self.event(fact)], outcome: Outcome::Changed(state.id()) }
            }
        }
    }

    fn set_policy(&self, policy: &Policy) -> Decided {
        let in_force = self.view.policy();
        if in_force.policy == *policy && in_force.version > 0 {
            return answer(Outcome::PolicyUnchanged);
        }
        self.recorded(Fact::PolicySet {
            version: in_force.version.saturating_add(1),
            policy: *policy,
        })
    }

    fn revoke(&self, session: SessionRef, reason: EndReason) -> Decided {
        let Some(state) = self.live(session) else { return answer(Outcome::NotFound) };
        let event = self.event(self.revoked(&state, reason, Rule::Requested));
        Decided { events: vec![event], outcome: Outcome::Ended(1) }
    }

    fn revoked(&self, state: &SessionState, reason: EndReason, rule: Rule) -> Fact {
        let policy_version = self.view.policy().version;
        Fact::SessionRevoked { subject: subject_of(state), reason, rule, policy_version }
    }

    fn revoke_user(&self, user: &UserId, except: Option<SessionId>, reason: EndReason) -> Decided {
        let live = self.live_of(user);
        let kept = live.iter().filter(|state| Some(state.id()) == except).count();
        if except.is_some() && kept == 0 {
            return answer(Outcome::NotFound);
        }
        let ended = count(live.len() - kept);
        if ended == 0 {
            return answer(Outcome::Ended(0));
        }
        let fact = Fact::UserSessionsRevoked { user: user.clone(), except, reason, ended };
        Decided { events: vec![self.event(fact)], outcome: Outcome::Ended(ended) }
    }

    fn sweep(&self) -> Decided {
        let ended = count(self.view.expired(self.at_ms).len());
        if ended == 0 {
            return answer(Outcome::Expired(0));
        }
        let fact = Fact::SessionsExpired {
            effective_now_ms: self.at_ms,
            ended,
            policy_version: self.view.policy().version,
        };
        Decided { events: vec![self.event_of_rule(fact)], outcome: Outcome::Expired(ended) }
    }

    /// As a sweep, but there is something to record also if nothing has expired.
    fn compact(&self) -> Decided {
        let ended = count(self.view.expired(self.at_ms).len());
        let fact = Fact::Compacted {
            effective_now_ms: self.at_ms,
            ended,
            policy_version: self.view.policy().version,
        };
        Decided { events: vec![self.event(fact)], outcome: Outcome::Expired(ended) }
    }
}

fn subject_of(state: &SessionState) -> Subject {
    let user = UserId::new(state.session.user_id.clone());
    Subject { session: state.id(), user: user.expect("a session's user id was checked at login") }
}

/// A count for an event: what does not fit is out of all proportion, and says so by saturating.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
