//! Long work, on stderr: a bar on a terminal, a line every ten seconds in a pipe, or JSON lines.
//!
//! Nothing is shown of work that is done within half a second.

mod phases;

use std::{
    io::Write as _,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::render::number::{bytes, thousands};

pub(crate) use self::phases::Phases;

/// Work that takes longer than this is shown.
const SHOWN_AFTER: Duration = Duration::from_millis(500);
/// How often a pipe gets a line.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What `--progress` and `--no-progress` say, and what stderr is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A bar on a terminal.
    Bar,
    /// A line every ten seconds.
    Lines,
    /// JSON lines.
    Json,
    /// Nothing.
    Off,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    Events,
    Sessions,
}

/// How far one phase of work is. May be told from several threads.
#[derive(Debug)]
pub(crate) struct Progress {
    phase: &'static str,
    unit: Unit,
    /// `None`: nobody knows, as of a pipe.
    total: Option<u64>,
    mode: Mode,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    started: Instant,
    /// When the next word is due.
    due: Duration,
    done: u64,
    bar: Option<ProgressBar>,
}

/// A line of `--progress json`.
#[derive(Debug, Serialize)]
struct Line {
    phase: &'static str,
    done: u64,
    total: Option<u64>,
    unit: &'static str,
}

impl Progress {
    #[expect(clippy::disallowed_methods, reason = "a progress bar is about real time")]
    pub(crate) fn new(phase: &'static str, total: Option<u64>, unit: Unit, mode: Mode) -> Self {
        let due = match mode {
            Mode::Bar | Mode::Json => SHOWN_AFTER,
            Mode::Lines => LINE_EVERY,
            Mode::Off => Duration::MAX,
        };
        let shown = Shown { started: Instant::now(), due, done: 0, bar: None };
        Self { phase, unit, total, mode, shown: Mutex::new(shown) }
    }

    /// So much is done.
    pub(crate) fn at(&self, done: u64) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.done = done;
        let elapsed = shown.started.elapsed();
        if elapsed < shown.due {
            return;
        }
        match self.mode {
            Mode::Off => {}
            Mode::Bar => {
                let bar = shown.bar.get_or_insert_with(|| self.bar());
                bar.set_position(done);
                shown.due = elapsed + Duration::from_millis(50);
            }
            Mode::Lines => {
                say(&self.words(done));
                shown.due = elapsed + LINE_EVERY;
            }
            Mode::Json => {
                say(&self.json(done));
                shown.due = elapsed + SHOWN_AFTER;
            }
        }
    }

    /// How long it took so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).started.elapsed()
    }

    /// The work is over: the bar goes away.
    pub(crate) fn finish(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = shown.bar.take() {
            bar.finish_and_clear();
        }
        if self.mode == Mode::Json {
            say(&self.json(shown.done));
        }
        shown.due = Duration::MAX;
    }

    fn bar(&self) -> ProgressBar {
        let template = match (self.unit, self.total) {
            (Unit::Bytes, Some(_)) => {
                "{prefix}  {bar:30} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left"
            }
            (Unit::Bytes, None) => "{prefix}  {spinner} {binary_bytes}  {binary_bytes_per_sec}",
            (Unit::Events, Some(_)) => {
                "{prefix}  {bar:30} {human_pos} of {human_len} events  {per_sec}  {eta} left"
            }
            (Unit::Sessions, Some(_)) => {
                "{prefix}  {bar:30} {human_pos} of {human_len} sessions  {per_sec}  {eta} left"
            }
            (Unit::Events, None) => "{prefix}  {spinner} {human_pos} events  {per_sec}",
            (Unit::Sessions, None) => "{prefix}  {spinner} {human_pos} sessions  {per_sec}",
        };
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_bad_template| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(self.total, ProgressDrawTarget::stderr());
        bar.set_style(style.progress_chars("━╸ "));
        bar.set_prefix(self.phase);
        bar
    }

    fn words(&self, done: u64) -> String {
        let shown = |count| match self.unit {
            Unit::Bytes => bytes(count),
            Unit::Events => format!("{} events", thousands(count)),
            Unit::Sessions => format!("{} sessions", thousands(count)),
        };
        match self.total {
            Some(total) => format!("{}: {} of {}", self.phase, shown(done), shown(total)),
            None => format!("{}: {}", self.phase, shown(done)),
        }
    }

    fn json(&self, done: u64) -> String {
        let unit = match self.unit {
            Unit::Bytes => "bytes",
            Unit::Events => "events",
            Unit::Sessions => "sessions",
        };
        let line = Line { phase: self.phase, done, total: self.total, unit };
        serde_json::to_string(&line).unwrap_or_default()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = shown.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn say(line: &str) {
    // Who closed stderr does not want to hear it.
    drop(writeln!(anstream::stderr().lock(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_lines_say_how_far_it_is() {
        let progress = Progress::new("verify", Some(2_048), Unit::Bytes, Mode::Off);
        assert_eq!(progress.words(1_024), "verify: 1 KiB of 2 KiB");
        assert_eq!(
            progress.json(1_024),
            r#"{"phase":"verify","done":1024,"total":2048,"unit":"bytes"}"#
        );
        let endless = Progress::new("read", None, Unit::Events, Mode::Off);
        assert_eq!(endless.words(1_000), "read: 1,000 events");
    }
}
