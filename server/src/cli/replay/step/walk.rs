//! From one stop to the next, forwards and back.

use passbook::{At, LedgerError, Replay, Step, Stepper};

use super::stops::Stops;
use crate::{cli::global::App, failure::Failure, progress::Unit, reading::Book};

/// So many events are looked at one by one on the way back; then it goes by spans.
const NEAR: usize = 256;
/// The first such span, in events; each further one is longer.
const SPAN_FIRST: u64 = 4_096;
/// By what.
const SPAN_GROWTH: u64 = 4;
/// How often the progress is told, in events.
const TELL_EVERY: u64 = 1_024;

/// A walk through the events, which stops at some of them.
pub(super) struct Walk<'a> {
    app: &'a App,
    replay: Replay<'a>,
    /// `None` before the first step.
    stepper: Option<Stepper<'a>>,
    stops: &'a Stops,
}

impl<'a> Walk<'a> {
    pub(super) fn new(app: &'a App, book: &'a Book, stops: &'a Stops) -> Self {
        Self { app, replay: book.replay(app.now_ms()), stepper: None, stops }
    }

    /// The past that it goes through.
    pub(super) fn replay(&self) -> &Replay<'a> {
        &self.replay
    }

    /// The first stop behind that event; `None` = there is none up to the last event.
    pub(super) fn forward(&mut self, behind: u64) -> Result<Option<Step>, Failure> {
        let (stops, total) = (self.stops, self.replay.head().saturating_sub(behind));
        let progress = self.app.output.progress("step", Some(total), Unit::Events);
        let stepper = self.seat(behind)?;
        while let Some(step) = stepper.next()? {
            if stops.has(&step, stepper.view()) {
                progress.finish();
                return Ok(Some(step));
            }
            let done = step.recorded.sequence.saturating_sub(behind);
            if done.is_multiple_of(TELL_EVERY) {
                progress.at(done);
            }
        }
        progress.finish();
        Ok(None)
    }

    /// The last stop before that event; `None` = there is none among those that are kept.
    pub(super) fn back(&mut self, before: u64) -> Result<Option<Step>, Failure> {
        let near = match self.near(before) {
            Ok(near) => near,
            Err(LedgerError::NotRetained { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match near {
            Near::Found(step) => Ok(Some(*step)),
            Near::Nothing => Ok(None),
            Near::NotYet { before } => self.far(before),
        }
    }

    /// Goes back event by event.
    fn near(&mut self, before: u64) -> Result<Near, LedgerError> {
        let stops = self.stops;
        let is_there = self.stepper.as_ref().is_some_and(|stepper| stepper.sequence() == before);
        let stepper = self.seat(if is_there { before } else { before.saturating_sub(1) })?;
        if is_there && stepper.back()?.is_none() {
            return Ok(Near::Nothing);
        }
        for _ in 0..NEAR {
            // A stop is judged by the state behind it.
            if stepper.back()?.is_none() {
                return Ok(Near::Nothing);
            }
            let Some(step) = stepper.next()? else { return Ok(Near::Nothing) };
            if stops.has(&step, stepper.view()) {
                return Ok(Near::Found(Box::new(step)));
            }
            stepper.back()?;
        }
        Ok(Near::NotYet { before: stepper.sequence() + 1 })
    }

    /// Goes through spans of events, each before the other: to go back through many would fold them
    /// again and again.
    fn far(&mut self, before: u64) -> Result<Option<Step>, Failure> {
        let (mut end, mut span) = (before, SPAN_FIRST);
        let progress = self.app.output.progress("step back", Some(before), Unit::Events);
        while end > 1 {
            let from = (end - 1).saturating_sub(span);
            let (mut stepper, is_oldest) = match self.replay.step_from(At::Sequence(from)) {
                Err(LedgerError::NotRetained { first, .. }) if first + 1 < end => {
                    (self.replay.step_from(At::Sequence(first))?, true)
                }
                Err(LedgerError::NotRetained { .. }) => break,
                stepper => (stepper?, from == 0),
            };
            let mut last = None;
            while let Some(step) = stepper.next()?.filter(|step| step.recorded.sequence < end) {
                if self.stops.has(&step, stepper.view()) {
                    last = Some(step.recorded.sequence);
                }
            }
            if let Some(last) = last {
                progress.finish();
                return self.forward(last - 1);
            }
            if is_oldest {
                break;
            }
            progress.at(before - from);
            (end, span) = (from + 1, span.saturating_mul(SPAN_GROWTH));
        }
        progress.finish();
        Ok(None)
    }

    /// The stepper at the place behind that event.
    fn seat(&mut self, sequence: u64) -> Result<&mut Stepper<'a>, LedgerError> {
        let seated = match self.stepper.take() {
            Some(stepper) if stepper.sequence() == sequence => stepper,
            Some(_) | None => self.replay.step_from(At::Sequence(sequence))?,
        };
        Ok(self.stepper.insert(seated))
    }
}

/// What going back event by event came to.
enum Near {
    Found(Box<Step>),
    /// There is nothing before.
    Nothing,
    /// Nothing so far; all that is left is before that event.
    NotYet {
        before: u64,
    },
}
