//! Times for machines and for people.
//!
//! A time beyond the year 9999 (a lifetime that never ends saturates there) is shown as its last
//! moment; "never" is the word of those who know that it is meant.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

/// In which zone a person is shown times: `--tz`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Zone {
    /// `utc`.
    #[default]
    Utc,
    /// `local`, or a name as `Europe/Vienna`.
    Other(TimeZone),
}

/// There is no such zone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is no time zone: write utc, local or a name as Europe/Vienna")]
pub struct ZoneError {
    /// As given.
    pub name: String,
}

impl FromStr for Zone {
    type Err = ZoneError;

    /// `local` and names are looked up in this machine's database.
    fn from_str(name: &str) -> Result<Self, ZoneError> {
        let error = || ZoneError { name: name.to_owned() };
        match name {
            "utc" | "UTC" | "Z" => Ok(Self::Utc),
            "local" => TimeZone::try_system().map(Self::Other).map_err(|_cause| error()),
            name => TimeZone::get(name).map(Self::Other).map_err(|_cause| error()),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utc => f.write_str("utc"),
            Self::Other(zone) => f.write_str(zone.iana_name().unwrap_or("local")),
        }
    }
}

/// `2026-11-20T14:03:11.482Z`.
pub fn rfc_3339(time_ms: u64) -> String {
    format!("{:.3}", timestamp(time_ms))
}

/// `2026-11-20 14:03:11.482Z`; in another zone with its offset, `2026-11-20 15:03:11.482+01:00`.
pub fn human(time_ms: u64, zone: &Zone) -> String {
    format_in(time_ms, zone, "%Y-%m-%d %H:%M:%S%.3f")
}

/// `14:03:11.482Z`, where the day is plain.
pub fn clock(time_ms: u64, zone: &Zone) -> String {
    format_in(time_ms, zone, "%H:%M:%S%.3f")
}

/// `2026-11-20 14:03Z`, where seconds say nothing.
pub fn minute(time_ms: u64, zone: &Zone) -> String {
    format_in(time_ms, zone, "%Y-%m-%d %H:%M")
}

fn format_in(time_ms: u64, zone: &Zone, form: &str) -> String {
    match zone {
        Zone::Utc => timestamp(time_ms).strftime(&format!("{form}Z")).to_string(),
        Zone::Other(zone) => {
            let zoned = timestamp(time_ms).to_zoned(zone.clone());
            zoned.strftime(&format!("{form}%:z")).to_string()
        }
    }
}

/// `2 min ago`, `in 29 d`, `now`: the greatest unit, rounded down.
pub fn relative(time_ms: u64, now_ms: u64) -> String {
    let seconds = time_ms.abs_diff(now_ms) / 1_000;
    let unit = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")]
        .into_iter()
        .find(|(unit, _)| seconds >= *unit);
    match unit {
        None => "now".to_owned(),
        Some((unit, name)) if time_ms < now_ms => format!("{} {name} ago", seconds / unit),
        Some((unit, name)) => format!("in {} {name}", seconds / unit),
    }
}

fn timestamp(time_ms: u64) -> Timestamp {
    i64::try_from(time_ms)
        .ok()
        .and_then(|time_ms| Timestamp::from_millisecond(time_ms).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIME_MS: u64 = 1_795_183_391_482;

    #[test]
    fn machines_get_utc_with_milliseconds() {
        assert_eq!(rfc_3339(TIME_MS), "2026-11-20T14:03:11.482Z");
        assert_eq!(rfc_3339(TIME_MS - 482), "2026-11-20T14:03:11.000Z");
        assert_eq!(rfc_3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc_3339(u64::MAX), "9999-12-30T22:00:00.999Z");
    }

    #[test]
    fn people_get_the_zone_they_asked_for() {
        assert_eq!(human(TIME_MS, &Zone::Utc), "2026-11-20 14:03:11.482Z");
        assert_eq!(clock(TIME_MS, &Zone::Utc), "14:03:11.482Z");
        let vienna: Zone = "Europe/Vienna".parse().expect("this machine has a zone database");
        assert_eq!(human(TIME_MS, &vienna), "2026-11-20 15:03:11.482+01:00");
        assert_eq!(clock(TIME_MS, &vienna), "15:03:11.482+01:00");
        assert_eq!(vienna.to_string(), "Europe/Vienna");
        assert!("local".parse::<Zone>().is_ok());
        assert_eq!("utc".parse(), Ok(Zone::Utc));
        for name in ["", "Mars/Base", "../etc/passwd", "+01:00"] {
            assert_eq!(name.parse::<Zone>(), Err(ZoneError { name: name.to_owned() }));
        }
    }

    #[test]
    fn relative_times_have_one_unit() {
        for (time_ms, text) in [
            (TIME_MS, "now"),
            (TIME_MS - 999, "now"),
            (TIME_MS + 999, "now"),
            (TIME_MS - 1_000, "1 s ago"),
            (TIME_MS - 119_000, "1 min ago"),
            (TIME_MS - 120_000, "2 min ago"),
            (TIME_MS - 3 * 3_600_000, "3 h ago"),
            (TIME_MS + 29 * 86_400_000 + 80_000_000, "in 29 d"),
        ] {
            assert_eq!(relative(time_ms, TIME_MS), text);
        }
    }

    proptest! {
        #[test]
        fn any_time_is_survived(time_ms in any::<u64>(), now_ms in any::<u64>()) {
            prop_assert_eq!(rfc_3339(time_ms).len(), 24);
            prop_assert_eq!(human(time_ms, &Zone::Utc).len(), 24);
            prop_assert!(!relative(time_ms, now_ms).is_empty());
        }
    }
}
