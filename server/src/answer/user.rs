//! One user: live sessions, first and last login, failures.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Moment, View, cell, facts::Facts, kept::CompleteFrom, session::SessionItem};
use crate::render::{
    number::thousands,
    table::{Column, Table},
};

/// The schema of [`UserDocument`].
pub(crate) const USER_SCHEMA: &str = "passbook.user/1";

/// One user.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct UserDocument {
    #[schemars(extend("const" = USER_SCHEMA))]
    pub(crate) schema: &'static str,
    /// Who.
    pub(crate) user_id: String,
    /// The last event that it is told from.
    pub(crate) at: u64,
    /// The moment at which sessions are judged.
    pub(crate) as_of: Moment,
    /// Live sessions, newest login first.
    pub(crate) sessions: Vec<SessionItem>,
    /// How often the user logged in.
    pub(crate) logins: u64,
    /// The first login.
    pub(crate) first_login_at: Option<Moment>,
    /// The last login.
    pub(crate) last_login_at: Option<Moment>,
    /// How many tries to log in failed.
    pub(crate) failures: u64,
    /// When the last one failed.
    pub(crate) last_failure_at: Option<Moment>,
    /// Where the last one came from: an address or a name.
    pub(crate) last_failure_from: Option<String>,
    /// How many sessions ended, by reason.
    pub(crate) ended: BTreeMap<&'static str, u64>,
    /// From where on logins, failures and endings are known.
    pub(crate) complete_from: CompleteFrom,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl UserDocument {
    fn time(&self, at: Option<Moment>) -> Option<String> {
        at.map(|at| self.view.time_and_relative(at.0))
    }
}

impl fmt::Display for UserDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::new();
        facts.add("user", &self.user_id);
        facts.add(
            "live",
            super::counted(super::count_of(self.sessions.len()), "session", "sessions"),
        );
        facts.add("logins", thousands(self.logins));
        facts.add_some("first login", self.time(self.first_login_at));
        facts.add_some("last login", self.time(self.last_login_at));
        facts.add("failures", thousands(self.failures));
        if let Some(last) = self.time(self.last_failure_at) {
            let from = self.last_failure_from.as_ref().map(|from| format!(" from {from}"));
            facts.add("last failure", last + &from.unwrap_or_default());
        }
        let ended: Vec<_> = self
            .ended
            .iter()
            .map(|(reason, count)| format!("{reason} {}", thousands(*count)))
            .collect();
        facts.add_some("ended by", (!ended.is_empty()).then(|| ended.join(" · ")));
        let kept = Some(self.complete_from).filter(CompleteFrom::is_cut);
        facts.add_some("history", kept.map(|kept| kept.words(&self.view)));
        write!(f, "{facts}")?;
        if !self.sessions.is_empty() {
            let mut table = Table::new([
                Column::whole("SESSION"),
                Column::text("DEVICE"),
                Column::whole("IP"),
                Column::whole("LAST ACTIVE"),
                Column::whole("EXPIRES"),
            ]);
            for item in &self.sessions {
                table.push([
                    item.id.clone(),
                    item.device_or_agent().to_owned(),
                    cell(item.ip.as_ref()),
                    self.view.relative(item.last_active_at_ms),
                    item.fate(&self.view),
                ]);
            }
            write!(f, "\n{}", super::paint::table(&table.to_terminal(self.view.width), None))?;
        }
        writeln!(f, "as of @{}", thousands(self.at))
    }
}

impl Answer for UserDocument {
    fn rows(&self) -> Table {
        let mut table = Table::new([Column::whole("NAME"), Column::whole("VALUE")]);
        for (name, value) in [
            ("user_id", self.user_id.clone()),
            ("live", self.sessions.len().to_string()),
            ("logins", self.logins.to_string()),
            ("first_login_at", cell(self.first_login_at)),
            ("last_login_at", cell(self.last_login_at)),
            ("failures", self.failures.to_string()),
            ("last_failure_at", cell(self.last_failure_at)),
            ("last_failure_from", cell(self.last_failure_from.as_ref())),
        ] {
            table.push([name.to_owned(), value]);
        }
        for (reason, count) in &self.ended {
            table.push([format!("ended_{reason}"), count.to_string()]);
        }
        for item in &self.sessions {
            table.push(["session".to_owned(), item.id.clone()]);
        }
        table
    }
}
