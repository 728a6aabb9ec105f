//! One key and its algorithm, which can't be parted: signs and verifies with ring, behind the traits
//! of `jsonwebtoken`.
//!
//! They are called directly and not through the provider that `jsonwebtoken` keeps for the process:
//! which one that is belongs to the application, and RS256 and its like don't exist here at all.
//!
//! What the configuration holds of a key is wiped on drop; ring keeps what it made of it and does not
//! wipe that, as it does not for TLS.

use jsonwebtoken::{
    Algorithm,
    crypto::{JwtSigner, JwtVerifier},
    signature::{Error, Signer, Verifier},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair as _, UnparsedPublicKey,
    },
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use zeroize::Zeroizing;

/// A key that is ready for use.
pub(super) enum Key {
    Hs256(hmac::Key),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

/// The key can't be read as what it should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoKey;

impl Key {
    pub(super) fn hs256(secret: &[u8]) -> Self {
        Self::Hs256(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A P-256 key: PKCS#8, PEM or DER.
    pub(super) fn es256(private_key: &[u8]) -> Result<Self, NoKey> {
        let read = |der: &[u8]| {
            let random = SystemRandom::new();
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random)
        };
        with_der(private_key, read).map(Self::Es256)
    }

    /// An Ed25519 key: PKCS#8, PEM or DER. Of version 1, as OpenSSL writes it, which leaves the
    /// public key out, too.
    pub(super) fn ed_dsa(private_key: &[u8]) -> Result<Self, NoKey> {
        with_der(private_key, Ed25519KeyPair::from_pkcs8_maybe_unchecked).map(Self::EdDsa)
    }

    /// The public half; an HMAC key has none.
    pub(super) fn public(&self) -> Option<&[u8]> {
        match self {
            Self::Hs256(_) => None,
            Self::Es256(pair) => Some(pair.public_key().as_ref()),
            Self::EdDsa(pair) => Some(pair.public_key().as_ref()),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::HS256,
            Self::Es256(_) => Algorithm::ES256,
            Self::EdDsa(_) => Algorithm::EdDSA,
        }
    }
}

fn with_der<K>(
    private_key: &[u8],
    read: impl FnOnce(&[u8]) -> Result<K, ring::error::KeyRejected>,
) -> Result<K, NoKey> {
    if private_key.starts_with(b"-----BEGIN") {
        let der = PrivatePkcs8KeyDer::from_pem_slice(private_key).map_err(|_no_pem| NoKey)?;
        let der = Zeroizing::new(der);
        return read(der.secret_pkcs8_der()).map_err(|_rejected| NoKey);
    }
    read(private_key).map_err(|_rejected| NoKey)
}

impl Signer<Vec<u8>> for Key {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::Hs256(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Es256(pair) => {
                let signature =
                    pair.sign(&SystemRandom::new(), message).map_err(|_unspecified| Error::new());
                Ok(signature?.as_ref().to_vec())
            }
            Self::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl Verifier<Vec<u8>> for Key {
    /// In constant time where the key is secret.
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), Error> {
        let verified = match self {
            Self::Hs256(key) => hmac::verify(key, message, signature),
            Self::Es256(pair) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())
                    .verify(message, signature)
            }
            Self::EdDsa(pair) => {
                UnparsedPublicKey::new(&ED25519, pair.public_key()).verify(message, signature)
            }
        };
        verified.map_err(|_unspecified| Error::new())
    }
}

impl JwtSigner for Key {
    fn algorithm(&self) -> Algorithm {
        Self::algorithm(self)
    }
}

impl JwtVerifier for Key {
    fn algorithm(&self) -> Algorithm {
        Self::algorithm(self)
    }
}
