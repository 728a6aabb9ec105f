//! What each kind of event adds, in a few words for a line.

use std::{fmt, time::Duration};

use super::{Detail, RuleDetail};
use crate::{
    answer::Moment,
    render::number::{bytes, duration, thousands},
};

impl fmt::Display for RuleDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => Ok(()),
            Self::ReplacedBy { session } => write!(f, "replaced by {session}"),
            Self::SessionsPerUser { limit, live } => {
                write!(f, "{live} live at a limit of {limit} a user")
            }
        }
    }
}

impl Detail {
    fn fmt_policy(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::PolicySet {
            policy_version,
            idle_timeout_ms,
            absolute_timeout_ms,
            sessions_per_user_max,
            race_window_ms,
            on_reuse,
            ..
        } = self
        else {
            return Ok(());
        };
        let limit = match sessions_per_user_max {
            0 => "no limit".to_owned(),
            limit => thousands(u64::from(*limit)),
        };
        write!(
            f,
            "version {policy_version}: idle {}, absolute {}, {limit} a user, race window {}, \
             on reuse {on_reuse}",
            span(*idle_timeout_ms),
            span(*absolute_timeout_ms),
            duration(Duration::from_millis(*race_window_ms)),
        )
    }
}

impl Detail {
    fn fmt_bookmark(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Bookmark { name, names_sequence, names_time, is_deleted } = self else {
            return Ok(());
        };
        f.write_str(name)?;
        match (names_sequence, names_time) {
            (Some(sequence), _) => write!(f, ", @{}", thousands(*sequence)),
            (None, Some(time)) => write!(f, ", {time}"),
            (None, None) if *is_deleted => f.write_str(", deleted"),
            (None, None) => Ok(()),
        }
    }
}

/// `30 d`, or that there is no such timeout.
fn span(timeout_ms: u64) -> String {
    match timeout_ms {
        0 => "never".to_owned(),
        timeout_ms => duration(Duration::from_millis(timeout_ms)),
    }
}

fn until(expires_at: Option<Moment>) -> String {
    expires_at.map_or_else(|| "never expires".to_owned(), |at| format!("until {at}"))
}

impl fmt::Display for Detail {
    /// In a few words; untrusted text in it is as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { version, dropped_bytes: 0 } => write!(f, "version {version}"),
            Self::Opened { version, dropped_bytes } => {
                write!(f, "version {version}, {} of a torn tail set aside", bytes(*dropped_bytes))
            }
            Self::PolicySet { .. } => self.fmt_policy(f),
            Self::SessionCreated { is_guest, device, transport, .. } => {
                f.write_str(transport)?;
                f.write_str(if *is_guest { ", guest" } else { "" })?;
                device.as_ref().map_or(Ok(()), |device| write!(f, ", {device}"))
            }
            Self::SessionRefreshed { generation, .. } => write!(f, "generation {generation}"),
            Self::SessionReauthenticated { amr, generation, .. } => {
                write!(f, "{amr}, generation {generation}")
            }
            Self::SessionUpgraded { guest, generation: None } => write!(f, "was {guest}"),
            Self::SessionUpgraded { guest, generation: Some(generation) } => {
                write!(f, "was {guest}, generation {generation}")
            }
            Self::SessionRevoked { reason, rule, .. } => match rule {
                RuleDetail::Requested => f.write_str(reason),
                RuleDetail::ReplacedBy { .. } | RuleDetail::SessionsPerUser { .. } => {
                    write!(f, "{reason}, {rule}")
                }
            },
            Self::UserSessionsRevoked { reason, except, ended } => {
                write!(f, "{reason}, ended {}", thousands(u64::from(*ended)))?;
                except.as_ref().map_or(Ok(()), |except| write!(f, ", except {except}"))
            }
            Self::SessionsExpired { ended, .. } | Self::Compacted { ended, .. } => {
                write!(f, "ended {}", thousands(u64::from(*ended)))
            }
            Self::TokenReuseDetected {
                presented_generation, current_generation, verdict, ..
            } => write!(
                f,
                "generation {presented_generation} shown, {current_generation} is current: \
                 {verdict}"
            ),
            Self::LoginFailed { reason, count: 1 } => f.write_str(reason),
            Self::LoginFailed { reason, count } => write!(f, "{reason} ×{count}"),
            Self::DataSet { key, value } => {
                write!(f, "{key}, {}", bytes(crate::answer::count_of(value.len())))
            }
            Self::DataRemoved { key } => f.write_str(key),
            Self::SessionTouched { expires_at } => f.write_str(&until(*expires_at)),
            Self::DeviceSet { device } => f.write_str(device),
            Self::TenantSet { tenant_id: None } => f.write_str("no tenant"),
            Self::TenantSet { tenant_id: Some(tenant) } => f.write_str(tenant),
            Self::Bookmark { .. } => self.fmt_bookmark(f),
            Self::Salvaged { source, kept, lost_records, .. } => write!(
                f,
                "from {source}: {} kept, {} lost",
                thousands(*kept),
                thousands(*lost_records)
            ),
        }
    }
}
