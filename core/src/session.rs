//! A session, as a reader sees it and as the fold keeps it.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{DataKey, Renewal, SessionId, SpentToken, Text, TokenDigest};

/// Marks a deadline that never comes.
pub const NEVER_MS: u64 = u64::MAX;

/// A session's data: a JSON value, as text, for each key.
pub type Data = BTreeMap<DataKey, Text>;

/// What the keys begin with that Passbook keeps in a session's data for itself.
pub const RESERVED_PREFIX: &str = "passbook:";
/// The key of the last step-up: a JSON object of `auth_time_ms` (Unix milliseconds) and `amr` (an
/// array of names of RFC 8176). There is none before the first.
pub const STEP_UP_KEY: &str = "passbook:step_up";
/// The key of the fingerprint that the session's browser had at login: a JSON string.
pub const FINGERPRINT_KEY: &str = "passbook:fingerprint";

/// By what kind of credential a session is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// A bare token, through `SessionStore` or the `Ledger`.
    #[default]
    Token,
    /// A signed cookie.
    Cookie,
    /// A pair of JSON Web Tokens.
    Jwt,
    /// None: it was read from a log, and no token opens it.
    Imported,
}

/// A login that goes on: who, where, since when, until when. It holds no secret.
///
/// The fields are Unix milliseconds; [`created_at`](Self::created_at) and its siblings give Unix
/// seconds, rounded down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Stable through refresh, rotation and upgrade.
    pub id: SessionId,
    /// Who is logged in. For a guest, `guest_` and 32 hexadecimal digits.
    pub user_id: Text,
    /// Whether this is a guest: a recorded fact, whatever the user id looks like.
    pub is_guest: bool,
    /// The time of login.
    pub created_at_ms: u64,
    /// The last login, refresh, upgrade or touch.
    pub last_active_at_ms: u64,
    /// Dead from this moment on, if nothing extends it; [`NEVER_MS`] = never.
    pub expires_at_ms: u64,
    /// What a person calls the device.
    pub device: Option<Text>,
    /// The organisation that the session acts for.
    pub tenant_id: Option<Text>,
    /// Where the login came from.
    pub ip: Option<IpAddr>,
    /// What the browser said of itself at login.
    pub user_agent: Option<Text>,
    /// By what it is carried.
    pub transport: Transport,
}

impl Session {
    /// The time of login, in Unix seconds.
    pub fn created_at(&self) -> u64 {
        self.created_at_ms / 1_000
    }

    /// The last activity, in Unix seconds.
    pub fn last_active_at(&self) -> u64 {
        self.last_active_at_ms / 1_000
    }

    /// The end, in Unix seconds; `None` = never.
    pub fn expires_at(&self) -> Option<u64> {
        (self.expires_at_ms != NEVER_MS).then_some(self.expires_at_ms / 1_000)
    }

    /// Whether the session is dead at `now_ms`, by time: dead as soon as `now >= expires_at`.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms != NEVER_MS && now_ms >= self.expires_at_ms
    }
}

/// Bytes of all keys and values.
pub(crate) fn bytes_of(data: &Data) -> usize {
    data.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// What the fold keeps of a session: the reader's view and what rules need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// What a reader sees.
    pub session: Session,
    /// The digest of the one live token; `None` for a session that no token opens.
    pub digest: Option<TokenDigest>,
    /// Rises by one with each new token; the first has 1.
    pub generation: u32,
    /// How long a refresh or touch extends the session, in milliseconds; 0 = for ever.
    pub lifetime_ms: u64,
    /// Dead from this moment on, whatever extends it; [`NEVER_MS`] = no such moment.
    pub absolute_at_ms: u64,
    /// The application's data, shared until changed.
    pub data: Option<Arc<Data>>,
}

impl SessionState {
    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.session.id
    }

    /// Renews it, and gives the token that it spends by it.
    pub(crate) fn renew(&mut self, renewal: &Renewal) -> Option<SpentToken> {
        self.session.last_active_at_ms = renewal.last_active_at_ms;
        self.session.expires_at_ms = renewal.expires_at_ms;
        self.lifetime_ms = renewal.lifetime_ms.unwrap_or(self.lifetime_ms);
        let (digest, generation) = renewal.token?;
        self.rotate(digest, generation, renewal.last_active_at_ms)
    }

    /// Puts a new token in the place of the live one, and gives that as spent, if there was one.
    pub(crate) fn rotate(
        &mut self,
        digest: TokenDigest,
        generation: u32,
        spent_at_ms: u64,
    ) -> Option<SpentToken> {
        let generation_before = std::mem::replace(&mut self.generation, generation);
        let spent = self.digest.replace(digest)?;
        Some(SpentToken { digest: spent, generation: generation_before, spent_at_ms })
    }

    /// Bytes of the session's data, keys and values together.
    pub fn data_bytes(&self) -> usize {
        self.data.as_deref().map_or(0, bytes_of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_dead_from_its_expiry_on() {
        let mut session = crate::state::tests::state_of(7, "ann").session;
        session.expires_at_ms = 1_000;
        assert!(!session.is_expired(999));
        assert!(session.is_expired(1_000));
        session.expires_at_ms = NEVER_MS;
        assert!(!session.is_expired(u64::MAX));
        assert_eq!(session.expires_at(), None);
    }
}
