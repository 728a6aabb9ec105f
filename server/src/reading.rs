//! Opening a store's folder for reading: no lock, no repair, nothing written.
//!
//! It gives events in order and says up to where; what they add up to is left to `fold`.

use std::{path::Path, sync::Arc};

use passbook::{
    LedgerError, Recorded,
    core::codec,
    journal::{FileJournal, Held, Journal, ReadOnlyJournal, RealVfs, Record, Tail},
};
use serde_json::json;

use crate::{
    answer::{Moment, counted},
    at::{At, Point},
    failure::{Exit, Failure},
    output::Output,
    render::{number::thousands, time},
};

/// The last sequence that JSON numbers hold exactly, everywhere: 2^53 - 1.
pub(crate) const SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// A store that is only read.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) journal: ReadOnlyJournal,
}

/// Up to where a state is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// All that there is, judged by the clock of now.
    Head,
    /// Up to and including this event, judged by the time at which it was recorded.
    Sequence(u64),
    /// Up to and including what had happened by this time, in Unix milliseconds.
    Time(u64),
}

impl Book {
    /// Opens the folder, and says on stderr what limits the view.
    pub(crate) fn open(path: &Path, output: &Output) -> Result<Self, Failure> {
        let book = Self::open_quietly(path)?;
        if book.journal.held() == Held::ByWriter {
            output.note(&format!(
                "another process has the store open; this is what was durable, up to @{}",
                thousands(book.head())
            ));
        }
        match book.journal.tail() {
            Tail::Clean => {}
            Tail::Torn { bytes, .. } => output.note(&format!(
                "the last write was cut off ({bytes} bytes, never acknowledged); the next opening \
                 for writing sets it aside"
            )),
            Tail::Ambiguous(_) | Tail::Corrupt(_) => {
                output.note("the end of the store is damaged; see passbook verify");
            }
        }
        Ok(book)
    }

    /// Opens the folder.
    pub(crate) fn open_quietly(path: &Path) -> Result<Self, Failure> {
        let journal = FileJournal::open_read_only(path, Arc::new(RealVfs))?;
        if journal.durable() > SEQUENCE_MAX {
            let what = format!("the store holds events beyond @{}", thousands(SEQUENCE_MAX));
            return Err(Failure::new(Exit::Failed, "ledger:internal", what));
        }
        Ok(Self { journal })
    }

    /// The sequence of the last event; 0 = there is none.
    pub(crate) fn head(&self) -> u64 {
        self.journal.durable()
    }

    /// The sequence of the first event that is kept.
    pub(crate) fn first(&self) -> u64 {
        self.journal.stat().map_or(1, |stat| stat.sequence_first.max(1))
    }

    /// The events from `from` on, with their places.
    pub(crate) fn records(
        &self,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<(Record, Recorded), Failure>> + use<>, Failure> {
        let records = self.journal.read(from)?;
        Ok(records.map(|record| {
            let record = record?;
            let recorded = decode(&record)?;
            Ok((record, recorded))
        }))
    }

    /// The events from `from` on.
    pub(crate) fn events(
        &self,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<Recorded, Failure>> + use<>, Failure> {
        Ok(self.records(from)?.map(|read| Ok(read?.1)))
    }

    /// The one event of that sequence.
    pub(crate) fn event(&self, sequence: u64) -> Result<(Record, Recorded), Failure> {
        if !(self.first()..=self.head()).contains(&sequence) {
            return Err(self.outside(&format!("@{}", thousands(sequence))));
        }
        let mut records = self.records(sequence)?;
        records.next().unwrap_or_else(|| Err(self.outside(&format!("@{sequence}"))))
    }

    /// Up to where the moment that a person named reaches.
    pub(crate) fn until(&self, at: Option<&At>, now_ms: u64) -> Result<Until, Failure> {
        let Some(at) = at else { return Ok(Until::Head) };
        let point = at.resolve(now_ms).map_err(|error| Failure::usage(error.to_string()))?;
        match point {
            Point::Sequence(_) | Point::Head { .. } | Point::Bookmark(_) => {
                self.sequence_of(&point, at).map(Until::Sequence)
            }
            Point::Time { time_ms } => {
                if time_ms > now_ms.max(self.last_at_ms()?) {
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
        for recorded in self.events(0)? {
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
        Ok(if self.head() == 0 { 0 } else { self.event(self.head())?.1.event.at_ms })
    }

    /// The moment is not one that is kept: says which are.
    pub(crate) fn outside(&self, named: &str) -> Failure {
        let failure =
            Failure::new(Exit::NotFound, "not_found", format!("there is no moment {named} here"));
        let (first, head) = (self.first(), self.head());
        if head < first {
            return failure.why("the store has no event yet");
        }
        let stat = self.journal.stat().ok();
        let at = |time_ms: Option<u64>| {
            time_ms.map(|time_ms| time::human(time_ms, &time::Zone::Utc)).unwrap_or_default()
        };
        let first_at = stat.as_ref().and_then(|stat| stat.time_first_ms);
        let last_at = self.last_at_ms().ok();
        failure
            .why(format!(
                "{} kept: @{} .. @{}, recorded {} .. {}",
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

fn decode(record: &Record) -> Result<Recorded, Failure> {
    let sequence = record.sequence;
    match codec::decode(&record.payload) {
        Ok(event) => Ok(Recorded { sequence, event }),
        Err(cause) => Err(LedgerError::Event { sequence, cause: Arc::new(cause) }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_stay_exact_where_numbers_are_doubles() {
        let text = serde_json::to_string(&SEQUENCE_MAX).expect("a number");
        let double: f64 = text.parse().expect("a number");
        assert_eq!(format!("{double:.0}"), text);
        let beyond: f64 = (SEQUENCE_MAX + 2).to_string().parse().expect("a number");
        assert_ne!(format!("{beyond:.0}"), (SEQUENCE_MAX + 2).to_string());
    }
}
