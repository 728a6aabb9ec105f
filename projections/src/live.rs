//! All sessions in memory, for many readers and one writer.
//!
//! A session is a row of 128 bytes in a slot that stays the same while the session is there. Tokens,
//! ids, users and the expiry lead to slots; the row tells whether they are right. Each table is
//! sharded, each shard has its lock, and a lock is held for the length of one step of one event; who
//! looks ahead at many events (`foresight`) shares a table's locks with its readers. The locks have
//! an order: expiry, then an index or a user's shard, then rows. Nobody asks for one of an earlier
//! kind while holding one of a later.
//!
//! What a reader may count on:
//! - of a lineage at most one token is live at any moment, and none once the session is removed;
//! - a session that no event is about is found at any moment, by token, by id and in its user's
//!   list, whatever happens to others; so is, by token, one whose user, data or label changes;
//! - a user's sessions go in one moment from [`Live::list_for_user`] when they all end.

mod bulk;
pub mod capture;
mod chunks;
mod expiry;
mod foresight;
mod index;
mod labels;
mod links;
pub mod load;
mod row;
mod rows;
mod shards;
mod slot;
mod tokens;
mod users;
mod writer;

use std::{cmp::Reverse, fmt, hash::BuildHasher, sync::Arc};

use hashbrown::DefaultHashBuilder;
use passbook_core::{
    Completed, IdempotencyKey, PolicyInForce, Session, SessionId, SessionRef, SessionState,
    SessionView, SpentToken, Text, TokenDigest, TokenStanding, WholeState, session::Data,
    state::CompletedCommands,
};

pub use self::{
    bulk::BulkFold,
    capture::{Capture, CaptureRunning, Captured},
    load::{LoadError, LoadPlan},
    writer::LiveWriter,
};
use self::{
    expiry::Expiry,
    index::{Hash, Index},
    row::Row,
    rows::{RowShard, Rows},
    slot::{Slot, Slots},
    tokens::Tokens,
    users::Users,
    writer::TokenIndex,
};
use crate::sync::{
    Mutex, RwLock,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// The table of all sessions.
///
/// Every method takes `&self` and waits for nothing but short locks in memory. Changes go through
/// [`writer`](Self::writer), one event at a time.
#[derive(Default)]
pub struct Live {
    rows: Rows,
    tokens: Tokens,
    ids: Index,
    id_hasher: DefaultHashBuilder,
    users: Users,
    expiry: Mutex<Expiry>,
    head: RwLock<Head>,
    len: AtomicUsize,
    /// Whether a capture runs.
    is_captured: AtomicBool,
    /// Held by the one writer.
    slots: Mutex<Slots>,
}

/// What is not about a session.
#[derive(Debug, Default)]
struct Head {
    policy: PolicyInForce,
    completed: CompletedCommands,
    last_at_ms: u64,
}

impl Live {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// The write half: the target of [`apply`](passbook_core::apply()).
    ///
    /// Waits until no other writer is there. Take it for one event or a few and drop it; a thread
    /// that asks for a second one waits for itself for ever. Readers do not wait for it.
    pub fn writer(&self) -> LiveWriter<'_> {
        LiveWriter::new(self, TokenIndex::Current)
    }

    /// Begins a picture of this moment, to be written down while events go on.
    ///
    /// Waits for the writer to be dropped. To know which event was the last one, ask the writer for
    /// it, between two events: [`LiveWriter::capture`].
    ///
    /// # Errors
    /// [`CaptureRunning`] if another one runs.
    pub fn capture(&self) -> Result<Capture<'_>, CaptureRunning> {
        self.writer().capture()
    }

    /// The greatest id that any session has, or had since the table was made or loaded; `None` = there
    /// was none. Waits for the writer to be dropped.
    pub fn greatest_id(&self) -> Option<SessionId> {
        self.slots.lock().greatest_id()
    }

    /// The session that this token opens at `now_ms` (Unix milliseconds); `None` for a token that is
    /// unknown or spent and for a session that has expired.
    pub fn live(&self, digest: &TokenDigest, now_ms: u64) -> Option<Session> {
        self.tokens.read_live(&self.rows, digest, |shard, slot, row| {
            if row.is_expired(now_ms) { None } else { Some(shard.session(slot, row)) }
        })
    }

    /// The session of that id, if it lives at `now_ms` (Unix milliseconds).
    pub fn find(&self, id: SessionId, now_ms: u64) -> Option<Session> {
        self.read_id(id, |shard, slot, row| {
            (!row.is_expired(now_ms)).then(|| shard.session(slot, row))
        })
    }

    /// The user's sessions that live at `now_ms` (Unix milliseconds), newest login first, ties by id
    /// downwards. Costs as many steps as the user has sessions.
    pub fn list_for_user(&self, user: &str, now_ms: u64) -> Vec<Session> {
        let mut sessions = self.users.read(&self.rows, user, |shard, slot, row| {
            (!row.is_expired(now_ms)).then(|| shard.session(slot, row))
        });
        sessions.sort_unstable_by_key(|session| Reverse((session.created_at_ms, session.id)));
        sessions
    }

    /// Every session, expired ones that no sweep has dropped included, in no order.
    ///
    /// Not of one moment: a session that comes, goes or changes during the call is there or not, as
    /// it was or as it is. One that does not is there.
    pub fn all(&self) -> Vec<Session> {
        self.rows.read_all(RowShard::session)
    }

    /// How many sessions there are, expired ones that no sweep has dropped included.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many users have sessions, expired ones that no sweep has dropped included.
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// The value (JSON text) of a key of the session's data, if the session lives at `now_ms` (Unix
    /// milliseconds) and has the key.
    pub fn data(&self, session: SessionRef, key: &str, now_ms: u64) -> Option<Text> {
        self.read_ref(session, |shard, slot, row| {
            if row.is_expired(now_ms) { None } else { shard.data(slot)?.get(key).cloned() }
        })
    }

    /// The session and all of its data, of one moment, if it lives at `now_ms` (Unix milliseconds).
    /// The data is shared, not copied; `None` = it has none.
    pub fn session_and_data(
        &self,
        session: SessionRef,
        now_ms: u64,
    ) -> Option<(Session, Option<Arc<Data>>)> {
        self.read_ref(session, |shard, slot, row| {
            (!row.is_expired(now_ms)).then(|| (shard.session(slot, row), shard.data(slot)))
        })
    }

    /// How many entries each internal table has, for tests: without sessions, all are 0.
    #[doc(hidden)]
    pub fn census(&self) -> Census {
        let (live_tokens, spent_tokens) = self.tokens.lens();
        let (scheduled, minutes) = self.expiry.lock().lens();
        Census {
            rows: self.rows.read_all(|_, _, _| ()).len(),
            ids: self.ids.len(),
            live_tokens,
            spent_tokens,
            users: self.users.len(),
            labels: self.rows.labels(),
            beside: self.rows.beside(),
            scheduled,
            minutes,
        }
    }

    fn hash_of(&self, id: SessionId) -> Hash {
        self.id_hasher.hash_one(id).into()
    }

    fn slot_of(&self, id: SessionId) -> Option<Slot> {
        self.read_id(id, |_, slot, _| Some(slot))
    }

    fn read_id<T>(
        &self,
        id: SessionId,
        read: impl Fn(&RowShard, Slot, &Row) -> Option<T>,
    ) -> Option<T> {
        self.ids.look_up(self.hash_of(id), |slot| {
            self.rows.read(
                slot,
                |shard, row| {
                    if row.id == id { read(shard, slot, row) } else { None }
                },
            )
        })
    }

    fn read_ref<T>(
        &self,
        session: SessionRef,
        read: impl Fn(&RowShard, Slot, &Row) -> Option<T>,
    ) -> Option<T> {
        match session {
            SessionRef::Id(id) => self.read_id(id, read),
            SessionRef::Token(digest) => self.tokens.read_live(&self.rows, &digest, read),
            SessionRef::Lineage(digest) => {
                self.tokens.read_live(&self.rows, &digest, &read).or_else(|| {
                    let read = |shard: &RowShard, slot, row: &Row, _| read(shard, slot, row);
                    self.tokens.read_spent(&self.rows, &digest, read).flatten()
                })
            }
        }
    }

    fn due(&self, now_ms: u64) -> Vec<Slot> {
        let expires_at_ms = |slot| self.rows.read(slot, |_, row| Some(row.expires_at_ms));
        self.expiry.lock().due(now_ms, expires_at_ms)
    }
}

impl SessionView for Live {
    fn session(&self, id: SessionId) -> Option<SessionState> {
        self.read_id(id, |shard, slot, row| Some(shard.state(slot, row)))
    }

    fn has_session(&self, id: SessionId) -> bool {
        self.slot_of(id).is_some()
    }

    fn token(&self, digest: &TokenDigest) -> Option<TokenStanding> {
        let live = |shard: &RowShard, slot, row: &Row| Some(shard.state(slot, row));
        if let Some(state) = self.tokens.read_live(&self.rows, digest, live) {
            return Some(TokenStanding::Live(state));
        }
        self.tokens.read_spent(&self.rows, digest, |shard, slot, row, token| {
            TokenStanding::Spent(shard.state(slot, row), token)
        })
    }

    fn sessions_of(&self, user: &str) -> Vec<SessionState> {
        let mut states =
            self.users.read(&self.rows, user, |shard, slot, row| Some(shard.state(slot, row)));
        states.sort_unstable_by_key(|state| Reverse((state.session.created_at_ms, state.id())));
        states
    }

    fn expired(&self, now_ms: u64) -> Vec<SessionId> {
        let id_of = |slot| self.rows.read(slot, |_, row| Some(row.id));
        self.due(now_ms).into_iter().filter_map(id_of).collect()
    }

    fn policy(&self) -> PolicyInForce {
        self.head.read().policy
    }

    fn completed(&self, key: &IdempotencyKey) -> Option<Completed> {
        self.head.read().completed.of(key)
    }

    fn last_at_ms(&self) -> u64 {
        self.head.read().last_at_ms
    }
}

impl WholeState for Live {
    fn ids(&self) -> Vec<SessionId> {
        let mut ids = self.rows.read_all(|_, _, row| row.id);
        ids.sort_unstable();
        ids
    }

    fn spent_tokens(&self, id: SessionId) -> Vec<SpentToken> {
        self.read_id(id, |shard, slot, _| Some(shard.spent(slot).to_vec())).unwrap_or_default()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("len", &self.len())
            .field("users", &self.users())
            .finish_non_exhaustive()
    }
}

/// How many entries each internal table has.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Rows.
    pub rows: usize,
    /// Entries of the id index.
    pub ids: usize,
    /// Entries of the index of live tokens.
    pub live_tokens: usize,
    /// Entries of the index of spent tokens.
    pub spent_tokens: usize,
    /// Users.
    pub users: usize,
    /// Device labels, tenants and user agents, once a shard.
    pub labels: usize,
    /// Entries of the tables beside the rows.
    pub beside: usize,
    /// Sessions in a minute's list.
    pub scheduled: usize,
    /// Minutes that have a list.
    pub minutes: usize,
}
