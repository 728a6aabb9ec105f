//! A list of sessions, as a table, as rows and as a document.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{SESSION_ITEM_SCHEMA, SESSION_LIST_SCHEMA, SessionItem, Standing};
use crate::{
    answer::{Answer, Moment, View, cell, kept::CompleteFrom, lines, paint},
    render::{
        number::thousands,
        table::{Column, Table},
    },
};

/// How many there are of each kind that the filter lets through.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
pub(crate) struct Counts {
    /// Live ones.
    pub(crate) live: u64,
    /// Ended ones.
    pub(crate) ended: u64,
    /// Expired ones.
    pub(crate) expired: u64,
    /// Only those that ended or expired by this event or a later one are counted: a list of live
    /// sessions begins at a snapshot. `null` = all are.
    pub(crate) ended_since: Option<u64>,
}

impl Counts {
    pub(crate) fn add(&mut self, standing: Standing) {
        match standing {
            Standing::Live => self.live += 1,
            Standing::Ended => self.ended += 1,
            Standing::Expired => self.expired += 1,
        }
    }
}

/// Sessions at one moment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SessionList {
    #[schemars(extend("const" = SESSION_LIST_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The last event that it is told from.
    pub(crate) at: u64,
    /// The moment at which sessions are judged.
    pub(crate) as_of: Moment,
    /// The sessions, in the order asked for.
    pub(crate) items: Vec<SessionItem>,
    /// Where the next page begins; always `null`: all of them are here.
    pub(crate) next: Option<String>,
    /// How many the filter lets through, shown or not.
    pub(crate) counts: Counts,
    /// From where on ended ones are known; `null` in a list of live ones.
    pub(crate) complete_from: Option<CompleteFrom>,
    /// Only live ones are shown.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) only_live: bool,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl SessionList {
    /// `2 live, 1 ended (state:ended shows it)`.
    fn words(&self) -> String {
        let Counts { live, ended, expired, ended_since } = self.counts;
        let mut words = vec![format!("{} live", thousands(live))];
        let mut hidden = Vec::new();
        for (count, state) in [(ended, "ended"), (expired, "expired")] {
            if count > 0 {
                words.push(format!("{} {state}", thousands(count)));
                hidden.push(state);
            }
        }
        let mut text = words.join(", ");
        if let Some(since) = ended_since.filter(|_| !hidden.is_empty()) {
            text.extend([" since @", &thousands(since)]);
        }
        if self.only_live && !hidden.is_empty() {
            let them = if ended + expired == 1 { "it" } else { "them" };
            text.extend([" (state:", &hidden.join(","), " shows ", them, ")"]);
        }
        text
    }

    /// Which columns say something, and fit: where there is little room, a list of live ones
    /// doesn't say so on each line.
    fn shown(&self) -> Shown {
        let first = self.items.first();
        let is_of_first = |item: &SessionItem| Some(&item.user_id) == first.map(|i| &i.user_id);
        let is_narrow = self.view.is_narrow();
        Shown {
            states: !(is_narrow && self.only_live),
            users: !self.items.iter().all(is_of_first),
            tenants: self.items.iter().any(|item| item.tenant_id.is_some()),
            ends: self.items.iter().any(|item| item.ended_at.is_some()),
            is_narrow,
        }
    }

    fn table(&self, shown: Shown) -> Table {
        let Shown { states, users, tenants, ends, is_narrow } = shown;
        let mut columns = vec![Column::whole("SESSION")];
        columns.extend(states.then_some(Column::whole("STATE")));
        columns.extend(users.then_some(Column::text("USER")));
        columns.extend(tenants.then_some(Column::text("TENANT")));
        columns.extend([Column::text("DEVICE"), Column::text("IP")]);
        columns.push(Column::whole(if is_narrow { "ACTIVE" } else { "LAST ACTIVE" }));
        columns.push(Column::whole(if ends { "ENDS/ENDED" } else { "EXPIRES" }));
        columns.extend(ends.then_some(Column::text("REASON")));
        let mut table = Table::new(columns);
        for item in &self.items {
            let mut row = vec![item.id.clone()];
            row.extend(states.then(|| item.state.as_str().to_owned()));
            row.extend(users.then(|| item.user_id.clone()));
            row.extend(tenants.then(|| cell(item.tenant_id.as_ref())));
            row.extend([
                item.device_or_agent().to_owned(),
                cell(item.ip.as_ref()),
                self.view.relative(item.last_active_at_ms),
                item.fate(&self.view),
            ]);
            row.extend(ends.then(|| cell(item.end_reason)));
            table.push(row);
        }
        table
    }
}

/// The columns of a table that not every list needs.
#[expect(clippy::struct_excessive_bools, reason = "each is a column, shown or not")]
#[derive(Debug, Clone, Copy)]
struct Shown {
    states: bool,
    users: bool,
    tenants: bool,
    ends: bool,
    is_narrow: bool,
}

impl fmt::Display for SessionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.shown();
        let table = self.table(shown);
        if !table.is_empty() {
            let text = table.to_terminal(self.view.width);
            f.write_str(&paint::table(&text, shown.states.then_some(1)))?;
        }
        writeln!(f, "{}    as of @{}", self.words(), thousands(self.at))
    }
}

/// The columns of a session for a pipe.
fn session_columns() -> Vec<Column> {
    [
        "ID",
        "STATE",
        "USER ID",
        "IS GUEST",
        "TENANT ID",
        "DEVICE",
        "IP",
        "TRANSPORT",
        "CREATED AT",
        "LAST ACTIVE AT",
        "EXPIRES AT",
        "ENDED AT",
        "END REASON",
        "USER AGENT",
    ]
    .map(Column::whole)
    .to_vec()
}

/// The cells of [`session_columns`].
fn session_row(item: &SessionItem) -> Vec<String> {
    vec![
        item.id.clone(),
        item.state.as_str().to_owned(),
        item.user_id.clone(),
        item.is_guest.to_string(),
        cell(item.tenant_id.as_ref()),
        cell(item.device.as_ref()),
        cell(item.ip.as_ref()),
        item.transport.to_owned(),
        item.created_at.to_string(),
        item.last_active_at.to_string(),
        cell(item.expires_at),
        cell(item.ended_at),
        cell(item.end_reason),
        cell(item.user_agent.as_ref()),
    ]
}

impl Answer for SessionList {
    fn rows(&self) -> Table {
        let mut table = Table::new(session_columns());
        for item in &self.items {
            table.push(session_row(item));
        }
        table
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        lines(SESSION_ITEM_SCHEMA, &self.items)
    }
}
