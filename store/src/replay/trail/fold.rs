//! The fold of what can concern one session.

use passbook_core::{
    Event, Fact, PolicyInForce, Rule, SessionId, SessionState, SessionView as _, State, apply,
    codec::About,
};
use passbook_journal::Record;
use passbook_projections::history::Recorded;

use super::End;
use crate::{
    error::LedgerError,
    replay::moment::{decode, glance},
};

/// What is known of a session so far.
pub(super) struct Fold {
    pub(super) id: SessionId,
    pub(super) state: State,
    before: Option<SessionState>,
    pub(super) events: Vec<Recorded>,
    pub(super) end: Option<End>,
    pub(super) policy: Option<PolicyInForce>,
    pub(super) last_at_ms: u64,
}

impl Fold {
    /// Nothing, before the event `from`.
    pub(super) fn new(id: SessionId, from: u64) -> Self {
        Self {
            id,
            state: State::new(),
            before: None,
            events: Vec::new(),
            end: None,
            // Before the first event the built-in policy is in force.
            policy: (from <= 1).then(PolicyInForce::default),
            last_at_ms: 0,
        }
    }

    /// The session as it is now; `None` = before its login, and once it has ended.
    pub(super) fn session(&self) -> Option<SessionState> {
        self.state.session(self.id)
    }

    /// As it was last; `None` = it was not met.
    pub(super) fn last_state(&self) -> Option<SessionState> {
        self.before.clone().or_else(|| self.session())
    }

    /// Whether the session had to make room for a login whose event stands behind in the group.
    pub(super) fn looks_for_the_evictor(&self) -> bool {
        self.end.as_ref().is_some_and(|end| {
            end.evicted_by.is_none()
                && matches!(
                    &end.recorded.event.fact,
                    Fact::SessionRevoked { rule: Rule::SessionsPerUser { .. }, .. }
                )
        })
    }

    /// Takes the next event; behind the end, only the login that the session made room for.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), LedgerError> {
        if self.end.is_some() {
            let fact = decode(record)?.fact;
            if let (
                Some(end),
                Fact::SessionCreated { subject, .. } | Fact::SessionUpgraded { subject, .. },
            ) = (&mut self.end, &fact)
            {
                end.evicted_by = Some(subject.session);
            }
            return Ok(());
        }
        self.last_at_ms = self.last_at_ms.max(record.time_ms);
        match glance(record)?.about {
            About::Session(id) if id == self.id => self.fold(record),
            About::Sessions if self.session().is_some() => self.fold(record),
            About::Policy => {
                let event = decode(record)?;
                apply(&mut self.state, record.sequence, &event);
                self.policy = Some(self.state.policy());
                Ok(())
            }
            About::Session(_) | About::Sessions | About::Nothing => Ok(()),
        }
    }

    fn fold(&mut self, record: &Record) -> Result<(), LedgerError> {
        let event: Event = decode(record)?;
        let before = self.session();
        apply(&mut self.state, record.sequence, &event);
        let after = self.session();
        let is_own = event.fact.subject().is_some_and(|subject| subject.session == self.id);
        let recorded = Recorded { sequence: record.sequence, event };
        match (before, after) {
            (Some(before), None) => {
                self.before = Some(before);
                self.events.push(recorded.clone());
                self.end = Some(End { recorded, evicted_by: None });
            }
            (Some(_) | None, Some(_)) if is_own => self.events.push(recorded),
            // It is not known here: its login is not kept.
            (Some(_) | None, Some(_)) | (None, None) => {}
        }
        Ok(())
    }
}
