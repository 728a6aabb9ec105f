//! What a run of events in flight touched. It only grows, until it is emptied as a whole.

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use passbook_core::{
    Completed, IdempotencyKey, SessionId, SessionState, SpentToken, Text, TokenDigest,
};
use std::hash::BuildHasher;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Generation {
    /// The last event that touched anything here.
    last_sequence: u64,
    sessions: Vec<TouchedSession>,
    /// Places in `sessions`: of each session the latest.
    by_id: HashTable<usize>,
    /// Places in `sessions`: of each user the latest; the others follow from there.
    by_user: HashTable<usize>,
    tokens: Vec<TouchedToken>,
    by_digest: HashTable<usize>,
    commands: HashMap<IdempotencyKey, Completed>,
    swept: Option<Sweep>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
struct TouchedSession {
    sequence: u64,
    id: SessionId,
    /// Whose it was when it came here; `None`: it had ended by then.
    user: Option<Text>,
    /// `None`: it ended.
    state: Option<SessionState>,
    /// The place before it of the same user.
    previous: Option<usize>,
}

#[derive(Debug)]
struct TouchedToken {
    digest: TokenDigest,
    session: SessionId,
    spent: Option<SpentToken>,
}

/// Sessions that expired by `through_ms` and were there before it are gone.
#[derive(Debug, Clone, Copy)]
struct Sweep {
    sequence: u64,
    through_ms: u64,
}

impl Generation {
    pub(super) fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last_sequence == 0
    }

    /// Empties it and keeps its room.
    pub(super) fn clear(&mut self) {
        self.last_sequence = 0;
        self.sessions.clear();
        self.by_id.clear();
        self.by_user.clear();
        self.tokens.clear();
        self.by_digest.clear();
        self.commands.clear();
        self.swept = None;
    }

    /// The last touch of the session: by which event, and what it left.
    pub(super) fn session(&self, id: SessionId) -> Option<(u64, Option<&SessionState>)> {
        let touched = self.sessions.get(self.place_of(id)?)?;
        Some((touched.sequence, touched.state.as_ref()))
    }

    /// What the token was made: the session that it belongs to, and how it was spent.
    pub(super) fn token(&self, digest: &TokenDigest) -> Option<(SessionId, Option<SpentToken>)> {
        let touched = self.tokens.get(self.place_of_token(digest)?)?;
        Some((touched.session, touched.spent))
    }

    /// Sessions that were the user's when they were touched; some may be there twice.
    pub(super) fn sessions_of(&self, user: &str) -> impl Iterator<Item = SessionId> {
        let first = self.place_of_user(user);
        let follow = |place: &usize| self.sessions.get(*place)?.previous;
        std::iter::successors(first, follow)
            .filter_map(|place| self.sessions.get(place))
            .map(|touched| touched.id)
    }

    /// Every session touched; some may be there twice.
    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.iter().map(|touched| touched.id)
    }

    pub(super) fn completed(&self, key: &IdempotencyKey) -> Option<Completed> {
        self.commands.get(key).copied()
    }

    /// Whether a session last touched by the event at `sequence` went with a sweep.
    pub(super) fn swept(&self, sequence: u64, state: &SessionState) -> bool {
        self.swept.is_some_and(|sweep| {
            sequence < sweep.sequence && state.session.is_expired(sweep.through_ms)
        })
    }

    pub(super) fn touch_session(
        &mut self,
        sequence: u64,
        id: SessionId,
        state: Option<SessionState>,
    ) {
        self.last_sequence = sequence;
        let before = self.place_of(id);
        let user = state.as_ref().map(|state| &state.session.user_id);
        if let Some(touched) = before.and_then(|place| self.sessions.get_mut(place))
            && (user.is_none() || user == touched.user.as_ref())
        {
            (touched.sequence, touched.state) = (sequence, state);
            return;
        }
        let place = self.sessions.len();
        let previous = user.and_then(|user| self.place_of_user(user));
        let user = user.cloned();
        if let Some(user) = &user {
            self.lead_user_to(user, previous, place);
        }
        self.sessions.push(TouchedSession { sequence, id, user, state, previous });
        self.lead_id_to(id, before, place);
    }

    pub(super) fn touch_token(
        &mut self,
        sequence: u64,
        digest: TokenDigest,
        session: SessionId,
        spent: Option<SpentToken>,
    ) {
        self.last_sequence = sequence;
        let touched = TouchedToken { digest, session, spent };
        let before = self.place_of_token(&digest);
        if let Some(known) = before.and_then(|place| self.tokens.get_mut(place)) {
            *known = touched;
            return;
        }
        let place = self.tokens.len();
        self.tokens.push(touched);
        let tokens = &self.tokens;
        self.by_digest.insert_unique(hash_of_digest(&digest), place, |place| {
            tokens.get(*place).map_or(0, |token| hash_of_digest(&token.digest))
        });
    }

    pub(super) fn sweep(&mut self, sequence: u64, now_ms: u64) {
        self.last_sequence = sequence;
        let before_ms = self.swept.map_or(0, |sweep| sweep.through_ms);
        self.swept = Some(Sweep { sequence, through_ms: now_ms.max(before_ms) });
    }

    pub(super) fn complete(&mut self, sequence: u64, key: IdempotencyKey, completed: Completed) {
        self.last_sequence = sequence;
        self.commands.insert(key, completed);
    }

    fn place_of(&self, id: SessionId) -> Option<usize> {
        let is_it = |place: &usize| self.sessions.get(*place).is_some_and(|known| known.id == id);
        self.by_id.find(self.hasher.hash_one(id), is_it).copied()
    }

    fn place_of_user(&self, user: &str) -> Option<usize> {
        let is_it = |place: &usize| {
            self.sessions.get(*place).is_some_and(|known| known.user.as_deref() == Some(user))
        };
        self.by_user.find(self.hasher.hash_one(user), is_it).copied()
    }

    fn place_of_token(&self, digest: &TokenDigest) -> Option<usize> {
        let is_it = |place: &usize| {
            // What stands here is the digest of an answer that was given, never a secret.
            self.tokens.get(*place).is_some_and(|known| known.digest == *digest)
        };
        self.by_digest.find(hash_of_digest(digest), is_it).copied()
    }

    fn lead_id_to(&mut self, id: SessionId, before: Option<usize>, place: usize) {
        let (hasher, sessions) = (&self.hasher, &self.sessions);
        let hash = hasher.hash_one(id);
        match self.by_id.find_mut(hash, |known| Some(*known) == before) {
            Some(known) => *known = place,
            None => {
                self.by_id.insert_unique(hash, place, |place| {
                    sessions.get(*place).map_or(0, |known| hasher.hash_one(known.id))
                });
            }
        }
    }

    fn lead_user_to(&mut self, user: &Text, before: Option<usize>, place: usize) {
        let (hasher, sessions) = (&self.hasher, &self.sessions);
        let hash = hasher.hash_one(&**user);
        match self.by_user.find_mut(hash, |known| Some(*known) == before) {
            Some(known) => *known = place,
            None => {
                self.by_user.insert_unique(hash, place, |place| {
                    let user = sessions.get(*place).and_then(|known| known.user.as_deref());
                    hasher.hash_one(user.unwrap_or_default())
                });
            }
        }
    }
}

/// A digest is random: its first bytes are as good as a hash of it.
fn hash_of_digest(digest: &TokenDigest) -> u64 {
    digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
