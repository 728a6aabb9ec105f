//! The users on the desk as core's fold sees them: the table that it reads and changes.
//!
//! Only what history needs of a session is there: no tokens, no data, no policy.

use passbook_core::{
    Completed, IdempotencyKey, PolicyInForce, SessionId, SessionState, SessionTable, SessionView,
    SpentToken, Text, TokenDigest, TokenStanding,
};

use super::{Desk, Open};

impl Desk<'_> {
    /// Whose the session is, among the users at hand.
    fn owner(&self, id: SessionId) -> Option<(&Text, &Open)> {
        let swept = self.swept.get(&id).into_iter();
        // A sweep has many users at hand; what it ends is found above.
        let others = self.at_hand.iter().filter(|_| self.swept.is_empty());
        swept.chain(others).find_map(|name| Some((name, self.users.get(name)?.session(id)?)))
    }
}

impl SessionView for Desk<'_> {
    fn session(&self, id: SessionId) -> Option<SessionState> {
        self.owner(id).map(|(name, open)| open.state(name))
    }

    fn token(&self, _digest: &TokenDigest) -> Option<TokenStanding> {
        None
    }

    fn sessions_of(&self, user: &str) -> Vec<SessionState> {
        let found = self.users.get_key_value(user);
        found.into_iter().flat_map(|(name, user)| user.open().map(|it| it.state(name))).collect()
    }

    fn expired(&self, _now_ms: u64) -> Vec<SessionId> {
        let mut ids: Vec<_> = self.swept.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    fn policy(&self) -> PolicyInForce {
        PolicyInForce::default()
    }

    fn completed(&self, _key: &IdempotencyKey) -> Option<Completed> {
        None
    }

    fn last_at_ms(&self) -> u64 {
        0
    }
}

impl SessionTable for Desk<'_> {
    fn put(&mut self, state: SessionState) {
        let (id, user) = (state.id(), state.session.user_id.clone());
        let before = self.owner(id).map(|(name, open)| (name.clone(), open.refreshes));
        // A line of refreshes stays with the user in whose history it is.
        let refreshes =
            before.as_ref().filter(|(name, _)| *name == user).and_then(|(_, number)| *number);
        if before.is_some_and(|(name, _)| name != user) {
            self.remove(id);
        }
        if let Some(user) = self.users.get_mut(&user) {
            user.put(Open::of(state, refreshes));
        }
    }

    fn spend(&mut self, _id: SessionId, _token: SpentToken) {}

    fn remove(&mut self, id: SessionId) {
        let owner = self.owner(id).map(|(name, _)| name.clone());
        if let Some(user) = owner.and_then(|name| self.users.get_mut(&name)) {
            user.remove_where(|open| open.id == id);
        }
    }

    fn remove_user(&mut self, user: &str, except: Option<SessionId>) {
        if let Some(user) = self.users.get_mut(user) {
            user.remove_where(|open| Some(open.id) != except);
        }
    }

    fn remove_expired(&mut self, now_ms: u64) {
        for name in &self.at_hand {
            if let Some(user) = self.users.get_mut(name) {
                user.remove_where(|open| open.is_expired(now_ms));
            }
        }
    }

    fn set_policy(&mut self, _policy: PolicyInForce) {}

    fn complete(&mut self, _key: IdempotencyKey, _completed: Completed) {}

    fn set_last_at_ms(&mut self, _at_ms: u64) {}
}
