//! A user's history: logins, failures, endings, newest first.

use std::fmt;

use passbook::{HistoryEntry, HistoryKind, core::ReuseVerdict};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Moment, View, cell, counted, kept::CompleteFrom, session::transport_text};
use crate::render::{
    number::thousands,
    table::{Column, Table},
};

/// The schema of [`UserHistory`].
pub(crate) const USER_HISTORY_SCHEMA: &str = "passbook.user.history/1";
/// The schema of a line of it under `--format jsonl`.
pub(crate) const HISTORY_ITEM_SCHEMA: &str = "passbook.history.item/1";

/// One line of a user's history.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct HistoryItem {
    /// When it happened; for an import, the log's time.
    pub(crate) at: Moment,
    /// The same, in Unix milliseconds.
    pub(crate) at_ms: u64,
    /// When it was recorded.
    pub(crate) recorded_at: Moment,
    /// The event that it tells of; of several folded ones, the first.
    pub(crate) sequence: u64,
    /// `login`, `failed`, `ended`, `refreshed`, `upgraded`, `device`, `tenant`, `reuse`.
    pub(crate) what: &'static str,
    /// How (a login), why (an end, a failure), or what it became.
    pub(crate) detail: String,
    /// Of failures and refreshes: how many.
    pub(crate) count: u32,
    /// The session; none in a failure.
    pub(crate) session: Option<String>,
    /// Of an end: how long the session had been open, in milliseconds.
    pub(crate) duration_ms: Option<u64>,
    /// Who acted.
    pub(crate) actor: String,
    /// The client's address.
    pub(crate) ip: Option<String>,
    /// The client's name, where a log has a name and no address.
    pub(crate) remote_host: Option<String>,
    /// What a person calls the device, or else what its client said of itself.
    pub(crate) device: Option<String>,
    /// The program that logged it, for an import.
    pub(crate) service: Option<String>,
    /// The words on the act.
    pub(crate) note: Option<String>,
}

impl HistoryItem {
    pub(crate) fn of(entry: &HistoryEntry) -> Self {
        let (what, detail, count) = told(&entry.kind);
        let text = |text: &Option<passbook::core::Text>| text.as_ref().map(ToString::to_string);
        let duration_ms = match &entry.kind {
            HistoryKind::End { duration_ms, .. } => Some(*duration_ms),
            HistoryKind::Login { .. }
            | HistoryKind::Refresh { .. }
            | HistoryKind::Upgrade { .. }
            | HistoryKind::StepUp { .. }
            | HistoryKind::Device
            | HistoryKind::Tenant(_)
            | HistoryKind::Reuse(_)
            | HistoryKind::Failure { .. } => None,
        };
        Self {
            at: Moment(entry.at_ms),
            at_ms: entry.at_ms,
            recorded_at: Moment(entry.recorded_at_ms),
            sequence: entry.sequence,
            what,
            detail,
            count,
            session: entry.session.map(|id| id.to_string()),
            duration_ms,
            actor: entry.actor.to_string(),
            ip: entry.ip.map(|ip| ip.to_string()),
            remote_host: text(&entry.remote_host),
            device: text(&entry.device),
            service: text(&entry.service),
            note: text(&entry.note),
        }
    }

    fn from(&self) -> &str {
        self.ip.as_deref().or(self.remote_host.as_deref()).unwrap_or_default()
    }

    /// The device, or else the program that logged it.
    fn on(&self) -> &str {
        self.device.as_deref().or(self.service.as_deref()).unwrap_or_default()
    }

    fn detail_and_count(&self) -> String {
        if self.count > 1 {
            format!("{} ×{}", self.detail, thousands(u64::from(self.count)))
        } else {
            self.detail.clone()
        }
    }
}

/// The word, the detail and the count of a line.
fn told(kind: &HistoryKind) -> (&'static str, String, u32) {
    match kind {
        HistoryKind::Login { is_guest: true, transport } => {
            ("login", format!("guest, {}", transport_text(*transport)), 1)
        }
        HistoryKind::Login { is_guest: false, transport } => {
            ("login", transport_text(*transport).to_owned(), 1)
        }
        HistoryKind::Refresh { count, .. } => ("refreshed", "new token".to_owned(), *count),
        HistoryKind::Upgrade { guest } => ("upgraded", format!("was {guest}"), 1),
        HistoryKind::StepUp { amr } => ("step_up", amr.to_string(), 1),
        HistoryKind::Device => ("device", "labelled".to_owned(), 1),
        HistoryKind::Tenant(tenant) => {
            ("tenant", tenant.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string), 1)
        }
        HistoryKind::Reuse(verdict) => {
            let verdict = match verdict {
                ReuseVerdict::Race => "race, refused",
                ReuseVerdict::Refused => "refused",
                ReuseVerdict::Ended => "ended",
            };
            ("reuse", verdict.to_owned(), 1)
        }
        HistoryKind::Failure { reason, count } => ("failed", reason.to_string(), *count),
        HistoryKind::End { reason, .. } => ("ended", reason.to_string(), 1),
    }
}

/// Logins, failures and endings of a user, newest first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct UserHistory {
    #[schemars(extend("const" = USER_HISTORY_SCHEMA))]
    pub(crate) schema: &'static str,
    /// Whose.
    pub(crate) user_id: String,
    /// The last event that it is told from.
    pub(crate) at: u64,
    /// Newest first.
    pub(crate) items: Vec<HistoryItem>,
    /// How many there are, shown or not.
    pub(crate) total: u64,
    /// Behind which line the next page begins, for `--before`; `null` = these were the last.
    pub(crate) next: Option<String>,
    /// From where on nothing is missing.
    pub(crate) complete_from: CompleteFrom,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl UserHistory {
    /// The one place where an id is shortened: on a terminal.
    fn shown_id(&self, id: Option<&String>) -> String {
        let Some(id) = id else { return String::new() };
        let (Some(head), Some(tail)) = (id.get(..10), id.get(id.len().saturating_sub(3)..)) else {
            return id.clone();
        };
        if self.view.width.is_some() { format!("{head}…{tail}") } else { id.clone() }
    }
}

impl fmt::Display for UserHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_narrow = self.view.is_narrow();
        let mut columns = vec![Column::whole(""); 3];
        columns.extend([Column::text(""), Column::text("")]);
        columns.extend((!is_narrow).then_some(Column::whole("")));
        let mut table = Table::new(columns);
        for item in &self.items {
            let word = match item.what {
                "failed" => "FAILED",
                "reuse" => "REUSE",
                what => what,
            };
            let time = self.view.time(item.at_ms);
            let mut row = vec![
                if is_narrow { super::without_ms(&time) } else { time },
                word.to_owned(),
                item.detail_and_count(),
                item.from().to_owned(),
                item.on().to_owned(),
            ];
            row.extend((!is_narrow).then(|| self.shown_id(item.session.as_ref())));
            table.push(row);
        }
        let text = super::paint::table(&table.to_terminal(self.view.width), Some(1));
        // The columns speak for themselves: no header.
        f.write_str(text.split_once('\n').map(|(_header, rows)| rows).unwrap_or_default())?;
        let shown = super::count_of(self.items.len());
        if shown < self.total {
            let total = counted(self.total, "line", "lines");
            writeln!(f, "{} of {total} (-n shows more)", thousands(shown))?;
        }
        if let Some(next) = &self.next {
            writeln!(f, "next: --before {next}")?;
        }
        if self.complete_from.is_cut() {
            writeln!(f, "history {}", self.complete_from.words(&self.view))?;
        }
        Ok(())
    }
}

impl Answer for UserHistory {
    fn rows(&self) -> Table {
        let mut table = Table::new(
            [
                "AT",
                "WHAT",
                "DETAIL",
                "COUNT",
                "FROM",
                "DEVICE",
                "SERVICE",
                "SESSION",
                "ACTOR",
                "RECORDED AT",
                "SEQUENCE",
                "NOTE",
            ]
            .map(Column::whole),
        );
        for item in &self.items {
            table.push([
                item.at.to_string(),
                item.what.to_owned(),
                item.detail.clone(),
                item.count.to_string(),
                item.from().to_owned(),
                cell(item.device.as_ref()),
                cell(item.service.as_ref()),
                cell(item.session.as_ref()),
                item.actor.clone(),
                item.recorded_at.to_string(),
                item.sequence.to_string(),
                cell(item.note.as_ref()),
            ]);
        }
        table
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        super::lines(HISTORY_ITEM_SCHEMA, &self.items)
    }
}
