//! The year as a table, and what follows from it.

use crate::measure::Sample;

/// What a row of the table is called, its unit, and where its figure is.
type Row<'a> = (&'a str, &'a str, fn(&Sample) -> u64);

pub(crate) fn print_head() {
    println!(
        "{:>4} {:>8} {:>7} {:>7} {:>7} {:>7} {:>6} {:>7} {:>7} {:>7} {:>6} {:>8} {:>7} {:>8}",
        "day",
        "events",
        "live",
        "journal",
        "snap",
        "archive",
        "stubs",
        "idx",
        "total",
        "memory",
        "start",
        "replayed",
        "compact",
        "idx late",
    );
    println!(
        "{:>4} {:>8} {:>7} {:>7} {:>7} {:>7} {:>6} {:>7} {:>7} {:>7} {:>6} {:>8} {:>7} {:>8}",
        "", "", "", "MiB", "MiB", "MiB", "MiB", "MiB", "MiB", "MiB", "ms", "events", "ms", "ms",
    );
}

pub(crate) fn print_line(sample: &Sample) {
    let disk = &sample.disk;
    println!(
        "{:>4} {:>8} {:>7} {:>7} {:>7} {:>7} {:>6} {:>7} {:>7} {:>7} {:>6} {:>8} {:>7} {:>8}",
        sample.day,
        sample.sequence,
        sample.live,
        mib(disk.journal),
        mib(disk.snapshots),
        mib(disk.archives),
        mib(disk.stubs),
        mib(disk.index),
        mib(disk.total()),
        mib(sample.resident_bytes),
        sample.opening.as_millis(),
        sample.replayed,
        sample.compacting.as_millis(),
        sample.index_catch_up.as_millis(),
    );
}

/// Mebibytes with one digit behind the point.
pub(crate) fn mib(bytes: u64) -> String {
    let tenths = (bytes * 10 + (1 << 19)) >> 20;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The second quarter of the year beside the last.
pub(crate) fn print_verdict(samples: &[Sample]) {
    let rows: [Row<'_>; 8] = [
        ("journal", "B", |sample| sample.disk.journal),
        ("snapshots", "B", |sample| sample.disk.snapshots),
        ("archives", "B", |sample| sample.disk.archives),
        ("stubs", "B", |sample| sample.disk.stubs),
        ("index", "B", |sample| sample.disk.index),
        ("all on disk", "B", |sample| sample.disk.total()),
        ("memory", "B", |sample| sample.resident_bytes),
        ("start", "us", |sample| u64::try_from(sample.opening.as_micros()).expect("short")),
    ];
    println!("means of days 92 to 183 and of days 275 to 366:");
    for (name, unit, part) in rows {
        let early = mean(samples, 92, 183, part);
        let late = mean(samples, 275, 366, part);
        let percent = (late * 100).checked_div(early).unwrap_or(100);
        println!("  {name:<12} {early:>12} {late:>12} {unit:<2} {percent:>4} %");
    }
}

fn mean(samples: &[Sample], first: u64, last: u64, part: fn(&Sample) -> u64) -> u64 {
    let of: Vec<_> =
        samples.iter().filter(|one| (first..=last).contains(&one.day)).map(part).collect();
    let count = u64::try_from(of.len()).expect("a few");
    of.iter().sum::<u64>().checked_div(count).unwrap_or(0)
}
