//! What a token says: the registered claims of RFC 7519, and whatever else is in it.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    error::JwtError,
    object::{Object, seconds, text},
};

/// The names of the claims that have a field of their own: RFC 7519, section 4.1.
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// For whom a token is: one name, or several (RFC 7519, section 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Audience {
    /// Written as a string.
    One(String),
    /// Written as an array of strings.
    Many(Vec<String>),
}

impl Audience {
    /// Whether `name` is among them.
    pub fn contains(&self, name: &str) -> bool {
        self.names().iter().any(|each| each == name)
    }

    /// Whether `name` is the only one.
    pub fn is_only(&self, name: &str) -> bool {
        matches!(self.names(), [only] if only == name)
    }

    fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

impl From<&str> for Audience {
    fn from(name: &str) -> Self {
        Self::One(name.to_owned())
    }
}

/// The claims of a token. Times are Unix seconds. `Debug` hides `jti`, which is the session's token.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
pub struct Claims {
    /// Who signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Whose it is: the session's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// For whom: `access` or `refresh` in the tokens of a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Audience>,
    /// The last second in which it is valid.
    pub exp: u64,
    /// The first second in which it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    /// The session's token, 64 hexadecimal digits: as secret as the JWT itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// All other claims, as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Claims {
    /// Claims that hold until and with the second `exp`.
    pub fn until(exp: u64) -> Self {
        Self { exp, ..Self::default() }
    }

    /// Whether no extra claim has the name of a registered one.
    pub(super) fn are_unique(&self) -> bool {
        !REGISTERED.iter().any(|name| self.extra.contains_key(*name))
    }

    /// Reads a payload, claim by claim. `exp` and `nbf` come last: a claim that can't be read is
    /// told before a time that is over.
    pub(super) fn read(part: &str) -> Result<Self, JwtError> {
        let bad = JwtError::DeserializationFailed;
        let Object { named, rest } = Object::read(part, REGISTERED).map_err(|_kind| bad)?;
        let [iss, sub, aud, exp, nbf, iat, jti] = named;
        let iss = text(iss).map_err(|_kind| bad)?;
        let sub = text(sub).map_err(|_kind| bad)?;
        let jti = text(jti).map_err(|_kind| bad)?;
        let aud = aud.map(audience).transpose()?;
        let iat = seconds(iat).map_err(|_kind| bad)?;
        let exp = seconds(exp).map_err(|_kind| JwtError::Expired)?;
        let nbf = seconds(nbf).map_err(|_kind| JwtError::NotYetValid)?;
        let exp = exp.ok_or(JwtError::Expired)?;
        Ok(Self { iss, sub, aud, exp, nbf, iat, jti, extra: rest })
    }
}

fn audience(value: Value) -> Result<Audience, JwtError> {
    match value {
        Value::String(name) => Ok(Audience::One(name)),
        Value::Array(names) => names
            .into_iter()
            .map(|name| match name {
                Value::String(name) => Ok(name),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => Err(JwtError::DeserializationFailed),
            })
            .collect::<Result<_, _>>()
            .map(Audience::Many),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Err(JwtError::DeserializationFailed)
        }
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("iss", &self.iss)
            .field("sub", &self.sub)
            .field("aud", &self.aud)
            .field("exp", &self.exp)
            .field("nbf", &self.nbf)
            .field("iat", &self.iat)
            .field("jti", &self.jti.as_ref().map(|_secret| "redacted"))
            // Nobody knows what an application puts there: the names alone.
            .field("extra", &self.extra.keys().collect::<Vec<_>>())
            .finish()
    }
}
