//! Shared immutable text, and the bounded kinds of it that the domain is made of.
//!
//! A value of one of these types has been checked: code that receives a [`UserId`] need not ask
//! again whether it is empty or too long.

use std::{borrow::Borrow, fmt, ops::Deref};

use serde::{Serialize, Serializer};
use smol_str::SmolStr;
use thiserror::Error;

use crate::limits;

/// Immutable text that is cheap to clone: up to 23 bytes it is kept in place, a longer one is shared
/// and a clone counts a reference.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(SmolStr);

impl Text {
    /// The text as a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text is kept in place: a clone shares nothing and counts nothing.
    pub fn is_in_place(&self) -> bool {
        !self.0.is_heap_allocated()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

/// A text that is empty where it may not be, or longer than its limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} has {len_bytes} bytes; it must have {min_bytes} to {max_bytes}")]
pub struct LimitError {
    /// What was out of bounds, in words: "user id".
    pub what: &'static str,
    /// Its length, in bytes.
    pub len_bytes: usize,
    /// The least it may have, in bytes.
    pub min_bytes: usize,
    /// The most it may have, in bytes.
    pub max_bytes: usize,
}

/// Refuses a length outside `min_bytes..=max_bytes`.
pub(crate) fn check_len(
    what: &'static str,
    len_bytes: usize,
    min_bytes: usize,
    max_bytes: usize,
) -> Result<(), LimitError> {
    if (min_bytes..=max_bytes).contains(&len_bytes) {
        Ok(())
    } else {
        Err(LimitError { what, len_bytes, min_bytes, max_bytes })
    }
}

/// The longest prefix of `text` of at most `max_bytes` that ends at a character boundary.
pub(crate) fn cut(text: &str, max_bytes: usize) -> &str {
    let end = text.floor_char_boundary(max_bytes);
    text.split_at(end).0
}

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $min:expr, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
        #[serde(transparent)]
        pub struct $name(Text);

        impl $name {
            /// Checks the length and keeps the text.
            ///
            /// # Errors
            /// [`LimitError`] if the text has fewer or more bytes than the limits allow.
            pub fn new(text: impl Into<Text>) -> Result<Self, LimitError> {
                let text = text.into();
                check_len($what, text.len(), $min, $max)?;
                Ok(Self(text))
            }

            /// The text itself.
            pub fn text(&self) -> &Text {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == **other
            }
        }

        impl PartialEq<String> for $name {
            fn eq(&self, other: &String) -> bool {
                self.0 == *other.as_str()
            }
        }
    };
}

bounded_text!(
    /// Who a session belongs to: 1 to 256 bytes, chosen by the application.
    UserId, "the user id", 1, limits::USER_ID_BYTES_MAX
);
bounded_text!(
    /// What a person calls the device that a session lives on: up to 256 bytes.
    DeviceLabel, "the device label", 0, limits::DEVICE_BYTES_MAX
);
bounded_text!(
    /// The organisation that a session acts for: 1 to 256 bytes.
    TenantId, "the tenant id", 1, limits::TENANT_BYTES_MAX
);
bounded_text!(
    /// Names one command, so that a second try of it is known as such: 1 to 64 bytes.
    IdempotencyKey, "the idempotency key", 1, limits::IDEMPOTENCY_KEY_BYTES_MAX
);
bounded_text!(
    /// Free words on an act, kept in its event: up to 1,024 bytes.
    Note, "the note", 0, limits::NOTE_BYTES_MAX
);
bounded_text!(
    /// The name of an operator: 1 to 128 bytes.
    OperatorName, "the operator's name", 1, limits::OPERATOR_BYTES_MAX
);
bounded_text!(
    /// The name of a moment: 1 to 128 bytes.
    BookmarkName, "the bookmark's name", 1, limits::BOOKMARK_BYTES_MAX
);
bounded_text!(
    /// A key of a session's data: 1 to 256 bytes.
    DataKey, "the data key", 1, limits::DATA_KEY_BYTES_MAX
);

/// A browser's `User-Agent`: up to 1,024 bytes, longer ones are cut and never refused.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct UserAgent(Text);

impl UserAgent {
    /// Keeps the text, cut at the last character boundary within 1,024 bytes.
    pub fn new(text: &str) -> Self {
        Self(cut(text, limits::USER_AGENT_BYTES_MAX).into())
    }

    /// The text itself.
    pub fn text(&self) -> &Text {
        &self.0
    }
}

impl Deref for UserAgent {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_limit<T>(
        new: impl Fn(String) -> Result<T, LimitError>,
        min: usize,
        max: usize,
        what: &str,
    ) {
        assert!(new("x".repeat(max)).is_ok(), "{what} at its limit");
        let past = new("x".repeat(max + 1)).err().expect("one past the limit is refused");
        assert_eq!((past.len_bytes, past.max_bytes), (max + 1, max));
        assert!(past.what.contains(what), "{past}");
        assert_eq!(new(String::new()).is_ok(), min == 0, "{what} empty");
    }

    #[test]
    fn every_bounded_text_holds_at_its_limit_and_refuses_one_past() {
        check_limit(UserId::new, 1, 256, "user id");
        check_limit(DeviceLabel::new, 0, 256, "device label");
        check_limit(TenantId::new, 1, 256, "tenant id");
        check_limit(IdempotencyKey::new, 1, 64, "idempotency key");
        check_limit(Note::new, 0, 1_024, "note");
        check_limit(OperatorName::new, 1, 128, "operator");
        check_limit(BookmarkName::new, 1, 128, "bookmark");
        check_limit(DataKey::new, 1, 256, "data key");
    }

    #[test]
    fn a_long_user_agent_is_cut_at_a_character_boundary() {
        assert_eq!(UserAgent::new(&"x".repeat(1_024)).len(), 1_024);
        assert_eq!(UserAgent::new(&"x".repeat(1_025)).len(), 1_024);
        let euros = "\u{20ac}".repeat(400);
        assert_eq!(UserAgent::new(&euros).len(), 1_023);
    }
}
