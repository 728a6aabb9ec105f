//! At which sequences anything is said of a session, a user or a token: a few bytes an event, so
//! that one session's way need not be looked for among all events.
//!
//! A [`Block`] tells of up to [`BLOCK_EVENTS_MAX`] consecutive sequences and never changes; the one
//! that is not complete is a [`Draft`] in memory. A block says where to look, never what happened:
//! keys are kept as 32 bits, so now and then a sequence is named that is about another one. Who asks
//! reads the events, and they have the last word. What must not happen is that a sequence is left
//! out, so a block that does not verify counts as absent, and its events are read one by one.
//!
//! Where blocks are kept, and who owns the events, is left to the caller: bytes come in and go out.
//!
//! # The bytes of a block
//! Numbers are little-endian, checksums CRC-32 (that of gzip). The first page of 4,096 bytes:
//!
//! ```text
//!   0    8  magic "PBPOSTNG"
//!   8    4  checksum of all the page but these 4 bytes
//!  12    4  version, 1
//!  16   16  the ledger's id
//!  32    8  the first sequence
//!  40    8  the last sequence, at most 65,535 more
//!  48    8  when the last of its records was recorded, in Unix milliseconds
//!  56    4  how many entries there are
//!  60    4  zero
//!  64   24  the tie: a record's sequence (8), time (8), checksum of its payload (4), zero (4)
//!  88   24  the tie of the block before; all zero = it is not known
//! 112    8  the earliest time at which an event of it happened that was recorded later than it
//!           happened, as those of an import are, in Unix milliseconds; 2^64 - 1 = there is none
//! 120    8  zero
//! 128  512  64 times, one for every 1,024 sequences from the first on: when the last record before
//!           was recorded; 0 = none of the block's is before
//! 640    …  the first hash of each page of entries, 4 bytes each; then zero
//! ```
//!
//! Pages of entries follow, of 4,096 bytes each:
//!
//! ```text
//!   0    4  checksum of the first page's checksum (4), this page's number from 0 (4), and the rest
//!   4    …  up to 682 entries in rising order: hash (4), sequence less the first sequence (2);
//!           then zero
//! ```
//!
//! A hash is the CRC-32 of a byte for the kind of key and the key: see [`Key`].
//!
//! # Whose events they are
//! The tie is the last record that the archive keeps whole. If it is a record of the ledger at hand,
//! the block was made of this past of it and of no other one: of an older copy that was put in the
//! place of a newer one, say. And since a block has the tie of the one before, the tie of the last
//! of a row speaks for all of the row.

mod block;
mod draft;
mod key;
mod page;

pub use self::{
    block::{BadBlock, Block, ReadAt, Tie},
    draft::Draft,
    key::{Key, keys_of},
};

/// Sequences of one block, at most.
pub const BLOCK_EVENTS_MAX: u64 = 65_536;
/// The version of the bytes.
pub const VERSION: u32 = 1;
/// Length of a page, in bytes; a block begins with one that says what is in it.
pub const PAGE_BYTES: usize = 4_096;

/// Sequences between two times of a block.
const TIMES_EVERY: u64 = 1_024;

/// Where to begin so that no record of that time or later is missed, in Unix milliseconds. `times`
/// has, for every [`TIMES_EVERY`] sequences from `first` on, the time of the last record before.
fn begin_for(first: u64, times: &[u64], time_ms: u64) -> u64 {
    let later = times.partition_point(|before_ms| *before_ms < time_ms);
    let steps = u64::try_from(later.saturating_sub(1)).unwrap_or_default();
    first + steps * TIMES_EVERY
}
