//! Backups: one that was made, which there are, and whether they hold.

use std::fmt;

use passbook::journal::BackupInfo;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, Moment, View, cell, lines,
    paint::{self, painted},
};
use crate::render::{
    escape::escape,
    number::{bytes, thousands},
    table::{Column, Table},
};

/// The schema of [`BackupMade`].
pub(crate) const BACKUP_CREATED_SCHEMA: &str = "passbook.backup.created/1";
/// The schema of [`BackupList`].
pub(crate) const BACKUP_LIST_SCHEMA: &str = "passbook.backup.list/1";
/// The schema of a line of it under `--format jsonl`.
pub(crate) const BACKUP_ITEM_SCHEMA: &str = "passbook.backup.item/1";
/// The schema of [`BackupsVerified`].
pub(crate) const BACKUP_VERIFY_SCHEMA: &str = "passbook.backup.verify/1";

/// A backup that is durable and was read again.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BackupMade {
    #[schemars(extend("const" = BACKUP_CREATED_SCHEMA))]
    pub(crate) schema: &'static str,
    /// Its folder.
    pub(crate) path: String,
    /// Its last event; 0 = it has none.
    pub(crate) sequence: u64,
    /// When that was recorded.
    pub(crate) at: Option<Moment>,
    /// Length of its files.
    pub(crate) bytes: u64,
    /// Of these, bytes that it shares with the store: they are on one disk only.
    pub(crate) linked_bytes: u64,
    /// How many files it has.
    pub(crate) files: u64,
}

impl BackupMade {
    pub(crate) fn of(info: &BackupInfo, path: String) -> Self {
        let BackupInfo { sequence, time_ms, bytes, linked_bytes, files, .. } = *info;
        let at = (sequence > 0).then_some(Moment(time_ms));
        Self { schema: BACKUP_CREATED_SCHEMA, path, sequence, at, bytes, linked_bytes, files }
    }
}

impl fmt::Display for BackupMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sequence, size) = (thousands(self.sequence), bytes(self.bytes));
        writeln!(f, "backed up @1 .. @{sequence}, {size}, every byte read again")?;
        writeln!(f, "  {}", escape(&self.path))?;
        if self.linked_bytes > 0 {
            let shared = bytes(self.linked_bytes);
            writeln!(f, "  {shared} of it are the store's own files: copy it to another disk too")?;
        }
        Ok(())
    }
}

impl Answer for BackupMade {
    fn rows(&self) -> Table {
        super::pairs([
            ("path", self.path.clone()),
            ("sequence", self.sequence.to_string()),
            ("at", cell(self.at)),
            ("bytes", self.bytes.to_string()),
            ("linked_bytes", self.linked_bytes.to_string()),
            ("files", self.files.to_string()),
        ])
    }
}

/// A backup as it lies in its folder.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BackupItem {
    /// Its folder.
    pub(crate) path: String,
    /// Its last event; `null` = it can't be opened.
    pub(crate) sequence: Option<u64>,
    /// When that was recorded.
    pub(crate) at: Option<Moment>,
    /// Length of its files.
    pub(crate) bytes: u64,
    /// `whole`; `incomplete` if the copying was cut short; `damaged`.
    pub(crate) state: &'static str,
    /// What doesn't hold.
    pub(crate) why: Option<String>,
}

impl BackupItem {
    pub(crate) fn is_whole(&self) -> bool {
        self.state == "whole"
    }

    fn row(&self) -> [String; 6] {
        [
            self.path.clone(),
            cell(self.sequence),
            cell(self.at),
            self.bytes.to_string(),
            self.state.to_owned(),
            cell(self.why.as_ref()),
        ]
    }
}

fn rows(items: &[BackupItem]) -> Table {
    let names = ["PATH", "SEQUENCE", "AT", "BYTES", "STATE", "WHY"];
    let mut table = Table::new(names.map(Column::whole));
    for item in items {
        table.push(item.row());
    }
    table
}

/// The backups below a folder.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BackupList {
    #[schemars(extend("const" = BACKUP_LIST_SCHEMA))]
    pub(crate) schema: &'static str,
    /// By name. Whether every byte of them is good is left to `backup verify`.
    pub(crate) items: Vec<BackupItem>,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl fmt::Display for BackupList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.items.is_empty() {
            return writeln!(f, "no backups");
        }
        let names = ["BACKUP", "UP TO", "RECORDED", "SIZE", "STATE"];
        let mut table = Table::new(names.map(Column::whole));
        for item in &self.items {
            table.push([
                escape(&item.path).into_owned(),
                cell(item.sequence.map(|sequence| format!("@{}", thousands(sequence)))),
                cell(item.at.map(|at| self.view.time(at.0))),
                bytes(item.bytes),
                item.state.to_owned(),
            ]);
        }
        f.write_str(&paint::table(&table.to_terminal(self.view.width), None))
    }
}

impl Answer for BackupList {
    fn rows(&self) -> Table {
        rows(&self.items)
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        lines(BACKUP_ITEM_SCHEMA, &self.items)
    }
}

/// Whether every byte of the backups is as it was written.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BackupsVerified {
    #[schemars(extend("const" = BACKUP_VERIFY_SCHEMA))]
    pub(crate) schema: &'static str,
    /// `good` or `bad`.
    pub(crate) result: &'static str,
    /// By name.
    pub(crate) items: Vec<BackupItem>,
}

impl fmt::Display for BackupsVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for item in &self.items {
            let up_to = item.sequence.map(|sequence| format!("   up to @{}", thousands(sequence)));
            writeln!(f, "{}   {}{}", escape(&item.path), item.state, cell(up_to))?;
            if let Some(why) = &item.why {
                writeln!(f, "  {}", escape(why))?;
            }
        }
        let style = if self.result == "good" { paint::GOOD } else { paint::BAD };
        writeln!(f, "result    {}", painted(&self.result.to_uppercase(), style))
    }
}

impl Answer for BackupsVerified {
    fn rows(&self) -> Table {
        rows(&self.items)
    }
}
