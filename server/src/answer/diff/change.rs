//! A session that changed: what of it, as it was and as it is.

use passbook::{FieldChange, SessionChange};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    answer::{Moment, cell, count_of, event::deadline},
    render::{number::bytes, table::Table},
};

/// A session that changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct ChangeDocument {
    /// Which.
    session: String,
    /// Whose it is now.
    user_id: String,
    /// What of it.
    fields: Vec<FieldDocument>,
}

/// A field that changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct FieldDocument {
    /// Its name; `data.KEY` for a key of the session's data.
    field: String,
    /// As it was; of data only the size.
    before: Option<String>,
    /// As it is; of data only the size.
    after: Option<String>,
}

impl ChangeDocument {
    pub(super) fn of(change: &SessionChange) -> Self {
        Self {
            session: change.session.to_string(),
            user_id: change.user.to_string(),
            fields: change.fields.iter().map(FieldDocument::of).collect(),
        }
    }

    pub(super) fn push_rows(&self, table: &mut Table) {
        for field in &self.fields {
            table.push([
                "changed".to_owned(),
                self.session.clone(),
                self.user_id.clone(),
                field.field.clone(),
                cell(field.before.as_ref()),
                cell(field.after.as_ref()),
            ]);
        }
    }
}

impl FieldDocument {
    fn of(change: &FieldChange) -> Self {
        let time = |time_ms: u64| deadline(time_ms).as_ref().map(Moment::to_string);
        let (field, before, after) = match change {
            FieldChange::User(old, new) => {
                ("user_id", Some(old.to_string()), Some(new.to_string()))
            }
            FieldChange::Guest(old, new) => {
                ("is_guest", Some(old.to_string()), Some(new.to_string()))
            }
            FieldChange::CreatedAt(old, new) => ("created_at", time(*old), time(*new)),
            FieldChange::LastActiveAt(old, new) => ("last_active_at", time(*old), time(*new)),
            FieldChange::ExpiresAt(old, new) => ("expires_at", time(*old), time(*new)),
            FieldChange::AbsoluteAt(old, new) => ("absolute_at", time(*old), time(*new)),
            FieldChange::Lifetime(old, new) => {
                ("lifetime_ms", Some(old.to_string()), Some(new.to_string()))
            }
            FieldChange::Generation(old, new) => {
                ("generation", Some(old.to_string()), Some(new.to_string()))
            }
            FieldChange::Device(old, new) => (
                "device",
                old.as_ref().map(ToString::to_string),
                new.as_ref().map(ToString::to_string),
            ),
            FieldChange::Tenant(old, new) => (
                "tenant_id",
                old.as_ref().map(ToString::to_string),
                new.as_ref().map(ToString::to_string),
            ),
            FieldChange::Data(key, old, new) => {
                let size = |value: &passbook::core::Text| bytes(count_of(value.len()));
                let (before, after) = (old.as_ref().map(size), new.as_ref().map(size));
                return Self { field: format!("data.{key}"), before, after };
            }
        };
        Self { field: field.to_owned(), before, after }
    }
}
