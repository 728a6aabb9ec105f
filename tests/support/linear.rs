//! Whether a history of calls that overlapped can be put in an order in which each took effect at
//! one moment between its call and its return: linearizability (Herlihy and Wing 1990).
//!
//! The check goes through calls and returns in the order in which they were recorded and keeps every
//! state that the object may be in, with the calls that took effect and have not returned: the
//! just-in-time search of Lowe ("Testing for linearizability", 2017) over that of Wing and Gong,
//! breadth first. It is small only if the history is of a small object. An object made of others is
//! linearizable if each of them is (Horn and Kroening, "Faster linearizability checking via
//! P-compositionality", 2015), so whoever calls splits the history first.

mod lineage;

use std::{collections::HashSet, fmt, hash::Hash};

pub use lineage::{Act, Reuse, Sessions, Standing, parts};

/// Calls that may overlap at a time.
const OVERLAP_MAX: usize = 64;

/// One call that has returned. The moments are of one clock that never says the same twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<A> {
    /// When it was called.
    pub called: u64,
    /// When it returned.
    pub returned: u64,
    /// What it was, with what it answered.
    pub act: A,
}

/// What the object does, one call at a time.
pub trait Model {
    /// What it remembers.
    type State: Clone + Eq + Hash;
    /// A call and its answer.
    type Act: fmt::Debug;

    /// What it remembers in the beginning.
    fn start(&self) -> Self::State;

    /// What it may remember after the call; nothing, if it would have answered otherwise.
    fn after(&self, state: &Self::State, call: &Call<Self::Act>) -> Vec<Self::State>;

    /// Whether it changes nothing, whatever the state.
    fn is_read(&self, act: &Self::Act) -> bool;
}

/// A history in which no order of the calls explains the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotLinear {
    /// Up to the first answer that has no explanation, one call a line, by their returns.
    pub story: String,
}

impl fmt::Display for NotLinear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no order of the calls explains the last answer of:\n{}", self.story)
    }
}

/// A state that is possible, and which of the calls under way took effect in it, by their places.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Possible<S> {
    state: S,
    effective: u64,
}

/// Checks a history; how many states it went through.
///
/// # Errors
/// [`NotLinear`], with the calls up to the one that can't be explained.
///
/// # Panics
/// If more than 64 calls overlap.
pub fn check<M: Model>(model: &M, calls: &[Call<M::Act>]) -> Result<u64, NotLinear> {
    let mut moments: Vec<(u64, usize)> = Vec::with_capacity(2 * calls.len());
    for (number, call) in calls.iter().enumerate() {
        moments.extend([(call.called, number), (call.returned, number)]);
    }
    moments.sort_unstable();
    let mut under_way: [Option<usize>; OVERLAP_MAX] = [None; OVERLAP_MAX];
    let mut possible = HashSet::from([Possible { state: model.start(), effective: 0 }]);
    let mut states = 0;
    for (moment, number) in moments {
        let call = calls.get(number).expect("a number of this list");
        if moment == call.called {
            let free = under_way.iter_mut().find(|place| place.is_none());
            *free.expect("at most 64 calls overlap") = Some(number);
            continue;
        }
        let place = under_way.iter().position(|held| *held == Some(number));
        let place = place.expect("it was called before it returned");
        possible = with_effect(model, calls, &under_way, possible, place);
        states += u64::try_from(possible.len()).expect("a count in memory");
        if possible.is_empty() {
            return Err(NotLinear { story: story(calls, moment) });
        }
        *under_way.get_mut(place).expect("it was found") = None;
    }
    Ok(states)
}

/// All that is possible once the call in `place` took effect, it and any others under way.
fn with_effect<M: Model>(
    model: &M,
    calls: &[Call<M::Act>],
    under_way: &[Option<usize>],
    possible: HashSet<Possible<M::State>>,
    place: usize,
) -> HashSet<Possible<M::State>> {
    let mut open: Vec<_> = possible.into_iter().collect();
    let (mut seen, mut done) = (HashSet::new(), HashSet::new());
    while let Some(mut now) = open.pop() {
        let waiting = under_way.iter().enumerate().filter_map(|(bit, number)| {
            let call = number.and_then(|number| calls.get(number))?;
            (now.effective & (1 << bit) == 0).then_some((bit, call))
        });
        let mut next = Vec::new();
        let mut read = 0;
        for (bit, call) in waiting {
            let after = model.after(&now.state, call);
            if model.is_read(&call.act) {
                // To have it behind us leaves every way open: no other needs to be tried.
                read |= u64::from(!after.is_empty()) << bit;
            } else {
                next.extend(after.into_iter().map(|state| (bit, state)));
            }
        }
        now.effective |= read;
        if now.effective & (1 << place) != 0 {
            // It has returned: its place is free for another.
            now.effective &= !(1 << place);
            _ = done.insert(now);
        } else if seen.insert(now.clone()) {
            let then = |(bit, state)| Possible { state, effective: now.effective | 1_u64 << bit };
            open.extend(next.into_iter().map(then));
        }
    }
    done
}

/// The calls that were made before that moment.
fn story<A: fmt::Debug>(calls: &[Call<A>], until: u64) -> String {
    let mut told: Vec<_> = calls.iter().filter(|call| call.called <= until).collect();
    told.sort_unstable_by_key(|call| call.returned.min(until + 1));
    let line = |call: &&Call<A>| format!("  {}..{} {:?}\n", call.called, call.returned, call.act);
    told.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
