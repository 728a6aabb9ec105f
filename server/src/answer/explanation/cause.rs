//! The rule that ended a session, with the values that it compared.

use passbook::Cause;
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::{Moment, event::deadline};

/// The rule that ended a session, and the values that it compared.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub(super) enum CauseDocument {
    /// Someone asked for the end of this session.
    Requested,
    /// Someone asked for the end of all sessions of the user.
    AllOfUser {
        /// The one that was to live on.
        except: Option<String>,
        /// How many ended.
        ended: u32,
    },
    /// A login of the same browser took its place.
    Replaced {
        /// The session of that login.
        by: String,
    },
    /// It was the least recently active one over the limit.
    Evicted {
        /// The limit in force.
        limit: u32,
        /// How many live sessions the user had before the login.
        live: u32,
        /// When this one was last active.
        last_active_at: Moment,
        /// The session of that login.
        by: Option<String>,
    },
    /// A spent token was shown later than the race window allows.
    Reused {
        /// The generation of the token that was shown.
        presented_generation: u32,
        /// The generation of the live token.
        current_generation: u32,
        /// When the shown token was spent.
        spent_at: Moment,
        /// When it was shown.
        presented_at: Moment,
        /// For how long it would have been taken for a race, in milliseconds.
        race_window_ms: u64,
    },
    /// Its time had come.
    Expired {
        /// When it expired.
        expires_at: Moment,
        /// Beyond this nothing would have extended it; `null` = no such moment.
        absolute_at: Option<Moment>,
        /// When it was last refreshed or touched.
        last_active_at: Moment,
        /// How long a refresh or touch extended it, in milliseconds; 0 = for ever.
        lifetime_ms: u64,
        /// The time that it was compared with: that of the sweep, or of the question.
        effective_now: Moment,
    },
}

impl CauseDocument {
    pub(super) fn of(cause: &Cause) -> Self {
        match *cause {
            Cause::Requested => Self::Requested,
            Cause::AllOfUser { except, ended } => {
                Self::AllOfUser { except: except.map(|id| id.to_string()), ended }
            }
            Cause::Replaced { by } => Self::Replaced { by: by.to_string() },
            Cause::Evicted { limit, live, last_active_at_ms, by } => Self::Evicted {
                limit,
                live,
                last_active_at: Moment(last_active_at_ms),
                by: by.map(|id| id.to_string()),
            },
            Cause::Reused {
                presented_generation,
                current_generation,
                spent_at_ms,
                presented_at_ms,
                race_window_ms,
            } => Self::Reused {
                presented_generation,
                current_generation,
                spent_at: Moment(spent_at_ms),
                presented_at: Moment(presented_at_ms),
                race_window_ms,
            },
            Cause::Expired {
                expires_at_ms,
                absolute_at_ms,
                last_active_at_ms,
                lifetime_ms,
                effective_now_ms,
            } => Self::Expired {
                expires_at: Moment(expires_at_ms),
                absolute_at: deadline(absolute_at_ms),
                last_active_at: Moment(last_active_at_ms),
                lifetime_ms,
                effective_now: Moment(effective_now_ms),
            },
        }
    }
}
