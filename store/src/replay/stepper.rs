//! Going through the events one by one, forwards and back, with what each of them changed.

use std::collections::VecDeque;

use passbook_core::SessionView as _;
use passbook_journal::Records;
use passbook_projections::history::Recorded;

use super::{
    Replay,
    breakpoint::Breakpoint,
    difference::Difference,
    moment::{At, decode},
    noting::Noted,
    seek::recorded_since,
};
use crate::{as_of::View, error::LedgerError};

/// Steps that can be undone without folding again.
const UNDO_STEPS_MAX: usize = 4_096;
/// Sessions that are kept for that, as they were; the last step is kept whatever it changed.
const UNDO_SESSIONS_MAX: usize = 65_536;
/// How many events before the present one are folded again once all that was kept is undone.
const REFOLD_EVENTS: u64 = 1_024;
/// How many times as far it looks if it finds none.
const REFOLD_FACTOR: u64 = 16;

/// A place between two events, with the state that the ledger had there.
///
/// What a step changed is kept as it was before, so a step back is exact. That is kept for the last
/// 4,096 steps, and for fewer if they changed many sessions; before them the state is folded again
/// from the nearest snapshot.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
/// use passbook::{At, Breakpoint, Ledger};
/// let ledger = Ledger::memory()?;
/// let login = ledger.create("ann").await?;
/// ledger.revoke(&login.token).await?;
/// let replay = ledger.replay();
/// let mut stepper = replay.step_from(At::Sequence(0))?;
/// let ends = Breakpoint { kinds: vec!["SessionRevoked".to_owned()], ..Breakpoint::default() };
/// let step = stepper.run_to(&ends)?.expect("one");
/// assert_eq!((step.recorded.sequence, step.difference.ended.len()), (3, 1));
/// assert_eq!(stepper.view().len(), 0);
/// assert_eq!(stepper.back()?, Some(step));
/// assert_eq!(stepper.view().len(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Stepper<'a> {
    replay: Replay<'a>,
    view: View,
    /// What comes behind the place, if it was read from here.
    records: Option<Records>,
    /// Oldest first.
    undo: VecDeque<Undo>,
    /// Sessions in them.
    noted: usize,
}

/// An event, and what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The event.
    pub recorded: Recorded,
    /// From the state before it to the state after it.
    pub difference: Difference,
}

#[derive(Debug)]
struct Undo {
    recorded: Recorded,
    noted: Noted,
    /// Where the place was before.
    sequence: u64,
}

impl<'a> Stepper<'a> {
    pub(super) fn new(replay: Replay<'a>, at: At) -> Result<Self, LedgerError> {
        let sequence = match at {
            At::Sequence(sequence) => sequence,
            // Stepping goes in the order of recording.
            At::Time(time_ms) => {
                recorded_since(replay.journal, time_ms.saturating_add(1))?.saturating_sub(1)
            }
        };
        Ok(Self::at(replay, replay.as_of(At::Sequence(sequence))?))
    }

    /// At the place of which that is the state.
    pub(super) fn at(replay: Replay<'a>, view: View) -> Self {
        Self { replay, view, records: None, undo: VecDeque::new(), noted: 0 }
    }

    /// The sequence of the event behind which the place is; 0 = before the first.
    pub fn sequence(&self) -> u64 {
        self.view.sequence()
    }

    /// The state at the place.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Goes over the next event; `None` = there is none that is durable. Of events that are archived,
    /// changes of sessions' data are passed over.
    ///
    /// # Errors
    /// [`LedgerError::Read`] and [`LedgerError::Event`]; the place is as it was.
    #[expect(clippy::should_implement_trait, reason = "it goes both ways")]
    pub fn next(&mut self) -> Result<Option<Step>, LedgerError> {
        if !self.forward()? {
            return Ok(None);
        }
        Ok(self.undo.back().map(|undo| step(self.view.live(), undo)))
    }

    /// Goes back over the last event, and gives it; `None` = the place is before the first.
    ///
    /// # Errors
    /// [`LedgerError::NotRetained`] if no state before it is kept; [`LedgerError::Read`] and
    /// [`LedgerError::Event`]. The place is as it was.
    pub fn back(&mut self) -> Result<Option<Step>, LedgerError> {
        if self.undo.is_empty() && !self.refold()? {
            return Ok(None);
        }
        let Some(undo) = self.undo.pop_back() else { return Ok(None) };
        let step = step(self.view.live(), &undo);
        let Undo { noted, sequence, .. } = undo;
        self.noted -= noted.len();
        noted.undo(self.view.live());
        self.view.moved_to(sequence, self.view.live().last_at_ms());
        self.records = None;
        Ok(Some(step))
    }

    /// Goes on to just behind the next event at which the breakpoint stops; `None` = there is none,
    /// and the place is at the head.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn run_to(&mut self, breakpoint: &Breakpoint) -> Result<Option<Step>, LedgerError> {
        while let Some(step) = self.next()? {
            if breakpoint.matches(&step) {
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    /// Goes back to just before the last event at which the breakpoint stops; `None` = there is none,
    /// and the place is before the first event.
    ///
    /// # Errors
    /// As [`back`](Self::back).
    pub fn run_back_to(&mut self, breakpoint: &Breakpoint) -> Result<Option<Step>, LedgerError> {
        while let Some(step) = self.back()? {
            if breakpoint.matches(&step) {
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    /// Folds the next event, if there is one.
    pub(super) fn forward(&mut self) -> Result<bool, LedgerError> {
        let Some(recorded) = self.read()? else { return Ok(false) };
        let sequence = self.view.sequence();
        let noted = Noted::fold(self.view.live(), &recorded);
        self.view.moved_to(recorded.sequence, self.view.live().last_at_ms());
        self.noted += noted.len();
        self.undo.push_back(Undo { recorded, noted, sequence });
        while self.undo.len() > UNDO_STEPS_MAX
            || (self.noted > UNDO_SESSIONS_MAX && self.undo.len() > 1)
        {
            let Some(oldest) = self.undo.pop_front() else { break };
            self.noted -= oldest.noted.len();
        }
        Ok(true)
    }

    /// Goes to just behind that event, or, if nothing of it is kept, behind the one before it. Gives
    /// how many events it folded.
    pub(super) fn go_to(&mut self, sequence: u64) -> Result<u64, LedgerError> {
        let mut folded = 0;
        while self.sequence() < sequence && self.forward()? {
            folded += 1;
        }
        while self.sequence() > sequence && self.back()?.is_some() {}
        Ok(folded)
    }

    fn read(&mut self) -> Result<Option<Recorded>, LedgerError> {
        if self.records.is_none() {
            let from = self.view.sequence() + 1;
            if from > self.replay.head() {
                return Ok(None);
            }
            self.records = Some(self.replay.journal.read_kept(from)?);
        }
        let Some(record) = self.records.as_mut().and_then(Iterator::next) else {
            // More may become durable.
            self.records = None;
            return Ok(None);
        };
        let event = record.map_err(LedgerError::from).and_then(|record| {
            let event = decode(&record)?;
            Ok(Recorded { sequence: record.sequence, event })
        });
        if event.is_err() {
            self.records = None;
        }
        event.map(Some)
    }

    /// Folds again what led to the place, so that it can be undone. `false` = nothing did.
    fn refold(&mut self) -> Result<bool, LedgerError> {
        let place = self.view.sequence();
        let mut events = REFOLD_EVENTS;
        while self.undo.is_empty() && place > 0 {
            let from = place.saturating_sub(events);
            let view = match self.replay.as_of(At::Sequence(from)) {
                Err(LedgerError::NotRetained { first, .. }) if first < place => {
                    self.replay.as_of(At::Sequence(first))?
                }
                view => view?,
            };
            let oldest = view.sequence();
            let mut again = Stepper::at(self.replay, view);
            while again.view.sequence() < place && again.forward()? {}
            if again.view.sequence() > place {
                // Of the event at the place nothing is kept.
                let _behind: Option<Step> = again.back()?;
            }
            if !again.undo.is_empty() {
                again.view.moved_to(place, again.view.live().last_at_ms());
                *self = again;
            }
            if oldest == 0 || oldest > from {
                break;
            }
            // There are none so near: it is a fixture's, or an archive's.
            events = events.saturating_mul(REFOLD_FACTOR);
        }
        Ok(!self.undo.is_empty())
    }
}

fn step(live: &passbook_projections::Live, undo: &Undo) -> Step {
    let difference = undo.noted.difference(live, &undo.recorded);
    Step { recorded: undo.recorded.clone(), difference }
}
