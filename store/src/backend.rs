//! The other place that sessions can be kept: a table of rows, written through to.
//!
//! The trait is here; databases implement it in `passbook-projections`.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use passbook_core::{SessionId, Text, TokenDigest};
use thiserror::Error;

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

/// A backend did not do what it was asked.
#[derive(Debug, Clone, Error)]
#[error("the session backend failed to {operation}: {why}")]
pub struct BackendError {
    /// What it was asked: "load", "save" or "remove".
    pub operation: &'static str,
    /// What it said.
    pub why: String,
}

/// A table of sessions. Memory is authoritative; the table is read at the start and written through
/// to.
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
}

impl fmt::Debug for dyn SessionBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionBackend")
    }
}
