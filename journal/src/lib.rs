//! The append-only, checksummed journal of Passbook.
//!
//! It knows opaque payloads and their order, and makes groups of them durable together. What a
//! payload means is left to the store.

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
mod read_only;
mod recovery;
mod stat;
mod verify;
mod vfs;

pub use damage::{Damage, Evidence};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use error::{
    AppendError, BoxError, CloseError, JournalError, OpenError, ReadError, ReadOnlyReason,
};
pub use file::{
    AmbiguousTail, Create, Dropped, Durability, FileJournal, Options, Recovery, Step, Threading,
    Visit,
};
pub use format::{FORMAT_VERSION, StoreId};
pub use health::{JournalHealth, WriterState};
pub use journal::{Group, Journal, Observer, Payload, Place, Record, RecordRef, Records};
pub use leaf::{CHAIN_START, Chain, Leaf, leaf_of, link_of};
pub use memory::{MemoryJournal, Space};
pub use read_only::{Held, ReadOnlyJournal, Tail};
pub use stat::{SegmentStat, Stat, WatermarkStat, stat};
pub use verify::{Progress, VERIFY_JOBS_MAX, VerifyOptions, VerifyReport, verify};
pub use vfs::{LockKind, OpenMode, RealVfs, Vfs, VfsFile};

#[doc = include_str!("../FORMAT.md")]
pub mod on_disk {}

/// The simulated file system, for tests here and in other crates.
#[cfg(feature = "sim")]
pub mod sim {
    pub use crate::vfs::sim::{Call, CallKind, CrashImages, Fault, ReadOnly, SimVfs, Times};
}
