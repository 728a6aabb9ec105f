//! One user's logins, failures and endings, told from the events.
//!
//! Sessions are folded along as `core` folds them, because some endings name no session: a sweep
//! ends whatever had expired, and "all sessions of a user" ends whatever was open.

use std::{collections::HashMap, net::IpAddr};

use passbook_core::{
    Actor, EndReason, Event, Fact, FailureReason, ReuseVerdict, SessionId, SessionState,
    SessionView, State, Text, Transport, apply,
};

use crate::subscribe::Recorded;

/// One line of a user's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The event that it tells of; of several folded ones, the first.
    pub sequence: u64,
    /// When it happened, in Unix milliseconds; for an import, the log's time.
    pub at_ms: u64,
    /// When it was recorded, in Unix milliseconds.
    pub recorded_at_ms: u64,
    /// What happened.
    pub kind: HistoryKind,
    /// The session, unless it is a failure.
    pub session: Option<SessionId>,
    /// Who acted.
    pub actor: Actor,
    /// The client's address, as far as it is known.
    pub ip: Option<IpAddr>,
    /// The client's name, where a log has a name and no address.
    pub remote_host: Option<Text>,
    /// What a person calls the device, or else what its browser said of itself.
    pub device: Option<Text>,
    /// The program that logged it, for an import.
    pub service: Option<Text>,
    /// The words on the act.
    pub note: Option<Text>,
}

/// What a line of history tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryKind {
    /// A session began.
    Login {
        /// By what it is carried.
        transport: Transport,
        /// Whether as a guest.
        is_guest: bool,
    },
    /// The session got a new token, `count` times in a row, the last time at `last_at_ms`.
    Refresh {
        /// How many times.
        count: u32,
        /// When the last time, in Unix milliseconds.
        last_at_ms: u64,
    },
    /// A guest became this user.
    Upgrade {
        /// The guest's name.
        guest: Text,
    },
    /// The device got a label.
    Device,
    /// The session switched to another organisation, or to none.
    Tenant(Option<Text>),
    /// A spent token was shown, and the session lives on.
    Reuse(ReuseVerdict),
    /// Logins that failed.
    Failure {
        /// Why.
        reason: FailureReason,
        /// How many.
        count: u32,
    },
    /// The session ended.
    End {
        /// Why.
        reason: EndReason,
        /// How long after its login, in milliseconds.
        duration_ms: u64,
    },
}

/// Folds events into one user's history.
#[derive(Debug)]
pub struct HistoryFold {
    user: Text,
    sessions: State,
    entries: Vec<HistoryEntry>,
    /// The entry that further refreshes of a session go into.
    refreshes: HashMap<SessionId, usize>,
}

impl HistoryFold {
    /// The empty history of that user.
    pub fn of(user: &str) -> Self {
        Self {
            user: user.into(),
            sessions: State::new(),
            entries: Vec::new(),
            refreshes: HashMap::new(),
        }
    }

    /// Adds the next event, of any user.
    pub fn add(&mut self, recorded: &Recorded) {
        let Recorded { sequence, event } = recorded;
        let is_told = self.concerns(event);
        if !is_told && !self.follows(event) {
            return;
        }
        let before = self.ending(event);
        if is_told {
            self.tell(recorded);
        }
        apply(&mut self.sessions, *sequence, event);
        for (state, reason) in before {
            let is_ours = state.session.user_id == self.user;
            if is_ours && self.sessions.session(state.id()).is_none() {
                self.tell_end(recorded, &state, reason);
            }
        }
    }

    /// Whether the event is about a guest's session: it may become this user's.
    fn follows(&self, event: &Event) -> bool {
        let known = |id| self.sessions.session(id).is_some();
        match &event.fact {
            Fact::SessionCreated { is_guest, .. } => *is_guest,
            Fact::UserSessionsRevoked { user, .. } => !self.sessions.sessions_of(user).is_empty(),
            fact @ (Fact::Opened { .. }
            | Fact::PolicySet { .. }
            | Fact::SessionRefreshed { .. }
            | Fact::SessionUpgraded { .. }
            | Fact::SessionRevoked { .. }
            | Fact::SessionsExpired { .. }
            | Fact::Compacted { .. }
            | Fact::DeviceSet { .. }
            | Fact::TenantSet { .. }
            | Fact::DataSet { .. }
            | Fact::DataRemoved { .. }
            | Fact::SessionTouched { .. }
            | Fact::TokenReuseDetected { .. }
            | Fact::LoginFailed { .. }
            | Fact::Bookmark { .. }
            | Fact::Salvaged { .. }) => {
                fact.subject().is_some_and(|subject| known(subject.session))
            }
        }
    }

    /// The history, newest first.
    pub fn newest_first(mut self) -> Vec<HistoryEntry> {
        self.entries.sort_by_key(|entry| std::cmp::Reverse((entry.at_ms, entry.sequence)));
        self.entries
    }

    fn concerns(&self, event: &Event) -> bool {
        match &event.fact {
            Fact::SessionsExpired { .. } | Fact::Compacted { .. } => true,
            Fact::SessionUpgraded { subject, guest, .. } => {
                subject.user == *self.user || *guest == *self.user
            }
            fact @ (Fact::Opened { .. }
            | Fact::PolicySet { .. }
            | Fact::SessionCreated { .. }
            | Fact::SessionRefreshed { .. }
            | Fact::SessionRevoked { .. }
            | Fact::UserSessionsRevoked { .. }
            | Fact::DeviceSet { .. }
            | Fact::TenantSet { .. }
            | Fact::DataSet { .. }
            | Fact::DataRemoved { .. }
            | Fact::SessionTouched { .. }
            | Fact::TokenReuseDetected { .. }
            | Fact::LoginFailed { .. }
            | Fact::Bookmark { .. }
            | Fact::Salvaged { .. }) => fact.user().is_some_and(|user| *user == *self.user),
        }
    }

    /// The sessions that the event may end, and why it would.
    fn ending(&self, event: &Event) -> Vec<(SessionState, EndReason)> {
        let one = |id: SessionId, reason| {
            self.sessions.session(id).map(|state| (state, reason)).into_iter().collect()
        };
        match &event.fact {
            Fact::SessionRevoked { subject, reason, .. } => one(subject.session, *reason),
            Fact::TokenReuseDetected { subject, .. } => one(subject.session, EndReason::TokenReuse),
            Fact::UserSessionsRevoked { user, reason, .. } => {
                let states = self.sessions.sessions_of(user);
                states.into_iter().map(|state| (state, *reason)).collect()
            }
            Fact::SessionsExpired { effective_now_ms, .. }
            | Fact::Compacted { effective_now_ms, .. } => {
                let ids = self.sessions.expired(*effective_now_ms);
                let states = ids.into_iter().filter_map(|id| self.sessions.session(id));
                states.map(|state| (state.clone(), expiry_reason(&state))).collect()
            }
            Fact::Opened { .. }
            | Fact::PolicySet { .. }
            | Fact::SessionCreated { .. }
            | Fact::SessionRefreshed { .. }
            | Fact::SessionUpgraded { .. }
            | Fact::DeviceSet { .. }
            | Fact::TenantSet { .. }
            | Fact::DataSet { .. }
            | Fact::DataRemoved { .. }
            | Fact::SessionTouched { .. }
            | Fact::LoginFailed { .. }
            | Fact::Bookmark { .. }
            | Fact::Salvaged { .. } => Vec::new(),
        }
    }

    fn tell(&mut self, recorded: &Recorded) {
        let kind = match &recorded.event.fact {
            Fact::SessionCreated { transport, is_guest, .. } => {
                HistoryKind::Login { transport: *transport, is_guest: *is_guest }
            }
            Fact::SessionRefreshed { subject, .. } => {
                return self.tell_refresh(recorded, subject.session);
            }
            Fact::SessionUpgraded { guest, .. } => {
                HistoryKind::Upgrade { guest: guest.text().clone() }
            }
            Fact::DeviceSet { .. } => HistoryKind::Device,
            Fact::TenantSet { tenant, .. } => {
                HistoryKind::Tenant(tenant.as_ref().map(|tenant| tenant.text().clone()))
            }
            Fact::TokenReuseDetected { verdict, .. } => match verdict {
                ReuseVerdict::Ended => return,
                ReuseVerdict::Race | ReuseVerdict::Refused => HistoryKind::Reuse(*verdict),
            },
            Fact::LoginFailed { reason, count, .. } => {
                HistoryKind::Failure { reason: *reason, count: *count }
            }
            Fact::Opened { .. }
            | Fact::PolicySet { .. }
            | Fact::SessionRevoked { .. }
            | Fact::UserSessionsRevoked { .. }
            | Fact::SessionsExpired { .. }
            | Fact::Compacted { .. }
            | Fact::DataSet { .. }
            | Fact::DataRemoved { .. }
            | Fact::SessionTouched { .. }
            | Fact::Bookmark { .. }
            | Fact::Salvaged { .. } => return,
        };
        let session = recorded.event.fact.subject().map(|subject| subject.session);
        let state = session.and_then(|id| self.sessions.session(id));
        self.entries.push(entry_of(recorded, kind, session, state.as_ref()));
    }

    fn tell_refresh(&mut self, recorded: &Recorded, session: SessionId) {
        let last_at_ms = recorded.event.happened_at_ms();
        let before = self.refreshes.get(&session).and_then(|at| self.entries.get_mut(*at));
        if let Some(HistoryEntry {
            kind: HistoryKind::Refresh { count, last_at_ms: last }, ..
        }) = before
        {
            *count = count.saturating_add(1);
            *last = last_at_ms;
            return;
        }
        let kind = HistoryKind::Refresh { count: 1, last_at_ms };
        let state = self.sessions.session(session);
        self.refreshes.insert(session, self.entries.len());
        self.entries.push(entry_of(recorded, kind, Some(session), state.as_ref()));
    }

    fn tell_end(&mut self, recorded: &Recorded, state: &SessionState, reason: EndReason) {
        // A sweep comes after the end that it records: the session was dead from its expiry on.
        let at_ms = match reason {
            EndReason::ExpiredIdle | EndReason::ExpiredAbsolute => state.session.expires_at_ms,
            EndReason::Logout
            | EndReason::RevokedByUser
            | EndReason::RevokedByAdmin
            | EndReason::Replaced
            | EndReason::Evicted
            | EndReason::Fingerprint
            | EndReason::TokenReuse
            | EndReason::Imported
            | EndReason::Erased => recorded.event.happened_at_ms(),
        };
        let duration_ms = at_ms.saturating_sub(state.session.created_at_ms);
        let kind = HistoryKind::End { reason, duration_ms };
        let mut entry = entry_of(recorded, kind, Some(state.id()), Some(state));
        entry.at_ms = at_ms;
        self.entries.push(entry);
    }
}

/// By which of its two deadlines a session expired.
pub fn expiry_reason(state: &SessionState) -> EndReason {
    if state.session.expires_at_ms == state.absolute_at_ms {
        EndReason::ExpiredAbsolute
    } else {
        EndReason::ExpiredIdle
    }
}

fn entry_of(
    recorded: &Recorded,
    kind: HistoryKind,
    session: Option<SessionId>,
    state: Option<&SessionState>,
) -> HistoryEntry {
    let event = &recorded.event;
    let origin = &event.origin;
    let imported = origin.imported.as_ref();
    let seen = state.map(|state| &state.session);
    let own_device = match &event.fact {
        Fact::SessionCreated { device, .. } => device.as_ref().map(|device| device.text().clone()),
        Fact::DeviceSet { device, .. } => Some(device.text().clone()),
        Fact::Opened { .. }
        | Fact::PolicySet { .. }
        | Fact::SessionRefreshed { .. }
        | Fact::SessionUpgraded { .. }
        | Fact::SessionRevoked { .. }
        | Fact::UserSessionsRevoked { .. }
        | Fact::SessionsExpired { .. }
        | Fact::Compacted { .. }
        | Fact::TenantSet { .. }
        | Fact::DataSet { .. }
        | Fact::DataRemoved { .. }
        | Fact::SessionTouched { .. }
        | Fact::TokenReuseDetected { .. }
        | Fact::LoginFailed { .. }
        | Fact::Bookmark { .. }
        | Fact::Salvaged { .. } => None,
    };
    let agent = || origin.user_agent.as_ref().map(|agent| agent.text().clone());
    HistoryEntry {
        sequence: recorded.sequence,
        at_ms: event.happened_at_ms(),
        recorded_at_ms: event.at_ms,
        kind,
        session,
        actor: event.actor.clone(),
        ip: origin.ip.or_else(|| seen?.ip),
        remote_host: imported.and_then(|imported| imported.remote_host.clone()),
        device: own_device
            .or_else(agent)
            .or_else(|| seen.and_then(|seen| seen.device.clone().or(seen.user_agent.clone()))),
        service: imported.map(|imported| imported.service.clone()),
        note: event.note.as_ref().map(|note| note.text().clone()),
    }
}
