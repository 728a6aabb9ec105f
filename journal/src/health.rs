//! How the journal is: the writer's state and its counters.
//!
//! Rates and percentiles are left to whoever has a clock.

use std::sync::Arc;

use crate::error::{JournalError, ReadOnlyReason};

/// State of the writer.
#[derive(Debug, Clone)]
pub enum WriterState {
    /// Appends are taken.
    Healthy,
    /// Appends are refused until there is room again.
    ReadOnly(ReadOnlyReason),
    /// Appends are refused for ever: something failed in the middle.
    Poisoned(Arc<JournalError>),
    /// Closed by its owner.
    Closed,
}

/// A journal's health at one moment. Counters count since it was opened.
#[derive(Debug, Clone)]
pub struct JournalHealth {
    /// Whether it takes appends, and why not.
    pub writer: WriterState,
    /// Sequence of the last queued record.
    pub head: u64,
    /// Sequence of the last durable record.
    pub durable: u64,
    /// Batches made durable.
    pub commits: u64,
    /// Records made durable.
    pub records: u64,
    /// Bytes written to segments, padding included.
    pub bytes_written: u64,
    /// Syncs of segments that returned without error.
    pub syncs: u64,
    /// Segments used so far; 0 if the journal keeps no files.
    pub segments: u64,
    /// Bytes that wait to be written.
    pub queued_bytes: usize,
}
