//! Bearer tokens and the digests by which they are found.
//!
//! A [`Token`] is 32 bytes of operating-system randomness. It exists in the hands of its bearer and,
//! for the length of one answer, here; what the ledger keeps is its [`TokenDigest`].

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::limits::{FOREIGN_TOKEN_BYTES_MAX, FOREIGN_TOKEN_BYTES_MIN};

/// Bytes in a token, and in its digest.
pub const TOKEN_BYTES: usize = 32;
const HEX_BYTES: usize = 2 * TOKEN_BYTES;
/// What the wire form of a token begins with.
pub const TOKEN_PREFIX: &str = "pb_";
/// What is hashed in front of another system's token, so that it can be no token of ours.
const FOREIGN_DOMAIN: &[u8] = b"passbook foreign token\0";

/// A bearer credential: whoever shows it is the session.
///
/// It can't be displayed, compared or kept by accident: `Debug` is redacted, there is no `Display`
/// and no `PartialEq`, and the bytes are wiped on drop. [`expose`](Self::expose) says what it does.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token([u8; TOKEN_BYTES]);

impl Token {
    /// A token of 32 random bytes, which the caller took from the operating system.
    pub fn from_random_bytes(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads the wire form: `pb_` and 64 lowercase hexadecimal digits.
    ///
    /// # Errors
    /// [`TokenError`] for anything else. The error holds nothing of the input.
    ///
    /// ```
    /// use passbook_core::Token;
    /// let token = Token::parse(&format!("pb_{}", "0a".repeat(32)))?;
    /// assert_eq!(*token.expose(), format!("pb_{}", "0a".repeat(32)));
    /// assert!(Token::parse("pb_short").is_err());
    /// # Ok::<(), passbook_core::TokenError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        Self::parse_hex(text.strip_prefix(TOKEN_PREFIX).ok_or(TokenError)?)
    }

    /// Reads the form without prefix, as it is used in cookies and in `jti`: 64 lowercase
    /// hexadecimal digits.
    ///
    /// # Errors
    /// [`TokenError`] for anything else.
    pub fn parse_hex(text: &str) -> Result<Self, TokenError> {
        bytes_of_hex(text).map(Self)
    }

    /// Reads what any system may have handed out. Our own two forms are read as they are; any other
    /// text of 16 to 1,024 bytes is another system's token and stands for the 32 bytes that SHA-256
    /// makes of `passbook foreign token`, a zero byte and the text.
    ///
    /// Such a token opens a session only if one was imported with it. One text has one meaning: what
    /// begins with `pb_` is ours or nothing.
    ///
    /// # Errors
    /// [`TokenError`] for what is too short, too long, or begins with `pb_` and is not our form.
    ///
    /// ```
    /// use passbook_core::Token;
    /// let old = "pylon_0000000000000000000000000000000000000000000000000000000000000000";
    /// let again = Token::parse_any(old)?;
    /// assert_eq!(Token::parse_any(old)?.digest(), again.digest());
    /// assert!(Token::parse(old).is_err() && Token::parse_any("guessable").is_err());
    /// # Ok::<(), passbook_core::TokenError>(())
    /// ```
    pub fn parse_any(text: &str) -> Result<Self, TokenError> {
        if text.starts_with(TOKEN_PREFIX) {
            return Self::parse(text);
        }
        Self::parse_hex(text).or_else(|_not_ours| Self::of_foreign(text))
    }

    fn of_foreign(text: &str) -> Result<Self, TokenError> {
        if !(FOREIGN_TOKEN_BYTES_MIN..=FOREIGN_TOKEN_BYTES_MAX).contains(&text.len()) {
            return Err(TokenError);
        }
        let hash = Sha256::new().chain_update(FOREIGN_DOMAIN).chain_update(text);
        Ok(Self(hash.finalize().into()))
    }

    /// The secret in its wire form, `pb_` and 64 lowercase hexadecimal digits, to be handed to its
    /// bearer. The string is wiped on drop.
    pub fn expose(&self) -> Zeroizing<String> {
        let mut text = String::with_capacity(TOKEN_PREFIX.len() + HEX_BYTES);
        text.push_str(TOKEN_PREFIX);
        push_hex(&mut text, &self.0);
        Zeroizing::new(text)
    }

    /// The 32 raw bytes, for code that seals or derives from them.
    pub fn expose_bytes(&self) -> &[u8; TOKEN_BYTES] {
        &self.0
    }

    /// SHA-256 of the 32 raw bytes: all that the ledger keeps of a token.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// 64 lowercase hexadecimal digits as 32 bytes, in the same steps whatever the digits are.
fn bytes_of_hex(text: &str) -> Result<[u8; TOKEN_BYTES], TokenError> {
    let digits: &[u8; HEX_BYTES] = text.as_bytes().try_into().map_err(|_wrong_len| TokenError)?;
    // Each loop does one thing to all: the compiler does sixteen of them in a step.
    let values = digits.map(nibble);
    let bad = values.iter().fold(0, |bad, value| bad | value);
    let (pairs, _) = values.as_chunks::<2>();
    let mut bytes = [0; TOKEN_BYTES];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (high << 4) | low;
    }
    if bad & NOT_A_DIGIT == 0 { Ok(bytes) } else { Err(TokenError) }
}

/// Set in the value of a character that is no lowercase hexadecimal digit.
const NOT_A_DIGIT: u8 = 0x80;

/// The value of a digit, by arithmetic alone: no table, so no cache line tells which digit it was.
fn nibble(digit: u8) -> u8 {
    let decimal = digit.wrapping_sub(b'0');
    let letter = digit.wrapping_sub(b'a');
    // 0xff where the test holds, else 0.
    let is_decimal = 0_u8.wrapping_sub(u8::from(decimal < 10));
    let is_letter = 0_u8.wrapping_sub(u8::from(letter < 6));
    (decimal & is_decimal)
        | (letter.wrapping_add(10) & is_letter)
        | (NOT_A_DIGIT & !(is_decimal | is_letter))
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for value in [byte >> 4, byte & 0x0f] {
            let digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
            text.push(char::from(digit));
        }
    }
}

/// The text is not a token. It says nothing of the text, which may be a secret with a typo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a token: expected `pb_` and 64 lowercase hexadecimal digits")]
pub struct TokenError;

/// SHA-256 of a token's 32 raw bytes, by which its session is found. Compared in constant time.
#[derive(Clone, Copy, Eq)]
pub struct TokenDigest([u8; TOKEN_BYTES]);

impl TokenDigest {
    /// A digest that was kept before.
    pub fn from_bytes(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads 64 lowercase hexadecimal digits, as a table of digests has them.
    ///
    /// # Errors
    /// [`TokenError`] for anything else.
    ///
    /// ```
    /// use passbook_core::TokenDigest;
    /// let digest = TokenDigest::parse_hex(&"0a".repeat(32))?;
    /// assert_eq!(digest.to_hex(), "0a".repeat(32));
    /// # Ok::<(), passbook_core::TokenError>(())
    /// ```
    pub fn parse_hex(text: &str) -> Result<Self, TokenError> {
        bytes_of_hex(text).map(Self)
    }

    /// 64 lowercase hexadecimal digits: for an export, not for a log.
    pub fn to_hex(&self) -> String {
        let mut text = String::with_capacity(HEX_BYTES);
        push_hex(&mut text, &self.0);
        text
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; TOKEN_BYTES] {
        &self.0
    }
}

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::hash::Hash for TokenDigest {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for TokenDigest {
    /// The first four bytes: enough to tell two digests apart in a log, too little to search with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        push_hex(&mut text, self.0.first_chunk::<4>().expect("a digest has 32 bytes"));
        write!(f, "TokenDigest({text}..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_shows_nothing_of_itself() {
        let token = Token::from_random_bytes([0xab; 32]);
        assert_eq!(format!("{token:?}"), "Token(redacted)");
        assert_eq!(format!("{:?}", Token::parse("pb_xyz").expect_err("too short")), "TokenError");
    }

    #[test]
    fn only_the_wire_form_is_a_token() {
        let good = format!("pb_{}", "0123456789abcdef".repeat(4));
        assert_eq!(*Token::parse(&good).expect("wire form").expose(), good);
        for bad in [
            String::new(),
            "pb_".to_owned(),
            good.to_uppercase(),
            good.replace("pb_", "PB_"),
            good.replace('f', "g"),
            good.replace('0', "/"),
            good.replace('9', ":"),
            good.replace('a', "`"),
            format!("{good}0"),
            good.replace("pb_0", "pb_"),
            format!(" {good}"),
            good.replace("pb_01", "pb_\u{e9}"),
        ] {
            assert!(Token::parse(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_digest_is_sha256_of_the_raw_bytes() {
        // SHA-256 of 32 zero bytes.
        let digest = Token::from_random_bytes([0; 32]).digest();
        assert_eq!(
            digest.to_hex(),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
    }

    #[test]
    fn another_systems_token_is_any_text_within_limits_but_never_ours() {
        let ours = Token::from_random_bytes([0x0a; 32]);
        for form in [ours.expose().to_string(), "0a".repeat(32)] {
            assert_eq!(Token::parse_any(&form).expect("our form").digest(), ours.digest());
        }
        let foreign = |len| Token::parse_any(&"x".repeat(len));
        assert!(foreign(15).is_err() && foreign(16).is_ok());
        assert!(foreign(1_024).is_ok() && foreign(1_025).is_err());
        assert!(Token::parse_any(&format!("pb_{}", "0A".repeat(32))).is_err(), "ours, with a typo");
        let (upper, lower) = ("0A".repeat(32), "0a".repeat(32));
        let digest = |text: &str| Token::parse_any(text).expect("within limits").digest();
        assert_ne!(digest(&upper), digest(&lower), "one text, one meaning");
    }

    #[test]
    fn another_systems_token_is_hashed_as_it_always_was() {
        // Of SHA-256 twice: of the domain and the text, and of the 32 bytes that gives.
        let digest = Token::parse_any(&"x".repeat(16)).expect("long enough").digest();
        assert_eq!(
            digest.to_hex(),
            "e86e08ed3b87fa50aec8d1caf24281279f5187708bd5b5abe649fbeabd45c7cc"
        );
    }

    proptest! {
        #[test]
        fn parse_and_expose_are_inverse(bytes: [u8; 32]) {
            let token = Token::from_random_bytes(bytes);
            let parsed = Token::parse(&token.expose()).expect("own wire form");
            prop_assert_eq!(parsed.expose_bytes(), &bytes);
        }

        #[test]
        fn parsing_never_panics(text in ".{0,80}") {
            let _parsed = Token::parse(&text);
            let _parsed = Token::parse_any(&text);
        }
    }
}
