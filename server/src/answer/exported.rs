//! What an export has: the header of the file, and the answer of the verb.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, counted};
use crate::render::{number::thousands, table::Table};

/// The schema of [`Exported`].
pub(crate) const EXPORT_SCHEMA: &str = "passbook.export/1";

/// What an export has. It is its first line too.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exported {
    #[schemars(extend("const" = EXPORT_SCHEMA))]
    pub(crate) schema: String,
    /// The last event that was seen.
    pub(crate) at: u64,
    /// When it was told which sessions are live, in Unix milliseconds.
    pub(crate) as_of_ms: u64,
    /// How many sessions follow.
    pub(crate) sessions: u64,
    /// SHA-256 over the sessions with their live and spent tokens, as 64 hexadecimal digits.
    pub(crate) fingerprint: String,
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sessions = counted(self.sessions, "live session", "live sessions");
        writeln!(f, "exported {sessions}, as of @{}", thousands(self.at))?;
        writeln!(f, "fingerprint {}", self.fingerprint)
    }
}

impl Answer for Exported {
    fn rows(&self) -> Table {
        super::pairs([
            ("sessions", self.sessions.to_string()),
            ("at", self.at.to_string()),
            ("fingerprint", self.fingerprint.clone()),
        ])
    }
}
