//! Keeping the ledger small, and telling its past: snapshots, compaction, history, earlier states.
//!
//! All of these read or write files and block: from a task, call them where that is allowed
//! (`tokio::task::spawn_blocking`).

use std::{ops::ControlFlow, path::Path, sync::Arc};

use passbook_core::Actor;
use passbook_journal::{BackupInfo, SnapshotInfo};
use passbook_projections::history::{HistoryEntry, HistoryQuery};

use super::{Context, Ledger};
use crate::{
    as_of::{View, as_of},
    backup::{CopyProgress, backup_with},
    compaction::{self, CompactionReport, OnProgress},
    error::LedgerError,
    history::{self, HistoryPage},
    snapshot::{self, SnapshotProgress},
};

impl Ledger {
    /// Writes the state down, so that the next opening begins there. Events go on meanwhile. The
    /// two newest snapshots are kept. Blocks until it is durable.
    ///
    /// # Errors
    /// [`LedgerError::Snapshot`]: another one is being taken, there is no event yet, or the disk
    /// failed. The ledger goes on as before.
    pub fn snapshot(&self) -> Result<SnapshotInfo, LedgerError> {
        self.snapshot_with(&|_progress| {})
    }

    /// As [`snapshot`](Self::snapshot); `progress` hears how far it is.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub fn snapshot_with(
        &self,
        progress: &dyn Fn(SnapshotProgress),
    ) -> Result<SnapshotInfo, LedgerError> {
        snapshot::take(&self.engine, progress)
    }

    /// The snapshots that there are, newest first. Damaged ones are left out.
    ///
    /// # Errors
    /// [`LedgerError::Snapshot`] if the folder can't be read.
    pub fn snapshots(&self) -> Result<Vec<SnapshotInfo>, LedgerError> {
        Ok(self.engine.journal.snapshots()?)
    }

    /// Ends what has expired, and moves events that no live session needs from the journal to the
    /// archive: logins, ends and failures stay in the history. Blocks until it is done; events go on
    /// meanwhile. Done on a schedule too, see [`CompactionPolicy`](crate::CompactionPolicy).
    ///
    /// ```
    /// let folder = tempfile::tempdir()?;
    /// let store = passbook::SessionStore::open(folder.path())?;
    /// store.create("ann".to_owned());
    /// let report = store.ledger().compact()?;
    /// assert_eq!((report.ended, report.files.segments), (0, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LedgerError::Snapshot`] and [`LedgerError::Compact`]; what was done until then stays done
    /// and nothing is lost. What a disk can do to the event of the compaction.
    pub fn compact(&self) -> Result<CompactionReport, LedgerError> {
        self.compact_with(&|_progress| ControlFlow::Continue(()))
    }

    /// As [`compact`](Self::compact); `progress` hears how far it is and may stop it.
    ///
    /// # Errors
    /// As [`compact`](Self::compact).
    pub fn compact_with(&self, progress: &OnProgress<'_>) -> Result<CompactionReport, LedgerError> {
        let actor = self.context.as_deref().map_or(Actor::System, Context::keeper);
        compaction::compact(&self.engine, actor, &self.upkeep.compaction, progress)
    }

    /// What [`compact`](Self::compact) would do now. Changes nothing.
    ///
    /// # Errors
    /// [`LedgerError::Compact`].
    pub fn preview_compaction(&self) -> Result<CompactionReport, LedgerError> {
        compaction::preview(&self.engine, &self.upkeep.compaction)
    }

    /// Copies the ledger as of this moment into a folder that is empty or missing, and reads every
    /// byte of the copy before it says so. Events go on meanwhile; compactions wait. It is a ledger
    /// itself: [`restore`](crate::restore) makes another of it. Blocks until it is durable.
    ///
    /// Files that never change any more are shared with the ledger where the file system allows it:
    /// keep a copy on another disk too.
    ///
    /// # Errors
    /// [`LedgerError::Backup`]: the folder is not empty, the disk failed, the copy does not verify,
    /// or the ledger is in memory. The ledger goes on as before.
    pub fn backup(&self, into: impl AsRef<Path>) -> Result<BackupInfo, LedgerError> {
        self.backup_with(into, &|_| ())
    }

    /// As [`backup`](Self::backup); `told` hears how far it is, from any thread.
    ///
    /// # Errors
    /// As [`backup`](Self::backup).
    pub fn backup_with(
        &self,
        into: impl AsRef<Path>,
        told: &(dyn Fn(CopyProgress) + Sync),
    ) -> Result<BackupInfo, LedgerError> {
        backup_with(&*self.engine.journal, into.as_ref(), Arc::clone(&self.engine.vfs), told)
    }

    /// A page of the user's logins, failures and endings, newest first. Has all that was acknowledged
    /// before the call.
    ///
    /// Answered from an index at the cost of the page. While that is being built, which goes on in
    /// the background, it is answered from archive and journal, at the cost of their length.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
    /// use passbook::{HistoryQuery, Ledger};
    /// let ledger = Ledger::memory()?;
    /// ledger.create("ann").await?;
    /// let page = ledger.history("ann", &HistoryQuery::default())?;
    /// assert_eq!((page.entries.len(), page.complete_from.sequence), (1, 1));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`LedgerError::Read`] and [`LedgerError::Event`].
    pub fn history(&self, user: &str, query: &HistoryQuery) -> Result<HistoryPage, LedgerError> {
        history::page(&self.engine, self.upkeep.indexer.as_ref(), user, query)
    }

    /// The user's newest login that is still in the history, ended or not: one look into the index.
    /// Without the index it costs as much as [`history`](Self::history).
    ///
    /// # Errors
    /// [`LedgerError::Read`] and [`LedgerError::Event`].
    pub fn last_login(&self, user: &str) -> Result<Option<HistoryEntry>, LedgerError> {
        history::last_login(&self.engine, self.upkeep.indexer.as_ref(), user)
    }

    /// The state as it was after the event `sequence`; 0 = before the first. Costs memory and time as
    /// an opening does, from the nearest snapshot.
    ///
    /// # Errors
    /// [`LedgerError::NotRetained`] for an event that is not there yet, or from before the oldest
    /// snapshot once a compaction has dropped the first ones; [`LedgerError::Read`] and
    /// [`LedgerError::Event`].
    pub fn as_of(&self, sequence: u64) -> Result<View, LedgerError> {
        as_of(&*self.engine.journal, sequence)
    }
}
