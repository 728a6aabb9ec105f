//! The state that the next command meets: what is durable, and over it what is in flight.
//!
//! Readers see durable state alone ([`Live`]). A command must also see the commands before it that
//! are not durable yet, or two refreshes of one token could both win. So what events in flight touch
//! is kept here, in two generations: once all that the older one holds is in `Live` it is emptied in
//! one go and the younger one takes its place. To forget thing by thing cost more than to decide.

mod generation;

use std::{cmp::Reverse, sync::Arc};

use passbook_core::{
    Completed, Event, IdempotencyKey, PolicyInForce, Session, SessionId, SessionState,
    SessionTable, SessionView, SpentToken, TokenDigest, TokenStanding, apply,
};
use passbook_planted::Bug;
use passbook_projections::Live;

use self::generation::Generation;

/// Durable state with the events in flight folded over it.
#[derive(Debug)]
pub(crate) struct Overlay {
    base: Arc<Live>,
    /// The event that is being folded.
    sequence: u64,
    /// What events touch from now on.
    young: Generation,
    /// What events before those touched.
    old: Generation,
    policy: PolicyInForce,
    last_at_ms: u64,
    /// No session has a greater id, in flight or durable.
    greatest_id: Option<SessionId>,
}

impl Overlay {
    /// Nothing in flight over what `base` holds.
    pub(crate) fn over(base: Arc<Live>) -> Self {
        Self {
            policy: base.policy(),
            last_at_ms: base.last_at_ms(),
            greatest_id: base.greatest_id(),
            base,
            sequence: 0,
            young: Generation::default(),
            old: Generation::default(),
        }
    }

    /// Folds an event that is now in flight.
    pub(crate) fn fold(&mut self, sequence: u64, event: &Event) {
        self.sequence = sequence;
        apply(self, sequence, event);
    }

    /// What a reader will see of the session once all that is in flight is durable.
    pub(crate) fn seen(&self, id: SessionId) -> Option<Session> {
        match self.touched(id) {
            Some((_, state)) => state.map(|state| state.session.clone()),
            None => self.session(id).map(|state| state.session),
        }
    }

    /// Forgets what `base` has folded: all events up to `applied`, sooner or later.
    pub(crate) fn forget(&mut self, applied: u64) {
        if self.old.last_sequence() <= applied && !(self.old.is_empty() && self.young.is_empty()) {
            self.old.clear();
            std::mem::swap(&mut self.old, &mut self.young);
        }
    }

    /// The last touch of the session: by which event, and what it left.
    fn touched(&self, id: SessionId) -> Option<(u64, Option<&SessionState>)> {
        self.young.session(id).or_else(|| self.old.session(id))
    }

    /// Whether a session that was last touched by the event at `sequence` (0 = by none in flight)
    /// is gone with a sweep in flight.
    fn swept(&self, sequence: u64, state: &SessionState) -> bool {
        self.young.swept(sequence, state) || self.old.swept(sequence, state)
    }
}

impl SessionView for Overlay {
    fn session(&self, id: SessionId) -> Option<SessionState> {
        match self.touched(id) {
            Some((sequence, state)) => state.filter(|state| !self.swept(sequence, state)).cloned(),
            None => self.base.session(id).filter(|state| !self.swept(0, state)),
        }
    }

    /// Ids rise with time, so a new one is nowhere yet: no look into memory that no cache has.
    fn has_session(&self, id: SessionId) -> bool {
        Some(id) <= self.greatest_id && self.session(id).is_some()
    }

    fn token(&self, digest: &TokenDigest) -> Option<TokenStanding> {
        if let Some((id, spent)) = self.young.token(digest).or_else(|| self.old.token(digest)) {
            let state = self.session(id)?;
            return Some(match spent {
                None => TokenStanding::Live(state),
                Some(spent) => TokenStanding::Spent(state, spent),
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
        states.retain(|state| self.touched(state.id()).is_none() && !self.swept(0, state));
        let mut touched: Vec<_> =
            self.young.sessions_of(user).chain(self.old.sessions_of(user)).collect();
        touched.sort_unstable();
        touched.dedup();
        let touched = touched.into_iter().filter_map(|id| self.session(id));
        states.extend(touched.filter(|state| state.session.user_id == *user));
        states.sort_by_key(|state| Reverse((state.session.created_at_ms, state.id())));
        states
    }

    fn expired(&self, now_ms: u64) -> Vec<SessionId> {
        let mut ids = self.base.expired(now_ms);
        ids.retain(|id| self.touched(*id).is_none() && self.session(*id).is_some());
        let expired = |id: &SessionId| {
            self.session(*id).is_some_and(|state| state.session.is_expired(now_ms))
        };
        ids.extend(self.young.sessions().chain(self.old.sessions()).filter(expired));
        // A session that was touched twice is there twice.
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn policy(&self) -> PolicyInForce {
        self.policy
    }

    fn completed(&self, key: &IdempotencyKey) -> Option<Completed> {
        self.young
            .completed(key)
            .or_else(|| self.old.completed(key))
            .or_else(|| self.base.completed(key))
    }

    fn last_at_ms(&self) -> u64 {
        self.last_at_ms
    }
}

impl SessionTable for Overlay {
    fn put(&mut self, state: SessionState) {
        let (id, digest) = (state.id(), state.digest);
        self.greatest_id = self.greatest_id.max(Some(id));
        self.young.touch_session(self.sequence, id, Some(state));
        if let Some(digest) = digest {
            self.young.touch_token(self.sequence, digest, id, None);
        }
    }

    fn spend(&mut self, id: SessionId, token: SpentToken) {
        self.young.touch_token(self.sequence, token.digest, id, Some(token));
    }

    fn remove(&mut self, id: SessionId) {
        if !Bug::RevokeMissesFlight.is_planted() {
            self.young.touch_session(self.sequence, id, None);
        }
    }

    fn remove_user(&mut self, user: &str, except: Option<SessionId>) {
        let missed = Bug::RevokeAllMissesFlight.is_planted();
        for state in if missed { self.base.sessions_of(user) } else { self.sessions_of(user) } {
            if Some(state.id()) != except {
                self.remove(state.id());
            }
        }
    }

    /// Sessions of `base` are not walked: that they are swept shows in each look.
    fn remove_expired(&mut self, now_ms: u64) {
        self.young.sweep(self.sequence, now_ms);
    }

    fn set_policy(&mut self, policy: PolicyInForce) {
        self.policy = policy;
    }

    fn complete(&mut self, key: IdempotencyKey, completed: Completed) {
        self.young.complete(self.sequence, key, completed);
    }

    fn set_last_at_ms(&mut self, at_ms: u64) {
        self.last_at_ms = self.last_at_ms.max(at_ms);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use passbook_core::{
        Act, Command, Decided, EndReason, NewSession, SessionRef, Transport, UserId, decide,
    };
    use proptest::prelude::*;

    use super::*;

    fn id(number: u8) -> SessionId {
        SessionId::from_u128(u128::from(number))
    }

    fn create(number: u8) -> Act {
        Act::Create(NewSession {
            id: id(number),
            digest: None,
            user: UserId::new("ann".to_owned()).expect("short"),
            is_guest: false,
            device: None,
            tenant: None,
            transport: Transport::Imported,
            lifetime_ms: None,
            absolute_timeout_ms: None,
            sessions_per_user_max: None,
            replaces: None,
            data: std::collections::BTreeMap::default(),
        })
    }

    #[derive(Debug, Clone)]
    enum Step {
        Create(u8),
        Revoke(u8),
        /// What is in flight becomes durable.
        Land,
        /// Another process goes on.
        Reopen,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..8_u8).prop_map(Step::Create),
            2 => (1..8_u8).prop_map(Step::Revoke),
            2 => Just(Step::Land),
            1 => Just(Step::Reopen),
        ]
    }

    proptest! {
        /// Ids come in any order here, as those of an import do.
        #[test]
        fn an_id_is_taken_as_long_as_its_session_is_there(steps in prop::collection::vec(step(), 1..40)) {
            let base = Arc::new(Live::new());
            let mut overlay = Overlay::over(Arc::clone(&base));
            let (mut head, mut flying) = (0, VecDeque::new());
            for step in steps {
                let act = match step {
                    Step::Create(number) => create(number),
                    Step::Revoke(number) => {
                        Act::Revoke { session: SessionRef::Id(id(number)), reason: EndReason::Logout }
                    }
                    Step::Land | Step::Reopen => {
                        for (sequence, event) in flying.drain(..) {
                            apply(&mut base.writer(), sequence, &event);
                        }
                        overlay.forget(head);
                        if matches!(step, Step::Reopen) {
                            overlay = Overlay::over(Arc::clone(&base));
                        }
                        continue;
                    }
                };
                let was_there = matches!(&act, Act::Create(new) if overlay.session(new.id).is_some());
                let decided = decide(&overlay, &Command::new(act), 1);
                prop_assert_eq!(decided.is_err(), was_there);
                for event in decided.map_or_else(|_taken| Vec::new(), |Decided { events, .. }| events) {
                    head += 1;
                    overlay.fold(head, &event);
                    flying.push_back((head, event));
                }
                for number in 0..9 {
                    prop_assert_eq!(
                        overlay.has_session(id(number)),
                        overlay.session(id(number)).is_some()
                    );
                }
            }
        }
    }
}
