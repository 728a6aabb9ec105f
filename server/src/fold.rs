//! What events add up to: the state, and how each session that is gone came to its end.
//!
//! The state is the core's own fold. What is added here is what a person asks of the dead. Where to
//! begin is in `base`.

pub(crate) mod base;

use std::collections::HashMap;

use passbook::{
    Actor, Cause, EndReason, Ending, Event, Fact, Recorded, SessionId,
    core::{SessionState, SessionView as _, SpentToken, State, Text, WholeState as _, apply},
};

use base::{Base, Plan, plan};

use crate::{
    failure::Failure,
    progress::Progress,
    reading::{Book, Until},
};

/// The fold of a journal, up to some event.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    pub(crate) state: State,
    tracks: HashMap<SessionId, Track>,
    /// The last event folded.
    pub(crate) sequence: u64,
    /// When it was recorded.
    pub(crate) at_ms: u64,
    /// The first event that was looked at: what ended before is not known of.
    pub(crate) from: u64,
}

/// What is known of a session beside its state.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    /// The event that opened it.
    pub(crate) created_sequence: u64,
    /// Who opened it.
    pub(crate) created_by: Actor,
}

/// A session that ended, as it was just before.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) state: SessionState,
    pub(crate) track: Option<Track>,
    /// Its spent tokens, oldest first.
    pub(crate) spent: Vec<SpentToken>,
    pub(crate) end: End,
}

/// How a session ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) reason: EndReason,
    /// When it was dead: for an expiry, before the event that records it.
    pub(crate) at_ms: u64,
    /// The event that ended it; `None` = its time came, and no event says so yet.
    pub(crate) sequence: Option<u64>,
    pub(crate) actor: Actor,
    /// By which rule, where it is not that someone asked for it.
    pub(crate) rule: Option<String>,
    pub(crate) note: Option<Text>,
}

impl Fold {
    /// Folds one more event; gives the sessions that it ended.
    pub(crate) fn add(&mut self, recorded: &Recorded) -> Vec<Ended> {
        let Recorded { sequence, event } = recorded;
        let doomed: Vec<_> = self
            .doomed(event)
            .into_iter()
            .map(|state| (self.state.spent_tokens(state.id()), state))
            .collect();
        if let Fact::SessionCreated { subject, .. } = &event.fact {
            let track = Track { created_sequence: *sequence, created_by: event.actor.clone() };
            self.tracks.insert(subject.session, track);
        }
        apply(&mut self.state, *sequence, event);
        self.sequence = *sequence;
        self.at_ms = event.at_ms;
        let gone = doomed.into_iter().filter(|(_, state)| !self.state.has_session(state.id()));
        let gone: Vec<_> = gone.collect();
        gone.into_iter()
            .map(|(spent, state)| Ended {
                track: self.tracks.remove(&state.id()),
                end: End::of(&Ending::by(&state, recorded.clone(), None)),
                state,
                spent,
            })
            .collect()
    }

    /// Takes the state of a snapshot in the place of what was folded: that may have begun in the
    /// middle, and has not the data of sessions.
    fn begin_at(&mut self, base: Base) {
        self.state = base.state;
        self.sequence = base.info.sequence;
        self.at_ms = base.info.time_ms;
    }

    /// What is known of a session that has not ended.
    pub(crate) fn track(&self, id: SessionId) -> Option<&Track> {
        self.tracks.get(&id)
    }

    /// The sessions that the event may end.
    fn doomed(&self, event: &Event) -> Vec<SessionState> {
        match &event.fact {
            Fact::SessionRevoked { subject, .. } | Fact::TokenReuseDetected { subject, .. } => {
                self.state.session(subject.session).into_iter().collect()
            }
            Fact::UserSessionsRevoked { user, .. } => self.state.sessions_of(user),
            Fact::SessionsExpired { effective_now_ms, .. }
            | Fact::Compacted { effective_now_ms, .. } => {
                let ids = self.state.expired(*effective_now_ms);
                ids.into_iter().filter_map(|id| self.state.session(id)).collect()
            }
            Fact::Opened { .. }
            | Fact::PolicySet { .. }
            | Fact::SessionCreated { .. }
            | Fact::SessionRefreshed { .. }
            | Fact::SessionReauthenticated { .. }
            | Fact::SessionUpgraded { .. }
            | Fact::DeviceSet { .. }
            | Fact::TenantSet { .. }
            | Fact::DataSet { .. }
            | Fact::DataRemoved { .. }
            | Fact::SessionTouched { .. }
            | Fact::LoginFailed { .. }
            | Fact::Bookmark { .. }
            | Fact::Salvaged { .. } => Vec::new(),
        }
    }
}

impl End {
    /// As the ledger explains it.
    pub(crate) fn of(ending: &Ending) -> Self {
        let note = ending.event.as_ref().and_then(|recorded| recorded.event.note.as_ref());
        Self {
            reason: ending.reason,
            at_ms: ending.at_ms,
            sequence: ending.sequence(),
            actor: ending.actor().clone(),
            rule: rule_of(ending),
            note: note.map(|note| note.text().clone()),
        }
    }

    /// Of a session whose time has come and of which no event says so yet.
    pub(crate) fn by_clock(state: &SessionState) -> Self {
        Self::of(&Ending::by_clock(state, state.session.expires_at_ms, None))
    }
}

/// By which rule the session ended, in a few words, where it is not that someone asked for it.
fn rule_of(ending: &Ending) -> Option<String> {
    match ending.cause {
        Cause::Requested | Cause::AllOfUser { .. } => None,
        Cause::Replaced { by } => Some(format!("the login of {by} took its place")),
        Cause::Evicted { limit, live, .. } => {
            Some(format!("its user had {live} live sessions at a limit of {limit}"))
        }
        Cause::Reused { presented_generation, current_generation, .. } => Some(format!(
            "a token of generation {presented_generation} was shown, when {current_generation} \
             was current"
        )),
        Cause::Expired { .. } if ending.reason == EndReason::ExpiredAbsolute => {
            Some("its absolute timeout came".to_owned())
        }
        Cause::Expired { .. } => Some("nobody refreshed or touched it in time".to_owned()),
    }
}

/// Hears of every event folded, with the state behind it and the sessions that it ended.
pub(crate) type Visit<'a> = dyn FnMut(&Recorded, &Fold, Vec<Ended>) + 'a;

/// How far back a fold has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// For the state alone: from the newest snapshot.
    State,
    /// For what began at or after this time, in Unix milliseconds, and what became of it.
    Since(u64),
    /// For all that ended and is kept.
    Kept,
}

/// Folds the events of `book` up to `until`. The state is exact, but for the data of sessions as long
/// as it is told from the archive, which has none.
pub(crate) fn fold(
    book: &Book,
    (until, depth): (Until, Depth),
    progress: &Progress,
    visit: &mut Visit<'_>,
) -> Result<Fold, Failure> {
    let Plan { from, base } = plan(book, until, depth)?;
    let mut fold = Fold { from, ..Fold::default() };
    // From here on the state is whole.
    let exact = base.as_ref().map_or_else(|| book.journal_first(), |base| base.info.sequence + 1);
    let mut step = |fold: &mut Fold, recorded: &Recorded| {
        match until {
            Until::Sequence(last) if recorded.sequence > last => return false,
            // What was imported later may have happened before.
            Until::Time(last_ms) if recorded.event.happened_at_ms() > last_ms => return true,
            Until::Head | Until::Sequence(_) | Until::Time(_) => {}
        }
        let ended = fold.add(recorded);
        visit(recorded, fold, ended);
        progress.at(recorded.sequence);
        true
    };
    if from < exact {
        for recorded in book.events(from)? {
            let recorded = recorded?;
            if recorded.sequence >= exact {
                break;
            }
            if !step(&mut fold, &recorded) {
                return Ok(fold);
            }
        }
    }
    if let Some(base) = base {
        fold.begin_at(base);
    }
    for recorded in book.whole_events(from.max(exact))? {
        if !step(&mut fold, &recorded?) {
            break;
        }
    }
    Ok(fold)
}

/// The moment at which sessions are judged live or dead.
pub(crate) fn judged_at_ms(until: Until, fold: &Fold, now_ms: u64) -> u64 {
    match until {
        Until::Head => now_ms.max(fold.at_ms),
        Until::Sequence(_) => fold.at_ms,
        Until::Time(time_ms) => time_ms,
    }
}
