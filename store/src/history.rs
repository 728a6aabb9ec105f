//! Answering who logged in, from where and what became of it.
//!
//! There are two ways, and both give the same lines. The index (`indexer`) answers at the cost of a
//! page; it is derived, behind the events by a moment, and may be gone. The fold reads the user's
//! archived events and the whole journal; it needs nothing. An answer has everything that was
//! acknowledged before the question: if the index is not there yet, the question waits a moment for
//! it, and then is answered by the fold.

mod counted;
mod indexer;

use passbook_core::{Fact, Text};
use passbook_journal::{Extent, Journal, ReadError};
use passbook_projections::history::{
    Cursor, HistoryEntry, HistoryFold, HistoryQuery, HistoryWhat, Page, Recorded,
};

pub(crate) use self::indexer::{Home, Indexer};
use crate::{error::LedgerError, execute::Engine, subscribe::decode_record};

/// A page of a user's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// Lines, newest first.
    pub entries: Vec<HistoryEntry>,
    /// Where to go on; `None` = these were the last.
    pub next: Option<Cursor>,
    /// From where on nothing is missing.
    pub complete_from: CompleteFrom,
}

/// From where on a history is complete: what was before fell to the retention. With it may be missing
/// the end of a session that began before: only the index still knows that session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompleteFrom {
    /// The first event that is kept; 1 = all are.
    pub sequence: u64,
    /// When it was recorded, in Unix milliseconds; `None` = there is no event.
    pub at_ms: Option<u64>,
}

impl CompleteFrom {
    pub(crate) fn of(journal: &dyn Journal) -> Self {
        let extent = journal.extent();
        Self { sequence: extent.kept_first, at_ms: extent.kept_first_ms }
    }
}

/// The user's page, told from the archive and the journal, however they are open. Costs the length
/// of the journal and what the archive has of the user.
///
/// # Errors
/// [`LedgerError::Read`] and [`LedgerError::Event`].
pub fn history_of(
    journal: &dyn Journal,
    user: &str,
    query: &HistoryQuery,
) -> Result<HistoryPage, LedgerError> {
    let Page { entries, next } = fold(journal, user)?.page(query);
    Ok(HistoryPage { entries, next, complete_from: CompleteFrom::of(journal) })
}

/// The user's newest login, told from the archive and the journal.
pub(crate) fn last_login_of(
    journal: &dyn Journal,
    user: &str,
) -> Result<Option<HistoryEntry>, LedgerError> {
    let entries = fold(journal, user)?.newest_first();
    let is_login = |entry: &HistoryEntry| entry.kind.what() == HistoryWhat::Login;
    Ok(entries.into_iter().find(is_login))
}

/// The user's page, from the index if it has all that readers see by now, else by the fold.
pub(crate) fn page(
    engine: &Engine,
    indexer: Option<&Indexer>,
    user: &str,
    query: &HistoryQuery,
) -> Result<HistoryPage, LedgerError> {
    let reader = indexer.and_then(|indexer| indexer.reader_at(engine.inflight.applied()));
    match reader.map(|reader| reader.page(user, query)) {
        Some(Ok(Page { mut entries, next })) => {
            let complete_from = CompleteFrom::of(&*engine.journal);
            // The index forgets later than the archive.
            entries.retain(|entry| entry.sequence >= complete_from.sequence);
            Ok(HistoryPage { entries, next, complete_from })
        }
        // Its thread builds it again; the events have the answer meanwhile.
        Some(Err(_)) | None => history_of(&*engine.journal, user, query),
    }
}

/// The user's newest login, from the index if it has all that readers see by now.
pub(crate) fn last_login(
    engine: &Engine,
    indexer: Option<&Indexer>,
    user: &str,
) -> Result<Option<HistoryEntry>, LedgerError> {
    let reader = indexer.and_then(|indexer| indexer.reader_at(engine.inflight.applied()));
    match reader.map(|reader| reader.last_login(user)) {
        Some(Ok(entry)) => Ok(entry),
        Some(Err(_)) | None => last_login_of(&*engine.journal, user),
    }
}

/// Tries before a compaction that is faster than us is an error.
const TRIES: usize = 8;

fn fold(journal: &dyn Journal, user: &str) -> Result<HistoryFold, LedgerError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let extent = journal.extent();
        let folded = fold_from(journal, user, &extent);
        let has_moved = journal.extent().sequence_first != extent.sequence_first;
        match folded {
            // A compaction took from the one place and gave to the other meanwhile.
            Ok(_) | Err(LedgerError::Read(ReadError::Trimmed { .. }))
                if has_moved && tries < TRIES => {}
            folded => return folded,
        }
    }
}

fn fold_from(
    journal: &dyn Journal,
    user: &str,
    extent: &Extent,
) -> Result<HistoryFold, LedgerError> {
    let first = extent.sequence_first;
    let mut fold = HistoryFold::of(user);
    let mut names = Names::of(user);
    if extent.archives > 0 {
        // A guest whose login is archived may have become the user since. The journal is short, and
        // to read it twice takes less than to keep its events until the archive was read.
        for record in journal.read(first)? {
            names.note(&decode_record(&record?)?);
        }
    }
    for recorded in archived(journal, names, first)? {
        fold.add(&recorded);
    }
    for record in journal.read(first)? {
        fold.add(&decode_record(&record?)?);
    }
    Ok(fold)
}

/// Under which names there are events of one user: the user's, then those of the guests who became
/// this user.
struct Names(Vec<Text>);

impl Names {
    fn of(user: &str) -> Self {
        Self(vec![Text::from(user)])
    }

    /// Adds the guest's name if the event says that a guest became the user.
    fn note(&mut self, recorded: &Recorded) {
        if let Fact::SessionUpgraded { subject, guest, .. } = &recorded.event.fact
            && self.0.first().is_some_and(|user| user == subject.user.text())
            && !self.0.contains(guest.text())
        {
            self.0.push(guest.text().clone());
        }
    }
}

/// What the archive has under these names, and under those of guests whose upgrades it has.
fn archived(
    journal: &dyn Journal,
    mut names: Names,
    before: u64,
) -> Result<Vec<Recorded>, LedgerError> {
    let posted = |names: &[Text]| -> Result<Vec<Recorded>, LedgerError> {
        // The empty name is that of what may concern anyone.
        let mut keys: Vec<&[u8]> = vec![&[]];
        keys.extend(names.iter().map(|name| name.as_bytes()));
        let mut all = Vec::new();
        for record in journal.posted(&keys)? {
            let record = record?;
            if record.sequence >= before {
                break;
            }
            all.push(decode_record(&record)?);
        }
        Ok(all)
    };
    let found = posted(&names.0)?;
    let known = names.0.len();
    for recorded in &found {
        names.note(recorded);
    }
    if names.0.len() == known { Ok(found) } else { posted(&names.0) }
}
