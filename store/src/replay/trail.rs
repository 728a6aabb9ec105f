//! One session's way through the events: from its login to its end, or to the moment asked about.
//!
//! What an event does to a session depends on that session alone, so folding the events that can
//! concern it gives what the whole fold gives. An id begins with the time of its making, so the way
//! begins near that time; where that is not so, at the first event that is kept.

use passbook_core::{
    Event, Fact, PolicyInForce, SessionId, SessionState, SessionTable as _, SessionView, State,
    WholeState as _, apply,
    codec::About,
    snapshot::{Section, decode as decode_section},
};
use passbook_journal::{Journal, Record};
use passbook_projections::history::Recorded;

use super::{
    Replay,
    moment::{At, Belongs, belongs, decode, glance, read_again},
    seek::recorded_since,
};
use crate::{as_of::as_of, error::LedgerError};

/// What became of one session.
#[derive(Debug)]
pub(super) struct Trail {
    /// The events about it, oldest first; the one that ended it is the last.
    pub(super) events: Vec<Recorded>,
    /// As it was last: before its end.
    pub(super) state: SessionState,
    pub(super) end: Option<End>,
    /// The policy in force at the end, or at the moment asked about, if that is known.
    pub(super) policy: Option<PolicyInForce>,
    /// When the last event that was looked at was recorded, in Unix milliseconds.
    pub(super) last_at_ms: u64,
}

/// The event that ended it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) recorded: Recorded,
    /// The login that it had to make room for.
    pub(super) evicted_by: Option<SessionId>,
}

impl Trail {
    /// Follows the session up to its end, or to the moment asked about.
    pub(super) fn follow(
        replay: &Replay<'_>,
        id: SessionId,
        at: Option<At>,
    ) -> Result<Self, LedgerError> {
        read_again(|| follow_once(replay, id, at))
    }
}

fn follow_once(replay: &Replay<'_>, id: SessionId, at: Option<At>) -> Result<Trail, LedgerError> {
    let journal = replay.journal;
    let (first, last) = (journal.extent().kept_first.max(1), journal.durable());
    let at = at.unwrap_or(At::Sequence(last));
    if let At::Sequence(sequence) = at
        && sequence > last
    {
        return Err(LedgerError::NotRetained { sequence, first });
    }
    let near = recorded_since(journal, id.time_ms())?;
    for from in [near, first] {
        let mut walker = Walker::new(id, from);
        walker.walk(journal, from, at)?;
        if let Some(trail) = walker.finish(replay, from)? {
            return Ok(trail);
        }
        if near == first {
            break;
        }
    }
    from_snapshot(replay, id, at)?.ok_or(LedgerError::NoTrace { first, last })
}

/// The way of a session whose login is not kept: from the oldest snapshot that has it.
fn from_snapshot(replay: &Replay<'_>, id: SessionId, at: At) -> Result<Option<Trail>, LedgerError> {
    let Some(oldest) = replay.journal.snapshots()?.into_iter().next_back() else { return Ok(None) };
    if matches!(at, At::Sequence(last) if last < oldest.sequence)
        || matches!(at, At::Time(last_ms) if last_ms < oldest.time_ms)
    {
        return Ok(None);
    }
    let view = as_of(replay.journal, oldest.sequence)?;
    let Some(state) = view.live().session(id) else { return Ok(None) };
    let from = oldest.sequence + 1;
    let mut walker = Walker::new(id, from);
    walker.policy = Some(view.policy());
    walker.last_at_ms = view.at_ms();
    walker.state.put(state);
    for token in view.live().spent_tokens(id) {
        walker.state.spend(id, token);
    }
    walker.walk(replay.journal, from, at)?;
    walker.finish(replay, from)
}

/// The fold of what can concern one session.
struct Walker {
    id: SessionId,
    state: State,
    before: Option<SessionState>,
    events: Vec<Recorded>,
    end: Option<End>,
    policy: Option<PolicyInForce>,
    last_at_ms: u64,
}

impl Walker {
    fn new(id: SessionId, from: u64) -> Self {
        Self {
            id,
            state: State::new(),
            before: None,
            events: Vec::new(),
            end: None,
            // Before the first event the built-in policy is in force.
            policy: (from <= 1).then(PolicyInForce::default),
            last_at_ms: 0,
        }
    }

    fn walk(&mut self, journal: &dyn Journal, from: u64, at: At) -> Result<(), LedgerError> {
        for record in journal.read_kept(from)? {
            let record = record?;
            if self.end.is_some() && (record.group_first || !self.looks_for_the_evictor()) {
                break;
            }
            match belongs(&record, at)? {
                Belongs::Yes => self.take(&record)?,
                Belongs::No => {}
                Belongs::NorWhatFollows => break,
            }
        }
        Ok(())
    }

    /// Whether the session had to make room for a login whose event stands behind in the group.
    fn looks_for_the_evictor(&self) -> bool {
        self.end.as_ref().is_some_and(|end| {
            end.evicted_by.is_none()
                && matches!(
                    &end.recorded.event.fact,
                    Fact::SessionRevoked { rule: passbook_core::Rule::SessionsPerUser { .. }, .. }
                )
        })
    }

    fn take(&mut self, record: &Record) -> Result<(), LedgerError> {
        if self.end.is_some() {
            let fact = decode(record)?.fact;
            if let (
                Some(end),
                Fact::SessionCreated { subject, .. } | Fact::SessionUpgraded { subject, .. },
            ) = (&mut self.end, &fact)
            {
                end.evicted_by = Some(subject.session);
            }
            return Ok(());
        }
        self.last_at_ms = self.last_at_ms.max(record.time_ms);
        match glance(record)?.about {
            About::Session(id) if id == self.id => self.fold(record),
            About::Sessions if self.state.session(self.id).is_some() => self.fold(record),
            About::Policy => {
                let event = decode(record)?;
                apply(&mut self.state, record.sequence, &event);
                self.policy = Some(self.state.policy());
                Ok(())
            }
            About::Session(_) | About::Sessions | About::Nothing => Ok(()),
        }
    }

    fn fold(&mut self, record: &Record) -> Result<(), LedgerError> {
        let event: Event = decode(record)?;
        let before = self.state.session(self.id);
        apply(&mut self.state, record.sequence, &event);
        let after = self.state.session(self.id);
        let is_own = event.fact.subject().is_some_and(|subject| subject.session == self.id);
        let recorded = Recorded { sequence: record.sequence, event };
        match (before, after) {
            (Some(before), None) => {
                self.before = Some(before);
                self.events.push(recorded.clone());
                self.end = Some(End { recorded, evicted_by: None });
            }
            (Some(_) | None, Some(_)) if is_own => self.events.push(recorded),
            // It is not known here: its login is not kept.
            (Some(_) | None, Some(_)) | (None, None) => {}
        }
        Ok(())
    }

    /// What was found, if the session was met at all.
    fn finish(self, replay: &Replay<'_>, from: u64) -> Result<Option<Trail>, LedgerError> {
        let Some(state) = self.before.or_else(|| self.state.session(self.id)) else {
            return Ok(None);
        };
        let policy = match self.policy {
            Some(policy) => Some(policy),
            None => policy_before(replay, from)?,
        };
        Ok(Some(Trail {
            events: self.events,
            state,
            end: self.end,
            policy,
            last_at_ms: self.last_at_ms,
        }))
    }
}

/// The policy in force before the event `from`, if any event or snapshot that is kept says so.
fn policy_before(replay: &Replay<'_>, from: u64) -> Result<Option<PolicyInForce>, LedgerError> {
    let holds = |policy: &PolicyInForce| policy.since_sequence < from;
    if let Some(policy) = replay.live.map(SessionView::policy).filter(holds) {
        return Ok(Some(policy));
    }
    let journal = replay.journal;
    let mut known: Option<(u64, PolicyInForce)> = None;
    for info in journal.snapshots()? {
        let Ok(source) = journal.open_snapshot(info.sequence) else { continue };
        let Ok(bytes) = source.section(0) else { continue };
        let Ok(Section::Head(head)) = decode_section(&bytes) else { continue };
        if holds(&head.policy) {
            known = Some((info.sequence, head.policy));
            if info.sequence + 1 >= from {
                return Ok(Some(head.policy));
            }
            break;
        }
    }
    let first = journal.extent().kept_first.max(1);
    let (start, mut policy) = match known {
        Some((sequence, policy)) => (sequence + 1, Some(policy)),
        None => (first, (first == 1).then(PolicyInForce::default)),
    };
    let mut state = State::new();
    for record in journal.read_kept(start)? {
        let record = record?;
        if record.sequence >= from {
            break;
        }
        if glance(&record)?.about == About::Policy {
            apply(&mut state, record.sequence, &decode(&record)?);
            policy = Some(state.policy());
        }
    }
    Ok(policy)
}
