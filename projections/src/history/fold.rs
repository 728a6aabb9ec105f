//! One user's history, told from all events: nothing is kept between two questions.

use std::collections::HashMap;

use passbook_core::{Event, Fact, SessionId, SessionView as _, State, Text, apply};

use super::{
    entry::{HistoryEntry, Recorded},
    query::{HistoryQuery, Page, Picker},
    tell::{Audience, Told, audience, ended_user, named, tell},
};

/// Folds events into one user's history.
#[derive(Debug)]
pub struct HistoryFold {
    user: Text,
    /// The user's sessions, and those of guests, who may become the user.
    sessions: State,
    entries: Vec<HistoryEntry>,
    /// The entry that further refreshes of a session go into.
    refreshes: HashMap<SessionId, usize>,
}

impl HistoryFold {
    /// The empty history of that user.
    pub fn of(user: &str) -> Self {
        Self {
            user: user.into(),
            sessions: State::new(),
            entries: Vec::new(),
            refreshes: HashMap::new(),
        }
    }

    /// Adds the next event, of any user.
    pub fn add(&mut self, recorded: &Recorded) {
        let Recorded { sequence, event } = recorded;
        if !self.follows(event) {
            return;
        }
        for told in tell(&self.sessions, recorded) {
            if told.user == self.user {
                self.keep(told);
            }
        }
        apply(&mut self.sessions, *sequence, event);
    }

    /// Whether the event is about the user, or about a guest's session that may become the user's.
    fn follows(&self, event: &Event) -> bool {
        let fact = &event.fact;
        let is_guest_login = matches!(fact, Fact::SessionCreated { is_guest: true, .. });
        is_guest_login
            || audience(event) == Audience::Anyone
            || named(fact).any(|user| *user == self.user)
            || fact
                .subject()
                .is_some_and(|subject| self.sessions.session(subject.session).is_some())
            || ended_user(fact).is_some_and(|user| !self.sessions.sessions_of(user).is_empty())
    }

    fn keep(&mut self, Told { entry, folds, .. }: Told) {
        if let Some(session) = entry.session.filter(|_| folds) {
            let before = self.refreshes.get(&session).and_then(|at| self.entries.get_mut(*at));
            if let Some(before) = before {
                return before.refresh_again(entry.at_ms);
            }
            self.refreshes.insert(session, self.entries.len());
        }
        self.entries.push(entry);
    }

    /// The lines that the query asks for, newest first.
    pub fn page(&self, query: &HistoryQuery) -> Page {
        let mut picker = Picker::new(query);
        self.entries.iter().cloned().for_each(|entry| picker.offer(entry));
        picker.finish()
    }

    /// The whole history, newest first: in the order of [`Cursor`](super::Cursor).
    pub fn newest_first(mut self) -> Vec<HistoryEntry> {
        self.entries.sort_by_key(|entry| std::cmp::Reverse(super::Cursor::of(entry)));
        self.entries
    }
}
