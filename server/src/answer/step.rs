//! One step through the events: an event, and what it changed.

mod line;

use std::fmt;

use passbook::Step;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, View, count_of, counted, difference::DifferenceDocument, event::EventDocument,
};
use crate::render::table::{Column, Table};
use line::Line;

/// The schema of [`StepDocument`].
pub(crate) const STEP_SCHEMA: &str = "passbook.replay.step/1";

/// An event, and what it changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct StepDocument {
    #[schemars(extend("const" = STEP_SCHEMA))]
    schema: &'static str,
    /// The event.
    event: EventDocument,
    #[serde(flatten)]
    difference: DifferenceDocument,
    #[serde(skip)]
    #[schemars(skip)]
    lines: Vec<Line>,
    /// Sessions of which no line tells.
    #[serde(skip)]
    #[schemars(skip)]
    left_out: usize,
    #[serde(skip)]
    #[schemars(skip)]
    view: View,
}

impl StepDocument {
    pub(crate) fn of(step: &Step, view: &View) -> Self {
        let mut event = EventDocument::of(&step.recorded, view);
        event.view.is_of_today = view.is_today(event.happened_at_ms());
        let (lines, left_out) = line::lines(step, view);
        let difference = DifferenceDocument::of(&step.difference);
        Self { schema: STEP_SCHEMA, event, difference, lines, left_out, view: view.clone() }
    }
}

impl fmt::Display for StepDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.event.wrapped())?;
        if self.lines.is_empty() {
            writeln!(f, "  no session and no rule changed")?;
        }
        let widest = self.lines.iter().map(Line::label_width).max().unwrap_or(0);
        for line in &self.lines {
            line.write(f, widest, self.view.width)?;
        }
        if self.left_out > 0 {
            let more = counted(count_of(self.left_out), "session more", "sessions more");
            writeln!(f, "  … and {more}: --json names all")?;
        }
        Ok(())
    }
}

impl Answer for StepDocument {
    fn rows(&self) -> Table {
        let mut table = Table::new(
            ["SEQUENCE", "AT", "KIND", "CHANGE", "SESSION", "USER", "WHAT", "BEFORE", "AFTER"]
                .map(Column::whole),
        );
        let event = &self.event;
        let head = || [event.sequence.to_string(), event.at.to_string(), event.kind.to_owned()];
        let changes = self.difference.rows().into_rows();
        if changes.is_empty() {
            table.push(head().into_iter().chain(vec![String::new(); 6]));
        }
        for change in changes {
            table.push(head().into_iter().chain(change));
        }
        table
    }
}
