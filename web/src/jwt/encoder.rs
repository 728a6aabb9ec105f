//! Makes tokens.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    claims::Claims,
    config::{ConfigError, JwtSessionsConfig},
    decoder::TOKEN_BYTES_MAX,
    error::JwtError,
    keyring::Keyring,
};

/// Signs claims with the first key. A clone is cheap.
///
/// ```
/// use passbook_axum::jwt::{Claims, JwtEncoder, JwtSessionsConfig};
/// let config = JwtSessionsConfig::new("a secret of at least thirty-two bytes");
/// let token = JwtEncoder::new(&config)?.encode(&Claims::until(1_800_000_000))?;
/// assert_eq!(token.split('.').count(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct JwtEncoder {
    keys: Keyring,
}

impl JwtEncoder {
    /// An encoder with the keys of this configuration.
    ///
    /// # Errors
    /// [`ConfigError`] for a key that can't be used.
    pub fn new(config: &JwtSessionsConfig) -> Result<Self, ConfigError> {
        config.keyring().map(Self::of)
    }

    pub(super) fn of(keys: Keyring) -> Self {
        Self { keys }
    }

    /// A signed token: JWS compact serialization (RFC 7515, section 7.1), with `typ` `JWT`, and with
    /// the key's `kid` if it has one.
    ///
    /// # Errors
    /// [`JwtError::SerializationFailed`] if an extra claim has the name of a registered one, or the
    /// token would be over 8 KiB; [`JwtError::SigningFailed`].
    pub fn encode(&self, claims: &Claims) -> Result<String, JwtError> {
        if !claims.are_unique() {
            return Err(JwtError::SerializationFailed);
        }
        let key = self.keys.signer();
        let json = serde_json::to_vec(claims).map_err(|_error| JwtError::SerializationFailed)?;
        let mut token = format!("{}.", key.header_part());
        URL_SAFE_NO_PAD.encode_string(json, &mut token);
        let signature = key.sign(&token)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwtError::SerializationFailed);
        }
        Ok(token)
    }
}
