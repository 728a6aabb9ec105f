//! A JSON object in base64url, read strictly: canonical, and no member twice.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserializer as _,
    de::{DeserializeSeed, Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// The members of an object, each once. RFC 7515, section 4, and RFC 7519, section 4, leave a parser
/// the choice between refusing duplicates and taking the last: two parsers that choose differently
/// read two tokens out of one, so they are refused.
#[derive(Debug)]
pub(super) struct Object<const N: usize> {
    /// Those with the names that were asked for, in that order.
    pub(super) named: [Option<Value>; N],
    pub(super) rest: Map<String, Value>,
}

/// The part, or one of its members, is of another kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrongKind;

/// What the part stands for. `base64` refuses padding, other alphabets, white space, and bits that
/// are set behind the last byte.
pub(super) fn bytes_of(part: &str) -> Result<Vec<u8>, WrongKind> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_not_canonical| WrongKind)
}

impl<const N: usize> Object<N> {
    /// Reads a part of a token. Members with these names are not put into the map: each token has
    /// them.
    pub(super) fn read(part: &str, names: [&'static str; N]) -> Result<Self, WrongKind> {
        let text = bytes_of(part)?;
        let mut json = serde_json::Deserializer::from_slice(&text);
        let object = json.deserialize_map(EachOnce(names)).map_err(|_no_such_object| WrongKind)?;
        json.end().map_err(|_more_behind| WrongKind)?;
        Ok(object)
    }
}

pub(super) fn text(member: Option<Value>) -> Result<Option<String>, WrongKind> {
    match member {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
        ) => Err(WrongKind),
    }
}

/// Seconds since 1970, as an integer: what is before has passed, so it reads as 0.
pub(super) fn seconds(member: Option<Value>) -> Result<Option<u64>, WrongKind> {
    let Some(value) = member else { return Ok(None) };
    let before_1970 = value.as_i64().is_some_and(i64::is_negative);
    value.as_u64().or(before_1970.then_some(0)).map(Some).ok_or(WrongKind)
}

struct EachOnce<const N: usize>([&'static str; N]);

impl<'de, const N: usize> Visitor<'de> for EachOnce<N> {
    type Value = Object<N>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with unique members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Object<N>, A::Error> {
        let mut named = [const { None }; N];
        let mut rest = Map::new();
        while let Some(name) = access.next_key_seed(NameIn(&self.0))? {
            let value = access.next_value()?;
            let before = match name {
                Name::Known(index) => named.get_mut(index).and_then(|slot| slot.replace(value)),
                Name::Other(name) => rest.insert(name, value),
            };
            if before.is_some() {
                return Err(A::Error::custom("a member twice"));
            }
        }
        Ok(Object { named, rest })
    }
}

/// The name of a member.
enum Name {
    /// By its place among those that were asked for.
    Known(usize),
    Other(String),
}

struct NameIn<'n>(&'n [&'static str]);

impl<'de> DeserializeSeed<'de> for NameIn<'_> {
    type Value = Name;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameIn<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Name, E> {
        let known = self.0.iter().position(|known| *known == name);
        Ok(known.map_or_else(|| Name::Other(name.to_owned()), Name::Known))
    }
}
