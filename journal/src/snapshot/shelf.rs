//! Which snapshots a ledger has, and which of them are kept.
//!
//! Reading them is left to `stored`, writing them to `file`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::older;
use super::stored::StoredSnapshot;
use super::{SnapshotError, SnapshotInfo};
use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::StoreId;
use crate::format::snapshot::parse_file_name;
use crate::layout::Layout;

/// A snapshot that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSnapshot {
    /// The sequence in its name.
    pub sequence: u64,
    /// Its file.
    pub path: PathBuf,
    /// Where it is bad, in bytes; 0 if all of it is refused.
    pub offset: u64,
    /// What doesn't hold.
    pub why: String,
}

impl std::fmt::Display for BadSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, byte {}: {}", self.path.display(), self.offset, self.why)
    }
}

impl BadSnapshot {
    /// A snapshot that is bad for the reason in `error`.
    pub(crate) fn new(sequence: u64, path: PathBuf, error: &SnapshotError) -> Self {
        let (offset, why) = match error {
            SnapshotError::Corrupt { offset, why, .. } => (*offset, why.clone()),
            SnapshotError::Io(cause) => (0, format!("it can't be read: {}", chain_of(cause))),
            SnapshotError::OutOfRange { .. }
            | SnapshotError::Busy
            | SnapshotError::TooLarge { .. }
            | SnapshotError::Missing { .. }
            | SnapshotError::NoSection { .. }
            | SnapshotError::Records(_)
            | SnapshotError::OpenedReadOnly
            | SnapshotError::Unavailable(_)
            | SnapshotError::Closed => (0, error.to_string()),
        };
        Self { sequence, path, offset, why }
    }
}

/// An error and its causes, in one line.
fn chain_of(error: &JournalError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Sequences of the snapshots by their names, newest first.
pub(crate) fn sequences(disk: &Disk, layout: &Layout) -> Result<Vec<u64>, JournalError> {
    let mut sequences: Vec<_> =
        names(disk, layout)?.iter().filter_map(|name| parse_file_name(name)).collect();
    sequences.sort_unstable_by(|one, two| two.cmp(one));
    Ok(sequences)
}

/// Names in the snapshots' folder; none if it isn't there.
pub(crate) fn names(disk: &Disk, layout: &Layout) -> Result<Vec<String>, JournalError> {
    match disk.list(&layout.snapshots()) {
        Ok(names) => Ok(names),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The snapshots whose header and section table verify, newest first. One that is removed or
/// damaged meanwhile is left out: finding damage is left to opening and `verify`.
pub(crate) fn list(
    disk: &Disk,
    layout: &Layout,
    store: &StoreId,
) -> Result<Vec<SnapshotInfo>, Arc<JournalError>> {
    let mut found = Vec::new();
    for sequence in sequences(disk, layout)? {
        match open(disk, layout, store, sequence) {
            Ok(snapshot) => found.push(super::SnapshotSource::info(&snapshot).clone()),
            Err(error) => {
                if let Some(error) = error.io() {
                    return Err(Arc::clone(error));
                }
            }
        }
    }
    Ok(found)
}

/// Opens the snapshot at a sequence.
pub(crate) fn open(
    disk: &Disk,
    layout: &Layout,
    store: &StoreId,
    sequence: u64,
) -> Result<StoredSnapshot, SnapshotError> {
    match StoredSnapshot::open(disk, &layout.snapshot(sequence), store) {
        Err(SnapshotError::Io(error)) if error.is_not_found() => {
            Err(SnapshotError::Missing { sequence })
        }
        answer => answer,
    }
}

/// What a writer knows of its snapshots.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// Whether one is being taken.
    pub(crate) busy: bool,
    /// Whether the journal is closed: nothing gets a name any more.
    pub(crate) closed: bool,
    /// Those that are known to be bad. They don't count as kept, and go with the next good one.
    pub(crate) bad: BTreeSet<u64>,
    /// Records between two of the older ones that are kept; 0 = none is.
    pub(crate) spacing: u64,
}

impl Shelf {
    /// Of these sequences, newest first, the ones that are too many.
    pub(crate) fn surplus(&self, sequences: &[u64]) -> Vec<u64> {
        let good = sequences.iter().filter(|sequence| !self.bad.contains(sequence));
        older::surplus(&good.copied().collect::<Vec<_>>(), self.spacing)
    }
}
