//! Damage: where bytes don't verify, and how we know that they once did.

use std::path::PathBuf;

use crate::recovery::ROLLED_BACK;

/// One damaged place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The damaged or missing file.
    pub path: PathBuf,
    /// Where the damaged batch, block or field begins, in bytes from the start of the file.
    pub offset: u64,
    /// First sequence that can't be trusted.
    pub sequence_first: u64,
    /// Last one, where what follows shows it.
    pub sequence_last: Option<u64>,
    /// What doesn't hold.
    pub why: String,
    /// Why this is no torn write.
    pub evidence: Evidence,
}

impl Damage {
    /// Whether only newer records are missing and nothing else is wrong, as when an older copy was
    /// put in place: [`Options::accept_rollback`](crate::Options::accept_rollback) goes on without.
    pub fn is_rollback(&self) -> bool {
        self.why.ends_with(ROLLED_BACK)
    }
}

/// Why bytes that don't verify must once have been durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The segment has a successor, so it was durable to its end.
    Sealed,
    /// The watermark says that records up to `durable` were durable.
    Watermark {
        /// Sequence of the last record that was durable.
        durable: u64,
    },
    /// A later batch says that records up to `durable` were durable.
    LaterBatch {
        /// Where that batch begins, in bytes.
        offset: u64,
        /// Sequence of the last record that was durable.
        durable: u64,
    },
    /// Bytes lie further ahead than any writes under way could have been.
    BeyondWindow {
        /// Where the last such byte is.
        offset: u64,
    },
    /// There is a snapshot of the state after `sequence`, and one is only taken of what is durable.
    Snapshot {
        /// Sequence of the last record in the snapshot.
        sequence: u64,
    },
    /// This part of a file is durable before it is used.
    AlwaysDurable,
    /// There is none: it may be a flipped bit in the last write, or half a write by a medium
    /// that doesn't write whole sectors.
    None,
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sealed => write!(f, "a later segment shows that this one was durable"),
            Self::Watermark { durable } => {
                write!(f, "the watermark shows that @{durable} was durable")
            }
            Self::LaterBatch { offset, durable } => {
                write!(f, "the batch at byte {offset} shows that @{durable} was durable")
            }
            Self::BeyondWindow { offset } => {
                write!(f, "byte {offset} is further ahead than a torn write can be")
            }
            Self::Snapshot { sequence } => {
                write!(f, "a snapshot shows that @{sequence} was durable")
            }
            Self::AlwaysDurable => write!(f, "it was durable before it was used"),
            Self::None => write!(f, "nothing shows that it was durable"),
        }
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, byte {}: {} (@{}",
            self.path.display(),
            self.offset,
            self.why,
            self.sequence_first
        )?;
        match self.sequence_last {
            Some(last) if last > self.sequence_first => write!(f, " .. @{last})")?,
            Some(_) => write!(f, ")")?,
            None => write!(f, " ..)")?,
        }
        write!(f, "; {}", self.evidence)
    }
}
