//! All keys of a service: the first signs, all verify.

use std::{borrow::Cow, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm,
    signature::{Signer as _, Verifier as _},
};
use serde::Deserialize;

use super::{
    config::ConfigError,
    error::JwtError,
    header::Header,
    key::{Key, NoKey},
    secret::Secret,
};

/// What a signing secret must have at least, in bytes: RFC 7518, section 3.2, wants as much as the
/// hash has.
pub(super) const SECRET_BYTES_MIN: usize = 32;
/// How long a `kid` may be, in bytes.
const KID_BYTES_MAX: usize = 64;
/// How many keys there may be: each may be tried on a token that names none.
const KEYS_MAX: usize = 16;

/// How a key signs. It is the key's, never the token's, to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum KeyAlgorithm {
    /// HMAC with SHA-256, a shared secret (RFC 7518, section 3.2).
    #[serde(rename = "HS256")]
    Hs256,
    /// ECDSA with P-256 and SHA-256 (RFC 7518, section 3.4).
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519 (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A key with a name. `Debug` hides it.
///
/// ```
/// use passbook_axum::jwt::KeyConfig;
/// let key: KeyConfig = serde_json::from_str(
///     r#"{ "kid": "2026-11", "alg": "HS256", "key": "thirty-two bytes at the very least" }"#,
/// )?;
/// assert!(!format!("{key:?}").contains("thirty"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// Its name in the header of tokens: 1 to 64 bytes, unlike those of the other keys.
    pub kid: String,
    /// How it signs.
    pub alg: KeyAlgorithm,
    /// For HS256 a secret of at least 32 bytes; else a private key as PKCS#8, PEM or DER.
    pub key: Secret,
}

/// The keys, ready for use. A clone is cheap.
#[derive(Clone)]
pub(super) struct Keyring(Arc<[Named]>);

pub(super) struct Named {
    pub(super) key: Key,
    /// What its tokens begin with: one text for all of them.
    header_part: String,
    /// The same, read.
    header: Header,
}

impl KeyConfig {
    /// A key of that name.
    pub fn new(kid: impl Into<String>, alg: KeyAlgorithm, key: impl Into<Secret>) -> Self {
        Self { kid: kid.into(), alg, key: key.into() }
    }

    fn read(&self, index: usize) -> Result<Named, ConfigError> {
        let wrong = |field, must| ConfigError::new(format!("keys[{index}].{field}"), must);
        if self.kid.is_empty() || self.kid.len() > KID_BYTES_MAX {
            return Err(wrong("kid", "must have 1 to 64 bytes"));
        }
        let key = match self.alg {
            KeyAlgorithm::Hs256 if self.key.expose().len() < SECRET_BYTES_MIN => {
                return Err(wrong("key", "must have at least 32 bytes"));
            }
            KeyAlgorithm::Hs256 => Ok(Key::hs256(self.key.expose())),
            KeyAlgorithm::Es256 => Key::es256(self.key.expose())
                .map_err(|NoKey| wrong("key", "must be a P-256 private key, PKCS#8 in PEM or DER")),
            KeyAlgorithm::EdDsa => Key::ed_dsa(self.key.expose()).map_err(|NoKey| {
                wrong("key", "must be an Ed25519 private key, PKCS#8 in PEM or DER")
            }),
        };
        Ok(Named::new(Some(self.kid.clone()), key?))
    }
}

impl Keyring {
    /// The named keys in their order, and then the secret, which has no name.
    pub(super) fn new(secret: &Secret, keys: &[KeyConfig]) -> Result<Self, ConfigError> {
        if keys.len() > KEYS_MAX {
            return Err(ConfigError::new("keys", "must be at most 16"));
        }
        let mut named = Vec::with_capacity(keys.len() + 1);
        for (index, config) in keys.iter().enumerate() {
            let before = keys.iter().take(index);
            if before.into_iter().any(|other| other.kid == config.kid) {
                let field = format!("keys[{index}].kid");
                return Err(ConfigError::new(field, "must be unlike those of the other keys"));
            }
            named.push(config.read(index)?);
        }
        if !secret.is_empty() || keys.is_empty() {
            if secret.expose().len() < SECRET_BYTES_MIN {
                return Err(ConfigError::new("signing_secret", "must have at least 32 bytes"));
            }
            named.push(Named::new(None, Key::hs256(secret.expose())));
        }
        Ok(Self(named.into()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Named> {
        self.0.iter()
    }

    /// The name and the algorithm of the key that signs.
    pub(super) fn signer(&self) -> &Named {
        self.0.first().expect("a keyring is made with at least one key")
    }

    /// The header of a token, before anything in it is believed. One that a key of ours writes is
    /// known already, to the letter: nearly all are.
    pub(super) fn header(&self, part: &str) -> Result<Cow<'_, Header>, JwtError> {
        match self.iter().find(|named| named.header_part == part) {
            Some(named) => Ok(Cow::Borrowed(&named.header)),
            None => Header::read(part).map(Cow::Owned),
        }
    }

    /// The keys that may have signed a token with this header.
    ///
    /// First the algorithm: it must be that of a key here, so `none` ends before any arithmetic. Then
    /// the key: that of the header's `kid`, and only with its own algorithm; all of the algorithm,
    /// if the header names none.
    pub(super) fn meant_by(
        &self,
        header: &Header,
    ) -> Result<impl Iterator<Item = &Named>, JwtError> {
        let algorithm = header.algorithm.ok_or(JwtError::AlgorithmMismatch)?;
        let may_be_meant =
            |named: &Named| header.kid.as_deref().is_none_or(|kid| named.kid() == Some(kid));
        if !self.iter().any(|named| named.algorithm() == algorithm) {
            return Err(JwtError::AlgorithmMismatch);
        }
        if header.kid.is_some()
            && self.iter().any(|named| may_be_meant(named) && named.algorithm() != algorithm)
        {
            return Err(JwtError::AlgorithmMismatch);
        }
        Ok(self.iter().filter(move |named| named.algorithm() == algorithm && may_be_meant(named)))
    }
}

impl Named {
    fn new(kid: Option<String>, key: Key) -> Self {
        let written = jsonwebtoken::Header { kid, ..jsonwebtoken::Header::new(key.algorithm()) };
        let json = serde_json::to_vec(&written).expect("three short texts");
        let header_part = URL_SAFE_NO_PAD.encode(json);
        let header = Header::read(&header_part).expect("what we write, we read");
        Self { key, header_part, header }
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    pub(super) fn header_part(&self) -> &str {
        &self.header_part
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    pub(super) fn verifies(&self, message: &str, signature: &Vec<u8>) -> bool {
        self.key.verify(message.as_bytes(), signature).is_ok()
    }

    pub(super) fn sign(&self, message: &str) -> Result<Vec<u8>, JwtError> {
        self.key.try_sign(message.as_bytes()).map_err(|_failed| JwtError::SigningFailed)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|named| (named.kid(), named.algorithm()));
        f.debug_list().entries(names).finish()
    }
}
