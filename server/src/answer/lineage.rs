//! The chain of a session's tokens, and who showed which of them when.

mod dot;

use std::fmt;

use passbook::{
    Lineage, LineageToken, Presented, TokenEnd, Use,
    core::{ReuseVerdict, session::NEVER_MS},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, Moment, View, cell,
    paint::{self, painted},
};
use crate::render::{
    escape::escape,
    number::thousands,
    table::{Column, Table},
};

/// The schema of [`LineageDocument`].
pub(crate) const LINEAGE_SCHEMA: &str = "passbook.session.lineage/1";

/// All tokens of a session, and each time that one was shown to some effect.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LineageDocument {
    #[schemars(extend("const" = LINEAGE_SCHEMA))]
    schema: &'static str,
    /// The session.
    session: String,
    /// When it was dead; `null` = it lives.
    ended_at: Option<Moment>,
    /// Why it ended.
    end_reason: Option<&'static str>,
    /// The event that ended it.
    ended_sequence: Option<u64>,
    /// The tokens of which an event is kept, oldest first.
    tokens: Vec<TokenDocument>,
    /// Who showed which token when, oldest first.
    presented: Vec<PresentedDocument>,
    #[serde(skip)]
    #[schemars(skip)]
    view: View,
}

/// One token.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct TokenDocument {
    /// Rises by one with each new token.
    generation: u32,
    /// `live`, `spent`, or `ended`: it was the live one when the session ended.
    state: &'static str,
    /// The act that handed it out.
    issued: UseDocument,
    /// The event by which a successor took its place.
    spent_sequence: Option<u64>,
    /// When that was.
    spent_at: Option<Moment>,
    /// The generation of the successor.
    successor: Option<u32>,
}

/// A token that was shown.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct PresentedDocument {
    /// Its generation.
    generation: u32,
    /// The generation that was live then.
    current_generation: u32,
    /// `rotated`: it was the live one; else what was made of a spent one: `race`, `refused` or
    /// `ended`.
    verdict: &'static str,
    /// The act.
    by: UseDocument,
}

/// An act: when, by whom, from where.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct UseDocument {
    /// The event.
    sequence: u64,
    /// Its kind.
    kind: &'static str,
    /// When it happened.
    at: Moment,
    /// The same, in Unix milliseconds.
    at_ms: u64,
    /// Who acted.
    actor: String,
    /// The client's address.
    ip: Option<String>,
    /// What the client said of itself.
    user_agent: Option<String>,
}

impl UseDocument {
    fn of(act: &Use) -> Self {
        let Use { sequence, kind, at_ms, actor, origin } = act;
        Self {
            sequence: *sequence,
            kind,
            at: Moment(*at_ms),
            at_ms: *at_ms,
            actor: actor.to_string(),
            ip: origin.ip.map(|ip| ip.to_string()),
            user_agent: origin.user_agent.as_ref().map(|agent| agent.text().to_string()),
        }
    }

    /// `@3  2026-11-20 12:40:00.000Z  SessionRefreshed  198.51.100.7`, escaped.
    fn words(&self, view: &View) -> String {
        let mut words =
            format!("@{}  {}  {}", thousands(self.sequence), view.clock(self.at_ms), self.kind);
        for part in [&self.ip, &self.user_agent].into_iter().flatten() {
            words.push_str("  ");
            words.push_str(&escape(part));
        }
        words
    }
}

impl TokenDocument {
    fn of(token: &LineageToken) -> Self {
        let (state, spent) = match token.end {
            TokenEnd::Live => ("live", None),
            TokenEnd::Spent { sequence, at_ms, successor } => {
                ("spent", Some((sequence, at_ms, successor)))
            }
            TokenEnd::EndedWithSession => ("ended", None),
        };
        Self {
            generation: token.generation,
            state,
            issued: UseDocument::of(&token.issued),
            spent_sequence: spent.map(|(sequence, ..)| sequence),
            spent_at: spent.map(|(_, at_ms, _)| Moment(at_ms)),
            successor: spent.map(|(.., successor)| successor),
        }
    }
}

impl PresentedDocument {
    fn of(presented: &Presented) -> Self {
        Self {
            generation: presented.generation,
            current_generation: presented.current_generation,
            verdict: match presented.verdict {
                None => "rotated",
                Some(ReuseVerdict::Race) => "race",
                Some(ReuseVerdict::Refused) => "refused",
                Some(ReuseVerdict::Ended) => "ended",
            },
            by: UseDocument::of(&presented.by),
        }
    }

    /// Whether a spent token was shown.
    fn is_reuse(&self) -> bool {
        self.verdict != "rotated"
    }

    /// What came of a spent token.
    fn outcome(&self) -> &'static str {
        match self.verdict {
            "race" => "taken for a race",
            "refused" => "refused",
            _ => "the session ended",
        }
    }
}

impl LineageDocument {
    pub(crate) fn of(lineage: &Lineage, mut view: View) -> Self {
        let ending = lineage.ending.as_ref();
        let acts = lineage.tokens.iter().map(|token| &token.issued);
        let mut acts = acts.chain(lineage.presented.iter().map(|presented| &presented.by));
        view.is_of_today = acts.all(|act| view.is_today(act.at_ms));
        Self {
            schema: LINEAGE_SCHEMA,
            session: lineage.session.to_string(),
            ended_at: ending.filter(|ending| ending.at_ms != NEVER_MS).map(|it| Moment(it.at_ms)),
            end_reason: ending.map(|ending| ending.reason.as_str()),
            ended_sequence: ending.and_then(passbook::Ending::sequence),
            tokens: lineage.tokens.iter().map(TokenDocument::of).collect(),
            presented: lineage.presented.iter().map(PresentedDocument::of).collect(),
            view,
        }
    }

    /// `Lineage of session 01M7…, DEAD since 2026-11-20 14:03:11.482Z by token_reuse`.
    fn headline(&self) -> String {
        let id = &self.session;
        match (self.ended_at, self.end_reason) {
            (Some(Moment(at_ms)), Some(reason)) => {
                let dead = painted("DEAD", paint::BAD);
                format!(
                    "Lineage of session {id}, {dead} since {} by {reason}",
                    self.view.time(at_ms)
                )
            }
            (Some(_) | None, _) => {
                format!("Lineage of session {id}, {}", painted("live", paint::GOOD))
            }
        }
    }

    /// The spent tokens that were shown after this token was handed out and before the next was.
    fn reuses_under(&self, place: usize) -> impl Iterator<Item = &PresentedDocument> {
        let issued = |place: usize| self.tokens.get(place).map(|token| token.issued.sequence);
        let from = issued(place).unwrap_or(0);
        let until = issued(place + 1).unwrap_or(u64::MAX);
        self.presented.iter().filter(move |presented| {
            presented.is_reuse() && (from..until).contains(&presented.by.sequence)
        })
    }
}

impl fmt::Display for LineageDocument {
    /// A token a knot, the acts between them at the line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.headline())?;
        if self.tokens.is_empty() {
            return writeln!(f, "no event about a token of it is kept, or no token opens it");
        }
        for (place, token) in self.tokens.iter().enumerate() {
            let state = match token.state {
                "live" => painted("live", paint::GOOD),
                "ended" => painted("ended with the session", paint::FADED),
                other => other.to_owned(),
            };
            let is_last = place + 1 == self.tokens.len();
            writeln!(f, "● generation {}  {state}", thousands(token.generation.into()))?;
            writeln!(f, "│   handed out  {}", token.issued.words(&self.view))?;
            for reuse in self.reuses_under(place) {
                let shown = format!("generation {} shown again", reuse.generation);
                let shown = painted(&shown, paint::BAD);
                writeln!(f, "├─✗ {shown}, {}: {}", reuse.outcome(), reuse.by.words(&self.view))?;
            }
            if !is_last {
                writeln!(f, "│")?;
            }
        }
        let Some(reason) = self.end_reason else { return Ok(()) };
        let event = self.ended_sequence.map(|sequence| format!("@{}  ", thousands(sequence)));
        writeln!(f, "╵ {}{reason}", event.unwrap_or_default())
    }
}

impl Answer for LineageDocument {
    fn rows(&self) -> Table {
        let mut table = Table::new(
            ["GENERATION", "SHOWN", "SEQUENCE", "AT", "KIND", "ACTOR", "FROM", "USER AGENT"]
                .map(Column::whole),
        );
        let first = self.tokens.first().map(|token| (token.generation, "issued", &token.issued));
        let presented = &self.presented;
        let shown = presented.iter().map(|it| (it.generation, it.verdict, &it.by));
        for (generation, verdict, act) in first.into_iter().chain(shown) {
            table.push([
                generation.to_string(),
                verdict.to_owned(),
                act.sequence.to_string(),
                act.at.to_string(),
                act.kind.to_owned(),
                act.actor.clone(),
                cell(act.ip.as_ref()),
                cell(act.user_agent.as_ref()),
            ]);
        }
        table
    }
}
