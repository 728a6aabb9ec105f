//! A second reader of everything that a ledger keeps, written from `journal/FORMAT.md` and
//! `core/EVENTS.md` alone: what both readers say alike is what the documents say.
//!
//! It uses nothing of the product's parsing, knows no recovery, and favours plainness over speed.
//! Of the product it borrows the [`Event`](passbook::Event) type, so that two readings of one event
//! can be compared. What a section of a snapshot means is left out: the documents call it opaque.

pub mod archive;
pub mod bytes;
pub mod event;
pub mod folder;
pub mod segment;
pub mod sessions;
pub mod small;
pub mod snapshot;

pub use bytes::Broken;
