//! Checks tokens, strictly and in one order.

use std::sync::Arc;

use passbook::Clock;

use super::{
    claims::Claims,
    config::{ConfigError, JwtSessionsConfig},
    error::JwtError,
    keyring::Keyring,
    object::bytes_of,
};

/// How long a token may be, in bytes. What is longer is neither made nor read.
pub(super) const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// What must hold of the claims of a token whose signature is right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValidationConfig {
    /// For how many seconds a token is still valid after `exp`, and already before `nbf`: for clocks
    /// that differ. 0 if not said.
    pub leeway_secs: u64,
    /// Who must have signed it; anybody, if not said.
    pub issuer: Option<String>,
    /// Whom it must be for, among others; whomever, if not said.
    pub audience: Option<String>,
}

/// Checks tokens with all keys. A clone is cheap.
///
/// ```
/// use std::sync::Arc;
/// use passbook::SimClock;
/// use passbook_axum::jwt::{Claims, JwtDecoder, JwtEncoder, JwtError, JwtSessionsConfig};
///
/// let config = JwtSessionsConfig::new("a secret of at least thirty-two bytes");
/// let token = JwtEncoder::new(&config)?.encode(&Claims::until(1_800_000_000))?;
///
/// let clock = Arc::new(SimClock::at_ms(1_800_000_000_999));
/// let decoder = JwtDecoder::new(&config, clock.clone())?;
/// assert_eq!(decoder.decode(&token)?.exp, 1_800_000_000);
/// clock.advance_ms(1);
/// assert_eq!(decoder.decode(&token), Err(JwtError::Expired));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct JwtDecoder {
    keys: Keyring,
    validation: Arc<ValidationConfig>,
    clock: Arc<dyn Clock>,
}

impl JwtDecoder {
    /// A decoder with the keys, the leeway and the issuer of this configuration, and any audience.
    ///
    /// # Errors
    /// [`ConfigError`] for a key that can't be used.
    pub fn new(config: &JwtSessionsConfig, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let validation = ValidationConfig {
            leeway_secs: config.leeway_secs,
            issuer: config.issuer.clone(),
            audience: None,
        };
        Ok(Self::of(config.keyring()?, validation, clock))
    }

    pub(super) fn of(keys: Keyring, validation: ValidationConfig, clock: Arc<dyn Clock>) -> Self {
        Self { keys, validation: Arc::new(validation), clock }
    }

    /// The same keys and clock, with other rules for the claims.
    #[must_use]
    pub fn with_validation(&self, validation: ValidationConfig) -> Self {
        Self::of(self.keys.clone(), validation, Arc::clone(&self.clock))
    }

    /// What must hold of the claims.
    pub fn validation(&self) -> &ValidationConfig {
        &self.validation
    }

    /// The claims of a valid token. The first of these that fails is the error:
    ///
    /// 1. three parts, at most 8 KiB: [`JwtError::MalformedToken`]
    /// 2. the header: [`JwtError::InvalidHeader`]
    /// 3. its algorithm is that of the key: [`JwtError::AlgorithmMismatch`]
    /// 4. the signature, in canonical base64url: [`JwtError::InvalidSignature`]
    /// 5. the payload: [`JwtError::DeserializationFailed`]
    /// 6. `exp` is there, an integer, and not past: [`JwtError::Expired`]. A token is still valid in
    ///    the second `exp` itself
    /// 7. `nbf`, if there, is an integer and not in the future: [`JwtError::NotYetValid`]
    /// 8. the issuer, if one is asked for: [`JwtError::InvalidIssuer`]
    /// 9. the audience, if one is asked for: [`JwtError::InvalidAudience`]
    ///
    /// # Errors
    /// As listed.
    pub fn decode(&self, token: &str) -> Result<Claims, JwtError> {
        let claims = Claims::read(self.verified_payload(token)?)?;
        let now = self.now_secs();
        if now > claims.exp.saturating_add(self.validation.leeway_secs) {
            return Err(JwtError::Expired);
        }
        self.check_the_rest(&claims, now)?;
        Ok(claims)
    }

    /// As [`decode`](Self::decode), but `exp` may be past, though not missing: for a logout, which
    /// must work with a token that has expired.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_even_expired(&self, token: &str) -> Result<Claims, JwtError> {
        let claims = Claims::read(self.verified_payload(token)?)?;
        self.check_the_rest(&claims, self.now_secs())?;
        Ok(claims)
    }

    /// The second part of a token that one of our keys signed.
    fn verified_payload<'t>(&self, token: &'t str) -> Result<&'t str, JwtError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwtError::MalformedToken);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(JwtError::MalformedToken)?;
        let (header, payload) = message.split_once('.').ok_or(JwtError::MalformedToken)?;
        if payload.contains('.') {
            return Err(JwtError::MalformedToken);
        }
        let header = self.keys.header(header)?;
        let mut keys = self.keys.meant_by(&header)?;
        let signature = bytes_of(signature).map_err(|_kind| JwtError::InvalidSignature)?;
        if !keys.any(|key| key.verifies(message, &signature)) {
            return Err(JwtError::InvalidSignature);
        }
        Ok(payload)
    }

    fn check_the_rest(&self, claims: &Claims, now: u64) -> Result<(), JwtError> {
        let earliest = claims.nbf.unwrap_or(0);
        if now.saturating_add(self.validation.leeway_secs) < earliest {
            return Err(JwtError::NotYetValid);
        }
        if self.validation.issuer.is_some() && self.validation.issuer != claims.iss {
            return Err(JwtError::InvalidIssuer);
        }
        if let Some(audience) = &self.validation.audience
            && !claims.aud.as_ref().is_some_and(|aud| aud.contains(audience))
        {
            return Err(JwtError::InvalidAudience);
        }
        Ok(())
    }

    fn now_secs(&self) -> u64 {
        self.clock.now_ms() / 1_000
    }
}
