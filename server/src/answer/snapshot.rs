//! Snapshots: which there are, one that was taken, and whether they hold.

use std::{fmt, time::Duration};

use passbook::journal::SnapshotInfo;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, Moment, View, cell, counted, lines,
    paint::{self, painted},
    verify::hex,
};
use crate::render::{
    escape::escape,
    number::{bytes, duration, thousands},
    table::{Column, Table},
};

/// The schema of [`SnapshotList`].
pub(crate) const SNAPSHOT_LIST_SCHEMA: &str = "passbook.snapshot.list/1";
/// The schema of a line of it under `--format jsonl`.
pub(crate) const SNAPSHOT_ITEM_SCHEMA: &str = "passbook.snapshot.item/1";
/// The schema of [`SnapshotMade`].
pub(crate) const SNAPSHOT_CREATED_SCHEMA: &str = "passbook.snapshot.created/1";
/// The schema of [`SnapshotsVerified`].
pub(crate) const SNAPSHOT_VERIFY_SCHEMA: &str = "passbook.snapshot.verify/1";

/// The state after one event, written down.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SnapshotItem {
    /// The event after which it was so.
    pub(crate) sequence: u64,
    /// When that was recorded.
    pub(crate) at: Moment,
    /// When it was taken.
    pub(crate) created_at: Moment,
    /// How many sessions are in it.
    pub(crate) sessions: u64,
    /// Length of its file.
    pub(crate) bytes: u64,
    /// The state's fingerprint, in hexadecimal digits.
    pub(crate) fingerprint: String,
    /// Its file.
    pub(crate) path: Option<String>,
}

impl SnapshotItem {
    pub(crate) fn of(info: &SnapshotInfo) -> Self {
        Self {
            sequence: info.sequence,
            at: Moment(info.time_ms),
            created_at: Moment(info.created_at_ms),
            sessions: info.items,
            bytes: info.bytes,
            fingerprint: hex(&info.digest),
            path: info.path.as_ref().map(|path| path.display().to_string()),
        }
    }

    fn row(&self) -> [String; 7] {
        [
            self.sequence.to_string(),
            self.at.to_string(),
            self.created_at.to_string(),
            self.sessions.to_string(),
            self.bytes.to_string(),
            self.fingerprint.clone(),
            cell(self.path.as_ref()),
        ]
    }
}

/// The columns of a snapshot for a pipe.
const COLUMNS: [&str; 7] =
    ["SEQUENCE", "AT", "CREATED AT", "SESSIONS", "BYTES", "FINGERPRINT", "PATH"];

/// The snapshots that there are.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SnapshotList {
    #[schemars(extend("const" = SNAPSHOT_LIST_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The last event.
    pub(crate) at: u64,
    /// Newest first. Those whose beginning is damaged are left out: see `snapshot verify`.
    pub(crate) items: Vec<SnapshotItem>,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl fmt::Display for SnapshotList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.items.is_empty() {
            return writeln!(f, "no snapshots    as of @{}", thousands(self.at));
        }
        let names = ["SNAPSHOT", "OF", "SESSIONS", "SIZE", "EVENTS SINCE"];
        let mut table = Table::new(names.map(Column::whole));
        for item in &self.items {
            table.push([
                format!("@{}", thousands(item.sequence)),
                self.view.time(item.at.0),
                thousands(item.sessions),
                bytes(item.bytes),
                thousands(self.at.saturating_sub(item.sequence)),
            ]);
        }
        f.write_str(&paint::table(&table.to_terminal(self.view.width), None))?;
        writeln!(f, "as of @{}", thousands(self.at))
    }
}

impl Answer for SnapshotList {
    fn rows(&self) -> Table {
        let mut table = Table::new(COLUMNS.map(Column::whole));
        self.items.iter().for_each(|item| table.push(item.row()));
        table
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        lines(SNAPSHOT_ITEM_SCHEMA, &self.items)
    }
}

/// A snapshot that is durable.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SnapshotMade {
    #[schemars(extend("const" = SNAPSHOT_CREATED_SCHEMA))]
    pub(crate) schema: &'static str,
    /// Whether it was taken now; the newest one may have been of this very state.
    pub(crate) is_new: bool,
    #[serde(flatten)]
    pub(crate) snapshot: SnapshotItem,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u64,
}

impl fmt::Display for SnapshotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SnapshotItem { sequence, sessions, bytes: length, .. } = &self.snapshot;
        let sequence = thousands(*sequence);
        if !self.is_new {
            return writeln!(f, "snapshot @{sequence} is of this state already");
        }
        let took = duration(Duration::from_millis(self.duration_ms));
        let sessions = counted(*sessions, "session", "sessions");
        writeln!(f, "snapshot @{sequence}   {sessions}, {}, {took}", bytes(*length))
    }
}

impl Answer for SnapshotMade {
    fn rows(&self) -> Table {
        let mut table = Table::new(COLUMNS.map(Column::whole));
        table.push(self.snapshot.row());
        table
    }
}

/// Whether the snapshots hold.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SnapshotsVerified {
    #[schemars(extend("const" = SNAPSHOT_VERIFY_SCHEMA))]
    pub(crate) schema: &'static str,
    /// `good` or `bad`.
    pub(crate) result: &'static str,
    /// The last event.
    pub(crate) at: u64,
    /// Newest first.
    pub(crate) items: Vec<SnapshotChecked>,
}

/// Whether one snapshot holds.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SnapshotChecked {
    /// The event after which it was so; `null` if its beginning is damaged.
    pub(crate) sequence: Option<u64>,
    /// Its file.
    pub(crate) path: Option<String>,
    /// `good` or `bad`.
    pub(crate) result: &'static str,
    /// What doesn't hold.
    pub(crate) why: Option<String>,
    /// Whether the events lead to the same state; `null` = those are not in the journal any more.
    pub(crate) matches_events: Option<bool>,
    /// How many sessions are in it.
    pub(crate) sessions: Option<u64>,
}

impl SnapshotChecked {
    pub(crate) fn is_good(&self) -> bool {
        self.why.is_none()
    }

    fn name(&self) -> String {
        let path = || cell(self.path.as_ref());
        self.sequence.map_or_else(path, |sequence| format!("@{}", thousands(sequence)))
    }
}

impl fmt::Display for SnapshotsVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for item in &self.items {
            let name = item.name();
            match (&item.why, item.matches_events) {
                (Some(why), _) => {
                    let bad = painted("BAD", paint::BAD);
                    writeln!(f, "{}   {bad}   {}", escape(&name), escape(why))?;
                }
                (None, Some(true)) => writeln!(f, "{name}   good, and what the events lead to")?,
                (None, Some(false) | None) => {
                    writeln!(f, "{name}   good; the events before it are archived")?;
                }
            }
        }
        if self.items.is_empty() {
            writeln!(f, "no snapshots")?;
        }
        let (word, style) =
            if self.result == "good" { ("GOOD", paint::GOOD) } else { ("BAD", paint::BAD) };
        writeln!(f, "result    {}", painted(word, style))
    }
}

impl Answer for SnapshotsVerified {
    fn rows(&self) -> Table {
        let names = ["SEQUENCE", "RESULT", "MATCHES EVENTS", "SESSIONS", "PATH", "WHY"];
        let mut table = Table::new(names.map(Column::whole));
        for item in &self.items {
            table.push([
                cell(item.sequence),
                item.result.to_owned(),
                cell(item.matches_events),
                cell(item.sessions),
                cell(item.path.as_ref()),
                cell(item.why.as_ref()),
            ]);
        }
        table
    }
}
