//! Which event a person means by a moment, and whether it is kept.

use passbook::Recorded;
use serde_json::json;

use super::{Book, Until};
use crate::{
    answer::{Moment, counted},
    at::{At, Point},
    failure::{Exit, Failure},
    render::{number::thousands, time},
};

impl Book {
    /// Up to where the moment that a person named reaches.
    pub(crate) fn until(&self, at: Option<&At>, now_ms: u64) -> Result<Until, Failure> {
        let Some(at) = at else { return Ok(Until::Head) };
        let point = at.resolve(now_ms).map_err(|error| Failure::usage(error.to_string()))?;
        match point {
            Point::Sequence(_) | Point::Head { .. } | Point::Bookmark(_) => {
                self.sequence_of(&point, at).map(Until::Sequence)
            }
            Point::Time { time_ms } => {
                let first = self.complete_from();
                let is_lost = first.sequence > 1 && first.at.is_some_and(|at| time_ms < at.0);
                if is_lost || time_ms > now_ms.max(self.last_at_ms()?) {
                    return Err(self.outside(&at.to_string()));
                }
                Ok(Until::Time(time_ms))
            }
        }
    }

    /// The sequence that a moment names; for a time, that of the first event recorded at or after
    /// it, which is one more than the last if there is none.
    pub(crate) fn sequence_of(&self, point: &Point, at: &At) -> Result<u64, Failure> {
        let sequence = match point {
            Point::Sequence(sequence) => *sequence,
            Point::Head { back } => self.head().saturating_sub(*back),
            Point::Time { time_ms } => return self.first_recorded_at(*time_ms),
            Point::Bookmark(name) => self.bookmark(name)?,
        };
        if !(self.first()..=self.head()).contains(&sequence) {
            return Err(self.outside(&at.to_string()));
        }
        Ok(sequence)
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

    fn bookmark(&self, name: &str) -> Result<u64, Failure> {
        let mut found = None;
        for recorded in self.events(0)? {
            let Recorded { sequence, event } = recorded?;
            if let passbook::Fact::Bookmark { name: own } = &event.fact
                && *own == *name
            {
                found = Some(sequence);
            }
        }
        found.ok_or_else(|| {
            Failure::new(Exit::NotFound, "not_found", format!("no moment has the name `{name}`"))
                .help("name a sequence or a time: see passbook help at")
        })
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
