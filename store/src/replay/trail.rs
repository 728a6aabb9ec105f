//! One session's way through the events: from its login to its end, or to the moment asked about.
//!
//! What an event does to a session depends on that session alone, so folding the events that can
//! concern it gives what the whole fold gives. An id begins with the time of its making, so the way
//! begins near that time; where that is not so, at the first event that is kept.

mod fold;
mod walk;

use passbook_core::{
    PolicyInForce, SessionId, SessionState, SessionTable as _, SessionView as _, WholeState as _,
};
use passbook_projections::history::Recorded;

use self::{fold::Fold, walk::Walk};
use super::{
    Replay,
    moment::{At, read_again},
    policies::policy_before,
    seek::near,
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
    /// When the last event up to its end or that moment was recorded, in Unix milliseconds.
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

    /// What was found, if the session was met at all.
    fn of(fold: Fold, replay: &Replay<'_>, from: u64) -> Result<Option<Self>, LedgerError> {
        let Some(state) = fold.last_state() else { return Ok(None) };
        let policy = match fold.policy {
            Some(policy) => Some(policy),
            None => policy_before(replay, from)?,
        };
        let Fold { events, end, last_at_ms, .. } = fold;
        Ok(Some(Self { events, state, end, policy, last_at_ms }))
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
    let near = near(replay, id.time_ms())?;
    for from in [near, first] {
        let fold = Walk::new(replay, at).follow(Fold::new(id, from), from)?;
        if let Some(trail) = Trail::of(fold, replay, from)? {
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
    let mut fold = Fold::new(id, from);
    fold.policy = Some(view.policy());
    fold.last_at_ms = view.at_ms();
    fold.state.put(state);
    for token in view.live().spent_tokens(id) {
        fold.state.spend(id, token);
    }
    let fold = Walk::new(replay, at).follow(fold, from)?;
    Trail::of(fold, replay, from)
}
