//! Finding a place in the past: by time, and by a token.

use passbook_core::{SessionId, SessionView as _, TokenDigest, TokenStanding};
use passbook_journal::{Journal, Record};
use passbook_projections::postings::{BLOCK_EVENTS_MAX, Key};

use super::{Replay, moment::decode, picker::Picker};
use crate::{error::LedgerError, postings::Stretch};

/// A place before which no kept event was recorded at or after that time, in Unix milliseconds, and
/// not far before the first one that was.
pub(super) fn near(replay: &Replay<'_>, time_ms: u64) -> Result<u64, LedgerError> {
    let (first, last) = (replay.journal.extent().kept_first.max(1), replay.journal.durable());
    match posted_since(&replay.stretches(first, last), time_ms) {
        Some(place) => Ok(place),
        None => recorded_since(replay.journal, time_ms),
    }
}

/// The same as the postings say it, if they know enough.
fn posted_since(stretches: &[Stretch<'_>], time_ms: u64) -> Option<u64> {
    let mut is_before_known = true;
    for stretch in stretches {
        let is_short = stretch.last - stretch.first < BLOCK_EVENTS_MAX;
        let (begins_here, is_known) = (stretch.time_last_ms() >= time_ms, stretch.is_known());
        if begins_here {
            let place = stretch.begin_for(time_ms);
            return Some(place).filter(|_| is_before_known && (is_known || is_short));
        }
        is_before_known = is_known;
    }
    stretches.last().map(|stretch| stretch.last + 1)
}

/// The first kept event that was recorded at or after that time, in Unix milliseconds; one behind the
/// last if there is none.
pub(super) fn recorded_since(journal: &dyn Journal, time_ms: u64) -> Result<u64, LedgerError> {
    let (mut from, mut until) = (journal.extent().kept_first.max(1), journal.durable() + 1);
    while from < until {
        let middle = from + (until - from) / 2;
        match journal.read_kept(middle)?.next().transpose()? {
            // Of some records the archive has only the leaf: this one may be behind the middle.
            Some(record) if record.time_ms < time_ms => from = record.sequence + 1,
            Some(_) | None => until = middle,
        }
    }
    Ok(until)
}

/// The session to whose lineage the token belongs or belonged.
pub(super) fn session_of(
    replay: &Replay<'_>,
    digest: &TokenDigest,
) -> Result<SessionId, LedgerError> {
    let known = replay.live.and_then(|live| live.token(digest));
    if let Some(TokenStanding::Live(state) | TokenStanding::Spent(state, _)) = known {
        return Ok(state.id());
    }
    let (first, last) = (replay.journal.extent().kept_first.max(1), replay.head());
    for stretch in replay.stretches(first, last) {
        if let Some(session) = issued_in(replay.journal, &stretch, digest)? {
            return Ok(session);
        }
    }
    Err(LedgerError::NoTrace { first, last })
}

/// The session that was given the token in these events.
fn issued_in(
    journal: &dyn Journal,
    stretch: &Stretch<'_>,
    digest: &TokenDigest,
) -> Result<Option<SessionId>, LedgerError> {
    if let Some(found) = stretch.find(&[Key::Token(*digest)]) {
        let mut picker = Picker::new(journal);
        for sequence in found {
            if let Some(record) = picker.pick(sequence)?
                && let Some(session) = issued_by(&record, digest)?
            {
                return Ok(Some(session));
            }
        }
        return Ok(None);
    }
    for record in journal.read_kept(stretch.first)? {
        let record = record?;
        if record.sequence > stretch.last {
            break;
        }
        if record.payload.windows(digest.as_bytes().len()).any(|bytes| bytes == digest.as_bytes())
            && let Some(session) = issued_by(&record, digest)?
        {
            return Ok(Some(session));
        }
    }
    Ok(None)
}

/// The session, if the event gave it the token.
fn issued_by(record: &Record, digest: &TokenDigest) -> Result<Option<SessionId>, LedgerError> {
    let fact = decode(record)?.fact;
    let is_it = fact.issued_token() == Some(*digest);
    Ok(fact.subject().map(|subject| subject.session).filter(|_| is_it))
}
