//! What a client gets at login and at each rotation.

use std::fmt;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use serde::Serialize;

/// An access token and a refresh token of one session. Times are Unix seconds. `Debug` hides the
/// tokens; as JSON it is the body of the answer to a login, and as a response no cache keeps it (RFC
/// 6749, section 5.1).
///
/// ```
/// use passbook_axum::jwt::TokenPair;
/// let pair = TokenPair {
///     access_token: "header.claims.signature".to_owned(),
///     refresh_token: "header.claims.signature".to_owned(),
///     access_expires_at: 1_800_000_900,
///     refresh_expires_at: 1_802_592_000,
///     token_type: TokenPair::TOKEN_TYPE,
/// };
/// assert!(!format!("{pair:?}").contains("header"));
/// ```
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct TokenPair {
    /// For each request.
    pub access_token: String,
    /// For one rotation.
    pub refresh_token: String,
    /// The last second of the access token.
    pub access_expires_at: u64,
    /// The last second of the refresh token; in it the session may end before the second does.
    pub refresh_expires_at: u64,
    /// Always `Bearer` (RFC 6750).
    pub token_type: &'static str,
}

impl TokenPair {
    /// What [`token_type`](Self::token_type) is.
    pub const TOKEN_TYPE: &str = "Bearer";
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair")
            .field("access_expires_at", &self.access_expires_at)
            .field("refresh_expires_at", &self.refresh_expires_at)
            .finish_non_exhaustive()
    }
}

impl IntoResponse for TokenPair {
    fn into_response(self) -> Response {
        let stays = HeaderValue::from_static("no-store");
        ([(header::CACHE_CONTROL, stays)], Json(self)).into_response()
    }
}
