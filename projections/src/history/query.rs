//! What may be asked of a history, and what one page of the answer is.
//!
//! Lines are ordered by when they happened, then by the event's sequence, then by session, all
//! falling: what an import reads late stands where it belongs. Each line has one place in that
//! order for ever, and a [`Cursor`] is such a place. So paging is stable: lines that come in
//! between two pages are seen if their place is still ahead, and no line is seen twice.

use std::{collections::BTreeMap, fmt, str::FromStr};

use ipnet::IpNet;
use passbook_core::SessionId;
use thiserror::Error;

use super::entry::{HistoryEntry, HistoryWhat};

/// The most lines of one page.
pub const PAGE_LINES_MAX: usize = 1_000;
/// The lines of a page if nobody says how many.
pub const PAGE_LINES_DEFAULT: usize = 100;

/// Which lines of a user's history, and how many. The conditions all hold of what is answered.
///
/// ```
/// use passbook_projections::history::{HistoryQuery, HistoryWhat};
/// let query = HistoryQuery {
///     kinds: vec![HistoryWhat::Login, HistoryWhat::Failed],
///     ip: Some("192.0.2.0/24".parse().expect("a network")),
///     ..HistoryQuery::newest(50)?
/// };
/// assert_eq!(query.limit(), 50);
/// assert!(HistoryQuery::newest(1_001).is_err());
/// # Ok::<(), passbook_projections::history::QueryError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The most lines of a page.
    pub limit: PageLimit,
    /// Only lines behind this place: where the page before ended.
    pub before: Option<Cursor>,
    /// Only lines of these kinds; empty = of all.
    pub kinds: Vec<HistoryWhat>,
    /// Only what happened at or after this moment, in Unix milliseconds. Of folded refreshes the
    /// first counts.
    pub since_ms: Option<u64>,
    /// Only what happened before this moment, in Unix milliseconds.
    pub until_ms: Option<u64>,
    /// Only lines whose device contains this text, in any case.
    pub device: Option<String>,
    /// Only lines whose address is in this network; a single address is a network of one.
    pub ip: Option<IpNet>,
}

/// How many lines a page has at most: within `1..=1000`, as [`HistoryQuery::newest`] checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(usize);

impl Default for HistoryQuery {
    /// The newest 100 lines of any kind.
    fn default() -> Self {
        Self {
            limit: PageLimit(PAGE_LINES_DEFAULT),
            before: None,
            kinds: Vec::new(),
            since_ms: None,
            until_ms: None,
            device: None,
            ip: None,
        }
    }
}

impl HistoryQuery {
    /// The newest `limit` lines of any kind.
    ///
    /// # Errors
    /// [`QueryError::Limit`] outside `1..=1000`.
    pub fn newest(limit: usize) -> Result<Self, QueryError> {
        if !(1..=PAGE_LINES_MAX).contains(&limit) {
            return Err(QueryError::Limit { limit });
        }
        Ok(Self { limit: PageLimit(limit), ..Self::default() })
    }

    /// The most lines of the page.
    pub fn limit(&self) -> usize {
        self.limit.0
    }

    /// Whether the line is one that the query asks for, on this page or on any.
    pub fn matches(&self, entry: &HistoryEntry) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&entry.kind.what()))
            && self.since_ms.is_none_or(|since_ms| entry.at_ms >= since_ms)
            && self.until_ms.is_none_or(|until_ms| entry.at_ms < until_ms)
            && self.device.as_ref().is_none_or(|part| {
                let device = entry.device.as_ref().map(|device| device.to_lowercase());
                device.is_some_and(|device| device.contains(&part.to_lowercase()))
            })
            && self.ip.is_none_or(|network| {
                entry
                    .ip
                    .is_some_and(|ip| network.contains(&ip) || network.contains(&ip.to_canonical()))
            })
    }
}

/// A place in the order of a history: that of one line. Opaque text for whoever asks for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    at_ms: u64,
    sequence: u64,
    session: Option<SessionId>,
}

impl Cursor {
    /// The place of that line.
    pub fn of(entry: &HistoryEntry) -> Self {
        Self { at_ms: entry.at_ms, sequence: entry.sequence, session: entry.session }
    }

    /// When its line happened, in Unix milliseconds.
    pub(crate) fn at_ms(&self) -> u64 {
        self.at_ms
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at_ms, self.sequence)?;
        self.session.map_or(Ok(()), |session| write!(f, "-{session}"))
    }
}

impl FromStr for Cursor {
    type Err = QueryError;

    /// Reads only what `Display` writes.
    fn from_str(text: &str) -> Result<Self, QueryError> {
        let mut parts = text.splitn(3, '-');
        let mut number = || parts.next()?.parse().ok();
        let numbers = (number(), number());
        let session = parts.next().map(SessionId::parse);
        let cursor = match (numbers, session) {
            ((Some(at_ms), Some(sequence)), None) => Self { at_ms, sequence, session: None },
            ((Some(at_ms), Some(sequence)), Some(Ok(session))) => {
                Self { at_ms, sequence, session: Some(session) }
            }
            _ => return Err(QueryError::Cursor),
        };
        if cursor.to_string() == text { Ok(cursor) } else { Err(QueryError::Cursor) }
    }
}

/// A question that can't be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QueryError {
    /// No page has so many lines, or none.
    #[error("a page has 1 to {PAGE_LINES_MAX} lines, not {limit}")]
    Limit {
        /// What was asked for.
        limit: usize,
    },
    /// The text is no place in a history.
    #[error("not a cursor: expected the `next` of a page before")]
    Cursor,
}

/// One page of a history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The lines, newest first.
    pub entries: Vec<HistoryEntry>,
    /// Where the next page goes on; `None` = no further line matches now.
    pub next: Option<Cursor>,
}

/// Picks a page out of lines that come in any order.
#[derive(Debug)]
pub(crate) struct Picker<'a> {
    query: &'a HistoryQuery,
    /// The newest matching ones, at most one more than the page holds.
    picked: BTreeMap<Cursor, HistoryEntry>,
}

impl<'a> Picker<'a> {
    pub(crate) fn new(query: &'a HistoryQuery) -> Self {
        Self { query, picked: BTreeMap::new() }
    }

    pub(crate) fn offer(&mut self, entry: HistoryEntry) {
        let place = Cursor::of(&entry);
        let is_behind = self.query.before.is_none_or(|before| place < before);
        let is_late = self.is_full() && self.picked.keys().next().is_some_and(|last| place < *last);
        if !is_behind || is_late || !self.query.matches(&entry) {
            return;
        }
        self.picked.insert(place, entry);
        if self.picked.len() > self.query.limit() + 1 {
            self.picked.pop_first();
        }
    }

    /// Whether lines that happened between these two moments, both included, can be on the page.
    pub(crate) fn wants(&self, first_ms: u64, last_ms: u64) -> bool {
        let query = self.query;
        let newest = self.picked.keys().next().filter(|_| self.is_full());
        query.since_ms.is_none_or(|since_ms| last_ms >= since_ms)
            && query.until_ms.is_none_or(|until_ms| first_ms < until_ms)
            && query.before.is_none_or(|before| first_ms <= before.at_ms())
            && newest.is_none_or(|oldest_picked| last_ms >= oldest_picked.at_ms())
    }

    fn is_full(&self) -> bool {
        self.picked.len() > self.query.limit()
    }

    pub(crate) fn finish(self) -> Page {
        let has_more = self.is_full();
        let entries: Vec<_> = self.picked.into_values().rev().take(self.query.limit()).collect();
        let next = entries.last().filter(|_| has_more).map(Cursor::of);
        Page { entries, next }
    }
}
