//! A session's data: JSON text for each key, at most 64 KiB in all.

use std::sync::Arc;

use passbook_core::{
    Act, DataKey, Session, SessionId, SessionRef, Text, Token,
    session::{Data, RESERVED_PREFIX},
};

use super::Ledger;
use crate::error::LedgerError;

impl Ledger {
    /// A value of the session's data: JSON text. `None`: no live session, or no such key.
    pub fn data(&self, id: SessionId, key: &DataKey) -> Option<Text> {
        self.engine.live.data(SessionRef::Id(id), key, self.engine.now_ms())
    }

    /// A live session with all of its data, as they are in one moment. The data is shared, not
    /// copied; `None` = it has none.
    pub fn session_and_data(&self, session: SessionRef) -> Option<(Session, Option<Arc<Data>>)> {
        let found = self.engine.live.session_and_data(session, self.engine.now_ms())?;
        if let SessionRef::Token(digest) = session {
            self.engine.replays.used(&digest);
        }
        Some(found)
    }

    /// Sets a key of the session's data to a JSON text. `false`: there is no such live session.
    ///
    /// # Errors
    /// [`LedgerError::NotJson`]; [`LedgerError::Limit`] for the key; [`LedgerError::ReservedKey`];
    /// [`LedgerError::Rejected`] if all the session's data would be over 64 KiB; and what a disk can
    /// do.
    pub async fn set_data(
        &self,
        token: &Token,
        key: &str,
        json: &str,
    ) -> Result<bool, LedgerError> {
        let change = (DataKey::new(key)?, Some(Text::from(json)));
        self.change_data(SessionRef::Token(token.digest()), vec![change]).await
    }

    /// Removes a key of the session's data. `false`: there is no such live session.
    ///
    /// # Errors
    /// [`LedgerError::Limit`] for the key, [`LedgerError::ReservedKey`], and what a disk can do.
    pub async fn remove_data(&self, token: &Token, key: &str) -> Result<bool, LedgerError> {
        let change = (DataKey::new(key)?, None);
        self.change_data(SessionRef::Token(token.digest()), vec![change]).await
    }

    /// Sets keys of the session's data to JSON texts and removes others: all of them, or none.
    /// Callers that change different keys at the same time do not undo each other. `false`: there is
    /// no such live session.
    ///
    /// # Errors
    /// As [`set_data`](Self::set_data).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use passbook::{Ledger, core::{DataKey, SessionRef}};
    /// let ledger = Ledger::memory()?;
    /// let session = SessionRef::Id(ledger.create("ann").await?.id);
    /// let (cart, theme) = (DataKey::new("cart")?, DataKey::new("theme")?);
    /// let changes = vec![(cart, Some("[7]".into())), (theme, Some("\"dark\"".into()))];
    /// assert!(ledger.change_data(session, changes).await?);
    /// let (_, data) = ledger.session_and_data(session).expect("live");
    /// assert_eq!(data.expect("two keys").len(), 2);
    /// # Ok(()) }
    /// ```
    pub async fn change_data(
        &self,
        session: SessionRef,
        changes: Vec<(DataKey, Option<Text>)>,
    ) -> Result<bool, LedgerError> {
        for (key, json) in &changes {
            check(key, json.as_ref())?;
        }
        self.start_change(Act::ChangeData { session, changes })?.await
    }
}

/// Refuses a key that is not the application's, and a value that is no JSON.
pub(super) fn check(key: &DataKey, json: Option<&Text>) -> Result<(), LedgerError> {
    if key.starts_with(RESERVED_PREFIX) {
        return Err(LedgerError::ReservedKey);
    }
    match json.map(|json| serde_json::from_str::<serde::de::IgnoredAny>(json)) {
        Some(Err(error)) => Err(LedgerError::NotJson(error.to_string())),
        Some(Ok(_)) | None => Ok(()),
    }
}
