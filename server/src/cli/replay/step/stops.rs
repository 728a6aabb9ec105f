//! At which events a walk stops.

use std::net::IpAddr;

use passbook::{Fact, Session, Step, View};

use crate::{
    answer::session::SessionItem,
    cli::journal::Known,
    filter::{Facts, Filter},
    fold::End,
};

/// The events to stop at: those that the filter lets through, by what they say themselves and by
/// what the sessions are that they open, change or end.
#[derive(Debug)]
pub(super) struct Stops {
    filter: Filter,
}

impl Stops {
    pub(super) fn at(filter: Filter) -> Self {
        Self { filter }
    }

    /// Whether every event is one.
    pub(super) fn are_all(&self) -> bool {
        self.filter.is_empty()
    }

    /// Whether the step is one; `after` is the state that it led to.
    pub(super) fn has(&self, step: &Step, after: &View) -> bool {
        if self.are_all() {
            return true;
        }
        let known = Known::of(&step.recorded);
        let event = known.facts();
        let fact = &step.recorded.event.fact;
        let live = |session: &Session| self.holds(&event, &SessionItem::of_session(session, None));
        let difference = &step.difference;
        let subject = fact.subject().map(|subject| subject.session);
        let is_gone = |id| difference.ended.iter().any(|ended| ended.state.id() == id);
        let stays = subject.filter(|id| !is_gone(*id)).and_then(|id| after.find(id));
        let of_subject = match (&stays, subject.is_some_and(is_gone)) {
            (Some(session), _) => live(session),
            (None, true) => false,
            (None, false) => self.filter.matches(&event),
        };
        let was_guest = || {
            let Fact::SessionUpgraded { guest, .. } = fact else { return false };
            self.filter.matches(&Facts { user: Some(guest), guest: Some(true), ..event })
        };
        let others = || difference.opened.iter().any(|state| live(&state.session));
        let changed = || {
            let mut changed = difference.changed.iter();
            changed.any(|change| after.find(change.session).is_some_and(|session| live(&session)))
        };
        let ended = || {
            difference.ended.iter().any(|ended| {
                let end = End::of(&ended.ending);
                self.holds(&event, &SessionItem::of_session(&ended.state.session, Some(&end)))
            })
        };
        of_subject || ended() || was_guest() || others() || changed()
    }

    /// Whether the filter lets the event through as one about that session. What the event says of
    /// where, who and when comes first.
    fn holds(&self, event: &Facts<'_>, session: &SessionItem) -> bool {
        let of_session = session.facts();
        let ip: Option<IpAddr> = event.ip.or(of_session.ip);
        self.filter.matches(&Facts {
            ip,
            actor: event.actor,
            kind: event.kind,
            time_ms: event.time_ms,
            sequence: event.sequence,
            reason: of_session.reason.or(event.reason),
            ..of_session
        })
    }
}
