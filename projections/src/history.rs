//! Login history: who logged in, from where, what became of it, newest first.
//!
//! It is told twice from the same words. [`HistoryFold`] reads all events for one user; it needs
//! nothing kept, and costs the length of the journal. [`HistoryIndex`] keeps the lines of all users
//! on disk and answers a page at the cost of the page. What an event says in whose history is
//! written once, in `tell.rs`; what a question means is written once, in `query.rs`: both give
//! the same lines in the same order.
//!
//! ```
//! use passbook_projections::history::{HistoryFold, HistoryQuery, Page, Recorded};
//!
//! fn first_page<'a>(events: impl IntoIterator<Item = &'a Recorded>, user: &str) -> Page {
//!     let mut fold = HistoryFold::of(user);
//!     events.into_iter().for_each(|recorded| fold.add(recorded));
//!     fold.page(&HistoryQuery::default())
//! }
//! ```

pub mod entry;
pub mod fold;
pub mod index;
pub mod query;
pub mod tell;

pub use entry::{HistoryEntry, HistoryKind, HistoryWhat, Recorded};
pub use fold::HistoryFold;
pub use index::{Covered, Expect, HistoryError, HistoryIndex, HistoryReader, Opened};
pub use query::{Cursor, HistoryQuery, Page, PageLimit, QueryError};
pub use tell::{Audience, audience, expiry_reason, filed_under};
