//! How cookie sessions are configured, and what is refused before the first request.

use serde::Deserialize;
use thiserror::Error;

use super::secret::CookieSecret;
use crate::guard::{CrossOrigin, OnCrossOrigin, OriginError};

/// 30 days: how long a session lives without use, if not said otherwise.
const SESSION_TTL_SECS_DEFAULT: u64 = 30 * 24 * 60 * 60;
/// 5 minutes: how often its use is noted.
const TOUCH_INTERVAL_SECS_DEFAULT: u64 = 300;
const SESSIONS_PER_USER_DEFAULT: u32 = 10;
/// Shortest secret, in bytes: twice what HMAC-SHA-256 gives, for secrets that are typed as text.
const SECRET_BYTES_MIN: usize = 64;
/// Most secrets: each is tried on each candidate.
const SECRETS_MAX: usize = 16;
/// Longest cookie name with its prefix, longest domain (RFC 1035) and longest path, in bytes.
const NAME_BYTES_MAX: usize = 128;
const DOMAIN_BYTES_MAX: usize = 253;
const PATH_BYTES_MAX: usize = 1_024;
/// What a browser lets pass only if it is secure, for all paths, and without a domain.
const HOST_PREFIX: &str = "__Host-";
/// What a browser lets pass only if it is secure.
const SECURE_PREFIX: &str = "__Secure-";

/// Cookie sessions: how long they live, and their cookie. Unknown fields are refused; what is left
/// out has its default, but for the secrets.
///
/// ```
/// use passbook_axum::CookieSessionsConfig;
/// let config = r#"{ "session_ttl_secs": 86400, "cookie": { "secrets": ["SECRET"] } }"#;
/// let config = config.replace("SECRET", &"0123456789abcdef".repeat(4));
/// let config: CookieSessionsConfig = serde_json::from_str(&config)?;
/// config.validate()?;
/// assert_eq!(config.cookie_name, "_session");
/// assert!(!format!("{config:?}").contains("0123"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CookieSessionsConfig {
    /// A session ends when it was not used for this long, in seconds; 0 = never. Default: 30 days.
    pub session_ttl_secs: u64,
    /// A session ends this long after its login, in seconds, however it is used; at least 1. Default:
    /// none.
    pub absolute_ttl_secs: Option<u64>,
    /// The name of the cookie, to which [`CookieConfig::host_prefix`] adds; 1 to 128 characters of
    /// an RFC 9110 token. Default: `_session`.
    pub cookie_name: String,
    /// Whether a session is tied to the fingerprint of the browser that it was opened with. Default:
    /// true.
    pub validate_fingerprint: bool,
    /// What happens to a session that turns up with another one. Default: it ends.
    pub fingerprint_mismatch: OnMismatch,
    /// The use of a session is noted when the last note is at least this old, in seconds; 0 = at
    /// each request. Never later than after half of `session_ttl_secs`, so that what is in use does
    /// not end. Default: 300.
    pub touch_interval_secs: u64,
    /// A login beyond this many live sessions ends the least recently active one; at least 1.
    /// Default: 10.
    pub max_sessions_per_user: u32,
    /// Whether a logout tells the browser to forget what it keeps of this site (`Clear-Site-Data`).
    /// Default: false.
    pub clear_site_data: bool,
    /// What happens to a request that changes something and that a page of another origin caused.
    /// Default: it is refused.
    pub cross_origin: OnCrossOrigin,
    /// Other origins whose pages may send such requests, as a browser writes them:
    /// `https://app.example.org`. Default: none.
    pub allowed_origins: Vec<String>,
    /// The cookie itself.
    pub cookie: CookieConfig,
}

impl Default for CookieSessionsConfig {
    fn default() -> Self {
        Self {
            session_ttl_secs: SESSION_TTL_SECS_DEFAULT,
            absolute_ttl_secs: None,
            cookie_name: "_session".to_owned(),
            validate_fingerprint: true,
            fingerprint_mismatch: OnMismatch::End,
            touch_interval_secs: TOUCH_INTERVAL_SECS_DEFAULT,
            max_sessions_per_user: SESSIONS_PER_USER_DEFAULT,
            clear_site_data: false,
            cross_origin: OnCrossOrigin::Refuse,
            allowed_origins: Vec::new(),
            cookie: CookieConfig::default(),
        }
    }
}

impl CookieSessionsConfig {
    /// The defaults, with the secret that signs: at least 64 bytes, which
    /// [`validate`](Self::validate) checks.
    pub fn new(secret: impl Into<CookieSecret>) -> Self {
        let cookie = CookieConfig { secrets: vec![secret.into()], ..CookieConfig::default() };
        Self { cookie, ..Self::default() }
    }

    /// Whether sessions can be built on it. The session layer asks this itself.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        at_least_one("max_sessions_per_user", u64::from(self.max_sessions_per_user))?;
        if let Some(secs) = self.absolute_ttl_secs {
            at_least_one("absolute_ttl_secs", secs)?;
        }
        self.cookie.check_secrets()?;
        let name = self.full_cookie_name();
        let is_name = !self.cookie_name.is_empty() && name.bytes().all(is_token_byte);
        if !is_name || name.len() > NAME_BYTES_MAX {
            return refused("cookie_name", "must be 1 to 128 letters, digits or !#$%&'*+-.^_`|~");
        }
        self.cookie.check_scope()?;
        self.cookie.check_prefix(&name)?;
        self.guard().map(|_fine| ())
    }

    /// What refuses requests of other origins, if it is asked to.
    pub(crate) fn guard(&self) -> Result<Option<CrossOrigin>, ConfigError> {
        let mut allowed = self.allowed_origins.iter();
        let guard = allowed.try_fold(CrossOrigin::new(), |guard, origin| guard.allow(origin));
        match (guard, self.cross_origin) {
            (Ok(guard), OnCrossOrigin::Refuse) => Ok(Some(guard)),
            (Ok(_), OnCrossOrigin::Pass) => Ok(None),
            (Err(OriginError), _) => {
                let must = "must be origins: scheme://host or scheme://host:port";
                Err(ConfigError { field: "allowed_origins", must })
            }
        }
    }

    /// The name as it is on the wire.
    pub(crate) fn full_cookie_name(&self) -> String {
        let prefix = if self.cookie.host_prefix { HOST_PREFIX } else { "" };
        format!("{prefix}{}", self.cookie_name)
    }

    /// How old the note of a session's last use may become, in milliseconds.
    pub(crate) fn touch_interval_ms(&self) -> u64 {
        let secs = match self.session_ttl_secs {
            0 => self.touch_interval_secs,
            ttl_secs => self.touch_interval_secs.min(ttl_secs / 2),
        };
        secs.saturating_mul(1_000)
    }
}

/// What happens to a session that turns up with another fingerprint. In a configuration: `end` or
/// `flag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMismatch {
    /// It ends, with reason `fingerprint`; the request is nobody's.
    End,
    /// It lives on, and the request is only marked.
    Flag,
}

/// The cookie of a session: who may sign it, and where a browser sends it.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CookieConfig {
    /// The first signs, all verify: 1 to 16, of at least 64 bytes each. A new one goes to the front;
    /// the old one can go when the cookies that it signed are over. Default: none, which is refused.
    pub secrets: Vec<CookieSecret>,
    /// Whether it is sent over HTTPS only. Default: true.
    pub secure: bool,
    /// Whether scripts can't read it. Default: true.
    pub http_only: bool,
    /// Whether it is sent along from other sites. Default: `lax`.
    pub same_site: SameSite,
    /// The domain whose subdomains get it too. Default: none, only the host that set it.
    pub domain: Option<String>,
    /// The path below which it is sent: begins with `/`, at most 1,024 bytes. Default: `/`.
    pub path: String,
    /// Whether its name begins with `__Host-`, so that no subdomain can set it (RFC 6265bis, 4.1.3):
    /// needs `secure`, the path `/` and no domain. Default: false.
    pub host_prefix: bool,
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self {
            secrets: Vec::new(),
            secure: true,
            http_only: true,
            same_site: SameSite::Lax,
            domain: None,
            path: "/".to_owned(),
            host_prefix: false,
        }
    }
}

impl CookieConfig {
    fn check_secrets(&self) -> Result<(), ConfigError> {
        if !(1..=SECRETS_MAX).contains(&self.secrets.len()) {
            return refused("cookie.secrets", "must be 1 to 16 secrets");
        }
        if self.secrets.iter().any(|secret| secret.expose().len() < SECRET_BYTES_MIN) {
            return refused("cookie.secrets", "must have at least 64 bytes each");
        }
        Ok(())
    }

    fn check_scope(&self) -> Result<(), ConfigError> {
        if self.same_site == SameSite::None && !self.secure {
            return refused("cookie.same_site", "must be lax or strict where secure is false");
        }
        if self.domain.as_deref().is_some_and(|domain| !is_domain(domain)) {
            return refused("cookie.domain", "must be a host name of 1 to 253 bytes");
        }
        let is_path_byte = |byte: u8| byte.is_ascii_graphic() && byte != b';' && byte != b',';
        let fits = self.path.len() <= PATH_BYTES_MAX && self.path.bytes().all(is_path_byte);
        if !self.path.starts_with('/') || !fits {
            let must = "must begin with /, have no space, comma or ;, and at most 1,024 bytes";
            return refused("cookie.path", must);
        }
        Ok(())
    }

    /// What a browser asks of a name with a prefix; in any case, as browsers compare it.
    fn check_prefix(&self, name: &str) -> Result<(), ConfigError> {
        let begins = |prefix: &str| {
            name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let is_host = begins(HOST_PREFIX);
        if (is_host || begins(SECURE_PREFIX)) && !self.secure {
            return refused("cookie.secure", "must be true for a name with __Host- or __Secure-");
        }
        if is_host && self.domain.is_some() {
            return refused("cookie.domain", "must be left out for a name with __Host-");
        }
        if is_host && self.path != "/" {
            return refused("cookie.path", "must be / for a name with __Host-");
        }
        Ok(())
    }
}

/// Whether a cookie is sent along with requests that another site caused. In a configuration: `lax`,
/// `strict` or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// Only when the user follows a link.
    Lax,
    /// Never.
    Strict,
    /// Always; needs `secure`.
    None,
}

/// A field of the configuration is out of its range: correct it. The value itself is not told, it
/// may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the configuration of cookie sessions: {field} {must}")]
pub struct ConfigError {
    /// The field, by its path: `cookie.secrets`.
    pub field: &'static str,
    /// What it must be, in words.
    pub must: &'static str,
}

fn refused(field: &'static str, must: &'static str) -> Result<(), ConfigError> {
    Err(ConfigError { field, must })
}

fn at_least_one(field: &'static str, value: u64) -> Result<(), ConfigError> {
    if value == 0 { refused(field, "must be at least 1") } else { Ok(()) }
}

/// RFC 9110, 5.6.2: what the name of a cookie is made of.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Labels of letters, digits and inner hyphens with dots between: no dot in front, no port.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.len() <= DOMAIN_BYTES_MAX && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_in_use_is_noted_before_it_would_end() {
        let touched = |session_ttl_secs, touch_interval_secs| {
            let base = CookieSessionsConfig::default();
            CookieSessionsConfig { session_ttl_secs, touch_interval_secs, ..base }
                .touch_interval_ms()
        };
        assert_eq!(touched(2_592_000, 300), 300_000);
        assert_eq!(touched(60, 300), 30_000, "half of the time that it lives");
        assert_eq!(touched(60, 0), 0, "each request");
        assert_eq!(touched(0, 300), 300_000, "it never ends");
        assert_eq!(touched(0, u64::MAX), u64::MAX);
    }
}
