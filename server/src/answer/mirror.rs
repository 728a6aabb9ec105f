//! How far the rows of a database have come, and whether they are right.

use std::fmt;

use passbook::{RowCheck, RowDifference, RowDifferenceKind};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, cell, count_of, counted,
    facts::Facts,
    paint::{self, painted},
};
use crate::render::{
    number::thousands,
    table::{Column, Table},
};

/// The schema of [`Mirrored`].
pub(crate) const MIRROR_SCHEMA: &str = "passbook.mirror/1";

/// How far the rows of a database have come, and whether they are right.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Mirrored {
    #[schemars(extend("const" = MIRROR_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The database, without what is secret in its address.
    pub(crate) to: String,
    /// The event up to which the rows had come before; 0 = there were none.
    pub(crate) from: u64,
    /// The event up to which they have come.
    pub(crate) sequence: u64,
    /// What a comparison with the live state found; `null`: none was asked for.
    pub(crate) check: Option<Checked>,
}

/// What a comparison with the live state found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Checked {
    /// `good` or `bad`.
    pub(crate) result: &'static str,
    /// The newest event, with whose state the rows were compared.
    pub(crate) at: u64,
    /// How many events the rows are behind it.
    pub(crate) behind: u64,
    /// How many rows there are.
    pub(crate) rows: u64,
    /// Where they differ, in the order of ids.
    pub(crate) differences: Vec<Difference>,
}

/// A row that is not what the live state says.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Difference {
    /// The session.
    pub(crate) session: String,
    /// `missing`: it has no row; `extra`: it is not live; `columns`: these differ.
    pub(crate) kind: &'static str,
    /// The columns that differ.
    pub(crate) columns: Vec<&'static str>,
}

impl Difference {
    fn of(difference: &RowDifference) -> Self {
        let (kind, columns) = match &difference.kind {
            RowDifferenceKind::Missing => ("missing", Vec::new()),
            RowDifferenceKind::Extra => ("extra", Vec::new()),
            RowDifferenceKind::Columns(columns) => ("columns", columns.clone()),
        };
        Self { session: difference.id.to_string(), kind, columns }
    }

    fn words(&self) -> String {
        match self.kind {
            "missing" => "has no row".to_owned(),
            "extra" => "has a row and is not live".to_owned(),
            _ => format!("differs in {}", self.columns.join(", ")),
        }
    }
}

impl Mirrored {
    pub(crate) fn of(to: String, from: u64, sequence: u64) -> Self {
        Self { schema: MIRROR_SCHEMA, to, from, sequence, check: None }
    }

    pub(crate) fn compared(&mut self, check: RowCheck) {
        self.check = Some(Checked {
            result: if check.differences.is_empty() { "good" } else { "bad" },
            at: check.sequence,
            behind: check.sequence.saturating_sub(check.checkpoint),
            rows: count_of(check.rows),
            differences: check.differences.iter().map(Difference::of).collect(),
        });
    }

    /// Whether no comparison found a difference.
    pub(crate) fn is_good(&self) -> bool {
        self.check.as_ref().is_none_or(|check| check.differences.is_empty())
    }
}

impl fmt::Display for Mirrored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::new();
        let events = counted(self.sequence.saturating_sub(self.from), "event", "events");
        facts.own("mirrored", format!("up to @{}, {events} now", thousands(self.sequence)));
        facts.add("to", &self.to);
        let Some(check) = &self.check else { return facts.fmt(f) };
        let behind = counted(check.behind, "event", "events");
        let rows = counted(check.rows, "row", "rows");
        facts.own("compared", format!("{rows} with @{}, {behind} behind", thousands(check.at)));
        let result = if check.differences.is_empty() {
            painted("GOOD", paint::GOOD)
        } else {
            painted("BAD", paint::BAD)
        };
        facts.own("result", result);
        facts.fmt(f)?;
        check
            .differences
            .iter()
            .try_for_each(|each| writeln!(f, "{}  {}", each.session, each.words()))
    }
}

impl Answer for Mirrored {
    fn rows(&self) -> Table {
        let mut table = Table::new([Column::whole("NAME"), Column::whole("VALUE")]);
        let mut push = |name: &str, value: String| table.push([name.to_owned(), value]);
        push("to", self.to.clone());
        push("from", self.from.to_string());
        push("sequence", self.sequence.to_string());
        push("result", cell(self.check.as_ref().map(|check| check.result)));
        push("behind", cell(self.check.as_ref().map(|check| check.behind)));
        for each in self.check.iter().flat_map(|check| &check.differences) {
            push(&each.session, each.words());
        }
        table
    }
}
