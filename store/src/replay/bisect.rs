//! The first event after which something holds, found by looking at few states.

use std::sync::Arc;

use passbook_core::apply;
use passbook_projections::{Live, LoadPlan};

use super::{
    Replay,
    moment::{At, base, data_behind},
    scan::scan,
    stepper::Stepper,
};
use crate::{
    as_of::{View, as_of},
    error::LedgerError,
};

/// A range of so few events is searched by going forwards and back in one table.
const NEAR_EVENTS: u64 = 4_096;

/// What a bisection came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bisection {
    /// The first event after which it holds; `None` = it does not hold at the head.
    pub first: Option<u64>,
    /// The oldest state that is kept. If `first` is this one, it held already then.
    pub oldest: u64,
    /// How many states were looked at.
    pub looks: u32,
    /// How many events were folded between them.
    pub folded: u64,
}

/// A state, written down in memory.
struct Image {
    sections: Vec<Vec<u8>>,
    sessions: u64,
}

impl Image {
    fn of(live: &Live) -> Result<Self, LedgerError> {
        let mut capture = live.capture().map_err(internal)?;
        let mut sections = Vec::new();
        while let Some(section) = capture.section() {
            sections.push(section);
        }
        Ok(Self { sections, sessions: capture.given() })
    }

    fn load(&self) -> Result<Arc<Live>, LedgerError> {
        let live = Arc::new(Live::new());
        let count = u32::try_from(self.sections.len()).map_err(internal)?;
        let plan = LoadPlan { sections: count, sessions: self.sessions, threads: None };
        let section = |index: u32| {
            let index = usize::try_from(index)?;
            Ok(self.sections.get(index).cloned().unwrap_or_default())
        };
        live.load(&plan, section).map_err(internal)?;
        Ok(live)
    }
}

fn internal(error: impl std::fmt::Display) -> LedgerError {
    LedgerError::Internal(format!("a state can't be copied: {error}"))
}

pub(super) fn bisect(
    replay: &Replay<'_>,
    holds: &mut dyn FnMut(&View) -> bool,
) -> Result<Bisection, LedgerError> {
    let mut search = Search { replay, holds, looks: 0, folded: 0 };
    let head = replay.head();
    let oldest = search.oldest(head)?;
    let first = search.first(oldest, head)?;
    Ok(Bisection { first, oldest, looks: search.looks, folded: search.folded })
}

struct Search<'a, 'b> {
    replay: &'a Replay<'b>,
    holds: &'a mut dyn FnMut(&View) -> bool,
    looks: u32,
    folded: u64,
}

impl Search<'_, '_> {
    fn look(&mut self, view: &View) -> bool {
        self.looks += 1;
        (self.holds)(view)
    }

    /// The oldest state that is kept.
    fn oldest(&self, head: u64) -> Result<u64, LedgerError> {
        match base(self.replay.journal, At::Sequence(0)) {
            Ok(_) => Ok(0),
            Err(LedgerError::NotRetained { first, .. }) => Ok(first.min(head)),
            Err(error) => Err(error),
        }
    }

    fn first(&mut self, oldest: u64, head: u64) -> Result<Option<u64>, LedgerError> {
        let newest = self.replay.as_of(At::Sequence(head))?;
        if !self.look(&newest) {
            return Ok(None);
        }
        drop(newest);
        let mut until = head;
        let mut from = None;
        // States that are written down already cost no fold.
        for info in self.replay.journal.snapshots()? {
            if info.sequence >= until || info.sequence <= oldest {
                continue;
            }
            let extent = self.replay.journal.extent();
            let view = as_of(self.replay.journal, info.sequence)?;
            let view = view.with_data(data_behind(&extent, info.sequence));
            if self.look(&view) {
                until = info.sequence;
            } else {
                from = Some(view);
                break;
            }
        }
        let from = match from {
            Some(view) => view,
            None if oldest == until => return Ok(Some(oldest)),
            None => {
                let view = self.replay.as_of(At::Sequence(oldest))?;
                if self.look(&view) {
                    return Ok(Some(oldest));
                }
                view
            }
        };
        let (from, until) = self.narrow(from, until)?;
        self.near(from, until).map(Some)
    }

    /// It does not hold at `from` and does at `until`: the same of a range of few events.
    fn narrow(&mut self, from: View, mut until: u64) -> Result<(View, u64), LedgerError> {
        let (mut sequence, data) = (from.sequence(), from.data_of_sessions());
        let mut live = from.into_live();
        let mut image = None;
        while until - sequence > NEAR_EVENTS {
            let kept = match image.take() {
                Some(image) => image,
                None => Image::of(&live)?,
            };
            let middle = sequence + (until - sequence) / 2;
            self.fold_on(&live, sequence, middle)?;
            if self.look(&View::of(Arc::clone(&live), middle).with_data(data)) {
                until = middle;
                live = kept.load()?;
                image = Some(kept);
            } else {
                sequence = middle;
            }
        }
        Ok((View::of(live, sequence).with_data(data), until))
    }

    /// Folds the events behind `from` up to `until`.
    fn fold_on(&mut self, live: &Live, from: u64, until: u64) -> Result<(), LedgerError> {
        let folded = &mut self.folded;
        scan(self.replay, (from + 1, At::Sequence(until)), &mut |recorded| {
            apply(&mut live.writer(), recorded.sequence, &recorded.event);
            *folded += 1;
        })?;
        Ok(())
    }

    /// Goes forwards and back until the two ends meet.
    fn near(&mut self, from: View, mut until: u64) -> Result<u64, LedgerError> {
        let mut sequence = from.sequence();
        let mut stepper = Stepper::at(*self.replay, from);
        while until - sequence > 1 {
            let middle = sequence + (until - sequence) / 2;
            self.folded += stepper.go_to(middle)?;
            if self.look(stepper.view()) {
                until = middle;
            } else {
                sequence = middle;
            }
        }
        Ok(until)
    }
}
