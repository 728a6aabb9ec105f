//! The sessions of one user, whatever carries them: both transports list and end them alike.

use std::cmp::Reverse;

use passbook::{EndReason, Ledger, Session, SessionId, core::SessionRef};

use crate::{
    problem::{Error, Result},
    session_data::SessionData,
};

/// The user's live sessions, most recently active first, ties by id; `current` is marked.
pub(crate) fn list(ledger: &Ledger, user: &str, current: Option<SessionId>) -> Vec<SessionData> {
    let mut listed = ledger.list_for_user(user);
    listed.sort_by_key(|session| (Reverse(session.last_active_at_ms), session.id));
    let asked_at_ms = ledger.now_ms();
    let with_data = |session: Session| {
        let (session, data) = ledger.session_and_data(SessionRef::Id(session.id))?;
        let is_current = current == Some(session.id);
        Some(SessionData::new(session, data, asked_at_ms).marked(is_current))
    };
    listed.into_iter().filter_map(with_data).collect()
}

/// Ends one of the user's sessions; gives its id.
///
/// # Errors
/// [`Error::UnknownSession`] for an id that is unknown, malformed, ended or somebody else's, and
/// what a disk can do.
pub(crate) async fn revoke(acting: &Ledger, user: &str, id: &str) -> Result<SessionId> {
    let id = SessionId::parse(id).map_err(|_malformed| Error::UnknownSession)?;
    let session = acting.find(id).filter(|session| *session.user_id == *user);
    let session = session.ok_or(Error::UnknownSession)?;
    // `false`: it ended meanwhile.
    let ended = acting.revoke_session(session.id, EndReason::RevokedByUser).await?;
    if ended { Ok(id) } else { Err(Error::UnknownSession) }
}
