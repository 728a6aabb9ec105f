//! What a fixture that was made has in it.

use std::fmt;

use passbook::{Fixture, Names, Slice};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, count_of, counted, facts::Facts};
use crate::render::{number::thousands, table::Table};

/// The schema of [`FixtureMade`].
pub(crate) const FIXTURE_MADE_SCHEMA: &str = "passbook.replay.fixture/1";

/// A fixture that was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FixtureMade {
    #[schemars(extend("const" = FIXTURE_MADE_SCHEMA))]
    schema: &'static str,
    /// The file.
    path: String,
    /// What the session that it is of is called in it; `null` = it is not of one.
    session: Option<String>,
    /// What the user that it is of is called in it; `null` = it is not of one.
    user_id: Option<String>,
    /// Whose names are in it: `pseudonyms` or `real`.
    names: &'static str,
    /// How many sessions are in it.
    sessions: u64,
    /// How many events are in it.
    events: u64,
    /// The first of them; `null` = there is none.
    first: Option<u64>,
    /// The last event that was looked at: its head.
    head: u64,
}

impl FixtureMade {
    pub(crate) fn of(fixture: &Fixture, path: String) -> Self {
        let user_id = match fixture.of() {
            Slice::User(user) => Some(user.to_string()),
            Slice::Session(_) | Slice::Span(_) => None,
        };
        Self {
            schema: FIXTURE_MADE_SCHEMA,
            path,
            session: fixture.session().map(|session| session.to_string()),
            user_id,
            names: match fixture.names() {
                Names::Pseudonyms => "pseudonyms",
                Names::Real => "real",
            },
            sessions: count_of(fixture.sessions().len()),
            events: count_of(fixture.events().count()),
            first: fixture.events().next().map(|recorded| recorded.sequence),
            head: fixture.head(),
        }
    }
}

impl fmt::Display for FixtureMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sessions = counted(self.sessions, "session", "sessions");
        let events = counted(self.events, "event", "events");
        let range = match self.first {
            Some(first) => format!(", @{} .. @{}", thousands(first), thousands(self.head)),
            None => String::new(),
        };
        let mut facts = Facts::new();
        facts.own("fixture", format!("{sessions}, {events}{range}"));
        if let Some(session) = &self.session {
            facts.own("session", session.clone());
        }
        if let Some(user) = &self.user_id {
            facts.add("user", user);
        }
        facts.own("names", self.names);
        facts.add("file", &self.path);
        facts.own("open it", "passbook::fixture(include_bytes!(\"FILE\"))?");
        facts.fmt(f)
    }
}

impl Answer for FixtureMade {
    fn rows(&self) -> Table {
        super::pairs([
            ("path", self.path.clone()),
            ("session", super::cell(self.session.as_ref())),
            ("user", super::cell(self.user_id.as_ref())),
            ("names", self.names.to_owned()),
            ("sessions", self.sessions.to_string()),
            ("events", self.events.to_string()),
            ("head", self.head.to_string()),
        ])
    }
}
