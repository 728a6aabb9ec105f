//! Every form, its neighbours which are none, and the way there and back.

use proptest::prelude::*;

use super::*;

/// 2026-11-20T14:20:31.000Z.
const NOW_MS: u64 = 1_795_184_431_000;

#[track_caller]
fn check(text: &str, expected: Point) {
    let at: At = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(at.resolve(NOW_MS), Ok(expected), "{text}");
}

#[track_caller]
fn check_time(text: &str, expected: &str) {
    let time_ms = u64::try_from(expected.parse::<Timestamp>().unwrap().as_millisecond()).unwrap();
    check(text, Point::Time { time_ms });
}

#[track_caller]
fn check_refused(text: &str, expected: fn(String) -> AtError) {
    assert_eq!(text.parse::<At>(), Err(expected(text.to_owned())));
}

#[test]
fn sequences_and_the_head() {
    check("@1048610", Point::Sequence(1_048_610));
    check("@1,048,610", Point::Sequence(1_048_610));
    check("@18446744073709551615", Point::Sequence(u64::MAX));
    check("@head", Point::Head { back: 0 });
    check("@head-3", Point::Head { back: 3 });
    for text in [
        "@",
        "@+1",
        "@-1",
        "@x",
        "@head3",
        "@head-",
        "@head+1",
        "@1,04",
        "@1048,610",
        "@,100",
        "@18446744073709551616",
        "@Head",
    ] {
        check_refused(text, |text| AtError::Sequence { text });
    }
}

#[test]
fn times_are_utc_unless_they_say_otherwise() {
    check_time("2026-11-20T14:03:11Z", "2026-11-20T14:03:11Z");
    check_time("2026-11-20T14:03:11.482Z", "2026-11-20T14:03:11.482Z");
    check_time("2026-11-20 14:03:11.482Z", "2026-11-20T14:03:11.482Z");
    check_time("2026-11-20T14:03:11+01:00", "2026-11-20T13:03:11Z");
    check_time("2026-11-20T14:03:11", "2026-11-20T14:03:11Z");
    check_time("2026-11-20 14:03", "2026-11-20T14:03:00Z");
    check_time("2026-11-20", "2026-11-20T00:00:00Z");
    check_time("14:03", "2026-11-20T14:03:00Z");
    check_time("23:59:59.5", "2026-11-20T23:59:59.5Z");
    check_time("-2h", "2026-11-20T12:20:31Z");
    check_time("-90s", "2026-11-20T14:19:01Z");
    check_time("-1m", "2026-11-20T14:19:31Z");
    check_time("-1d", "2026-11-19T14:20:31Z");
    check_time("-2w", "2026-11-06T14:20:31Z");
    check_time("now", "2026-11-20T14:20:31Z");
}

#[test]
fn what_is_no_time_says_why() {
    for text in [
        "",
        "x",
        "2h",
        "yesterday",
        "20261120T1403",
        "T14:03",
        "1403",
        "Now",
        "2026-11-20T14:03Z[UTC]",
        "+2h",
    ] {
        check_refused(text, |text| AtError::Form { text });
    }
    for text in ["2026-02-30", "2026-11-20T25:00:00Z", "25:00", "14:60", "14:03x", "2026-11-20x"] {
        check_refused(text, |text| AtError::Time { text });
    }
    for text in ["-", "-h", "-2", "-2y", "--2h", "-2.5h", "-2hh", "-2☃", "-99999999999999999w"] {
        check_refused(text, |text| AtError::Span { text });
    }
    check_refused("1969-12-31T23:59:59Z", |text| AtError::Outside { text });
    let before: At = "-3000w".parse().unwrap();
    assert_eq!(before.resolve(NOW_MS), Err(AtError::Outside { text: "-3000w".to_owned() }));
    assert!("9".repeat(AT_LEN_MAX + 1).parse::<At>().is_err());
}

#[test]
fn bookmarks_have_a_name_with_a_limit() {
    check("=before the storm", Point::Bookmark("before the storm".to_owned()));
    let longest = "b".repeat(BOOKMARK_LEN_MAX);
    check(&format!("={longest}"), Point::Bookmark(longest.clone()));
    for name in [String::new(), format!("{longest}b")] {
        assert_eq!(format!("={name}").parse::<At>(), Err(AtError::Bookmark));
    }
}

#[test]
fn ranges_may_be_open() {
    let range = |text: &str| text.parse::<AtRange>().unwrap();
    let at = |text: &str| text.parse::<At>().ok();
    assert_eq!(range("-24h..now"), AtRange { from: at("-24h"), to: at("now") });
    assert_eq!(range("@5.."), AtRange { from: at("@5"), to: None });
    assert_eq!(range("..14:03"), AtRange { from: None, to: at("14:03") });
    assert_eq!(range(".."), AtRange { from: None, to: None });
    assert_eq!("@5".parse::<AtRange>(), Err(AtError::Range { text: "@5".to_owned() }));
    assert!("@5...@6".parse::<AtRange>().is_err());
}

pub(crate) fn any_time() -> impl Strategy<Value = TimeOf> {
    prop_oneof![
        (0..253_402_000_000_000_u64).prop_map(|time_ms| TimeOf::Instant { time_ms }),
        (0..86_400_000_u32).prop_map(|since_midnight_ms| TimeOf::Clock { since_midnight_ms }),
        (0..u64::MAX / 1_000).prop_map(|seconds| TimeOf::Ago { ago_ms: seconds * 1_000 }),
        Just(TimeOf::Now),
    ]
}

fn any_at() -> impl Strategy<Value = At> {
    prop_oneof![
        any::<u64>().prop_map(At::Sequence),
        any::<u64>().prop_map(|back| At::Head { back }),
        any_time().prop_map(At::Time),
        "[^.]{1,30}".prop_map(At::Bookmark),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(at in any_at()) {
        prop_assert_eq!(at.to_string().parse(), Ok(at));
    }

    #[test]
    fn a_printed_range_is_read_again(from in proptest::option::of(any_at()), to in proptest::option::of(any_at())) {
        let range = AtRange { from, to };
        prop_assert_eq!(range.to_string().parse(), Ok(range));
    }

    #[test]
    fn any_text_is_survived(text in "[-@=]?(head|now|[0-9]{1,20}|\\PC{0,9}|[-:.0-9TZ ]{0,25})[smhdw]?", now_ms in any::<u64>()) {
        if let Ok(at) = text.parse::<At>() {
            drop(at.resolve(now_ms));
        }
        drop(text.parse::<AtRange>());
    }
}
