//! Why a session is dead, or what would end it.
//!
//! The document is here; what a person reads of the rule is in `words`, the rule's own values are in
//! `cause`.

mod cause;
mod words;

use std::fmt;

use passbook::{Explanation, Standing};
use schemars::JsonSchema;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::{
    Answer, Moment, View, cell, count_of, counted,
    event::{EventDocument, deadline},
    facts::Facts,
    policy::PolicyDocument,
    session::SessionItem,
};
use crate::{
    fold::End,
    render::{number::thousands, table::Table},
};
use cause::CauseDocument;
pub(crate) use words::span;

/// The schema of [`ExplanationDocument`].
pub(crate) const EXPLANATION_SCHEMA: &str = "passbook.explanation/1";
/// Of so many events the short form tells.
const EVENTS_SHORT: usize = 10;

/// How much a person wants to read. Programs get all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// What decided, and the last events.
    Short,
    /// All values and all events.
    Long,
}

/// Why a session is dead, or what would end it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ExplanationDocument {
    #[schemars(extend("const" = EXPLANATION_SCHEMA))]
    schema: &'static str,
    /// The moment at which it is judged.
    as_of: Moment,
    #[serde(flatten)]
    session: SessionItem,
    /// The generation of its live token, or of the last one.
    generation: u32,
    /// The kind of the event that ended it.
    ended_kind: Option<&'static str>,
    /// The rule that ended it, and the values that were compared; `null` = it lives.
    cause: Option<CauseDocument>,
    /// What happened, or what would end it, in sentences.
    why: Vec<String>,
    /// Under which rules it would still live; `null` = under none.
    would_live_with: Option<String>,
    /// The words on its end.
    end_note: Option<String>,
    /// Until when it lives; `null` = it is dead.
    outlook: Option<OutlookDocument>,
    /// The policy in force at its end, or now; `null` = no event that is kept says which.
    policy: Option<PolicyDocument>,
    /// The events about it that are kept, oldest first; the one that ended it is the last.
    events: Vec<EventDocument>,
    #[serde(skip)]
    #[schemars(skip)]
    rule: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    length: Length,
    #[serde(skip)]
    #[schemars(skip)]
    view: View,
}

/// Until when a session lives.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct OutlookDocument {
    /// When it ends if nobody refreshes or touches it; `null` = never.
    expires_at: Option<Moment>,
    /// With which reason it would end then.
    reason: Option<&'static str>,
    /// When it ends whatever happens; `null` = no such moment.
    absolute_at: Option<Moment>,
    /// How long a refresh or touch extends it, in milliseconds; 0 = for ever.
    lifetime_ms: u64,
}

impl ExplanationDocument {
    pub(crate) fn of(explanation: &Explanation, length: Length, view: View) -> Self {
        let ending = explanation.ending();
        let policy = match &explanation.standing {
            Standing::Dead(ending) => ending.policy,
            Standing::Alive(outlook) => outlook.policy,
        };
        let events = explanation.events.iter().map(|event| EventDocument::of(event, &view));
        let mut events: Vec<_> = events.collect();
        EventDocument::without_dates(&mut events);
        let end = ending.map(End::of);
        let mut session = SessionItem::of_session(&explanation.session, end.as_ref());
        session.created_sequence = explanation
            .events
            .iter()
            .find(|recorded| matches!(recorded.event.fact, passbook::Fact::SessionCreated { .. }))
            .map(|recorded| recorded.sequence);
        Self {
            schema: EXPLANATION_SCHEMA,
            as_of: Moment(explanation.judged_at_ms),
            session,
            generation: explanation.generation,
            ended_kind: ending.and_then(passbook::Ending::kind),
            cause: ending.map(|ending| CauseDocument::of(&ending.cause)),
            why: words::why(explanation),
            would_live_with: ending.and_then(|ending| words::would_live_with(explanation, ending)),
            end_note: end.and_then(|end| end.note).map(|note| note.to_string()),
            outlook: match &explanation.standing {
                Standing::Dead(_) => None,
                Standing::Alive(outlook) => Some(OutlookDocument {
                    expires_at: deadline(outlook.expires_at_ms),
                    reason: outlook.reason.map(passbook::EndReason::as_str),
                    absolute_at: deadline(outlook.absolute_at_ms),
                    lifetime_ms: outlook.lifetime_ms,
                }),
            },
            policy: policy.as_ref().map(PolicyDocument::of),
            events,
            rule: ending.and_then(words::rule),
            length,
            view: View { now_ms: explanation.judged_at_ms, ..view },
        }
    }

    /// `token_reuse, rule on_reuse = end_session (policy 3, in force since @1,000,001)`.
    fn ended_by(&self, reason: &str) -> String {
        let Some(rule) = &self.rule else { return reason.to_owned() };
        let policy = match &self.policy {
            Some(policy) => policy.words(),
            None => "no event that is kept says by which policy".to_owned(),
        };
        format!("{reason}, rule {rule} ({policy})")
    }

    fn end_facts(&self, facts: &mut Facts) {
        let item = &self.session;
        let Some(reason) = item.end_reason else { return };
        facts.add("ended by", self.ended_by(reason));
        facts.add_some("actor", item.ended_by.as_ref());
        match (item.ended_sequence, self.ended_kind) {
            (Some(sequence), Some(kind)) => {
                facts.add("event", format!("@{}  {kind}", thousands(sequence)))
            }
            (Some(_) | None, _) => facts.add("event", "none yet: the next sweep will say so"),
        };
        facts.add_some("note", self.end_note.as_ref());
    }

    fn outlook_facts(&self, facts: &mut Facts) {
        let Some(outlook) = &self.outlook else { return };
        match (outlook.expires_at, outlook.reason) {
            (Some(Moment(at_ms)), Some(reason)) => {
                let at = self.view.time_and_relative(at_ms);
                facts.add("ends", format!("{at}, {reason}"))
            }
            (Some(_) | None, _) => facts.add("ends", "never by itself"),
        };
        let latest = outlook.absolute_at.map(|at| self.view.time_and_relative(at.0));
        facts.add_some("at latest", latest);
        facts.add_some("policy", self.policy.as_ref().map(PolicyDocument::words));
    }

    /// What the long form adds: the values of the session and of the rules.
    fn values(&self, facts: &mut Facts) {
        let item = &self.session;
        let view = &self.view;
        facts.own("created", view.time(item.created_at_ms));
        facts.own("last active", view.time(item.last_active_at_ms));
        let expires = item.expires_at_ms.map(|at_ms| view.time(at_ms));
        facts.own("expires", expires.unwrap_or_else(|| "never".to_owned()));
        facts.own("generation", self.generation.to_string());
        facts.own("judged at", view.time(self.as_of.0));
        if let Some(policy) = &self.policy {
            facts.own("idle timeout", words::limit(policy.rules.idle_timeout_ms));
            facts.own("absolute", words::limit(policy.rules.absolute_timeout_ms));
            facts.own("race window", span(policy.rules.race_window_ms));
            facts.own("on reuse", policy.rules.on_reuse);
            let most = policy.rules.sessions_per_user_max;
            let most = if most == 0 { "no limit".to_owned() } else { thousands(most.into()) };
            facts.own("per user", most);
        }
    }

    fn fmt_events(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = match self.length {
            Length::Short => self.events.len().saturating_sub(EVENTS_SHORT),
            Length::Long => 0,
        };
        if left_out > 0 {
            let earlier = counted(count_of(left_out), "earlier event", "earlier events");
            let id = &self.session.id;
            writeln!(f, "{earlier}: passbook replay explain {id} shows all")?;
        }
        for event in self.events.iter().skip(left_out) {
            let ended = self.session.ended_sequence == Some(event.sequence);
            let mark = if ended { "  ◄ ended here" } else { "" };
            let mut event = event.clone();
            event.view.width = event.view.width.map(|all| all.saturating_sub(mark.width()));
            writeln!(f, "{}{mark}", event.to_string().trim_end_matches('\n'))?;
        }
        Ok(())
    }
}

impl fmt::Display for ExplanationDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.session.headline(&self.view))?;
        let mut facts = Facts::wide(11);
        self.end_facts(&mut facts);
        self.outlook_facts(&mut facts);
        if self.length == Length::Long {
            self.values(&mut facts);
        }
        writeln!(f, "{facts}")?;
        let mut facts = Facts::wide(11);
        for (place, sentence) in self.why.iter().enumerate() {
            facts.add(if place == 0 { "why" } else { "" }, sentence);
        }
        writeln!(f, "{facts}")?;
        self.fmt_events(f)?;
        let mut facts = Facts::wide(15);
        facts.add_some("would live with", self.would_live_with.as_ref());
        if let Some(before) = self.session.ended_sequence.and_then(|ended| ended.checked_sub(1)) {
            let id = &self.session.id;
            facts.own("look closer", format!("passbook replay at @{before} --session {id}"));
        }
        let facts = facts.to_string();
        if facts.is_empty() { Ok(()) } else { write!(f, "\n{facts}") }
    }
}

impl Answer for ExplanationDocument {
    fn rows(&self) -> Table {
        let item = &self.session;
        super::pairs([
            ("id", item.id.clone()),
            ("state", item.state.as_str().to_owned()),
            ("user_id", item.user_id.clone()),
            ("ended_at", cell(item.ended_at)),
            ("end_reason", cell(item.end_reason)),
            ("ended_by", cell(item.ended_by.as_ref())),
            ("ended_sequence", cell(item.ended_sequence)),
            ("ended_kind", cell(self.ended_kind)),
            ("why", self.why.join(" ")),
            ("would_live_with", cell(self.would_live_with.as_ref())),
            ("end_note", cell(self.end_note.as_ref())),
            ("expires_at", cell(item.expires_at)),
            ("absolute_at", cell(self.outlook.as_ref().and_then(|outlook| outlook.absolute_at))),
            ("generation", self.generation.to_string()),
            ("policy_version", cell(self.policy.as_ref().map(|policy| policy.version))),
            ("events", self.events.len().to_string()),
            ("as_of", self.as_of.to_string()),
        ])
    }
}
