//! The past under another policy: which sessions would have ended at another time, and why.

mod life;
mod world;

use passbook_core::{EndReason, Policy, PolicyInForce, SessionId, Text};

use self::world::World;
use super::{Replay, moment::At, scan::scan};
use crate::error::LedgerError;

/// What another policy would have made of the past. Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIf {
    /// The policy that was in force when the span begins.
    pub recorded: PolicyInForce,
    /// The one that is asked about.
    pub policy: Policy,
    /// The first event of the span.
    pub from: u64,
    /// The last event of the span.
    pub through: u64,
    /// By when sessions were judged at the end of the span.
    pub judged_at_ms: u64,
    /// How many sessions lived in the span.
    pub sessions: u64,
    /// Those that would have ended at another time, in the order of ids.
    pub shifts: Vec<Shift>,
}

/// A session that would have ended at another time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Which.
    pub session: SessionId,
    /// Whose.
    pub user: Text,
    /// How it ended; `None` = it lives.
    pub recorded: Option<EndOf>,
    /// How it would have ended; `None` = it would live.
    pub other: Option<EndOf>,
}

/// Which way an end moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// The session would have ended earlier.
    Earlier,
    /// It would have ended later.
    Later,
    /// It would not have ended.
    NotAtAll,
}

/// An end of a session, recorded or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndOf {
    /// From when on it is dead, in Unix milliseconds.
    pub at_ms: u64,
    /// Why.
    pub reason: EndReason,
    /// The event at which it ends; `None` = its time came.
    pub sequence: Option<u64>,
    /// What decided.
    pub why: Why,
}

/// What decides on an end. Times are Unix milliseconds, spans are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Someone asked for it.
    Requested,
    /// It was not refreshed or touched in time.
    Idle {
        /// When it was last.
        last_active_at_ms: u64,
        /// How long it may rest.
        lifetime_ms: u64,
    },
    /// Its absolute timeout came.
    Absolute {
        /// When it was opened.
        created_at_ms: u64,
        /// When that timeout comes.
        absolute_at_ms: u64,
    },
    /// A login went over the limit of sessions a user.
    Limit {
        /// The limit.
        limit: u32,
        /// How many live sessions the user had before the login.
        live: u32,
    },
    /// A spent token was shown.
    Reuse {
        /// How long after its spending.
        age_ms: u64,
        /// How long that is taken for a race.
        race_window_ms: u64,
    },
}

impl Shift {
    /// Which way the end moves.
    pub fn moved(&self) -> Moved {
        match (self.recorded, self.other) {
            (Some(recorded), Some(other)) if other.at_ms > recorded.at_ms => Moved::Later,
            (_, Some(_)) => Moved::Earlier,
            (_, None) => Moved::NotAtAll,
        }
    }
}

impl WhatIf {
    /// How many ends move that way.
    pub fn count(&self, moved: Moved) -> usize {
        self.shifts.iter().filter(|shift| shift.moved() == moved).count()
    }
}

pub(super) fn what_if(
    replay: &Replay<'_>,
    policy: &Policy,
    from: Option<u64>,
) -> Result<WhatIf, LedgerError> {
    let through = replay.head();
    let from = match from {
        Some(from) => from,
        None => replay.policy()?.since_sequence,
    };
    let from = from.clamp(1, through.saturating_add(1));
    let mut world = World::new(&replay.as_of(At::Sequence(from - 1))?, *policy);
    let mut last_at_ms = 0;
    scan(replay, (from, At::Sequence(through)), &mut |recorded| {
        last_at_ms = last_at_ms.max(recorded.event.at_ms);
        world.add(recorded.sequence, &recorded.event);
    })?;
    let judged_at_ms = replay.judged_at_ms(last_at_ms);
    let (recorded, sessions, shifts) = world.finish(judged_at_ms);
    Ok(WhatIf { recorded, policy: *policy, from, through, judged_at_ms, sessions, shifts })
}
