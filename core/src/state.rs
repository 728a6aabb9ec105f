//! The plain table: the whole state in ordered maps, for replay, tools and tests.
//!
//! A server's live state is kept more compactly by `passbook-projections`; both are the same fold,
//! and [`state_fingerprint`](crate::state_fingerprint) tells whether they agree.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    ops::Range,
};

use crate::{
    Completed, IdempotencyKey, PolicyInForce, Renewal, SessionId, SessionState, SessionTable,
    SessionView, SpentToken, Text, TokenDigest, TokenStanding, WholeState,
    limits::IDEMPOTENCY_WINDOW_MS,
};

/// The state of a ledger, in ordered maps.
#[derive(Debug, Clone, Default)]
pub struct State {
    sessions: BTreeMap<SessionId, SessionState>,
    spent: BTreeMap<SessionId, Vec<SpentToken>>,
    tokens: HashMap<TokenDigest, (SessionId, Option<SpentToken>)>,
    by_user: BTreeMap<Text, BTreeSet<(u64, SessionId)>>,
    by_expiry: BTreeSet<(u64, SessionId)>,
    policy: PolicyInForce,
    completed: CompletedCommands,
    last_at_ms: u64,
}

impl State {
    /// An empty ledger's state.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many sessions there are, expired ones that no sweep has dropped included.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Every session, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = &SessionState> {
        self.sessions.values()
    }

    fn unlink(&mut self, state: &SessionState) {
        let session = &state.session;
        if let Some(digest) = &state.digest {
            self.tokens.remove(digest);
        }
        if let Some(of_user) = self.by_user.get_mut(&session.user_id) {
            of_user.remove(&(session.created_at_ms, session.id));
            if of_user.is_empty() {
                self.by_user.remove(&session.user_id);
            }
        }
        self.by_expiry.remove(&(session.expires_at_ms, session.id));
    }
}

impl SessionView for State {
    fn session(&self, id: SessionId) -> Option<SessionState> {
        self.sessions.get(&id).cloned()
    }

    fn has_session(&self, id: SessionId) -> bool {
        self.sessions.contains_key(&id)
    }

    fn token(&self, digest: &TokenDigest) -> Option<TokenStanding> {
        let (id, spent) = self.tokens.get(digest)?;
        let state = self.session(*id)?;
        Some(match spent {
            None => TokenStanding::Live(state),
            Some(spent) => TokenStanding::Spent(state, *spent),
        })
    }

    fn sessions_of(&self, user: &str) -> Vec<SessionState> {
        let mut keys: Vec<_> = self.by_user.get(user).into_iter().flatten().collect();
        keys.sort_by_key(|key| Reverse(**key));
        keys.into_iter().filter_map(|(_, id)| self.session(*id)).collect()
    }

    fn expired(&self, now_ms: u64) -> Vec<SessionId> {
        self.by_expiry
            .iter()
            .take_while(|(expires_at_ms, _)| *expires_at_ms <= now_ms && *expires_at_ms != u64::MAX)
            .map(|(_, id)| *id)
            .collect()
    }

    fn policy(&self) -> PolicyInForce {
        self.policy
    }

    fn completed(&self, key: &IdempotencyKey) -> Option<Completed> {
        self.completed.of(key)
    }

    fn last_at_ms(&self) -> u64 {
        self.last_at_ms
    }
}

impl WholeState for State {
    fn ids(&self) -> Vec<SessionId> {
        self.sessions.keys().copied().collect()
    }

    fn spent_tokens(&self, id: SessionId) -> Vec<SpentToken> {
        self.spent.get(&id).cloned().unwrap_or_default()
    }
}

impl SessionTable for State {
    fn put(&mut self, state: SessionState) {
        let session = &state.session;
        if let Some(old) = self.sessions.remove(&session.id) {
            self.unlink(&old);
        }
        if let Some(digest) = state.digest {
            self.tokens.insert(digest, (session.id, None));
        }
        self.by_user
            .entry(session.user_id.clone())
            .or_default()
            .insert((session.created_at_ms, session.id));
        self.by_expiry.insert((session.expires_at_ms, session.id));
        self.sessions.insert(session.id, state);
    }

    // Without a new token, the index of tokens is left as it is.
    fn renew(&mut self, id: SessionId, renewal: &Renewal) {
        let Some(state) = self.sessions.get_mut(&id) else { return };
        let (expires_at_ms, digest) = (state.session.expires_at_ms, state.digest);
        let spent = state.renew(renewal);
        self.by_expiry.remove(&(expires_at_ms, id));
        self.by_expiry.insert((renewal.expires_at_ms, id));
        if let Some((successor, _)) = renewal.token {
            if let Some(digest) = digest {
                self.tokens.remove(&digest);
            }
            self.tokens.insert(successor, (id, None));
        }
        if let Some(spent) = spent {
            self.spend(id, spent);
        }
    }

    fn spend(&mut self, id: SessionId, token: SpentToken) {
        if self.sessions.contains_key(&id) {
            self.tokens.insert(token.digest, (id, Some(token)));
            self.spent.entry(id).or_default().push(token);
        }
    }

    fn remove(&mut self, id: SessionId) {
        if let Some(old) = self.sessions.remove(&id) {
            self.unlink(&old);
        }
        for spent in self.spent.remove(&id).unwrap_or_default() {
            self.tokens.remove(&spent.digest);
        }
    }

    fn remove_user(&mut self, user: &str, except: Option<SessionId>) {
        for state in self.sessions_of(user) {
            if Some(state.id()) != except {
                self.remove(state.id());
            }
        }
    }

    fn remove_expired(&mut self, now_ms: u64) {
        for id in self.expired(now_ms) {
            self.remove(id);
        }
    }

    fn set_policy(&mut self, policy: PolicyInForce) {
        self.policy = policy;
    }

    fn complete(&mut self, key: IdempotencyKey, completed: Completed) {
        self.completed.add(key, completed);
    }

    fn set_last_at_ms(&mut self, at_ms: u64) {
        self.last_at_ms = self.last_at_ms.max(at_ms);
    }
}

/// What commands with an idempotency key came to, for the length of the window.
#[derive(Debug, Clone, Default)]
pub struct CompletedCommands {
    by_key: HashMap<IdempotencyKey, Completed>,
    oldest_first: VecDeque<(u64, IdempotencyKey)>,
    /// How many were taken from its front.
    forgotten: u64,
}

impl CompletedCommands {
    /// What the command of that key came to, if it is remembered.
    pub fn of(&self, key: &IdempotencyKey) -> Option<Completed> {
        self.by_key.get(key).copied()
    }

    /// The places of those remembered, in the order in which they came, counted over all that ever
    /// came.
    pub fn places(&self) -> Range<u64> {
        let len = u64::try_from(self.oldest_first.len()).unwrap_or(u64::MAX);
        self.forgotten..self.forgotten.saturating_add(len)
    }

    /// Those at the given places, oldest first, without the ones forgotten since and the ones whose
    /// key was used again since.
    pub fn listed(&self, places: Range<u64>) -> impl Iterator<Item = (&IdempotencyKey, Completed)> {
        let index = |place: u64| {
            usize::try_from(place.saturating_sub(self.forgotten)).unwrap_or(usize::MAX)
        };
        let (from, to) = (index(places.start), index(places.end));
        self.oldest_first.iter().skip(from).take(to.saturating_sub(from)).filter_map(
            |(at_ms, key)| {
                let completed = self.of(key).filter(|completed| completed.at_ms == *at_ms)?;
                Some((key, completed))
            },
        )
    }

    /// Remembers one more, and forgets those older than the window at its time.
    pub fn add(&mut self, key: IdempotencyKey, completed: Completed) {
        let oldest_kept_ms = completed.at_ms.saturating_sub(IDEMPOTENCY_WINDOW_MS);
        while self.oldest_first.front().is_some_and(|(at_ms, _)| *at_ms < oldest_kept_ms) {
            let Some((at_ms, old)) = self.oldest_first.pop_front() else { break };
            self.forgotten += 1;
            if self.by_key.get(&old).is_some_and(|kept| kept.at_ms == at_ms) {
                self.by_key.remove(&old);
            }
        }
        self.oldest_first.push_back((completed.at_ms, key.clone()));
        self.by_key.insert(key, completed);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Session, Transport};

    pub(crate) fn state_of(number: u128, user: &str) -> SessionState {
        SessionState {
            session: Session {
                id: SessionId::from_u128(number),
                user_id: user.into(),
                is_guest: false,
                created_at_ms: 1_000,
                last_active_at_ms: 1_000,
                expires_at_ms: 9_000,
                device: None,
                tenant_id: None,
                ip: None,
                user_agent: None,
                transport: Transport::Token,
            },
            digest: Some(TokenDigest::from_bytes([u8::try_from(number).expect("small"); 32])),
            generation: 1,
            lifetime_ms: 8_000,
            absolute_at_ms: u64::MAX,
            data: None,
        }
    }

    #[test]
    fn completed_commands_are_forgotten_after_the_window() {
        let mut completed = CompletedCommands::default();
        let key = |name: &str| IdempotencyKey::new(name).expect("short");
        let at = |at_ms| Completed { sequence: 1, at_ms, session: None };
        completed.add(key("a"), at(0));
        completed.add(key("b"), at(IDEMPOTENCY_WINDOW_MS));
        assert!(completed.of(&key("a")).is_some(), "at the edge of the window");
        completed.add(key("c"), at(IDEMPOTENCY_WINDOW_MS + 1));
        assert!(completed.of(&key("a")).is_none(), "one past it");
        assert!(completed.of(&key("b")).is_some());
    }

    #[test]
    fn a_removed_session_takes_its_spent_tokens_along() {
        let mut state = State::new();
        let spent =
            SpentToken { digest: TokenDigest::from_bytes([9; 32]), generation: 1, spent_at_ms: 5 };
        state.put(state_of(1, "ann"));
        state.spend(SessionId::from_u128(1), spent);
        assert!(matches!(state.token(&spent.digest), Some(TokenStanding::Spent(..))));
        state.remove(SessionId::from_u128(1));
        assert!(state.token(&spent.digest).is_none());
        assert!(state.sessions_of("ann").is_empty());
    }
}
