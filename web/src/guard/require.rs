//! Guards in front of routes: somebody is logged in, proved lately who they are, acts for an
//! organisation. They work behind the cookie layer and behind the JWT layer.

use std::{
    fmt,
    task::{Context, Poll},
    time::Duration,
};

use axum::{extract::Request, response::Response};
use tower_layer::Layer;
use tower_service::Service;

use super::GuardFuture;
use crate::{
    problem::{Error, Result},
    sender::Sender,
};

/// Only who is logged in passes; a guest does not.
///
/// Put it inside of the session layer: of layers on a router, the one that is added first is the
/// innermost. Others get 401 `auth:unauthenticated`, or 500 `auth:middleware_missing` where no
/// session layer is around it.
///
/// A valid access token is enough: behind a JWT layer without `stateful_validation` its user passes,
/// also if the session has ended. The other guards ask for what only a session tells, and let nobody
/// pass there.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, routing::get};
/// use passbook_axum::{CookieSessionsConfig, SessionLayer, require_auth};
/// let config = CookieSessionsConfig::new("0123456789abcdef".repeat(4));
/// let app: Router = Router::new()
///     .route("/account", get(async || "yours"))
///     .layer(require_auth())
///     .layer(SessionLayer::new(passbook::Ledger::memory()?, config)?);
/// # let _ = app;
/// # Ok(()) }
/// ```
pub fn require_auth() -> RequireLayer {
    RequireLayer(Rule::Auth)
}

/// Only who proved who they are at most `max_age` ago passes: at login, or since by a step-up
/// ([`Session::reauthenticated`](crate::Session::reauthenticated)). Exactly `max_age` still passes.
///
/// Others get 401 `auth:reauthentication_required` (the answer that RFC 9470 describes for OAuth), or
/// what [`require_auth`] says.
pub fn require_recent_auth(max_age: Duration) -> RequireLayer {
    let max_age_ms = u64::try_from(max_age.as_millis()).unwrap_or(u64::MAX);
    RequireLayer(Rule::RecentAuth { max_age_ms })
}

/// Only whose session acts for an organisation passes. Others get 403 `auth:tenant_missing`, or what
/// [`require_auth`] says.
pub fn require_tenant() -> RequireLayer {
    RequireLayer(Rule::Tenant)
}

/// A guard, as a layer.
#[derive(Debug, Clone, Copy)]
pub struct RequireLayer(Rule);

#[derive(Debug, Clone, Copy)]
enum Rule {
    Auth,
    RecentAuth { max_age_ms: u64 },
    Tenant,
}

impl Rule {
    fn check(self, sender: Sender<'_>) -> Result<()> {
        let session = match (sender, self) {
            (Sender::Session(session), _) if !session.is_guest => session,
            (Sender::Token, Self::Auth) => return Ok(()),
            (Sender::Session(_) | Sender::Token | Sender::Nobody, _) => {
                return Err(Error::Unauthenticated);
            }
        };
        match self {
            Self::RecentAuth { max_age_ms } if session.auth_age_ms() > max_age_ms => {
                Err(Error::ReauthenticationRequired)
            }
            Self::Tenant if session.tenant_id.is_none() => Err(Error::TenantMissing),
            Self::Auth | Self::RecentAuth { .. } | Self::Tenant => Ok(()),
        }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireService { inner, rule: self.0 }
    }
}

/// A service with a guard in front of it.
#[derive(Clone)]
pub struct RequireService<S> {
    inner: S,
    rule: Rule,
}

impl<S> fmt::Debug for RequireService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireService").field("rule", &self.rule).finish_non_exhaustive()
    }
}

impl<S> Service<Request> for RequireService<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = GuardFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match Sender::of(request.extensions()).and_then(|sender| self.rule.check(sender)) {
            Ok(()) => GuardFuture::Passed { future: self.inner.call(request) },
            Err(error) => GuardFuture::refused(error),
        }
    }
}
