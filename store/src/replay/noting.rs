//! A fold that notes what it changes, so that it can be told and undone.

use std::collections::BTreeMap;

use passbook_core::{
    Completed, IdempotencyKey, PolicyInForce, SessionId, SessionState, SessionTable, SessionView,
    SpentToken, TokenDigest, TokenStanding, WholeState, apply,
};
use passbook_projections::{Live, LiveWriter, history::Recorded};

use super::{
    difference::{Difference, Ended},
    ending::Ending,
};

/// What an event changed, as it was before. What commands with an idempotency key came to is not
/// kept: nobody asks the past for it.
#[derive(Debug)]
pub(super) struct Noted {
    /// Sessions that it may have changed; `None` = the session was not there.
    sessions: BTreeMap<SessionId, Option<Before>>,
    policy: PolicyInForce,
    last_at_ms: u64,
}

#[derive(Debug)]
struct Before {
    state: SessionState,
    tokens: Tokens,
}

/// What became of the tokens that a session had spent before.
#[derive(Debug)]
enum Tokens {
    /// They are there, and so many more.
    Kept { more: usize },
    /// They went with the session: oldest first.
    Gone(Vec<SpentToken>),
}

impl Noted {
    /// Folds the event and notes what was there before.
    pub(super) fn fold(live: &Live, recorded: &Recorded) -> Self {
        let writer = live.writer();
        let noted = Self {
            sessions: BTreeMap::new(),
            policy: writer.policy(),
            last_at_ms: writer.last_at_ms(),
        };
        let mut noting = Noting { writer, noted };
        apply(&mut noting, recorded.sequence, &recorded.event);
        noting.noted
    }

    /// Makes the tables what they were before; only for the last event that was folded.
    pub(super) fn undo(self, live: &Live) {
        let mut writer = live.writer();
        for (id, before) in self.sessions {
            match before {
                None => writer.remove(id),
                Some(Before { state, tokens: Tokens::Kept { more } }) => {
                    (0..more).for_each(|_| writer.unspend(id));
                    writer.put(state);
                }
                Some(Before { state, tokens: Tokens::Gone(spent) }) => {
                    writer.put(state);
                    for token in spent {
                        writer.spend(id, token);
                    }
                }
            }
        }
        writer.set_policy(self.policy);
        writer.rewind_to(self.last_at_ms);
    }

    /// How many sessions are noted, and spent tokens of theirs.
    pub(super) fn len(&self) -> usize {
        let tokens = self.sessions.values().flatten().map(|before| match &before.tokens {
            Tokens::Kept { .. } => 0,
            Tokens::Gone(spent) => spent.len(),
        });
        self.sessions.len() + tokens.sum::<usize>()
    }

    /// The sessions that the event took away, as they were before.
    pub(super) fn removed<'a>(&'a self, live: &'a Live) -> impl Iterator<Item = &'a SessionState> {
        let before = self.sessions.values().flatten().map(|before| &before.state);
        before.filter(|state| !live.has_session(state.id()))
    }

    /// What the event changed, from before to now.
    pub(super) fn difference(&self, live: &Live, recorded: &Recorded) -> Difference {
        let mut difference = Difference::default();
        for (id, before) in &self.sessions {
            match (before, live.session(*id)) {
                (None, Some(after)) => difference.opened.push(after),
                (Some(before), None) => {
                    let state = before.state.clone();
                    let ending = Ending::by(&state, recorded.clone(), Some(self.policy));
                    difference.ended.push(Ended { state, ending });
                }
                (Some(before), Some(after)) => difference.add_changed(&before.state, &after),
                (None, None) => {}
            }
        }
        let policy = live.policy();
        difference.policy = (policy != self.policy).then_some((self.policy, policy));
        difference
    }
}

/// The tables, while an event is folded.
struct Noting<'a> {
    writer: LiveWriter<'a>,
    noted: Noted,
}

impl Noting<'_> {
    /// Notes a session that is about to be changed.
    fn note(&mut self, id: SessionId) -> Option<&mut Before> {
        let writer = &self.writer;
        let noted = self.noted.sessions.entry(id).or_insert_with(|| {
            let tokens = Tokens::Kept { more: 0 };
            writer.session(id).map(|state| Before { state, tokens })
        });
        noted.as_mut()
    }

    /// Notes a session that is about to go.
    fn note_whole(&mut self, id: SessionId) {
        let mut spent = self.writer.spent_tokens(id);
        if let Some(Before { tokens, .. }) = self.note(id)
            && let Tokens::Kept { more } = *tokens
        {
            spent.truncate(spent.len().saturating_sub(more));
            *tokens = Tokens::Gone(spent);
        }
    }
}

impl SessionTable for Noting<'_> {
    fn put(&mut self, state: SessionState) {
        let _noted = self.note(state.id());
        self.writer.put(state);
    }

    fn spend(&mut self, id: SessionId, token: SpentToken) {
        if let Some(Before { tokens: Tokens::Kept { more }, .. }) = self.note(id) {
            *more += 1;
        }
        self.writer.spend(id, token);
    }

    fn remove(&mut self, id: SessionId) {
        self.note_whole(id);
        self.writer.remove(id);
    }

    fn remove_user(&mut self, user: &str, except: Option<SessionId>) {
        for state in self.writer.sessions_of(user) {
            if Some(state.id()) != except {
                self.note_whole(state.id());
            }
        }
        self.writer.remove_user(user, except);
    }

    fn remove_expired(&mut self, now_ms: u64) {
        for id in self.writer.expired(now_ms) {
            self.note_whole(id);
        }
        self.writer.remove_expired(now_ms);
    }

    fn set_policy(&mut self, policy: PolicyInForce) {
        self.writer.set_policy(policy);
    }

    fn complete(&mut self, _key: IdempotencyKey, _completed: Completed) {}

    fn set_last_at_ms(&mut self, at_ms: u64) {
        self.writer.set_last_at_ms(at_ms);
    }
}

impl SessionView for Noting<'_> {
    fn session(&self, id: SessionId) -> Option<SessionState> {
        self.writer.session(id)
    }

    fn token(&self, digest: &TokenDigest) -> Option<TokenStanding> {
        self.writer.token(digest)
    }

    fn sessions_of(&self, user: &str) -> Vec<SessionState> {
        self.writer.sessions_of(user)
    }

    fn expired(&self, now_ms: u64) -> Vec<SessionId> {
        self.writer.expired(now_ms)
    }

    fn policy(&self) -> PolicyInForce {
        self.writer.policy()
    }

    fn completed(&self, _key: &IdempotencyKey) -> Option<Completed> {
        None
    }

    fn last_at_ms(&self) -> u64 {
        self.writer.last_at_ms()
    }
}
