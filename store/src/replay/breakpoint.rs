//! Where a stepper stops.

use std::net::IpAddr;

use passbook_core::{EndReason, Fact, SessionId};

use super::stepper::Step;

/// Events to stop at: those that have one of the named in each list; an empty list asks for nothing.
///
/// ```
/// use passbook::{Breakpoint, EndReason};
/// let ends_of_ann = Breakpoint {
///     users: vec!["ann".to_owned()],
///     reasons: vec![EndReason::TokenReuse, EndReason::Fingerprint],
///     ..Breakpoint::default()
/// };
/// # drop(ends_of_ann);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breakpoint {
    /// Kinds of events: `SessionCreated`, `LoginFailed`.
    pub kinds: Vec<String>,
    /// Users whom the event names, or a session of whom it opens, changes or ends.
    pub users: Vec<String>,
    /// Sessions that the event opens, changes or ends.
    pub sessions: Vec<SessionId>,
    /// The client's addresses.
    pub ips: Vec<IpAddr>,
    /// Reasons for which the event ends a session.
    pub reasons: Vec<EndReason>,
}

impl Breakpoint {
    /// Whether to stop at this event.
    pub fn matches(&self, step: &Step) -> bool {
        let event = &step.recorded.event;
        let any = |empty: bool, found: bool| empty || found;
        any(self.kinds.is_empty(), self.kinds.iter().any(|kind| kind == event.fact.kind()))
            && any(self.users.is_empty(), self.users.iter().any(|user| concerns(step, user)))
            && any(self.sessions.is_empty(), self.sessions.iter().any(|id| touches(step, *id)))
            && any(self.ips.is_empty(), event.origin.ip.is_some_and(|ip| self.ips.contains(&ip)))
            && any(self.reasons.is_empty(), {
                let mut ended = step.difference.ended.iter();
                ended.any(|ended| self.reasons.contains(&ended.ending.reason))
            })
    }
}

fn concerns(step: &Step, user: &str) -> bool {
    let fact = &step.recorded.event.fact;
    let guest = if let Fact::SessionUpgraded { guest, .. } = fact { Some(guest) } else { None };
    fact.user().into_iter().chain(guest).any(|named| **named == *user)
        || step.difference.ended.iter().any(|ended| ended.state.session.user_id == *user)
}

fn touches(step: &Step, id: SessionId) -> bool {
    step.recorded.event.fact.subject().is_some_and(|subject| subject.session == id)
        || step.difference.ended.iter().any(|ended| ended.state.id() == id)
}
