//! The layer at work: a request goes in with its session, and comes back with its cookie.

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    layer::{Due, Sessions},
    session::Session,
    visit::Visit,
};
use crate::problem;

/// A service with [`SessionLayer`](crate::SessionLayer) around it.
#[derive(Clone)]
pub struct SessionService<S> {
    inner: S,
    sessions: Arc<Sessions>,
}

impl<S> SessionService<S> {
    pub(super) fn new(inner: S, sessions: Arc<Sessions>) -> Self {
        Self { inner, sessions }
    }
}

impl<S> fmt::Debug for SessionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionService").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

impl<S> Service<Request> for SessionService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = SessionFuture<S::Future, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if let Err(error) = self.sessions.check(&request) {
            return SessionFuture::Refused { response: Some(error.into_response()) };
        }
        match self.sessions.begin(&request) {
            // What nearly every request takes: nothing to wait for and no box of our own, which
            // costs as much as finding the session.
            (visit, None) => {
                let visit = enter(visit, &mut request);
                SessionFuture::Handling { future: self.inner.call(request), visit }
            }
            (visit, Some(due)) => {
                // The one that is ready goes, a clone stays.
                let clone = self.inner.clone();
                let inner = mem::replace(&mut self.inner, clone);
                SessionFuture::Waiting { future: Box::pin(record(visit, due, inner, request)) }
            }
        }
    }
}

/// Gives the handler its handle.
fn enter(visit: Visit, request: &mut Request) -> Arc<Visit> {
    let visit = Arc::new(visit);
    request.extensions_mut().insert(Session::new(Arc::clone(&visit)));
    visit
}

/// Records what is due, and then calls the handler.
async fn record<S>(
    mut visit: Visit,
    due: Due,
    mut inner: S,
    mut request: Request,
) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response>,
{
    if let Err(error) = due.record(&mut visit).await {
        return Ok(error.into_response());
    }
    let visit = enter(visit, &mut request);
    let response = inner.call(request).await?;
    let settled = visit.settle().await;
    Ok(leave(&visit, settled, response))
}

/// The response as it goes out. A token that was issued goes out also if something else then failed:
/// the one before it is spent.
fn leave(visit: &Visit, settled: problem::Result<()>, response: Response) -> Response {
    let mut response = match settled {
        Ok(()) => response,
        Err(error) => error.into_response(),
    };
    visit.sessions.tell(visit, response.headers_mut());
    response
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// The answer of [`SessionService`].
    #[project = Step]
    #[expect(missing_docs, reason = "nobody but the layer makes or reads one")]
    pub enum SessionFuture<F, E> {
        Refused { response: Option<Response> },
        Handling { #[pin] future: F, visit: Arc<Visit> },
        Settling { future: Boxed<problem::Result<()>>, visit: Arc<Visit>, response: Option<Response> },
        Waiting { future: Boxed<Result<Response, E>> },
    }
}

impl<F, E> fmt::Debug for SessionFuture<F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}

impl<F, E> Future for SessionFuture<F, E>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const ONCE: &str = "a future that was ready is not polled again";
        loop {
            let next = match self.as_mut().project() {
                Step::Refused { response } => return Poll::Ready(Ok(response.take().expect(ONCE))),
                Step::Waiting { future } => return future.as_mut().poll(cx),
                Step::Settling { future, visit, response } => {
                    let settled = ready!(future.as_mut().poll(cx));
                    return Poll::Ready(Ok(leave(visit, settled, response.take().expect(ONCE))));
                }
                Step::Handling { future, visit } => {
                    let response = ready!(future.poll(cx))?;
                    if visit.is_settled() {
                        return Poll::Ready(Ok(leave(visit, Ok(()), response)));
                    }
                    let settling = Arc::clone(visit);
                    let future = Box::pin(async move { settling.settle().await });
                    let (visit, response) = (Arc::clone(visit), Some(response));
                    Self::Settling { future, visit, response }
                }
            };
            self.set(next);
        }
    }
}
