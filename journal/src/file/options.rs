//! How a ledger's journal is opened.

use std::sync::Arc;

use crate::entropy::{Entropy, SystemEntropy};
use crate::error::OpenError;
use crate::limits::{
    BACKGROUND_RATE_DEFAULT, BACKGROUND_RATE_MIN, BLOCK_BYTES, OWNER_BYTES_MAX,
    SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SNAPSHOT_SPACING_DEFAULT,
    SYNC_DEPTH_DEFAULT, SYNC_DEPTH_MAX,
};
use crate::vfs::{RealVfs, Vfs};

/// Whether opening may create a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// Create the folder and the ledger if there is none.
    IfMissing,
    /// Refuse with [`OpenError::Missing`] if there is none.
    Never,
    /// Create one if the folder is missing or empty, also in a folder that
    /// [`mark_incomplete`](crate::mark_incomplete) has marked: for who fills it and marks it.
    Unfinished,
}

/// What "durable" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the medium: the sync has returned.
    Synced,
    /// With the operating system: survives a crash of the process; a power cut may take the last
    /// [`WINDOW_BYTES_MAX`](crate::limits::WINDOW_BYTES_MAX) bytes, at most.
    Buffered,
}

/// What to do with a last write that doesn't verify and can't be a plain power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmbiguousTail {
    /// Refuse with [`OpenError::Ambiguous`].
    Refuse,
    /// Copy it to `quarantine/` and end the journal before it. For a person who has looked.
    Quarantine,
}

/// Who commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threading {
    /// Threads of the journal.
    Threads,
    /// The owner, by [`FileJournal::step`](crate::FileJournal::step) and
    /// [`FileJournal::pump`](crate::FileJournal::pump): deterministic, for tests.
    Inline,
}

/// How to open. Every field has a default.
///
/// ```
/// use passbook_journal::Options;
/// let options = Options { segment_bytes: 1 << 20, owner: "import".into(), ..Options::default() };
/// assert_eq!(options.sync_depth, 2);
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// The file system.
    pub vfs: Arc<dyn Vfs>,
    /// Randomness for the store's id and the segments' salts.
    pub entropy: Arc<dyn Entropy>,
    /// Longest new segments: a multiple of 4,096 bytes from [`SEGMENT_BYTES_MIN`] to
    /// [`SEGMENT_BYTES_MAX`]. The first has at most
    /// [`SEGMENT_BYTES_FIRST`](crate::limits::SEGMENT_BYTES_FIRST); they grow to this while they fill
    /// within seconds. Existing ones keep their length.
    pub segment_bytes: u64,
    /// Batches whose sync may be under way at once, 1 to [`SYNC_DEPTH_MAX`].
    pub sync_depth: usize,
    /// What "durable" means.
    pub durability: Durability,
    /// Whether opening may create a ledger.
    pub create: Create,
    /// What to do with an ambiguous tail.
    pub ambiguous_tail: AmbiguousTail,
    /// Whether to go on from what verifies when `WATERMARK` says that more was durable: for a
    /// person who has put an older copy in place and knows what is lost. Then
    /// [`Recovery::rolled_back`](crate::Recovery::rolled_back) says so. Otherwise that is damage.
    pub accept_rollback: bool,
    /// Who we are, for the message that a second opener gets; cut at [`OWNER_BYTES_MAX`] bytes.
    pub owner: String,
    /// Time of the opening in Unix milliseconds, for the same message; the journal has no clock.
    pub opened_at_ms: u64,
    /// Who commits.
    pub threading: Threading,
    /// Most bytes a second that background work (snapshots) writes, so that commits find the disk
    /// free: 0 = no limit, or at least [`BACKGROUND_RATE_MIN`]. Never limited inline.
    pub background_bytes_per_second: u64,
    /// Beside the newest two snapshots older ones are kept, so many records apart, at most
    /// [`SNAPSHOTS_OLDER_MAX`](crate::limits::SNAPSHOTS_OLDER_MAX) of them and only while the records
    /// behind them are kept: a moment of the past is then near one. 0 = none.
    pub snapshot_spacing: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            vfs: Arc::new(RealVfs),
            entropy: Arc::new(SystemEntropy),
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            sync_depth: SYNC_DEPTH_DEFAULT,
            durability: Durability::Synced,
            create: Create::IfMissing,
            ambiguous_tail: AmbiguousTail::Refuse,
            accept_rollback: false,
            owner: String::new(),
            opened_at_ms: 0,
            threading: Threading::Threads,
            background_bytes_per_second: BACKGROUND_RATE_DEFAULT,
            snapshot_spacing: SNAPSHOT_SPACING_DEFAULT,
        }
    }
}

impl Options {
    /// Refuses what is out of range.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let block_bytes = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
        let in_range = (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes);
        if !in_range || !self.segment_bytes.is_multiple_of(block_bytes) {
            return Err(OpenError::Option {
                name: "segment_bytes (a multiple of 4096)",
                value: self.segment_bytes,
                min: SEGMENT_BYTES_MIN,
                max: SEGMENT_BYTES_MAX,
            });
        }
        if !(1..=SYNC_DEPTH_MAX).contains(&self.sync_depth) {
            return Err(OpenError::Option {
                name: "sync_depth",
                value: u64::try_from(self.sync_depth).unwrap_or(u64::MAX),
                min: 1,
                max: u64::try_from(SYNC_DEPTH_MAX).unwrap_or(u64::MAX),
            });
        }
        let rate = self.background_bytes_per_second;
        if rate != 0 && rate < BACKGROUND_RATE_MIN {
            return Err(OpenError::Option {
                name: "background_bytes_per_second (or 0)",
                value: rate,
                min: BACKGROUND_RATE_MIN,
                max: u64::MAX,
            });
        }
        Ok(())
    }

    /// The rate for background work: unlimited inline, where the owner's thread would wait.
    pub(crate) fn background_rate(&self) -> u64 {
        match self.threading {
            Threading::Threads => self.background_bytes_per_second,
            Threading::Inline => 0,
        }
    }

    /// The owner text, one line, cut at its limit.
    pub(crate) fn owner_line(&self) -> String {
        let mut line = String::new();
        for character in self.owner.chars().filter(|character| !character.is_control()) {
            if line.len() + character.len_utf8() > OWNER_BYTES_MAX {
                break;
            }
            line.push(character);
        }
        line
    }
}
