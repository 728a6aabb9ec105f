//! The guard as a layer, for routes without cookie sessions.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::response::Response;
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::{CrossOrigin, GuardFuture};

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
    type Future = GuardFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.guard.check(request.method(), request.headers(), request.uri()) {
            Ok(()) => GuardFuture::Passed { future: self.inner.call(request) },
            Err(error) => GuardFuture::refused(error),
        }
    }
}
