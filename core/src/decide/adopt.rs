//! Taking over a session that another store kept.
//!
//! There is no event of its own for it: a login, the rotations that there were and a touch, each at
//! the time at which it happened, lead to the session as the other store had it. So whatever folds
//! events needs to know nothing of where a session came from.

use super::{Decided, Outcome, Rejection, Scene, data::check};
use crate::{
    AdoptedSession, Event, Fact, MovedSession, Past, SessionView, Subject, TokenDigest,
    TokenStanding,
};

impl<V: SessionView> Scene<'_, V> {
    /// As [`adopt`](Self::adopt), if its tokens are nobody else's.
    pub(super) fn take_in(&self, moved: &MovedSession) -> Result<Decided, Rejection> {
        let MovedSession { adopted, past } = moved;
        let spent = past.spent.iter().map(|spent| spent.digest);
        for digest in spent.chain(adopted.session.digest) {
            if let Some(TokenStanding::Live(owner) | TokenStanding::Spent(owner, _)) =
                self.view.token(&digest)
            {
                return Err(Rejection::TokenTaken(owner.id()));
            }
        }
        self.adopt(adopted, past)
    }

    /// Keeps the times that the other store gave: they may be long past, or beyond our policy.
    pub(super) fn adopt(
        &self,
        adopted: &AdoptedSession,
        past: &Past,
    ) -> Result<Decided, Rejection> {
        let new = &adopted.session;
        if self.view.has_session(new.id) {
            return Err(Rejection::SessionIdTaken(new.id));
        }
        check(&new.data)?;
        let subject = || Subject { session: new.id, user: new.user.clone() };
        let lifetime_ms = new.lifetime_ms.unwrap_or(self.view.policy().policy.idle_timeout_ms);
        let expires_at_ms = adopted.expires_at_ms;
        let lineage = lineage(adopted, past);
        let (first, later) = match lineage.split_first() {
            // A login has generation 1. Of a lineage that begins later the first token is not known.
            Some((first, later)) if first.generation == 1 => (Some(first.digest), later),
            Some(_) | None => (None, &*lineage),
        };
        let created = Fact::SessionCreated {
            subject: subject(),
            is_guest: new.is_guest,
            digest: first,
            device: new.device.clone(),
            tenant: new.tenant.clone(),
            transport: new.transport,
            created_at_ms: adopted.created_at_ms,
            lifetime_ms,
            expires_at_ms,
            absolute_at_ms: past.absolute_at_ms,
        };
        let mut events = vec![self.event_of(adopted.created_at_ms, created)];
        for Issued { digest, generation, at_ms } in later.iter().copied() {
            let subject = subject();
            let refreshed =
                Fact::SessionRefreshed { subject, digest, generation, lifetime_ms, expires_at_ms };
            events.push(self.event_of(at_ms, refreshed));
        }
        if events.last().map(Event::happened_at_ms) != Some(adopted.last_active_at_ms) {
            let touched = Fact::SessionTouched { subject: subject(), expires_at_ms };
            events.push(self.event_of(adopted.last_active_at_ms, touched));
        }
        events.extend(self.first_data(&subject(), &new.data));
        Ok(Decided { events, outcome: Outcome::Created(new.id) })
    }

    /// An event of the other store's time.
    fn event_of(&self, occurred_at_ms: u64, fact: Fact) -> Event {
        Event { occurred_at_ms: Some(occurred_at_ms), ..self.event(fact) }
    }
}

/// A token of the lineage, and when it was handed out.
#[derive(Debug, Clone, Copy)]
struct Issued {
    digest: TokenDigest,
    generation: u32,
    at_ms: u64,
}

/// All tokens of the session, oldest first: each was handed out when the one before was spent.
fn lineage(adopted: &AdoptedSession, past: &Past) -> Vec<Issued> {
    let live = adopted.session.digest.map(|digest| (digest, past.generation));
    let tokens = past.spent.iter().map(|spent| (spent.digest, spent.generation)).chain(live);
    let spent_at = past.spent.iter().map(|spent| spent.spent_at_ms);
    let times = std::iter::once(adopted.created_at_ms).chain(spent_at);
    let issued = tokens.zip(times);
    issued.map(|((digest, generation), at_ms)| Issued { digest, generation, at_ms }).collect()
}
