//! The ledger: open a folder, log users in and out, and know what happened.

mod acts;
mod builder;
mod context;
mod data;
mod keeping;
mod login;
mod start;

use std::{path::Path, sync::Arc};

use passbook_core::{
    Command, PolicyInForce, Session, SessionId, SessionView, Token, TokenStanding,
    sessions_fingerprint, state_fingerprint,
};
use passbook_journal::Records;
use passbook_projections::history::Recorded;

pub use builder::{Builder, DEFAULT_SWEEP_INTERVAL, Opened};
pub use context::Context;
pub use login::{IssuedSession, Login};
pub(crate) use start::Started;

use crate::{
    error::LedgerError,
    execute::{Committer, Engine, Reply},
    health::Health,
    history::Indexer,
    inflight::Pending,
    subscribe::{Subscription, decode_record},
    upkeep::Upkeep,
};

/// An event-sourced ledger of sessions. A clone is another handle on the same ledger.
///
/// Every mutation is an event that is on the medium before its future is ready. Reads are answered
/// from memory and never wait for a disk.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
/// use passbook::Ledger;
/// let ledger = Ledger::memory()?;
/// let login = ledger.create("ann").await?;
/// assert_eq!(ledger.session(&login.token).expect("live").user_id, "ann");
/// ledger.revoke(&login.token).await?;
/// assert!(ledger.session(&login.token).is_none());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) engine: Arc<Engine>,
    context: Option<Arc<Context>>,
    opened: Arc<Opened>,
    /// Who commits what is done through this handle.
    committer: Committer,
    // Dropped with the last handle.
    pub(crate) upkeep: Arc<Upkeep>,
}

impl Ledger {
    /// Opens the folder as a ledger with the default settings; makes it if it is not there.
    ///
    /// # Errors
    /// [`LedgerError::Open`] says what is wrong with the folder, [`LedgerError::Event`] that a newer
    /// version wrote it.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        Self::builder().path(path).open().await
    }

    /// A ledger in memory alone: all is gone with the last handle.
    ///
    /// # Errors
    /// None with the default settings.
    pub fn memory() -> Result<Self, LedgerError> {
        Self::builder().open_blocking()
    }

    /// Settings to open a ledger with.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The same ledger, with who acts, from where and why. Used for everything that is done through
    /// the handle that it gives.
    #[must_use]
    pub fn in_context(&self, context: Context) -> Self {
        Self { context: Some(Arc::new(context)), ..self.clone() }
    }

    /// The same ledger, for threads that wait for each answer: they commit on their own.
    pub(crate) fn committing_itself(self) -> Self {
        Self { committer: Committer::Caller, ..self }
    }

    /// The live session that the token opens. `None`: unknown, spent, ended or expired.
    ///
    /// Constant work; it never waits for a writer's disk.
    pub fn session(&self, token: &Token) -> Option<Session> {
        let digest = token.digest();
        let session = self.engine.live.live(&digest, self.engine.now_ms())?;
        self.engine.replays.used(&digest);
        Some(session)
    }

    /// Whether the token belongs to a live session and was changed for another one: if somebody
    /// shows it, [`refresh`](Self::refresh) records that, and may end the session (policy).
    pub fn is_spent(&self, token: &Token) -> bool {
        matches!(
            self.engine.live.token(&token.digest()),
            Some(TokenStanding::Spent(state, _)) if !state.session.is_expired(self.now_ms())
        )
    }

    /// The time by the ledger's clock, in Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.engine.now_ms()
    }

    /// The live session of that id.
    pub fn find(&self, id: SessionId) -> Option<Session> {
        self.engine.live.find(id, self.engine.now_ms())
    }

    /// The user's live sessions, newest login first. The cost is that of the user's sessions, not of
    /// all.
    pub fn list_for_user(&self, user: &str) -> Vec<Session> {
        self.engine.live.list_for_user(user, self.engine.now_ms())
    }

    /// Every session in memory, in no order; expired ones that no sweep has dropped included.
    pub fn list_all_unfiltered(&self) -> Vec<Session> {
        self.engine.live.all()
    }

    /// How many sessions are in memory, expired ones that no sweep has dropped included.
    pub fn len(&self) -> usize {
        self.engine.live.len()
    }

    /// Whether there is no session in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rules in force.
    pub fn policy(&self) -> PolicyInForce {
        self.engine.live.policy()
    }

    /// The sequence of the last event that readers see; 0 = none yet.
    pub fn sequence(&self) -> u64 {
        self.engine.inflight.applied()
    }

    /// What was found when the ledger was opened.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// How the ledger is.
    pub fn health(&self) -> Health {
        let indexed = self.upkeep.indexer.as_ref().and_then(Indexer::through);
        let health = Health::of(&self.engine);
        let mirror = self.upkeep.mirroring.as_ref().map(|mirror| mirror.health(health.applied));
        let posted = self.upkeep.poster.as_ref().map(|poster| poster.postings.through());
        Health { indexed, posted, mirror, ..health }
    }

    /// SHA-256 over the whole state: the same as that of a replay of the journal to
    /// [`sequence`](Self::sequence). Walks all sessions; for checks, while nobody writes.
    pub fn fingerprint(&self) -> [u8; 32] {
        state_fingerprint(&*self.engine.live)
    }

    /// SHA-256 over all sessions with their live and spent tokens, whatever the policy and the time
    /// of the last event: the same in a ledger that they have moved to. Walks all sessions; for
    /// checks, while nobody writes.
    ///
    /// ```
    /// # fn main() -> Result<(), passbook::LedgerError> {
    /// let (left, right) = (passbook::Ledger::memory()?, passbook::Ledger::memory()?);
    /// assert_eq!(left.sessions_fingerprint(), right.sessions_fingerprint());
    /// # Ok(()) }
    /// ```
    pub fn sessions_fingerprint(&self) -> [u8; 32] {
        sessions_fingerprint(&*self.engine.live)
    }

    /// Decides and queues any command. The answer is to be awaited, or waited for; until then
    /// nothing is promised. Commands take effect in the order of these calls.
    ///
    /// # Errors
    /// What was refused: nothing was written. See [`LedgerError`].
    pub fn submit(&self, command: &Command) -> Result<Pending<Reply>, LedgerError> {
        self.engine.submit(command, self.committer)
    }

    /// The events from `from` on (0 and 1 both mean the first): first those that are durable, then
    /// each as it becomes so; in order, each once.
    pub fn subscribe(&self, from: u64) -> Subscription {
        Subscription::new(Arc::clone(&self.engine), from)
    }

    /// The events from `from` on that are durable now, from the archive and the journal. Changes of
    /// sessions' data that are archived are left out.
    ///
    /// # Errors
    /// [`LedgerError::Read`], also if `from` fell to the retention, and [`LedgerError::Event`], here or as an item.
    pub fn events(
        &self,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<Recorded, LedgerError>> + use<>, LedgerError> {
        let records: Records = self.engine.journal.read_kept(from)?;
        Ok(records.map(|record| decode_record(&record?)))
    }

    /// Makes everything queued durable and stops for good: further mutations are refused, reads go
    /// on. Dropping the last handle does the same and can't say what failed.
    ///
    /// # Errors
    /// [`LedgerError::Close`] if something queued could not be made durable.
    pub fn close(&self) -> Result<(), LedgerError> {
        let closed = self.engine.journal.close();
        self.engine.inflight.wake_watchers();
        Ok(closed?)
    }
}
