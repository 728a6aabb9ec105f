//! What was measured, and the ratios of it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Operations and the time that they took, by name; and facts that are no times.
#[derive(Debug, Default)]
pub(crate) struct Report {
    measured: RefCell<BTreeMap<String, (u64, Duration)>>,
    facts: RefCell<Vec<String>>,
}

impl Report {
    /// Times `count` operations, for criterion and for the table.
    pub(crate) fn time(&self, name: &str, count: u64, run: impl FnOnce()) -> Duration {
        let started = Instant::now();
        run();
        self.add(name, count, started.elapsed())
    }

    /// Adds what was timed elsewhere.
    pub(crate) fn add(&self, name: &str, count: u64, took: Duration) -> Duration {
        let mut measured = self.measured.borrow_mut();
        let (counts, total) = measured.entry(name.to_owned()).or_default();
        *counts += count;
        *total += took;
        took
    }

    /// Adds a line that is no time.
    pub(crate) fn fact(&self, line: String) {
        self.facts.borrow_mut().push(line);
    }

    fn seconds_each(&self, name: &str) -> Option<f64> {
        let measured = self.measured.borrow();
        let (count, took) = measured.get(name)?;
        Some(took.as_secs_f64() / f64::from(u32::try_from(*count).ok()?))
    }

    /// Prints rates and ratios of what was run.
    pub(crate) fn print(&self) {
        let device = self.seconds_each("device, 1 thread");
        let sqlite = self.seconds_each("sqlite, 1 caller");
        println!(
            "\n{:<44}{:>12}{:>12}{:>10}{:>10}",
            "", "ns each", "a second", "x device", "x sqlite"
        );
        for name in self.measured.borrow().keys() {
            let Some(each) = self.seconds_each(name) else { continue };
            let ratio =
                |peer: Option<f64>| peer.map_or_else(String::new, |p| format!("{:.2}", p / each));
            println!(
                "{name:<44}{:>12.0}{:>12.0}{:>10}{:>10}",
                each * 1e9,
                1.0 / each,
                ratio(device),
                ratio(sqlite)
            );
        }
        for fact in self.facts.borrow().iter() {
            println!("{fact}");
        }
    }
}
