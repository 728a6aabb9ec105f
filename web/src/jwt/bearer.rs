//! What a valid token of ours says: for what it is, which session, whose.

use passbook::Token;

use super::claims::Claims;
use crate::{Error, Result};

/// What the tokens for requests have as `aud`.
pub(super) const ACCESS: &str = "access";
/// What the tokens for rotations have as `aud`.
pub(super) const REFRESH: &str = "refresh";

/// Who bears the token.
pub(super) struct Bearer<'c> {
    /// The session's own.
    pub(super) token: Token,
    pub(super) user: &'c str,
}

impl<'c> Bearer<'c> {
    pub(super) fn of(claims: &'c Claims) -> Result<Self> {
        let jti = claims.jti.as_deref().ok_or(Error::SessionNotFound)?;
        let token = Token::parse_hex(jti).map_err(|_no_token| Error::SessionNotFound)?;
        let user = claims.sub.as_deref().ok_or(Error::SessionNotFound)?;
        Ok(Self { token, user })
    }
}

/// A token for one purpose is none for another.
pub(super) fn check_audience(claims: &Claims, audience: &str) -> Result<()> {
    match &claims.aud {
        Some(aud) if aud.is_only(audience) => Ok(()),
        Some(_) | None => Err(Error::AudienceMismatch),
    }
}
