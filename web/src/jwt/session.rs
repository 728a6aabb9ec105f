//! One request's way to its session: rotate it, log it out, without looking for the tokens by hand.

use std::{fmt, mem};

use axum::{
    body::{Body, to_bytes},
    extract::{FromRef, FromRequest, Request},
};
use http::{header, request::Parts};
use http_body_util::LengthLimitError;
use parking_lot::Mutex;
use passbook::Context;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{service::JwtSessionService, source::TokenSourceConfig, token_pair::TokenPair};
use crate::{ClientIp, Error, Result, SessionData, SessionMeta};

/// How large a body with a refresh token may be, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// An extractor: the tokens of this request, and the service that they are for, which comes from the
/// router's state.
///
/// It takes the request's body, so it can't be combined with another extractor of a body: such a
/// handler takes `State<JwtSessionService>` instead. It reads the body only when a refresh token is
/// asked for that is in there: a logout never waits for it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, routing::post};
/// use http::StatusCode;
/// use passbook::Ledger;
/// use passbook_axum::{Result, jwt::{JwtSession, JwtSessionService, JwtSessionsConfig, TokenPair}};
///
/// async fn refresh(jwt: JwtSession) -> Result<TokenPair> {
///     jwt.rotate().await
/// }
///
/// async fn logout(jwt: JwtSession) -> Result<StatusCode> {
///     jwt.logout().await?;
///     Ok(StatusCode::NO_CONTENT)
/// }
///
/// let config = JwtSessionsConfig::new("a secret of at least thirty-two bytes");
/// let svc = JwtSessionService::new(Ledger::memory()?, config)?;
/// let app: Router = Router::new()
///     .route("/refresh", post(refresh))
///     .route("/logout", post(logout))
///     .with_state(svc);
/// # let _ = app;
/// # Ok(()) }
/// ```
pub struct JwtSession {
    service: JwtSessionService,
    current: Option<SessionData>,
    access_token: Option<Zeroizing<String>>,
    refresh_token: Mutex<RefreshToken>,
}

/// The refresh token of a request, which may have to be read first.
enum RefreshToken {
    Unread {
        body: Body,
        field: String,
    },
    /// Somebody is at it.
    Reading,
    Read(Result<Zeroizing<String>>),
}

impl fmt::Debug for JwtSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtSession")
            .field("current", &self.current)
            .field("has_access_token", &self.access_token.is_some())
            .finish_non_exhaustive()
    }
}

impl<S> FromRequest<S> for JwtSession
where
    S: Send + Sync,
    JwtSessionService: FromRef<S>,
{
    type Rejection = Error;

    /// Never fails: what is missing is told by the method that needs it.
    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let service = JwtSessionService::from_ref(state).in_context(context(&parts));
        let config = service.config();
        let kept = |source: &TokenSourceConfig| {
            let token = source.token_in(&parts.headers, &parts.uri)?;
            Some(Zeroizing::new(token.into_owned()))
        };
        Ok(Self {
            current: parts.extensions.get().cloned(),
            access_token: kept(&config.access_source),
            refresh_token: Mutex::new(match &config.refresh_source {
                TokenSourceConfig::Body { field } => {
                    RefreshToken::Unread { body, field: field.clone() }
                }
                elsewhere @ (TokenSourceConfig::Bearer
                | TokenSourceConfig::Cookie { .. }
                | TokenSourceConfig::Header { .. }
                | TokenSourceConfig::Query { .. }) => {
                    RefreshToken::Read(kept(elsewhere).ok_or(Error::RefreshMissing))
                }
            }),
            service,
        })
    }
}

/// From where the events of this request come.
fn context(parts: &Parts) -> Context {
    let context = match ClientIp::of_request(&parts.extensions) {
        Some(ClientIp(ip)) => Context::user().ip(ip),
        None => Context::user(),
    };
    match parts.headers.get(header::USER_AGENT) {
        Some(agent) => context.user_agent(&String::from_utf8_lossy(agent.as_bytes())),
        None => context,
    }
}

impl JwtSession {
    /// The session that [`JwtLayer`](super::JwtLayer) found; `None` without the layer, or without
    /// `stateful_validation`.
    pub fn current(&self) -> Option<&SessionData> {
        self.current.as_ref()
    }

    /// As [`JwtSessionService::authenticate`].
    ///
    /// # Errors
    /// As there.
    pub async fn authenticate(&self, user_id: &str, meta: &SessionMeta) -> Result<TokenPair> {
        self.service.authenticate(user_id, meta).await
    }

    /// Changes the refresh token of this request, which is where
    /// [`refresh_source`](super::JwtSessionsConfig::refresh_source) says, for a new pair: see
    /// [`JwtSessionService::rotate`].
    ///
    /// # Errors
    /// If there is no token: 400 `auth:refresh_missing` where it should be in the body, else 401
    /// `auth:refresh_missing`. 413 `auth:body_too_large` for a body over 1 MiB, 400
    /// `auth:body_not_json` for one that is no JSON object. Else as
    /// [`rotate`](JwtSessionService::rotate) there.
    pub async fn rotate(&self) -> Result<TokenPair> {
        self.service.rotate(&self.refresh_token().await?).await
    }

    /// As [`rotate`](Self::rotate), after the user proved again who they are: see
    /// [`JwtSessionService::reauthenticated`].
    ///
    /// # Errors
    /// As [`rotate`](Self::rotate) and there.
    pub async fn reauthenticated(&self, amr: &[&str]) -> Result<TokenPair> {
        self.service.reauthenticated(&self.refresh_token().await?, amr).await
    }

    /// Ends the session of this request's access token, which is where
    /// [`access_source`](super::JwtSessionsConfig::access_source) says: see
    /// [`JwtSessionService::logout`].
    ///
    /// # Errors
    /// 401 `auth:access_missing` if there is no token; else as [`logout`](JwtSessionService::logout)
    /// there.
    pub async fn logout(&self) -> Result<()> {
        let token = self.access_token.as_ref().ok_or(Error::AccessMissing)?;
        self.service.logout(token).await
    }

    /// As [`JwtSessionService::list`]; the session of this request is marked.
    ///
    /// # Errors
    /// As there.
    pub async fn list(&self, user_id: &str) -> Result<Vec<SessionData>> {
        let current = self.current.as_ref().map(|session| session.id);
        let listed = self.service.list(user_id).await?.into_iter();
        let mark = |session: SessionData| {
            let is_current = current == Some(session.id);
            session.marked(is_current)
        };
        Ok(listed.map(mark).collect())
    }

    /// As [`JwtSessionService::revoke`].
    ///
    /// # Errors
    /// As there.
    pub async fn revoke(&self, user_id: &str, id: &str) -> Result<()> {
        self.service.revoke(user_id, id).await
    }

    /// As [`JwtSessionService::revoke_all`].
    ///
    /// # Errors
    /// As there.
    pub async fn revoke_all(&self, user_id: &str) -> Result<()> {
        self.service.revoke_all(user_id).await
    }

    /// As [`JwtSessionService::revoke_all_except`].
    ///
    /// # Errors
    /// As there.
    pub async fn revoke_all_except(&self, user_id: &str, keep_id: &str) -> Result<()> {
        self.service.revoke_all_except(user_id, keep_id).await
    }

    /// Read when it is first asked for; what came of that stays.
    async fn refresh_token(&self) -> Result<Zeroizing<String>> {
        let unread = mem::replace(&mut *self.refresh_token.lock(), RefreshToken::Reading);
        let token = match unread {
            RefreshToken::Unread { body, field } => token_in(body, &field).await,
            RefreshToken::Read(token) => token,
            RefreshToken::Reading => Err(Error::RefreshMissingInBody),
        };
        *self.refresh_token.lock() = RefreshToken::Read(token.clone());
        token
    }
}

/// The token in a body that is a JSON object with this field.
async fn token_in(body: Body, field: &str) -> Result<Zeroizing<String>> {
    let text = match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(text) => text,
        Err(error) if is_too_large(&error) => return Err(Error::BodyTooLarge),
        Err(_broken_off) => return Err(Error::BodyNotJson),
    };
    if text.is_empty() {
        return Err(Error::RefreshMissingInBody);
    }
    let mut members: Map<String, Value> =
        serde_json::from_slice(&text).map_err(|_no_object| Error::BodyNotJson)?;
    match members.remove(field) {
        Some(Value::String(token)) => Ok(Zeroizing::new(token)),
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
        )
        | None => Err(Error::RefreshMissingInBody),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}
