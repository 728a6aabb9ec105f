//! Finding a place in the past: by time, and by a token.

use passbook_core::{SessionId, SessionView as _, TokenDigest, TokenStanding};
use passbook_journal::Journal;

use super::{Replay, moment::decode};
use crate::error::LedgerError;

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
    for record in replay.journal.read_kept(first)? {
        let record = record?;
        if record.payload.windows(digest.as_bytes().len()).any(|bytes| bytes == digest.as_bytes()) {
            let fact = decode(&record)?.fact;
            if fact.issued_token() == Some(*digest)
                && let Some(subject) = fact.subject()
            {
                return Ok(subject.session);
            }
        }
    }
    Err(LedgerError::NoTrace { first, last })
}
