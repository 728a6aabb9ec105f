//! One of the threads, and what is recorded of it.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use passbook::{IssuedSession, SessionId, SessionStore};
use rand::{RngExt as _, rngs::SmallRng};

use super::Ticks;
use crate::{
    linear::{Act, Call},
    plan::Tally,
};

/// Tokens a thread chooses from: the newest of a user, and now and then any.
const NEWEST: usize = 4;

/// A token that was handed out.
#[derive(Debug, Clone)]
struct Known {
    lineage: usize,
    number: u32,
    token: String,
}

/// A user that all threads know.
#[derive(Debug, Default)]
struct User {
    tokens: Mutex<Vec<Known>>,
    history: Mutex<Vec<Call<Act>>>,
}

/// What the threads of a case have in common.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    clock: &'a Ticks,
    /// Orders calls and returns.
    moment: AtomicU64,
    token_next: AtomicU32,
    /// Sessions by the order in which they were first heard of.
    lineages: Mutex<HashMap<SessionId, usize>>,
    users: Vec<User>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(clock: &'a Ticks, users: usize) -> Self {
        Self {
            clock,
            moment: AtomicU64::new(0),
            token_next: AtomicU32::new(0),
            lineages: Mutex::default(),
            users: (0..users).map(|_| User::default()).collect(),
        }
    }

    fn now(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::SeqCst)
    }

    fn lineage(&self, id: SessionId) -> usize {
        let mut lineages = self.lineages.lock().expect("no panic under it");
        let next = lineages.len();
        *lineages.entry(id).or_insert(next)
    }

    /// The histories of the users, and how much is in them.
    pub(super) fn into_histories(self, tally: &mut Tally) -> Vec<Vec<Call<Act>>> {
        let histories = self.users.into_iter().map(|user| user.history);
        let histories: Vec<Vec<_>> =
            histories.map(|history| history.into_inner().expect("no panic under it")).collect();
        for call in histories.iter().flatten() {
            tally.add("calls", 1);
            tally.add("calls that overlap", u64::from(call.returned > call.called + 1));
            match &call.act {
                Act::Refresh(_, _, Some(_)) => tally.add("refreshes won", 1),
                Act::Refresh(_, _, None) => tally.add("refreshes lost", 1),
                Act::Revoke(_, _, true) => tally.add("revoked", 1),
                Act::RevokeAll(Some(count)) if *count > 1 => tally.add("ended together", 1),
                Act::Create(..)
                | Act::Get(..)
                | Act::Revoke(..)
                | Act::RevokeAll(_)
                | Act::List(_) => {}
            }
        }
        histories
    }
}

/// One thread.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    shared: &'a Shared<'a>,
    store: &'a SessionStore,
    rng: SmallRng,
    /// What it did, by user.
    histories: Vec<Vec<Call<Act>>>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, store: &'a SessionStore, rng: SmallRng) -> Self {
        let histories = shared.users.iter().map(|_| Vec::new()).collect();
        Self { shared, store, rng, histories }
    }

    /// Makes so many calls.
    pub(super) fn work(mut self, calls: usize) {
        for _ in 0..calls {
            let user = self.rng.random_range(0..self.shared.users.len());
            let Some(known) = self.choose(user) else {
                self.create(user);
                continue;
            };
            match self.rng.random_range(0..100) {
                0..10 => self.create(user),
                10..50 => self.get(user, &known),
                50..80 => self.refresh(user, &known),
                80..88 => self.revoke(user, &known),
                88..92 => self.revoke_all(user),
                _ => self.list(user),
            }
        }
        self.tell();
    }

    /// Shows every token there is, and lists every user.
    pub(super) fn look_at_all(mut self) {
        for user in 0..self.shared.users.len() {
            let tokens = self.user(user).tokens.lock().expect("no panic under it").clone();
            for known in &tokens {
                self.get(user, known);
            }
            self.list(user);
        }
        self.tell();
    }

    fn tell(&mut self) {
        for (user, history) in self.shared.users.iter().zip(&mut self.histories) {
            user.history.lock().expect("no panic under it").append(history);
        }
    }

    fn user(&self, user: usize) -> &'a User {
        self.shared.users.get(user).expect("one of them")
    }

    fn choose(&mut self, user: usize) -> Option<Known> {
        let tokens = self.user(user).tokens.lock().expect("no panic under it");
        let oldest =
            if self.rng.random_bool(0.9) { tokens.len().saturating_sub(NEWEST) } else { 0 };
        let choice = tokens.get(oldest..).filter(|choice| !choice.is_empty())?;
        choice.get(self.rng.random_range(0..choice.len())).cloned()
    }

    /// Calls, and records when that was and what was answered.
    fn call<T>(
        &mut self,
        user: usize,
        call: impl FnOnce(&SessionStore) -> T,
        act: impl FnOnce(&Shared<'_>, &T) -> Act,
    ) -> T {
        let called = self.shared.now();
        let answer = call(self.store);
        let returned = self.shared.now();
        let act = act(self.shared, &answer);
        self.histories.get_mut(user).expect("one of them").push(Call { called, returned, act });
        answer
    }

    /// The next number of a token, and who knows it from now on.
    fn note(&self, user: usize, number: u32, issued: &IssuedSession) {
        let lineage = self.shared.lineage(issued.id);
        let token = issued.token.expose().to_string();
        let known = Known { lineage, number, token };
        self.user(user).tokens.lock().expect("no panic under it").push(known);
    }

    fn create(&mut self, user: usize) {
        let number = self.shared.token_next.fetch_add(1, Ordering::Relaxed);
        let issued = self.call(
            user,
            |store| store.try_create(name(user)).expect("the disk is fine"),
            |shared, issued| Act::Create(shared.lineage(issued.id), number),
        );
        self.note(user, number, &issued);
    }

    fn get(&mut self, user: usize, known: &Known) {
        let Known { lineage, number, ref token } = *known;
        let found = self.call(
            user,
            |store| store.get(token),
            |_, found| Act::Get(lineage, number, found.is_some()),
        );
        if let Some(session) = found {
            assert_eq!(self.shared.lineage(session.id), lineage, "the token of another session");
            assert_eq!(session.user_id.as_str(), name(user), "a session of another user");
        }
    }

    fn refresh(&mut self, user: usize, known: &Known) {
        let Known { lineage, number, ref token } = *known;
        let successor = self.shared.token_next.fetch_add(1, Ordering::Relaxed);
        let clock = self.shared.clock;
        let issued = self.call(
            user,
            |store| {
                clock.tick();
                store.try_refresh(token).expect("the disk is fine")
            },
            |_, issued| Act::Refresh(lineage, number, issued.as_ref().map(|_| successor)),
        );
        if let Some(issued) = issued {
            assert_eq!(self.shared.lineage(issued.id), lineage, "another session was refreshed");
            self.note(user, successor, &issued);
        }
    }

    fn revoke(&mut self, user: usize, known: &Known) {
        let Known { lineage, number, ref token } = *known;
        _ = self.call(
            user,
            |store| store.try_revoke(token).expect("the disk is fine"),
            |_, ended| Act::Revoke(lineage, number, *ended),
        );
    }

    fn revoke_all(&mut self, user: usize) {
        _ = self.call(
            user,
            |store| store.try_revoke_all_for_user(&name(user)).expect("the disk is fine"),
            |_, count| Act::RevokeAll(Some(*count)),
        );
    }

    fn list(&mut self, user: usize) {
        let list = |store: &SessionStore| store.list_for_user(&name(user));
        drop(self.call(user, list, |shared, sessions| {
            Act::List(sessions.iter().map(|session| shared.lineage(session.id)).collect())
        }));
    }
}

fn name(user: usize) -> String {
    format!("user{user}")
}
