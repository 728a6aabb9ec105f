//! `Live` and the plain table of the core are the same fold: after every step they give the same
//! answer to every question.

use std::collections::BTreeSet;

use passbook_core::{
    EndReason, Event, Fact, SessionRef, SessionView, State, TokenDigest, TokenStanding, WholeState,
    apply, decide, state_fingerprint,
};
use passbook_projections::{Live, live::Census};
use proptest::prelude::*;

use crate::histories::{self, DATA_KEY, POOL, digest, event, id, user};

/// Both tables, and every digest that they were told of.
#[derive(Default)]
struct Twins {
    live: Live,
    state: State,
    sequence: u64,
    digests: BTreeSet<[u8; 32]>,
    now_ms: u64,
}

impl Twins {
    fn apply(&mut self, event: &Event) {
        self.sequence += 1;
        apply(&mut self.live.writer(), self.sequence, event);
        apply(&mut self.state, self.sequence, event);
    }

    #[track_caller]
    fn check(&self) {
        let (live, state) = (&self.live, &self.state);
        assert_eq!(state_fingerprint(live), state_fingerprint(state));
        assert_eq!(live.ids(), state.ids());
        assert_eq!(live.len(), state.len());
        assert_eq!((live.policy(), live.last_at_ms()), (state.policy(), state.last_at_ms()));
        for number in 0..=POOL {
            let (id, user) = (id(number), user(number));
            assert_eq!(live.session(id), state.session(id));
            assert_eq!(live.spent_tokens(id), state.spent_tokens(id));
            assert_eq!(live.sessions_of(&user), state.sessions_of(&user), "{user}");
            self.check_user(&user);
            self.check_data(SessionRef::Id(id));
            let found = state.session(id).map(|kept| kept.session);
            let found = found.filter(|session| !session.is_expired(self.now_ms));
            assert_eq!(live.find(id, self.now_ms), found);
        }
        for bytes in &self.digests {
            self.check_token(&TokenDigest::from_bytes(*bytes));
        }
        for now_ms in [0, self.now_ms, self.now_ms + 60_000, u64::MAX - 1, u64::MAX] {
            let mut expired = live.expired(now_ms);
            expired.sort_unstable();
            let mut model = state.expired(now_ms);
            model.sort_unstable();
            assert_eq!(expired, model, "at {now_ms}");
        }
        let users: BTreeSet<_> = state.iter().map(|kept| kept.session.user_id.clone()).collect();
        assert_eq!(live.users(), users.len());
        let mut all = live.all();
        all.sort_unstable_by_key(|session| session.id);
        assert!(all.iter().eq(state.iter().map(|kept| &kept.session)));
    }

    /// Ends everything, and looks for what is left.
    #[track_caller]
    fn check_nothing_is_left(mut self) {
        let census = self.live.census();
        let unending = self.state.iter().filter(|kept| kept.session.expires_at_ms == u64::MAX);
        let spent = self.state.ids().into_iter().map(|id| self.state.spent_tokens(id).len());
        assert_eq!((census.rows, census.ids), (self.live.len(), self.live.len()));
        assert_eq!(census.scheduled, self.live.len() - unending.count());
        assert!(census.spent_tokens <= spent.sum());
        assert!(census.live_tokens <= self.live.len());
        for number in 0..=POOL {
            let all = Fact::UserSessionsRevoked {
                user: user(number),
                except: None,
                reason: EndReason::Erased,
                ended: 1,
            };
            self.apply(&event(self.now_ms, all));
        }
        assert_eq!(self.live.census(), Census::default());
        assert!(self.live.is_empty());
    }

    #[track_caller]
    fn check_token(&self, digest: &TokenDigest) {
        let standing = self.state.token(digest);
        assert_eq!(self.live.token(digest), standing, "{digest:?}");
        let session = match standing {
            Some(TokenStanding::Live(kept)) if !kept.session.is_expired(self.now_ms) => {
                Some(kept.session)
            }
            Some(TokenStanding::Live(_) | TokenStanding::Spent(..)) | None => None,
        };
        self.check_data(SessionRef::Token(*digest));
        self.check_data(SessionRef::Lineage(*digest));
        assert_eq!(self.live.live(digest, self.now_ms), session, "{digest:?}");
    }

    #[track_caller]
    fn check_user(&self, user: &str) {
        let mut model: Vec<_> =
            self.state.sessions_of(user).into_iter().map(|kept| kept.session).collect();
        model.retain(|session| !session.is_expired(self.now_ms));
        assert_eq!(self.live.list_for_user(user, self.now_ms), model);
    }

    #[track_caller]
    fn check_data(&self, session: SessionRef) {
        let model = match session {
            SessionRef::Id(id) => self.state.session(id),
            SessionRef::Token(digest) => match self.state.token(&digest) {
                Some(TokenStanding::Live(kept)) => Some(kept),
                Some(TokenStanding::Spent(..)) | None => None,
            },
            SessionRef::Lineage(digest) => match self.state.token(&digest) {
                Some(TokenStanding::Live(kept) | TokenStanding::Spent(kept, _)) => Some(kept),
                None => None,
            },
        };
        let model = model.filter(|kept| !kept.session.is_expired(self.now_ms));
        let value = model.as_ref().and_then(|kept| kept.data.as_ref()?.get(DATA_KEY).cloned());
        assert_eq!(self.live.data(session, DATA_KEY, self.now_ms), value);
        assert_eq!(
            self.live.session_and_data(session, self.now_ms),
            model.map(|kept| (kept.session, kept.data))
        );
    }
}

proptest! {
    #[test]
    fn what_was_decided_gives_the_same_state(steps in histories::commands()) {
        let mut twins = Twins { now_ms: 1_000_000, ..Twins::default() };
        let mut next_digest = 0;
        for (elapsed_ms, wish) in steps {
            twins.now_ms = twins.now_ms.saturating_add(elapsed_ms);
            let command = wish.command(&mut next_digest);
            twins.digests.extend((0..=next_digest).map(|number| *digest(number).as_bytes()));
            let of_live = decide(&twins.live, &command, twins.now_ms);
            let of_state = decide(&twins.state, &command, twins.now_ms);
            prop_assert_eq!(&of_live, &of_state);
            for event in of_state.into_iter().flat_map(|decided| decided.events) {
                twins.apply(&event);
                twins.check();
            }
        }
        twins.check_nothing_is_left();
    }

    #[test]
    fn whatever_events_say_the_state_is_the_same(facts in histories::raw_facts()) {
        let mut twins = Twins::default();
        twins.digests.extend((0..=POOL).map(|number| *digest(number).as_bytes()));
        for (at_ms, fact) in facts {
            twins.now_ms = at_ms;
            twins.apply(&event(at_ms, fact));
            twins.check();
        }
        twins.check_nothing_is_left();
    }
}
