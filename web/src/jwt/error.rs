//! Why a token is none, or could not be made.

use http::StatusCode;
use thiserror::Error;

/// Why a JWT was refused, or could not be made. Each has a stable code; none holds anything of the
/// token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JwtError {
    /// The request carries no token. 401 `jwt:missing_token`.
    #[error("a token is missing")]
    MissingToken,
    /// Not three parts, or over 8 KiB. 401 `jwt:malformed_token`.
    #[error("the token is malformed")]
    MalformedToken,
    /// The header is no canonical base64url, no JSON object with unique members, lacks `alg`, has
    /// `crit`, or a `typ` other than `JWT`. 401 `jwt:invalid_header`.
    #[error("the token's header is invalid")]
    InvalidHeader,
    /// The algorithm is not that of the key; `none` is nobody's. 401 `jwt:algorithm_mismatch`.
    #[error("the token's algorithm is not accepted")]
    AlgorithmMismatch,
    /// No key of ours made this signature. 401 `jwt:invalid_signature`.
    #[error("the token's signature is invalid")]
    InvalidSignature,
    /// The payload is no canonical base64url, no JSON object with unique members, or a registered
    /// claim is of another type than RFC 7519 says. 401 `jwt:deserialization_failed`.
    #[error("the token's claims can't be read")]
    DeserializationFailed,
    /// `exp` is past, missing, or no integer. 401 `jwt:expired`.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is in the future, or no integer. 401 `jwt:not_yet_valid`.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is not who it must be. 401 `jwt:invalid_issuer`.
    #[error("the token is of another issuer")]
    InvalidIssuer,
    /// `aud` does not name us. 401 `jwt:invalid_audience`.
    #[error("the token is for another audience")]
    InvalidAudience,
    /// The key could not sign. 500 `jwt:signing_failed`.
    #[error("the token could not be signed")]
    SigningFailed,
    /// The claims can't be written: an extra claim has the name of a registered one, or the token
    /// would be over 8 KiB. 500 `jwt:serialization_failed`.
    #[error("the token's claims can't be written")]
    SerializationFailed,
}

impl JwtError {
    /// The stable code, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingToken => "jwt:missing_token",
            Self::MalformedToken => "jwt:malformed_token",
            Self::InvalidHeader => "jwt:invalid_header",
            Self::AlgorithmMismatch => "jwt:algorithm_mismatch",
            Self::InvalidSignature => "jwt:invalid_signature",
            Self::DeserializationFailed => "jwt:deserialization_failed",
            Self::Expired => "jwt:expired",
            Self::NotYetValid => "jwt:not_yet_valid",
            Self::InvalidIssuer => "jwt:invalid_issuer",
            Self::InvalidAudience => "jwt:invalid_audience",
            Self::SigningFailed => "jwt:signing_failed",
            Self::SerializationFailed => "jwt:serialization_failed",
        }
    }

    /// The status of the response.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MissingToken
            | Self::MalformedToken
            | Self::InvalidHeader
            | Self::AlgorithmMismatch
            | Self::InvalidSignature
            | Self::DeserializationFailed
            | Self::Expired
            | Self::NotYetValid
            | Self::InvalidIssuer
            | Self::InvalidAudience => StatusCode::UNAUTHORIZED,
            Self::SigningFailed | Self::SerializationFailed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
