//! The extractor that a handler has its visitor's session by.

use std::{fmt, sync::Arc};

use axum::extract::FromRequestParts;
use http::request::Parts;
use passbook::{
    SessionId,
    core::{Amr, Text},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::visit::Visit;
use crate::{
    of_user,
    problem::{Error, Result},
    session_data::SessionData,
};

/// The session of this request: an extractor, and a handle that can be cloned.
///
/// It needs the [`SessionLayer`](crate::SessionLayer) in front of the handler, and nobody logged in:
/// ask [`is_authenticated`](Self::is_authenticated) or [`user_id`](Self::user_id). Reads are of this
/// request's memory, with its own changes, and never wait. What is `async` is on the medium before it
/// is `Ok`; [`set`](Self::set) and [`remove_key`](Self::remove_key) are written after the handler,
/// before the response is sent.
///
/// # Errors
/// As an extractor: 500 `auth:middleware_missing` without the layer.
///
/// ```
/// use axum::{Router, routing::{get, post}};
/// use passbook_axum::{Result, Session};
///
/// async fn log_in(session: Session) -> Result<&'static str> {
///     // ... after the password was checked:
///     session.authenticate("ann").await?;
///     session.set("theme", &"dark")?;
///     Ok("welcome")
/// }
///
/// async fn whoami(session: Session) -> String {
///     session.user_id().unwrap_or_else(|| "nobody".to_owned())
/// }
///
/// let app: Router = Router::new().route("/login", post(log_in)).route("/me", get(whoami));
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct Session(Arc<Visit>);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        parts.extensions.get::<Self>().cloned().ok_or(Error::MiddlewareMissing)
    }
}

impl Session {
    pub(super) fn new(visit: Arc<Visit>) -> Self {
        Self(visit)
    }

    /// The session's id: stable through rotation, no secret. `None`: there is no session.
    pub fn id(&self) -> Option<SessionId> {
        self.0.read(|session| session.id)
    }

    /// Who is logged in; `None`: nobody, or a guest.
    pub fn user_id(&self) -> Option<String> {
        let user =
            |session: &passbook::Session| (!session.is_guest).then(|| session.user_id.to_string());
        self.0.read(user).flatten()
    }

    /// Whether somebody is logged in. A guest is not.
    pub fn is_authenticated(&self) -> bool {
        self.0.read(|session| !session.is_guest).unwrap_or(false)
    }

    /// The whole session with its data, as this request left it; `None`: there is none.
    pub fn current(&self) -> Option<SessionData> {
        self.0.data()
    }

    /// Whether the browser has another fingerprint than at login, and the configuration says that
    /// the session lives on.
    pub fn has_other_fingerprint(&self) -> bool {
        self.0.has_other_fingerprint()
    }

    /// The value of a key of the session's data; `Ok(None)`: no session, or no such key.
    ///
    /// # Errors
    /// 500 `auth:data_type` if the value is no `T`. The value is not told.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(json) = self.0.value(key) else { return Ok(None) };
        serde_json::from_str(&json).map(Some).map_err(|_of_the_value| Error::DataType)
    }

    /// Sets a key of the session's data; without a session it does nothing. It is written after the
    /// handler, key by key: requests that set different keys at the same time both win, of the same
    /// key the last one does.
    ///
    /// # Errors
    /// Then nothing is changed: 500 `auth:not_json` if the value can't be written as JSON; 400
    /// `auth:limit` unless the key has 1 to 256 bytes; 400 `auth:reserved_key` if it begins with
    /// `passbook:`; 400 `auth:data_too_large` if all data of the session would be over 64 KiB.
    pub fn set<T: Serialize>(&self, key: &str, value: &T) -> Result<()> {
        let json = serde_json::to_string(value).map_err(|_of_the_value| Error::NotJson)?;
        self.0.change(key, Some(Text::from(json)))
    }

    /// Removes a key of the session's data, after the handler; does nothing without a session or
    /// such a key.
    pub fn remove_key(&self, key: &str) {
        // What is no key of ours can't be there.
        drop(self.0.change(key, None));
    }

    /// As [`authenticate_with`](Self::authenticate_with), without data.
    ///
    /// # Errors
    /// As for [`authenticate_with`](Self::authenticate_with).
    pub async fn authenticate(&self, user_id: &str) -> Result<()> {
        self.0.log_in(user_id, Map::new()).await
    }

    /// Logs a user in: a new session with that data, a JSON object. The session that there was ends
    /// in the same moment, so that nobody who planted or saw its cookie has anything (session
    /// fixation); and so do the user's least recently active ones over the limit.
    ///
    /// # Errors
    /// 400 `auth:data_not_object`; 400 `auth:limit` for the user id (1 to 256 bytes) or a key; 400
    /// `auth:reserved_key`; 400 `auth:data_too_large`; 503 `ledger:unavailable`.
    pub async fn authenticate_with(&self, user_id: &str, data: Value) -> Result<()> {
        let Value::Object(data) = data else { return Err(Error::DataNotObject) };
        self.0.log_in(user_id, data).await
    }

    /// A new token for the same session, whose lifetime begins anew: after a change of privilege.
    ///
    /// # Errors
    /// 401 `auth:unauthenticated` without a session; 401 `auth:session_not_found` if it ended
    /// meanwhile or another request changed its token first; 503 `ledger:unavailable`.
    pub async fn rotate(&self) -> Result<()> {
        let token = self.0.token().ok_or(Error::Unauthenticated)?;
        let lifetime_ms = self.0.sessions.lifetime_ms();
        let issued = self.0.acting().refresh_with_lifetime(&token, lifetime_ms).await?;
        self.0.take_up(issued.ok_or(Error::SessionNotFound)?);
        Ok(())
    }

    /// Records that the user proved again who they are (step-up) and how, by names of RFC 8176, and
    /// changes the token: [`require_recent_auth`](crate::require_recent_auth) goes by it.
    ///
    /// # Errors
    /// 500 `auth:amr` if there is no name or one that is none; else as for [`rotate`](Self::rotate).
    pub async fn reauthenticated(&self, amr: &[&str]) -> Result<()> {
        let token = self.0.token().ok_or(Error::Unauthenticated)?;
        let issued = self.0.acting().reauthenticate(&token, Amr::new(amr)?).await?;
        self.0.take_up(issued.ok_or(Error::SessionNotFound)?);
        Ok(())
    }

    /// Ends the session, if there is one, and removes the cookie in any case. It ends also if another
    /// request changed its token a moment before.
    ///
    /// # Errors
    /// 503 `ledger:unavailable`.
    pub async fn logout(&self) -> Result<()> {
        self.0.log_out().await
    }

    /// Ends all sessions of the user, this one included, and removes the cookie.
    ///
    /// # Errors
    /// 401 `auth:unauthenticated` without a session; 503 `ledger:unavailable`.
    pub async fn logout_all(&self) -> Result<()> {
        let (_, user) = self.0.subject().ok_or(Error::Unauthenticated)?;
        self.0.acting().revoke_all_for_user(&user).await?;
        self.0.leave();
        Ok(())
    }

    /// Ends all sessions of the user but this one.
    ///
    /// # Errors
    /// 401 `auth:unauthenticated` without a session, also if it ended meanwhile: then nothing is
    /// ended; 503 `ledger:unavailable`.
    pub async fn logout_other(&self) -> Result<()> {
        let (id, user) = self.0.subject().ok_or(Error::Unauthenticated)?;
        let ended = self.0.acting().revoke_all_except(&user, id).await?;
        ended.map(|_count| ()).ok_or(Error::Unauthenticated)
    }

    /// The user's live sessions, whatever carries them, the most recently active first, ties by id.
    ///
    /// # Errors
    /// 401 `auth:unauthenticated` without a session.
    // It is one of the page's, and one day the ledger may be elsewhere.
    #[expect(clippy::unused_async, reason = "the page says so")]
    pub async fn list_my_sessions(&self) -> Result<Vec<SessionData>> {
        let (current, user) = self.0.subject().ok_or(Error::Unauthenticated)?;
        Ok(of_user::list(&self.0.sessions.ledger, &user, Some(current)))
    }

    /// Ends one of the user's sessions. If it is this one, the cookie goes too.
    ///
    /// # Errors
    /// 401 `auth:unauthenticated` without a session; 404 `auth:session_not_found` for an id that is
    /// unknown, malformed, ended or somebody else's, which can't be told apart; 503
    /// `ledger:unavailable`.
    pub async fn revoke(&self, id: &str) -> Result<()> {
        let (current, user) = self.0.subject().ok_or(Error::Unauthenticated)?;
        let id = of_user::revoke(&self.0.acting(), &user, id).await?;
        if id == current {
            self.0.leave();
        }
        Ok(())
    }
}
