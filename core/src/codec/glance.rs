//! A look at the beginning of an event's bytes: enough to pass over what a reader does not look for.

use super::{
    CodecError, decode, split_head,
    wire::{kind, schema_of, start::Start},
};
use crate::{Event, Fact, SessionId};

/// What stands at the beginning of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// When it was recorded, in Unix milliseconds.
    pub at_ms: u64,
    /// When it happened, where that is another time, in Unix milliseconds.
    pub occurred_at_ms: Option<u64>,
    /// What it is about.
    pub about: About,
}

/// What an event is about, as far as it says so at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// One session.
    Session(SessionId),
    /// Sessions that it does not name: all of a user's, or all whose time had come.
    Sessions,
    /// The policy.
    Policy,
    /// Neither sessions nor the policy: it changes no state.
    Nothing,
}

impl Glance {
    /// The same of an event that is read already.
    pub fn of(event: &Event) -> Self {
        let about = match &event.fact {
            Fact::PolicySet { .. } => About::Policy,
            Fact::UserSessionsRevoked { .. }
            | Fact::SessionsExpired { .. }
            | Fact::Compacted { .. } => About::Sessions,
            Fact::SessionCreated { subject, .. }
            | Fact::SessionRefreshed { subject, .. }
            | Fact::SessionReauthenticated { subject, .. }
            | Fact::SessionUpgraded { subject, .. }
            | Fact::SessionRevoked { subject, .. }
            | Fact::DeviceSet { subject, .. }
            | Fact::TenantSet { subject, .. }
            | Fact::DataSet { subject, .. }
            | Fact::DataRemoved { subject, .. }
            | Fact::SessionTouched { subject, .. }
            | Fact::TokenReuseDetected { subject, .. } => About::Session(subject.session),
            Fact::Opened { .. }
            | Fact::LoginFailed { .. }
            | Fact::Bookmark { .. }
            | Fact::Salvaged { .. } => About::Nothing,
        };
        Self { at_ms: event.at_ms, occurred_at_ms: event.occurred_at_ms, about }
    }

    /// As [`Event::had_happened_by`].
    pub fn had_happened_by(&self, time_ms: u64) -> bool {
        self.occurred_at_ms.unwrap_or(self.at_ms).min(self.at_ms) <= time_ms
    }
}

/// Looks at the beginning of an event's bytes. Costs a fraction of [`decode`], and says nothing of
/// whether the rest can be read.
///
/// ```
/// use passbook_core::codec::{About, Glance, glance};
/// # use passbook_core::{Actor, Event, Fact, Origin, codec::encode};
/// # let fact = Fact::Opened { version: "0.1.0".into(), dropped_bytes: 0 };
/// # let (actor, origin) = (Actor::System, Origin::default());
/// # let event = Event { at_ms: 7, occurred_at_ms: None, actor, origin, note: None, key: None, fact };
/// let bytes = encode(&event)?;
/// assert_eq!(glance(&bytes)?, Glance { at_ms: 7, occurred_at_ms: None, about: About::Nothing });
/// # Ok::<(), passbook_core::codec::CodecError>(())
/// ```
///
/// # Errors
/// As [`decode`], as far as it looks.
pub fn glance(bytes: &[u8]) -> Result<Glance, CodecError> {
    let (kind, schema, body) = split_head(bytes)?;
    if schema != schema_of(kind) {
        return decode(bytes).map(|event| Glance::of(&event));
    }
    let malformed = |why: super::Why| CodecError::Malformed { kind, schema, why: why.0 };
    let start = Start::of(body).map_err(malformed)?;
    let about = match kind {
        kind::POLICY_SET => About::Policy,
        kind::USER_SESSIONS_REVOKED | kind::SESSIONS_EXPIRED | kind::COMPACTED => About::Sessions,
        kind::SESSION_CREATED
        | kind::SESSION_REFRESHED
        | kind::SESSION_UPGRADED
        | kind::SESSION_REVOKED
        | kind::DEVICE_SET
        | kind::TENANT_SET
        | kind::DATA_SET
        | kind::DATA_REMOVED
        | kind::SESSION_TOUCHED
        | kind::TOKEN_REUSE_DETECTED
        | kind::SESSION_REAUTHENTICATED => About::Session(start.session().map_err(malformed)?),
        kind::OPENED | kind::LOGIN_FAILED | kind::BOOKMARK | kind::SALVAGED => About::Nothing,
        _ => return Err(CodecError::Unknown { kind, schema }),
    };
    Ok(Glance { at_ms: start.at_ms, occurred_at_ms: start.occurred_at_ms, about })
}
