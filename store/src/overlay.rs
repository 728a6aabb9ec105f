//! The state that the next command meets: what is durable, and over it what is in flight.
//!
//! Readers see durable state alone ([`Live`]). A command must also see the commands before it that
//! are not durable yet, or two refreshes of one token could both win. So the sessions, tokens and
//! keys that events in flight touch are kept here, and forgotten once `Live` has them.

use std::{cmp::Reverse, collections::VecDeque, sync::Arc};

use hashbrown::HashMap;
use passbook_core::{
    Completed, Event, IdempotencyKey, PolicyInForce, Session, SessionId, SessionState,
    SessionTable, SessionView, SpentToken, Text, TokenDigest, TokenStanding, apply,
};
use passbook_projections::Live;

/// Durable state with the events in flight folded over it.
#[derive(Debug)]
pub(crate) struct Overlay {
    base: Arc<Live>,
    /// The event that is being folded.
    sequence: u64,
    /// `None`: ended in flight.
    sessions: HashMap<SessionId, Touched<Option<SessionState>>>,
    tokens: HashMap<TokenDigest, Touched<(SessionId, Option<SpentToken>)>>,
    by_user: HashMap<Text, Vec<SessionId>>,
    commands: HashMap<IdempotencyKey, Touched<Completed>>,
    /// What was touched, in order, so that forgetting costs what was touched.
    touched: VecDeque<(u64, Key)>,
    policy: PolicyInForce,
    last_at_ms: u64,
    swept: Option<Sweep>,
}

#[derive(Debug)]
struct Touched<T> {
    sequence: u64,
    value: T,
}

/// A sweep in flight: sessions that expired by `through_ms` and were there before it are gone.
#[derive(Debug, Clone, Copy)]
struct Sweep {
    sequence: u64,
    through_ms: u64,
}

#[derive(Debug)]
enum Key {
    Session(SessionId),
    Token(TokenDigest),
    Command(IdempotencyKey),
}

impl Overlay {
    /// Nothing in flight over what `base` holds.
    pub(crate) fn over(base: Arc<Live>) -> Self {
        Self {
            policy: base.policy(),
            last_at_ms: base.last_at_ms(),
            base,
            sequence: 0,
            sessions: HashMap::new(),
            tokens: HashMap::new(),
            by_user: HashMap::new(),
            commands: HashMap::new(),
            touched: VecDeque::new(),
            swept: None,
        }
    }

    /// Folds an event that is now in flight.
    pub(crate) fn fold(&mut self, sequence: u64, event: &Event) {
        self.sequence = sequence;
        apply(self, sequence, event);
    }

    /// What a reader will see of the session once all that is in flight is durable.
    pub(crate) fn seen(&self, id: SessionId) -> Option<Session> {
        match self.sessions.get(&id) {
            Some(touched) => touched.value.as_ref().map(|state| state.session.clone()),
            None => self.session(id).map(|state| state.session),
        }
    }

    /// Forgets what `base` has folded: all events up to `applied`.
    pub(crate) fn forget(&mut self, applied: u64) {
        self.swept.take_if(|sweep| sweep.sequence <= applied);
        while self.touched.front().is_some_and(|(sequence, _)| *sequence <= applied) {
            match self.touched.pop_front() {
                Some((_, Key::Session(id))) => {
                    if self.sessions.get(&id).is_some_and(|touched| touched.sequence <= applied) {
                        self.drop_session(id);
                    }
                }
                Some((_, Key::Token(digest))) => {
                    if self.tokens.get(&digest).is_some_and(|touched| touched.sequence <= applied) {
                        self.tokens.remove(&digest);
                    }
                }
                Some((_, Key::Command(key))) => {
                    if self.commands.get(&key).is_some_and(|touched| touched.sequence <= applied) {
                        self.commands.remove(&key);
                    }
                }
                None => return,
            }
        }
    }

    fn drop_session(&mut self, id: SessionId) {
        let Some(Touched { value: Some(state), .. }) = self.sessions.remove(&id) else { return };
        let user = &state.session.user_id;
        let Some(ids) = self.by_user.get_mut(user) else { return };
        if let Some(at) = ids.iter().position(|own| *own == id) {
            ids.swap_remove(at);
        }
        if ids.is_empty() {
            self.by_user.remove(user);
        }
    }

    fn touch_session(&mut self, id: SessionId, state: Option<SessionState>) {
        self.drop_session(id);
        if let Some(state) = &state {
            self.by_user.entry_ref(&state.session.user_id).or_default().push(id);
        }
        self.sessions.insert(id, Touched { sequence: self.sequence, value: state });
        self.touched.push_back((self.sequence, Key::Session(id)));
    }

    fn touch_token(&mut self, digest: TokenDigest, id: SessionId, spent: Option<SpentToken>) {
        self.tokens.insert(digest, Touched { sequence: self.sequence, value: (id, spent) });
        self.touched.push_back((self.sequence, Key::Token(digest)));
    }

    /// Whether a session that was last touched by the event at `sequence` (0 = by none in flight)
    /// is gone with the sweep in flight.
    fn swept(&self, sequence: u64, state: &SessionState) -> bool {
        self.swept.is_some_and(|sweep| {
            sequence < sweep.sequence && state.session.is_expired(sweep.through_ms)
        })
    }
}

impl SessionView for Overlay {
    fn session(&self, id: SessionId) -> Option<SessionState> {
        let (sequence, state) = match self.sessions.get(&id) {
            Some(touched) => (touched.sequence, touched.value.clone()),
            None => (0, self.base.session(id)),
        };
        state.filter(|state| !self.swept(sequence, state))
    }

    fn token(&self, digest: &TokenDigest) -> Option<TokenStanding> {
        if let Some(Touched { value: (id, spent), .. }) = self.tokens.get(digest) {
            let state = self.session(*id)?;
            return Some(match spent {
                None => TokenStanding::Live(state),
                Some(spent) => TokenStanding::Spent(state, *spent),
            });
        }
        match self.base.token(digest)? {
            TokenStanding::Spent(state, spent) => {
                Some(TokenStanding::Spent(self.session(state.id())?, spent))
            }
            TokenStanding::Live(state) => {
                let state = self.session(state.id())?;
                (state.digest == Some(*digest)).then_some(TokenStanding::Live(state))
            }
        }
    }

    fn sessions_of(&self, user: &str) -> Vec<SessionState> {
        let mut states = self.base.sessions_of(user);
        states.retain(|state| !self.sessions.contains_key(&state.id()) && !self.swept(0, state));
        let touched = self.by_user.get(user).into_iter().flatten();
        states.extend(touched.filter_map(|id| self.session(*id)));
        states.sort_by_key(|state| Reverse((state.session.created_at_ms, state.id())));
        states
    }

    fn expired(&self, now_ms: u64) -> Vec<SessionId> {
        let mut ids = self.base.expired(now_ms);
        ids.retain(|id| !self.sessions.contains_key(id) && self.session(*id).is_some());
        let touched = self.touched.iter().filter_map(|(_, key)| match key {
            Key::Session(id) => Some(*id),
            Key::Token(_) | Key::Command(_) => None,
        });
        let expired = |id: &SessionId| {
            self.session(*id).is_some_and(|state| state.session.is_expired(now_ms))
        };
        ids.extend(touched.filter(expired));
        // A session that was touched twice is there twice.
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn policy(&self) -> PolicyInForce {
        self.policy
    }

    fn completed(&self, key: &IdempotencyKey) -> Option<Completed> {
        match self.commands.get(key) {
            Some(touched) => Some(touched.value),
            None => self.base.completed(key),
        }
    }

    fn last_at_ms(&self) -> u64 {
        self.last_at_ms
    }
}

impl SessionTable for Overlay {
    fn put(&mut self, state: SessionState) {
        let (id, digest) = (state.id(), state.digest);
        self.touch_session(id, Some(state));
        if let Some(digest) = digest {
            self.touch_token(digest, id, None);
        }
    }

    fn spend(&mut self, id: SessionId, token: SpentToken) {
        self.touch_token(token.digest, id, Some(token));
    }

    fn remove(&mut self, id: SessionId) {
        self.touch_session(id, None);
    }

    fn remove_user(&mut self, user: &str, except: Option<SessionId>) {
        for state in self.sessions_of(user) {
            if Some(state.id()) != except {
                self.remove(state.id());
            }
        }
    }

    /// Sessions of `base` are not walked: that they are swept shows in each look.
    fn remove_expired(&mut self, now_ms: u64) {
        let before_ms = self.swept.map_or(0, |sweep| sweep.through_ms);
        self.swept = Some(Sweep { sequence: self.sequence, through_ms: now_ms.max(before_ms) });
    }

    fn set_policy(&mut self, policy: PolicyInForce) {
        self.policy = policy;
    }

    fn complete(&mut self, key: IdempotencyKey, completed: Completed) {
        self.commands.insert(key.clone(), Touched { sequence: self.sequence, value: completed });
        self.touched.push_back((self.sequence, Key::Command(key)));
    }

    fn set_last_at_ms(&mut self, at_ms: u64) {
        self.last_at_ms = self.last_at_ms.max(at_ms);
    }
}
