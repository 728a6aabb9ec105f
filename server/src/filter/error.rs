//! What is wrong with a filter, and where.

use thiserror::Error;

use super::key::Key;
use super::parse::{FILTER_LEN_MAX, TERMS_MAX, VALUES_MAX};
use crate::at::AtError;

/// A filter that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("column {column}: {problem}")]
pub struct FilterError {
    /// The first character of what is wrong, counted from 1.
    pub column: usize,
    /// What is wrong.
    #[source]
    pub problem: FilterProblem,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterProblem {
    /// A word without a key.
    #[error("`{word}` has no key: write KEY:VALUE, with one of {}", keys())]
    NoKey {
        /// The word.
        word: String,
    },
    /// There is no such key.
    #[error("there is no key `{key}`; the keys are {}", keys())]
    UnknownKey {
        /// As given.
        key: String,
    },
    /// Nothing stands behind the key or the comma.
    #[error("a value of `{key}` is missing; an empty one is written \"\"")]
    NoValue {
        /// The key.
        key: Key,
    },
    /// The key's values are given, and this is none of them.
    #[error("`{key}` can't be `{value}`; it is one of {}", choices.join(", "))]
    NoChoice {
        /// The key.
        key: Key,
        /// As given.
        value: String,
        /// What it can be.
        choices: &'static [&'static str],
    },
    /// Not an address or a network.
    #[error("`{value}` is no address: write 198.51.100.7, 198.51.100.0/24 or 2001:db8::/32")]
    NoAddress {
        /// As given.
        value: String,
    },
    /// Not a moment.
    #[error(transparent)]
    At(#[from] AtError),
    /// A moment, but no time.
    #[error("`{key}` takes a time as -2h, 14:03 or 2026-11-20T14:03:11Z; for sequences use `seq`")]
    NoTime {
        /// `since` or `until`.
        key: Key,
    },
    /// Not sequences.
    #[error("`seq` takes @1048000..@1048611, @1048000.., ..@1048611 or @1048611")]
    NoSequences,
    /// The range runs backwards.
    #[error("@{first} comes after @{last}")]
    Backwards {
        /// The first sequence.
        first: u64,
        /// The last.
        last: u64,
    },
    /// A quote without its end.
    #[error("the quote that begins here has no end")]
    OpenQuote,
    /// A quote within a bare value, or text right after a quoted one.
    #[error("quotes stand around a whole value, with \\\" for a quote inside")]
    StrayQuote,
    /// Longer than the limit.
    #[error("a filter has at most {FILTER_LEN_MAX} bytes")]
    TooLong,
    /// More terms than the limit.
    #[error("a filter has at most {TERMS_MAX} terms")]
    TooManyTerms,
    /// More values than the limit.
    #[error("a term has at most {VALUES_MAX} values")]
    TooManyValues,
}

fn keys() -> String {
    Key::ALL.map(Key::name).join(", ")
}
