//! JWT sessions: a short-lived access token and a refresh token, both of one session in the ledger.
//!
//! Signing and checking stand on `jsonwebtoken`, with ring for the arithmetic; what is a valid token
//! is decided here, strictly, in the order that [`JwtDecoder::decode`] gives.

mod admission;
mod bearer;
mod claims;
mod config;
mod decoder;
mod encoder;
mod error;
mod header;
mod jwks;
mod key;
mod keyring;
mod layer;
mod object;
mod secret;
mod service;
mod session;
mod source;
mod token_pair;

pub use claims::{Audience, Claims};
pub use config::{ConfigError, JwtSessionsConfig};
pub use decoder::{JwtDecoder, ValidationConfig};
pub use encoder::JwtEncoder;
pub use error::JwtError;
pub use jwks::Jwks;
pub use keyring::{KeyAlgorithm, KeyConfig};
pub use layer::{JwtFuture, JwtLayer, JwtService};
pub use secret::Secret;
pub use service::JwtSessionService;
pub use session::JwtSession;
pub use source::TokenSourceConfig;
pub use token_pair::TokenPair;

/// A session as [`JwtSessionService::list`] gives it, and an extractor: the same for both transports.
pub use crate::SessionData as Session;
