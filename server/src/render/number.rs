//! Numbers for people: counts, sizes, spans of time.

use std::time::Duration;

/// `1,048,611`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1.06 GiB`, `612 MiB`, `41 GiB`, `17 B`: three digits that count.
pub fn bytes(count: u64) -> String {
    let mut unit: u128 = 1;
    for name in ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] {
        let text = three_digits(u128::from(count), unit);
        // 1,023.9 KiB would be written with four digits before the point: it is 1 MiB.
        if u128::from(count) < unit * 1_024 && text != "1024" {
            return format!("{text} {name}");
        }
        unit *= 1_024;
    }
    format!("{} EiB", three_digits(u128::from(count), unit))
}

/// `118 µs`, `1.8 ms`, `482 ms`, `2.1 s`, `12 min 27 s`, `3 h 20 min`, `29 d 4 h`.
pub fn duration(span: Duration) -> String {
    let nanos = span.as_nanos();
    for (unit, name) in [(1_000, "µs"), (1_000_000, "ms")] {
        let text = three_digits(nanos, unit);
        if nanos < unit * 1_000 && text != "1000" {
            return format!("{text} {name}");
        }
    }
    if nanos < 59_950_000_000 {
        return format!("{} s", three_digits(nanos, 1_000_000_000));
    }
    // From here on whole seconds are exact enough.
    let seconds = span.as_secs().saturating_add(u64::from(span.subsec_millis() >= 500));
    let parts = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let greatest = parts.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(parts.len());
    let mut rest = seconds;
    let mut shown = Vec::with_capacity(2);
    for (unit, name) in parts.iter().skip(greatest).take(2) {
        if rest / unit > 0 {
            shown.push(format!("{} {name}", rest / unit));
        }
        rest %= unit;
    }
    shown.join(" ")
}

/// `count / unit` with three digits that count, rounded, without zeros behind.
fn three_digits(count: u128, unit: u128) -> String {
    let rounded = |scale: u128| (count * scale + unit / 2) / unit;
    for (scale, places, digits_max) in [(100, 2, 1_000), (10, 1, 1_000)] {
        let scaled = rounded(scale);
        if scaled < digits_max {
            let text = format!("{}.{:0places$}", scaled / scale, scaled % scale);
            return text.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
    }
    rounded(1).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_have_groups_of_three() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_048_611, "1,048,611"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn sizes_have_three_digits() {
        for (count, text) in [
            (0, "0 B"),
            (17, "17 B"),
            (1_023, "1023 B"),
            (1_024, "1 KiB"),
            (1_536, "1.5 KiB"),
            (10_189, "9.95 KiB"),
            (10_240, "10 KiB"),
            (1_048_575, "1 MiB"),
            (641_728_512, "612 MiB"),
            (1_138_166_333, "1.06 GiB"),
            (44_023_414_784, "41 GiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(bytes(count), text, "{count}");
        }
    }

    #[test]
    fn spans_have_two_units_at_most() {
        for (nanos, text) in [
            (0, "0 µs"),
            (118_000, "118 µs"),
            (999_600, "1 ms"),
            (1_800_000, "1.8 ms"),
            (482_000_000, "482 ms"),
            (999_900_000, "1 s"),
            (2_130_000_000, "2.13 s"),
            (59_940_000_000, "59.9 s"),
            (59_950_000_000, "1 min"),
            (747_000_000_000, "12 min 27 s"),
            (3_600_000_000_000, "1 h"),
            (3_605_000_000_000, "1 h"),
            (12_000_000_000_000, "3 h 20 min"),
            (2_520_000_000_000_000, "29 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), text, "{nanos}");
        }
        assert_eq!(duration(Duration::MAX), "213503982334601 d 7 h");
    }

    proptest! {
        #[test]
        fn any_number_is_survived(number in any::<u64>(), nanos in 0..1_000_000_000_u32) {
            prop_assert_eq!(thousands(number).replace(',', ""), number.to_string());
            prop_assert!(bytes(number).len() <= 8);
            prop_assert!(!duration(Duration::new(number, nanos)).is_empty());
        }
    }
}
