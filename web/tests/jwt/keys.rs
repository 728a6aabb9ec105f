//! Keys and tokens to test with.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use passbook::SimClock;
use passbook_axum::jwt::{
    Claims, JwtDecoder, JwtEncoder, JwtSessionsConfig, KeyAlgorithm, KeyConfig,
};

pub(crate) const SECRET: &str = "a secret of at least thirty-two bytes";
/// A Saturday in November 2026, in seconds.
pub(crate) const NOW: u64 = 1_795_305_600;

/// `openssl genpkey -algorithm ed25519`
pub(crate) const ED25519_PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIL9wOItOK+3BNxSPFmTeNbKk3bGH7bampjProHl+yt4Q
-----END PRIVATE KEY-----";

/// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`
pub(crate) const P256_PEM: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+afADjKH2W49Z2XP
eJ8I3QI+81ydFb5RyCPXnlBstFKhRANCAATsdz5Ha/tXYLBIhb91kYoIg4fFRO49
s9oU7B7idDGBcIwSTivGgBOe7Ly3cVzINwjVxyiwWGZTwOYGGVdgA6nb
-----END PRIVATE KEY-----";

/// The bytes between the dashes of a PEM.
pub(crate) fn der_of(pem: &str) -> Vec<u8> {
    let text = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    base64::engine::general_purpose::STANDARD.decode(text).expect("a PEM")
}

pub(crate) fn es256(kid: &str) -> KeyConfig {
    KeyConfig::new(kid, KeyAlgorithm::Es256, P256_PEM)
}

pub(crate) fn ed_dsa(kid: &str) -> KeyConfig {
    KeyConfig::new(kid, KeyAlgorithm::EdDsa, ED25519_PEM)
}

pub(crate) fn hs256(kid: &str, secret: impl Into<Vec<u8>>) -> KeyConfig {
    KeyConfig::new(kid, KeyAlgorithm::Hs256, secret.into())
}

/// Named keys and no secret.
pub(crate) fn with_keys(keys: impl Into<Vec<KeyConfig>>) -> JwtSessionsConfig {
    JwtSessionsConfig { keys: keys.into(), ..JwtSessionsConfig::default() }
}

/// One of each algorithm, each alone.
pub(crate) fn each_algorithm() -> [JwtSessionsConfig; 3] {
    [JwtSessionsConfig::new(SECRET), with_keys([es256("ec")]), with_keys([ed_dsa("ed")])]
}

/// A decoder for which it is `now` seconds since 1970.
pub(crate) fn decoder_at(config: &JwtSessionsConfig, now: u64) -> JwtDecoder {
    let clock = Arc::new(SimClock::at_ms(now * 1_000));
    JwtDecoder::new(config, clock).expect("the configuration is right")
}

pub(crate) fn encoded(config: &JwtSessionsConfig, claims: &Claims) -> String {
    JwtEncoder::new(config).expect("the configuration is right").encode(claims).expect("it signs")
}

/// A token of two texts as they are, signed as HS256 with `SECRET`.
pub(crate) fn hs256_of(header: &str, payload: &str) -> String {
    signed(&URL_SAFE_NO_PAD.encode(header), &URL_SAFE_NO_PAD.encode(payload))
}

/// A token of two parts as they are, signed as HS256 with `SECRET`: by another implementation than
/// the one that is tested.
pub(crate) fn signed(header: &str, payload: &str) -> String {
    use hmac::{KeyInit as _, Mac as _};
    let message = format!("{header}.{payload}");
    let mut mac =
        hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
