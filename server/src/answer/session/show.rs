//! One session in full: facts, lineage, how it ended, last events.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{SessionItem, Standing};
use crate::{
    answer::{Answer, Moment, View, cell, counted, event::EventDocument, facts::Facts},
    render::{
        number::{bytes, thousands},
        table::Table,
    },
};

/// The schema of [`SessionDocument`].
pub(crate) const SESSION_SCHEMA: &str = "passbook.session/1";

/// One session in full.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SessionDocument {
    #[schemars(extend("const" = SESSION_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The last event that it is told from.
    pub(crate) at: u64,
    /// The moment at which it is judged.
    pub(crate) as_of: Moment,
    #[serde(flatten)]
    pub(crate) session: SessionItem,
    /// Beyond this moment nothing extends it; `null` = no such moment.
    pub(crate) absolute_at: Option<Moment>,
    /// How long a refresh or touch extends it, in milliseconds; 0 = for ever.
    pub(crate) lifetime_ms: u64,
    /// Its tokens.
    pub(crate) lineage: Lineage,
    /// The keys of its data, and how large each value is, in bytes.
    pub(crate) data: Vec<DataKeySize>,
    /// By which rule it ended, where it is not that someone asked for it.
    pub(crate) end_rule: Option<String>,
    /// The words on its end.
    pub(crate) end_note: Option<String>,
    /// The last events about it, oldest first.
    pub(crate) events: Vec<EventDocument>,
    /// How many events are about it.
    pub(crate) events_total: u64,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

/// All tokens of a session, by rotation.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Lineage {
    /// The generation of the last token: how many there were.
    pub(crate) generation: u32,
    /// Whether a token opens it at all; none opens an imported one.
    pub(crate) has_token: bool,
    /// How many tokens were spent by rotation.
    pub(crate) spent: u64,
    /// When the last one was spent.
    pub(crate) last_spent_at: Option<Moment>,
}

/// A key of a session's data.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DataKeySize {
    /// The key.
    pub(crate) key: String,
    /// Bytes of its value, as JSON text.
    pub(crate) value_bytes: u64,
}

impl Lineage {
    fn words(&self, view: &View) -> String {
        if !self.has_token {
            return "no token opens it".to_owned();
        }
        let spent = match (self.spent, self.last_spent_at) {
            (0, _) | (_, None) => "none spent".to_owned(),
            (spent, Some(Moment(at_ms))) => {
                format!("{} spent, the last {}", thousands(spent), view.relative(at_ms))
            }
        };
        format!("generation {}, {spent}", self.generation)
    }
}

impl SessionDocument {
    fn end_facts(&self, facts: &mut Facts) {
        let item = &self.session;
        let Some(reason) = item.end_reason else { return };
        facts.add("ended by", reason);
        facts.add_some("why", self.end_rule.as_ref());
        facts.add_some("actor", item.ended_by.as_ref());
        match item.ended_sequence {
            Some(sequence) => facts.add("event", format!("@{}", thousands(sequence))),
            None => facts.add("event", "none yet: the next sweep will say so"),
        };
        facts.add_some("note", self.end_note.as_ref());
    }
}

impl fmt::Display for SessionDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let item = &self.session;
        let view = &self.view;
        writeln!(f, "{}\n", item.headline(view))?;
        let mut facts = Facts::wide(11);
        self.end_facts(&mut facts);
        facts.add_some("device", item.device.as_ref());
        facts.add_some("user agent", item.user_agent.as_ref());
        facts.add_some("ip", item.ip.as_ref());
        facts.add_some("tenant", item.tenant_id.as_ref());
        facts.add("transport", item.transport);
        facts.add("created", view.time_and_relative(item.created_at_ms));
        facts.add("last active", view.time_and_relative(item.last_active_at_ms));
        if item.state == Standing::Live {
            let expires = item.expires_at_ms.map(|at_ms| view.time_and_relative(at_ms));
            facts.add("expires", expires.unwrap_or_else(|| "never".to_owned()));
            facts.add_some("at latest", self.absolute_at.map(|at| view.time_and_relative(at.0)));
        }
        facts.add("tokens", self.lineage.words(view));
        for DataKeySize { key, value_bytes } in &self.data {
            facts.add("data", format!("{key}, {}", bytes(*value_bytes)));
        }
        write!(f, "{facts}")?;
        let shown = crate::answer::count_of(self.events.len());
        if shown < self.events_total {
            let total = counted(self.events_total, "event", "events");
            writeln!(f, "\nthe last {shown} of {total}")?;
        } else {
            writeln!(f)?;
        }
        self.events.iter().try_for_each(|event| write!(f, "{event}"))?;
        writeln!(f, "as of @{}", thousands(self.at))
    }
}

impl Answer for SessionDocument {
    fn rows(&self) -> Table {
        let item = &self.session;
        crate::answer::pairs([
            ("id", item.id.clone()),
            ("state", item.state.as_str().to_owned()),
            ("user_id", item.user_id.clone()),
            ("is_guest", item.is_guest.to_string()),
            ("tenant_id", cell(item.tenant_id.as_ref())),
            ("device", cell(item.device.as_ref())),
            ("ip", cell(item.ip.as_ref())),
            ("user_agent", cell(item.user_agent.as_ref())),
            ("transport", item.transport.to_owned()),
            ("created_at", item.created_at.to_string()),
            ("last_active_at", item.last_active_at.to_string()),
            ("expires_at", cell(item.expires_at)),
            ("absolute_at", cell(self.absolute_at)),
            ("ended_at", cell(item.ended_at)),
            ("end_reason", cell(item.end_reason)),
            ("ended_by", cell(item.ended_by.as_ref())),
            ("ended_sequence", cell(item.ended_sequence)),
            ("end_rule", cell(self.end_rule.as_ref())),
            ("end_note", cell(self.end_note.as_ref())),
            ("generation", self.lineage.generation.to_string()),
            ("spent_tokens", self.lineage.spent.to_string()),
            ("last_spent_at", cell(self.lineage.last_spent_at)),
            ("events", self.events_total.to_string()),
            ("at", self.at.to_string()),
        ])
    }
}
