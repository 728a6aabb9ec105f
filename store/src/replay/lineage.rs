//! The chain of a session's tokens: which took whose place, and who showed which of them when.

use passbook_core::{Actor, Fact, Origin, ReuseVerdict, SessionId};
use passbook_projections::history::Recorded;

use super::{
    ending::Ending,
    explanation::{Explanation, Standing},
};

/// All tokens of a session, oldest first, and each time that one of them was shown to some effect.
/// A token that only opened the session leaves no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The session.
    pub session: SessionId,
    /// The tokens that were handed out and of which an event is kept, oldest first.
    pub tokens: Vec<LineageToken>,
    /// Who showed which token when, oldest first: an edge of the graph each.
    pub presented: Vec<Presented>,
    /// How the session ended; `None` = it lives.
    pub ending: Option<Ending>,
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageToken {
    /// Rises by one with each new token; the first has 1.
    pub generation: u32,
    /// The act that handed it out.
    pub issued: Use,
    /// What became of it.
    pub end: TokenEnd,
}

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenEnd {
    /// It opens the session: the live leaf.
    Live,
    /// A successor took its place.
    Spent {
        /// By which event.
        sequence: u64,
        /// When, in Unix milliseconds.
        at_ms: u64,
        /// The generation of the successor.
        successor: u32,
    },
    /// The session ended while it was the live one.
    EndedWithSession,
}

/// An act: when, by whom, from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The event.
    pub sequence: u64,
    /// Its kind.
    pub kind: &'static str,
    /// When it happened, in Unix milliseconds.
    pub at_ms: u64,
    /// Who acted.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
}

/// A token that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// Its generation.
    pub generation: u32,
    /// The generation that was live then.
    pub current_generation: u32,
    /// `None` = it was the live one, and was changed for the next generation; else what was made of
    /// a spent one.
    pub verdict: Option<ReuseVerdict>,
    /// The act.
    pub by: Use,
}

impl Lineage {
    /// The one live token; `None` if the session is dead or has no token.
    pub fn live(&self) -> Option<&LineageToken> {
        self.tokens.iter().find(|token| token.end == TokenEnd::Live)
    }
}

impl From<Explanation> for Lineage {
    /// The lineage as it stood at the moment of the explanation.
    fn from(explanation: Explanation) -> Self {
        let ending = match explanation.standing {
            Standing::Dead(ending) => Some(*ending),
            Standing::Alive(_) => None,
        };
        let session = explanation.session.id;
        let mut lineage = Self { session, tokens: Vec::new(), presented: Vec::new(), ending };
        for recorded in &explanation.events {
            lineage.add(recorded);
        }
        if lineage.ending.is_some()
            && let Some(last) = lineage.tokens.last_mut()
        {
            last.end = TokenEnd::EndedWithSession;
        }
        lineage
    }
}

impl Lineage {
    fn add(&mut self, recorded: &Recorded) {
        match &recorded.event.fact {
            Fact::SessionCreated { digest: Some(_), .. } => self.issue(recorded, 1),
            Fact::SessionRefreshed { generation, .. }
            | Fact::SessionReauthenticated { generation, .. }
            | Fact::SessionUpgraded { rotated: Some((_, generation)), .. } => {
                self.issue(recorded, *generation);
            }
            Fact::TokenReuseDetected {
                presented_generation, current_generation, verdict, ..
            } => self.presented.push(Presented {
                generation: *presented_generation,
                current_generation: *current_generation,
                verdict: Some(*verdict),
                by: Use::of(recorded),
            }),
            Fact::SessionCreated { digest: None, .. }
            | Fact::SessionUpgraded { rotated: None, .. }
            | Fact::Opened { .. }
            | Fact::PolicySet { .. }
            | Fact::SessionRevoked { .. }
            | Fact::UserSessionsRevoked { .. }
            | Fact::SessionsExpired { .. }
            | Fact::DeviceSet { .. }
            | Fact::TenantSet { .. }
            | Fact::DataSet { .. }
            | Fact::DataRemoved { .. }
            | Fact::SessionTouched { .. }
            | Fact::LoginFailed { .. }
            | Fact::Bookmark { .. }
            | Fact::Compacted { .. }
            | Fact::Salvaged { .. } => {}
        }
    }

    /// A new token takes the place of the last one.
    fn issue(&mut self, recorded: &Recorded, generation: u32) {
        let by = Use::of(recorded);
        if let Some(last) = self.tokens.last_mut() {
            last.end =
                TokenEnd::Spent { sequence: by.sequence, at_ms: by.at_ms, successor: generation };
            let (shown, by) = (last.generation, by.clone());
            self.presented.push(Presented {
                generation: shown,
                current_generation: shown,
                verdict: None,
                by,
            });
        }
        self.tokens.push(LineageToken { generation, issued: by, end: TokenEnd::Live });
    }
}

impl Use {
    fn of(recorded: &Recorded) -> Self {
        let event = &recorded.event;
        Self {
            sequence: recorded.sequence,
            kind: event.fact.kind(),
            at_ms: event.happened_at_ms(),
            actor: event.actor.clone(),
            origin: event.origin.clone(),
        }
    }
}
