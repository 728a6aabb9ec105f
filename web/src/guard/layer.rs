//! The guard as a layer, for routes without cookie sessions.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::response::{IntoResponse, Response};
use http::Request;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::CrossOrigin;

/// Answers 403 `auth:cross_origin` to what [`CrossOrigin`] refuses. The session layer does so
/// itself: this is for other routes.
///
/// ```
/// use passbook_axum::{CrossOrigin, CrossOriginLayer};
/// let app: axum::Router = axum::Router::new().layer(CrossOriginLayer::new(CrossOrigin::new()));
/// # let _ = app;
/// ```
#[derive(Debug, Clone)]
pub struct CrossOriginLayer(Arc<CrossOrigin>);

impl CrossOriginLayer {
    /// Refuses what the guard refuses.
    pub fn new(guard: CrossOrigin) -> Self {
        Self(Arc::new(guard))
    }
}

impl<S> Layer<S> for CrossOriginLayer {
    type Service = CrossOriginService<S>;

    fn layer(&self, inner: S) -> CrossOriginService<S> {
        CrossOriginService { inner, guard: Arc::clone(&self.0) }
    }
}

/// What [`CrossOriginLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct CrossOriginService<S> {
    inner: S,
    guard: Arc<CrossOrigin>,
}

impl<S, B> Service<Request<B>> for CrossOriginService<S>
where
    S: Service<Request<B>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = CrossOriginFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.guard.check(request.method(), request.headers(), request.uri()) {
            Ok(()) => CrossOriginFuture::Handler { future: self.inner.call(request) },
            Err(error) => CrossOriginFuture::Refused { response: Some(error.into_response()) },
        }
    }
}

pin_project! {
    /// The answer of the handler, or the refusal.
    #[project = Answer]
    #[derive(Debug)]
    #[allow(missing_docs, reason = "nobody but the layer makes or reads one")]
    pub enum CrossOriginFuture<F> {
        Handler { #[pin] future: F },
        Refused { response: Option<Response> },
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for CrossOriginFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            Answer::Handler { future } => future.poll(context),
            Answer::Refused { response } => {
                Poll::Ready(Ok(response.take().expect("polled once, as it is ready at once")))
            }
        }
    }
}
