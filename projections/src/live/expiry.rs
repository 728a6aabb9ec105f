//! When sessions expire: a list for each minute, that runs through a table of its own.
//!
//! A session that is extended stays in its old minute until that is passed; only then it is moved.
//! So a touch costs nothing here, and a session is moved at most once a lifetime.

mod minutes;

use passbook_core::session::NEVER_MS;

use self::minutes::{Minute, Minutes};
use super::{chunks::Chunks, links::Links, shards::index, slot::Slot};

const MINUTE_MS: u64 = 60_000;

#[derive(Debug, Default)]
struct Node {
    /// `None` = in no list.
    minute: Option<Minute>,
    links: Links,
}

/// Sessions by the minute in or after which they expire.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    /// By slot number.
    nodes: Chunks<Node>,
    /// Where the minute's list begins.
    firsts: Minutes,
    len: usize,
}

/// Sessions to be noted, by minute once it is [sorted](Self::sort).
#[derive(Debug, Default)]
pub(crate) struct ExpiryBatch(Vec<(Minute, Slot)>);

impl ExpiryBatch {
    pub(crate) fn add(&mut self, slot: Slot, expires_at_ms: u64) {
        self.0.extend(minute_of(expires_at_ms).map(|minute| (minute, slot)));
    }

    /// Puts together what [`Expiry::set_all`] notes together: so it need not be done under a lock.
    pub(crate) fn sort(&mut self) {
        self.0.sort_unstable_by_key(|(minute, slot)| {
            (u64::from(*minute) << u32::BITS) | u64::from(slot.number())
        });
    }
}

impl Expiry {
    /// Notes when the session in that slot expires, [`NEVER_MS`] included.
    pub(crate) fn set(&mut self, slot: Slot, expires_at_ms: u64) {
        let listed = self.node(slot).minute;
        match minute_of(expires_at_ms) {
            None => self.remove(slot),
            // Later than its list says: it is moved when that minute has passed.
            Some(minute) if listed.is_some_and(|listed| listed <= minute) => {}
            Some(minute) => {
                self.remove(slot);
                self.add(slot, minute);
            }
        }
    }

    /// Whether that slot is in a list.
    pub(crate) fn is_listed(&self, slot: Slot) -> bool {
        self.nodes.get(index(slot.number())).is_some_and(|node| node.minute.is_some())
    }

    /// Notes sessions that are in no list, and empties the batch.
    pub(crate) fn set_all(&mut self, batch: &mut ExpiryBatch) {
        for listed in batch.0.chunk_by(|(left, _), (right, _)| left == right) {
            let Some((minute, first)) = listed.first().copied() else { continue };
            let mut next = self.firsts.set(minute, first);
            for (_, slot) in listed.iter().rev() {
                self.put_before(next, *slot, minute);
                next = Some(*slot);
            }
        }
        self.len += batch.0.len();
        batch.0.clear();
    }

    /// Forgets that slot.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let node = std::mem::take(self.node(slot));
        let Some(minute) = node.minute else { return };
        let Links { previous, next } = node.links;
        self.len -= 1;
        if let Some(next) = next {
            self.node(next).links.previous = previous;
        }
        match (previous, next) {
            (Some(previous), _) => self.node(previous).links.next = next,
            (None, Some(next)) => _ = self.firsts.set(minute, next),
            (None, None) => self.firsts.clear(minute),
        }
    }

    /// The slots whose sessions expire at or before `now_ms`, by what `expires_at_ms` says of them.
    /// Costs what it returns, and the sessions that were extended since their minute was noted.
    pub(crate) fn due(
        &mut self,
        now_ms: u64,
        expires_at_ms: impl Fn(Slot) -> Option<u64>,
    ) -> Vec<Slot> {
        let mut due = Vec::new();
        let last = minute_of(now_ms).unwrap_or(Minute::MAX);
        for minute in self.firsts.up_to(last) {
            let mut next = self.firsts.get(minute);
            while let Some(slot) = next {
                next = self.node(slot).links.next;
                match expires_at_ms(slot) {
                    // Its row goes this moment, and this entry with it.
                    None => {}
                    Some(at_ms) if at_ms <= now_ms && at_ms != NEVER_MS => due.push(slot),
                    Some(at_ms) => self.move_on(slot, minute, at_ms),
                }
            }
        }
        due
    }

    /// Sessions noted, and minutes that have some.
    pub(crate) fn lens(&self) -> (usize, usize) {
        (self.len, self.firsts.len())
    }

    fn move_on(&mut self, slot: Slot, listed: Minute, expires_at_ms: u64) {
        let minute = minute_of(expires_at_ms);
        if minute == Some(listed) {
            return;
        }
        self.remove(slot);
        if let Some(minute) = minute {
            self.add(slot, minute);
        }
    }

    fn add(&mut self, slot: Slot, minute: Minute) {
        let next = self.firsts.set(minute, slot);
        self.put_before(next, slot, minute);
        self.len += 1;
    }

    /// Puts a slot before the one that was the minute's first.
    fn put_before(&mut self, next: Option<Slot>, slot: Slot, minute: Minute) {
        *self.node(slot) = Node { minute: Some(minute), links: Links { previous: None, next } };
        if let Some(next) = next {
            self.node(next).links.previous = Some(slot);
        }
    }

    fn node(&mut self, slot: Slot) -> &mut Node {
        self.nodes.grown_to(index(slot.number()))
    }
}

/// The minute in which that moment is; `None` for never.
fn minute_of(at_ms: u64) -> Option<Minute> {
    (at_ms != NEVER_MS).then(|| Minute::try_from(at_ms / MINUTE_MS).unwrap_or(Minute::MAX))
}
