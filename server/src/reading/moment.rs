//! Which event a person means by a moment, and whether it is kept.

use serde_json::json;

use super::{Book, Until};
use crate::{
    answer::{Moment, counted},
    at::{At, Point},
    failure::{Exit, Failure},
    render::{number::thousands, time},
};

/// A moment for which neither a clock nor a name is needed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// After this event was recorded.
    Sequence(u64),
    /// This time, in Unix milliseconds.
    Time(u64),
}

impl Book {
    /// The moment that a person named; whether it is kept is not looked at.
    pub(crate) fn place(&self, at: &At, now_ms: u64) -> Result<Place, Failure> {
        let point = at.resolve(now_ms).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(match point {
            Point::Sequence(sequence) => Place::Sequence(sequence),
            Point::Head { back } => Place::Sequence(self.head().saturating_sub(back)),
            Point::Time { time_ms } => Place::Time(time_ms),
            Point::Bookmark(name) => self.bookmark(&name)?.place,
        })
    }

    /// Up to where the moment that a person named reaches.
    pub(crate) fn until(&self, at: Option<&At>, now_ms: u64) -> Result<Until, Failure> {
        let Some(at) = at else { return Ok(Until::Head) };
        match self.place(at, now_ms)? {
            place @ Place::Sequence(_) => self.sequence_of(place, at).map(Until::Sequence),
            Place::Time(time_ms) => {
                let first = self.complete_from();
                let is_lost = first.sequence > 1 && first.at.is_some_and(|at| time_ms < at.0);
                if is_lost || time_ms > now_ms.max(self.last_at_ms()?) {
                    return Err(self.outside(&at.to_string()));
                }
                Ok(Until::Time(time_ms))
            }
        }
    }

    /// The sequence of that moment, named so; for a time, that of the first event recorded at or
    /// after it, which is one more than the last if there is none.
    pub(crate) fn sequence_of(&self, place: Place, at: &At) -> Result<u64, Failure> {
        match place {
            Place::Time(time_ms) => self.first_recorded_at(time_ms),
            Place::Sequence(sequence) if (self.first()..=self.head()).contains(&sequence) => {
                Ok(sequence)
            }
            Place::Sequence(_) => Err(self.outside(&at.to_string())),
        }
    }

    fn first_recorded_at(&self, time_ms: u64) -> Result<u64, Failure> {
        for recorded in self.events(self.near(time_ms)?)? {
            let recorded = recorded?;
            if recorded.event.at_ms >= time_ms {
                return Ok(recorded.sequence);
            }
        }
        Ok(self.head() + 1)
    }

    fn last_at_ms(&self) -> Result<u64, Failure> {
        Ok(self.journal.stat()?.time_last_ms.unwrap_or(0))
    }

    /// The moment is not one that is kept: says which are.
    pub(crate) fn outside(&self, named: &str) -> Failure {
        let failure =
            Failure::new(Exit::NotFound, "not_found", format!("there is no moment {named} here"));
        let (first, head) = (self.first(), self.head());
        if head < first {
            return failure.why("the store has no event yet");
        }
        let at = |time_ms: Option<u64>| {
            time_ms.map(|time_ms| time::human(time_ms, &time::Zone::Utc)).unwrap_or_default()
        };
        let first_at = self.extent().kept_first_ms;
        let last_at = self.last_at_ms().ok();
        let gone = if first > 1 { "; what was before fell to the retention" } else { "" };
        failure
            .why(format!(
                "{} kept: @{} .. @{}, recorded {} .. {}{gone}",
                counted(head - first + 1, "event is", "events are"),
                thousands(first),
                thousands(head),
                at(first_at),
                at(last_at),
            ))
            .help("see passbook help at for the ways to name a moment")
            .field("sequence_first", json!(first))
            .field("sequence_last", json!(head))
            .field("at_first", json!(first_at.map(Moment)))
            .field("at_last", json!(last_at.map(Moment)))
    }
}
