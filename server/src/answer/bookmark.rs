//! Moments that have a name.

use std::fmt;

use passbook::{Fact, Recorded};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Moment, View, cell, lines, paint};
use crate::render::{
    escape::escape,
    number::thousands,
    table::{Column, Table},
};

/// The schema of [`BookmarkMade`].
pub(crate) const BOOKMARK_CREATED_SCHEMA: &str = "passbook.bookmark.created/1";
/// The schema of a line of the list under `--format jsonl`.
pub(crate) const BOOKMARK_ITEM_SCHEMA: &str = "passbook.bookmark.item/1";
/// The schema of [`BookmarkList`].
pub(crate) const BOOKMARK_LIST_SCHEMA: &str = "passbook.bookmark.list/1";

/// A moment that has a name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BookmarkItem {
    /// Its name, to be given as `=NAME`.
    pub(crate) name: String,
    /// The event that gave it: the moment.
    pub(crate) sequence: u64,
    /// When that was recorded.
    at: Moment,
    /// The same, in Unix milliseconds.
    at_ms: u64,
    /// Who gave it.
    actor: String,
    /// The words on it.
    note: Option<String>,
}

impl BookmarkItem {
    /// `None` if the event names no moment.
    pub(crate) fn of(recorded: &Recorded) -> Option<Self> {
        let Recorded { sequence, event } = recorded;
        let Fact::Bookmark { name } = &event.fact else { return None };
        Some(Self {
            name: name.to_string(),
            sequence: *sequence,
            at: Moment(event.at_ms),
            at_ms: event.at_ms,
            actor: event.actor.to_string(),
            note: event.note.as_ref().map(|note| note.text().to_string()),
        })
    }
}

/// A name that was given.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BookmarkMade {
    #[schemars(extend("const" = BOOKMARK_CREATED_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The name, to be given as `=NAME`.
    pub(crate) name: String,
    /// The event that gave it: the moment.
    pub(crate) sequence: u64,
}

impl fmt::Display for BookmarkMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "@{} is ={}", thousands(self.sequence), escape(&self.name))
    }
}

impl Answer for BookmarkMade {
    fn rows(&self) -> Table {
        super::pairs([("name", self.name.clone()), ("sequence", self.sequence.to_string())])
    }
}

/// The moments that have a name, newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BookmarkList {
    #[schemars(extend("const" = BOOKMARK_LIST_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The last event that was looked at.
    pub(crate) at: u64,
    /// The moments. Of a name that was given twice, the later one.
    pub(crate) items: Vec<BookmarkItem>,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl BookmarkList {
    fn table(&self, time: impl Fn(&BookmarkItem) -> String) -> Table {
        let mut table = Table::new([
            Column::whole("SEQUENCE"),
            Column::whole("AT"),
            Column::whole("NAME"),
            Column::whole("ACTOR"),
            Column::text("NOTE"),
        ]);
        for item in &self.items {
            let (actor, note) = (item.actor.clone(), cell(item.note.as_ref()));
            table.push([item.sequence.to_string(), time(item), item.name.clone(), actor, note]);
        }
        table
    }
}

impl fmt::Display for BookmarkList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.items.is_empty() {
            return writeln!(f, "no moment has a name");
        }
        let table = self.table(|item| self.view.time(item.at_ms));
        f.write_str(&paint::table(&table.to_terminal(self.view.width), None))
    }
}

impl Answer for BookmarkList {
    fn rows(&self) -> Table {
        self.table(|item| item.at.to_string())
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        lines(BOOKMARK_ITEM_SCHEMA, &self.items)
    }
}
