//! A session that changed: what of it, as it was and as it is.

use std::fmt;

use passbook::{FieldChange, SessionChange, core::Text};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::{
    answer::{Moment, cell, count_of, event::deadline},
    render::{number::bytes, table::Table},
};

/// A session that changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ChangeDocument {
    /// Which.
    session: String,
    /// Whose it is now.
    user_id: String,
    /// What of it.
    fields: Vec<FieldDocument>,
}

/// A field that changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct FieldDocument {
    /// Its name; `data.KEY` for a key of the session's data.
    pub(crate) field: String,
    /// As it was; of data only the size.
    #[schemars(with = "Option<String>")]
    pub(crate) before: Option<FieldValue>,
    /// As it is; of data only the size.
    #[schemars(with = "Option<String>")]
    pub(crate) after: Option<FieldValue>,
}

/// What a field is: a text in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FieldValue {
    /// As it is written.
    Text(String),
    /// Unix milliseconds.
    Time(u64),
    /// The size of a value that is not shown.
    Size(u64),
}

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Time(time_ms) => Moment(*time_ms).fmt(f),
            Self::Size(size) => f.write_str(&bytes(*size)),
        }
    }
}

impl Serialize for FieldValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
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
    pub(crate) fn of(change: &FieldChange) -> Self {
        let text = |value: &dyn fmt::Display| Some(FieldValue::Text(value.to_string()));
        let label = |value: &Option<Text>| value.as_ref().and_then(|value| text(value));
        let time = |at_ms: u64| deadline(at_ms).map(|Moment(at_ms)| FieldValue::Time(at_ms));
        let size = |value: &Option<Text>| {
            value.as_ref().map(|value| FieldValue::Size(count_of(value.len())))
        };
        let (field, before, after) = match change {
            FieldChange::User(old, new) => ("user_id", text(old), text(new)),
            FieldChange::Guest(old, new) => ("is_guest", text(old), text(new)),
            FieldChange::CreatedAt(old, new) => ("created_at", time(*old), time(*new)),
            FieldChange::LastActiveAt(old, new) => ("last_active_at", time(*old), time(*new)),
            FieldChange::ExpiresAt(old, new) => ("expires_at", time(*old), time(*new)),
            FieldChange::AbsoluteAt(old, new) => ("absolute_at", time(*old), time(*new)),
            FieldChange::Lifetime(old, new) => ("lifetime_ms", text(old), text(new)),
            FieldChange::Generation(old, new) => ("generation", text(old), text(new)),
            FieldChange::Device(old, new) => ("device", label(old), label(new)),
            FieldChange::Tenant(old, new) => ("tenant_id", label(old), label(new)),
            FieldChange::Data(key, old, new) => {
                return Self { field: format!("data.{key}"), before: size(old), after: size(new) };
            }
        };
        Self { field: field.to_owned(), before, after }
    }
}
