//! What was restored of a backup, or would be.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Moment, View, cell, facts::Facts};
use crate::render::{
    number::{bytes, thousands},
    table::Table,
};

/// The schema of [`Restored`].
pub(crate) const RESTORED_SCHEMA: &str = "passbook.restored/1";

/// What was restored of a backup, or would be.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Restored {
    #[schemars(extend("const" = RESTORED_SCHEMA))]
    pub(crate) schema: &'static str,
    /// Whether nothing was written.
    pub(crate) dry_run: bool,
    /// The backup.
    pub(crate) backup: String,
    /// The new store's folder.
    pub(crate) path: String,
    /// Its last event; 0 = it has none.
    pub(crate) sequence: u64,
    /// When that was recorded.
    pub(crate) at: Option<Moment>,
    /// Length of its files.
    pub(crate) bytes: u64,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::wide(13);
        let what = if self.dry_run { "would restore" } else { "restored" };
        let at = self.at.map(|at| format!(", recorded {}", self.view.time(at.0)));
        facts.own(what, format!("@1 .. @{}{}", thousands(self.sequence), cell(at)));
        facts.add("from", &self.backup);
        facts.add("into", &self.path);
        let end = if self.dry_run { "nothing was changed" } else { "every byte read again" };
        facts.own("size", format!("{}     {end}", bytes(self.bytes)));
        facts.fmt(f)
    }
}

impl Answer for Restored {
    fn rows(&self) -> Table {
        super::pairs([
            ("dry_run", self.dry_run.to_string()),
            ("backup", self.backup.clone()),
            ("path", self.path.clone()),
            ("sequence", self.sequence.to_string()),
            ("at", cell(self.at)),
            ("bytes", self.bytes.to_string()),
        ])
    }
}
