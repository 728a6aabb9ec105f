//! The beginning of the wire form alone: times, and the session of a fact that is about one.

use super::{HeadV1, SubjectV1, read::take};
use crate::{SessionId, codec::Why};

/// When the event was recorded and when it happened, where that is another time; and the bytes of
/// the fact.
pub(in crate::codec) fn times(body: &[u8]) -> Result<((u64, Option<u64>), &[u8]), Why> {
    let (head, fact) = take::<HeadV1<'_>>(body)?;
    Ok(((head.at_ms, head.occurred_at_ms), fact))
}

/// The session of a fact that begins with its subject.
pub(in crate::codec) fn session(fact: &[u8]) -> Result<SessionId, Why> {
    let (subject, _) = take::<SubjectV1<'_>>(fact)?;
    Ok(SessionId::from_u128(subject.session))
}
