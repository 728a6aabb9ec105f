//! A chunk of a user's older lines, as one record.
//!
//! Lines are numbered from 1 in the order in which they were told. Chunk `first` holds the numbers
//! `first ..= first + LINES_PER_CHUNK - 1`; only where older ones were forgotten it holds fewer, the
//! last ones. So it is known which records must be there, and how many lines each must have.

use super::{
    codec::{Put as _, Reader, count, entry, put_entry},
    error::{HistoryError, doubt},
};
use crate::history::entry::HistoryEntry;

/// Lines of a full chunk. More make records larger that are written again with each refresh of an
/// old session; fewer make more records.
pub(super) const LINES_PER_CHUNK: u64 = 16;

/// The number of the first line of the chunk that holds line `number`, which is at least 1.
pub(super) fn first_of(number: u64) -> u64 {
    let index = number.saturating_sub(1);
    index - index % LINES_PER_CHUNK + 1
}

/// What is known of a chunk without reading its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// When its first line happened.
    pub(super) first_ms: u64,
    /// When its last line happened.
    pub(super) last_ms: u64,
    /// When the latest of all lines up to its last number happened.
    pub(super) latest_ms: u64,
    /// When the last of its lines was recorded: what a retention goes by.
    pub(super) ends_ms: u64,
    /// How many lines it has.
    pub(super) count: u64,
}

impl Span {
    /// Of these lines, when the latest before them happened at `latest_ms`.
    fn of(lines: &[HistoryEntry], latest_ms: u64) -> Self {
        let times = || lines.iter().map(|line| line.at_ms);
        let last_ms = times().max().unwrap_or(0);
        Self {
            first_ms: times().min().unwrap_or(0),
            last_ms,
            latest_ms: latest_ms.max(last_ms),
            ends_ms: lines.iter().map(HistoryEntry::last_recorded_at_ms).max().unwrap_or(0),
            count: count(lines.len()),
        }
    }

    /// Reads it from the front of a chunk; the lines stand behind it.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, HistoryError> {
        let mut read = || {
            Some(Self {
                first_ms: reader.number()?,
                last_ms: reader.number()?,
                latest_ms: reader.number()?,
                ends_ms: reader.number()?,
                count: reader.number().filter(|count| (1..=LINES_PER_CHUNK).contains(count))?,
            })
        };
        read().ok_or_else(|| doubt("a chunk of lines does not decode"))
    }
}

/// The bytes of a chunk, and when the latest line up to its end happened.
pub(super) fn encode(lines: &[HistoryEntry], latest_ms: u64) -> (Vec<u8>, u64) {
    let span = Span::of(lines, latest_ms);
    let mut bytes = Vec::with_capacity(96 * lines.len());
    for number in [span.first_ms, span.last_ms, span.latest_ms, span.ends_ms, span.count] {
        bytes.number(number);
    }
    for line in lines {
        put_entry(&mut bytes, line);
    }
    (bytes, span.latest_ms)
}

/// The lines behind a span.
pub(super) fn decode(
    span: &Span,
    mut reader: Reader<'_>,
) -> Result<Vec<HistoryEntry>, HistoryError> {
    let lines: Option<Vec<_>> = (0..span.count).map(|_| entry(&mut reader)).collect();
    lines.filter(|_| reader.is_empty()).ok_or_else(|| doubt("a line does not decode"))
}
