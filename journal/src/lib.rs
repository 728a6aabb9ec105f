//! The append-only, checksummed journal of Passbook.
//!
//! It knows opaque payloads and their order, and makes groups of them durable together. What a
//! payload means is left to the store.

mod error;
mod health;
mod journal;
mod leaf;
pub mod limits;
mod memory;

pub use error::{AppendError, BoxError, CloseError, JournalError, ReadError, ReadOnlyReason};
pub use health::{JournalHealth, WriterState};
pub use journal::{Group, Journal, Observer, Payload, Place, Record, RecordRef, Records};
pub use leaf::{CHAIN_START, Chain, Leaf, leaf_of, link_of};
pub use memory::{MemoryJournal, Space};
