//! The sessions of one user as an object: each is unborn, lives by one token, or has ended.
//!
//! A history of it is checked in parts: each lineage with all that is about it, reads included; and
//! the user's commands and lists, with how many sessions ended together. Not both in one: a read is
//! of one session, and while an event ends several, who reads two may see one of them dead and then
//! the other one alive.

use std::collections::{BTreeMap, BTreeSet};

use super::{Call, Model};

/// A call with its answer; lineages and tokens by numbers that are given once in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A lineage was opened, with this token.
    Create(usize, u32),
    /// Whether the lineage's token opened it.
    Get(usize, u32, bool),
    /// What the lineage's token was changed for.
    Refresh(usize, u32, Option<u32>),
    /// Whether the lineage's token ended it.
    Revoke(usize, u32, bool),
    /// How many lineages were ended; `None` = it is not looked at.
    RevokeAll(Option<usize>),
    /// Which lineages were listed.
    List(BTreeSet<usize>),
}

/// What a spent token means that is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// It is refused.
    Refused,
    /// It ends the session; if it was spent while the call was under way, it may.
    Ends,
}

/// How a lineage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It lives by this token.
    Live(u32),
    /// It is over.
    Ended,
}

/// The object.
#[derive(Debug, Clone)]
pub struct Sessions {
    reuse: Reuse,
    /// Tokens that were changed for others, and when that was answered.
    spent: BTreeMap<u32, u64>,
}

impl Sessions {
    /// The object whose answers are these.
    pub fn of(calls: &[Call<Act>], reuse: Reuse) -> Self {
        let spent = calls.iter().filter_map(|call| match call.act {
            Act::Refresh(_, token, Some(_)) => Some((token, call.returned)),
            Act::Create(..)
            | Act::Get(..)
            | Act::Refresh(..)
            | Act::Revoke(..)
            | Act::RevokeAll(_)
            | Act::List(_) => None,
        });
        Self { reuse, spent: spent.collect() }
    }

    /// The states after a token of a lineage was shown to be changed, and was not.
    fn reused(
        &self,
        state: &BTreeMap<usize, Standing>,
        (lineage, token): (usize, u32),
        called: u64,
    ) -> Vec<BTreeMap<usize, Standing>> {
        let spent = self.spent.get(&token);
        let is_live = matches!(state.get(&lineage), Some(Standing::Live(_)));
        match (self.reuse, spent) {
            (Reuse::Ends, Some(answered)) if is_live => {
                let mut after = vec![with(state, lineage, Standing::Ended)];
                after.extend((called < *answered).then(|| state.clone()));
                after
            }
            (Reuse::Ends | Reuse::Refused, _) => vec![state.clone()],
        }
    }
}

impl Model for Sessions {
    type State = BTreeMap<usize, Standing>;
    type Act = Act;

    fn start(&self) -> Self::State {
        BTreeMap::new()
    }

    fn after(&self, state: &Self::State, call: &Call<Act>) -> Vec<Self::State> {
        let opens = |lineage, token| state.get(lineage) == Some(&Standing::Live(token));
        let same = |holds: bool| if holds { vec![state.clone()] } else { Vec::new() };
        match &call.act {
            Act::Create(lineage, token) => vec![with(state, *lineage, Standing::Live(*token))],
            Act::Get(lineage, token, opened) => same(*opened == opens(lineage, *token)),
            Act::Refresh(lineage, token, Some(successor)) if opens(lineage, *token) => {
                vec![with(state, *lineage, Standing::Live(*successor))]
            }
            Act::Refresh(lineage, token, None) if !opens(lineage, *token) => {
                self.reused(state, (*lineage, *token), call.called)
            }
            Act::Refresh(..) => Vec::new(),
            Act::Revoke(lineage, token, true) if opens(lineage, *token) => {
                vec![with(state, *lineage, Standing::Ended)]
            }
            Act::Revoke(lineage, token, ended) => same(!ended && !opens(lineage, *token)),
            Act::RevokeAll(count) => {
                let is_right = count.is_none_or(|count| count == live(state).count());
                let end = || state.keys().map(|lineage| (*lineage, Standing::Ended)).collect();
                if is_right { vec![end()] } else { Vec::new() }
            }
            Act::List(listed) => same(live(state).eq(listed.iter().copied())),
        }
    }

    fn is_read(&self, act: &Act) -> bool {
        match act {
            Act::Get(..) | Act::List(_) | Act::Revoke(_, _, false) => true,
            Act::Refresh(_, _, None) => self.reuse == Reuse::Refused,
            Act::Create(..) | Act::Refresh(..) | Act::Revoke(..) | Act::RevokeAll(_) => false,
        }
    }
}

fn live(state: &BTreeMap<usize, Standing>) -> impl Iterator<Item = usize> {
    let live = state.iter().filter(|(_, standing)| matches!(standing, Standing::Live(_)));
    live.map(|(lineage, _)| *lineage)
}

fn with(
    state: &BTreeMap<usize, Standing>,
    lineage: usize,
    standing: Standing,
) -> BTreeMap<usize, Standing> {
    let mut state = state.clone();
    _ = state.insert(lineage, standing);
    state
}

/// The parts in which one user's history is checked.
pub fn parts(calls: &[Call<Act>]) -> Vec<Vec<Call<Act>>> {
    let mut lineages: BTreeMap<usize, Vec<Call<Act>>> = BTreeMap::new();
    let mut whole = Vec::new();
    let mut together = Vec::new();
    for call in calls {
        match &call.act {
            Act::Create(lineage, _)
            | Act::Get(lineage, ..)
            | Act::Refresh(lineage, ..)
            | Act::Revoke(lineage, ..) => {
                lineages.entry(*lineage).or_default().push(call.clone());
            }
            Act::RevokeAll(_) => together.push(Call { act: Act::RevokeAll(None), ..*call }),
            Act::List(_) => {}
        }
        if !matches!(call.act, Act::Get(..)) {
            whole.push(call.clone());
        }
    }
    let mut parts: Vec<_> = lineages.into_values().collect();
    for part in &mut parts {
        part.extend(together.iter().cloned());
    }
    parts.push(whole);
    parts
}
