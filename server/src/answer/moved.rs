//! What became of the sessions of another store.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, cell, counted, facts::Facts, import::tell_written};
use crate::{
    render::{
        number::{duration, thousands},
        table::Table,
    },
    sending::Written,
};

/// The schema of [`Moved`].
pub(crate) const MOVED_SCHEMA: &str = "passbook.import.sessions/1";
/// So many refused rows are shown.
const SHOWN_MAX: usize = 5;

/// What became of the sessions of another store.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Moved {
    #[schemars(extend("const" = MOVED_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The file, or `-`, or the address without what is secret in it.
    pub(crate) source: String,
    /// What kind of store it is.
    pub(crate) from: &'static str,
    /// Nothing was changed: this is what would be.
    pub(crate) dry_run: bool,
    /// It was stopped before the end.
    pub(crate) is_partial: bool,
    /// Rows or lines read.
    pub(crate) rows: u64,
    /// Sessions that were taken over.
    pub(crate) imported: u64,
    /// Sessions that were here already, live or ended since.
    pub(crate) already_there: u64,
    /// Sessions whose time was over.
    pub(crate) expired: u64,
    /// Rows that could not be taken over.
    pub(crate) refused: RefusedRows,
    /// Whether the sessions here are those of the export, by fingerprint; null if that can't be
    /// told: no header, rows left out, or a store that had sessions before.
    pub(crate) is_equal: Option<bool>,
    /// Events written now.
    pub(crate) events: u64,
    /// The first of them.
    pub(crate) sequence_first: Option<u64>,
    /// The last of them.
    pub(crate) sequence_last: Option<u64>,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u64,
}

/// Rows that could not be taken over.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct RefusedRows {
    /// How many.
    pub(crate) total: u64,
    /// The first five.
    pub(crate) first: Vec<RefusedRow>,
}

/// A row that could not be taken over.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RefusedRow {
    /// The number of the row or line, from 1.
    pub(crate) row: u64,
    /// Why.
    pub(crate) reason: String,
}

impl Moved {
    pub(crate) fn of(source: &str, from: &'static str, dry_run: bool) -> Self {
        let source = source.to_owned();
        Self { schema: MOVED_SCHEMA, source, from, dry_run, ..Self::default() }
    }

    pub(crate) fn refuse(&mut self, row: u64, reason: String) {
        self.refused.total += 1;
        if self.refused.first.len() < SHOWN_MAX {
            self.refused.first.push(RefusedRow { row, reason });
        }
    }

    pub(crate) fn add_written(&mut self, written: Written) {
        let Written { events, sequence_first, sequence_last } = written;
        self.events += events;
        self.sequence_first = self.sequence_first.or(sequence_first);
        self.sequence_last = sequence_last.or(self.sequence_last);
    }

    /// Whether all that was read is here now, or was over.
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_partial && self.refused.total == 0
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::wide(13);
        let took = duration(Duration::from_millis(self.duration_ms));
        let rows = counted(self.rows, "row", "rows");
        facts.add("read", format!("{rows} of {} ({})   {took}", self.source, self.from));
        let imported = if self.dry_run { "would import" } else { "imported" };
        facts.add(imported, counted(self.imported, "session", "sessions"));
        facts.add("already there", thousands(self.already_there));
        facts.add("expired", thousands(self.expired));
        facts.add("refused", thousands(self.refused.total));
        for RefusedRow { row, reason } in &self.refused.first {
            facts.add("", format!("row {}: {reason}", thousands(*row)));
        }
        facts.add_some("same as there", self.is_equal.map(|same| if same { "yes" } else { "NO" }));
        writeln!(f, "{facts}")?;
        let Self { events, sequence_first, sequence_last, .. } = *self;
        tell_written(f, self.dry_run, Written { events, sequence_first, sequence_last })
    }
}

impl Answer for Moved {
    fn rows(&self) -> Table {
        let words = |RefusedRow { row, reason }: &RefusedRow| format!("{row}: {reason}");
        let first: Vec<_> = self.refused.first.iter().map(words).collect();
        super::pairs([
            ("source", self.source.clone()),
            ("from", self.from.to_owned()),
            ("dry_run", self.dry_run.to_string()),
            ("rows", self.rows.to_string()),
            ("imported", self.imported.to_string()),
            ("already_there", self.already_there.to_string()),
            ("expired", self.expired.to_string()),
            ("refused", self.refused.total.to_string()),
            ("refused_first", first.join(" · ")),
            ("is_equal", cell(self.is_equal)),
            ("events", self.events.to_string()),
            ("sequence_first", cell(self.sequence_first)),
            ("sequence_last", cell(self.sequence_last)),
        ])
    }
}
