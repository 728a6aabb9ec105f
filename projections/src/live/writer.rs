//! The write half: what the fold does to the table, step by step.
//!
//! The steps of one change are in an order that shows readers nothing untrue between them. There is
//! one writer at a time, so what it has read does not change under it.

use std::fmt;

use passbook_core::{
    Completed, Event, IdempotencyKey, PolicyInForce, Renewal, SessionId, SessionState,
    SessionTable, SessionView, SpentToken, TokenDigest, TokenStanding, WholeState,
};
use passbook_planted::Bug;

use super::{
    Live,
    capture::{Capture, CaptureRunning},
    slot::{Slot, Slots},
    tokens::Place,
};
use crate::sync::{MutexGuard, atomic::Ordering};

/// The right to change a [`Live`]: the target of [`apply`](passbook_core::apply()).
pub struct LiveWriter<'a> {
    live: &'a Live,
    slots: MutexGuard<'a, Slots>,
    token_index: TokenIndex,
}

/// When the index of tokens says what the rows say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenIndex {
    /// At every moment.
    Current,
    /// Once it is made anew: nobody asks it meanwhile.
    MadeAfterwards,
}

impl<'a> LiveWriter<'a> {
    pub(super) fn new(live: &'a Live, token_index: TokenIndex) -> Self {
        Self { live, slots: live.slots.lock(), token_index }
    }

    /// Begins a capture of this moment, between two events: see [`Live::capture`].
    ///
    /// # Errors
    /// [`CaptureRunning`] if another one runs.
    pub fn capture(&self) -> Result<Capture<'a>, CaptureRunning> {
        Capture::begin(self.live, self.slots.highest())
    }

    /// Looks at what folding those events will look at, all at once: it is in a cache when they are
    /// folded next. It changes nothing.
    pub fn foresee<'e>(&self, events: impl Iterator<Item = &'e Event> + Clone) {
        self.live.foresee(events, self.token_index);
    }

    /// Sets the time of the last event, in Unix milliseconds, also to an earlier one: for a fold that
    /// is undone.
    pub fn rewind_to(&mut self, at_ms: u64) {
        self.live.head.write().last_at_ms = at_ms;
    }

    /// Forgets the token that the session spent last: for a fold that is undone. The session is to be
    /// put back as it was before, next.
    pub fn unspend(&mut self, id: SessionId) {
        let live = self.live;
        if let Some(slot) = live.slot_of(id)
            && let Some(token) = live.rows.unspend(slot)
        {
            live.tokens.remove(&token.digest, Place::Spent(slot));
        }
    }

    /// Where the session is. That a new one is nowhere yet is seen without a look at the index.
    fn slot_of(&self, id: SessionId) -> Option<Slot> {
        if Some(id) > self.slots.greatest_id() { None } else { self.live.slot_of(id) }
    }

    /// Puts the digest into that place of the index.
    fn set_token(&self, digest: &TokenDigest, place: Place) {
        if self.token_index == TokenIndex::Current {
            self.live.tokens.set(&self.live.rows, digest, place);
        }
    }

    /// Where the index has the digest.
    fn place_of(&self, digest: &TokenDigest) -> Option<Place> {
        self.live.tokens.place_of(&self.live.rows, digest)
    }

    /// The token of the row that goes, if it gets this one, and where the index has it.
    fn leaving(&self, slot: Slot, new: Option<TokenDigest>) -> Option<(TokenDigest, Place)> {
        if self.token_index == TokenIndex::MadeAfterwards {
            return None;
        }
        let old = self.live.rows.read(slot, |_, row| row.digest())?;
        if Some(old) == new {
            return None;
        }
        Some((old, self.place_of(&old)?))
    }

    fn insert(&mut self, state: &SessionState) {
        let live = self.live;
        let session = &state.session;
        let slot = self.slots.take(session.id);
        let user = live.users.kept(&session.user_id);
        live.rows.put(slot, state, user.clone());
        live.expiry.lock().set(slot, session.expires_at_ms);
        live.ids.insert(live.hash_of(session.id), slot);
        if let Some(digest) = &state.digest {
            self.set_token(digest, Place::Live(slot));
        }
        live.users.link(&user, slot);
        live.len.fetch_add(1, Ordering::Relaxed);
    }

    /// The new token is in the index before the row knows it, and the old one is there until the row
    /// has forgotten it: the write of the row is the one moment in which they change places.
    fn replace(&mut self, slot: Slot, state: &SessionState) {
        let live = self.live;
        let Some(old_user) = live.rows.read(slot, |_, row| Some(row.user.clone())) else { return };
        let leaving = self.leaving(slot, state.digest);
        if let Some(digest) = &state.digest {
            self.set_token(digest, Place::Live(slot));
        }
        if old_user == state.session.user_id || Bug::UserNotRelinked.is_planted() {
            live.rows.put(slot, state, old_user);
        } else {
            let user = live.users.kept(&state.session.user_id);
            live.users.relink(&live.rows, slot, &user, || {
                live.rows.put(slot, state, user.clone());
            });
        }
        live.expiry.lock().set(slot, state.session.expires_at_ms);
        if let Some((digest, place)) = leaving {
            live.tokens.remove(&digest, place);
        }
    }

    /// Takes a session that is in no user's list any more out of everything else.
    fn erase(&mut self, slot: Slot) {
        let live = self.live;
        let Some(id) = live.rows.read(slot, |_, row| Some(row.id)) else { return };
        if self.token_index == TokenIndex::Current {
            self.erase_tokens(slot);
        }
        live.rows.remove(slot);
        live.expiry.lock().remove(slot);
        live.ids.remove(live.hash_of(id), slot);
        live.len.fetch_sub(1, Ordering::Relaxed);
        self.slots.give_back(slot);
    }

    /// Takes a session's tokens out of the index.
    fn erase_tokens(&self, slot: Slot) {
        let digests = self.live.rows.read(slot, |shard, row| {
            let spent = shard.spent(slot).iter().map(|token| token.digest);
            Some(row.digest().into_iter().chain(spent).collect::<Vec<_>>())
        });
        for digest in digests.into_iter().flatten() {
            if let Some(place) = self.place_of(&digest) {
                self.live.tokens.remove(&digest, place);
            }
        }
    }

    fn remove_slot(&mut self, slot: Slot) {
        let live = self.live;
        if let Some(user) = live.rows.read(slot, |_, row| Some(row.user.clone())) {
            live.users.unlink(&user, slot);
        }
        self.erase(slot);
    }
}

impl SessionTable for LiveWriter<'_> {
    fn put(&mut self, state: SessionState) {
        match self.slot_of(state.id()) {
            None => self.insert(&state),
            Some(slot) => self.replace(slot, &state),
        }
    }

    fn renew(&mut self, id: SessionId, renewal: &Renewal) {
        let live = self.live;
        let Some(slot) = live.slot_of(id) else { return };
        let new = renewal.token.map(|(digest, _)| digest);
        let leaving = new.and_then(|_| self.leaving(slot, new));
        if let Some(digest) = &new {
            self.set_token(digest, Place::Live(slot));
        }
        let spent = live.rows.renew(slot, renewal);
        live.expiry.lock().set(slot, renewal.expires_at_ms);
        if let Some((digest, place)) = leaving {
            live.tokens.remove(&digest, place);
        }
        if let Some(token) = spent {
            self.set_token(&token.digest, Place::Spent(slot));
        }
    }

    fn spend(&mut self, id: SessionId, token: SpentToken) {
        if let Some(slot) = self.live.slot_of(id) {
            self.live.rows.spend(slot, token);
            self.set_token(&token.digest, Place::Spent(slot));
        }
    }

    fn remove(&mut self, id: SessionId) {
        if let Some(slot) = self.live.slot_of(id) {
            self.remove_slot(slot);
        }
    }

    fn remove_user(&mut self, user: &str, except: Option<SessionId>) {
        let live = self.live;
        let kept = except.and_then(|id| live.slot_of(id));
        for slot in live.users.unlink_all(&live.rows, user, kept) {
            self.erase(slot);
        }
    }

    fn remove_expired(&mut self, now_ms: u64) {
        let early_ms = if Bug::LiveSessionSwept.is_planted() { 60_000 } else { 0 };
        for slot in self.live.due(now_ms + early_ms) {
            self.remove_slot(slot);
        }
    }

    fn set_policy(&mut self, policy: PolicyInForce) {
        self.live.head.write().policy = policy;
    }

    fn complete(&mut self, key: IdempotencyKey, completed: Completed) {
        if !Bug::KeyForgotten.is_planted() {
            self.live.head.write().completed.add(key, completed);
        }
    }

    fn set_last_at_ms(&mut self, at_ms: u64) {
        let mut head = self.live.head.write();
        head.last_at_ms = head.last_at_ms.max(at_ms);
    }
}

impl SessionView for LiveWriter<'_> {
    fn session(&self, id: SessionId) -> Option<SessionState> {
        self.live.session(id)
    }

    fn token(&self, digest: &TokenDigest) -> Option<TokenStanding> {
        self.live.token(digest)
    }

    fn sessions_of(&self, user: &str) -> Vec<SessionState> {
        self.live.sessions_of(user)
    }

    fn expired(&self, now_ms: u64) -> Vec<SessionId> {
        self.live.expired(now_ms)
    }

    fn policy(&self) -> PolicyInForce {
        self.live.policy()
    }

    fn completed(&self, key: &IdempotencyKey) -> Option<Completed> {
        self.live.completed(key)
    }

    fn last_at_ms(&self) -> u64 {
        self.live.last_at_ms()
    }
}

impl WholeState for LiveWriter<'_> {
    fn ids(&self) -> Vec<SessionId> {
        self.live.ids()
    }

    fn spent_tokens(&self, id: SessionId) -> Vec<SpentToken> {
        self.live.spent_tokens(id)
    }
}

impl fmt::Debug for LiveWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveWriter").field(self.live).finish()
    }
}
