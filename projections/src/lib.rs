//! Read models of Passbook: what readers ask while one writer folds events.
//!
//! [`Live`] is the table of all sessions in memory: by token, by id, by user, by expiry. It knows
//! neither who writes nor where events are kept; a fold fills it through [`Live::writer`]:
//!
//! ```
//! use passbook_core::{Event, apply};
//! use passbook_projections::Live;
//!
//! fn follow<'a>(live: &Live, events: impl IntoIterator<Item = (u64, &'a Event)>) {
//!     for (sequence, event) in events {
//!         apply(&mut live.writer(), sequence, event);
//!     }
//! }
//! ```
//!
//! [`history`] is who logged in, from where and what became of it: folded from all events for one
//! user, or kept on disk for all.
//!
//! [`postings`] is at which sequences anything is said of a session, a user or a token.
//!
//! [`rows`] is what one session is as a row of a table, and what a table must be able to do.
//!
//! Everything here is derived: it can be deleted and built again from the events.

pub mod history;
pub mod live;
pub mod postings;
pub mod rows;
mod sync;

pub use history::{HistoryFold, HistoryIndex};
pub use live::{
    BulkFold, Capture, CaptureRunning, Captured, Live, LiveWriter, LoadError, LoadPlan,
};
