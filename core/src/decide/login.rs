//! Logging in: a new session, a guest who becomes a user, and who must go for it.

use passbook_planted::Bug;

use super::{Decided, Outcome, Rejection, Scene, answer, count, data::check, subject_of};
use crate::{
    EndReason, Event, Fact, NewSession, Rule, SessionId, SessionRef, SessionState, SessionView,
    Subject, TokenDigest, Transport, UserId, policy::deadline,
};

impl<V: SessionView> Scene<'_, V> {
    pub(super) fn create(&self, new: &NewSession) -> Result<Decided, Rejection> {
        if self.view.has_session(new.id) {
            return Err(Rejection::SessionIdTaken(new.id));
        }
        check(&new.data)?;
        let mut events = Vec::with_capacity(1);
        let replaced = new.replaces.and_then(|id| self.live(SessionRef::Id(id)));
        if let Some(state) = &replaced {
            let fact = self.revoked(state, EndReason::Replaced, Rule::ReplacedBy(new.id));
            events.push(self.event(fact));
        }
        match new.transport {
            // What a log says happened is not up to our policy.
            Transport::Imported => {}
            Transport::Token | Transport::Cookie | Transport::Jwt => {
                self.evict(&new.user, replaced.as_ref(), new.sessions_per_user_max, &mut events);
            }
        }
        events.push(self.event(self.created(new)));
        let subject = Subject { session: new.id, user: new.user.clone() };
        events.extend(self.first_data(&subject, &new.data));
        Ok(Decided { events, outcome: Outcome::Created(new.id) })
    }

    fn created(&self, new: &NewSession) -> Fact {
        let policy = self.view.policy().policy;
        let lifetime_ms = new.lifetime_ms.unwrap_or(policy.idle_timeout_ms);
        let absolute_at_ms = match new.transport {
            Transport::Imported => u64::MAX,
            Transport::Token | Transport::Cookie | Transport::Jwt => {
                let timeout_ms = new.absolute_timeout_ms.unwrap_or(policy.absolute_timeout_ms);
                deadline(self.moment_ms, timeout_ms)
            }
        };
        Fact::SessionCreated {
            subject: Subject { session: new.id, user: new.user.clone() },
            is_guest: new.is_guest,
            digest: new.digest,
            device: new.device.clone(),
            tenant: new.tenant.clone(),
            transport: new.transport,
            created_at_ms: self.moment_ms,
            lifetime_ms,
            expires_at_ms: deadline(self.moment_ms, lifetime_ms).min(absolute_at_ms),
            absolute_at_ms,
        }
    }

    /// Ends the least recently active sessions of `user` until one more is within the limit.
    fn evict(
        &self,
        user: &UserId,
        leaving: Option<&SessionState>,
        limit: Option<u32>,
        events: &mut Vec<Event>,
    ) {
        let limit = limit.unwrap_or(self.view.policy().policy.sessions_per_user_max);
        if limit == 0 {
            return;
        }
        let mut live = self.live_of(user);
        live.retain(|state| Some(state.id()) != leaving.map(SessionState::id));
        live.sort_by_key(|state| (state.session.last_active_at_ms, state.id()));
        if Bug::NewestEvicted.is_planted() {
            live.reverse();
        }
        let kept = usize::try_from(limit - 1).unwrap_or(usize::MAX);
        let rule = Rule::SessionsPerUser { limit, live: count(live.len()) };
        for state in live.iter().take(live.len().saturating_sub(kept)) {
            events.push(self.event_of_rule(self.revoked(state, EndReason::Evicted, rule)));
        }
    }

    pub(super) fn upgrade(
        &self,
        session: SessionRef,
        user: &UserId,
        successor: Option<TokenDigest>,
    ) -> Decided {
        let Some(state) = self.live(session) else { return answer(Outcome::NotFound) };
        if !state.session.is_guest {
            return answer(Outcome::NotAGuest(state.id()));
        }
        let mut events = Vec::with_capacity(1);
        self.evict(user, Some(&state), None, &mut events);
        events.push(self.event(upgraded(&state, user, successor)));
        Decided { events, outcome: outcome_of_upgrade(state.id(), successor) }
    }
}

fn upgraded(state: &SessionState, user: &UserId, successor: Option<TokenDigest>) -> Fact {
    Fact::SessionUpgraded {
        subject: Subject { session: state.id(), user: user.clone() },
        guest: subject_of(state).user,
        rotated: successor.map(|digest| (digest, state.generation.saturating_add(1))),
    }
}

fn outcome_of_upgrade(id: SessionId, successor: Option<TokenDigest>) -> Outcome {
    match successor {
        None => Outcome::Changed(id),
        Some(_) => Outcome::Refreshed(id),
    }
}
