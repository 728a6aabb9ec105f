//! Answers: one struct each, for people, for scripts and for programs alike.
//!
//! `Serialize` is the JSON document, `Display` what a terminal shows, [`Answer::rows`] what a pipe
//! gets; so none of them can say something else. `Display` paints; the output strips what the
//! terminal doesn't want.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::render::{
    table::{Column, Table},
    time::{self, Zone},
};

pub(crate) mod backup;
pub(crate) mod bisection;
pub(crate) mod bookmark;
pub(crate) mod compacted;
pub(crate) mod diff;
pub(crate) mod difference;
pub(crate) mod event;
pub(crate) mod explanation;
pub(crate) mod exported;
pub(crate) mod facts;
pub(crate) mod fixture;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod journal;
pub(crate) mod kept;
pub(crate) mod lineage;
pub(crate) mod made;
pub(crate) mod mirror;
pub(crate) mod moved;
pub(crate) mod paint;
pub(crate) mod past;
pub(crate) mod policy;
pub(crate) mod quickstart;
pub(crate) mod restored;
pub(crate) mod salvaged;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod snapshot;
pub(crate) mod step;
pub(crate) mod user;
pub(crate) mod verify;
pub(crate) mod what_if;

/// What a verb answers.
pub(crate) trait Answer: Serialize + fmt::Display {
    /// What a pipe (tab-separated) and a spreadsheet get. Times are whole, nothing is cut.
    fn rows(&self) -> Table;

    /// The documents of `--format jsonl`, one a line: for a list, its items.
    ///
    /// # Errors
    /// None that can happen: answers are plain data.
    fn documents(&self) -> serde_json::Result<Vec<String>> {
        Ok(vec![serde_json::to_string(self)?])
    }
}

/// A terminal with fewer columns than this is narrow.
const NARROW_WIDTH: usize = 100;
const DAY_MS: u64 = 24 * 3_600_000;

/// How an answer is shown to a person. It is no part of the document.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// In which zone times are shown.
    pub(crate) zone: Zone,
    /// Columns are cut to this width; `None` = not.
    pub(crate) width: Option<usize>,
    /// What "2 min ago" counts from.
    pub(crate) now_ms: u64,
    /// All that is shown is of today: times need no date.
    pub(crate) is_of_today: bool,
}

impl View {
    pub(crate) fn time(&self, time_ms: u64) -> String {
        time::human(time_ms, &self.zone)
    }

    /// `14:03:11.482Z` where all is of this day, else with its date.
    pub(crate) fn clock(&self, time_ms: u64) -> String {
        if self.is_of_today { time::clock(time_ms, &self.zone) } else { self.time(time_ms) }
    }

    /// Whether that is today, in UTC.
    pub(crate) fn is_today(&self, time_ms: u64) -> bool {
        time_ms / DAY_MS == self.now_ms / DAY_MS
    }

    /// Whether the terminal is too narrow for all columns.
    pub(crate) fn is_narrow(&self) -> bool {
        self.width.is_some_and(|width| width < NARROW_WIDTH)
    }

    pub(crate) fn relative(&self, time_ms: u64) -> String {
        time::relative(time_ms, self.now_ms)
    }

    /// `2026-11-20 14:03:11.482Z (2 min ago)`.
    pub(crate) fn time_and_relative(&self, time_ms: u64) -> String {
        format!("{} ({})", self.time(time_ms), self.relative(time_ms))
    }
}

/// A time in a document: RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) u64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&time::rfc_3339(self.0))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// The text of an optional value, empty if there is none: for cells.
pub(crate) fn cell(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// An item of a list as a document of its own.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Line<'a, T> {
    /// What it is: the name of the list's item and its version.
    schema: &'static str,
    #[serde(flatten)]
    item: &'a T,
}

/// The items of a list, a document each.
pub(crate) fn lines<T: Serialize>(
    schema: &'static str,
    items: &[T],
) -> serde_json::Result<Vec<String>> {
    items.iter().map(|item| serde_json::to_string(&Line { schema, item })).collect()
}

/// `one session`, `2 sessions`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{} {noun}", crate::render::number::thousands(count))
}

/// `2026-11-20 14:03:11Z`: where there is little room.
pub(crate) fn without_ms(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, rest)) => seconds.to_owned() + rest.get(3..).unwrap_or_default(),
        None => time.to_owned(),
    }
}

/// A count for a document.
pub(crate) fn count_of(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Names and values: what an answer that is no list gives to a pipe.
pub(crate) fn pairs<const N: usize>(pairs: [(&str, String); N]) -> Table {
    let mut table = Table::new([Column::whole("NAME"), Column::whole("VALUE")]);
    for (name, value) in pairs {
        table.push([name.to_owned(), value]);
    }
    table
}
