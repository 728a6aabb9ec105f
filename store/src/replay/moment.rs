//! A moment of the past, and the state that it had.

use std::sync::Arc;

use passbook_core::{SessionView as _, apply, codec};
use passbook_journal::{Extent, Journal, ReadError, Record};
use passbook_projections::{BulkFold, Live, history::Recorded};

use super::{
    Replay,
    scan::{scan, scan_some},
};
use crate::{
    as_of::{DataOfSessions, View, as_of},
    error::LedgerError,
    rebuild::Rebuild,
};

/// A moment of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// After this event was recorded; 0 = before the first.
    Sequence(u64),
    /// At this time, in Unix milliseconds: all that had happened by then, itself included, whenever
    /// it was recorded.
    Time(u64),
}

/// Readings before a compaction or a retention that is faster than us is an error.
const TRIES: usize = 8;

/// Fewer events are folded one by one, and so are fewer than this part of the sessions: to make the
/// index of all tokens anew costs more.
const BULK_EVENTS: usize = 8_192;
const BULK_PART: usize = 8;

/// The state at that moment.
pub(super) fn view(replay: &Replay<'_>, at: At) -> Result<View, LedgerError> {
    read_again(|| view_once(replay, at))
}

/// Reads, and reads again if a compaction or a retention took away what was being read.
pub(super) fn read_again<T>(
    mut read: impl FnMut() -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    for _ in 1..TRIES {
        match read() {
            Err(LedgerError::Read(ReadError::Trimmed { .. })) => {}
            told => return told,
        }
    }
    read()
}

fn view_once(replay: &Replay<'_>, at: At) -> Result<View, LedgerError> {
    let journal = replay.journal;
    let base = base(journal, at)?;
    if At::Sequence(base.sequence()) == at {
        // What a snapshot has is whole, wherever the records behind it are.
        return Ok(base.with_data(DataOfSessions::Kept));
    }
    let (from, data) = (base.sequence() + 1, base.data_of_sessions());
    let view = fold(replay, base, from, at)?;
    let first = journal.extent().sequence_first;
    if data == DataOfSessions::Kept && first > from {
        // A compaction was faster: of what it took there may have been leaves only.
        return Err(ReadError::Trimmed { first }.into());
    }
    Ok(view)
}

/// The nearest state from which that moment can be reached by folding events: a snapshot's, or the
/// empty one before the first event. It says whether the data of sessions can be followed from there.
pub(super) fn base(journal: &dyn Journal, at: At) -> Result<View, LedgerError> {
    let extent = journal.extent();
    let (sequence, fits): (u64, &dyn Fn(u64, u64) -> bool) = match at {
        At::Sequence(last) => (last, &move |sequence, _| sequence <= last),
        // All that is in it happened by then: nothing is recorded before it happened.
        At::Time(last_ms) => (0, &move |_, time_ms| time_ms <= last_ms),
    };
    if sequence > journal.durable() {
        return Err(LedgerError::NotRetained { sequence, first: extent.kept_first });
    }
    for info in journal.snapshots()? {
        if !fits(info.sequence, info.time_ms) || info.sequence + 1 < extent.kept_first {
            continue;
        }
        match as_of(journal, info.sequence) {
            Ok(view) => return Ok(view.with_data(data_behind(&extent, info.sequence))),
            Err(LedgerError::NotRetained { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if extent.kept_first > 1 {
        let oldest = journal.snapshots()?.into_iter().next_back();
        let first = oldest.as_ref().map_or(extent.kept_first, |info| info.sequence);
        let first_ms = oldest.map(|info| info.time_ms);
        return Err(match at {
            At::Sequence(sequence) => LedgerError::NotRetained { sequence, first },
            At::Time(at_ms) => LedgerError::TimeNotRetained { at_ms, first, first_ms },
        });
    }
    Ok(View::of(Rebuild::new().live(), 0).with_data(data_behind(&extent, 0)))
}

/// Whether changes of sessions' data behind that event are kept: the archive has none.
pub(super) fn data_behind(extent: &Extent, sequence: u64) -> DataOfSessions {
    if sequence + 1 < extent.sequence_first {
        DataOfSessions::NotKept
    } else {
        DataOfSessions::Kept
    }
}

/// Folds the events from `from` on that belong to the moment.
fn fold(replay: &Replay<'_>, base: View, from: u64, at: At) -> Result<View, LedgerError> {
    let last = match at {
        At::Sequence(last) => last,
        At::Time(_) => replay.head(),
    };
    let (most, sessions) = (last.saturating_sub(from), base.live().len());
    if usize::try_from(most).is_ok_and(|most| most < BULK_EVENTS.max(sessions / BULK_PART)) {
        return fold_with(replay, base, (from, at), &mut |live, recorded| {
            apply(&mut live.writer(), recorded.sequence, &recorded.event);
        });
    }
    let (data, mut sequence) = (base.data_of_sessions(), base.sequence());
    let live = Arc::into_inner(base.into_live()).expect("nobody has it but who makes the view");
    let mut bulk = BulkFold::new(live);
    scan_some(replay, (from, at), &mut |events| {
        sequence = events.last().map_or(sequence, |recorded| recorded.sequence);
        bulk.fold(&events);
    })?;
    Ok(moved(Arc::new(bulk.finish()), at, sequence).with_data(data))
}

/// The same, with a fold of the caller's.
pub(super) fn fold_with(
    replay: &Replay<'_>,
    base: View,
    (from, at): (u64, At),
    fold: &mut dyn FnMut(&Live, Recorded),
) -> Result<View, LedgerError> {
    let (data, mut sequence) = (base.data_of_sessions(), base.sequence());
    let live = base.into_live();
    scan(replay, (from, at), &mut |recorded| {
        sequence = recorded.sequence;
        fold(&live, recorded);
    })?;
    Ok(moved(live, at, sequence).with_data(data))
}

/// The view of a moment, of tables that have folded what belongs to it, `sequence` last.
fn moved(live: Arc<Live>, at: At, sequence: u64) -> View {
    let (sequence, at_ms) = match at {
        At::Sequence(last) => (last, live.last_at_ms()),
        At::Time(time_ms) => (sequence, time_ms),
    };
    View::of(live, sequence).judged_at(at_ms)
}

/// Whether an event is a part of a moment.
pub(super) enum Belongs {
    Yes,
    No,
    /// No, and neither is any later one.
    NorWhatFollows,
}

/// Whether the record had happened by that moment.
pub(super) fn belongs(record: &Record, at: At) -> Result<Belongs, LedgerError> {
    Ok(match at {
        At::Sequence(last) if record.sequence > last => Belongs::NorWhatFollows,
        At::Time(time_ms)
            if record.time_ms > time_ms && !glance(record)?.had_happened_by(time_ms) =>
        {
            Belongs::No
        }
        At::Sequence(_) | At::Time(_) => Belongs::Yes,
    })
}

/// Looks at the beginning of the event.
pub(super) fn glance(record: &Record) -> Result<codec::Glance, LedgerError> {
    codec::glance(&record.payload)
        .map_err(|cause| LedgerError::Event { sequence: record.sequence, cause: Arc::new(cause) })
}

/// Reads the event.
pub(super) fn decode(record: &Record) -> Result<passbook_core::Event, LedgerError> {
    codec::decode(&record.payload)
        .map_err(|cause| LedgerError::Event { sequence: record.sequence, cause: Arc::new(cause) })
}
