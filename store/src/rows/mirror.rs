//! A table that follows a ledger which keeps a journal: a projection, with its checkpoint in the
//! same transaction as the rows.
//!
//! Where it left off is in the table. From there it folds the events; if those are no longer whole,
//! because a compaction was faster or the ledger is an older copy, it writes all rows anew from the
//! state at the newest event.

use std::collections::{BTreeMap, BTreeSet};

use passbook_core::{SessionId, SessionView as _, WholeState as _};
use passbook_journal::{Journal, ReadError};
use passbook_projections::rows::{BackendError, Checkpoint, MirrorBackend, RowBatch, SessionRow};

use super::feed::Feed;
use crate::{
    as_of::{View, as_of},
    error::LedgerError,
    subscribe::decode_record,
};

/// Rows that go into one transaction, if more than that changed.
const BATCH_ROWS: usize = 1_000;
/// Events after which a transaction is due though fewer rows changed.
const BATCH_EVENTS: u64 = 50_000;

/// A table that follows a ledger, told when to look. A [`Ledger`](crate::Ledger) that was built with
/// [`Builder::mirror`](crate::Builder::mirror) does this on its own; a program that only reads the
/// ledger's folder does it with this.
///
/// ```
/// # #[cfg(feature = "sqlite")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use passbook::{RowMirror, SessionStore, SqliteSessionBackend, journal::{FileJournal, RealVfs}};
/// let folder = tempfile::tempdir()?;
/// let store = SessionStore::open(folder.path())?;
/// store.create("ann".to_owned());
/// store.ledger().close()?; // who only reads knows of a writer's last event a moment later
///
/// let journal = FileJournal::open_read_only(folder.path(), Arc::new(RealVfs))?;
/// let table = SqliteSessionBackend::in_memory()?;
/// let mut mirror = RowMirror::open(&journal, journal.store(), Box::new(table))?;
/// assert_eq!(mirror.catch_up(&journal, &|_sequence| ())?, 2);
/// assert!(mirror.check(&journal)?.differences.is_empty());
/// # Ok(()) }
/// # #[cfg(not(feature = "sqlite"))] fn main() {}
/// ```
#[derive(Debug)]
pub struct RowMirror {
    backend: Box<dyn MirrorBackend>,
    ledger: [u8; 16],
    /// `None`: all rows are to be written anew.
    feed: Option<Feed>,
    /// Rows that changed and are not in the table yet.
    due: BTreeSet<SessionId>,
    /// What the table says.
    checkpoint: u64,
}

/// What a comparison of the rows with the live state found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowCheck {
    /// The newest event, with whose state the rows were compared.
    pub sequence: u64,
    /// The event up to which the table says that it has come.
    pub checkpoint: u64,
    /// How many rows there are.
    pub rows: usize,
    /// Where they differ, in the order of ids.
    pub differences: Vec<RowDifference>,
}

/// One row that is not what the live state says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDifference {
    /// The session.
    pub id: SessionId,
    /// In which way.
    pub kind: RowDifferenceKind,
}

/// In which way a row is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowDifferenceKind {
    /// The session is there and its row is not.
    Missing,
    /// The row is there and the session is not.
    Extra,
    /// These columns differ.
    Columns(Vec<&'static str>),
}

impl RowMirror {
    /// Takes up where the table says that it was left. `ledger` is the id of the ledger's store.
    ///
    /// # Errors
    /// [`LedgerError::Backend`] if the table can't be read, if it mirrors another ledger, or if it
    /// has rows that no mirror wrote: they would be lost. [`LedgerError::Read`] and
    /// [`LedgerError::Event`].
    pub fn open(
        journal: &dyn Journal,
        ledger: [u8; 16],
        backend: Box<dyn MirrorBackend>,
    ) -> Result<Self, LedgerError> {
        let (feed, checkpoint) = match backend.checkpoint()? {
            Some(found) if found.ledger != ledger => return Err(foreign(found.ledger).into()),
            Some(found) => (feed_at(journal, found.sequence)?, found.sequence),
            None if !backend.load_all()?.is_empty() => return Err(occupied().into()),
            None => (None, 0),
        };
        Ok(Self { backend, ledger, feed, due: BTreeSet::new(), checkpoint })
    }

    /// The event up to which the rows in the table have come.
    pub fn sequence(&self) -> u64 {
        self.checkpoint
    }

    /// Brings the rows to the newest durable event; gives how many events that were. `progress`
    /// hears how far it is.
    ///
    /// # Errors
    /// [`LedgerError::Backend`], [`LedgerError::Read`], [`LedgerError::Event`]. The table is as it was
    /// at some event before; call it again.
    pub fn catch_up(
        &mut self,
        journal: &dyn Journal,
        progress: &dyn Fn(u64),
    ) -> Result<u64, LedgerError> {
        let before = self.checkpoint;
        let Some(mut feed) = self.feed.take() else {
            self.rebuild(journal)?;
            progress(self.checkpoint);
            return Ok(self.checkpoint.saturating_sub(before));
        };
        match self.follow(&mut feed, journal, progress) {
            // They went while it read them: the state is still there.
            Err(LedgerError::Read(ReadError::Trimmed { .. })) => self.rebuild(journal)?,
            told => {
                self.feed = Some(feed);
                told?;
            }
        }
        Ok(self.checkpoint.saturating_sub(before))
    }

    /// Writes all rows anew, from the state at the newest durable event, in one transaction.
    ///
    /// # Errors
    /// As [`catch_up`](Self::catch_up).
    pub fn rebuild(&mut self, journal: &dyn Journal) -> Result<(), LedgerError> {
        let view = as_of(journal, journal.durable())?;
        let rows: Vec<_> = rows_of(&view).into_values().collect();
        let checkpoint = Checkpoint { ledger: self.ledger, sequence: view.sequence() };
        let batch = RowBatch { replaces_all: true, saved: &rows, removed: &[], checkpoint };
        self.backend.apply(&batch)?;
        self.due.clear();
        self.checkpoint = view.sequence();
        self.feed = Some(Feed::of(view.into_live(), self.checkpoint));
        Ok(())
    }

    /// Compares each row with the state at the newest durable event.
    ///
    /// # Errors
    /// [`LedgerError::Backend`], [`LedgerError::Read`] and [`LedgerError::Event`].
    pub fn check(&self, journal: &dyn Journal) -> Result<RowCheck, LedgerError> {
        let checkpoint = self.backend.checkpoint()?.map_or(0, |found| found.sequence);
        let rows = self.backend.load_all()?;
        let view = as_of(journal, journal.durable())?;
        let count = rows.len();
        let found = rows.into_iter().map(|row| (row.id, row)).collect();
        let differences = differences(&rows_of(&view), &found);
        Ok(RowCheck { sequence: view.sequence(), checkpoint, rows: count, differences })
    }

    fn follow(
        &mut self,
        feed: &mut Feed,
        journal: &dyn Journal,
        progress: &dyn Fn(u64),
    ) -> Result<(), LedgerError> {
        if journal.durable() > feed.sequence() {
            for record in journal.read(feed.sequence() + 1)? {
                self.due.extend(feed.fold(&decode_record(&record?)?));
                let behind = feed.sequence() - self.checkpoint;
                if self.due.len() >= BATCH_ROWS || behind >= BATCH_EVENTS {
                    self.write(feed)?;
                    progress(self.checkpoint);
                }
            }
        }
        if feed.sequence() > self.checkpoint {
            self.write(feed)?;
            progress(self.checkpoint);
        }
        Ok(())
    }

    fn write(&mut self, feed: &Feed) -> Result<(), LedgerError> {
        let (mut saved, mut removed) = (Vec::new(), Vec::new());
        for id in &self.due {
            match feed.row(*id) {
                Some(row) => saved.push(row),
                None => removed.push(*id),
            }
        }
        let checkpoint = Checkpoint { ledger: self.ledger, sequence: feed.sequence() };
        let batch = RowBatch { replaces_all: false, saved: &saved, removed: &removed, checkpoint };
        self.backend.apply(&batch)?;
        self.due.clear();
        self.checkpoint = feed.sequence();
        Ok(())
    }
}

fn foreign(ledger: [u8; 16]) -> BackendError {
    let id = u128::from_be_bytes(ledger);
    BackendError::new(
        "apply",
        format!(
            "the table mirrors another ledger, {id:032x}: use another database, or drop its tables"
        ),
    )
}

fn occupied() -> BackendError {
    BackendError::new(
        "apply",
        "the table has sessions that no mirror wrote, and a mirror would replace them: use another \
         database, or import them first and empty the table",
    )
}

/// The sessions as of that event; `None` if they can't be told any more, or not yet.
fn feed_at(journal: &dyn Journal, sequence: u64) -> Result<Option<Feed>, LedgerError> {
    match as_of(journal, sequence) {
        Ok(view) => Ok(Some(Feed::of(view.into_live(), sequence))),
        Err(LedgerError::NotRetained { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn rows_of(view: &View) -> BTreeMap<SessionId, SessionRow> {
    let live = view.live();
    let row = |id| live.session(id).map(|state| (id, SessionRow::from(&state)));
    live.ids().into_iter().filter_map(row).collect()
}

fn differences(
    live: &BTreeMap<SessionId, SessionRow>,
    found: &BTreeMap<SessionId, SessionRow>,
) -> Vec<RowDifference> {
    let ids: BTreeSet<_> = live.keys().chain(found.keys()).copied().collect();
    let kind = |id| match (live.get(&id), found.get(&id)) {
        (Some(_), None) => Some(RowDifferenceKind::Missing),
        (None, Some(_)) => Some(RowDifferenceKind::Extra),
        (Some(live), Some(found)) if live != found => {
            Some(RowDifferenceKind::Columns(live.columns_unlike(found)))
        }
        (Some(_), Some(_)) | (None, None) => None,
    };
    ids.into_iter().filter_map(|id| Some(RowDifference { id, kind: kind(id)? })).collect()
}
