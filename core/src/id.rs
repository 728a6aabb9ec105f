//! Session ids: ULIDs, stable through refresh, rotation and upgrade, and never a secret.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use thiserror::Error;
use ulid::Ulid;

/// The largest time that a ULID can hold: 48 bits of Unix milliseconds, in the year 10889.
const TIME_MS_MAX: u64 = (1 << 48) - 1;

/// The name of a session: a [ULID](https://github.com/ulid/spec), 26 Crockford characters.
///
/// It is no secret: it may stand in logs and URLs, and showing it opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u128);

impl SessionId {
    /// An id of the given time and 80 random bits (higher bits are ignored). Times beyond the year
    /// 10889 saturate.
    pub fn from_parts(time_ms: u64, random: u128) -> Self {
        Self(Ulid::from_parts(time_ms.min(TIME_MS_MAX), random).0)
    }

    /// Reads 26 Crockford characters, in either case.
    ///
    /// # Errors
    /// [`SessionIdError`] if the text has another length, another character, or a value over 128
    /// bits.
    ///
    /// ```
    /// use passbook_core::SessionId;
    /// let id = SessionId::parse("01M7WH9B1A4TFF59TDWH9EDD1R")?;
    /// assert_eq!(id.to_string(), "01M7WH9B1A4TFF59TDWH9EDD1R");
    /// # Ok::<(), passbook_core::id::SessionIdError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, SessionIdError> {
        let first_fits = text.bytes().next().is_some_and(|first| matches!(first, b'0'..=b'7'));
        if !first_fits {
            return Err(SessionIdError);
        }
        Ulid::from_string(text).map(|ulid| Self(ulid.0)).map_err(|_bad_text| SessionIdError)
    }

    /// The id as a number, for compact storage.
    pub fn as_u128(self) -> u128 {
        self.0
    }

    /// An id that was kept as a number before.
    pub fn from_u128(value: u128) -> Self {
        Self(value)
    }

    /// When the id was made, in Unix milliseconds.
    pub fn time_ms(self) -> u64 {
        Ulid(self.0).timestamp_ms()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; ulid::ULID_LEN];
        f.pad(Ulid(self.0).array_to_str(&mut buffer))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

impl FromStr for SessionId {
    type Err = SessionIdError;
    fn from_str(text: &str) -> Result<Self, SessionIdError> {
        Self::parse(text)
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not a session id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a session id: expected 26 Crockford base32 characters (a ULID)")]
pub struct SessionIdError;

/// Makes ids that rise strictly, also within one millisecond and when the clock steps back.
///
/// ```
/// use passbook_core::IdGenerator;
/// let mut ids = IdGenerator::default();
/// let first = ids.next(1_000, 7);
/// let second = ids.next(999, 3);
/// assert!(second > first);
/// assert_eq!(second.time_ms(), 1_000);
/// ```
#[derive(Debug, Default)]
pub struct IdGenerator {
    last: u128,
}

impl IdGenerator {
    /// The next id: of `now_ms` and `random`, or the last one plus one if time did not advance.
    pub fn next(&mut self, now_ms: u64, random: u128) -> SessionId {
        self.successor(now_ms).unwrap_or_else(|| {
            let fresh = SessionId::from_parts(now_ms, random);
            self.last = fresh.0;
            fresh
        })
    }

    /// The last id plus one if time did not advance since: such an id takes no randomness.
    pub fn successor(&mut self, now_ms: u64) -> Option<SessionId> {
        let same_or_earlier = now_ms.min(TIME_MS_MAX) <= SessionId(self.last).time_ms();
        (same_or_earlier && self.last != 0).then(|| {
            // The successor of the greatest id of a millisecond belongs to the next: still rising.
            self.last = self.last.saturating_add(1);
            SessionId(self.last)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_ulid_is_a_session_id() {
        assert!(SessionId::parse("01M7WH9B1A4TFF59TDWH9EDD1R").is_ok());
        for bad in [
            "",
            "01M7WH9B1A4TFF59TDWH9EDD1",
            "01M7WH9B1A4TFF59TDWH9EDD1RR",
            "01M7WH9B1A4TFF59TDWH9EDD1U",
            "81M7WH9B1A4TFF59TDWH9EDD1R",
            "01M7WH9B1A4TFF59TDWH9EDD1\u{e9}",
            " 1M7WH9B1A4TFF59TDWH9EDD1R",
        ] {
            assert_eq!(SessionId::parse(bad), Err(SessionIdError), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn text_and_id_are_inverse(value: u128) {
            let id = SessionId::from_u128(value);
            prop_assert_eq!(SessionId::parse(&id.to_string()), Ok(id));
        }

        #[test]
        fn ids_rise_whatever_the_clock_does(steps in prop::collection::vec((0_u64..50, any::<u128>()), 1..100)) {
            let mut ids = IdGenerator::default();
            let mut last = None;
            for (now_ms, random) in steps {
                let id = ids.next(now_ms, random);
                prop_assert!(Some(id) > last);
                last = Some(id);
            }
        }
    }
}
