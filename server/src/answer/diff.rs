//! What differs between two moments.

mod change;

use std::{collections::BTreeMap, fmt};

use passbook::Diff;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, Moment, View, count_of, counted, explanation::PolicyDocument, facts::Facts,
    session::SessionItem,
};
use crate::{
    fold::End,
    render::{
        number::thousands,
        table::{Column, Table},
    },
};
use change::ChangeDocument;

/// The schema of [`DiffDocument`].
pub(crate) const DIFF_SCHEMA: &str = "passbook.replay.diff/1";

/// What differs between two moments.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DiffDocument {
    #[schemars(extend("const" = DIFF_SCHEMA))]
    schema: &'static str,
    /// The earlier moment.
    from: MomentDocument,
    /// The later one.
    to: MomentDocument,
    /// Whether nothing differs.
    is_same: bool,
    /// Sessions that live at the later one only.
    opened: Vec<SessionItem>,
    /// Sessions that lived at the earlier one only, and how they ended.
    ended: Vec<SessionItem>,
    /// Sessions that live at both and are not the same.
    changed: Vec<ChangeDocument>,
    /// How many live at both and are the same.
    unchanged: u64,
    /// How many ended, by reason.
    ended_by: BTreeMap<&'static str, u64>,
    /// The rules at the earlier one, if they are not the same.
    policy_before: Option<PolicyDocument>,
    /// The rules at the later one, if they are not the same.
    policy_after: Option<PolicyDocument>,
    #[serde(skip)]
    #[schemars(skip)]
    view: View,
}

/// A moment that was looked at.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct MomentDocument {
    /// The last event that is in it; 0 = none.
    at: u64,
    /// When sessions were judged.
    as_of: Moment,
    /// The same, in Unix milliseconds.
    as_of_ms: u64,
    /// How many sessions lived.
    live: u64,
}

impl MomentDocument {
    fn of(moment: &passbook::Moment) -> Self {
        Self {
            at: moment.sequence,
            as_of: Moment(moment.at_ms),
            as_of_ms: moment.at_ms,
            live: count_of(moment.live),
        }
    }
}

impl DiffDocument {
    pub(crate) fn of(diff: &Diff, view: View) -> Self {
        let difference = &diff.difference;
        let ended = difference.ended.iter().map(|ended| {
            SessionItem::of_session(&ended.state.session, Some(&End::of(&ended.ending)))
        });
        let ended: Vec<_> = ended.collect();
        let mut ended_by = BTreeMap::new();
        for reason in ended.iter().filter_map(|item| item.end_reason) {
            *ended_by.entry(reason).or_default() += 1;
        }
        let policies = difference.policy.as_ref();
        Self {
            schema: DIFF_SCHEMA,
            from: MomentDocument::of(&diff.from),
            to: MomentDocument::of(&diff.to),
            is_same: difference.is_empty(),
            opened: difference
                .opened
                .iter()
                .map(|state| SessionItem::of_session(&state.session, None))
                .collect(),
            ended,
            changed: difference.changed.iter().map(ChangeDocument::of).collect(),
            unchanged: count_of(diff.unchanged),
            ended_by,
            policy_before: policies.map(|(before, _)| PolicyDocument::of(before)),
            policy_after: policies.map(|(_, after)| PolicyDocument::of(after)),
            view,
        }
    }

    pub(crate) fn is_same(&self) -> bool {
        self.is_same
    }
}

impl fmt::Display for DiffDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, .. } = self;
        let count = |len: usize| thousands(count_of(len));
        let mut facts = Facts::wide(9);
        facts.own(
            "sessions",
            format!(
                "{} → {}   +{} opened  −{} ended  ~{} changed  ({} unchanged)",
                thousands(from.live),
                thousands(to.live),
                count(self.opened.len()),
                count(self.ended.len()),
                count(self.changed.len()),
                thousands(self.unchanged),
            ),
        );
        let reasons = self.ended_by.iter();
        let reasons: Vec<_> =
            reasons.map(|(reason, number)| format!("{reason} {}", thousands(*number))).collect();
        if !reasons.is_empty() {
            facts.own("ended by", reasons.join(" · "));
        }
        if let (Some(before), Some(after)) = (&self.policy_before, &self.policy_after) {
            facts.own("policy", format!("{} → {}", before.words(), after.words()));
        }
        let events = to.at.saturating_sub(from.at);
        facts.own(
            "moments",
            format!(
                "@{} .. @{}, {}, {} .. {}",
                thousands(from.at),
                thousands(to.at),
                counted(events, "event", "events"),
                self.view.time(from.as_of_ms),
                self.view.time(to.as_of_ms),
            ),
        );
        facts.fmt(f)
    }
}

impl Answer for DiffDocument {
    fn rows(&self) -> Table {
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
