//! A line of a user's history, and the event that it is told from.

use std::net::IpAddr;

use passbook_core::{
    Actor, EndReason, Event, FailureReason, ReuseVerdict, SessionId, Text, Transport,
};

/// An event and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Dense from 1.
    pub sequence: u64,
    /// What happened.
    pub event: Event,
}

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

impl HistoryEntry {
    /// The last moment that the line tells of, in Unix milliseconds: of folded refreshes, the last.
    pub fn last_at_ms(&self) -> u64 {
        match &self.kind {
            HistoryKind::Refresh { last_at_ms, .. } => self.at_ms.max(*last_at_ms),
            HistoryKind::Login { .. }
            | HistoryKind::StepUp { .. }
            | HistoryKind::Upgrade { .. }
            | HistoryKind::Device
            | HistoryKind::Tenant(_)
            | HistoryKind::Reuse(_)
            | HistoryKind::Failure { .. }
            | HistoryKind::End { .. } => self.at_ms,
        }
    }

    /// When the ledger last heard of it, in Unix milliseconds: what a retention goes by. Lines of
    /// an import are as old as their import, not as the log.
    pub fn last_recorded_at_ms(&self) -> u64 {
        self.last_at_ms().max(self.recorded_at_ms)
    }

    /// Folds another refresh of the same session into this line; on any other line it does nothing.
    pub(crate) fn refresh_again(&mut self, again_at_ms: u64) {
        if let HistoryKind::Refresh { count, last_at_ms } = &mut self.kind {
            *count = count.saturating_add(1);
            *last_at_ms = again_at_ms;
        }
    }
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
    /// The user proved again who they are, and got a new token.
    StepUp {
        /// How: names of RFC 8176 with a space between each two.
        amr: Text,
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

impl HistoryKind {
    /// The kind's name, without what it carries.
    pub fn what(&self) -> HistoryWhat {
        match self {
            Self::Login { .. } => HistoryWhat::Login,
            Self::Refresh { .. } => HistoryWhat::Refreshed,
            Self::StepUp { .. } => HistoryWhat::StepUp,
            Self::Upgrade { .. } => HistoryWhat::Upgraded,
            Self::Device => HistoryWhat::Device,
            Self::Tenant(_) => HistoryWhat::Tenant,
            Self::Reuse(_) => HistoryWhat::Reuse,
            Self::Failure { .. } => HistoryWhat::Failed,
            Self::End { .. } => HistoryWhat::Ended,
        }
    }
}

/// The names of the kinds of lines, to ask for some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HistoryWhat {
    /// A session began.
    Login,
    /// A session got new tokens.
    Refreshed,
    /// The user proved again who they are.
    StepUp,
    /// A guest became the user.
    Upgraded,
    /// A device got a label.
    Device,
    /// A session switched to another organisation.
    Tenant,
    /// A spent token was shown.
    Reuse,
    /// Logins failed.
    Failed,
    /// A session ended.
    Ended,
}

impl HistoryWhat {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Login,
        Self::Refreshed,
        Self::StepUp,
        Self::Upgraded,
        Self::Device,
        Self::Tenant,
        Self::Reuse,
        Self::Failed,
        Self::Ended,
    ];

    /// The name by which it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Refreshed => "refreshed",
            Self::StepUp => "step_up",
            Self::Upgraded => "upgraded",
            Self::Device => "device",
            Self::Tenant => "tenant",
            Self::Reuse => "reuse",
            Self::Failed => "failed",
            Self::Ended => "ended",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == name)
    }
}
