//! What differs between two moments.

use std::collections::{HashMap, HashSet};

use passbook_core::{SessionId, SessionView as _, Text, WholeState as _};

use super::{
    Replay,
    difference::{Difference, Ended},
    ending::Ending,
    moment::{At, base, fold_with},
    noting::Noted,
};
use crate::{
    as_of::{DataOfSessions, View},
    error::LedgerError,
};

/// Two moments, and what differs between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The earlier moment.
    pub from: Moment,
    /// The later one.
    pub to: Moment,
    /// What differs: sessions are told of as far as they lived at the moments.
    pub difference: Difference,
    /// How many sessions lived at both, and are the same.
    pub unchanged: usize,
    /// Users with a live session at the later moment and none at the earlier one, sorted.
    pub users_new: Vec<Text>,
    /// Users with a live session at the earlier moment and none at the later one, sorted.
    pub users_gone: Vec<Text>,
}

/// A moment that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The last event in it; 0 = none.
    pub sequence: u64,
    /// By when sessions were judged, in Unix milliseconds.
    pub at_ms: u64,
    /// How many sessions lived then.
    pub live: usize,
    /// Whether the data of sessions is known; it is compared if it is at both moments.
    pub data_of_sessions: DataOfSessions,
}

pub(super) fn diff(replay: &Replay<'_>, from: At, to: At) -> Result<Diff, LedgerError> {
    let (from, to) = in_order(from, to);
    let before = replay.as_of(from)?;
    let journal = replay.journal;
    // A state from which both can be reached, so that every end in between is met.
    let (near, far) = (base(journal, from)?, base(journal, to)?);
    let base = if far.sequence() < near.sequence() { far } else { near };
    let mut endings = HashMap::new();
    let next = base.sequence() + 1;
    let after = fold_with(replay, base, (next, to), &mut |live, recorded| {
        let policy = live.policy();
        let noted = Noted::fold(live, &recorded);
        for state in noted.removed(live) {
            if before.live().session(state.id()).is_some() {
                endings.insert(state.id(), Ending::by(state, recorded.clone(), Some(policy)));
            }
        }
    })?;
    Ok(compare(&before, &after, &mut endings))
}

/// The earlier one first, as far as they can be compared.
fn in_order(from: At, to: At) -> (At, At) {
    let is_later = match (from, to) {
        (At::Sequence(from), At::Sequence(to)) | (At::Time(from), At::Time(to)) => from > to,
        (At::Sequence(_), At::Time(_)) | (At::Time(_), At::Sequence(_)) => false,
    };
    if is_later { (to, from) } else { (from, to) }
}

fn compare(before: &View, after: &View, endings: &mut HashMap<SessionId, Ending>) -> Diff {
    let mut difference = Difference::default();
    let has_data = [before, after].map(View::data_of_sessions) == [DataOfSessions::Kept; 2];
    let live = |view: &View, id| {
        let mut state = view.live().session(id)?;
        state.data.take_if(|_| !has_data);
        (!state.session.is_expired(view.at_ms())).then_some(state)
    };
    let (mut lived, mut unchanged) = (0, 0);
    let (mut users_then, mut users_now) = (HashSet::new(), HashSet::new());
    for id in before.live().ids() {
        let Some(old) = live(before, id) else { continue };
        lived += 1;
        users_then.insert(old.session.user_id.clone());
        match live(after, id) {
            Some(new) if new == old => unchanged += 1,
            Some(new) => difference.add_changed(&old, &new),
            None => {
                let left = after.live().session(id);
                let by_clock = |state| Ending::by_clock(state, after.at_ms(), Some(after.policy()));
                let ending = endings.remove(&id).filter(|_| left.is_none());
                let ending = ending.unwrap_or_else(|| by_clock(left.as_ref().unwrap_or(&old)));
                difference.ended.push(Ended { state: old, ending });
            }
        }
    }
    let mut lives = 0;
    for id in after.live().ids() {
        let Some(new) = live(after, id) else { continue };
        lives += 1;
        users_now.insert(new.session.user_id.clone());
        if live(before, id).is_none() {
            difference.opened.push(new);
        }
    }
    let (old, new) = (before.policy(), after.policy());
    difference.policy = (old != new).then_some((old, new));
    let (from, to) = (moment(before, lived), moment(after, lives));
    let (users_new, users_gone) =
        (only_in(&users_now, &users_then), only_in(&users_then, &users_now));
    Diff { from, to, difference, unchanged, users_new, users_gone }
}

fn only_in(users: &HashSet<Text>, others: &HashSet<Text>) -> Vec<Text> {
    let mut only: Vec<_> = users.difference(others).cloned().collect();
    only.sort_unstable();
    only
}

fn moment(view: &View, live: usize) -> Moment {
    Moment {
        sequence: view.sequence(),
        at_ms: view.at_ms(),
        live,
        data_of_sessions: view.data_of_sessions(),
    }
}
