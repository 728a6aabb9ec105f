//! What differs between two moments.

use std::{collections::BTreeMap, fmt};

use passbook::Diff;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, Moment, View, count_of, counted, difference::DifferenceDocument, facts::Facts,
};
use crate::render::{number::thousands, table::Table};

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
    #[serde(flatten)]
    difference: DifferenceDocument,
    /// How many live at both and are the same.
    unchanged: u64,
    /// How many users have a live session at the later moment and had none at the earlier one.
    users_new: u64,
    /// How many users had a live session at the earlier moment and have none at the later one.
    users_gone: u64,
    /// How many ended, by reason.
    ended_by: BTreeMap<&'static str, u64>,
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
        let difference = DifferenceDocument::of(&diff.difference);
        let mut ended_by = BTreeMap::new();
        for reason in difference.ended.iter().filter_map(|item| item.end_reason) {
            *ended_by.entry(reason).or_default() += 1;
        }
        Self {
            schema: DIFF_SCHEMA,
            from: MomentDocument::of(&diff.from),
            to: MomentDocument::of(&diff.to),
            is_same: diff.difference.is_empty(),
            difference,
            unchanged: count_of(diff.unchanged),
            users_new: count_of(diff.users_new.len()),
            users_gone: count_of(diff.users_gone.len()),
            ended_by,
            view,
        }
    }

    pub(crate) fn is_same(&self) -> bool {
        self.is_same
    }
}

impl fmt::Display for DiffDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, difference, .. } = self;
        let count = |len: usize| thousands(count_of(len));
        let mut facts = Facts::wide(9);
        facts.own(
            "sessions",
            format!(
                "{} → {}   +{} opened  −{} ended  ~{} changed  ({} unchanged)",
                thousands(from.live),
                thousands(to.live),
                count(difference.opened.len()),
                count(difference.ended.len()),
                count(difference.changed.len()),
                thousands(self.unchanged),
            ),
        );
        let reasons = self.ended_by.iter();
        let reasons: Vec<_> =
            reasons.map(|(reason, number)| format!("{reason} {}", thousands(*number))).collect();
        if !reasons.is_empty() {
            facts.own("ended by", reasons.join(" · "));
        }
        let (new, gone) = (thousands(self.users_new), thousands(self.users_gone));
        facts.own("users", format!("new {new} · gone {gone}"));
        if let (Some(before), Some(after)) = (&difference.policy_before, &difference.policy_after) {
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
        self.difference.rows()
    }
}
