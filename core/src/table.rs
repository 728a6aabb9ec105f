//! What `decide` may ask of the state and what `apply` may do to it.
//!
//! The fold is written once, against these traits; tables differ in how compactly they keep what it
//! says. [`State`](crate::State) is the plain one.

use crate::{IdempotencyKey, PolicyInForce, SessionId, SessionState, TokenDigest};

/// A token that was live once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpentToken {
    /// Its digest.
    pub digest: TokenDigest,
    /// Its generation.
    pub generation: u32,
    /// When a successor took its place.
    pub spent_at_ms: u64,
}

/// What a token is to the session whose lineage it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenStanding {
    /// The one live token.
    Live(SessionState),
    /// One that was live before.
    Spent(SessionState, SpentToken),
}

/// What a command with an idempotency key came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completed {
    /// The sequence of its first event.
    pub sequence: u64,
    /// When that was recorded.
    pub at_ms: u64,
    /// The session that it was about, if it was about one.
    pub session: Option<SessionId>,
}

/// What a refresh or a use makes of a session that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// When it was used, in Unix milliseconds.
    pub last_active_at_ms: u64,
    /// When it expires from then on, in Unix milliseconds.
    pub expires_at_ms: u64,
    /// How long it is extended from then on, in milliseconds; `None` = as before.
    pub lifetime_ms: Option<u64>,
    /// The token that takes the place of the live one, and its generation; `None` = it stays. The one
    /// before it is spent from then on.
    pub token: Option<(TokenDigest, u32)>,
}

/// The questions that rules ask. Sessions that a fold has not ended are there, expired or not: to
/// compare with the clock is the asker's part.
pub trait SessionView {
    /// The session of that id.
    fn session(&self, id: SessionId) -> Option<SessionState>;
    /// Whether that session is there.
    fn has_session(&self, id: SessionId) -> bool {
        self.session(id).is_some()
    }
    /// The session to whose lineage the token belongs.
    fn token(&self, digest: &TokenDigest) -> Option<TokenStanding>;
    /// The sessions of that user, newest login first, ties by id downwards.
    fn sessions_of(&self, user: &str) -> Vec<SessionState>;
    /// The ids of sessions that expire at or before `now_ms`, in no order. Costs what it returns.
    fn expired(&self, now_ms: u64) -> Vec<SessionId>;
    /// The policy in force.
    fn policy(&self) -> PolicyInForce;
    /// What the command of that key came to, if it is still remembered.
    fn completed(&self, key: &IdempotencyKey) -> Option<Completed>;
    /// When the last event was recorded; 0 = there is none.
    fn last_at_ms(&self) -> u64;
}

/// The changes that the fold makes. Each is total: an unknown id changes nothing.
pub trait SessionTable: SessionView {
    /// Adds the session, or puts it in the place of the one with its id; all indexes follow.
    fn put(&mut self, state: SessionState);
    /// Renews the session: the change that most events are, for which a table may know a shorter way.
    fn renew(&mut self, id: SessionId, renewal: &Renewal) {
        let Some(mut state) = self.session(id) else { return };
        let spent = state.renew(renewal);
        self.put(state);
        if let Some(spent) = spent {
            self.spend(id, spent);
        }
    }
    /// Remembers a token as spent for as long as its session is there.
    fn spend(&mut self, id: SessionId, token: SpentToken);
    /// Takes the session, its spent tokens and its place in all indexes away.
    fn remove(&mut self, id: SessionId);
    /// Takes all sessions of that user away but one.
    fn remove_user(&mut self, user: &str, except: Option<SessionId>);
    /// Takes the sessions that expire at or before `now_ms` away.
    fn remove_expired(&mut self, now_ms: u64);
    /// Puts a policy into force.
    fn set_policy(&mut self, policy: PolicyInForce);
    /// Remembers what a command came to, and forgets what is older than the window.
    fn complete(&mut self, key: IdempotencyKey, completed: Completed);
    /// Notes when the last event was recorded.
    fn set_last_at_ms(&mut self, at_ms: u64);
}

/// A view that can be walked whole, to compare two states or to write one down.
pub trait WholeState: SessionView {
    /// Every session's id, rising.
    fn ids(&self) -> Vec<SessionId>;
    /// The spent tokens of a session, oldest first.
    fn spent_tokens(&self, id: SessionId) -> Vec<SpentToken>;
}
