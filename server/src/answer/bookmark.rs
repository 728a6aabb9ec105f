//! Moments that have a name.

use std::fmt;

use passbook::{Recorded, core::BookmarkName};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Moment, View, cell, lines, paint};
use crate::{
    reading::{Bookmark, Place},
    render::{
        escape::escape,
        number::thousands,
        table::{Column, Table},
    },
};

/// The schema of [`BookmarkMade`].
pub(crate) const BOOKMARK_CREATED_SCHEMA: &str = "passbook.bookmark.created/1";
/// The schema of a line of the list under `--format jsonl`.
pub(crate) const BOOKMARK_ITEM_SCHEMA: &str = "passbook.bookmark.item/1";
/// The schema of [`BookmarkList`].
pub(crate) const BOOKMARK_LIST_SCHEMA: &str = "passbook.bookmark.list/1";

/// The schema of [`BookmarkDeleted`].
pub(crate) const BOOKMARK_DELETED_SCHEMA: &str = "passbook.bookmark.deleted/1";

/// The moment that a name is of: one of the two.
#[expect(clippy::struct_field_names, reason = "they are the names of the document")]
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
struct Named {
    /// After which event it is; `null` = it is a time.
    names_sequence: Option<u64>,
    /// Which time it is; `null` = it is after an event.
    names_time: Option<Moment>,
    /// The same, in Unix milliseconds.
    names_time_ms: Option<u64>,
}

impl Named {
    fn of(place: Place) -> Self {
        let (names_sequence, names_time_ms) = match place {
            Place::Sequence(sequence) => (Some(sequence), None),
            Place::Time(time_ms) => (None, Some(time_ms)),
        };
        Self { names_sequence, names_time: names_time_ms.map(Moment), names_time_ms }
    }

    /// As it can be given again; times as the reader wants them.
    fn words(&self, time: impl Fn(u64) -> String) -> String {
        let sequence = self.names_sequence.map(|sequence| format!("@{}", thousands(sequence)));
        sequence.or_else(|| self.names_time_ms.map(time)).unwrap_or_default()
    }
}

/// A moment that has a name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BookmarkItem {
    /// Its name, to be given as `=NAME`.
    pub(crate) name: String,
    #[serde(flatten)]
    named: Named,
    /// The event that gave the name.
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
    pub(crate) fn of(bookmark: &Bookmark) -> Self {
        let Recorded { sequence, event } = &bookmark.recorded;
        Self {
            name: bookmark.name.to_string(),
            named: Named::of(bookmark.place),
            sequence: *sequence,
            at: Moment(event.at_ms),
            at_ms: event.at_ms,
            actor: event.actor.to_string(),
            note: event.note.as_ref().map(|note| note.text().to_string()),
        }
    }
}

/// A name that was given.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BookmarkMade {
    #[schemars(extend("const" = BOOKMARK_CREATED_SCHEMA))]
    schema: &'static str,
    /// The name, to be given as `=NAME`.
    name: String,
    #[serde(flatten)]
    named: Named,
    /// The event that gave it.
    sequence: u64,
    #[serde(skip)]
    #[schemars(skip)]
    view: View,
}

impl BookmarkMade {
    pub(crate) fn of(name: &BookmarkName, sequence: u64, place: Place, view: View) -> Self {
        let (name, named) = (name.to_string(), Named::of(place));
        Self { schema: BOOKMARK_CREATED_SCHEMA, name, named, sequence, view }
    }
}

impl fmt::Display for BookmarkMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.named.words(|time_ms| self.view.time(time_ms));
        writeln!(f, "{moment} is ={}", escape(&self.name))
    }
}

impl Answer for BookmarkMade {
    fn rows(&self) -> Table {
        super::pairs([
            ("name", self.name.clone()),
            ("names_sequence", cell(self.named.names_sequence)),
            ("names_time", cell(self.named.names_time)),
            ("sequence", self.sequence.to_string()),
        ])
    }
}

/// A name that was given up.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BookmarkDeleted {
    #[schemars(extend("const" = BOOKMARK_DELETED_SCHEMA))]
    schema: &'static str,
    /// The name.
    name: String,
    /// The event that says so.
    sequence: u64,
}

impl BookmarkDeleted {
    pub(crate) fn of(name: &BookmarkName, sequence: u64) -> Self {
        Self { schema: BOOKMARK_DELETED_SCHEMA, name: name.to_string(), sequence }
    }
}

impl fmt::Display for BookmarkDeleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "={} is no moment any more, since @{}",
            escape(&self.name),
            thousands(self.sequence)
        )
    }
}

impl Answer for BookmarkDeleted {
    fn rows(&self) -> Table {
        super::pairs([("name", self.name.clone()), ("sequence", self.sequence.to_string())])
    }
}

/// The moments that have a name, the name given last first.
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
    fn table(&self, time: impl Fn(u64) -> String) -> Table {
        let mut table = Table::new([
            Column::whole("NAME"),
            Column::whole("MOMENT"),
            Column::whole("GIVEN BY"),
            Column::whole("AT"),
            Column::whole("ACTOR"),
            Column::text("NOTE"),
        ]);
        for item in &self.items {
            table.push([
                item.name.clone(),
                item.named.words(&time),
                format!("@{}", thousands(item.sequence)),
                time(item.at_ms),
                item.actor.clone(),
                cell(item.note.as_ref()),
            ]);
        }
        table
    }
}

impl fmt::Display for BookmarkList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.items.is_empty() {
            return writeln!(f, "no moment has a name");
        }
        let table = self.table(|time_ms| self.view.time(time_ms));
        f.write_str(&paint::table(&table.to_terminal(self.view.width), None))
    }
}

impl Answer for BookmarkList {
    fn rows(&self) -> Table {
        self.table(|time_ms| Moment(time_ms).to_string())
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        lines(BOOKMARK_ITEM_SCHEMA, &self.items)
    }
}
