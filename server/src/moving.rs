//! From the sessions of another store to ours: which row becomes a command, and each only once.
//!
//! What ever had a session here, live or ended, is not opened again by reading its row once more: a
//! dead session stays dead.

use std::collections::{HashMap, HashSet};

use passbook::{
    Actor, Fact, Ledger, LedgerError, Recorded, SessionId,
    core::{Act, Command, IdempotencyKey, Outcome, TokenDigest},
};

use crate::{
    answer::{moved::Moved, verify::hex},
    failure::Failure,
    import::session::{Incoming, Reason, Row},
    importing::{KnownKeys, learn},
    sending::Sending,
};

/// What the store's events tell of all sessions that there ever were.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    keys: KnownKeys,
    ids: HashSet<SessionId>,
    tokens: HashMap<TokenDigest, SessionId>,
}

impl Seen {
    /// Takes one more event into account.
    pub(crate) fn learn(&mut self, recorded: &Recorded) {
        learn(&mut self.keys, recorded);
        let fact = &recorded.event.fact;
        let digest = fact.issued_token();
        let is_login = matches!(fact, Fact::SessionCreated { .. });
        if let Some(subject) = fact.subject().filter(|_| is_login || digest.is_some()) {
            self.ids.insert(subject.session);
            self.tokens.extend(digest.map(|digest| (digest, subject.session)));
        }
    }

    fn add(&mut self, incoming: &Incoming) {
        self.keys.insert(incoming.key);
        self.ids.insert(incoming.id());
        self.tokens.extend(incoming.digests().map(|digest| (digest, incoming.id())));
    }

    /// Whether the session is here, or was.
    fn standing(&self, incoming: &Incoming) -> Result<Standing, Reason> {
        let id = incoming.id();
        if self.keys.contains(&incoming.key) {
            return Ok(Standing::Known);
        }
        let owners: Vec<_> = incoming.digests().map(|digest| self.tokens.get(&digest)).collect();
        if owners.iter().flatten().any(|owner| **owner != id) {
            return Err("a token of it belongs to another session".to_owned());
        }
        if !self.ids.contains(&id) {
            return Ok(Standing::New);
        }
        if owners.iter().all(Option::is_some) {
            return Ok(Standing::Known);
        }
        Err("there is a session of this id with other tokens".to_owned())
    }
}

/// What a row's session is to this store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    New,
    Known,
}

/// A move under way.
#[derive(Debug)]
pub(crate) struct Mover<'a> {
    /// `None`: it only says what it would do.
    sending: Option<Sending<'a, u64>>,
    seen: Seen,
    now_ms: u64,
    pub(crate) answer: Moved,
}

impl<'a> Mover<'a> {
    /// Sessions that are over at `now_ms` stay where they are.
    pub(crate) fn new(ledger: Option<&'a Ledger>, seen: Seen, now_ms: u64, answer: Moved) -> Self {
        Self { sending: ledger.map(Sending::new), seen, now_ms, answer }
    }

    /// Takes a row over, or says in the answer why not.
    pub(crate) fn take(&mut self, row: Row) -> Result<(), Failure> {
        self.answer.rows += 1;
        let standing = row.found.and_then(|incoming| {
            let standing = self.seen.standing(&incoming)?;
            Ok((standing, incoming))
        });
        match standing {
            Err(reason) => self.answer.refuse(row.place, reason),
            Ok((Standing::Known, _)) => self.answer.already_there += 1,
            Ok((Standing::New, incoming)) if incoming.is_expired(self.now_ms) => {
                self.answer.expired += 1;
            }
            Ok((Standing::New, incoming)) => {
                self.seen.add(&incoming);
                self.submit(row.place, *incoming)?;
            }
        }
        Ok(())
    }

    fn submit(&mut self, place: u64, incoming: Incoming) -> Result<(), Failure> {
        let Some(sending) = &mut self.sending else {
            self.answer.imported += 1;
            return Ok(());
        };
        match sending.send(&command(incoming), place) {
            Ok(()) => {}
            Err(error @ (LedgerError::Rejected(_) | LedgerError::TooLarge(_))) => {
                self.answer.refuse(place, error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
        while let Some((place, reply)) = sending.next()? {
            count(&mut self.answer, place, reply.outcome);
        }
        Ok(())
    }

    /// Waits until all is durable, and counts it.
    pub(crate) fn settle(&mut self) -> Result<(), Failure> {
        let Some(sending) = &mut self.sending else { return Ok(()) };
        let settled = loop {
            match sending.last() {
                Ok(Some((place, reply))) => count(&mut self.answer, place, reply.outcome),
                Ok(None) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        self.answer.add_written(sending.written);
        settled
    }
}

fn command(incoming: Incoming) -> Command {
    Command {
        actor: Actor::Importer,
        origin: incoming.origin,
        key: IdempotencyKey::new(hex(&incoming.key)).ok(),
        ..Command::new(Act::Move(Box::new(incoming.moved)))
    }
}

fn count(answer: &mut Moved, place: u64, outcome: Outcome) {
    match outcome {
        Outcome::Created(_) => answer.imported += 1,
        Outcome::NotFound
        | Outcome::Ended(_)
        | Outcome::Recorded
        | Outcome::Refreshed(_)
        | Outcome::Reused(..)
        | Outcome::Changed(_)
        | Outcome::Unchanged(_)
        | Outcome::Expired(_)
        | Outcome::PolicyUnchanged
        | Outcome::NotAGuest(_)
        | Outcome::AlreadyDone(_) => answer.refuse(place, "it opened no session".to_owned()),
    }
}
