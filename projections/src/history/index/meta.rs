//! The one record about the whole index: of which ledger it is, how far it got, and what all other
//! records add up to.

use super::{
    codec::{Put as _, Reader},
    error::{HistoryError, doubt},
};

/// The version of everything in the index. Another one is not read: the index is built again.
const VERSION: u64 = 2;

/// Written in the same atomic batch as what it speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meta {
    /// Of which ledger.
    pub(super) store: [u8; 16],
    /// The last event that is in.
    pub(super) checkpoint: u64,
    /// How many other records there are.
    pub(super) records: u64,
    /// The sum of their checksums.
    pub(super) sum: u64,
    pub(super) users: u64,
    /// Lines told since the beginning.
    pub(super) entries: u64,
    /// Events that are in, once for each user under whom the archive files them.
    pub(super) events: u64,
    /// Events that the archive files as anyone's.
    pub(super) anyones: u64,
    /// What the archive had filed of events that were passed over; `None` = nobody counted.
    pub(super) passed_over: Option<u64>,
    /// Lines that end before this moment are not shown.
    pub(super) forgotten_before_ms: u64,
}

impl Meta {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.number(VERSION);
        bytes.extend_from_slice(&self.store);
        for number in [
            self.checkpoint,
            self.records,
            self.sum,
            self.users,
            self.entries,
            self.events,
            self.anyones,
            self.passed_over.map_or(0, |count| count.saturating_add(1)),
            self.forgotten_before_ms,
        ] {
            bytes.number(number);
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HistoryError> {
        let mut reader = Reader::new(bytes);
        let version = reader.number();
        if version != Some(VERSION) {
            return Err(doubt(format!("it is of version {version:?}, this program has {VERSION}")));
        }
        let read = |reader: &mut Reader<'_>| {
            let meta = Self {
                store: reader.array()?,
                checkpoint: reader.number()?,
                records: reader.number()?,
                sum: reader.number()?,
                users: reader.number()?,
                entries: reader.number()?,
                events: reader.number()?,
                anyones: reader.number()?,
                passed_over: reader.number()?.checked_sub(1),
                forgotten_before_ms: reader.number()?,
            };
            reader.is_empty().then_some(meta)
        };
        read(&mut reader).ok_or_else(|| doubt("its meta record does not decode"))
    }

    /// Of a ledger, with nothing in it.
    pub(super) fn empty(store: [u8; 16]) -> Self {
        Self { store, passed_over: Some(0), ..Self::default() }
    }

    /// What the archive files of all events up to the checkpoint.
    pub(super) fn postings(&self) -> Option<u64> {
        let events = self.events.saturating_add(self.anyones);
        self.passed_over.map(|passed_over| passed_over.saturating_add(events))
    }

    /// Another record is there.
    pub(super) fn gains(&mut self, crc: u32) {
        self.records = self.records.wrapping_add(1);
        self.sum = self.sum.wrapping_add(u64::from(crc));
    }

    /// A record is no longer there.
    pub(super) fn loses(&mut self, crc: u32) {
        self.records = self.records.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(u64::from(crc));
    }
}
