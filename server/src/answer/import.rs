//! What an import read, and what of it was recorded.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Moment, View, cell, counted, facts::Facts, paint};
use crate::{
    import::syslog::{SkipReason, Summary},
    render::{
        number::{duration, thousands},
        table::{Column, Table},
    },
    sending::Written,
};

/// The schema of [`Imported`].
pub(crate) const IMPORT_SCHEMA: &str = "passbook.import/1";

/// What an import read, and what of it was recorded.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Imported {
    #[schemars(extend("const" = IMPORT_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The file, or `-`.
    pub(crate) source: String,
    /// Nothing was changed: this is what would be.
    pub(crate) dry_run: bool,
    /// It was stopped before the end of the log.
    pub(crate) is_partial: bool,
    /// Lines read.
    pub(crate) lines: u64,
    /// Lines about something else.
    pub(crate) ignored: u64,
    /// Lines that tell more of a login or attempt that another line told.
    pub(crate) merged: u64,
    /// Lines that could not be read.
    pub(crate) skipped: SkippedLines,
    /// Sessions that the log opens.
    pub(crate) opened: u64,
    /// Sessions that the log closes.
    pub(crate) closed: u64,
    /// Those of them that it had not opened.
    pub(crate) closed_unmatched: u64,
    /// Tries to log in that failed.
    pub(crate) failed: u64,
    /// Sessions that the log leaves open.
    pub(crate) still_open: u64,
    /// When the first thing happened that it tells.
    pub(crate) first_at: Option<Moment>,
    /// When the last thing happened.
    pub(crate) last_at: Option<Moment>,
    /// What was recorded now, of each kind.
    pub(crate) recorded: Kinds,
    /// What an import before had recorded, of each kind.
    pub(crate) already_there: Kinds,
    /// What could not be recorded.
    pub(crate) refused: Refused,
    /// Names that were cut at 256 bytes.
    pub(crate) names_cut: u64,
    /// Events written now.
    pub(crate) events: u64,
    /// The first of them.
    pub(crate) sequence_first: Option<u64>,
    /// The last of them.
    pub(crate) sequence_last: Option<u64>,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u64,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

/// Lines that could not be read.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct SkippedLines {
    /// How many.
    pub(crate) total: u64,
    /// How many for each reason, without zeros.
    pub(crate) by_reason: Vec<SkippedReason>,
    /// The first three.
    pub(crate) first: Vec<SkippedLine>,
}

/// A reason, and how many lines were skipped for it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SkippedReason {
    /// In words.
    pub(crate) reason: &'static str,
    /// How many.
    pub(crate) count: u64,
}

/// A line that was skipped.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SkippedLine {
    /// Its number, from 1.
    pub(crate) line: u64,
    /// Why.
    pub(crate) reason: &'static str,
}

/// Counts by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Kinds {
    /// Sessions opened.
    pub(crate) opened: u64,
    /// Sessions closed.
    pub(crate) closed: u64,
    /// Tries that failed: the sum of their counts.
    pub(crate) failed: u64,
}

/// What was understood and could not be recorded.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub(crate) struct Refused {
    /// Sessions of a user without a name.
    pub(crate) no_user: u64,
    /// Closes of a session that is not open in this store.
    pub(crate) not_open: u64,
    /// What the store refused.
    pub(crate) rejected: u64,
}

impl Imported {
    /// What the log says; what was recorded is filled in along.
    pub(crate) fn of(source: &str, dry_run: bool) -> Self {
        Self {
            schema: IMPORT_SCHEMA,
            source: source.to_owned(),
            dry_run,
            is_partial: false,
            lines: 0,
            ignored: 0,
            merged: 0,
            skipped: SkippedLines::default(),
            opened: 0,
            closed: 0,
            closed_unmatched: 0,
            failed: 0,
            still_open: 0,
            first_at: None,
            last_at: None,
            recorded: Kinds::default(),
            already_there: Kinds::default(),
            refused: Refused::default(),
            names_cut: 0,
            events: 0,
            sequence_first: None,
            sequence_last: None,
            duration_ms: 0,
            view: View::default(),
        }
    }

    /// Takes over what the reader counted.
    pub(crate) fn count(&mut self, summary: &Summary) {
        let reason =
            |(reason, count): (SkipReason, u64)| SkippedReason { reason: reason.text(), count };
        self.lines = summary.lines;
        self.ignored = summary.ignored;
        self.merged = summary.merged;
        self.opened = summary.opened;
        self.closed = summary.closed;
        self.closed_unmatched = summary.closed_unmatched;
        self.failed = summary.failed;
        self.still_open = summary.still_open;
        let by_reason = summary.skipped.by_reason().filter(|(_, count)| *count > 0);
        let first = summary.skipped.first().iter();
        self.skipped = SkippedLines {
            total: summary.skipped.total(),
            by_reason: by_reason.map(reason).collect(),
            first: first
                .map(|(line, reason)| SkippedLine { line: *line, reason: reason.text() })
                .collect(),
        };
    }

    fn skipped_words(&self) -> String {
        if self.skipped.total == 0 {
            return "no line".to_owned();
        }
        let words =
            |skipped: &SkippedLine| format!("line {}: {}", thousands(skipped.line), skipped.reason);
        let first: Vec<_> = self.skipped.first.iter().map(words).collect();
        let more = if self.skipped.total > super::count_of(first.len()) { " · …" } else { "" };
        format!("{}   ({}{more})", counted(self.skipped.total, "line", "lines"), first.join(" · "))
    }

    fn refused_words(&self) -> Option<String> {
        let Refused { no_user, not_open, rejected } = self.refused;
        let parts: Vec<_> = [
            (no_user, "of a user without a name"),
            (not_open, "closes of a session that is not open here"),
            (rejected, "rejected by the store"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", thousands(count)))
        .collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    }

    /// Whether something was understood and could not be recorded.
    pub(crate) fn is_incomplete(&self) -> bool {
        let Refused { no_user, not_open, rejected } = self.refused;
        self.is_partial || no_user + not_open + rejected > 0
    }
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::wide(8);
        let took = duration(Duration::from_millis(self.duration_ms));
        let lines = counted(self.lines, "line", "lines");
        facts.add("read", format!("{lines} of {}   {took}", self.source));
        if let (Some(first), Some(last)) = (self.first_at, self.last_at) {
            facts.add("span", format!("{} .. {}", self.view.time(first.0), self.view.time(last.0)));
        }
        facts.add("skipped", self.skipped_words());
        facts.add_some("refused", self.refused_words());
        if self.names_cut > 0 {
            facts.add("cut", counted(self.names_cut, "name at 256 bytes", "names at 256 bytes"));
        }
        writeln!(f, "{facts}")?;
        let recorded = if self.dry_run { "WOULD RECORD" } else { "RECORDED" };
        let mut table = Table::new([
            Column::whole(""),
            Column::number("IN THE LOG"),
            Column::number("ALREADY THERE"),
            Column::number(recorded),
        ]);
        let (old, new) = (self.already_there, self.recorded);
        for (what, all, old, new) in [
            ("opened", self.opened, old.opened, new.opened),
            ("closed", self.closed, old.closed, new.closed),
            ("failed", self.failed, old.failed, new.failed),
        ] {
            table.push([what.to_owned(), thousands(all), thousands(old), thousands(new)]);
        }
        f.write_str(&paint::table(&table.to_terminal(None), None))?;
        let Self { events, sequence_first, sequence_last, .. } = *self;
        tell_written(f, self.dry_run, Written { events, sequence_first, sequence_last })
    }
}

/// The last line of an import: what it wrote.
pub(crate) fn tell_written(
    f: &mut fmt::Formatter<'_>,
    dry_run: bool,
    written: Written,
) -> fmt::Result {
    match (dry_run, written.sequence_first, written.sequence_last) {
        (true, ..) => writeln!(f, "nothing was changed"),
        (false, Some(first), Some(last)) => {
            let events = counted(written.events, "event", "events");
            writeln!(f, "{events}, @{} .. @{}", thousands(first), thousands(last))
        }
        (false, ..) => writeln!(f, "nothing new: no event was added"),
    }
}

impl Answer for Imported {
    fn rows(&self) -> Table {
        let first: Vec<_> =
            self.skipped.first.iter().map(|skipped| skipped.line.to_string()).collect();
        super::pairs([
            ("source", self.source.clone()),
            ("dry_run", self.dry_run.to_string()),
            ("lines", self.lines.to_string()),
            ("opened", self.opened.to_string()),
            ("closed", self.closed.to_string()),
            ("closed_unmatched", self.closed_unmatched.to_string()),
            ("failed", self.failed.to_string()),
            ("skipped", self.skipped.total.to_string()),
            ("skipped_first", first.join(",")),
            ("recorded_opened", self.recorded.opened.to_string()),
            ("recorded_closed", self.recorded.closed.to_string()),
            ("recorded_failed", self.recorded.failed.to_string()),
            ("already_opened", self.already_there.opened.to_string()),
            ("already_closed", self.already_there.closed.to_string()),
            ("already_failed", self.already_there.failed.to_string()),
            ("events", self.events.to_string()),
            ("sequence_first", cell(self.sequence_first)),
            ("sequence_last", cell(self.sequence_last)),
        ])
    }
}
