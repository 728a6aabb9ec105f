//! Who hears of what is recovered when a ledger is opened.

use crate::error::BoxError;
use crate::journal::RecordRef;
use crate::snapshot::SnapshotSource;

/// The state that an opening rebuilds: from a snapshot, if there is one, and the records behind.
///
/// A closure over records is a replay that takes no snapshots: it sees every record, and is
/// refused where the first ones are only in a snapshot.
///
/// ```
/// use passbook_journal::{FileJournal, Options, RecordRef};
/// let folder = tempfile::tempdir()?;
/// let mut count = 0;
/// let replay = &mut |_record: RecordRef<'_>| {
///     count += 1;
///     Ok(())
/// };
/// FileJournal::open(folder.path(), Options::default(), replay)?;
/// assert_eq!(count, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Replay {
    /// Takes over the state in a snapshot; called before any record.
    ///
    /// # Errors
    /// Whatever makes it unusable. [`reset`](Self::reset) is called then, and the snapshot before
    /// is tried, or all records if they are all there. [`NoSnapshots`] ends the tries at once.
    fn snapshot(&mut self, source: &dyn SnapshotSource) -> Result<(), BoxError>;

    /// Takes one record, in order: the first one, or the one behind the snapshot.
    ///
    /// # Errors
    /// Whatever makes it unusable; the opening fails with it.
    fn record(&mut self, record: RecordRef<'_>) -> Result<(), BoxError>;

    /// Forgets everything: another beginning follows.
    fn reset(&mut self);
}

/// Answer of a [`Replay`] that wants records only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this replay takes no snapshots")]
pub struct NoSnapshots;

impl<F: FnMut(RecordRef<'_>) -> Result<(), BoxError>> Replay for F {
    fn snapshot(&mut self, _source: &dyn SnapshotSource) -> Result<(), BoxError> {
        Err(NoSnapshots.into())
    }

    fn record(&mut self, record: RecordRef<'_>) -> Result<(), BoxError> {
        self(record)
    }

    fn reset(&mut self) {}
}
