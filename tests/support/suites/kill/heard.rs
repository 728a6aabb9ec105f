//! What the process said before it died, and what must be there because of it.

use std::collections::{BTreeMap, BTreeSet};

use passbook::{HistoryQuery, HistoryWhat, SessionId, SessionStore};

use super::victim;
use crate::plan::Tally;

/// How a session stood when it was last heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Live,
    /// It was about to be refreshed: the token that is known opens it, or one that nobody heard of.
    Refreshing,
    /// It was about to be ended.
    Ending,
    Ended,
}

/// One session that was acknowledged.
#[derive(Debug)]
struct Session {
    user: String,
    standing: Standing,
    /// What opens it, if that is known.
    token: Option<String>,
    spent: Vec<String>,
}

/// All that was said.
#[derive(Debug, Default)]
pub(super) struct Heard {
    sessions: BTreeMap<SessionId, Session>,
    /// Sessions that are there and were never acknowledged, or that only their end was heard of.
    others: BTreeSet<SessionId>,
    refreshes: u64,
    openings: usize,
}

impl Heard {
    /// Hears a line. The last one may have been cut by the kill.
    pub(super) fn hear(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        let [what, user, id, token] = *words else {
            self.openings += usize::from(line == "opening");
            return;
        };
        let Ok(id) = SessionId::parse(id) else { return };
        let token = Some(token.to_owned()).filter(|token| token.len() > 1);
        if what == "created" {
            let (user, standing) = (user.to_owned(), Standing::Live);
            let session = Session { user, standing, token, spent: Vec::new() };
            assert!(self.sessions.insert(id, session).is_none(), "{id} was opened twice");
            return;
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match what {
            "refreshing" => session.standing = Standing::Refreshing,
            "refreshed" => {
                session.standing = Standing::Live;
                session.spent.extend(std::mem::replace(&mut session.token, token));
                self.refreshes += 1;
            }
            "ending" => session.standing = Standing::Ending,
            "ended" => session.standing = Standing::Ended,
            _ => panic!("{line:?}"),
        }
    }

    /// What was open is decided now, by what is there: from here on it must stay so.
    pub(super) fn settle(&mut self, store: &SessionStore) {
        let there = sessions_of(store);
        for (id, session) in &mut self.sessions {
            let opens = session.token.as_ref().is_some_and(|token| store.get(token).is_some());
            if !opens {
                session.spent.extend(session.token.take());
            }
            session.standing =
                match session.standing {
                    Standing::Ended => Standing::Ended,
                    Standing::Live | Standing::Refreshing | Standing::Ending => {
                        if there.contains(id) { Standing::Live } else { Standing::Ended }
                    }
                };
        }
        self.others = there.into_iter().filter(|id| !self.sessions.contains_key(id)).collect();
    }

    /// How much was said.
    pub(super) fn count(&self, tally: &mut Tally) {
        let count = |count: usize| u64::try_from(count).expect("a count in memory");
        let ended = |session: &&Session| session.standing == Standing::Ended;
        tally.add("logins", count(self.sessions.len()));
        tally.add("ended", count(self.sessions.values().filter(ended).count()));
        tally.add("refreshes", self.refreshes);
    }
}

/// What must be there.
#[derive(Debug)]
pub(super) struct Expected<'a>(&'a Heard);

impl<'a> Expected<'a> {
    pub(super) fn of(heard: &'a Heard) -> Self {
        Self(heard)
    }

    /// # Errors
    /// What is missing, or there and should not be.
    pub(super) fn check(&self, store: &SessionStore) -> Result<(), String> {
        let there = sessions_of(store);
        for (id, session) in &self.0.sessions {
            check_session(*id, session, &there, store)?;
        }
        // Each thread may have had one login under way.
        let unheard = there.iter().filter(|id| !self.0.sessions.contains_key(id)).count();
        if unheard > victim::THREADS * self.0.openings {
            return Err(format!("{unheard} sessions that nobody opened"));
        }
        (0..victim::THREADS).try_for_each(|thread| self.check_history(&victim::user(thread), store))
    }

    /// The history has every login and every end that was acknowledged.
    fn check_history(&self, user: &str, store: &SessionStore) -> Result<(), String> {
        let (mut logins, mut ends) = (BTreeSet::new(), BTreeSet::new());
        let mut query = HistoryQuery::newest(1_000).map_err(|error| error.to_string())?;
        loop {
            let page = store.ledger().history(user, &query).map_err(|error| error.to_string())?;
            for entry in &page.entries {
                match entry.kind.what() {
                    HistoryWhat::Login => logins.extend(entry.session),
                    HistoryWhat::Ended => ends.extend(entry.session),
                    HistoryWhat::Refreshed
                    | HistoryWhat::StepUp
                    | HistoryWhat::Upgraded
                    | HistoryWhat::Device
                    | HistoryWhat::Tenant
                    | HistoryWhat::Reuse
                    | HistoryWhat::Failed => {}
                }
            }
            let Some(next) = page.next else { break };
            query.before = Some(next);
        }
        for (id, session) in self.0.sessions.iter().filter(|(_, session)| session.user == user) {
            if !logins.contains(id) {
                return Err(format!("the history lacks the login {id}"));
            }
            if session.standing == Standing::Ended && !ends.contains(id) {
                return Err(format!("the history lacks the end of {id}"));
            }
        }
        Ok(())
    }
}

fn check_session(
    id: SessionId,
    session: &Session,
    there: &BTreeSet<SessionId>,
    store: &SessionStore,
) -> Result<(), String> {
    let is_there = there.contains(&id);
    let opens = |token: &String| store.get(token).is_some();
    let is_open = session.token.as_ref().map(opens);
    if session.spent.iter().any(opens) {
        return Err(format!("a spent token opens {id}"));
    }
    match session.standing {
        Standing::Live if !is_there => Err(format!("the acknowledged login {id} is lost")),
        Standing::Live if is_open == Some(false) => {
            Err(format!("the acknowledged token of {id} opens nothing"))
        }
        Standing::Refreshing if !is_there => Err(format!("{id} was lost in a refresh")),
        Standing::Ending if is_open.is_some_and(|is_open| is_open != is_there) => {
            Err(format!("{id} has ended for some and not for others"))
        }
        Standing::Ended if is_there || is_open == Some(true) => {
            Err(format!("{id} was ended and is back"))
        }
        Standing::Live | Standing::Refreshing | Standing::Ending | Standing::Ended => Ok(()),
    }
}

fn sessions_of(store: &SessionStore) -> BTreeSet<SessionId> {
    store.list_all_unfiltered().iter().map(|session| session.id).collect()
}
