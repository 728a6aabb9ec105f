//! A session as a handler sees it: who, where and since when, with the application's data.

use std::{net::IpAddr, sync::Arc};

use axum::extract::FromRequestParts;
use http::request::Parts;
use passbook::{
    Session, SessionId, Transport,
    core::session::{Data, NEVER_MS, RESERVED_PREFIX, STEP_UP_KEY},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    problem::{Error, Result},
    sender::Sender,
};

/// A live session and its data, whatever carries it. Times are Unix milliseconds.
///
/// It serialises to JSON without any secret, so a device list can be sent as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionData {
    /// The session's id: stable through rotation, no secret. It serialises as its 26 characters.
    #[serde(serialize_with = "as_text")]
    pub id: SessionId,
    /// Whose it is.
    pub user_id: String,
    /// Whether this is a guest.
    pub is_guest: bool,
    /// By what it is carried.
    pub transport: Transport,
    /// What a person calls the device, such as `Firefox on Linux`.
    pub device: Option<String>,
    /// The organisation that it acts for.
    pub tenant_id: Option<String>,
    /// Where the login came from.
    pub ip: Option<IpAddr>,
    /// What the browser said of itself at login.
    pub user_agent: Option<String>,
    /// The time of login.
    pub created_at_ms: u64,
    /// The last login, rotation or touch.
    pub last_active_at_ms: u64,
    /// Dead from this moment on, if nothing extends it; `None` = never.
    pub expires_at_ms: Option<u64>,
    /// When the user last proved who they are: the login, or a later step-up.
    pub auth_time_ms: u64,
    /// How, as RFC 8176 names the methods (`pwd`, `otp`, `hwk`); empty if nobody said.
    pub amr: Vec<String>,
    /// The application's data.
    pub data: Map<String, Value>,
    /// Whether it is the session of this request.
    pub is_current: bool,
    /// When it was read, by the ledger's clock.
    #[serde(skip)]
    asked_at_ms: u64,
}

/// An extractor: the session of this request, whatever carries it. 401 `auth:unauthenticated` if there
/// is none, and always behind a JWT layer without `stateful_validation`, which looks for none; 500
/// `auth:middleware_missing` behind neither of the session layers.
impl<S: Sync> FromRequestParts<S> for SessionData {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        match Sender::of(&parts.extensions)? {
            Sender::Session(session) => Ok(session.into_owned()),
            Sender::Token | Sender::Nobody => Err(Error::Unauthenticated),
        }
    }
}

/// The last time that the user proved again who they are, as the session's data keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct StepUp {
    auth_time_ms: u64,
    amr: Vec<String>,
}

impl SessionData {
    /// How long ago the user last proved who they are, in milliseconds, when this was read.
    pub fn auth_age_ms(&self) -> u64 {
        self.asked_at_ms.saturating_sub(self.auth_time_ms)
    }

    /// Whether it is the session of this request is for who reads it to say.
    pub(crate) fn marked(self, is_current: bool) -> Self {
        Self { is_current, ..self }
    }

    /// Of a session and its data as the ledger gives them at that moment, in Unix milliseconds.
    pub(crate) fn new(session: Session, data: Option<Arc<Data>>, asked_at_ms: u64) -> Self {
        let mut step_up = StepUp { auth_time_ms: session.created_at_ms, amr: Vec::new() };
        let mut own = Map::new();
        for (key, json) in data.iter().flat_map(|data| data.iter()) {
            if &**key == STEP_UP_KEY {
                // Written by the fold alone. What can't be read counts as no step-up: it fails safe.
                step_up = serde_json::from_str(json).unwrap_or(step_up);
            } else if !key.starts_with(RESERVED_PREFIX) {
                let value = serde_json::from_str(json).unwrap_or(Value::Null);
                own.insert(key.to_string(), value);
            }
        }
        Self {
            id: session.id,
            user_id: session.user_id.to_string(),
            is_guest: session.is_guest,
            transport: session.transport,
            device: session.device.map(|device| device.to_string()),
            tenant_id: session.tenant_id.map(|tenant| tenant.to_string()),
            ip: session.ip,
            user_agent: session.user_agent.map(|agent| agent.to_string()),
            created_at_ms: session.created_at_ms,
            last_active_at_ms: session.last_active_at_ms,
            expires_at_ms: (session.expires_at_ms != NEVER_MS).then_some(session.expires_at_ms),
            auth_time_ms: step_up.auth_time_ms,
            amr: step_up.amr,
            data: own,
            is_current: false,
            asked_at_ms,
        }
    }
}

fn as_text<S: serde::Serializer>(
    id: &SessionId,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}
