//! The keys of the filter, and what each may be compared with.

use std::fmt;

/// What a term is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `user:`
    User,
    /// `id:`
    Id,
    /// `ip:`
    Ip,
    /// `device:`
    Device,
    /// `tenant:`
    Tenant,
    /// `state:`
    State,
    /// `reason:`
    Reason,
    /// `actor:`
    Actor,
    /// `kind:`
    Kind,
    /// `since:`, that moment included.
    Since,
    /// `until:`, that moment not included.
    Until,
    /// `seq:`, both ends included.
    Seq,
    /// `guest:`
    Guest,
    /// `transport:`
    Transport,
}

/// What stands behind a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    Text,
    /// One of these.
    OneOf(&'static [&'static str]),
    Net,
    Time,
    Sequences,
    Flag,
}

const STATES: &[&str] = &["live", "ended", "expired"];

/// Why a session ended, and then why a login failed.
const REASONS: &[&str] = &[
    "logout",
    "revoked_by_user",
    "revoked_by_admin",
    "replaced",
    "evicted",
    "fingerprint",
    "token_reuse",
    "expired_idle",
    "expired_absolute",
    "imported",
    "erased",
    "wrong_password",
    "unknown_user",
    "wrong_credential",
    "denied",
    "other",
];

const KINDS: &[&str] = &[
    "Opened",
    "PolicySet",
    "SessionCreated",
    "SessionRefreshed",
    "SessionReauthenticated",
    "SessionUpgraded",
    "SessionRevoked",
    "UserSessionsRevoked",
    "SessionsExpired",
    "DeviceSet",
    "TenantSet",
    "DataSet",
    "DataRemoved",
    "SessionTouched",
    "TokenReuseDetected",
    "LoginFailed",
    "Bookmark",
    "Compacted",
    "Salvaged",
];

const TRANSPORTS: &[&str] = &["cookie", "jwt", "token", "imported"];

pub(super) const FLAGS: &[&str] = &["yes", "no"];

impl Key {
    /// All keys, in the order in which they are listed.
    pub const ALL: [Self; 14] = [
        Self::User,
        Self::Id,
        Self::Ip,
        Self::Device,
        Self::Tenant,
        Self::State,
        Self::Reason,
        Self::Actor,
        Self::Kind,
        Self::Since,
        Self::Until,
        Self::Seq,
        Self::Guest,
        Self::Transport,
    ];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Id => "id",
            Self::Ip => "ip",
            Self::Device => "device",
            Self::Tenant => "tenant",
            Self::State => "state",
            Self::Reason => "reason",
            Self::Actor => "actor",
            Self::Kind => "kind",
            Self::Since => "since",
            Self::Until => "until",
            Self::Seq => "seq",
            Self::Guest => "guest",
            Self::Transport => "transport",
        }
    }

    /// The values to choose from, where they are given: for completion and for errors.
    pub const fn choices(self) -> Option<&'static [&'static str]> {
        match self.value_kind() {
            ValueKind::OneOf(choices) => Some(choices),
            ValueKind::Flag => Some(FLAGS),
            ValueKind::Text | ValueKind::Net | ValueKind::Time | ValueKind::Sequences => None,
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    pub(super) const fn value_kind(self) -> ValueKind {
        match self {
            Self::User | Self::Id | Self::Device | Self::Tenant | Self::Actor => ValueKind::Text,
            Self::State => ValueKind::OneOf(STATES),
            Self::Reason => ValueKind::OneOf(REASONS),
            Self::Kind => ValueKind::OneOf(KINDS),
            Self::Transport => ValueKind::OneOf(TRANSPORTS),
            Self::Ip => ValueKind::Net,
            Self::Since | Self::Until => ValueKind::Time,
            Self::Seq => ValueKind::Sequences,
            Self::Guest => ValueKind::Flag,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
