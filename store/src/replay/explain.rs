//! From a session's trail to what is said of it.

use super::{
    Replay,
    ending::{Cause, Ending},
    explanation::{Explanation, Outlook, Standing},
    moment::At,
    trail::{End, Trail},
};
use crate::error::LedgerError;
use passbook_core::SessionId;

pub(super) fn explain(
    replay: &Replay<'_>,
    session: SessionId,
    at: Option<At>,
) -> Result<Explanation, LedgerError> {
    let Trail { events, state, end, policy, last_at_ms } = Trail::follow(replay, session, at)?;
    let judged_at_ms = match at {
        None => replay.judged_at_ms(last_at_ms),
        Some(At::Sequence(_)) => last_at_ms,
        Some(At::Time(time_ms)) => time_ms,
    };
    let standing = match end {
        Some(End { recorded, evicted_by }) => {
            let mut ending = Ending::by(&state, recorded, policy);
            if let Cause::Evicted { by, .. } = &mut ending.cause {
                *by = evicted_by;
            }
            Standing::Dead(Box::new(ending))
        }
        None if state.session.is_expired(judged_at_ms) => {
            Standing::Dead(Box::new(Ending::by_clock(&state, judged_at_ms, policy)))
        }
        None => Standing::Alive(Outlook::of(&state, policy)),
    };
    Ok(Explanation {
        generation: state.generation,
        session: state.session,
        standing,
        judged_at_ms,
        events,
    })
}
