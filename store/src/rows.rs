//! Sessions as rows of a table: written through to for a store that is kept there, mirrored for a
//! ledger that keeps a journal.

mod feed;
mod hydrate;
mod mirror;
mod mirroring;
mod noted;
mod write_through;

pub use mirror::{RowCheck, RowDifference, RowDifferenceKind, RowMirror};
pub use mirroring::MirrorHealth;
pub(crate) use mirroring::Mirroring;
pub(crate) use write_through::WriteThrough;
