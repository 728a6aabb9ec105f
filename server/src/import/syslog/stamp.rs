//! When a line was written: RFC 3339 stamps, and BSD stamps, which say neither year nor zone.
//!
//! It leaves to its caller what to do about a stamp that names no moment.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use thiserror::Error;

use super::summary::SkipReason;

/// The first year that can be given: before it there is no Unix time.
pub const YEAR_MIN: i16 = 1970;
/// The last year that can be given; a log may then go on for some years.
pub const YEAR_MAX: i16 = 9_900;

/// Months by which a stamp must step back to begin a new year: Dec to Jan, and also Nov to Feb in a
/// log which was silent between.
const NEW_YEAR_MONTHS_MIN: i8 = 6;

/// What BSD stamps leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StampOptions {
    year: i16,
    offset: Offset,
}

/// Why options can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StampOptionsError {
    /// The year is out of range.
    #[error("year {year} is not within {YEAR_MIN}..={YEAR_MAX}")]
    Year {
        /// As given.
        year: i16,
    },
    /// The offset can't be read.
    #[error("`{text}` is not an offset from UTC: write +01:00, -05:30 or Z")]
    Offset {
        /// As given.
        text: String,
    },
}

impl StampOptions {
    /// `year` is that of the first line. Stamps are taken for UTC.
    ///
    /// # Errors
    /// When the year is outside [`YEAR_MIN`]..=[`YEAR_MAX`].
    pub fn new(year: i16) -> Result<Self, StampOptionsError> {
        if (YEAR_MIN..=YEAR_MAX).contains(&year) {
            Ok(Self { year, offset: Offset::UTC })
        } else {
            Err(StampOptionsError::Year { year })
        }
    }

    /// Stamps are this far ahead of UTC: `+01:00`, `-05:30`, `Z`.
    ///
    /// # Errors
    /// When `text` isn't `Z` or `±HH:MM` up to 23:59.
    pub fn with_utc_offset(self, text: &str) -> Result<Self, StampOptionsError> {
        let offset = parse_offset(text)
            .ok_or_else(|| StampOptionsError::Offset { text: text.to_owned() })?;
        Ok(Self { offset, ..self })
    }
}

fn parse_offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let (sign, clock) = match text.strip_prefix('+') {
        Some(clock) => (1, clock),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, minutes) = clock.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    Offset::from_seconds(sign * seconds).ok()
}

fn two_digits(text: &str) -> Option<i8> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// A line's moment, and the text after the stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamped<'a> {
    pub(super) time_ms: u64,
    /// The year that was worked out; `None` when the stamp says it.
    pub(super) year: Option<i16>,
    pub(super) rest: &'a str,
}

/// Reads the stamps of one stream in order, so that it sees a year begin.
#[derive(Debug)]
pub(super) struct StampReader {
    options: StampOptions,
    year: i16,
    last: Option<Date>,
}

impl StampReader {
    pub(super) fn new(options: StampOptions) -> Self {
        Self { options, year: options.year, last: None }
    }

    pub(super) fn read<'a>(&mut self, line: &'a str) -> Result<Stamped<'a>, SkipReason> {
        if line.starts_with(|first: char| first.is_ascii_digit()) {
            rfc_3339(line).ok_or(SkipReason::Stamp)
        } else {
            let (stamp, rest) = BsdStamp::parse(line).ok_or(SkipReason::Stamp)?;
            let (time_ms, year) = self.moment(stamp)?;
            Ok(Stamped { time_ms, year: Some(year), rest })
        }
    }

    fn moment(&mut self, stamp: BsdStamp) -> Result<(u64, i16), SkipReason> {
        // A line of the old year that comes late, after the first of the new one.
        let late = self.year > self.options.year
            && (stamp.month, stamp.day) == (12, 31)
            && self.last.is_some_and(|last| (last.month(), last.day()) == (1, 1));
        let next = self.last.is_some_and(|last| last.month() - stamp.month >= NEW_YEAR_MONTHS_MIN);
        let year = match (late, next) {
            (true, _) => self.year - 1,
            (false, true) => self.year.checked_add(1).ok_or(SkipReason::Date)?,
            (false, false) => self.year,
        };
        let Ok(date) = Date::new(year, stamp.month, stamp.day) else {
            return Err(SkipReason::Date);
        };
        let moment = self.options.offset.to_timestamp(date.to_datetime(stamp.time)).ok();
        let Some(time_ms) = moment.and_then(unix_ms) else {
            return Err(SkipReason::Date);
        };
        if !late {
            self.year = year;
            self.last = Some(date);
        }
        Ok((time_ms, year))
    }
}

/// `None` before 1970: Unix time starts there.
fn unix_ms(moment: Timestamp) -> Option<u64> {
    u64::try_from(moment.as_millisecond()).ok()
}

fn rfc_3339(line: &str) -> Option<Stamped<'_>> {
    let (stamp, rest) = line.split_once(' ')?;
    // A bare date or a zone in brackets is more than syslog writes, and is not taken.
    if !stamp.contains('T') || stamp.contains('[') {
        return None;
    }
    let time_ms = unix_ms(stamp.parse().ok()?)?;
    Some(Stamped { time_ms, year: None, rest })
}

/// `Jun  4 15:16:01`: no year, no zone.
#[derive(Debug, Clone, Copy)]
struct BsdStamp {
    month: i8,
    day: i8,
    time: Time,
}

impl BsdStamp {
    fn parse(line: &str) -> Option<(Self, &str)> {
        let (month, rest) = line.split_once(' ')?;
        let (day, rest) = rest.trim_start_matches(' ').split_once(' ')?;
        let (clock, rest) = rest.split_once(' ')?;
        let mut parts = clock.split(':').map(two_digits);
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() || day.len() > 2 || !day.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // A leap second is the last one before it: Unix time has none.
        let time = Time::new(hour, minute, second.min(59), 0).ok().filter(|_| second <= 60)?;
        Some((Self { month: month_number(month)?, day: day.parse().ok()?, time }, rest))
    }
}

fn month_number(name: &str) -> Option<i8> {
    Some(match name {
        "Jan" => 1,
        "Feb" => 2,
        "Mar" => 3,
        "Apr" => 4,
        "May" => 5,
        "Jun" => 6,
        "Jul" => 7,
        "Aug" => 8,
        "Sep" => 9,
        "Oct" => 10,
        "Nov" => 11,
        "Dec" => 12,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
