//! The journal at a glance.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Moment, View, cell, counted, facts::Facts, kept::CompleteFrom};
use crate::render::{
    number::{bytes, thousands},
    table::Table,
};

/// The schema of [`JournalStat`].
pub(crate) const JOURNAL_STAT_SCHEMA: &str = "passbook.journal.stat/1";

/// The journal at a glance.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct JournalStat {
    #[schemars(extend("const" = JOURNAL_STAT_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The folder.
    pub(crate) path: String,
    /// The store's identity, in hexadecimal digits.
    pub(crate) store: String,
    /// The format of its files.
    pub(crate) format_version: u32,
    /// How many events there are.
    pub(crate) events: u64,
    /// The first event that is kept; `null` = there is none.
    pub(crate) sequence_first: Option<u64>,
    /// The last event.
    pub(crate) sequence_last: Option<u64>,
    /// When the first was recorded.
    pub(crate) at_first: Option<Moment>,
    /// When the last was recorded.
    pub(crate) at_last: Option<Moment>,
    /// When the earliest event in the journal happened: earlier than it was recorded, if it was
    /// imported.
    pub(crate) occurred_first: Option<Moment>,
    /// How many events were recorded within the last hour.
    pub(crate) events_last_hour: u64,
    /// How many events were recorded within the last 24 hours.
    pub(crate) events_last_day: u64,
    /// Live sessions.
    pub(crate) live_sessions: u64,
    /// Users who have one.
    pub(crate) live_users: u64,
    /// The version of the policy in force; 0 = the built-in one.
    pub(crate) policy_version: u32,
    /// Bytes of all segments.
    pub(crate) bytes: u64,
    /// Those of them that hold events.
    pub(crate) used_bytes: u64,
    /// How many segments there are.
    pub(crate) segments: u64,
    /// How many archives there are.
    pub(crate) archives: u64,
    /// Bytes of all archives.
    pub(crate) archive_bytes: u64,
    /// Events in the archive.
    pub(crate) archived_events: u64,
    /// Events, data of sessions, of which the archive has only the leaf.
    pub(crate) leaves: u64,
    /// The last event that a compaction took from the journal; `null` = there was none.
    pub(crate) compacted_through: Option<u64>,
    /// From where on the history is complete.
    pub(crate) complete_from: CompleteFrom,
    /// The events after which there are snapshots, newest first.
    pub(crate) snapshots: Vec<u64>,
    /// Whether a process has it open for writing.
    pub(crate) is_held: bool,
    /// Whether it was closed in order, with nothing written after.
    pub(crate) closed_cleanly: bool,
    /// What lies behind the last event: `clean`, `torn`, `ambiguous` or `corrupt`.
    pub(crate) tail: &'static str,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl JournalStat {
    fn range(&self) -> String {
        let (Some(first), Some(last)) = (self.sequence_first, self.sequence_last) else {
            return "none yet".to_owned();
        };
        format!("{}   @{} .. @{}", thousands(self.events), thousands(first), thousands(last))
    }

    fn size(&self) -> String {
        let mut text = format!(
            "{} used of {} in {}",
            bytes(self.used_bytes),
            bytes(self.bytes),
            counted(self.segments, "segment", "segments")
        );
        if !self.snapshots.is_empty() {
            text.push_str(" · snapshots ");
            text.push_str(&snapshots_words(&self.snapshots));
        }
        if self.archives > 0 {
            text.push_str(" · archive ");
            text.push_str(&bytes(self.archive_bytes));
        }
        text
    }

    fn writer(&self) -> &'static str {
        match (self.is_held, self.closed_cleanly) {
            (true, _) => "a process has it open",
            (false, true) => "none; closed in order",
            (false, false) => "none; the last one did not close it",
        }
    }
}

/// `@1,040,000, @1,000,000`.
pub(crate) fn snapshots_words(snapshots: &[u64]) -> String {
    let words: Vec<_> = snapshots.iter().map(|at| format!("@{}", thousands(*at))).collect();
    words.join(", ")
}

impl fmt::Display for JournalStat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::wide(9);
        facts.add("store", format!("{}   format {}", self.path, self.format_version));
        facts.add("events", self.range());
        if let (Some(first), Some(last)) = (self.at_first, self.at_last) {
            let (from, to) = (self.view.time(first.0), self.view.time(last.0));
            facts.add("recorded", format!("{from} .. {to}"));
            let imported = self.occurred_first.filter(|occurred| *occurred < first);
            facts.add_some(
                "imported",
                imported.map(|at| format!("back to {}", self.view.time(at.0))),
            );
        }
        facts.add(
            "rate",
            format!(
                "{} in the last hour · {} in the last day",
                thousands(self.events_last_hour),
                thousands(self.events_last_day)
            ),
        );
        facts.add(
            "live",
            format!(
                "{} of {}",
                counted(self.live_sessions, "session", "sessions"),
                counted(self.live_users, "user", "users")
            ),
        );
        facts.add("size", self.size());
        if self.sequence_first.is_some() {
            let compacted = self.compacted_through.map(thousands);
            let compacted = compacted.map(|through| format!(" · compacted up to @{through}"));
            let kept = self.complete_from.words(&self.view);
            facts.add("history", kept + &compacted.unwrap_or_default());
        }
        facts.add("writer", self.writer());
        if self.tail != "clean" {
            facts.add("tail", self.tail);
        }
        facts.fmt(f)
    }
}

impl Answer for JournalStat {
    fn rows(&self) -> Table {
        super::pairs([
            ("path", self.path.clone()),
            ("store", self.store.clone()),
            ("format_version", self.format_version.to_string()),
            ("events", self.events.to_string()),
            ("sequence_first", cell(self.sequence_first)),
            ("sequence_last", cell(self.sequence_last)),
            ("at_first", cell(self.at_first)),
            ("at_last", cell(self.at_last)),
            ("occurred_first", cell(self.occurred_first)),
            ("events_last_hour", self.events_last_hour.to_string()),
            ("events_last_day", self.events_last_day.to_string()),
            ("live_sessions", self.live_sessions.to_string()),
            ("live_users", self.live_users.to_string()),
            ("policy_version", self.policy_version.to_string()),
            ("bytes", self.bytes.to_string()),
            ("used_bytes", self.used_bytes.to_string()),
            ("segments", self.segments.to_string()),
            ("archives", self.archives.to_string()),
            ("archive_bytes", self.archive_bytes.to_string()),
            ("archived_events", self.archived_events.to_string()),
            ("leaves", self.leaves.to_string()),
            ("compacted_through", cell(self.compacted_through)),
            ("complete_from", self.complete_from.sequence.to_string()),
            ("snapshots", snapshots_words(&self.snapshots).replace([',', '@'], "")),
            ("is_held", self.is_held.to_string()),
            ("closed_cleanly", self.closed_cleanly.to_string()),
            ("tail", self.tail.to_owned()),
        ])
    }
}
