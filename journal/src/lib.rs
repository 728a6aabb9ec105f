//! The append-only, checksummed journal of Passbook.
//!
//! It knows opaque payloads and their order, and makes groups of them durable together. What a
//! payload means is left to the store.
//!
//! ```
//! use passbook_journal::{FileJournal, Group, Journal, Options, Payload, RecordRef};
//!
//! let folder = tempfile::tempdir()?;
//! let (journal, recovery) =
//!     FileJournal::open(folder.path(), Options::default(), &mut |_: RecordRef<'_>| Ok(()))?;
//! let opened = [Payload::new(b"opened"), Payload::new(b"bound to a device")];
//! let last = journal.append(recovery.sequence_last, &Group { time_ms: 1, payloads: &opened })?;
//! journal.close()?;
//! assert_eq!((last, journal.durable()), (2, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | append, learn what is durable, read | [`Journal`], by [`FileJournal`] or [`MemoryJournal`] |
//! | read beside a writer, or without touching anything | [`FileJournal::open_read_only`] |
//! | begin from a state, not from the first record | [`Journal::begin_snapshot`], [`Replay`] |
//! | look at files and ranges | [`stat()`] |
//! | check every byte | [`verify()`] |
//! | read what is left of a damaged one | [`salvage()`] |
//! | copy it beside its writer, and back | [`FileJournal::backup`], [`restore`] |
//! | know the bytes | [`on_disk`] |
//! | test what uses a journal | [`Threading::Inline`], `sim::SimVfs` with the feature `sim` |

mod archive;
mod backup;
mod damage;
mod disk;
mod entropy;
mod error;
mod file;
mod format;
mod health;
mod journal;
mod layout;
mod leaf;
pub mod limits;
mod memory;
mod pace;
mod read_only;
mod recovery;
mod replay;
mod salvage;
mod snapshot;
mod stat;
mod sync;
mod verify;
mod vfs;

pub use archive::{CompactError, CompactProgress, Compacted, Compaction, Curator, Extent, Keep};
pub use backup::{
    BackupError, BackupInfo, RestoreInfo, check_target, mark_complete, mark_incomplete, restore,
    restore_with,
};
pub use damage::{Damage, Evidence};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use error::{
    AppendError, BoxError, CloseError, JournalError, OpenError, ReadError, ReadOnlyReason,
};
pub use file::{
    AmbiguousTail, Create, Dropped, Durability, FileJournal, Options, Recovery, RolledBack, Step,
    Threading,
};
pub use format::{FORMAT_VERSION, StoreId};
pub use health::{JournalHealth, WriterState};
pub use journal::{Group, Journal, Observer, Payload, Place, Record, RecordRef, Records};
pub use leaf::{CHAIN_START, Chain, Leaf, leaf_of, link_of};
pub use memory::{MemoryJournal, Space};
pub use read_only::{Held, ReadOnlyJournal, Tail};
pub use replay::{NoSnapshots, Replay};
pub use salvage::{SalvageReport, SalvagedRecord, salvage, salvaged_snapshots};
pub use snapshot::{
    BadSnapshot, SnapshotError, SnapshotInfo, SnapshotMeta, SnapshotSink, SnapshotSource,
};
pub use stat::{ArchiveStat, SegmentStat, Stat, WatermarkStat, stat};
pub use verify::{CompleteFrom, Progress, VERIFY_JOBS_MAX, VerifyOptions, VerifyReport, verify};
pub use vfs::{LockKind, OpenMode, RealVfs, Vfs, VfsFile};

#[doc = include_str!("../FORMAT.md")]
pub mod on_disk {}

/// The simulated file system, for tests here and in other crates.
#[cfg(feature = "sim")]
pub mod sim {
    pub use crate::vfs::sim::{Call, CallKind, CrashImages, Fault, ReadOnly, SimVfs, Times};
}
