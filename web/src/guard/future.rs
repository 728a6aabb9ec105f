//! What a guard answers with, without a box.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;

use crate::problem::Error;

pin_project! {
    /// The answer of a service with a guard in front of it: the handler's, or the refusal.
    #[project = Step]
    #[derive(Debug)]
    #[allow(missing_docs, reason = "nobody but a guard makes or reads one")]
    pub enum GuardFuture<F> {
        Passed { #[pin] future: F },
        Refused { response: Option<Response> },
    }
}

impl<F> GuardFuture<F> {
    pub(super) fn refused(error: Error) -> Self {
        Self::Refused { response: Some(error.into_response()) }
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for GuardFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            Step::Passed { future } => future.poll(context),
            Step::Refused { response } => {
                Poll::Ready(Ok(response.take().expect("polled once, as it is ready at once")))
            }
        }
    }
}
