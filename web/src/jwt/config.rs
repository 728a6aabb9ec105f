//! What an operator chooses, checked before anything runs.

use serde::Deserialize;
use thiserror::Error;

use super::{
    keyring::{KeyConfig, Keyring},
    secret::Secret,
    source::TokenSourceConfig,
};

/// How JWT sessions are signed, carried and limited. Unknown fields are refused; `Debug` hides the
/// secrets; there is no `Serialize`, so that they can't be written by accident.
///
/// ```
/// use passbook_axum::jwt::{JwtSessionsConfig, TokenSourceConfig};
/// let config: JwtSessionsConfig = serde_json::from_str(
///     r#"{ "signing_secret": "a secret of at least thirty-two bytes", "access_ttl_secs": 600 }"#,
/// )?;
/// assert_eq!((config.access_ttl_secs, config.refresh_ttl_secs), (600, 2_592_000));
/// assert_eq!(config.access_source, TokenSourceConfig::Bearer);
/// config.validate()?;
/// assert!(JwtSessionsConfig::new("too short").validate().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JwtSessionsConfig {
    /// For HS256: at least 32 bytes. It may be left out if there are `keys`; if there are both, it
    /// still verifies what it signed and no longer signs.
    pub signing_secret: Secret,
    /// Keys with names, at most 16: the first signs, all verify. None, if not said.
    pub keys: Vec<KeyConfig>,
    /// What tokens carry as `iss`, and must; no `iss`, if not said.
    pub issuer: Option<String>,
    /// How long an access token is valid, in seconds; at least 1, and never longer than its session.
    /// 900, if not said.
    pub access_ttl_secs: u64,
    /// How long a refresh token is valid and its session lives, in seconds from the login and from
    /// each rotation; at least 1. 2,592,000, if not said: 30 days.
    pub refresh_ttl_secs: u64,
    /// How long a session lives at most, in seconds from the login, whatever rotates; at least 1.
    /// Without limit, if not said.
    pub absolute_ttl_secs: Option<u64>,
    /// The most live sessions of a user, over both transports; at least 1. A login beyond ends the
    /// least recently active. 20, if not said.
    pub max_per_user: u32,
    /// How many seconds after the last activity a request counts as activity again; 0 = each
    /// request. 300, if not said.
    pub touch_interval_secs: u64,
    /// Whether the layer looks the session up in the ledger for each request, so that an ended one is
    /// refused at once. Without, an access token is valid until it expires, and handlers have its
    /// [`Claims`](super::Claims) and no [`SessionData`](crate::SessionData). `true`, if not said.
    pub stateful_validation: bool,
    /// For how many seconds a token is still valid after `exp`. 0, if not said.
    pub leeway_secs: u64,
    /// Where a request carries its access token: anywhere but in the body. Bearer, if not said.
    pub access_source: TokenSourceConfig,
    /// Where a request carries its refresh token. The body's field `refresh_token`, if not said.
    pub refresh_source: TokenSourceConfig,
}

/// A field of the configuration is out of its range: correct it. The value itself is not told, it
/// may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the configuration of JWT sessions: {field} {must}")]
pub struct ConfigError {
    /// The field, by its path: `keys[1].kid`.
    pub field: String,
    /// What it must be, in words.
    pub must: &'static str,
}

impl ConfigError {
    pub(super) fn new(field: impl Into<String>, must: &'static str) -> Self {
        Self { field: field.into(), must }
    }
}

impl Default for JwtSessionsConfig {
    /// Without a secret or key: it can't be used before it has one.
    fn default() -> Self {
        Self {
            signing_secret: Secret::default(),
            keys: Vec::new(),
            issuer: None,
            access_ttl_secs: 900,
            refresh_ttl_secs: 2_592_000,
            absolute_ttl_secs: None,
            max_per_user: 20,
            touch_interval_secs: 300,
            stateful_validation: true,
            leeway_secs: 0,
            access_source: TokenSourceConfig::Bearer,
            refresh_source: TokenSourceConfig::Body { field: "refresh_token".to_owned() },
        }
    }
}

impl JwtSessionsConfig {
    /// The defaults, with this secret for HS256.
    pub fn new(signing_secret: impl Into<Secret>) -> Self {
        Self { signing_secret: signing_secret.into(), ..Self::default() }
    }

    /// Whether sessions can be built on it. The service asks this itself.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.keyring().map(|_keys| ())?;
        let wrong = |field, allowed| Err(ConfigError::new(field, allowed));
        let second = "must be at least 1";
        if self.issuer.as_ref().is_some_and(String::is_empty) {
            return wrong("issuer", "must have at least one character");
        }
        if self.access_ttl_secs == 0 {
            return wrong("access_ttl_secs", second);
        }
        if self.refresh_ttl_secs == 0 {
            return wrong("refresh_ttl_secs", second);
        }
        if self.absolute_ttl_secs == Some(0) {
            return wrong("absolute_ttl_secs", second);
        }
        if self.max_per_user == 0 {
            return wrong("max_per_user", "must be at least 1");
        }
        if matches!(self.access_source, TokenSourceConfig::Body { .. }) {
            return wrong("access_source", "must be bearer, cookie, header or query");
        }
        self.access_source.check("access_source")?;
        self.refresh_source.check("refresh_source")
    }

    /// The keys, ready for use.
    pub(super) fn keyring(&self) -> Result<Keyring, ConfigError> {
        Keyring::new(&self.signing_secret, &self.keys)
    }
}
