//! The header of a token, before anything in it is believed.

use std::str::FromStr as _;

use jsonwebtoken::Algorithm;

use super::{
    error::JwtError,
    object::{Object, text},
};

/// What a header says of how to check the token. `jku`, `jwk`, `x5u` and `x5c`, by which a token
/// would bring its own key, are not even read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// `None`: one that nobody implements, such as `none`.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) kid: Option<String>,
}

impl Header {
    /// Reads the first part of a token. `crit` (RFC 7515, section 4.1.11) is refused: no extension is
    /// understood here. So is a `typ` that says the token is something else (RFC 8725, section 3.11).
    pub(super) fn read(part: &str) -> Result<Self, JwtError> {
        let invalid = JwtError::InvalidHeader;
        let object = Object::read(part, ["alg", "kid", "typ", "crit"]).map_err(|_kind| invalid)?;
        let [algorithm, kid, typ, crit] = object.named;
        if crit.is_some() {
            return Err(invalid);
        }
        let typ = text(typ).map_err(|_kind| invalid)?;
        if typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(invalid);
        }
        let kid = text(kid).map_err(|_kind| invalid)?;
        let algorithm = text(algorithm).map_err(|_kind| invalid)?.ok_or(invalid)?;
        Ok(Self { algorithm: Algorithm::from_str(&algorithm).ok(), kid })
    }
}
