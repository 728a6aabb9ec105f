//! A JSON object in base64url, read strictly: canonical, and no member twice.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// The members of an object, each once. RFC 7515, section 4, and RFC 7519, section 4, leave a parser
/// the choice between refusing duplicates and taking the last: two parsers that choose differently
/// read two tokens out of one, so they are refused.
#[derive(Debug)]
pub(super) struct Object(Map<String, Value>);

/// The part, or one of its members, is of another kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrongKind;

/// What the part stands for. `base64` refuses padding, other alphabets, white space, and bits that
/// are set behind the last byte.
pub(super) fn bytes_of(part: &str) -> Result<Vec<u8>, WrongKind> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_not_canonical| WrongKind)
}

impl Object {
    /// Reads a part of a token.
    pub(super) fn read(part: &str) -> Result<Self, WrongKind> {
        serde_json::from_slice(&bytes_of(part)?).map_err(|_no_such_object| WrongKind)
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    pub(super) fn take_text(&mut self, name: &str) -> Result<Option<String>, WrongKind> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_),
            ) => Err(WrongKind),
        }
    }

    /// Seconds since 1970, as an integer: what is before has passed, so it reads as 0.
    pub(super) fn take_seconds(&mut self, name: &str) -> Result<Option<u64>, WrongKind> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let before_1970 = value.as_i64().is_some_and(i64::is_negative);
        value.as_u64().or(before_1970.then_some(0)).map(Some).ok_or(WrongKind)
    }

    pub(super) fn into_rest(self) -> Map<String, Value> {
        self.0
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachOnce)
    }
}

struct EachOnce;

impl<'de> Visitor<'de> for EachOnce {
    type Value = Object;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with unique members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Object, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member twice"));
            }
        }
        Ok(Object(members))
    }
}
