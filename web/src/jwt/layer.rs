//! The layer in front of handlers that need a session: who has no valid access token does not pass.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{admission::Due, service::JwtSessionService};

/// Lets a request pass that carries a valid access token, with the [`Session`](super::Session) and
/// the [`Claims`](super::Claims) in its extensions; [`JwtSessionService::layer`] makes it.
///
/// In this order: the token is there (401 `jwt:missing_token`), it is a valid one (401 `jwt:…`), it
/// is an access token (401 `auth:aud_mismatch`), its session lives and is of the user in `sub` (401
/// `auth:session_not_found`). Then the use of the session is noted, if that is due. If the ledger
/// can't: 503 `ledger:unavailable`.
///
/// Without `stateful_validation` the session is not looked at, and there are the [`Claims`](super::Claims) alone:
/// enough for [`require_auth`](crate::require_auth). [`SessionData`](crate::SessionData) and the other
/// guards answer 401 `auth:unauthenticated` then, whoever asks.
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
    sessions: Arc<JwtSessionService>,
}

impl JwtLayer {
    pub(super) fn new(sessions: JwtSessionService) -> Self {
        Self { sessions: Arc::new(sessions) }
    }
}

impl<S> Layer<S> for JwtLayer {
    type Service = JwtService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        JwtService { inner, sessions: Arc::clone(&self.sessions) }
    }
}

/// A service with [`JwtLayer`] in front of it.
#[derive(Clone)]
pub struct JwtService<S> {
    inner: S,
    sessions: Arc<JwtSessionService>,
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
    type Future = JwtFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.sessions.admit(&mut request) {
            Ok(None) => JwtFuture::Handling { future: self.inner.call(request) },
            Ok(Some(due)) => {
                // The one that is ready goes, a clone stays.
                let clone = self.inner.clone();
                let inner = mem::replace(&mut self.inner, clone);
                let sessions = Arc::clone(&self.sessions);
                JwtFuture::Waiting { future: Box::pin(note(sessions, due, inner, request)) }
            }
            Err(error) => JwtFuture::Refused { response: Some(self.sessions.refusal(error)) },
        }
    }
}

/// Notes what is due, and then calls the handler.
async fn note<S>(
    sessions: Arc<JwtSessionService>,
    due: Due,
    mut inner: S,
    mut request: Request,
) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response>,
{
    match sessions.admit_late(due, &mut request).await {
        Ok(()) => inner.call(request).await,
        Err(error) => Ok(sessions.refusal(error)),
    }
}

pin_project! {
    /// The answer of [`JwtService`].
    #[project = Step]
    #[expect(missing_docs, reason = "nobody but the layer makes or reads one")]
    pub enum JwtFuture<F, E> {
        Refused { response: Option<Response> },
        Handling { #[pin] future: F },
        Waiting { future: Pin<Box<dyn Future<Output = Result<Response, E>> + Send>> },
    }
}

impl<F, E> fmt::Debug for JwtFuture<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtFuture").finish_non_exhaustive()
    }
}

impl<F, E> Future for JwtFuture<F, E>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Step::Handling { future } => future.poll(cx),
            Step::Waiting { future } => future.as_mut().poll(cx),
            Step::Refused { response } => {
                Poll::Ready(Ok(response.take().expect("polled once, as it is ready at once")))
            }
        }
    }
}
