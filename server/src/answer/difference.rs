//! What differs between two states: for a diff of moments and for one step.

mod change;

use passbook::Difference;
use schemars::JsonSchema;
use serde::Serialize;

use super::{policy::PolicyDocument, session::SessionItem};
use crate::{
    fold::End,
    render::table::{Column, Table},
};
pub(crate) use change::{ChangeDocument, FieldDocument, FieldValue};

/// What differs between a state and a later one.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DifferenceDocument {
    /// Sessions that live in the later one only.
    pub(crate) opened: Vec<SessionItem>,
    /// Sessions that lived in the earlier one only, and how they ended.
    pub(crate) ended: Vec<SessionItem>,
    /// Sessions that live in both and are not the same.
    pub(crate) changed: Vec<ChangeDocument>,
    /// The rules of the earlier one, if they are not the same.
    pub(crate) policy_before: Option<PolicyDocument>,
    /// The rules of the later one, if they are not the same.
    pub(crate) policy_after: Option<PolicyDocument>,
}

impl DifferenceDocument {
    pub(crate) fn of(difference: &Difference) -> Self {
        let opened = difference.opened.iter();
        let ended = difference.ended.iter().map(|ended| {
            SessionItem::of_session(&ended.state.session, Some(&End::of(&ended.ending)))
        });
        let policies = difference.policy.as_ref();
        Self {
            opened: opened.map(|state| SessionItem::of_session(&state.session, None)).collect(),
            ended: ended.collect(),
            changed: difference.changed.iter().map(ChangeDocument::of).collect(),
            policy_before: policies.map(|(before, _)| PolicyDocument::of(before)),
            policy_after: policies.map(|(_, after)| PolicyDocument::of(after)),
        }
    }

    /// A row for each thing that differs.
    pub(crate) fn rows(&self) -> Table {
        let mut table =
            Table::new(["CHANGE", "SESSION", "USER", "WHAT", "BEFORE", "AFTER"].map(Column::whole));
        for item in &self.opened {
            let (id, user) = (item.id.clone(), item.user_id.clone());
            let at = item.created_at.to_string();
            table.push(["opened".to_owned(), id, user, "created_at".to_owned(), String::new(), at]);
        }
        for item in &self.ended {
            let (id, user) = (item.id.clone(), item.user_id.clone());
            let reason = item.end_reason.unwrap_or_default().to_owned();
            let what = "end_reason".to_owned();
            table.push(["ended".to_owned(), id, user, what, String::new(), reason]);
        }
        for change in &self.changed {
            change.push_rows(&mut table);
        }
        table
    }
}
