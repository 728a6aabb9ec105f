//! The JSON Schemas of all documents, and the version.

use std::fmt;

use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;

use super::{
    Answer, Line, backup, bisection, bookmark, compacted, diff, event, explanation, exported,
    fixture, history, import, journal, lineage, made, mirror, moved, past, quickstart, restored,
    salvaged, session, snapshot, step, user, verify, what_if,
};
use crate::{
    failure,
    import::jsonl,
    render::table::{Column, Table},
};

/// The schema of [`Schemas`].
pub(crate) const SCHEMAS_SCHEMA: &str = "passbook.schemas/1";
/// The schema of [`Version`].
pub(crate) const VERSION_SCHEMA: &str = "passbook.version/1";

/// Every document that is printed, by name.
pub(crate) fn all() -> Vec<(&'static str, Value)> {
    let line = |name: &'static str, schema: schemars::Schema| {
        let mut schema = schema.to_value();
        if let Some(field) = schema.pointer_mut("/properties/schema").and_then(Value::as_object_mut)
        {
            field.insert("const".to_owned(), Value::from(name));
        }
        (name, schema)
    };
    vec![
        (failure::ERROR_SCHEMA, schema_for!(failure::ErrorDocument<'_>).to_value()),
        (backup::BACKUP_CREATED_SCHEMA, schema_for!(backup::BackupMade).to_value()),
        line(backup::BACKUP_ITEM_SCHEMA, schema_for!(Line<'_, backup::BackupItem>)),
        (backup::BACKUP_LIST_SCHEMA, schema_for!(backup::BackupList).to_value()),
        (backup::BACKUP_VERIFY_SCHEMA, schema_for!(backup::BackupsVerified).to_value()),
        (bookmark::BOOKMARK_CREATED_SCHEMA, schema_for!(bookmark::BookmarkMade).to_value()),
        (bookmark::BOOKMARK_DELETED_SCHEMA, schema_for!(bookmark::BookmarkDeleted).to_value()),
        line(bookmark::BOOKMARK_ITEM_SCHEMA, schema_for!(Line<'_, bookmark::BookmarkItem>)),
        (bookmark::BOOKMARK_LIST_SCHEMA, schema_for!(bookmark::BookmarkList).to_value()),
        (compacted::COMPACTED_SCHEMA, schema_for!(compacted::Compacted).to_value()),
        (event::EVENT_SCHEMA, schema_for!(event::EventDocument).to_value()),
        (explanation::EXPLANATION_SCHEMA, schema_for!(explanation::ExplanationDocument).to_value()),
        (exported::EXPORT_SCHEMA, schema_for!(exported::Exported).to_value()),
        line(history::HISTORY_ITEM_SCHEMA, schema_for!(Line<'_, history::HistoryItem>)),
        (import::IMPORT_SCHEMA, schema_for!(import::Imported).to_value()),
        (moved::MOVED_SCHEMA, schema_for!(moved::Moved).to_value()),
        (journal::JOURNAL_STAT_SCHEMA, schema_for!(journal::JournalStat).to_value()),
        (mirror::MIRROR_SCHEMA, schema_for!(mirror::Mirrored).to_value()),
        (quickstart::QUICKSTART_SCHEMA, schema_for!(quickstart::Tour).to_value()),
        (bisection::BISECTION_SCHEMA, schema_for!(bisection::BisectionDocument).to_value()),
        (diff::DIFF_SCHEMA, schema_for!(diff::DiffDocument).to_value()),
        (fixture::FIXTURE_MADE_SCHEMA, schema_for!(fixture::FixtureMade).to_value()),
        (past::PAST_SCHEMA, schema_for!(past::PastDocument).to_value()),
        (step::STEP_SCHEMA, schema_for!(step::StepDocument).to_value()),
        (what_if::WHAT_IF_SCHEMA, schema_for!(what_if::WhatIfDocument).to_value()),
        line(what_if::WHAT_IF_ITEM_SCHEMA, schema_for!(Line<'_, what_if::ShiftDocument>)),
        (restored::RESTORED_SCHEMA, schema_for!(restored::Restored).to_value()),
        (salvaged::SALVAGED_SCHEMA, schema_for!(salvaged::Salvaged).to_value()),
        (SCHEMAS_SCHEMA, schema_for!(Schemas).to_value()),
        (session::SESSION_SCHEMA, schema_for!(session::SessionDocument).to_value()),
        (made::SESSION_CHECK_SCHEMA, schema_for!(made::SessionChecked).to_value()),
        (made::SESSION_CREATED_SCHEMA, schema_for!(made::SessionMade).to_value()),
        (jsonl::LINE_SCHEMA, schema_for!(jsonl::SessionLine).to_value()),
        (lineage::LINEAGE_SCHEMA, schema_for!(lineage::LineageDocument).to_value()),
        line(session::SESSION_ITEM_SCHEMA, schema_for!(Line<'_, session::SessionItem>)),
        (session::SESSION_LIST_SCHEMA, schema_for!(session::SessionList).to_value()),
        (made::REVOKED_SCHEMA, schema_for!(made::Revoked).to_value()),
        (snapshot::SNAPSHOT_CREATED_SCHEMA, schema_for!(snapshot::SnapshotMade).to_value()),
        line(snapshot::SNAPSHOT_ITEM_SCHEMA, schema_for!(Line<'_, snapshot::SnapshotItem>)),
        (snapshot::SNAPSHOT_LIST_SCHEMA, schema_for!(snapshot::SnapshotList).to_value()),
        (snapshot::SNAPSHOT_VERIFY_SCHEMA, schema_for!(snapshot::SnapshotsVerified).to_value()),
        (user::USER_SCHEMA, schema_for!(user::UserDocument).to_value()),
        (history::USER_HISTORY_SCHEMA, schema_for!(history::UserHistory).to_value()),
        (verify::VERIFY_SCHEMA, schema_for!(verify::Verified).to_value()),
        (VERSION_SCHEMA, schema_for!(Version).to_value()),
    ]
}

/// The names of all documents.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Schemas {
    #[schemars(extend("const" = SCHEMAS_SCHEMA))]
    schema: &'static str,
    /// The names, to be given to `passbook schema NAME`.
    items: Vec<&'static str>,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        Self { schema: SCHEMAS_SCHEMA, items: all().into_iter().map(|(name, _)| name).collect() }
    }
}

impl fmt::Display for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.iter().try_for_each(|name| writeln!(f, "{name}"))
    }
}

impl Answer for Schemas {
    fn rows(&self) -> Table {
        let mut table = Table::new([Column::whole("NAME")]);
        for name in &self.items {
            table.push([*name]);
        }
        table
    }
}

/// Which version this is.
#[expect(clippy::struct_field_names, reason = "they are the names of the document")]
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Version {
    #[schemars(extend("const" = VERSION_SCHEMA))]
    schema: &'static str,
    /// The version of Passbook.
    version: &'static str,
    /// The newest format of a store's files that it reads and writes.
    format_version: u32,
    /// The operating system that it was built for.
    os: &'static str,
    /// The processor that it was built for.
    arch: &'static str,
}

impl Version {
    pub(crate) fn new() -> Self {
        Self {
            schema: VERSION_SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            format_version: passbook::journal::FORMAT_VERSION,
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, format_version, os, arch, .. } = self;
        writeln!(f, "passbook {version} (store format {format_version}, {os} {arch})")
    }
}

impl Answer for Version {
    fn rows(&self) -> Table {
        super::pairs([
            ("version", self.version.to_owned()),
            ("format_version", self.format_version.to_string()),
            ("os", self.os.to_owned()),
            ("arch", self.arch.to_owned()),
        ])
    }
}
