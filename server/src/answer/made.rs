//! What was done or found out about sessions: created, checked, revoked.

use std::fmt;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::{
    Answer, Moment, View, cell, count_of,
    facts::Facts,
    paint::{self, painted},
    session::{SessionItem, sessions_of_users},
};
use crate::render::{number::thousands, table::Table};

/// The schema of [`SessionMade`].
pub(crate) const SESSION_CREATED_SCHEMA: &str = "passbook.session.created/1";
/// The schema of [`SessionChecked`].
pub(crate) const SESSION_CHECK_SCHEMA: &str = "passbook.session.check/1";
/// The schema of [`Revoked`].
pub(crate) const REVOKED_SCHEMA: &str = "passbook.session.revoked/1";

/// A token on its way to its bearer, once.
pub(crate) struct Secret(pub(crate) Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A session that was created, and the token that opens it: shown once, kept nowhere.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionMade {
    #[schemars(extend("const" = SESSION_CREATED_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The event that opened it.
    pub(crate) sequence: u64,
    /// The session.
    pub(crate) session: SessionItem,
    /// The token: whoever shows it is the session.
    #[schemars(with = "String")]
    pub(crate) token: Secret,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl fmt::Display for SessionMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let item = &self.session;
        let mut facts = Facts::new();
        facts.add("session", &item.id);
        facts.add(if item.is_guest { "guest" } else { "user" }, &item.user_id);
        facts.add_some("device", item.device.as_ref());
        facts.add_some("tenant", item.tenant_id.as_ref());
        let expires = item.expires_at_ms.map(|at_ms| self.view.time_and_relative(at_ms));
        facts.add("expires", expires.unwrap_or_else(|| "never".to_owned()));
        facts.add("event", format!("@{}", thousands(self.sequence)));
        facts.own("token", self.token.0.as_str());
        facts.own("", "shown this once and kept nowhere");
        facts.fmt(f)
    }
}

impl Answer for SessionMade {
    fn rows(&self) -> Table {
        super::pairs([
            ("id", self.session.id.clone()),
            ("user_id", self.session.user_id.clone()),
            ("expires_at", cell(self.session.expires_at)),
            ("sequence", self.sequence.to_string()),
            ("token", self.token.0.to_string()),
        ])
    }
}

/// Whether a token opens a live session. Of a dead one nothing is said: not why, nor whose.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionChecked {
    #[schemars(extend("const" = SESSION_CHECK_SCHEMA))]
    pub(crate) schema: &'static str,
    /// Whether it does.
    pub(crate) live: bool,
    /// The last event that this is told from.
    pub(crate) at: u64,
    /// The session, if it is live.
    pub(crate) session: Option<SessionItem>,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl fmt::Display for SessionChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(item) = &self.session else {
            return writeln!(
                f,
                "{}  this token opens no live session",
                painted("DEAD", paint::BAD)
            );
        };
        let mut facts = Facts::new();
        facts.own("state", painted("live", paint::GOOD));
        facts.add("session", &item.id);
        facts.add(if item.is_guest { "guest" } else { "user" }, &item.user_id);
        facts.add_some("device", item.device.as_ref());
        facts.add_some("tenant", item.tenant_id.as_ref());
        facts.add("created", self.view.time_and_relative(item.created_at_ms));
        facts.add("last active", self.view.time_and_relative(item.last_active_at_ms));
        let expires = item.expires_at_ms.map(|at_ms| self.view.time_and_relative(at_ms));
        facts.add("expires", expires.unwrap_or_else(|| "never".to_owned()));
        facts.fmt(f)
    }
}

impl Answer for SessionChecked {
    fn rows(&self) -> Table {
        let item = self.session.as_ref();
        super::pairs([
            ("state", if self.live { "live" } else { "dead" }.to_owned()),
            ("id", cell(item.map(|item| &item.id))),
            ("user_id", cell(item.map(|item| &item.user_id))),
            ("created_at", cell(item.map(|item| item.created_at))),
            ("last_active_at", cell(item.map(|item| item.last_active_at))),
            ("expires_at", cell(item.and_then(|item| item.expires_at))),
        ])
    }
}

/// Sessions that were ended, or would be.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Revoked {
    #[schemars(extend("const" = REVOKED_SCHEMA))]
    pub(crate) schema: &'static str,
    /// Nothing was changed: this is what would be.
    pub(crate) dry_run: bool,
    /// Why they ended.
    pub(crate) reason: &'static str,
    /// How many ended, or would.
    pub(crate) ended: u64,
    /// Of how many users.
    pub(crate) users: u64,
    /// Which.
    pub(crate) sessions: Vec<String>,
    /// Named, and not live.
    pub(crate) not_live: Vec<String>,
    /// The first event that says so.
    pub(crate) sequence_first: Option<u64>,
    /// The last event that says so.
    pub(crate) sequence_last: Option<u64>,
    /// When it was done.
    pub(crate) as_of: Moment,
}

impl Revoked {
    /// `, @1,048,640` or `, @1 .. @3`.
    fn place(&self) -> String {
        match (self.sequence_first, self.sequence_last) {
            (Some(first), Some(last)) if first == last => {
                format!(" in one event, @{}", thousands(first))
            }
            (Some(first), Some(last)) => format!(", @{} .. @{}", thousands(first), thousands(last)),
            (_, _) => String::new(),
        }
    }
}

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dry_run {
            writeln!(
                f,
                "would end {}, reason {}     nothing was changed",
                sessions_of_users(self.ended, self.users),
                self.reason
            )?;
        } else if self.ended == 0 {
            writeln!(f, "ended no session: none is live     nothing was changed")?;
        } else {
            writeln!(f, "ended {}{}", sessions_of_users(self.ended, self.users), self.place())?;
        }
        if !self.not_live.is_empty() {
            let named = super::counted(count_of(self.not_live.len()), "other is", "others are");
            writeln!(f, "{named} not live: {}", self.not_live.join(" "))?;
        }
        Ok(())
    }
}

impl Answer for Revoked {
    fn rows(&self) -> Table {
        use crate::render::table::Column;
        let mut table = Table::new([Column::whole("NAME"), Column::whole("VALUE")]);
        for (name, value) in [
            ("dry_run", self.dry_run.to_string()),
            ("ended", self.ended.to_string()),
            ("users", self.users.to_string()),
            ("reason", self.reason.to_owned()),
            ("sequence_first", cell(self.sequence_first)),
            ("sequence_last", cell(self.sequence_last)),
        ] {
            table.push([name.to_owned(), value]);
        }
        for id in &self.sessions {
            table.push(["session".to_owned(), id.clone()]);
        }
        for id in &self.not_live {
            table.push(["not_live".to_owned(), id.clone()]);
        }
        table
    }
}
