//! One session in two worlds: as it was recorded, and as the other policy would have had it.

use passbook_core::{EndReason, Policy, SessionId, SessionState, Text, policy::deadline};

use super::{EndOf, Shift, Why};

/// A session's timeouts and what has become of it in one of the worlds. Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) created_at_ms: u64,
    pub(super) last_active_at_ms: u64,
    pub(super) expires_at_ms: u64,
    pub(super) absolute_at_ms: u64,
    /// 0 = for ever.
    pub(super) lifetime_ms: u64,
    /// Set by an event; that its time came is not noted.
    pub(super) end: Option<EndOf>,
}

/// A session in both worlds.
#[derive(Debug, Clone)]
pub(super) struct Twin {
    pub(super) user: Text,
    pub(super) recorded: Life,
    pub(super) other: Life,
}

/// The policy of the record, and the one in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policies {
    pub(super) recorded: Policy,
    pub(super) other: Policy,
}

impl Life {
    pub(super) fn is_alive(&self, moment_ms: u64) -> bool {
        self.end.is_none() && moment_ms < self.expires_at_ms
    }

    /// Ends it at that moment, unless its time came before.
    pub(super) fn end_at(&mut self, end: EndOf) {
        if self.end.is_none() {
            self.end = Some(self.expiry_by(end.at_ms).unwrap_or(end));
        }
    }

    /// How it ended by then, if it did.
    pub(super) fn end_by(&self, now_ms: u64) -> Option<EndOf> {
        self.end.or_else(|| self.expiry_by(now_ms))
    }

    fn expiry_by(&self, now_ms: u64) -> Option<EndOf> {
        let at_ms = self.expires_at_ms;
        if at_ms == u64::MAX || now_ms < at_ms {
            return None;
        }
        let (reason, why) = if at_ms >= self.absolute_at_ms {
            let (created_at_ms, absolute_at_ms) = (self.created_at_ms, self.absolute_at_ms);
            (EndReason::ExpiredAbsolute, Why::Absolute { created_at_ms, absolute_at_ms })
        } else {
            let (last_active_at_ms, lifetime_ms) = (self.last_active_at_ms, self.lifetime_ms);
            (EndReason::ExpiredIdle, Why::Idle { last_active_at_ms, lifetime_ms })
        };
        Some(EndOf { at_ms, reason, sequence: None, why })
    }

    /// The same session with those timeouts, when this one was last extended at `moment_ms`. What
    /// the record extended otherwise than its timeouts say keeps what the record says.
    fn with_timeouts(self, moment_ms: u64, lifetime_ms: u64, absolute_at_ms: u64) -> Self {
        if (lifetime_ms, absolute_at_ms) == (self.lifetime_ms, self.absolute_at_ms) {
            return self;
        }
        let by_rule = deadline(moment_ms, self.lifetime_ms).min(self.absolute_at_ms);
        let expires_at_ms = if self.expires_at_ms == by_rule {
            deadline(moment_ms, lifetime_ms).min(absolute_at_ms)
        } else {
            self.expires_at_ms.min(absolute_at_ms)
        };
        Self { expires_at_ms, absolute_at_ms, lifetime_ms, ..self }
    }
}

impl Policies {
    /// The other world's lifetime, if the recorded one is the policy's.
    fn lifetime_ms(&self, recorded_ms: u64) -> u64 {
        if recorded_ms == self.recorded.idle_timeout_ms {
            self.other.idle_timeout_ms
        } else {
            recorded_ms
        }
    }

    /// The other world's absolute timeout, if the recorded one is the policy's.
    fn absolute_at_ms(&self, life: &Life) -> u64 {
        let of = |policy: &Policy| deadline(life.created_at_ms, policy.absolute_timeout_ms);
        if life.absolute_at_ms == of(&self.recorded) {
            of(&self.other)
        } else {
            life.absolute_at_ms
        }
    }

    /// The other world's life of a session that the record has like this, extended last at
    /// `moment_ms`.
    pub(super) fn other(&self, recorded: Life, moment_ms: u64) -> Life {
        let lifetime_ms = self.lifetime_ms(recorded.lifetime_ms);
        recorded.with_timeouts(moment_ms, lifetime_ms, self.absolute_at_ms(&recorded))
    }
}

impl Twin {
    /// A session that is there when the span begins.
    pub(super) fn carried(state: &SessionState, policies: &Policies, begin_ms: u64) -> Self {
        let session = &state.session;
        let recorded = Life {
            created_at_ms: session.created_at_ms,
            last_active_at_ms: session.last_active_at_ms,
            expires_at_ms: session.expires_at_ms,
            absolute_at_ms: state.absolute_at_ms,
            lifetime_ms: state.lifetime_ms,
            end: None,
        };
        let mut other = policies.other(recorded, session.last_active_at_ms);
        if other != recorded {
            // It does not end before the other policy is there.
            other.expires_at_ms = other.expires_at_ms.max(begin_ms);
        }
        Self { user: session.user_id.clone(), recorded, other }
    }

    /// Extends it in the record, and in the other world if it lives there.
    pub(super) fn extend(
        &mut self,
        policies: &Policies,
        moment_ms: u64,
        (lifetime_ms, expires_at_ms): (Option<u64>, u64),
    ) {
        let old = self.recorded;
        let lifetime_ms = lifetime_ms.unwrap_or(old.lifetime_ms);
        let new = Life { lifetime_ms, expires_at_ms, last_active_at_ms: moment_ms, ..old };
        self.recorded = new;
        if self.other.is_alive(moment_ms) {
            let other_ms = if lifetime_ms == old.lifetime_ms {
                self.other.lifetime_ms
            } else {
                policies.lifetime_ms(lifetime_ms)
            };
            let absolute_at_ms = self.other.absolute_at_ms;
            self.other =
                Life { end: None, ..new }.with_timeouts(moment_ms, other_ms, absolute_at_ms);
        }
    }

    /// Ends it in both worlds, where it lives.
    pub(super) fn end_at(&mut self, end: EndOf) {
        self.recorded.end_at(end);
        self.other.end_at(end);
    }

    /// What differs by then; `None` = nothing.
    pub(super) fn shift(&self, session: SessionId, now_ms: u64) -> Option<Shift> {
        let (recorded, other) = (self.recorded.end_by(now_ms), self.other.end_by(now_ms));
        let at_ms = |end: Option<EndOf>| end.map(|end| end.at_ms);
        let differs = at_ms(recorded) != at_ms(other);
        differs.then(|| Shift { session, user: self.user.clone(), recorded, other })
    }

    /// Whether it is dead in both worlds for good: no later event can be about it.
    pub(super) fn is_over(&self, swept_ms: u64) -> bool {
        let is_over = |life: &Life| life.end_by(swept_ms).is_some();
        is_over(&self.recorded) && is_over(&self.other)
    }
}
