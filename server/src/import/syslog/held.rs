//! Observations on their way out, in the order of their first lines.
//!
//! One that a further line may still enrich is held until that line came, or its time is over, or
//! too many wait behind it.

use std::collections::VecDeque;

use super::observation::Observation;

/// How long a login or attempt waits for its further lines: sshd's default `LoginGraceTime`.
pub const HOLD_MS_MAX: u64 = 120_000;

/// How many observations are held at once; then the oldest goes as it is.
pub const HELD_MAX: usize = 4_096;

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Held {
    slots: VecDeque<Slot>,
    gone: u64,
    now_ms: u64,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

#[derive(Debug)]
struct Slot {
    observation: Option<Observation>,
    until_ms: Option<u64>,
}

impl Held {
    /// Queues what no further line will change.
    pub(super) fn push_settled(&mut self, observation: Observation) {
        self.push(observation, None);
    }

    /// Queues what a further line may change.
    pub(super) fn push_open(&mut self, observation: Observation) -> Ticket {
        let until_ms = observation.time_ms.saturating_add(HOLD_MS_MAX);
        self.push(observation, Some(until_ms))
    }

    fn push(&mut self, observation: Observation, until_ms: Option<u64>) -> Ticket {
        let ticket = Ticket(self.gone.saturating_add(self.count()));
        self.slots.push_back(Slot { observation: Some(observation), until_ms });
        ticket
    }

    fn count(&self) -> u64 {
        u64::try_from(self.slots.len()).expect("a usize fits into 64 bits")
    }

    /// Changes a held observation for the last time; `None` when it has gone out already.
    pub(super) fn settle(&mut self, ticket: Ticket) -> Option<&mut Observation> {
        let slot = self.slot_mut(ticket)?;
        slot.until_ms = None;
        slot.observation.as_mut()
    }

    /// Takes a held observation back, as if it had not been made.
    pub(super) fn retract(&mut self, ticket: Ticket) -> Option<Observation> {
        let slot = self.slot_mut(ticket)?;
        slot.until_ms = None;
        slot.observation.take()
    }

    fn slot_mut(&mut self, ticket: Ticket) -> Option<&mut Slot> {
        let place = ticket.0.checked_sub(self.gone)?;
        self.slots.get_mut(usize::try_from(place).ok()?)
    }

    /// Time goes on, as the stamps say; it never goes back.
    pub(super) fn advance(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// No further line will come.
    pub(super) fn settle_all(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.until_ms = None);
    }

    /// The next observation that need not wait.
    pub(super) fn pop(&mut self) -> Option<Observation> {
        while let Some(slot) = self.slots.front() {
            let waits = slot.until_ms.is_some_and(|until_ms| self.now_ms <= until_ms);
            if waits && self.slots.len() <= HELD_MAX {
                return None;
            }
            self.gone = self.gone.saturating_add(1);
            if let Some(observation) = self.slots.pop_front().and_then(|slot| slot.observation) {
                return Some(observation);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::syslog::{Fact, Key};

    fn observation(line: u64, time_ms: u64) -> Observation {
        Observation {
            line,
            time_ms,
            key: Key::new([0; 32]),
            host: String::new(),
            service: String::new(),
            pid: None,
            fact: Fact::Closed { user: String::new(), opened: None },
        }
    }

    fn popped(held: &mut Held) -> Vec<u64> {
        std::iter::from_fn(|| held.pop()).map(|observation| observation.line).collect()
    }

    #[test]
    fn what_waits_holds_up_what_came_later_until_it_is_settled_or_late() {
        let mut held = Held::default();
        let first = held.push_open(observation(1, 0));
        held.push_settled(observation(2, 0));
        assert_eq!(popped(&mut held), [0_u64; 0]);
        assert!(held.settle(first).is_some());
        assert_eq!(popped(&mut held), [1, 2]);
        assert!(held.settle(first).is_none(), "it has gone");

        held.push_open(observation(3, 10));
        held.advance(10 + HOLD_MS_MAX);
        assert_eq!(popped(&mut held), [0_u64; 0]);
        held.advance(10 + HOLD_MS_MAX + 1);
        held.advance(0);
        assert_eq!(popped(&mut held), [3]);
    }

    #[test]
    fn no_more_than_the_limit_wait() {
        let mut held = Held::default();
        for line in 1..=u64::try_from(HELD_MAX).unwrap() {
            held.push_open(observation(line, 0));
        }
        assert_eq!(popped(&mut held), [0_u64; 0]);
        held.push_open(observation(9_999, 0));
        assert_eq!(popped(&mut held), [1]);
        held.settle_all();
        assert_eq!(popped(&mut held).len(), HELD_MAX);
    }

    #[test]
    fn what_is_taken_back_never_comes_out() {
        let mut held = Held::default();
        let first = held.push_open(observation(1, 0));
        held.push_settled(observation(2, 0));
        assert!(held.retract(first).is_some());
        assert_eq!(popped(&mut held), [2]);
    }
}
