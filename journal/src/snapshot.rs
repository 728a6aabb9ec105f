//! Snapshots: images of the caller's state after one record, so that opening needn't replay what
//! came before.
//!
//! What is in a section is left to the caller; where snapshots are kept, to the journals.

use std::path::PathBuf;

use crate::leaf::Chain;

mod error;
pub(crate) mod memory;
mod older;
pub(crate) mod place;
pub(crate) mod shelf;
pub(crate) mod stored;

pub use error::SnapshotError;
pub use shelf::BadSnapshot;

/// Takes one snapshot, see [`Journal::begin_snapshot`](crate::Journal::begin_snapshot). Dropped
/// without [`finish`](Self::finish) it leaves nothing behind.
pub trait SnapshotSink: Send {
    /// Adds the next section: compressed, checksummed and written before this returns. Waits as
    /// long as [`Options::background_bytes_per_second`](crate::Options) asks for.
    ///
    /// # Errors
    /// [`SnapshotError`]; `finish` will say the same then.
    fn section(&mut self, bytes: &[u8]) -> Result<(), SnapshotError>;

    /// Makes it durable and gives it its name. The two newest snapshots are kept.
    ///
    /// # Errors
    /// [`SnapshotError`]; there is no new snapshot then, or, if the file system failed at the
    /// very last call, there may be one. The journal goes on as before.
    fn finish(self: Box<Self>, meta: SnapshotMeta) -> Result<SnapshotInfo, SnapshotError>;
}

/// A snapshot to read from; from many threads, if one likes.
pub trait SnapshotSource: Send + Sync {
    /// What it says about itself.
    fn info(&self) -> &SnapshotInfo;

    /// One section, as it was given, `index` from 0 to [`SnapshotInfo::sections`] - 1.
    ///
    /// # Errors
    /// [`SnapshotError::Corrupt`], [`SnapshotError::Io`], or [`SnapshotError::NoSection`].
    fn section(&self, index: u32) -> Result<Vec<u8>, SnapshotError>;
}

/// What the caller says about a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// A digest of the state, by which it can be compared with another one. Opaque.
    pub digest: [u8; 32],
    /// How many things are in it. Opaque.
    pub items: u64,
    /// When it was taken, Unix milliseconds.
    pub created_at_ms: u64,
}

/// What is known of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// It is the state after this record.
    pub sequence: u64,
    /// Time of that record, Unix milliseconds.
    pub time_ms: u64,
    /// The last record of the last batch that ends at or before `sequence`.
    pub chain_sequence: u64,
    /// The chain over all records up to `chain_sequence`; 32 zero bytes in memory.
    pub chain: Chain,
    /// The caller's digest of the state.
    pub digest: [u8; 32],
    /// The caller's count of what is in it.
    pub items: u64,
    /// When it was taken, Unix milliseconds.
    pub created_at_ms: u64,
    /// Number of sections.
    pub sections: u32,
    /// Length of all sections as they were given, in bytes.
    pub raw_bytes: u64,
    /// Length of the file, in bytes; in memory, the same as `raw_bytes`.
    pub bytes: u64,
    /// Its file, if the journal keeps files.
    pub path: Option<PathBuf>,
}

impl std::fmt::Debug for dyn SnapshotSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotSink").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for dyn SnapshotSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SnapshotSource").field(self.info()).finish()
    }
}
