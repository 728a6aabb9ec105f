//! The beginning of the wire form alone: times, and the session of a fact that is about one.

use super::{HeadV1, SubjectV1, read::take};
use crate::{SessionId, codec::Why};

/// What every event begins with, and the bytes of its fact.
pub(in crate::codec) struct Start<'a> {
    pub(in crate::codec) at_ms: u64,
    pub(in crate::codec) occurred_at_ms: Option<u64>,
    pub(in crate::codec) fact: &'a [u8],
}

impl<'a> Start<'a> {
    pub(in crate::codec) fn of(body: &'a [u8]) -> Result<Self, Why> {
        let (head, fact) = take::<HeadV1<'_>>(body)?;
        Ok(Self { at_ms: head.at_ms, occurred_at_ms: head.occurred_at_ms, fact })
    }

    /// The session of a fact that begins with its subject.
    pub(in crate::codec) fn session(&self) -> Result<SessionId, Why> {
        let (subject, _) = take::<SubjectV1<'_>>(self.fact)?;
        Ok(SessionId::from_u128(subject.session))
    }
}
