//! Reading the events of a moment in order, ahead of who folds them.

use std::{
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

use passbook_journal::{Journal, Records};
use passbook_projections::history::Recorded;

use super::moment::{At, Belongs, belongs, decode};
use crate::error::LedgerError;

/// Events that are handed over at once.
const CHUNK_EVENTS: usize = 1_024;
/// Chunks that are read ahead.
const AHEAD_CHUNKS: usize = 8;

/// Gives `take` the events from `from` on that belong to the moment, one by one: see [`scan_some`].
pub(super) fn scan(
    journal: &dyn Journal,
    range: (u64, At),
    take: &mut dyn FnMut(Recorded),
) -> Result<(), LedgerError> {
    scan_some(journal, range, &mut |events| events.into_iter().for_each(&mut *take))
}

/// Gives `take` the events from `from` on that belong to the moment, some at a time. More than a chunk
/// of them are read, verified and decoded on a thread of its own.
pub(super) fn scan_some(
    journal: &dyn Journal,
    (from, at): (u64, At),
    take: &mut dyn FnMut(Vec<Recorded>),
) -> Result<(), LedgerError> {
    let mut reading = Reading { records: journal.read_kept(from)?, at, is_over: false };
    take(reading.chunk()?);
    if reading.is_over {
        return Ok(());
    }
    thread::scope(|scope| {
        let (sender, chunks) = sync_channel(AHEAD_CHUNKS);
        scope.spawn(move || reading.send(&sender));
        for chunk in chunks {
            take(chunk?);
        }
        Ok(())
    })
}

struct Reading {
    records: Records,
    at: At,
    is_over: bool,
}

impl Reading {
    /// The next events; fewer than a chunk only at the end.
    fn chunk(&mut self) -> Result<Vec<Recorded>, LedgerError> {
        let mut chunk = Vec::with_capacity(CHUNK_EVENTS);
        while chunk.len() < CHUNK_EVENTS {
            let Some(record) = self.records.next().transpose()? else {
                self.is_over = true;
                break;
            };
            match belongs(&record, self.at)? {
                Belongs::Yes => {
                    let event = decode(&record)?;
                    chunk.push(Recorded { sequence: record.sequence, event });
                }
                Belongs::No => {}
                Belongs::NorWhatFollows => {
                    self.is_over = true;
                    break;
                }
            }
        }
        Ok(chunk)
    }

    /// Sends all that is left, until nobody listens any more.
    fn send(mut self, sender: &SyncSender<Result<Vec<Recorded>, LedgerError>>) {
        while !self.is_over {
            let chunk = self.chunk();
            let has_failed = chunk.is_err();
            if sender.send(chunk).is_err() || has_failed {
                break;
            }
        }
    }
}
