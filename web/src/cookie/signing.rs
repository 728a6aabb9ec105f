//! Signs the token of a session with the name of its cookie, and tells what we signed from what we
//! did not before anything is looked up.
//!
//! ```text
//! <token: 64 lowercase hex digits> "." <MAC: 64 lowercase hex digits>
//! MAC = HMAC-SHA-256(secret, "passbook cookie v1" 0x00 name 0x00 token's digits)
//! ```
//!
//! The name is signed too, so that a value can't be moved to another cookie that the same secret
//! signs. No name holds a zero byte, so no two pairs of name and token are signed as the same bytes.
//! A token alone would be as hard to guess; the MAC keeps guesses away from the ledger, and lets a
//! new secret end every cookie at once.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use passbook::{Token, core::token::TOKEN_PREFIX};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::secret::CookieSecret;
use crate::hex::{Hex, hex_of};

/// What is signed in front of name and token: no other use of a secret signs the same bytes.
const DOMAIN: &[u8] = b"passbook cookie v1\0";
/// Two times 32 bytes as hexadecimal digits, and a dot between.
const VALUE_BYTES: usize = 64 + 1 + 64;

/// The secrets of one cookie, ready for use.
pub(crate) struct CookieSigner {
    /// One for each secret, in their order: the key that HMAC makes of the secret, the domain and the
    /// name. What is left to sign is 32 bytes, so a check costs two compressions of SHA-256.
    keys: Vec<Hmac<Sha256>>,
}

impl CookieSigner {
    /// Of the secrets that were checked with the configuration, at least one, for that cookie.
    pub(crate) fn new(secrets: &[CookieSecret], name: &str) -> Self {
        assert!(!secrets.is_empty(), "a configuration without a secret is refused");
        let key = |secret: &CookieSecret| {
            let of_secret = keyed(secret.expose()).chain_update(DOMAIN).chain_update(name);
            keyed(&Zeroizing::new(<[u8; 32]>::from(of_secret.finalize().into_bytes()))[..])
        };
        Self { keys: secrets.iter().map(key).collect() }
    }

    /// The value of the cookie, signed with the first secret. It is wiped on drop.
    pub(crate) fn sign(&self, token: &Token) -> Zeroizing<String> {
        let wire_form = token.expose();
        let digits = wire_form.strip_prefix(TOKEN_PREFIX).expect("the wire form has it");
        let key = self.keys.first().expect("at least one secret");
        let mac = mac(key, token);
        let mac = str::from_utf8(&mac).expect("digits are ASCII");
        Zeroizing::new(format!("{digits}.{mac}"))
    }

    /// The token of a value that one of the secrets signed for this cookie. Anything else is `None`:
    /// another form at once and without a secret, another MAC in the same time whatever is wrong
    /// with it.
    pub(crate) fn verify(&self, value: &[u8]) -> Option<Token> {
        let value: &[u8; VALUE_BYTES] = value.try_into().ok()?;
        let (digits, rest) = value.split_first_chunk::<64>()?;
        let given: &Hex = rest.strip_prefix(b".")?.try_into().ok()?;
        let token = Token::parse_hex(str::from_utf8(digits).ok()?).ok()?;
        // Digits are compared, not what they stand for: one MAC has one form.
        let signed = |key: &Hmac<Sha256>| is_same(&mac(key, &token), given);
        self.keys.iter().any(signed).then_some(token)
    }
}

impl fmt::Debug for CookieSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CookieSigner({} secrets, redacted)", self.keys.len())
    }
}

/// Compares in the same time whatever differs, eight digits in a step.
fn is_same(one: &Hex, other: &Hex) -> bool {
    let pairs = one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0);
    let same = pairs.fold(Choice::from(1), |same, (one, other)| {
        same & u64::from_le_bytes(*one).ct_eq(&u64::from_le_bytes(*other))
    });
    same.into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// The MAC of a token's 32 bytes, as digits.
fn mac(key: &Hmac<Sha256>, token: &Token) -> Hex {
    hex_of(key.clone().chain_update(token.expose_bytes()).finalize().into_bytes().into())
}

#[cfg(test)]
mod tests;
