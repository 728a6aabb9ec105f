//! The new ledger's events, group by group, as they come out of the damaged one.

use std::path::Path;

use passbook_core::{Act, Actor, Command, codec, decide, limits::SALVAGED_RANGES_MAX};
use passbook_journal::{
    FileJournal, Group, Journal as _, Options, Payload, RecordRef, SalvagedRecord,
};
use passbook_projections::Live;

use super::{SalvageOutcome, is_event, known::Known};
use crate::error::LedgerError;

/// Writes what is taken.
#[derive(Debug)]
pub(super) struct Writer {
    journal: FileJournal,
    known: Option<Known>,
    group: Vec<Vec<u8>>,
    time_ms: u64,
    /// The sequence in the damaged ledger that would go on the group.
    next: u64,
    taken: u64,
}

impl Writer {
    pub(super) fn create(
        into: &Path,
        options: Options,
        known: Option<Known>,
    ) -> Result<Self, LedgerError> {
        let opened = FileJournal::open(into, options, &mut |_: RecordRef<'_>| Ok(()));
        let (journal, _created) =
            opened.map_err(|error| LedgerError::Open(std::sync::Arc::new(error)))?;
        Ok(Self { journal, known, group: Vec::new(), time_ms: 0, next: 0, taken: 0 })
    }

    /// The event that says where all others come from. It is recorded as of the first of them: time
    /// never goes back.
    pub(super) fn begin(
        &mut self,
        outcome: &SalvageOutcome,
        first_ms: u64,
        now_ms: u64,
    ) -> Result<(), LedgerError> {
        let act = Act::NoteSalvage {
            source: outcome.source,
            kept: outcome.kept,
            lost: outcome.lost.iter().take(SALVAGED_RANGES_MAX).copied().collect(),
            lost_records: outcome.lost_records,
        };
        let command =
            Command { actor: Actor::System, occurred_at_ms: Some(now_ms), ..Command::new(act) };
        for event in decide(&Live::new(), &command, first_ms)?.events {
            let bytes =
                codec::encode(&event).map_err(|error| LedgerError::Internal(error.to_string()))?;
            self.group.push(bytes);
        }
        self.time_ms = first_ms;
        self.write()
    }

    pub(super) fn take(&mut self, record: SalvagedRecord<'_>) -> Result<(), LedgerError> {
        if !is_event(&record) {
            return Ok(());
        }
        if record.group_first || record.sequence != self.next {
            self.write()?;
        }
        if let Some(known) = &mut self.known {
            known.follow(record.sequence, record.payload)?;
        }
        self.group.push(record.payload.to_vec());
        // Never below the one before it, whatever was read.
        self.time_ms = self.time_ms.max(record.time_ms);
        self.next = record.sequence + 1;
        self.taken += 1;
        Ok(())
    }

    fn write(&mut self) -> Result<(), LedgerError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let payloads: Vec<_> = self.group.iter().map(|bytes| Payload::new(bytes)).collect();
        let group = Group { time_ms: self.time_ms, payloads: &payloads };
        self.journal.append(self.journal.head(), &group).map_err(LedgerError::of_append)?;
        self.group.clear();
        Ok(())
    }

    /// Makes it durable. Gives how many events were taken, and what is known beside them.
    pub(super) fn finish(mut self) -> Result<(u64, Option<Known>), LedgerError> {
        self.write()?;
        self.journal.close()?;
        Ok((self.taken, self.known))
    }
}
