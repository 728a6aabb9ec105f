//! Stamps at their edges: new years, leap days, zones, nonsense.

use super::*;

fn options(year: i16, offset: &str) -> StampOptions {
    StampOptions::new(year).unwrap().with_utc_offset(offset).unwrap()
}

#[track_caller]
fn check(reader: &mut StampReader, line: &str, expected: &str) {
    let found = reader.read(line).map(|stamped| {
        assert_eq!(stamped.rest, "host x: y");
        Timestamp::from_millisecond(i64::try_from(stamped.time_ms).unwrap()).unwrap().to_string()
    });
    let found = found.unwrap_or_else(|reason| format!("{reason:?}"));
    assert_eq!(found, expected, "{line}");
}

#[test]
fn a_step_back_from_december_to_january_begins_a_year() {
    let mut reader = StampReader::new(options(2025, "Z"));
    check(&mut reader, "Dec 31 23:59:59 host x: y", "2025-12-31T23:59:59Z");
    check(&mut reader, "Jan  1 00:00:00 host x: y", "2026-01-01T00:00:00Z");
    check(&mut reader, "Dec 31 23:59:59 host x: y", "2025-12-31T23:59:59Z");
    check(&mut reader, "Jan  1 00:00:01 host x: y", "2026-01-01T00:00:01Z");
    check(&mut reader, "Dec  1 00:00:01 host x: y", "2026-12-01T00:00:01Z");
    check(&mut reader, "Feb 02 00:00:01 host x: y", "2027-02-02T00:00:01Z");
}

#[test]
fn a_small_step_back_does_not() {
    let mut reader = StampReader::new(options(2025, "Z"));
    check(&mut reader, "Jul  1 00:00:00 host x: y", "2025-07-01T00:00:00Z");
    check(&mut reader, "Jun 30 23:59:59 host x: y", "2025-06-30T23:59:59Z");
    check(&mut reader, "Jan  1 00:00:00 host x: y", "2025-01-01T00:00:00Z");
    check(&mut reader, "Dec 31 00:00:00 host x: y", "2025-12-31T00:00:00Z");
}

#[test]
fn a_day_that_the_year_does_not_have_is_no_stamp_and_moves_nothing() {
    let mut reader = StampReader::new(options(2025, "Z"));
    check(&mut reader, "Feb 29 12:00:00 host x: y", "Date");
    check(&mut reader, "Feb 30 12:00:00 host x: y", "Date");
    check(&mut reader, "Mar  0 12:00:00 host x: y", "Date");
    check(&mut reader, "Mar  1 12:00:00 host x: y", "2025-03-01T12:00:00Z");
    let mut reader = StampReader::new(options(2024, "Z"));
    check(&mut reader, "Feb 29 12:00:00 host x: y", "2024-02-29T12:00:00Z");
}

#[test]
fn the_offset_is_taken_off() {
    check(
        &mut StampReader::new(options(2025, "+01:30")),
        "Jan  1 00:30:00 host x: y",
        "2024-12-31T23:00:00Z",
    );
    check(&mut StampReader::new(options(1970, "+01:30")), "Jan  1 00:30:00 host x: y", "Date");
    check(
        &mut StampReader::new(options(2025, "-05:00")),
        "Jan  1 00:30:00 host x: y",
        "2025-01-01T05:30:00Z",
    );
}

#[test]
fn rfc_3339_says_it_all() {
    let mut reader = StampReader::new(options(1999, "-11:00"));
    let line = "2026-11-20T14:03:11.123456+01:00 host x: y";
    check(&mut reader, line, "2026-11-20T13:03:11.123Z");
    check(&mut reader, "2026-11-20T14:03:11Z host x: y", "2026-11-20T14:03:11Z");
    assert_eq!(reader.read(line).unwrap().year, None);
}

#[test]
fn nonsense_is_no_stamp() {
    let mut reader = StampReader::new(options(2025, "Z"));
    for line in [
        "",
        "Jun",
        "Jun 4",
        "Jun  4 15:16:01",
        "Jux  4 15:16:01 host x: y",
        "Jun  4 25:16:01 host x: y",
        "Jun  4 15:16 host x: y",
        "Jun  4 15:16:01:01 host x: y",
        "Jun  4 15:16:61 host x: y",
        "Jun +4 15:16:01 host x: y",
        "2026-11-20T14:03:11 host x: y",
        "2026-11-20 14:03:11Z host x: y",
        "2026-13-20T14:03:11Z host x: y",
        "1969-12-31T23:59:59Z host x: y",
        "☃",
    ] {
        assert_eq!(reader.read(line), Err(SkipReason::Stamp), "{line}");
    }
    check(&mut reader, "Jun 30 23:59:60 host x: y", "2025-06-30T23:59:59Z");
}

#[test]
fn options_have_limits() {
    for year in [YEAR_MIN, YEAR_MAX] {
        assert!(StampOptions::new(year).is_ok());
    }
    for year in [YEAR_MIN - 1, YEAR_MAX + 1] {
        assert_eq!(StampOptions::new(year), Err(StampOptionsError::Year { year }));
    }
    let options = StampOptions::new(2025).unwrap();
    for text in ["", "+", "1:00", "+1:00", "+01", "+24:00", "+01:60", "+0１:00", "UTC", "+-1:00"] {
        assert!(options.with_utc_offset(text).is_err(), "{text}");
    }
    assert!(options.with_utc_offset("-23:59").is_ok());
}
