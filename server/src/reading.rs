//! Opening a store's folder for reading: no lock, no repair, nothing written.
//!
//! It gives events in order, from the archive on, and says from where and up to where; what they add
//! up to is left to `fold`, how moments are named to `moment`, and
//! which names they bear to `bookmarks`.

mod bookmarks;
mod moment;

use std::{path::Path, sync::Arc};

use passbook::{
    LedgerError, Postings, Recorded, Replay,
    core::codec,
    journal::{
        ArchiveStat, Extent, FileJournal, Held, Journal, ReadOnlyJournal, RealVfs, Record, Tail,
    },
};
use serde_json::json;

use crate::{
    answer::{Moment, kept::CompleteFrom},
    cli::App,
    failure::{Exit, Failure},
    output::Output,
    render::number::thousands,
};

pub(crate) use self::{bookmarks::Bookmark, moment::Place};

/// The last sequence that JSON numbers hold exactly, everywhere: 2^53 - 1.
pub(crate) const SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// The code of a failure to read what a compaction took away.
pub(crate) const TRIMMED: &str = "ledger:trimmed";
/// Readings before a compaction that is faster than us is a failure.
const TRIES: usize = 8;

/// A store that is only read.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) journal: ReadOnlyJournal,
    /// Those that the writer keeps: read when a question is about one session.
    postings: Postings,
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

impl Until {
    /// The same for the ledger; `None` = the head, by the clock of now.
    pub(crate) fn moment(self) -> Option<passbook::At> {
        match self {
            Self::Head => None,
            Self::Sequence(sequence) => Some(passbook::At::Sequence(sequence)),
            Self::Time(time_ms) => Some(passbook::At::Time(time_ms)),
        }
    }
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

    /// Opens the folder and lets `tell` read; once more, if a compaction took away what was being
    /// read. What `tell` has printed by then is printed twice, so it should print nothing.
    pub(crate) fn read<T>(
        app: &App,
        mut tell: impl FnMut(&Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut book = Self::open(&app.store, &app.output)?;
        for _ in 1..TRIES {
            match tell(&book) {
                Err(failure) if failure.code() == TRIMMED => {}
                told => return told,
            }
            book = Self::open_quietly(&app.store)?;
        }
        tell(&book)
    }

    /// Opens the folder.
    pub(crate) fn open_quietly(path: &Path) -> Result<Self, Failure> {
        let journal = FileJournal::open_read_only(path, Arc::new(RealVfs))?;
        if journal.durable() > SEQUENCE_MAX {
            let what = format!("the store holds events beyond @{}", thousands(SEQUENCE_MAX));
            return Err(Failure::new(Exit::Failed, "ledger:internal", what));
        }
        let postings = Postings::of_ledger(path, journal.store());
        Ok(Self { journal, postings })
    }

    /// The sequence of the last event; 0 = there is none.
    pub(crate) fn head(&self) -> u64 {
        self.journal.durable()
    }

    /// The past of what was durable, asked at that time, in Unix milliseconds.
    pub(crate) fn replay(&self, now_ms: u64) -> Replay<'_> {
        Replay::over(&self.journal, now_ms).with_postings(&self.postings)
    }

    /// From where on what is there.
    pub(crate) fn extent(&self) -> Extent {
        self.journal.extent()
    }

    /// The sequence of the first event that is kept, in the archive or in the journal.
    pub(crate) fn first(&self) -> u64 {
        self.extent().kept_first.max(1)
    }

    /// The sequence of the first event that is in the journal, whole as all behind it.
    pub(crate) fn journal_first(&self) -> u64 {
        self.extent().sequence_first.max(1)
    }

    /// From where on nothing is missing.
    pub(crate) fn complete_from(&self) -> CompleteFrom {
        let extent = self.extent();
        CompleteFrom { sequence: extent.kept_first.max(1), at: extent.kept_first_ms.map(Moment) }
    }

    /// Where to begin so that all that was recorded at or after this time is read: at the first
    /// event of an archive, or of the journal.
    pub(crate) fn near(&self, time_ms: u64) -> Result<u64, Failure> {
        let stat = self.journal.stat()?;
        let archive = stat.archives.iter().find(|archive| archive.time_last_ms >= time_ms);
        Ok(archive.map_or(stat.sequence_first, |archive| archive.sequence_first).max(1))
    }

    /// The events from `from` on, with their places: from the archive on, where that has them.
    pub(crate) fn records(
        &self,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<(Record, Recorded), Failure>> + use<>, Failure> {
        let records = self.journal.read_kept(from.max(self.first()))?;
        Ok(records.map(|record| {
            let record = record?;
            let recorded = decode(&record)?;
            Ok((record, recorded))
        }))
    }

    /// The events from `from` on. Archived data of sessions is passed over.
    pub(crate) fn events(
        &self,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<Recorded, Failure>> + use<>, Failure> {
        Ok(self.records(from)?.map(|read| Ok(read?.1)))
    }

    /// The events of the journal from `from` on, none passed over.
    pub(crate) fn whole_events(
        &self,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<Recorded, Failure>> + use<>, Failure> {
        Ok(self.journal.read(from)?.map(|record| decode(&record?)))
    }

    /// The one event of that sequence.
    pub(crate) fn event(&self, sequence: u64) -> Result<(Record, Recorded), Failure> {
        if !(self.first()..=self.head()).contains(&sequence) {
            return Err(self.outside(&format!("@{}", thousands(sequence))));
        }
        match self.records(sequence)?.next() {
            Some(Ok((record, recorded))) if recorded.sequence == sequence => Ok((record, recorded)),
            Some(Err(failure)) => Err(failure),
            Some(Ok(_)) | None => Err(leaf_only(sequence)),
        }
    }

    /// The archive that has the event.
    pub(crate) fn archive_of(&self, sequence: u64) -> Result<Option<String>, Failure> {
        let holds = |archive: &&ArchiveStat| {
            (archive.sequence_first..=archive.sequence_last).contains(&sequence)
        };
        let stat = self.journal.stat()?;
        Ok(stat.archives.iter().find(holds).map(|archive| archive.path.display().to_string()))
    }
}

/// Of that event the bytes are gone.
fn leaf_only(sequence: u64) -> Failure {
    let what = format!("of @{} only its leaf is left", thousands(sequence));
    Failure::new(Exit::NotFound, "leaf_only", what)
        .why("it set data of a session; the archive keeps the hash of such an event, not its bytes")
        .help("passbook verify still proves it by the chain; journal dump shows its neighbours")
        .field("sequence", json!(sequence))
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
