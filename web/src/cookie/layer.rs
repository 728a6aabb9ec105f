//! The layer around the handlers: finds a request's session, and after the handler writes what it
//! changed and tells the browser its cookie.

use std::{
    fmt,
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context as Waker, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};
use passbook::{
    Context, EndReason, Ledger, Token,
    core::{
        SessionRef,
        session::{Data, FINGERPRINT_KEY},
    },
};
use tower_layer::Layer;
use tower_service::Service;

use super::{
    config::{ConfigError, CookieSessionsConfig, OnMismatch},
    jar::CookieJar,
    session::Session,
    visit::{Client, Told, Visit},
};
use crate::{
    client::{ClientIp, Fingerprint, SessionMeta},
    guard::CrossOrigin,
    problem::Result,
};

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(super) ledger: Ledger,
    pub(super) config: CookieSessionsConfig,
    pub(super) touch_interval_ms: u64,
    jar: CookieJar,
    guard: Option<CrossOrigin>,
}

impl Sessions {
    /// How long a session lives from its login, each rotation and each touch; 0 = for ever.
    pub(super) fn lifetime_ms(&self) -> u64 {
        self.config.session_ttl_secs.saturating_mul(1_000)
    }
}

/// Cookie sessions for the routes that it is put around.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, routing::get};
/// use passbook::Ledger;
/// use passbook_axum::{CookieSessionsConfig, Session, SessionLayer};
///
/// let ledger = Ledger::memory()?; // or Ledger::open("sessions").await?
/// let secret = "at least 64 bytes that nobody else knows, from the environment ...".repeat(2);
/// let app: Router = Router::new()
///     .route("/", get(async |session: Session| session.user_id().unwrap_or_default()))
///     .layer(SessionLayer::new(ledger, CookieSessionsConfig::new(secret))?);
/// # let _ = app;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SessionLayer(Arc<Sessions>);

impl SessionLayer {
    /// Sessions of that ledger, so configured.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that is out of its range.
    pub fn new(
        ledger: Ledger,
        config: CookieSessionsConfig,
    ) -> std::result::Result<Self, ConfigError> {
        config.validate()?;
        let guard = config.guard()?;
        // The list of browsers takes a while to build: not in the first login.
        std::thread::spawn(SessionMeta::warm_up);
        let jar = CookieJar::new(&config);
        let touch_interval_ms = config.touch_interval_ms();
        Ok(Self(Arc::new(Sessions { ledger, config, touch_interval_ms, jar, guard })))
    }
}

/// As [`SessionLayer::new`].
///
/// # Errors
/// [`ConfigError`] names the first field that is out of its range.
pub fn layer(
    ledger: Ledger,
    config: CookieSessionsConfig,
) -> std::result::Result<SessionLayer, ConfigError> {
    SessionLayer::new(ledger, config)
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService { inner, sessions: Arc::clone(&self.0) }
    }
}

/// A service with [`SessionLayer`] around it.
#[derive(Clone)]
pub struct SessionService<S> {
    inner: S,
    sessions: Arc<Sessions>,
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
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Waker<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        // The one that is ready goes, a clone stays.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let sessions = Arc::clone(&self.sessions);
        Box::pin(async move {
            let ip = ClientIp::of_request(request.extensions()).map(|ClientIp(ip)| ip);
            if let Err(error) = sessions.check(&request) {
                return Ok(error.into_response());
            }
            let visit = match visit(&sessions, ip, request.headers()).await {
                Ok(visit) => Arc::new(visit),
                Err(error) => return Ok(error.into_response()),
            };
            request.extensions_mut().insert(Session::new(Arc::clone(&visit)));
            let response = inner.call(request).await?;
            // A token that was issued goes out also if something else then failed: the one before it
            // is spent.
            let mut response = match visit.settle().await {
                Ok(()) => response,
                Err(error) => error.into_response(),
            };
            sessions.tell(&visit, response.headers_mut());
            Ok(response)
        })
    }
}

/// The visit that a request begins: with the session of its cookie, if that opens one.
async fn visit(sessions: &Arc<Sessions>, ip: Option<IpAddr>, headers: &HeaderMap) -> Result<Visit> {
    let mut visit = Visit::anonymous(Arc::clone(sessions), Client::new(ip, headers));
    let ledger = &sessions.ledger;
    for token in sessions.jar.candidates(headers) {
        if let Some((session, data)) = ledger.session_and_data(SessionRef::Token(token.digest())) {
            if sessions.knows(data.as_deref(), headers) {
                visit.found(token, session, data);
            } else if sessions.config.fingerprint_mismatch == OnMismatch::Flag {
                visit.found(token, session, data);
                visit.flag_fingerprint();
            } else {
                let by_rule = ledger.in_context(visit.client.context(Context::system()));
                by_rule.revoke_session(session.id, EndReason::Fingerprint).await?;
                visit.lost();
            }
            return Ok(visit);
        }
        if ledger.is_spent(&token) {
            present_spent(&mut visit, &token).await?;
        }
        visit.showed(token);
    }
    Ok(visit)
}

/// A spent token is recorded, and may end its session: one of its two bearers stole it. Within the
/// replay window it gets its successor again, which the browser never heard of.
async fn present_spent(visit: &mut Visit, token: &Token) -> Result<()> {
    let lifetime_ms = visit.sessions.lifetime_ms();
    if let Some(issued) = visit.acting().refresh_with_lifetime(token, lifetime_ms).await? {
        visit.take_up(issued);
    }
    Ok(())
}

impl Sessions {
    /// Refuses what another origin made the browser send.
    fn check(&self, request: &Request) -> Result<()> {
        let Some(guard) = &self.guard else { return Ok(()) };
        guard.check(request.method(), request.headers(), request.uri())
    }

    /// Whether the browser is the one that the session was opened with, as far as that is looked at.
    fn knows(&self, data: Option<&Data>, headers: &HeaderMap) -> bool {
        if !self.config.validate_fingerprint {
            return true;
        }
        let Some(json) = data.and_then(|data| data.get(FINGERPRINT_KEY)) else { return true };
        // A JSON string of digits: nothing in it is escaped.
        Fingerprint::of_headers(headers).matches(json.trim_matches('"'))
    }

    /// At most one cookie, and what goes with it.
    fn tell(&self, visit: &Visit, headers: &mut HeaderMap) {
        let cookie = match visit.told() {
            Told::Nothing => return,
            Told::Removal => {
                if self.config.clear_site_data {
                    let what = HeaderValue::from_static("\"cache\", \"cookies\", \"storage\"");
                    headers.insert("clear-site-data", what);
                }
                self.jar.removal()
            }
            Told::Token(token, expires_at_ms) => {
                self.jar.set(&token, expires_at_ms.saturating_sub(self.ledger.now_ms()))
            }
        };
        headers.append(header::SET_COOKIE, cookie);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
