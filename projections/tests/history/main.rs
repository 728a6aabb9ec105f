//! What the login history promises: one order, one answer, from the index as from the fold, and
//! no wrong answer whatever happens to the index's folder.
#![allow(clippy::indexing_slicing, reason = "a test that reaches beyond fails")]
#![allow(
    clippy::disallowed_methods,
    reason = "files are damaged and removed behind the index's back"
)]

mod damage;
mod histories;
mod index;
mod query;
