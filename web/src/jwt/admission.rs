//! Who may pass: the check of a request's token against its session, which waits for nothing unless
//! the use of the session is to be noted.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use passbook::{
    Session, SessionId,
    core::{SessionRef, session::Data},
};

use super::{
    bearer::{ACCESS, Bearer, check_audience},
    claims::Claims,
    error::JwtError,
    service::JwtSessionService,
    source::TokenSourceConfig,
};
use crate::{Error, Result, SessionData};

/// The use of this session is to be noted before the handler is called.
pub(super) struct Due(SessionId, Claims);

type Found = (Session, Option<Arc<Data>>);

impl JwtSessionService {
    /// Checks the request's token and puts what it stands for into the extensions, or says what is to
    /// be done before.
    pub(super) fn admit(&self, request: &mut Request) -> Result<Option<Due>> {
        let config = self.config();
        let token = config.access_source.token_in(request.headers(), request.uri());
        let claims = self.decoder().decode(&token.ok_or(JwtError::MissingToken)?)?;
        check_audience(&claims, ACCESS)?;
        if config.stateful_validation {
            let found = self.live(&claims)?;
            if self.is_due(&found.0) {
                return Ok(Some(Due(found.0.id, claims)));
            }
            request.extensions_mut().insert(self.seen(found));
        }
        request.extensions_mut().insert(claims);
        Ok(None)
    }

    /// Notes the use of the session, and admits the request if it is live still.
    pub(super) async fn admit_late(&self, due: Due, request: &mut Request) -> Result<()> {
        let Due(id, claims) = due;
        if !self.ledger.touch_session(id).await? {
            return Err(Error::SessionNotFound);
        }
        let session = self.seen(self.live(&claims)?);
        request.extensions_mut().insert(session);
        request.extensions_mut().insert(claims);
        Ok(())
    }

    /// What the client is told of why it may not pass.
    pub(super) fn refusal(&self, error: Error) -> Response {
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

    /// The live session of an access token.
    fn live(&self, claims: &Claims) -> Result<Found> {
        let Bearer { token, user } = Bearer::of(claims)?;
        let found = self.ledger.session_and_data(SessionRef::Token(token.digest()));
        found.filter(|(session, _)| *session.user_id == *user).ok_or(Error::SessionNotFound)
    }

    /// As the handler sees it.
    fn seen(&self, (session, data): Found) -> SessionData {
        SessionData::new(session, data, self.ledger.now_ms()).marked(true)
    }

    fn is_due(&self, session: &Session) -> bool {
        let idle_ms = self.ledger.now_ms().saturating_sub(session.last_active_at_ms);
        idle_ms >= self.touch_interval_ms()
    }

    /// How old the note of a session's last use may become: never so old that one in use ends.
    fn touch_interval_ms(&self) -> u64 {
        let config = self.config();
        config.touch_interval_secs.min(config.refresh_ttl_secs / 2).saturating_mul(1_000)
    }
}

/// An extractor: the claims that [`JwtLayer`](super::JwtLayer) found. 500 `auth:middleware_missing`
/// without it.
impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        parts.extensions.get::<Self>().cloned().ok_or(Error::MiddlewareMissing)
    }
}
