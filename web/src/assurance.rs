//! How long sessions may live at the assurance levels of NIST SP 800-63B-4.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::CookieSessionsConfig;

const MINUTE_SECS: u64 = 60;
const HOUR_SECS: u64 = 60 * MINUTE_SECS;
const DAY_SECS: u64 = 24 * HOUR_SECS;

/// The authentication assurance levels of NIST SP 800-63B-4 (section 2, sessions in 5.2), as far as
/// they say when a user has to log in again. They ask more than that, above all of how a user logs
/// in, which is the application's. In a configuration: `aal1`, `aal2` or `aal3`.
///
/// | | overall | without use |
/// |---|---|---|
/// | AAL1 | 30 days (2.1.3) | not limited |
/// | AAL2 | 24 hours (2.2.3) | 1 hour |
/// | AAL3 | 12 hours (2.3.3) | 15 minutes |
///
/// ```
/// use passbook_axum::Assurance;
/// let config = Assurance::Aal2.cookie_sessions("0123456789abcdef".repeat(4));
/// assert_eq!((config.session_ttl_secs, config.absolute_ttl_secs), (3_600, Some(86_400)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// Some assurance: one factor is enough.
    Aal1,
    /// High assurance: two factors.
    Aal2,
    /// Very high assurance: two factors, one of them a key that can't be copied.
    Aal3,
}

impl Assurance {
    /// A session ends when it was not used for this long, in seconds. AAL1 names no such limit: it
    /// is the overall one.
    pub fn idle_timeout_secs(self) -> u64 {
        match self {
            Self::Aal1 => 30 * DAY_SECS,
            Self::Aal2 => HOUR_SECS,
            Self::Aal3 => 15 * MINUTE_SECS,
        }
    }

    /// A session ends this long after its login, in seconds, however it is used.
    pub fn absolute_timeout_secs(self) -> u64 {
        match self {
            Self::Aal1 => 30 * DAY_SECS,
            Self::Aal2 => DAY_SECS,
            Self::Aal3 => 12 * HOUR_SECS,
        }
    }

    /// How often the use of a session is noted, in seconds. As its idle timeout runs from the last
    /// note, a session may end that much early, and never late.
    pub fn touch_interval_secs(self) -> u64 {
        match self {
            Self::Aal1 => 5 * MINUTE_SECS,
            Self::Aal2 | Self::Aal3 => MINUTE_SECS,
        }
    }

    /// Cookie sessions of this level, with the defaults for all else and the secret that signs: at
    /// least 64 bytes.
    pub fn cookie_sessions(self, secret: impl Into<crate::CookieSecret>) -> CookieSessionsConfig {
        self.limit(CookieSessionsConfig::new(secret))
    }

    /// The same configuration with the times of this level.
    #[must_use]
    pub fn limit(self, config: CookieSessionsConfig) -> CookieSessionsConfig {
        CookieSessionsConfig {
            session_ttl_secs: self.idle_timeout_secs(),
            absolute_ttl_secs: Some(self.absolute_timeout_secs()),
            touch_interval_secs: self.touch_interval_secs(),
            ..config
        }
    }

    /// `aal1`, `aal2` or `aal3`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Aal3 => "aal3",
        }
    }
}

impl fmt::Display for Assurance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
