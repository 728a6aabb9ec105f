//! Reading single records, here and there, in rising order.

use std::iter::Peekable;

use passbook_journal::{Journal, Record, Records};

use crate::error::LedgerError;

/// So many records are rather passed over than sought behind: a seek reads and checks a batch, which
/// may be of 1 MiB.
const NEAR_EVENTS: u64 = 4_096;

/// A place in a journal.
pub(super) struct Picker<'a> {
    journal: &'a dyn Journal,
    records: Option<Peekable<Records>>,
    /// Nothing before this one is to come.
    next: u64,
}

impl<'a> Picker<'a> {
    pub(super) fn new(journal: &'a dyn Journal) -> Self {
        Self { journal, records: None, next: 0 }
    }

    /// The record of that sequence; `None` if only its leaf is kept.
    pub(super) fn pick(&mut self, sequence: u64) -> Result<Option<Record>, LedgerError> {
        let is_near = (self.next..self.next.saturating_add(NEAR_EVENTS)).contains(&sequence);
        if !is_near || self.records.is_none() {
            self.records = Some(self.journal.read_kept(sequence)?.peekable());
        }
        self.next = sequence;
        let Some(records) = &mut self.records else { return Ok(None) };
        let is_before = |read: &Result<Record, _>| {
            read.as_ref().is_ok_and(|record: &Record| record.sequence < sequence)
        };
        while records.next_if(is_before).is_some() {}
        let is_it = |read: &Result<Record, _>| {
            read.as_ref().map_or(true, |record: &Record| record.sequence == sequence)
        };
        Ok(records.next_if(is_it).transpose()?)
    }
}
