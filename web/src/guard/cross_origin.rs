//! Refuses requests that change something and that another site made the browser send (CSRF).
//!
//! It decides as `net/http.CrossOriginProtection` of Go 1.25 does: no token, no state, by the two
//! headers that a browser sets and a page can't. `SameSite=Lax` keeps most such requests without
//! the cookie; this also stops those from another subdomain of the same site.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, uri::Authority};
use serde::Deserialize;
use thiserror::Error as ThisError;

use crate::{Error, Result};

/// W3C Fetch Metadata, 2.3: how the page that caused a request relates to where it goes.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Tells requests of our own pages from those of other origins. By default no other origin may.
///
/// In this order:
/// 1. `GET`, `HEAD` and `OPTIONS` pass: they must change nothing.
/// 2. `Sec-Fetch-Site: same-origin` or `none` (the user typed it) passes.
/// 3. Without `Sec-Fetch-Site`: no `Origin` passes, it is no browser or a very old one; an `Origin`
///    with the host and port of the request passes. Its scheme is not compared, which behind a proxy
///    nobody knows: send `Strict-Transport-Security`.
/// 4. An `Origin` of the list passes.
/// 5. All else is refused.
///
/// ```
/// use http::{HeaderMap, HeaderValue, Method, Uri};
/// use passbook_axum::CrossOrigin;
/// let guard = CrossOrigin::new().allow("https://app.example.org")?;
/// let mut headers = HeaderMap::new();
/// headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
/// headers.insert("origin", HeaderValue::from_static("https://evil.example"));
/// let refused = guard.check(&Method::POST, &headers, &Uri::from_static("/pay")).unwrap_err();
/// assert_eq!(refused.code(), "auth:cross_origin");
/// # Ok::<(), passbook_axum::OriginError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct CrossOrigin {
    allowed: Vec<HeaderValue>,
}

impl CrossOrigin {
    /// Lets no other origin pass.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets this origin pass too: scheme, host, and the port if it is not the scheme's own, as a
    /// browser writes it: `https://app.example.org`, `http://localhost:3000`.
    ///
    /// # Errors
    /// [`OriginError`] for anything else, such as `null`, a path or a capital letter, which would
    /// never match.
    pub fn allow(mut self, origin: &str) -> std::result::Result<Self, OriginError> {
        if !is_origin(origin) {
            return Err(OriginError);
        }
        self.allowed.push(HeaderValue::from_str(origin).map_err(|_not_text| OriginError)?);
        Ok(self)
    }

    /// Whether the request may pass. `uri` is the request's own: over HTTP/2 it names the host.
    ///
    /// # Errors
    /// [`Error::CrossOrigin`], 403, if it may not.
    pub fn check(&self, method: &Method, headers: &HeaderMap, uri: &Uri) -> Result<()> {
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
            return Ok(());
        }
        let origin = headers.get(header::ORIGIN).filter(|origin| !origin.is_empty());
        let site = headers.get(SEC_FETCH_SITE).map_or(b"".as_slice(), |site| site.as_bytes());
        let passes = match (site, origin) {
            (b"same-origin" | b"none", _) | (b"", None) => true,
            (b"", Some(origin)) => is_of_host(origin, headers, uri) || self.allows(origin),
            (_, Some(origin)) => self.allows(origin),
            (_, None) => false,
        };
        if passes { Ok(()) } else { Err(Error::CrossOrigin) }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.allowed.contains(origin)
    }
}

/// Whether cookie sessions refuse what [`CrossOrigin`] refuses. In a configuration: `refuse` or
/// `pass`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCrossOrigin {
    /// It is answered with 403 `auth:cross_origin`.
    Refuse,
    /// It passes: the application keeps such requests off in its own way.
    Pass,
}

/// The text is no origin as a browser writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("not an origin: expected scheme://host or scheme://host:port in small letters")]
pub struct OriginError;

/// A scheme, a host, perhaps a port, and nothing else.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let is_scheme = scheme.starts_with(|char: char| char.is_ascii_lowercase());
    let is_authority = authority
        .parse::<Authority>()
        .is_ok_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    is_scheme && is_authority && !text.contains(|char: char| char.is_ascii_uppercase())
}

/// Whether an origin has the host and port that the request was sent to.
fn is_of_host(origin: &HeaderValue, headers: &HeaderMap, uri: &Uri) -> bool {
    let asked = match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.get(header::HOST).and_then(|host| host.to_str().ok()),
    };
    let from = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (asked, from) {
        (Some(asked), Some((_scheme, from))) => {
            !asked.is_empty() && asked.eq_ignore_ascii_case(from)
        }
        _ => false,
    }
}
