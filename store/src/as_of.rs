//! The state as it was after one event: rebuilt from the nearest snapshot, only to be read.

use std::sync::Arc;

use passbook_core::{
    PolicyInForce, Session, SessionId, SessionView as _, Token, state_fingerprint,
};
use passbook_journal::Journal;
use passbook_projections::Live;

use crate::{error::LedgerError, rebuild::Rebuild};

/// The ledger as it was: answers the questions of a live one, as of its last event.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
/// let ledger = passbook::Ledger::memory()?;
/// let login = ledger.create("ann").await?;
/// let before = ledger.sequence();
/// ledger.revoke(&login.token).await?;
/// assert!(ledger.session(&login.token).is_none());
/// assert_eq!(ledger.as_of(before)?.session(&login.token).expect("live then").user_id, "ann");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct View {
    live: Arc<Live>,
    sequence: u64,
    at_ms: u64,
    data: DataOfSessions,
}

/// Whether a state of the past has the data of its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataOfSessions {
    /// It has.
    Kept,
    /// It is told from the archive, which keeps no data of sessions. All else is exact.
    NotKept,
}

/// The state after event `sequence` of a journal, however it is open: from the nearest snapshot.
///
/// # Errors
/// [`LedgerError::NotRetained`] for an event that is not there, or from before the oldest snapshot
/// once the first events were compacted; [`LedgerError::Read`] and [`LedgerError::Event`].
pub fn as_of(journal: &dyn Journal, sequence: u64) -> Result<View, LedgerError> {
    if sequence > journal.durable() {
        let first = journal.extent().kept_first;
        return Err(LedgerError::NotRetained { sequence, first });
    }
    let mut rebuild = Rebuild::new();
    for (sequence, error) in rebuild.follow(journal, sequence)? {
        tracing::warn!(sequence, %error, "a snapshot can't be used");
    }
    Ok(View::of(rebuild.live(), sequence))
}

impl View {
    /// Tables that have folded all events up to `sequence`.
    pub(crate) fn of(live: Arc<Live>, sequence: u64) -> Self {
        let at_ms = live.last_at_ms();
        Self { live, sequence, at_ms, data: DataOfSessions::Kept }
    }

    /// The same, judged at that time, in Unix milliseconds.
    pub(crate) fn judged_at(self, at_ms: u64) -> Self {
        Self { at_ms, ..self }
    }

    /// The same, and whether it has the data of sessions.
    pub(crate) fn with_data(self, data: DataOfSessions) -> Self {
        Self { data, ..self }
    }

    /// Moves on: the tables have folded up to `sequence`, or back to it.
    pub(crate) fn moved_to(&mut self, sequence: u64, at_ms: u64) {
        self.sequence = sequence;
        self.at_ms = at_ms;
    }

    /// The tables underneath.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// The tables underneath, to be folded on.
    pub(crate) fn into_live(self) -> Arc<Live> {
        self.live
    }

    /// The last event recorded that is in it; 0 = none.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The moment that it shows, in Unix milliseconds, by which sessions are judged live or dead:
    /// when its last event was recorded, or the time that was asked for.
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }

    /// Whether it has the data of sessions. Without it, its [`fingerprint`](Self::fingerprint) is
    /// not that of the ledger then.
    pub fn data_of_sessions(&self) -> DataOfSessions {
        self.data
    }

    /// The session that the token opened then.
    pub fn session(&self, token: &Token) -> Option<Session> {
        self.live.live(&token.digest(), self.at_ms())
    }

    /// The session of that id, if it lived then.
    pub fn find(&self, id: SessionId) -> Option<Session> {
        self.live.find(id, self.at_ms())
    }

    /// The sessions that the user had then, newest login first.
    pub fn list_for_user(&self, user: &str) -> Vec<Session> {
        self.live.list_for_user(user, self.at_ms())
    }

    /// The sessions that lived then, in the order of ids.
    pub fn list_live(&self) -> Vec<Session> {
        let mut sessions = self.live.all();
        sessions.retain(|session| !session.is_expired(self.at_ms()));
        sessions.sort_unstable_by_key(|session| session.id);
        sessions
    }

    /// Every session, in no order; expired ones that no sweep had dropped included.
    pub fn list_all_unfiltered(&self) -> Vec<Session> {
        self.live.all()
    }

    /// How many sessions there were, expired ones that no sweep had dropped included.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether there was no session.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// The rules that were in force.
    pub fn policy(&self) -> PolicyInForce {
        self.live.policy()
    }

    /// SHA-256 over the whole state: that of the live ledger at this event.
    pub fn fingerprint(&self) -> [u8; 32] {
        state_fingerprint(&*self.live)
    }
}
