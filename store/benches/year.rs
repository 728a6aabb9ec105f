//! A year in the life of a ledger, in minutes: whether disk, memory and the time to start stop
//! growing. What is left to show is drawn as a picture.
//!
//! `cargo bench -p passbook --bench year -- [PICTURE.png]`; the picture goes to `target/year.png`, if
//! not said. `YEAR_USERS` says how many users there are, 2,000 if not said: minutes. Files go to the folder
//! that `TMPDIR` names. Set `MALLOC_ARENA_MAX=1`: the ledger is opened over and over in one process,
//! and memory rose without it: we take that to be glibc's arenas of threads that are gone.

#![expect(clippy::disallowed_methods, reason = "a bench measures time and opens files")]
#![expect(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "year/canvas.rs"]
mod canvas;
#[path = "year/chart.rs"]
mod chart;
#[path = "year/life.rs"]
mod life;
#[path = "year/long_memory.rs"]
mod long_memory;
#[path = "year/measure.rs"]
mod measure;
#[path = "year/report.rs"]
mod report;

use std::{path::PathBuf, time::Instant};

use life::{Life, Scale};

fn main() {
    let picture = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let picture = picture.map_or_else(default_picture, PathBuf::from);
    let users = std::env::var("YEAR_USERS").map_or(2_000, |text| text.parse().expect("a number"));
    let scale = Scale { users, days: 366, retention_days: 60, seed: 1 };
    println!(
        "{} users, {} days, history kept for {} days; seed {}, durability buffered",
        scale.users, scale.days, scale.retention_days, scale.seed
    );
    let started = Instant::now();
    let folder = tempfile::tempdir().expect("a folder");
    let mut life = Life::begin(folder.path(), &scale);
    report::print_head();
    let mut samples = Vec::new();
    for day in 1..=scale.days {
        life.live_a_day();
        if day % 7 == 0 {
            let sample = life.sample(day);
            report::print_line(&sample);
            samples.push(sample);
        }
        life.compact();
    }
    report::print_verdict(&samples);
    let (logins, acts) = life.end();
    println!("{logins} logins, {acts} logouts and refreshes, in {:.0?}", started.elapsed());
    chart::draw(&samples, &scale, &picture);
    println!("drawn: {}", picture.display());
    println!("{}", long_memory::check());
}

/// In the folder of the build, which is two above that of the bench.
fn default_picture() -> PathBuf {
    let bench = std::env::current_exe().expect("a program");
    bench.ancestors().nth(3).expect("target/release/deps/year").join("year.png")
}
