//! What an event says, and in whose history: the one place that turns facts into lines.
//!
//! It reads the sessions as they are *before* the event, because some endings name no session: a
//! sweep ends whatever had expired, and "all sessions of a user" ends whatever was open. Keeping
//! those sessions is the part of whoever asks, by core's own fold.

use passbook_core::{
    EndReason, Event, Fact, ReuseVerdict, SessionId, SessionState, SessionView, Text,
};

use super::entry::{HistoryEntry, HistoryKind, Recorded};

/// What a fact means for histories. A new kind of fact must find its place here.
enum Meaning<'a> {
    /// It is in nobody's history.
    Silent,
    /// A line for the users that the fact names.
    Line(HistoryKind),
    /// The end of one session.
    End(SessionId, EndReason),
    /// The end of all sessions of a user but one.
    EndOfUser(&'a str, Option<SessionId>, EndReason),
    /// The end of all sessions that expire at or before this moment.
    EndOfExpired(u64),
}

fn meaning(fact: &Fact) -> Meaning<'_> {
    match fact {
        Fact::SessionCreated { transport, is_guest, .. } => {
            Meaning::Line(HistoryKind::Login { transport: *transport, is_guest: *is_guest })
        }
        // Those of one session are folded into one line by whoever keeps it.
        Fact::SessionRefreshed { .. } => {
            Meaning::Line(HistoryKind::Refresh { count: 1, last_at_ms: 0 })
        }
        Fact::SessionReauthenticated { amr, .. } => {
            Meaning::Line(HistoryKind::StepUp { amr: amr.as_str().into() })
        }
        Fact::SessionUpgraded { guest, .. } => {
            Meaning::Line(HistoryKind::Upgrade { guest: guest.text().clone() })
        }
        Fact::DeviceSet { .. } => Meaning::Line(HistoryKind::Device),
        Fact::TenantSet { tenant, .. } => {
            let tenant = tenant.as_ref().map(|tenant| tenant.text().clone());
            Meaning::Line(HistoryKind::Tenant(tenant))
        }
        Fact::TokenReuseDetected { subject, verdict, .. } => match verdict {
            ReuseVerdict::Ended => Meaning::End(subject.session, EndReason::TokenReuse),
            ReuseVerdict::Race | ReuseVerdict::Refused => {
                Meaning::Line(HistoryKind::Reuse(*verdict))
            }
        },
        Fact::LoginFailed { reason, count, .. } => {
            Meaning::Line(HistoryKind::Failure { reason: *reason, count: *count })
        }
        Fact::SessionRevoked { subject, reason, .. } => Meaning::End(subject.session, *reason),
        Fact::UserSessionsRevoked { user, except, reason, .. } => {
            Meaning::EndOfUser(user, *except, *reason)
        }
        Fact::SessionsExpired { effective_now_ms, .. }
        | Fact::Compacted { effective_now_ms, .. } => Meaning::EndOfExpired(*effective_now_ms),
        Fact::Opened { .. }
        | Fact::PolicySet { .. }
        | Fact::DataSet { .. }
        | Fact::DataRemoved { .. }
        | Fact::SessionTouched { .. }
        | Fact::Bookmark { .. }
        | Fact::Salvaged { .. } => Meaning::Silent,
    }
}

/// In whose history an event may leave a line, as far as the event itself says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// In nobody's: it may be forgotten once the live state holds what it did.
    Nobody,
    /// In that of these users: one, or two if a guest became a user.
    Users(Vec<Text>),
    /// In anyone's who had an open session.
    Anyone,
}

/// In whose history the event may leave a line.
pub fn audience(event: &Event) -> Audience {
    match meaning(&event.fact) {
        Meaning::Silent => Audience::Nobody,
        Meaning::EndOfExpired(_) => Audience::Anyone,
        Meaning::Line(_) | Meaning::End(..) | Meaning::EndOfUser(..) => {
            let users: Vec<_> = named(&event.fact).cloned().collect();
            if users.is_empty() { Audience::Nobody } else { Audience::Users(users) }
        }
    }
}

/// Under which names the archive finds the event again: those of the users whose history it may
/// change, each once, and the empty one for what may change anyone's. One posting for each.
pub fn filed_under(event: &Event) -> Vec<Text> {
    // A touch is no line, and says when a sweep ended the session.
    if let Fact::SessionTouched { subject, .. } = &event.fact {
        return vec![subject.user.text().clone()];
    }
    match audience(event) {
        Audience::Users(users) => users,
        Audience::Anyone => vec![Text::from("")],
        Audience::Nobody => Vec::new(),
    }
}

/// The users that a fact names, each once.
pub(crate) fn named(fact: &Fact) -> impl Iterator<Item = &Text> {
    let user = fact.user().map(passbook_core::UserId::text);
    let guest = if let Fact::SessionUpgraded { guest, .. } = fact {
        Some(guest.text()).filter(|guest| Some(*guest) != user)
    } else {
        None
    };
    user.into_iter().chain(guest)
}

/// Up to which moment sessions have expired, if that is what the fact says.
pub(crate) fn expired_until_ms(fact: &Fact) -> Option<u64> {
    if let Meaning::EndOfExpired(now_ms) = meaning(fact) { Some(now_ms) } else { None }
}

/// The user all of whose sessions end, if that is what the fact says.
pub(crate) fn ended_user(fact: &Fact) -> Option<&str> {
    if let Meaning::EndOfUser(user, ..) = meaning(fact) { Some(user) } else { None }
}

/// A line, and in whose history it stands.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) user: Text,
    pub(crate) entry: HistoryEntry,
    /// It is a refresh of a session that is open: to be folded into its last one.
    pub(crate) folds: bool,
}

/// The lines that the event adds, given the sessions before it. Those of one user are in the order
/// of their sessions' ids.
pub(crate) fn tell(before: &impl SessionView, recorded: &Recorded) -> Vec<Told> {
    let fact = &recorded.event.fact;
    match meaning(fact) {
        Meaning::Silent => Vec::new(),
        Meaning::Line(kind) => lines(before, recorded, &kind),
        Meaning::End(id, reason) => {
            ends(recorded, before.session(id).map(|state| (state, reason)).into_iter().collect())
        }
        Meaning::EndOfUser(user, except, reason) => {
            let mut states = before.sessions_of(user);
            states.retain(|state| Some(state.id()) != except);
            ends(recorded, states.into_iter().map(|state| (state, reason)).collect())
        }
        Meaning::EndOfExpired(now_ms) => {
            let ids = before.expired(now_ms).into_iter();
            let states = ids.filter_map(|id| before.session(id));
            let with_reason = states.map(|state| {
                let reason = expiry_reason(&state);
                (state, reason)
            });
            ends(recorded, with_reason.collect())
        }
    }
}

fn lines(before: &impl SessionView, recorded: &Recorded, kind: &HistoryKind) -> Vec<Told> {
    let fact = &recorded.event.fact;
    let session = fact.subject().map(|subject| subject.session);
    let state = session.and_then(|id| before.session(id));
    let mut kind = kind.clone();
    let is_refresh = if let HistoryKind::Refresh { last_at_ms, .. } = &mut kind {
        *last_at_ms = recorded.event.happened_at_ms();
        true
    } else {
        false
    };
    let folds = is_refresh && state.is_some();
    let entry = entry_of(recorded, kind, session, state.as_ref());
    named(fact).map(|user| Told { user: user.clone(), entry: entry.clone(), folds }).collect()
}

fn ends(recorded: &Recorded, mut ending: Vec<(SessionState, EndReason)>) -> Vec<Told> {
    ending.sort_by_key(|(state, _)| state.id());
    ending.into_iter().map(|(state, reason)| end(recorded, &state, reason)).collect()
}

fn end(recorded: &Recorded, state: &SessionState, reason: EndReason) -> Told {
    // A sweep comes after the end that it records: the session was dead from its expiry on.
    let at_ms = if reason.is_expiry() {
        state.session.expires_at_ms
    } else {
        recorded.event.happened_at_ms()
    };
    let duration_ms = at_ms.saturating_sub(state.session.created_at_ms);
    let kind = HistoryKind::End { reason, duration_ms };
    let mut entry = entry_of(recorded, kind, Some(state.id()), Some(state));
    entry.at_ms = at_ms;
    Told { user: state.session.user_id.clone(), entry, folds: false }
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
        device: own_device(&event.fact)
            .or_else(agent)
            .or_else(|| seen.and_then(|seen| seen.device.clone().or(seen.user_agent.clone()))),
        service: imported.map(|imported| imported.service.clone()),
        note: event.note.as_ref().map(|note| note.text().clone()),
    }
}

/// The label that the fact itself gives the device.
fn own_device(fact: &Fact) -> Option<Text> {
    if let Fact::SessionCreated { device: Some(device), .. } | Fact::DeviceSet { device, .. } = fact
    {
        Some(device.text().clone())
    } else {
        None
    }
}
