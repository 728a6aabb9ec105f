//! Address and client as extractors.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use super::ClientIp;
use crate::{Error, SessionMeta};

impl<S: Send + Sync> FromRequestParts<S> for ClientIp {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        Self::of_request(&parts.extensions).ok_or(Error::MiddlewareMissing)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::of_request(&parts.extensions))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionMeta {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let ip = ClientIp::of_request(&parts.extensions).map(|ClientIp(ip)| ip);
        Ok(Self::of_request(ip, &parts.headers))
    }
}
