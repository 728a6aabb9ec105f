//! One hash for the headers that stay the same as long as a browser does.
//!
//! A cookie that turns up with another fingerprint was taken to another browser, or the browser was
//! updated. It proves nothing: who steals a cookie can send the headers along.

use std::fmt;

use http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};

use crate::hex::hex_of;

/// SHA-256 of `user-agent`, a zero byte, `accept-language`, a zero byte and `accept-encoding`, each
/// as it was sent; a header that was not sent is empty. It displays as 64 lowercase hexadecimal
/// digits.
///
/// ```
/// use passbook_axum::Fingerprint;
/// let one = Fingerprint::new(b"Mozilla/5.0", b"en", b"gzip");
/// assert!(one.matches(&one.to_string()));
/// assert!(!one.matches(&Fingerprint::new(b"Mozilla/5.0", b"de", b"gzip").to_string()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of the three headers' values.
    pub fn new(user_agent: &[u8], accept_language: &[u8], accept_encoding: &[u8]) -> Self {
        let hash = Sha256::new()
            .chain_update(user_agent)
            .chain_update([0])
            .chain_update(accept_language)
            .chain_update([0])
            .chain_update(accept_encoding);
        Self(hash.finalize().into())
    }

    /// Of a request: of each header the first line. It allocates nothing.
    pub fn of_headers(headers: &HeaderMap) -> Self {
        Self::new(
            first(headers, header::USER_AGENT),
            first(headers, header::ACCEPT_LANGUAGE),
            first(headers, header::ACCEPT_ENCODING),
        )
    }

    /// Whether `hex` is this fingerprint as it displays. Not in constant time: it is no secret, the
    /// client knows what it sent.
    pub fn matches(&self, hex: &str) -> bool {
        hex_of(self.0) == hex.as_bytes()
    }
}

/// The first value of a header; empty if there is none.
pub(super) fn first(headers: &HeaderMap, name: HeaderName) -> &[u8] {
    headers.get(name).map_or(b"", |value| value.as_bytes())
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&hex_of(self.0)).expect("digits are ASCII"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_fingerprint_is_sha256_of_the_three_headers_apart() {
        // printf 'a\0b\0c' | sha256sum
        let hex = "8badde10c760e9b702defb4b5e225de79c515b1d2a5cfb000e140f3c6fbb5629";
        assert_eq!(Fingerprint::new(b"a", b"b", b"c").to_string(), hex);
        assert!(Fingerprint::new(b"a", b"b", b"c").matches(hex));
        assert!(!Fingerprint::new(b"a", b"b", b"c").matches(&hex.to_uppercase()));
        assert_ne!(Fingerprint::new(b"ab", b"", b"c"), Fingerprint::new(b"a", b"b", b"c"));
    }

    #[test]
    fn a_header_that_is_no_text_counts_and_one_that_is_missing_is_empty() {
        let mut headers = HeaderMap::new();
        assert_eq!(Fingerprint::of_headers(&headers), Fingerprint::new(b"", b"", b""));
        let agent = HeaderValue::from_bytes(b"caf\xe9").expect("allowed in a header");
        headers.insert(header::USER_AGENT, agent);
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));
        assert_eq!(Fingerprint::of_headers(&headers), Fingerprint::new(b"caf\xe9", b"", b"gzip"));
    }
}
