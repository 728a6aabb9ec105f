//! The state of the store as it was, in counts.

use std::{collections::HashSet, fmt};

use passbook::{DataOfSessions, View as Past};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, Moment, View, cell, count_of, counted, facts::Facts, policy::PolicyDocument,
    session::sessions_of_users, verify::hex,
};
use crate::render::{number::thousands, table::Table};

/// The schema of [`PastDocument`].
pub(crate) const PAST_SCHEMA: &str = "passbook.replay.at/1";

/// The state of the store as it was.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct PastDocument {
    #[schemars(extend("const" = PAST_SCHEMA))]
    schema: &'static str,
    /// The last event that is in it; 0 = none.
    at: u64,
    /// The moment at which sessions are judged.
    as_of: Moment,
    /// The same, in Unix milliseconds.
    as_of_ms: u64,
    /// Sessions that lived.
    live: u64,
    /// Whose they were: how many.
    users: u64,
    /// How many of them were guests' sessions.
    guests: u64,
    /// Sessions whose time had come and of which no event said so.
    expired: u64,
    /// The rules in force.
    policy: PolicyDocument,
    /// SHA-256 over the whole state; `null` if it is told from the archive, which keeps no data of
    /// sessions.
    fingerprint: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    view: View,
}

impl PastDocument {
    pub(crate) fn of(past: &Past, view: View) -> Self {
        let live = past.list_live();
        let users: HashSet<_> = live.iter().map(|session| &session.user_id).collect();
        let fingerprint = match past.data_of_sessions() {
            DataOfSessions::Kept => Some(hex(&past.fingerprint())),
            DataOfSessions::NotKept => None,
        };
        Self {
            schema: PAST_SCHEMA,
            at: past.sequence(),
            as_of: Moment(past.at_ms()),
            as_of_ms: past.at_ms(),
            live: count_of(live.len()),
            users: count_of(users.len()),
            guests: count_of(live.iter().filter(|session| session.is_guest).count()),
            expired: count_of(past.len().saturating_sub(live.len())),
            policy: PolicyDocument::of(&past.policy()),
            fingerprint,
            view,
        }
    }
}

impl fmt::Display for PastDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::new();
        let at = self.view.time_and_relative(self.as_of_ms);
        facts.own("as of", format!("@{}  {at}", thousands(self.at)));
        let guests = if self.guests > 0 {
            format!(", {} of guests", thousands(self.guests))
        } else {
            String::new()
        };
        facts.own("live", format!("{}{guests}", sessions_of_users(self.live, self.users)));
        if self.expired > 0 {
            let expired = counted(self.expired, "session", "sessions");
            facts.own("expired", format!("{expired}, not swept yet"));
        }
        facts.own("policy", self.policy.words());
        match &self.fingerprint {
            Some(fingerprint) => facts.own("state", fingerprint),
            None => facts.own("state", "told from the archive, without the data of sessions"),
        };
        facts.fmt(f)
    }
}

impl Answer for PastDocument {
    fn rows(&self) -> Table {
        super::pairs([
            ("at", self.at.to_string()),
            ("as_of", self.as_of.to_string()),
            ("live", self.live.to_string()),
            ("users", self.users.to_string()),
            ("guests", self.guests.to_string()),
            ("expired", self.expired.to_string()),
            ("policy_version", self.policy.version.to_string()),
            ("fingerprint", cell(self.fingerprint.as_ref())),
        ])
    }
}
