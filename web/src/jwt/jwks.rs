//! The public keys, for whoever checks our tokens without us: a JWK set (RFC 7517).

use axum::{Json, response::IntoResponse};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header;
use jsonwebtoken::{
    Algorithm,
    jwk::{
        AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters,
        EllipticCurveKeyType, Jwk, JwkSet, OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse,
    },
};
use serde::Serialize;

use super::{
    config::{ConfigError, JwtSessionsConfig},
    key::Key,
    keyring::{Keyring, Named},
};

/// The public halves of the `EdDSA` and ES256 keys. An HMAC secret has none and never gets here.
///
/// As a response it is `application/jwk-set+json`, which may be kept for five minutes: a new key
/// should be among the last for that long before it signs.
///
/// ```
/// use axum::{Router, routing::get};
/// use passbook_axum::jwt::{Jwks, JwtSessionsConfig};
///
/// let jwks = Jwks::new(&JwtSessionsConfig::new("a secret of at least thirty-two bytes"))?;
/// assert_eq!(serde_json::to_string(&jwks)?, r#"{"keys":[]}"#);
/// let app: Router = Router::new()
///     .route("/.well-known/jwks.json", get(|| std::future::ready(jwks)));
/// # let _ = app;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Jwks(JwkSet);

impl Jwks {
    /// The public keys of this configuration.
    ///
    /// # Errors
    /// [`ConfigError`] for a key that can't be used.
    pub fn new(config: &JwtSessionsConfig) -> Result<Self, ConfigError> {
        config.keyring().map(|keys| Self::of(&keys))
    }

    pub(super) fn of(keys: &Keyring) -> Self {
        Self(JwkSet { keys: keys.iter().filter_map(jwk).collect() })
    }
}

/// The public half of a key. `None`: it has none.
fn jwk(named: &Named) -> Option<Jwk> {
    let public = named.key.public()?;
    let algorithm = match &named.key {
        Key::Hs256(_) => return None,
        Key::Es256(_) => {
            // SEC 1, section 2.3.3: a four for `uncompressed`, x, y.
            let (x, y) = public.strip_prefix(&[4])?.split_at_checked(32)?;
            AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
                key_type: EllipticCurveKeyType::EC,
                curve: EllipticCurve::P256,
                x: URL_SAFE_NO_PAD.encode(x),
                y: URL_SAFE_NO_PAD.encode(y),
            })
        }
        Key::EdDsa(_) => AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: URL_SAFE_NO_PAD.encode(public),
        }),
    };
    let common = CommonParameters {
        public_key_use: Some(PublicKeyUse::Signature),
        key_algorithm: Some(Algorithm::into(named.algorithm())),
        key_id: named.kid().map(str::to_owned),
        ..CommonParameters::default()
    };
    Some(Jwk { common, algorithm })
}

impl IntoResponse for Jwks {
    fn into_response(self) -> axum::response::Response {
        let kind = (header::CONTENT_TYPE, "application/jwk-set+json");
        let kept = (header::CACHE_CONTROL, "public, max-age=300");
        ([kind, kept], Json(self)).into_response()
    }
}
