//! Live sessions as rows of a table, for programs that ask in SQL and for stores that began there.
//!
//! What a row is and what a table must be able to do; the databases are in the files below. Who
//! writes the rows, and when, is left to the store.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod columns;
#[cfg(feature = "postgres")]
mod postgres;
pub mod removals;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{collections::BTreeMap, fmt, net::IpAddr, path::PathBuf, sync::Arc};

use passbook_core::{SessionId, SessionState, Text, TokenDigest, session::Data};
use thiserror::Error;

#[cfg(feature = "postgres")]
pub use postgres::{PostgresReader, PostgresRow, PostgresSessionBackend, PostgresValue};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteSessionBackend;

/// One session as a row. It holds the digest of the token, never the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub id: SessionId,
    /// SHA-256 of its token's raw bytes; `None` if no token opens it.
    pub token_digest: Option<TokenDigest>,
    /// Whose it is.
    pub user_id: Text,
    /// Whether it is a guest's.
    pub is_guest: bool,
    /// The time of login, in Unix milliseconds.
    pub created_at_ms: u64,
    /// The last activity, in Unix milliseconds.
    pub last_active_at_ms: u64,
    /// The end, in Unix milliseconds; `u64::MAX` = never.
    pub expires_at_ms: u64,
    /// What a person calls the device.
    pub device: Option<Text>,
    /// The organisation that it acts for.
    pub tenant_id: Option<Text>,
    /// Where the login came from.
    pub ip: Option<IpAddr>,
    /// What the browser said of itself.
    pub user_agent: Option<Text>,
    /// The application's data: JSON text for each key.
    pub data: BTreeMap<Text, Text>,
}

impl From<&SessionState> for SessionRow {
    /// The row of a session. What no table keeps is left out of it: white space around a JSON value,
    /// and an expiry beyond the signed 64-bit numbers of databases, which is as good as never.
    fn from(state: &SessionState) -> Self {
        let session = &state.session;
        let data = state.data.as_deref().into_iter().flat_map(Data::iter);
        let bare = |value: &Text| Text::from(value.trim_matches([' ', '\t', '\n', '\r']));
        Self {
            id: session.id,
            token_digest: state.digest,
            user_id: session.user_id.clone(),
            is_guest: session.is_guest,
            created_at_ms: session.created_at_ms,
            last_active_at_ms: session.last_active_at_ms,
            expires_at_ms: i64::try_from(session.expires_at_ms)
                .map_or(u64::MAX, |_fits| session.expires_at_ms),
            device: session.device.clone(),
            tenant_id: session.tenant_id.clone(),
            ip: session.ip,
            user_agent: session.user_agent.clone(),
            data: data.map(|(key, value)| (key.text().clone(), bare(value))).collect(),
        }
    }
}

impl SessionRow {
    /// The names of the columns in which the two differ.
    pub fn columns_unlike(&self, other: &Self) -> Vec<&'static str> {
        [
            ("id", self.id == other.id),
            ("token_digest", self.token_digest == other.token_digest),
            ("user_id", self.user_id == other.user_id),
            ("is_guest", self.is_guest == other.is_guest),
            ("created_at", self.created_at_ms == other.created_at_ms),
            ("last_active_at", self.last_active_at_ms == other.last_active_at_ms),
            ("expires_at", self.expires_at_ms == other.expires_at_ms),
            ("device", self.device == other.device),
            ("tenant_id", self.tenant_id == other.tenant_id),
            ("ip", self.ip == other.ip),
            ("user_agent", self.user_agent == other.user_agent),
            ("data", self.data == other.data),
        ]
        .into_iter()
        .filter_map(|(name, is_same)| (!is_same).then_some(name))
        .collect()
    }
}

/// A backend did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the session backend failed to {operation}: {why}")]
pub struct BackendError {
    /// What it was asked: "open", "migrate", "load", "save", "remove" or "apply".
    pub operation: &'static str,
    /// What it said.
    pub why: String,
}

impl BackendError {
    /// The operation failed, and that is what was said.
    pub fn new(operation: &'static str, why: impl fmt::Display) -> Self {
        Self { operation, why: why.to_string() }
    }
}

/// A table of sessions that a store writes through to. Memory is authoritative; the table is read at
/// the start and written from then on.
///
/// Calls come one at a time, from one thread that is no caller's. A call that does not return holds
/// up every later change, though no read: give it a deadline of its own.
///
/// ```
/// use std::{collections::BTreeMap, sync::Mutex};
/// use passbook_projections::rows::{BackendError, SessionBackend, SessionRow};
/// use passbook_core::SessionId;
///
/// #[derive(Default)]
/// struct Table(Mutex<BTreeMap<SessionId, SessionRow>>);
///
/// impl SessionBackend for Table {
///     fn load_all(&self) -> Result<Vec<SessionRow>, BackendError> {
///         let rows = self.0.lock().map_err(|error| BackendError::new("load", error))?;
///         Ok(rows.values().cloned().collect())
///     }
///     fn save(&self, row: &SessionRow) -> Result<(), BackendError> {
///         let mut rows = self.0.lock().map_err(|error| BackendError::new("save", error))?;
///         rows.insert(row.id, row.clone());
///         Ok(())
///     }
///     fn remove(&self, id: &SessionId) -> Result<(), BackendError> {
///         self.0.lock().map_err(|error| BackendError::new("remove", error))?.remove(id);
///         Ok(())
///     }
/// }
/// assert!(Table::default().load_all()?.is_empty());
/// # Ok::<(), BackendError>(())
/// ```
pub trait SessionBackend: Send + Sync {
    /// Every row.
    ///
    /// # Errors
    /// [`BackendError`] if they can't all be read: half of the sessions would be a silent logout.
    fn load_all(&self) -> Result<Vec<SessionRow>, BackendError>;

    /// Writes the row, over the one of its id if there is one.
    ///
    /// # Errors
    /// [`BackendError`] if it may not have been written.
    fn save(&self, row: &SessionRow) -> Result<(), BackendError>;

    /// Removes the row of that id; there may be none.
    ///
    /// # Errors
    /// [`BackendError`] if it may still be there.
    fn remove(&self, id: &SessionId) -> Result<(), BackendError>;

    /// A file, in a folder that is there, in which the store notes which rows are to be removed
    /// before it asks for it. What stands in it is removed at the next start, so that no crash and
    /// no failure brings an ended session back. One table, one file.
    ///
    /// `None`, if not said: nothing is noted. Then a session whose row could not be removed is dead
    /// only as long as the process lives, and after a restart alive again.
    fn removals_file(&self) -> Option<PathBuf> {
        None
    }
}

/// How far a mirror has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The id of the ledger that is mirrored.
    pub ledger: [u8; 16],
    /// The rows are as they were after this event.
    pub sequence: u64,
}

/// What leads from one checkpoint to a later one.
#[derive(Debug, Clone, Copy)]
pub struct RowBatch<'a> {
    /// Whether all rows that are there go first.
    pub replaces_all: bool,
    /// Rows to write, each over the one of its id.
    pub saved: &'a [SessionRow],
    /// Rows to remove; there may be none of that id.
    pub removed: &'a [SessionId],
    /// Where the rows are then.
    pub checkpoint: Checkpoint,
}

/// A table that can follow a ledger: the rows and how far they have come change in one transaction,
/// so that a crash neither skips an event nor folds one twice.
pub trait MirrorBackend: SessionBackend {
    /// How far the rows have come; `None`: nothing was mirrored to it yet.
    ///
    /// # Errors
    /// [`BackendError`] if it can't be read.
    fn checkpoint(&self) -> Result<Option<Checkpoint>, BackendError>;

    /// Does all that the batch says in one transaction, or nothing.
    ///
    /// # Errors
    /// [`BackendError`] if it may not have happened. To apply it again is harmless.
    fn apply(&self, batch: &RowBatch<'_>) -> Result<(), BackendError>;
}

impl<T: SessionBackend + ?Sized> SessionBackend for Arc<T> {
    fn load_all(&self) -> Result<Vec<SessionRow>, BackendError> {
        (**self).load_all()
    }

    fn save(&self, row: &SessionRow) -> Result<(), BackendError> {
        (**self).save(row)
    }

    fn remove(&self, id: &SessionId) -> Result<(), BackendError> {
        (**self).remove(id)
    }

    fn removals_file(&self) -> Option<PathBuf> {
        (**self).removals_file()
    }
}

impl<T: MirrorBackend + ?Sized> MirrorBackend for Arc<T> {
    fn checkpoint(&self) -> Result<Option<Checkpoint>, BackendError> {
        (**self).checkpoint()
    }

    fn apply(&self, batch: &RowBatch<'_>) -> Result<(), BackendError> {
        (**self).apply(batch)
    }
}

impl fmt::Debug for dyn MirrorBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MirrorBackend")
    }
}

impl fmt::Debug for dyn SessionBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionBackend")
    }
}
