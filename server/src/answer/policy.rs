//! Policies: the rules, and what differs between two of them.

use std::fmt;

use passbook::{OnReuse, Policy, core::PolicyInForce};
use schemars::JsonSchema;
use serde::Serialize;

use crate::render::number::thousands;

/// Rules, and since when they hold. Times are in milliseconds, 0 = for ever.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct PolicyDocument {
    /// Its number, rising by one; 0 = the built-in one.
    pub(crate) version: u32,
    /// The event that set it; 0 = from the beginning.
    pub(crate) since_sequence: u64,
    #[serde(flatten)]
    pub(crate) rules: RulesDocument,
}

/// Rules. Times are in milliseconds, 0 = for ever.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RulesDocument {
    /// The idle timeout.
    pub(crate) idle_timeout_ms: u64,
    /// The absolute timeout.
    pub(crate) absolute_timeout_ms: u64,
    /// Most live sessions of a user, 0 = no limit.
    pub(crate) sessions_per_user_max: u32,
    /// Within it a spent token gets the same successor again, 0 = never.
    pub(crate) replay_window_ms: u64,
    /// Within it a spent token is a race, not a theft.
    pub(crate) race_window_ms: u64,
    /// `end_session` or `refuse`.
    pub(crate) on_reuse: &'static str,
}

impl PolicyDocument {
    pub(crate) fn of(in_force: &PolicyInForce) -> Self {
        let PolicyInForce { version, since_sequence, policy } = in_force;
        let (version, since_sequence) = (*version, *since_sequence);
        Self { version, since_sequence, rules: RulesDocument::of(policy) }
    }

    /// `policy 3, in force since @1,000,001`.
    pub(crate) fn words(&self) -> String {
        match self.since_sequence {
            0 => "the built-in policy".to_owned(),
            since => format!("policy {}, in force since @{}", self.version, thousands(since)),
        }
    }
}

impl RulesDocument {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self {
            idle_timeout_ms: policy.idle_timeout_ms,
            absolute_timeout_ms: policy.absolute_timeout_ms,
            sessions_per_user_max: policy.sessions_per_user_max,
            replay_window_ms: policy.replay_window_ms,
            race_window_ms: policy.race_window_ms,
            on_reuse: on_reuse(policy.on_reuse),
        }
    }
}

/// The name of what a reuse means.
pub(crate) fn on_reuse(on_reuse: OnReuse) -> &'static str {
    match on_reuse {
        OnReuse::EndSession => "end_session",
        OnReuse::Refuse => "refuse",
    }
}

/// A rule that is not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleChange {
    /// Its name.
    pub(crate) rule: &'static str,
    /// As it was.
    pub(crate) before: String,
    /// As it is.
    pub(crate) after: String,
}

impl RuleChange {
    /// The rules that are not the same in both.
    pub(crate) fn between(before: &Policy, after: &Policy) -> Vec<Self> {
        let mut rules: Vec<_> = words(before).into_iter().zip(words(after)).collect();
        rules.retain(|((_, before), (_, after))| before != after);
        let changes =
            rules.into_iter().map(|((rule, before), (_, after))| Self { rule, before, after });
        changes.collect()
    }
}

impl fmt::Display for RuleChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, before, after } = self;
        write!(f, "{rule} {before} → {after}")
    }
}

/// Every rule in words that are the same only if the rule is.
fn words(policy: &Policy) -> [(&'static str, String); 6] {
    let Policy {
        idle_timeout_ms,
        absolute_timeout_ms,
        sessions_per_user_max,
        replay_window_ms,
        race_window_ms,
        on_reuse: reuse,
    } = policy;
    let most = u64::from(*sessions_per_user_max);
    [
        ("idle_timeout", timeout(*idle_timeout_ms)),
        ("absolute_timeout", timeout(*absolute_timeout_ms)),
        ("sessions_per_user_max", if most == 0 { "no limit".to_owned() } else { thousands(most) }),
        ("replay_window", whole(*replay_window_ms)),
        ("race_window", whole(*race_window_ms)),
        ("on_reuse", on_reuse(*reuse).to_owned()),
    ]
}

fn timeout(timeout_ms: u64) -> String {
    if timeout_ms == 0 { "none".to_owned() } else { whole(timeout_ms) }
}

/// `29 d 4 h 1 s`: all units, unlike a span that is only to be read.
fn whole(span_ms: u64) -> String {
    let mut rest = span_ms;
    let mut shown = Vec::new();
    for (unit_ms, name) in
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms")]
    {
        if rest >= unit_ms {
            shown.push(format!("{} {name}", thousands(rest / unit_ms)));
        }
        rest %= unit_ms;
    }
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_differs_by_a_millisecond_is_told() {
        let before = Policy::default();
        let after = Policy { idle_timeout_ms: before.idle_timeout_ms + 1, ..before };
        let told: Vec<_> = RuleChange::between(&before, &after);
        assert_eq!(
            told.iter().map(RuleChange::to_string).collect::<Vec<_>>(),
            ["idle_timeout 30 d → 30 d 1 ms"]
        );
        assert_eq!(RuleChange::between(&before, &before), []);
        assert_eq!((whole(0), timeout(0)), ("0 s".to_owned(), "none".to_owned()));
    }
}
