//! Finds the cookie in a request, and sets or removes it in a response.

use cookie::{Cookie, time::Duration};
use http::{HeaderMap, HeaderValue, header};
use passbook::Token;
use zeroize::Zeroizing;

use super::{
    config::{CookieConfig, CookieSessionsConfig, SameSite},
    signing::CookieSigner,
};

/// 400 days: browsers keep no cookie for longer (RFC 6265bis, 5.5).
const MAX_AGE_SECS_MAX: u64 = 400 * 24 * 60 * 60;

/// The cookie of one configuration.
#[derive(Debug)]
pub(crate) struct CookieJar {
    name: String,
    signer: CookieSigner,
    /// As it was configured, but without the secrets.
    attributes: CookieConfig,
}

impl CookieJar {
    /// Of a configuration that was checked.
    pub(crate) fn new(config: &CookieSessionsConfig) -> Self {
        let name = config.full_cookie_name();
        let signer = CookieSigner::new(&config.cookie.secrets, &name);
        let attributes = CookieConfig { secrets: Vec::new(), ..config.cookie.clone() };
        Self { name, signer, attributes }
    }

    /// The tokens of all pairs of that name that we signed, in the order of the request, each found
    /// when it is asked for. Several come from one browser when a subdomain or a narrower path has
    /// set one too: the one that opens a session is not always the first. What is refused costs no
    /// allocation.
    pub(crate) fn candidates<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = Token> {
        self.values(headers).filter_map(|value| self.signer.verify(value))
    }

    /// `Set-Cookie` with the token, for as long as its session lives: in milliseconds from now,
    /// `u64::MAX` = for ever. Browsers keep it for at most 400 days, and get it again with each
    /// rotation.
    pub(crate) fn set(&self, token: &Token, lives_ms: u64) -> HeaderValue {
        let max_age_secs = lives_ms.div_ceil(1_000).min(MAX_AGE_SECS_MAX);
        self.header(&self.signer.sign(token), max_age_secs)
    }

    /// `Set-Cookie` that takes it away. The attributes are the same: a browser removes only what it
    /// was given for the same domain and path.
    pub(crate) fn removal(&self) -> HeaderValue {
        self.header("", 0)
    }

    /// The values of that name in every `Cookie` header. It works on bytes, where the cookie crate
    /// wants text: another program's cookie that is not UTF-8 must not hide ours.
    fn values<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a [u8]> {
        let lines = headers.get_all(header::COOKIE).iter();
        let pairs = lines.flat_map(|line| pairs_of(line.as_bytes()));
        pairs.filter_map(|pair| value_of(pair, self.name.as_bytes()))
    }

    fn header(&self, value: &str, max_age_secs: u64) -> HeaderValue {
        let CookieConfig { secure, http_only, same_site, domain, path, .. } = &self.attributes;
        let max_age_secs = i64::try_from(max_age_secs).expect("at most 400 days");
        let mut cookie = Cookie::build((&*self.name, value))
            .http_only(*http_only)
            .same_site(match same_site {
                SameSite::Lax => cookie::SameSite::Lax,
                SameSite::Strict => cookie::SameSite::Strict,
                SameSite::None => cookie::SameSite::None,
            })
            .secure(*secure)
            .path(path.as_str())
            .max_age(Duration::seconds(max_age_secs));
        if let Some(domain) = domain {
            cookie = cookie.domain(domain.as_str());
        }
        // It writes them as HttpOnly, SameSite, Secure, Path, Domain, Max-Age: a test holds it to it.
        let text = Zeroizing::new(cookie.build().to_string());
        let mut header = HeaderValue::from_str(&text).expect("all parts were checked");
        header.set_sensitive(true);
        header
    }
}

/// What stands between semicolons.
fn pairs_of(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr::memchr_iter(b';', line).chain([line.len()]);
    ends.scan(0, move |start, end| {
        let pair = line.get(*start..end)?;
        *start = end + 1;
        Some(pair)
    })
}

/// The value of a pair of that name, without the double quotes that RFC 6265 allows around it.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let behind = pair.trim_ascii_start().strip_prefix(name)?;
    let value = behind.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
    let inner = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    Some(inner.unwrap_or(value))
}

#[cfg(test)]
mod tests;
