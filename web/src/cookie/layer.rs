//! The layer around the handlers, and what all of its requests share: how a request's session is
//! found, and what the browser is told of it in the end.

use std::sync::Arc;

use axum::extract::Request;
use http::{HeaderMap, HeaderValue, header};
use passbook::{
    Context, EndReason, Ledger, SessionId, Token,
    core::{
        SessionRef,
        session::{Data, FINGERPRINT_KEY},
    },
};
use tower_layer::Layer;

use super::{
    config::{ConfigError, CookieSessionsConfig, OnMismatch},
    jar::CookieJar,
    service::SessionService,
    visit::{Client, Told, Visit},
};
use crate::{
    client::{ClientIp, Fingerprint, Fingerprints, SessionMeta},
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
    fingerprints: Fingerprints,
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
        Ok(Self(Arc::new(Sessions {
            ledger,
            config,
            touch_interval_ms,
            jar,
            fingerprints: Fingerprints::default(),
            guard,
        })))
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
        SessionService::new(inner, Arc::clone(&self.0))
    }
}

/// What is to be recorded before the handler is called.
#[derive(Debug)]
pub(super) enum Due {
    /// The session turned up with another fingerprint: it ends.
    End(SessionId),
    /// Spent tokens were shown.
    Present(Vec<Token>),
}

impl Sessions {
    /// Refuses what another origin made the browser send.
    pub(super) fn check(&self, request: &Request) -> Result<()> {
        let Some(guard) = &self.guard else { return Ok(()) };
        guard.check(request.method(), request.headers(), request.uri())
    }

    /// The visit that a request begins: with the session of its cookie, if that opens one. Nothing
    /// is waited for.
    pub(super) fn begin(self: &Arc<Self>, request: &Request) -> (Visit, Option<Due>) {
        let headers = request.headers();
        let ip = ClientIp::of_request(request.extensions()).map(|ClientIp(ip)| ip);
        let client = Client::new(ip, self.fingerprints.of_headers(headers));
        let mut visit = Visit::anonymous(Arc::clone(self), client);
        let mut spent = Vec::new();
        for token in self.jar.candidates(headers) {
            let token_ref = SessionRef::Token(token.digest());
            if let Some((session, data)) = self.ledger.session_and_data(token_ref) {
                let same = is_of(visit.client.fingerprint, data.as_deref());
                if same == Some(true) {
                    visit.client.sent_as_at_login(&session);
                } else {
                    visit.client.sent(headers);
                }
                if same == Some(false) && self.config.validate_fingerprint {
                    if self.config.fingerprint_mismatch == OnMismatch::End {
                        return (visit, Some(Due::End(session.id)));
                    }
                    visit.flag_fingerprint();
                }
                visit.found(token, session, data);
                return (visit, None);
            }
            if self.ledger.is_spent(&token) {
                spent.push(token.clone());
            }
            visit.showed(token);
        }
        visit.client.sent(headers);
        (visit, (!spent.is_empty()).then_some(Due::Present(spent)))
    }

    /// At most one cookie, and what goes with it.
    pub(super) fn tell(&self, visit: &Visit, headers: &mut HeaderMap) {
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

/// Whether the browser is the one that the session was opened with; `None`: nobody noted that.
fn is_of(fingerprint: Fingerprint, data: Option<&Data>) -> Option<bool> {
    let json = data?.get(FINGERPRINT_KEY)?;
    // A JSON string of digits: nothing in it is escaped.
    Some(fingerprint.matches(json.trim_matches('"')))
}

impl Due {
    /// Records it, and lets the visit know.
    pub(super) async fn record(self, visit: &mut Visit) -> Result<()> {
        match self {
            Self::End(id) => {
                let ledger = &visit.sessions.ledger;
                let by_rule = ledger.in_context(visit.client.context(Context::system()));
                by_rule.revoke_session(id, EndReason::Fingerprint).await?;
                visit.lost();
            }
            Self::Present(tokens) => {
                for token in tokens {
                    present_spent(visit, &token).await?;
                }
            }
        }
        Ok(())
    }
}

/// A spent token is recorded, and may end its session: one of its two bearers stole it. Within the
/// replay window it gets its successor again, which the browser never heard of.
async fn present_spent(visit: &mut Visit, token: &Token) -> Result<()> {
    let sessions = Arc::clone(&visit.sessions);
    let lifetime_ms = sessions.lifetime_ms();
    let Some(issued) = visit.acting().refresh_with_lifetime(token, lifetime_ms).await? else {
        return Ok(());
    };
    let found = sessions.ledger.session_and_data(SessionRef::Id(issued.id));
    let data = found.and_then(|(_, data)| data);
    // Whoever has the old cookie in another browser does not get the new one.
    let is_other = is_of(visit.client.fingerprint, data.as_deref()) == Some(false);
    if !is_other || !sessions.config.validate_fingerprint {
        visit.take_up(issued);
    }
    Ok(())
}
