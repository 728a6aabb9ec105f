//! What happened: the facts that the journal keeps, with when, by whom and from where.

mod about;
mod reason;

use std::{fmt, net::IpAddr};

use serde::Serialize;

pub use self::reason::{EndReason, FailureReason, ReuseVerdict};
use crate::{
    Amr, BookmarkName, DataKey, DeviceLabel, IdempotencyKey, Note, OperatorName, Policy, SessionId,
    TenantId, Text, TokenDigest, Transport, UserAgent, UserId,
};

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// The user whose session it is.
    User,
    /// A named operator.
    Operator(OperatorName),
    /// Passbook itself, following its policy.
    System,
    /// A log that was read in.
    Importer,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.pad("user"),
            Self::Operator(name) => f.pad(&format!("operator:{name}")),
            Self::System => f.pad("system"),
            Self::Importer => f.pad("importer"),
        }
    }
}

/// From where an act came, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// What the browser said of itself.
    pub user_agent: Option<UserAgent>,
    /// Where an imported act was read: only on events of an import.
    pub imported: Option<Imported>,
}

/// What a log line says beside the act itself. Each is cut at 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Imported {
    /// The machine that logged it.
    pub host: Text,
    /// The program that logged it: `sshd`, `su`.
    pub service: Text,
    /// Its process id.
    pub pid: Option<u32>,
    /// The peer's name, where the log has a name and no address.
    pub remote_host: Option<Text>,
}

/// The session that a fact is about, and whose it was at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The session.
    pub session: SessionId,
    /// Its user.
    pub user: UserId,
}

/// Which rule ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Someone asked for it.
    Requested,
    /// A login took its place.
    ReplacedBy(SessionId),
    /// The user had `live` sessions at a limit of `limit`, and this was the least recently active.
    SessionsPerUser {
        /// The limit in force.
        limit: u32,
        /// Live sessions before the login.
        live: u32,
    },
}

/// One thing that happened to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A process opened the ledger, and this is the first thing that it wrote.
    Opened {
        /// The version of Passbook.
        version: Text,
        /// Bytes of a torn tail that recovery set aside when it opened.
        dropped_bytes: u64,
    },
    /// A policy came into force.
    PolicySet {
        /// One more than the one before.
        version: u32,
        /// The rules.
        policy: Policy,
    },
    /// A login.
    SessionCreated {
        /// The new session and its user.
        subject: Subject,
        /// Whether this is a guest.
        is_guest: bool,
        /// The digest of its token; `None` if no token opens it.
        digest: Option<TokenDigest>,
        /// What a person calls the device.
        device: Option<DeviceLabel>,
        /// The organisation that it acts for.
        tenant: Option<TenantId>,
        /// By what it is carried.
        transport: Transport,
        /// When it was opened, in Unix milliseconds: for an import, the log's time.
        created_at_ms: u64,
        /// How long a refresh or touch extends it; 0 = for ever.
        lifetime_ms: u64,
        /// When it expires.
        expires_at_ms: u64,
        /// Beyond this nothing extends it.
        absolute_at_ms: u64,
    },
    /// A new token took the old one's place.
    SessionRefreshed {
        /// Which session.
        subject: Subject,
        /// The digest of the new token.
        digest: TokenDigest,
        /// The new token's generation.
        generation: u32,
        /// How long a later touch extends it; 0 = for ever.
        lifetime_ms: u64,
        /// When it expires now.
        expires_at_ms: u64,
    },
    /// The user proved again who they are, and a new token took the old one's place.
    SessionReauthenticated {
        /// Which session.
        subject: Subject,
        /// How.
        amr: Amr,
        /// The digest of the new token.
        digest: TokenDigest,
        /// The new token's generation.
        generation: u32,
        /// When it expires now.
        expires_at_ms: u64,
    },
    /// A guest became a user.
    SessionUpgraded {
        /// The session and the user that it now belongs to.
        subject: Subject,
        /// The guest that it belonged to.
        guest: UserId,
        /// The new token, if it changed too: digest and generation.
        rotated: Option<(TokenDigest, u32)>,
    },
    /// One session ended.
    SessionRevoked {
        /// Which session.
        subject: Subject,
        /// Why.
        reason: EndReason,
        /// By which rule.
        rule: Rule,
        /// The version of the policy in force.
        policy_version: u32,
    },
    /// All sessions of a user that were opened before this event ended.
    UserSessionsRevoked {
        /// Whose.
        user: UserId,
        /// The one that lives on.
        except: Option<SessionId>,
        /// Why.
        reason: EndReason,
        /// How many live ones ended.
        ended: u32,
    },
    /// All sessions whose time had come ended.
    SessionsExpired {
        /// Sessions whose expiry is at or before this moment ended.
        effective_now_ms: u64,
        /// How many.
        ended: u32,
        /// The version of the policy in force.
        policy_version: u32,
    },
    /// The device's label changed.
    DeviceSet {
        /// Which session.
        subject: Subject,
        /// The label.
        device: DeviceLabel,
    },
    /// The organisation changed.
    TenantSet {
        /// Which session.
        subject: Subject,
        /// The organisation; `None` clears it.
        tenant: Option<TenantId>,
    },
    /// A key of the session's data was set.
    DataSet {
        /// Which session.
        subject: Subject,
        /// The key.
        key: DataKey,
        /// The value: JSON text.
        value: Text,
    },
    /// A key of the session's data was removed.
    DataRemoved {
        /// Which session.
        subject: Subject,
        /// The key.
        key: DataKey,
    },
    /// The session was used, and its idle timeout starts anew.
    SessionTouched {
        /// Which session.
        subject: Subject,
        /// When it expires now.
        expires_at_ms: u64,
    },
    /// A spent token was shown.
    TokenReuseDetected {
        /// Whose lineage it belongs to.
        subject: Subject,
        /// The generation of the token that was shown.
        presented_generation: u32,
        /// The generation of the live token.
        current_generation: u32,
        /// When the shown token was spent.
        spent_at_ms: u64,
        /// The race window in force.
        race_window_ms: u64,
        /// The version of the policy in force.
        policy_version: u32,
        /// What was made of it.
        verdict: ReuseVerdict,
    },
    /// Someone tried to log in and failed.
    LoginFailed {
        /// Who they said they were, if they said so.
        user: Option<UserId>,
        /// Why it failed.
        reason: FailureReason,
        /// How many tries this stands for, at least 1.
        count: u32,
    },
    /// A moment got a name, or a name is that of no moment any more.
    Bookmark {
        /// The name.
        name: BookmarkName,
        /// The moment.
        mark: Mark,
    },
    /// The journal was compacted; first all sessions whose time had come ended.
    Compacted {
        /// Sessions whose expiry is at or before this moment ended.
        effective_now_ms: u64,
        /// How many.
        ended: u32,
        /// The version of the policy in force.
        policy_version: u32,
    },
    /// The ledger was made from what could still be read of a damaged one.
    Salvaged {
        /// The id of the damaged ledger's store.
        source: [u8; 16],
        /// Records that were taken over.
        kept: u64,
        /// Its sequences that were lost, as first and last of each range, rising; at most
        /// [`SALVAGED_RANGES_MAX`](crate::limits::SALVAGED_RANGES_MAX) of them.
        lost: Vec<(u64, u64)>,
        /// Records that were lost, those beyond the ranges included.
        lost_records: u64,
    },
}

/// Which moment a bookmark names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// That of its own event.
    Here,
    /// That after this event was recorded.
    Sequence(u64),
    /// This time, in Unix milliseconds.
    Time(u64),
    /// None any more: the name is given up.
    Deleted,
}

/// A fact, with when, by whom and from where. Its sequence is its place in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it was recorded: never before the event in front of it.
    pub at_ms: u64,
    /// When it happened, where that is another time: on imported events.
    pub occurred_at_ms: Option<u64>,
    /// Who acted.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
    /// Free words on the act.
    pub note: Option<Note>,
    /// Names the command, on the first event of a command that has a name.
    pub key: Option<IdempotencyKey>,
    /// What happened.
    pub fact: Fact,
}

impl Event {
    /// When it happened: the log's time for an imported event, else when it was recorded.
    pub fn happened_at_ms(&self) -> u64 {
        self.occurred_at_ms.unwrap_or(self.at_ms)
    }

    /// Whether it had happened by that time, in Unix milliseconds. Nothing is recorded before it
    /// happened: what a log with a fast clock puts later had happened when it was recorded.
    pub fn had_happened_by(&self, time_ms: u64) -> bool {
        self.happened_at_ms().min(self.at_ms) <= time_ms
    }
}
