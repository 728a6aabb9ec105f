//! What can go wrong with the index, by what is to be done about it.

use std::path::PathBuf;

use thiserror::Error;

/// The index can't answer. Nothing is lost by that: it is derived from the events.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HistoryError {
    /// What is kept may be wrong, or the store below failed or panicked. Drop the index and open
    /// it anew: if what it finds does not verify, it begins again from the first event.
    #[error("the history index is in doubt: {why}")]
    Doubt {
        /// What was found, in words.
        why: String,
    },
    /// The folder can't be used, not even empty: answer from the events.
    #[error("{path}: no history index can be kept here: {why}")]
    Unusable {
        /// The index's folder.
        path: PathBuf,
        /// What failed, in words.
        why: String,
    },
}

/// A doubt with these words.
pub(super) fn doubt(why: impl Into<String>) -> HistoryError {
    HistoryError::Doubt { why: why.into() }
}
