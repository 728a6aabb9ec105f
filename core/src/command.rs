//! What someone wants: an act, by whom, from where. Ids and tokens come in with it, so that a
//! command can be decided again and means the same.

use crate::{
    Actor, Amr, BookmarkName, DataKey, DeviceLabel, EndReason, FailureReason, IdempotencyKey, Mark,
    Note, Origin, Policy, SessionId, SpentToken, TenantId, Text, TokenDigest, Transport, UserId,
    session::{Data, NEVER_MS},
};

/// A wish to change the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What is wanted.
    pub act: Act,
    /// Who wants it.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
    /// Free words, kept in the event.
    pub note: Option<Note>,
    /// Names the command: the second time it does nothing and answers as the first.
    pub key: Option<IdempotencyKey>,
    /// When it happened, for an import; Unix milliseconds.
    pub occurred_at_ms: Option<u64>,
}

impl Command {
    /// A command of the session's user, from nowhere in particular, with no name and no note.
    pub fn new(act: Act) -> Self {
        Self {
            act,
            actor: Actor::User,
            origin: Origin::default(),
            note: None,
            key: None,
            occurred_at_ms: None,
        }
    }
}

/// Names a session: by the token that opens it, by any token that it had, or by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionRef {
    /// By its live token.
    Token(TokenDigest),
    /// By a token of its lineage, live or spent: to end it, whoever rotates it meanwhile.
    Lineage(TokenDigest),
    /// By its id: for operators and for the user's own list.
    Id(SessionId),
}

/// A session to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// The id it will have.
    pub id: SessionId,
    /// The digest of the token that will open it; `None` if none shall.
    pub digest: Option<TokenDigest>,
    /// Whose it is.
    pub user: UserId,
    /// Whether this is a guest.
    pub is_guest: bool,
    /// What a person calls the device.
    pub device: Option<DeviceLabel>,
    /// The organisation that it acts for.
    pub tenant: Option<TenantId>,
    /// By what it is carried.
    pub transport: Transport,
    /// How long it lives from now and from each refresh, in milliseconds, 0 = for ever; `None` =
    /// the policy's idle timeout.
    pub lifetime_ms: Option<u64>,
    /// How long it lives at most, whatever happens, in milliseconds, 0 = for ever; `None` = the
    /// policy's absolute timeout.
    pub absolute_timeout_ms: Option<u64>,
    /// The application's first data: JSON text for each key.
    pub data: Data,
    /// A session of the same browser that ends in the same moment.
    pub replaces: Option<SessionId>,
    /// The most live sessions that the user may have after this, 0 = no limit; `None` = as the
    /// policy says.
    pub sessions_per_user_max: Option<u32>,
}

/// A session that another store kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptedSession {
    /// The session; its lifetime says how long later refreshes extend it. Its absolute timeout is
    /// not asked for.
    pub session: NewSession,
    /// The time of login, in Unix milliseconds.
    pub created_at_ms: u64,
    /// The last activity, in Unix milliseconds.
    pub last_active_at_ms: u64,
    /// When it expires, in Unix milliseconds; `u64::MAX` = never.
    pub expires_at_ms: u64,
}

/// A session that another store kept, with all that it knew of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedSession {
    /// The session and its times.
    pub adopted: AdoptedSession,
    /// What had become of it there.
    pub past: Past,
}

/// What had become of a session before it came here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The tokens that it had before the live one, oldest first.
    pub spent: Vec<SpentToken>,
    /// The generation of the live token; the first has 1.
    pub generation: u32,
    /// Beyond this nothing extends it, in Unix milliseconds; `u64::MAX` = no such moment.
    pub absolute_at_ms: u64,
}

impl Default for Past {
    /// Of a session that has its first token and no absolute timeout.
    fn default() -> Self {
        Self { spent: Vec::new(), generation: 1, absolute_at_ms: NEVER_MS }
    }
}

/// What can be wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Record that a process opened the ledger.
    Open {
        /// The version of Passbook.
        version: Text,
        /// Bytes that recovery set aside.
        dropped_bytes: u64,
    },
    /// Put a policy into force.
    SetPolicy(Policy),
    /// Log in.
    Create(NewSession),
    /// Take over a session that another store kept, with its times.
    Adopt(AdoptedSession),
    /// Take over a session with its past: spent tokens stay spent, and its data comes along.
    Move(Box<MovedSession>),
    /// Change the presented token for its successor and extend the session.
    Refresh {
        /// The digest of the token that was shown.
        presented: TokenDigest,
        /// The digest of the token that will take its place.
        successor: TokenDigest,
        /// How long the session lives from now, in milliseconds, 0 = for ever; `None` = as it did.
        lifetime_ms: Option<u64>,
    },
    /// Record that the user proved again who they are, and change the presented token for its
    /// successor.
    Reauthenticate {
        /// The digest of the token that was shown.
        presented: TokenDigest,
        /// The digest of the token that will take its place.
        successor: TokenDigest,
        /// How.
        amr: Amr,
    },
    /// Make a guest a user.
    Upgrade {
        /// Which session.
        session: SessionRef,
        /// Who it is.
        user: UserId,
        /// The digest of a new token, if it changes too.
        successor: Option<TokenDigest>,
    },
    /// End one session.
    Revoke {
        /// Which.
        session: SessionRef,
        /// Why.
        reason: EndReason,
    },
    /// End all sessions of a user.
    RevokeUser {
        /// Whose.
        user: UserId,
        /// The one that lives on.
        except: Option<SessionId>,
        /// Why.
        reason: EndReason,
    },
    /// Start the idle timeout anew.
    Touch {
        /// Which session.
        session: SessionRef,
    },
    /// Label the device.
    SetDevice {
        /// Which session.
        session: SessionRef,
        /// The label.
        device: DeviceLabel,
    },
    /// Switch the organisation.
    SetTenant {
        /// Which session.
        session: SessionRef,
        /// The organisation; `None` clears it.
        tenant: Option<TenantId>,
    },
    /// Set and remove keys of the session's data: all of them, or none.
    ChangeData {
        /// Which session.
        session: SessionRef,
        /// In this order, each key with its new value, JSON text; `None` removes it.
        changes: Vec<(DataKey, Option<Text>)>,
    },
    /// End the sessions whose time has come.
    Sweep,
    /// Record a login that failed.
    RecordFailure {
        /// Who they said they were.
        user: Option<UserId>,
        /// Why it failed.
        reason: FailureReason,
        /// How many tries this stands for; 0 counts as 1.
        count: u32,
    },
    /// Name a moment, or give a name up. Whether the moment is kept is left to who asks for it later.
    Bookmark {
        /// The name. A name given again is that of the later one.
        name: BookmarkName,
        /// The moment.
        mark: Mark,
    },
    /// Record that the journal is compacted, and end the sessions whose time has come.
    Compact,
    /// Record that the ledger was made from what could still be read of a damaged one.
    NoteSalvage {
        /// The id of the damaged ledger's store.
        source: [u8; 16],
        /// Records that were taken over.
        kept: u64,
        /// Its sequences that were lost, as first and last of each range, rising; those beyond the
        /// first [`SALVAGED_RANGES_MAX`](crate::limits::SALVAGED_RANGES_MAX) are not recorded.
        lost: Vec<(u64, u64)>,
        /// Records that were lost, in all ranges.
        lost_records: u64,
    },
}
