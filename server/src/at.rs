//! `AT`: how a person names a moment of the ledger on the command line.
//!
//! `@1048610` · `@head` · `@head-3` · `2026-11-20T14:03:11Z` · `2026-11-20 14:03` · `14:03` · `-2h` ·
//! `now` · `=NAME`. Times without a zone are UTC; `14:03` is of today, also when that lies ahead.
//! Whether the ledger still keeps such a moment, and which sequence it is, is left to the ledger.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use thiserror::Error;

/// The longest name of a bookmark, in bytes.
pub const BOOKMARK_LEN_MAX: usize = 128;

/// The longest text that is looked at, in bytes.
const AT_LEN_MAX: usize = BOOKMARK_LEN_MAX + 1;

/// A moment, as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// `@1048610`, also as it is printed: `@1,048,610`.
    Sequence(u64),
    /// `@head` and `@head-3`.
    Head {
        /// How many events before the newest.
        back: u64,
    },
    /// A time.
    Time(TimeOf),
    /// `=NAME`.
    Bookmark(String),
}

/// A time, as it was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOf {
    /// A date, with or without a time of day.
    Instant {
        /// Unix milliseconds.
        time_ms: u64,
    },
    /// `14:03`, today in UTC.
    Clock {
        /// Milliseconds since midnight.
        since_midnight_ms: u32,
    },
    /// `-2h`.
    Ago {
        /// How long before now.
        ago_ms: u64,
    },
    /// `now`.
    Now,
}

/// A moment for which no clock is needed any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// This event.
    Sequence(u64),
    /// This many events before the newest.
    Head {
        /// How many.
        back: u64,
    },
    /// This time, in Unix milliseconds.
    Time {
        /// Unix milliseconds.
        time_ms: u64,
    },
    /// The moment of this name.
    Bookmark(String),
}

/// `A..B`; an end that is left out is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtRange {
    /// The first moment.
    pub from: Option<At>,
    /// The last moment.
    pub to: Option<At>,
}

/// Why a text names no moment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AtError {
    /// It is like none of the forms.
    #[error(
        "`{text}` is no moment: write @1048610, @head-3, 2026-11-20T14:03:11Z, \
         \"2026-11-20 14:03\", 14:03, -2h, now or =NAME"
    )]
    Form {
        /// As given.
        text: String,
    },
    /// After `@` stands no sequence.
    #[error("`{text}` is no sequence: write @1048610, @head or @head-3")]
    Sequence {
        /// As given.
        text: String,
    },
    /// After `-` stands no span.
    #[error("`{text}` is no span of time: write -90s, -15m, -2h, -7d or -4w")]
    Span {
        /// As given.
        text: String,
    },
    /// A date or a time of day that does not exist.
    #[error("`{text}` is no date or time that exists")]
    Time {
        /// As given.
        text: String,
    },
    /// It lies before 1970 or after 9999.
    #[error("`{text}` is outside the years 1970 to 9999")]
    Outside {
        /// As given.
        text: String,
    },
    /// The name after `=` is empty or too long.
    #[error("a bookmark's name has 1 to {BOOKMARK_LEN_MAX} bytes")]
    Bookmark,
    /// There are no two dots.
    #[error("`{text}` is no range: write A..B, A.. or ..B")]
    Range {
        /// As given.
        text: String,
    },
}

impl FromStr for At {
    type Err = AtError;

    fn from_str(text: &str) -> Result<Self, AtError> {
        if let Some(name) = text.strip_prefix('=') {
            return if (1..=BOOKMARK_LEN_MAX).contains(&name.len()) {
                Ok(Self::Bookmark(name.to_owned()))
            } else {
                Err(AtError::Bookmark)
            };
        }
        if text.len() > AT_LEN_MAX {
            let text = text.chars().take(16).chain(['…']).collect();
            return Err(AtError::Form { text });
        }
        if let Some(place) = text.strip_prefix('@') {
            return parse_place(place).ok_or_else(|| AtError::Sequence { text: text.to_owned() });
        }
        if let Some(span) = text.strip_prefix('-') {
            return parse_span(span)
                .map(|ago_ms| Self::Time(TimeOf::Ago { ago_ms }))
                .ok_or_else(|| AtError::Span { text: text.to_owned() });
        }
        if text == "now" {
            return Ok(Self::Time(TimeOf::Now));
        }
        parse_time(text).map(Self::Time)
    }
}

impl At {
    /// Takes the clock out of it.
    ///
    /// # Errors
    /// [`AtError::Outside`] when `-2h` or `14:03` lead before 1970 or beyond 9999.
    pub fn resolve(&self, now_ms: u64) -> Result<Point, AtError> {
        Ok(match self {
            Self::Sequence(sequence) => Point::Sequence(*sequence),
            Self::Head { back } => Point::Head { back: *back },
            Self::Bookmark(name) => Point::Bookmark(name.clone()),
            Self::Time(time) => Point::Time { time_ms: time.resolve(now_ms)? },
        })
    }
}

impl TimeOf {
    /// The time in Unix milliseconds.
    ///
    /// # Errors
    /// [`AtError::Outside`] when it lies before 1970 or beyond 9999.
    pub fn resolve(self, now_ms: u64) -> Result<u64, AtError> {
        let outside = || AtError::Outside { text: self.to_string() };
        match self {
            Self::Instant { time_ms } => Ok(time_ms),
            Self::Now => Ok(now_ms),
            Self::Ago { ago_ms } => now_ms.checked_sub(ago_ms).ok_or_else(outside),
            Self::Clock { since_midnight_ms } => {
                let midnight_ms = now_ms - now_ms % DAY_MS;
                midnight_ms.checked_add(u64::from(since_midnight_ms)).ok_or_else(outside)
            }
        }
    }
}

impl FromStr for AtRange {
    type Err = AtError;

    /// Splits at the first `..`.
    fn from_str(text: &str) -> Result<Self, AtError> {
        let (from, to) =
            text.split_once("..").ok_or_else(|| AtError::Range { text: text.to_owned() })?;
        let end = |text: &str| if text.is_empty() { Ok(None) } else { text.parse().map(Some) };
        Ok(Self { from: end(from)?, to: end(to)? })
    }
}

const SECOND_MS: u64 = 1_000;
const DAY_MS: u64 = 86_400 * SECOND_MS;

/// `1048610`, `1,048,610`, `head`, `head-3`.
fn parse_place(text: &str) -> Option<At> {
    if let Some(back) = text.strip_prefix("head") {
        let back = if back.is_empty() { 0 } else { parse_digits(back.strip_prefix('-')?)? };
        return Some(At::Head { back });
    }
    let mut groups = text.split(',');
    let first = groups.next()?;
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || !(1..=3).contains(&first.len()) {
            return None;
        }
        digits.push_str(group);
    }
    parse_digits(&digits).map(At::Sequence)
}

/// Only digits: `u64::from_str` also takes a sign.
fn parse_digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `2h` in milliseconds.
pub(crate) fn parse_span(text: &str) -> Option<u64> {
    let unit_ms = match text.chars().last()? {
        's' => SECOND_MS,
        'm' => 60 * SECOND_MS,
        'h' => 3_600 * SECOND_MS,
        'd' => DAY_MS,
        'w' => 7 * DAY_MS,
        _ => return None,
    };
    parse_digits(text.get(..text.len() - 1)?)?.checked_mul(unit_ms)
}

fn parse_time(text: &str) -> Result<TimeOf, AtError> {
    let no_time = || AtError::Time { text: text.to_owned() };
    // Jiff reads more than we promise: compact dates, zones in brackets.
    let shape: String =
        text.chars().take(10).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if shape.starts_with("00:00") {
        let clock: Time = text.parse().map_err(|_cause| no_time())?;
        let since_midnight = clock.duration_since(Time::midnight());
        let since_midnight_ms =
            u32::try_from(since_midnight.as_millis()).map_err(|_cause| no_time())?;
        return Ok(TimeOf::Clock { since_midnight_ms });
    }
    if shape != "0000-00-00" || text.contains('[') {
        return Err(AtError::Form { text: text.to_owned() });
    }
    let moment: Timestamp = match text.parse() {
        Ok(moment) => moment,
        Err(_no_zone) => {
            let civil: DateTime = text.parse().map_err(|_cause| no_time())?;
            TimeZone::UTC.to_timestamp(civil).map_err(|_cause| no_time())?
        }
    };
    let outside = |_before| AtError::Outside { text: text.to_owned() };
    Ok(TimeOf::Instant { time_ms: u64::try_from(moment.as_millisecond()).map_err(outside)? })
}

impl fmt::Display for At {
    /// As it can be given again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence(sequence) => write!(f, "@{sequence}"),
            Self::Head { back: 0 } => write!(f, "@head"),
            Self::Head { back } => write!(f, "@head-{back}"),
            Self::Time(time) => time.fmt(f),
            Self::Bookmark(name) => write!(f, "={name}"),
        }
    }
}

impl fmt::Display for TimeOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant { time_ms } => f.write_str(&crate::render::time::rfc_3339(*time_ms)),
            Self::Clock { since_midnight_ms } => {
                let (seconds, ms) = (since_midnight_ms / 1_000, since_midnight_ms % 1_000);
                let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
                write!(f, "{hours:02}:{minutes:02}:{:02}.{ms:03}", seconds % 60)
            }
            Self::Ago { ago_ms } => {
                let unit = [(7 * DAY_MS, 'w'), (DAY_MS, 'd'), (3_600_000, 'h'), (60_000, 'm')]
                    .into_iter()
                    .find(|(unit_ms, _)| *ago_ms > 0 && ago_ms % unit_ms == 0);
                let (unit_ms, unit) = unit.unwrap_or((SECOND_MS, 's'));
                write!(f, "-{}{unit}", ago_ms / unit_ms)
            }
            Self::Now => f.write_str("now"),
        }
    }
}

impl fmt::Display for AtRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(from) = &self.from {
            write!(f, "{from}")?;
        }
        f.write_str("..")?;
        self.to.as_ref().map_or(Ok(()), |to| write!(f, "{to}"))
    }
}

#[cfg(test)]
mod tests;
