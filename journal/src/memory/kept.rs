//! Compaction in memory: what is kept of records that left the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Fault, Shared, State, Stored};
use crate::archive::{CompactError, Compacted, Compaction, Curator, Extent, Keep};
use crate::error::ReadError;
use crate::journal::{RecordRef, Records};
use crate::limits::ARCHIVE_KEY_BYTES_MAX;

/// The records that were compacted and kept whole, and how to find them.
#[derive(Default)]
pub(super) struct Attic {
    /// Records that left the journal: 1 up to this one.
    pub(super) dropped: u64,
    /// Retention took everything up to this one.
    removed: u64,
    records: BTreeMap<u64, Stored>,
    postings: BTreeMap<Vec<u8>, BTreeSet<u64>>,
    /// Time of each record behind `removed`, whole or not.
    times: BTreeMap<u64, u64>,
}

impl Stored {
    pub(super) fn record(&self, sequence: u64) -> crate::Record {
        crate::Record {
            sequence,
            time_ms: self.time_ms,
            group_first: self.group_first,
            payload: self.payload.to_vec(),
            place: None,
        }
    }
}

impl Attic {
    pub(super) fn posted(&self, keys: &[&[u8]]) -> Records {
        let found = keys.iter().filter_map(|key| self.postings.get(*key)).flatten();
        let sequences: BTreeSet<u64> = found.copied().collect();
        let records: Vec<_> = sequences
            .into_iter()
            .filter_map(|sequence| Some(Ok(self.records.get(&sequence)?.record(sequence))))
            .collect();
        Records::new(records.into_iter())
    }

    fn take(&mut self, sequence: u64, stored: Stored, keep: Keep, keys: Vec<Vec<u8>>) {
        self.times.insert(sequence, stored.time_ms);
        self.dropped = sequence;
        if keep == Keep::Whole {
            for key in keys {
                self.postings.entry(key).or_default().insert(sequence);
            }
            self.records.insert(sequence, stored);
        }
    }

    /// How many records from the oldest on are older than `before_ms`.
    fn expired(&self, before_ms: u64) -> u64 {
        let expired = self.times.values().take_while(|time_ms| **time_ms < before_ms);
        u64::try_from(expired.count()).unwrap_or(u64::MAX)
    }

    fn remove(&mut self, count: u64) {
        self.removed += count;
        let first = self.removed + 1;
        self.records = self.records.split_off(&first);
        self.times = self.times.split_off(&first);
        for sequences in self.postings.values_mut() {
            *sequences = sequences.split_off(&first);
        }
        self.postings.retain(|_, sequences| !sequences.is_empty());
    }
}

impl State {
    pub(super) fn extent(&self) -> Extent {
        let archived = self.attic.times.values().next().copied();
        let durable = self.records.front().filter(|_| self.durable > self.attic.dropped);
        Extent {
            kept_first: self.attic.removed + 1,
            kept_first_ms: archived.or(durable.map(|stored| stored.time_ms)),
            sequence_first: self.sequence_first(),
            archives: u64::from(!self.attic.times.is_empty()),
            archive_bytes: self
                .attic
                .records
                .values()
                .map(|stored| u64::try_from(stored.payload.len()).unwrap_or(0))
                .sum(),
            postings: None,
            postings_removed: None,
        }
    }

    /// The next kept record from `sequence` on, up to `through`.
    fn kept(&self, sequence: u64, through: u64) -> Option<Result<crate::Record, ReadError>> {
        if sequence > through {
            return None;
        }
        if sequence <= self.attic.removed {
            return Some(Err(ReadError::Trimmed { first: self.attic.removed + 1 }));
        }
        let archived = self.attic.records.range(sequence..).next();
        if let Some((sequence, stored)) = archived.filter(|(sequence, _)| **sequence <= through) {
            return Some(Ok(stored.record(*sequence)));
        }
        let sequence = sequence.max(self.sequence_first());
        (sequence <= through).then(|| self.record(sequence).map(Ok)).flatten()
    }
}

impl Shared {
    /// Asks the curator about one record at a time, without the state's lock while it answers.
    pub(super) fn compact(
        &self,
        compaction: &Compaction<'_>,
        curator: &dyn Curator,
    ) -> Result<Compacted, CompactError> {
        let _one_at_a_time = self.compacting.try_lock().ok_or(CompactError::Running)?;
        let mut done = Compacted::default();
        let through = compaction.drop_through.min(self.state.lock().durable);
        self.state.lock().check_snapshot(through)?;
        loop {
            let record = {
                let state = self.state.lock();
                state.check_alive()?;
                let next =
                    state.sequence_first() + if compaction.dry_run { done.records } else { 0 };
                if next > through {
                    break;
                }
                state.record(next)
            };
            let Some(record) = record else { break };
            let mut keys = Vec::new();
            let keep = curator.sort(
                RecordRef {
                    sequence: record.sequence,
                    time_ms: record.time_ms,
                    group_first: record.group_first,
                    payload: &record.payload,
                },
                &mut keys,
            );
            check_keys(&keys)?;
            done.records += 1;
            done.whole += u64::from(keep == Keep::Whole);
            if !compaction.dry_run {
                let mut state = self.state.lock();
                if let Some(stored) = state.records.pop_front() {
                    state.attic.take(record.sequence, stored, keep, keys);
                }
            }
        }
        self.retain(compaction, &mut done);
        Ok(done)
    }

    fn retain(&self, compaction: &Compaction<'_>, done: &mut Compacted) {
        let mut state = self.state.lock();
        let expired = compaction.remove_archives_before_ms.map_or(0, |ms| state.attic.expired(ms));
        done.kept_first = state.attic.removed + 1 + expired;
        done.sequence_first = state.sequence_first();
        if compaction.dry_run {
            done.sequence_first += done.records;
        } else {
            state.attic.remove(expired);
        }
    }
}

fn check_keys(keys: &[Vec<u8>]) -> Result<(), CompactError> {
    match keys.iter().map(Vec::len).max().filter(|length| *length > ARCHIVE_KEY_BYTES_MAX) {
        Some(actual) => Err(CompactError::TooLarge {
            what: "key bytes",
            path: "memory".into(),
            actual,
            max: ARCHIVE_KEY_BYTES_MAX,
        }),
        None => Ok(()),
    }
}

impl State {
    /// Nobody opens this anew, but what files demand is demanded here too.
    fn check_snapshot(&self, through: u64) -> Result<(), CompactError> {
        let newest = self.snapshots.first().map_or(0, |newest| newest.info.sequence);
        if through >= self.sequence_first() && newest < through {
            return Err(CompactError::NoSnapshot { needed: through });
        }
        Ok(())
    }

    fn check_alive(&self) -> Result<(), CompactError> {
        match &self.fault {
            Fault::Poisoned(error) => Err(CompactError::Unavailable(Arc::clone(error))),
            Fault::None | Fault::Full(_) if self.closed => Err(CompactError::Closed),
            Fault::None | Fault::Full(_) => Ok(()),
        }
    }
}

/// Records from the attic on into the journal.
pub(super) fn read(shared: &Arc<Shared>, from: u64) -> Result<Records, ReadError> {
    let through = {
        let state = shared.state.lock();
        if from <= state.attic.removed {
            return Err(ReadError::Trimmed { first: state.attic.removed + 1 });
        }
        state.durable
    };
    let shared = Arc::clone(shared);
    let mut next = Some(from);
    Ok(Records::new(std::iter::from_fn(move || {
        let item = shared.state.lock().kept(next?, through)?;
        next = item.as_ref().ok().map(|record| record.sequence + 1);
        Some(item)
    })))
}
