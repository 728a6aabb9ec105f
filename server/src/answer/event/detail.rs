//! What each kind of event says beside who, when and whose session.
//!
//! The document is here; the words for a line are in `words`.

mod words;

use passbook::{
    Fact, Policy,
    core::{BookmarkName, Mark, ReuseVerdict, Rule},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::{Moment, policy::on_reuse};

/// What the kind of event adds. Lifetimes are in milliseconds, 0 = for ever.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Detail {
    /// Of `Opened`.
    Opened {
        /// The version of Passbook that opened the store.
        version: String,
        /// Bytes of a torn tail that were set aside.
        dropped_bytes: u64,
    },
    /// Of `PolicySet`.
    PolicySet {
        /// Its number, rising by one.
        policy_version: u32,
        /// The idle timeout.
        idle_timeout_ms: u64,
        /// The absolute timeout.
        absolute_timeout_ms: u64,
        /// Most live sessions of a user, 0 = no limit.
        sessions_per_user_max: u32,
        /// Within it a spent token gets the same successor again, 0 = never.
        replay_window_ms: u64,
        /// Within it a spent token is a race, not a theft.
        race_window_ms: u64,
        /// `end_session` or `refuse`.
        on_reuse: &'static str,
    },
    /// Of `SessionCreated`.
    SessionCreated {
        /// Whether it is a guest's.
        is_guest: bool,
        /// Whether a token opens it.
        has_token: bool,
        /// The device's label.
        device: Option<String>,
        /// The organisation that it acts for.
        tenant_id: Option<String>,
        /// `token`, `cookie`, `jwt` or `imported`.
        transport: &'static str,
        /// The time of login.
        created_at: Moment,
        /// How long a refresh or touch extends it.
        lifetime_ms: u64,
        /// When it expires; `null` = never.
        expires_at: Option<Moment>,
        /// Beyond this nothing extends it; `null` = no such moment.
        absolute_at: Option<Moment>,
    },
    /// Of `SessionReauthenticated`.
    SessionReauthenticated {
        /// How: names of RFC 8176 with a space between each two.
        amr: String,
        /// The new token's generation.
        generation: u32,
        /// When it expires now; `null` = never.
        expires_at: Option<Moment>,
    },
    /// Of `SessionRefreshed`.
    SessionRefreshed {
        /// The new token's generation.
        generation: u32,
        /// How long a touch extends it.
        lifetime_ms: u64,
        /// When it expires now; `null` = never.
        expires_at: Option<Moment>,
    },
    /// Of `SessionUpgraded`.
    SessionUpgraded {
        /// The guest that became the user.
        guest: String,
        /// The new token's generation, if it got one.
        generation: Option<u32>,
    },
    /// Of `SessionRevoked`.
    SessionRevoked {
        /// Why.
        reason: &'static str,
        /// By which rule.
        rule: RuleDetail,
        /// The version of the policy in force.
        policy_version: u32,
    },
    /// Of `UserSessionsRevoked`.
    UserSessionsRevoked {
        /// Why.
        reason: &'static str,
        /// The session that lives on.
        except: Option<String>,
        /// How many ended.
        ended: u32,
    },
    /// Of `SessionsExpired`.
    SessionsExpired {
        /// Sessions that expired at or before it ended.
        effective_now: Moment,
        /// How many ended.
        ended: u32,
        /// The version of the policy in force.
        policy_version: u32,
    },
    /// Of `TokenReuseDetected`.
    TokenReuseDetected {
        /// The generation of the token that was shown.
        presented_generation: u32,
        /// The generation of the live token.
        current_generation: u32,
        /// When the shown token was spent.
        spent_at: Moment,
        /// The race window in force.
        race_window_ms: u64,
        /// The version of the policy in force.
        policy_version: u32,
        /// `race`, `refused` or `ended`.
        verdict: &'static str,
    },
    /// Of `LoginFailed`.
    LoginFailed {
        /// Why.
        reason: &'static str,
        /// How many tries it stands for.
        count: u32,
    },
    /// Of `DataSet`.
    DataSet {
        /// The key.
        key: String,
        /// The value: JSON text.
        value: String,
    },
    /// Of `DataRemoved`.
    DataRemoved {
        /// The key.
        key: String,
    },
    /// Of `SessionTouched`.
    SessionTouched {
        /// When it expires now; `null` = never.
        expires_at: Option<Moment>,
    },
    /// Of `DeviceSet`.
    DeviceSet {
        /// The label.
        device: String,
    },
    /// Of `TenantSet`.
    TenantSet {
        /// The organisation; `null` = none any more.
        tenant_id: Option<String>,
    },
    /// Of `Bookmark`.
    Bookmark {
        /// The name.
        name: String,
        /// After which event the moment is that it names; `null` = its own, or it names a time.
        names_sequence: Option<u64>,
        /// Which time it names; `null` = it names none.
        names_time: Option<Moment>,
        /// Whether the name is given up.
        is_deleted: bool,
    },
    /// Of `Compacted`.
    Compacted {
        /// Sessions that expired at or before it ended.
        effective_now: Moment,
        /// How many ended.
        ended: u32,
        /// The version of the policy in force.
        policy_version: u32,
    },
    /// Of `Salvaged`.
    Salvaged {
        /// The id of the damaged store, in hexadecimal digits.
        source: String,
        /// Records that were taken over.
        kept: u64,
        /// Sequences of the damaged store that were lost: first and last of each range.
        lost: Vec<[u64; 2]>,
        /// Records that were lost, those beyond the ranges included.
        lost_records: u64,
    },
}

/// Which rule ended a session.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "name", rename_all = "snake_case")]
pub(crate) enum RuleDetail {
    /// Someone asked for it.
    Requested,
    /// A login took its place.
    ReplacedBy {
        /// The new session.
        session: String,
    },
    /// The user had too many.
    SessionsPerUser {
        /// The limit in force.
        limit: u32,
        /// Live sessions before the login.
        live: u32,
    },
}

/// `None` for a deadline that never comes.
pub(crate) fn deadline(at_ms: u64) -> Option<Moment> {
    (at_ms != passbook::core::session::NEVER_MS).then_some(Moment(at_ms))
}

impl RuleDetail {
    pub(crate) fn of(rule: Rule) -> Self {
        match rule {
            Rule::Requested => Self::Requested,
            Rule::ReplacedBy(session) => Self::ReplacedBy { session: session.to_string() },
            Rule::SessionsPerUser { limit, live } => Self::SessionsPerUser { limit, live },
        }
    }
}

fn policy_detail(policy_version: u32, policy: &Policy) -> Detail {
    Detail::PolicySet {
        policy_version,
        idle_timeout_ms: policy.idle_timeout_ms,
        absolute_timeout_ms: policy.absolute_timeout_ms,
        sessions_per_user_max: policy.sessions_per_user_max,
        replay_window_ms: policy.replay_window_ms,
        race_window_ms: policy.race_window_ms,
        on_reuse: on_reuse(policy.on_reuse),
    }
}

impl Detail {
    #[expect(clippy::too_many_lines, reason = "one short arm a kind")]
    pub(crate) fn of(fact: &Fact) -> Self {
        match fact {
            Fact::Opened { version, dropped_bytes } => {
                Self::Opened { version: version.to_string(), dropped_bytes: *dropped_bytes }
            }
            Fact::PolicySet { version, policy } => policy_detail(*version, policy),
            Fact::SessionCreated { .. } => Self::created(fact),
            Fact::SessionRefreshed { generation, lifetime_ms, expires_at_ms, .. } => {
                Self::SessionRefreshed {
                    generation: *generation,
                    lifetime_ms: *lifetime_ms,
                    expires_at: deadline(*expires_at_ms),
                }
            }
            Fact::SessionReauthenticated { amr, generation, expires_at_ms, .. } => {
                Self::SessionReauthenticated {
                    amr: amr.to_string(),
                    generation: *generation,
                    expires_at: deadline(*expires_at_ms),
                }
            }
            Fact::SessionUpgraded { guest, rotated, .. } => Self::SessionUpgraded {
                guest: guest.to_string(),
                generation: rotated.map(|(_, generation)| generation),
            },
            Fact::SessionRevoked { reason, rule, policy_version, .. } => Self::SessionRevoked {
                reason: reason.as_str(),
                rule: RuleDetail::of(*rule),
                policy_version: *policy_version,
            },
            Fact::UserSessionsRevoked { except, reason, ended, .. } => Self::UserSessionsRevoked {
                reason: reason.as_str(),
                except: except.map(|id| id.to_string()),
                ended: *ended,
            },
            Fact::SessionsExpired { effective_now_ms, ended, policy_version } => {
                Self::SessionsExpired {
                    effective_now: Moment(*effective_now_ms),
                    ended: *ended,
                    policy_version: *policy_version,
                }
            }
            Fact::DeviceSet { device, .. } => Self::DeviceSet { device: device.to_string() },
            Fact::TenantSet { tenant, .. } => {
                Self::TenantSet { tenant_id: tenant.as_ref().map(ToString::to_string) }
            }
            Fact::DataSet { key, value, .. } => {
                Self::DataSet { key: key.to_string(), value: value.to_string() }
            }
            Fact::DataRemoved { key, .. } => Self::DataRemoved { key: key.to_string() },
            Fact::SessionTouched { expires_at_ms, .. } => {
                Self::SessionTouched { expires_at: deadline(*expires_at_ms) }
            }
            Fact::TokenReuseDetected { .. } => Self::reuse(fact),
            Fact::LoginFailed { reason, count, .. } => {
                Self::LoginFailed { reason: reason.as_str(), count: *count }
            }
            Fact::Bookmark { name, mark } => Self::bookmark(name, *mark),
            Fact::Compacted { effective_now_ms, ended, policy_version } => Self::Compacted {
                effective_now: Moment(*effective_now_ms),
                ended: *ended,
                policy_version: *policy_version,
            },
            Fact::Salvaged { .. } => Self::salvaged(fact),
        }
    }
}

impl Detail {
    fn created(fact: &Fact) -> Self {
        let Fact::SessionCreated {
            is_guest,
            digest,
            device,
            tenant,
            transport,
            created_at_ms,
            lifetime_ms,
            expires_at_ms,
            absolute_at_ms,
            ..
        } = fact
        else {
            unreachable!("called for this kind alone")
        };
        Self::SessionCreated {
            is_guest: *is_guest,
            has_token: digest.is_some(),
            device: device.as_ref().map(ToString::to_string),
            tenant_id: tenant.as_ref().map(ToString::to_string),
            transport: crate::answer::session::transport_text(*transport),
            created_at: Moment(*created_at_ms),
            lifetime_ms: *lifetime_ms,
            expires_at: deadline(*expires_at_ms),
            absolute_at: deadline(*absolute_at_ms),
        }
    }

    fn bookmark(name: &BookmarkName, mark: Mark) -> Self {
        let (names_sequence, names_time) = match mark {
            Mark::Here | Mark::Deleted => (None, None),
            Mark::Sequence(sequence) => (Some(sequence), None),
            Mark::Time(time_ms) => (None, Some(Moment(time_ms))),
        };
        let is_deleted = mark == Mark::Deleted;
        Self::Bookmark { name: name.to_string(), names_sequence, names_time, is_deleted }
    }

    fn salvaged(fact: &Fact) -> Self {
        let Fact::Salvaged { source, kept, lost, lost_records } = fact else {
            unreachable!("called for this kind alone")
        };
        Self::Salvaged {
            source: format!("{:032x}", u128::from_be_bytes(*source)),
            kept: *kept,
            lost: lost.iter().map(|(first, last)| [*first, *last]).collect(),
            lost_records: *lost_records,
        }
    }

    fn reuse(fact: &Fact) -> Self {
        let Fact::TokenReuseDetected {
            presented_generation,
            current_generation,
            spent_at_ms,
            race_window_ms,
            policy_version,
            verdict,
            ..
        } = fact
        else {
            unreachable!("called for this kind alone")
        };
        Self::TokenReuseDetected {
            presented_generation: *presented_generation,
            current_generation: *current_generation,
            spent_at: Moment(*spent_at_ms),
            race_window_ms: *race_window_ms,
            policy_version: *policy_version,
            verdict: match verdict {
                ReuseVerdict::Race => "race",
                ReuseVerdict::Refused => "refused",
                ReuseVerdict::Ended => "ended",
            },
        }
    }
}
