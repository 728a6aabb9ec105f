//! How a session came to its end: the event, the rule, and the values that decided.

use passbook_core::{
    Actor, EndReason, Event, Fact, PolicyInForce, ReuseVerdict, Rule, SessionId, SessionState,
};
use passbook_projections::history::{Recorded, expiry_reason};

/// The end of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Why it ended.
    pub reason: EndReason,
    /// From when on it was dead, in Unix milliseconds: for an expiry, before the event that records
    /// it.
    pub at_ms: u64,
    /// The event that ended it; for an expiry, the one that took it away afterwards: a sweep, a
    /// compaction, the end of all the user's sessions. `None` = none has yet.
    pub event: Option<Recorded>,
    /// By which rule, with the values that it compared.
    pub cause: Cause,
    /// The policy in force then; `None` = no event that is kept says which.
    pub policy: Option<PolicyInForce>,
}

/// The rule that ended a session, and the values that it compared. Times are Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Someone asked for the end of this session; the reason says who and why.
    Requested,
    /// Someone asked for the end of all sessions of the user that were opened before the event.
    AllOfUser {
        /// The one that was to live on.
        except: Option<SessionId>,
        /// How many ended.
        ended: u32,
    },
    /// A login of the same browser took its place.
    Replaced {
        /// The session of that login.
        by: SessionId,
    },
    /// A login went over the limit of sessions a user, and this was the least recently active one.
    Evicted {
        /// The limit in force.
        limit: u32,
        /// How many live sessions the user had before the login.
        live: u32,
        /// When this one was last active.
        last_active_at_ms: u64,
        /// The session of that login; `None` if its event is not kept.
        by: Option<SessionId>,
    },
    /// A spent token was shown later than the race window allows.
    Reused {
        /// The generation of the token that was shown.
        presented_generation: u32,
        /// The generation of the live token.
        current_generation: u32,
        /// When the shown token was spent.
        spent_at_ms: u64,
        /// When it was shown.
        presented_at_ms: u64,
        /// For how long after its spending it would have been taken for a race.
        race_window_ms: u64,
    },
    /// Its time had come: `effective_now_ms >= expires_at_ms`.
    Expired {
        /// When it expired.
        expires_at_ms: u64,
        /// Beyond this nothing would have extended it.
        absolute_at_ms: u64,
        /// When it was last refreshed or touched.
        last_active_at_ms: u64,
        /// How long a refresh or touch extended it; 0 = for ever.
        lifetime_ms: u64,
        /// The time that it was compared with: that of the sweep, or of the question.
        effective_now_ms: u64,
    },
}

impl Cause {
    /// By which rule an event took the session away, as it was before, and for what reason.
    fn of(before: &SessionState, event: &Event) -> (Self, EndReason) {
        let cause = match &event.fact {
            Fact::SessionRevoked { reason, rule, .. } => {
                return (Self::of_rule(*rule, before), *reason);
            }
            // It ended those that were live; the others went with them.
            Fact::UserSessionsRevoked { reason, except, ended, .. } => {
                if !before.session.is_expired(event.happened_at_ms()) {
                    return (Self::AllOfUser { except: *except, ended: *ended }, *reason);
                }
                Self::expired(before, event.happened_at_ms())
            }
            Fact::SessionsExpired { effective_now_ms, .. }
            | Fact::Compacted { effective_now_ms, .. } => Self::expired(before, *effective_now_ms),
            Fact::TokenReuseDetected {
                presented_generation,
                current_generation,
                spent_at_ms,
                race_window_ms,
                verdict: ReuseVerdict::Ended,
                ..
            } => {
                let reused = Self::Reused {
                    presented_generation: *presented_generation,
                    current_generation: *current_generation,
                    spent_at_ms: *spent_at_ms,
                    presented_at_ms: event.happened_at_ms(),
                    race_window_ms: *race_window_ms,
                };
                return (reused, EndReason::TokenReuse);
            }
            // None of these ends a session.
            Fact::TokenReuseDetected {
                verdict: ReuseVerdict::Race | ReuseVerdict::Refused,
                ..
            }
            | Fact::Opened { .. }
            | Fact::PolicySet { .. }
            | Fact::SessionCreated { .. }
            | Fact::SessionRefreshed { .. }
            | Fact::SessionReauthenticated { .. }
            | Fact::SessionUpgraded { .. }
            | Fact::DeviceSet { .. }
            | Fact::TenantSet { .. }
            | Fact::DataSet { .. }
            | Fact::DataRemoved { .. }
            | Fact::SessionTouched { .. }
            | Fact::LoginFailed { .. }
            | Fact::Bookmark { .. }
            | Fact::Salvaged { .. } => Self::Requested,
        };
        (cause, expiry_reason(before))
    }

    fn of_rule(rule: Rule, before: &SessionState) -> Self {
        match rule {
            Rule::Requested => Self::Requested,
            Rule::ReplacedBy(by) => Self::Replaced { by },
            Rule::SessionsPerUser { limit, live } => Self::Evicted {
                limit,
                live,
                last_active_at_ms: before.session.last_active_at_ms,
                by: None,
            },
        }
    }

    pub(crate) fn expired(state: &SessionState, effective_now_ms: u64) -> Self {
        Self::Expired {
            expires_at_ms: state.session.expires_at_ms,
            absolute_at_ms: state.absolute_at_ms,
            last_active_at_ms: state.session.last_active_at_ms,
            lifetime_ms: state.lifetime_ms,
            effective_now_ms,
        }
    }
}

impl Ending {
    /// The end by an event that took the session away, as it was before, under the policy in force.
    pub fn by(before: &SessionState, recorded: Recorded, policy: Option<PolicyInForce>) -> Self {
        let (cause, reason) = Cause::of(before, &recorded.event);
        let at_ms = if reason.is_expiry() {
            before.session.expires_at_ms
        } else {
            recorded.event.happened_at_ms()
        };
        Self { reason, at_ms, event: Some(recorded), cause, policy }
    }

    /// The end of a session whose time has come by `now_ms` (Unix milliseconds) and of which no event
    /// says so yet.
    pub fn by_clock(state: &SessionState, now_ms: u64, policy: Option<PolicyInForce>) -> Self {
        Self {
            reason: expiry_reason(state),
            at_ms: state.session.expires_at_ms,
            event: None,
            cause: Cause::expired(state, now_ms),
            policy,
        }
    }

    /// The sequence of the event that ended it.
    pub fn sequence(&self) -> Option<u64> {
        self.event.as_ref().map(|recorded| recorded.sequence)
    }

    /// The kind of the event that ended it.
    pub fn kind(&self) -> Option<&'static str> {
        self.event.as_ref().map(|recorded| recorded.event.fact.kind())
    }

    /// Who ended it; without an event, Passbook itself.
    pub fn actor(&self) -> &Actor {
        self.event.as_ref().map_or(&Actor::System, |recorded| &recorded.event.actor)
    }
}
