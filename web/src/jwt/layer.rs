//! The layer in front of handlers that need a session: who has no valid access token does not pass.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    extract::{FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    claims::Claims, error::JwtError, service::JwtSessionService, source::TokenSourceConfig,
};
use crate::{Error, Result};

/// Lets a request pass that carries a valid access token, with the [`Session`](super::Session) and
/// the [`Claims`] in its extensions; [`JwtSessionService::layer`] makes it.
///
/// In this order: the token is there (401 `jwt:missing_token`), it is a valid one (401 `jwt:…`), it
/// is an access token (401 `auth:aud_mismatch`), its session lives and is of the user in `sub` (401
/// `auth:session_not_found`). Then the use of the session is noted, if that is due. If the ledger
/// can't: 503 `ledger:unavailable`. Without `stateful_validation` the session is not looked at, and
/// there are the [`Claims`] alone.
///
/// A 401 to a request whose token belongs into `Authorization` has a `WWW-Authenticate` (RFC 6750,
/// section 3).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, routing::get};
/// use passbook::Ledger;
/// use passbook_axum::jwt::{JwtSessionService, JwtSessionsConfig, Session};
///
/// let config = JwtSessionsConfig::new("a secret of at least thirty-two bytes");
/// let svc = JwtSessionService::new(Ledger::memory()?, config)?;
/// let whoami = async |session: Session| session.user_id;
/// let app: Router = Router::new().route("/me", get(whoami).route_layer(svc.layer()));
/// # let _ = app;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct JwtLayer {
    sessions: JwtSessionService,
}

impl JwtLayer {
    pub(super) fn new(sessions: JwtSessionService) -> Self {
        Self { sessions }
    }
}

impl<S> Layer<S> for JwtLayer {
    type Service = JwtService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        JwtService { inner, sessions: self.sessions.clone() }
    }
}

/// A service with [`JwtLayer`] in front of it.
#[derive(Clone)]
pub struct JwtService<S> {
    inner: S,
    sessions: JwtSessionService,
}

impl<S> fmt::Debug for JwtService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtService").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

impl<S> Service<Request> for JwtService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that is ready goes, a clone stays.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let sessions = self.sessions.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match sessions.admit(&mut parts).await {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await,
                Err(error) => Ok(sessions.refusal(error)),
            }
        })
    }
}

impl JwtSessionService {
    /// Checks the request's token and puts what it stands for into the extensions.
    async fn admit(&self, parts: &mut Parts) -> Result<()> {
        let config = self.config();
        let token = config.access_source.token_of(parts).ok_or(JwtError::MissingToken)?;
        let claims = self.access_claims(&token)?;
        if config.stateful_validation {
            let session = self.live_session(&claims).await?;
            parts.extensions.insert(session);
        }
        parts.extensions.insert(claims);
        Ok(())
    }

    fn refusal(&self, error: Error) -> Response {
        let is_missing = matches!(error, Error::Jwt(JwtError::MissingToken));
        let challenge = if is_missing { "Bearer" } else { "Bearer error=\"invalid_token\"" };
        let mut response = error.into_response();
        let is_bearer = self.config().access_source == TokenSourceConfig::Bearer;
        if is_bearer && response.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// An extractor: the claims that [`JwtLayer`] found. 500 `auth:middleware_missing` without it.
impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        parts.extensions.get::<Self>().cloned().ok_or(Error::MiddlewareMissing)
    }
}
