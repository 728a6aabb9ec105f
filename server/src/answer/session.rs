//! Sessions: an item of a list, the list, and one session in full.

mod list;
mod show;

use passbook::{
    Session, Transport,
    core::{SessionState, session::NEVER_MS},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Moment, View, counted,
    paint::{self, painted},
};
use crate::{
    filter::Facts as FilterFacts,
    fold::{End, Track},
};

pub(crate) use list::{Counts, SessionList};
pub(crate) use show::{DataKeySize, Lineage, SESSION_SCHEMA, SessionDocument};

/// The schema of [`SessionList`].
pub(crate) const SESSION_LIST_SCHEMA: &str = "passbook.session.list/1";

/// The schema of a line of the list under `--format jsonl`.
pub(crate) const SESSION_ITEM_SCHEMA: &str = "passbook.session.item/1";

/// What a session is at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// Its token opens it.
    Live,
    /// Somebody or a rule ended it.
    Ended,
    /// Its time came.
    Expired,
}

impl Standing {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Expired => "expired",
        }
    }

    /// What a session is that came to this end.
    pub(crate) fn of(end: Option<&End>) -> Self {
        use passbook::EndReason as Why;
        match end.map(|end| end.reason) {
            None => Self::Live,
            Some(Why::ExpiredIdle | Why::ExpiredAbsolute) => Self::Expired,
            Some(
                Why::Logout
                | Why::RevokedByUser
                | Why::RevokedByAdmin
                | Why::Replaced
                | Why::Evicted
                | Why::Fingerprint
                | Why::TokenReuse
                | Why::Imported
                | Why::Erased,
            ) => Self::Ended,
        }
    }
}

/// `cookie`, `jwt`, `token` or `imported`.
pub(crate) fn transport_text(transport: Transport) -> &'static str {
    match transport {
        Transport::Token => "token",
        Transport::Cookie => "cookie",
        Transport::Jwt => "jwt",
        Transport::Imported => "imported",
    }
}

/// A session.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SessionItem {
    /// Its id: no secret.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) user_id: String,
    /// Whether it is a guest's.
    pub(crate) is_guest: bool,
    /// What it is at the moment that the answer is about.
    pub(crate) state: Standing,
    /// What a person calls the device.
    pub(crate) device: Option<String>,
    /// The organisation that it acts for.
    pub(crate) tenant_id: Option<String>,
    /// Where the login came from.
    pub(crate) ip: Option<String>,
    /// What the client said of itself at login.
    pub(crate) user_agent: Option<String>,
    /// `cookie`, `jwt`, `token` or `imported`.
    pub(crate) transport: &'static str,
    /// The time of login.
    pub(crate) created_at: Moment,
    /// The same, in Unix milliseconds.
    pub(crate) created_at_ms: u64,
    /// The last login, refresh, upgrade or touch.
    pub(crate) last_active_at: Moment,
    /// The same, in Unix milliseconds.
    pub(crate) last_active_at_ms: u64,
    /// When it expires, or would have; `null` = never.
    pub(crate) expires_at: Option<Moment>,
    /// The same, in Unix milliseconds.
    pub(crate) expires_at_ms: Option<u64>,
    /// The event that opened it.
    pub(crate) created_sequence: Option<u64>,
    /// When it was dead.
    pub(crate) ended_at: Option<Moment>,
    /// The same, in Unix milliseconds.
    pub(crate) ended_at_ms: Option<u64>,
    /// Why it ended.
    pub(crate) end_reason: Option<&'static str>,
    /// Who ended it.
    pub(crate) ended_by: Option<String>,
    /// The event that ended it; `null` for one that expired and was not swept yet.
    pub(crate) ended_sequence: Option<u64>,
    #[serde(skip)]
    #[schemars(skip)]
    created_by: Option<String>,
}

impl SessionItem {
    pub(crate) fn of(state: &SessionState, track: Option<&Track>, end: Option<&End>) -> Self {
        let mut item = Self::of_session(&state.session, end);
        item.created_sequence = track.map(|track| track.created_sequence);
        item.created_by = track.map(|track| track.created_by.to_string());
        item
    }

    pub(crate) fn of_session(session: &Session, end: Option<&End>) -> Self {
        let never = session.expires_at_ms == NEVER_MS;
        let expires_at_ms = (!never).then_some(session.expires_at_ms);
        Self {
            id: session.id.to_string(),
            user_id: session.user_id.to_string(),
            is_guest: session.is_guest,
            state: Standing::of(end),
            device: session.device.as_ref().map(ToString::to_string),
            tenant_id: session.tenant_id.as_ref().map(ToString::to_string),
            ip: session.ip.map(|ip| ip.to_string()),
            user_agent: session.user_agent.as_ref().map(ToString::to_string),
            transport: transport_text(session.transport),
            created_at: Moment(session.created_at_ms),
            created_at_ms: session.created_at_ms,
            last_active_at: Moment(session.last_active_at_ms),
            last_active_at_ms: session.last_active_at_ms,
            expires_at: expires_at_ms.map(Moment),
            expires_at_ms,
            created_sequence: None,
            ended_at: end.map(|end| Moment(end.at_ms)),
            ended_at_ms: end.map(|end| end.at_ms),
            end_reason: end.map(|end| end.reason.as_str()),
            ended_by: end.map(|end| end.actor.to_string()),
            ended_sequence: end.and_then(|end| end.sequence),
            created_by: None,
        }
    }

    /// `Session 01M7… of u_1842 is DEAD since 2026-11-20 14:03:11.482Z`.
    pub(crate) fn headline(&self, view: &View) -> String {
        let id = &self.id;
        let user = crate::render::escape::escape(&self.user_id);
        let guest = if self.is_guest { "guest " } else { "" };
        let live = painted("live", paint::GOOD);
        let dead = painted("DEAD", paint::BAD);
        match (self.state, self.ended_at_ms) {
            (Standing::Live, _) | (_, None) => format!("Session {id} of {guest}{user} is {live}"),
            (Standing::Ended | Standing::Expired, Some(at_ms)) => {
                let since = view.time(at_ms);
                format!("Session {id} of {guest}{user} is {dead} since {since}")
            }
        }
    }

    /// A session that was opened just now by that event.
    pub(crate) fn opened(session: &Session, created_sequence: u64) -> Self {
        let mut item = Self::of_session(session, None);
        item.created_sequence = Some(created_sequence);
        item
    }

    /// What a filter may ask. Time, sequence and actor are those of its end, or else of its login.
    pub(crate) fn facts(&self) -> FilterFacts<'_> {
        let is_live = self.state == Standing::Live;
        FilterFacts {
            user: Some(&self.user_id),
            id: Some(&self.id),
            ip: self.ip.as_deref().and_then(|ip| ip.parse().ok()),
            device: self.device.as_deref(),
            tenant: self.tenant_id.as_deref(),
            state: Some(self.state.as_str()),
            reason: self.end_reason,
            actor: if is_live { self.created_by.as_deref() } else { self.ended_by.as_deref() },
            kind: None,
            time_ms: Some(self.ended_at_ms.unwrap_or(self.created_at_ms)),
            sequence: if is_live { self.created_sequence } else { self.ended_sequence },
            guest: Some(self.is_guest),
            transport: Some(self.transport),
        }
    }

    /// What a person calls the device, or else what its client said of itself.
    pub(crate) fn device_or_agent(&self) -> &str {
        self.device.as_deref().or(self.user_agent.as_deref()).unwrap_or_default()
    }

    /// `in 29 d`, `never`, or when and why it ended.
    pub(crate) fn fate(&self, view: &View) -> String {
        match (self.ended_at_ms, self.expires_at_ms) {
            (Some(ended_at_ms), _) => view.relative(ended_at_ms),
            (None, Some(expires_at_ms)) => view.relative(expires_at_ms),
            (None, None) => "never".to_owned(),
        }
    }
}

/// `2 sessions of 1 user`.
pub(crate) fn sessions_of_users(sessions: u64, users: u64) -> String {
    format!("{} of {}", counted(sessions, "session", "sessions"), counted(users, "user", "users"))
}
