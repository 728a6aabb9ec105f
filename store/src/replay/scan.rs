//! Reading the events of a moment in order, ahead of who folds them.

use std::{
    collections::VecDeque,
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

use passbook_journal::{Journal, Records};
use passbook_projections::history::Recorded;

use super::{
    Replay,
    moment::{At, Belongs, belongs, decode},
};
use crate::error::LedgerError;

/// Events that are handed over at once.
const CHUNK_EVENTS: usize = 1_024;
/// Chunks that are read ahead.
const AHEAD_CHUNKS: usize = 8;

/// Gives `take` the events from `from` on that belong to the moment, one by one: see [`scan_some`].
pub(super) fn scan(
    replay: &Replay<'_>,
    range: (u64, At),
    take: &mut dyn FnMut(Recorded),
) -> Result<(), LedgerError> {
    scan_some(replay, range, &mut |events| events.into_iter().for_each(&mut *take))
}

/// Gives `take` the events from `from` on that belong to the moment, some at a time. More than a chunk
/// of them are read, verified and decoded on a thread of its own.
pub(super) fn scan_some(
    replay: &Replay<'_>,
    (from, at): (u64, At),
    take: &mut dyn FnMut(Vec<Recorded>),
) -> Result<(), LedgerError> {
    let ranges = ranges(replay, from, at);
    let mut reading = Reading { journal: replay.journal, ranges, at, range: None, is_over: false };
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

/// First and last sequences of what is to be read. What was recorded after a time is left out where
/// the postings know that nothing in it had happened by then.
fn ranges(replay: &Replay<'_>, from: u64, at: At) -> VecDeque<(u64, u64)> {
    let At::Time(time_ms) = at else { return [(from, u64::MAX)].into() };
    let mut ranges: VecDeque<(u64, u64)> = VecDeque::new();
    let mut is_later = false;
    for stretch in replay.stretches(from, replay.head()) {
        if !is_later || stretch.happened_from_ms() <= time_ms {
            match ranges.back_mut() {
                Some((_, last)) if *last + 1 == stretch.first => *last = stretch.last,
                Some(_) | None => ranges.push_back((stretch.first, stretch.last)),
            }
        }
        is_later |= stretch.is_known() && stretch.time_last_ms() > time_ms;
    }
    ranges
}

struct Reading<'a> {
    journal: &'a dyn Journal,
    /// What comes behind the one that is being read.
    ranges: VecDeque<(u64, u64)>,
    /// What is being read, and its last sequence.
    range: Option<(Records, u64)>,
    at: At,
    is_over: bool,
}

impl Reading<'_> {
    /// The next events; fewer than a chunk only at the end.
    fn chunk(&mut self) -> Result<Vec<Recorded>, LedgerError> {
        let mut chunk = Vec::with_capacity(CHUNK_EVENTS);
        while chunk.len() < CHUNK_EVENTS && !self.is_over {
            let Some((records, last)) = &mut self.range else {
                self.begin_range()?;
                continue;
            };
            let record = records.next().transpose()?;
            let Some(record) = record.filter(|record| record.sequence <= *last) else {
                self.range = None;
                continue;
            };
            match belongs(&record, self.at)? {
                Belongs::Yes => {
                    let event = decode(&record)?;
                    chunk.push(Recorded { sequence: record.sequence, event });
                }
                Belongs::No => {}
                Belongs::NorWhatFollows => self.is_over = true,
            }
        }
        Ok(chunk)
    }

    fn begin_range(&mut self) -> Result<(), LedgerError> {
        match self.ranges.pop_front() {
            Some((first, last)) => self.range = Some((self.journal.read_kept(first)?, last)),
            None => self.is_over = true,
        }
        Ok(())
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
