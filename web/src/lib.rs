//! Passbook for axum: sessions that survive a restart, know every device, and leave a history.
//!
//! Two ways to carry a session, on one [`Ledger`](passbook::Ledger): a signed cookie for browsers, and
//! a pair of JSON Web Tokens for apps and programs (feature `jwt`). A user's list of devices shows
//! both, and either ends the other.
//!
//! ```
//! # #[cfg(not(feature = "jwt"))] fn main() {}
//! # #[cfg(feature = "jwt")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, body::Body, extract::State, http::Request, routing::{get, post}};
//! use passbook::Ledger;
//! use passbook_axum::{CookieSessionsConfig, Result, Session, SessionData, SessionLayer, SessionMeta};
//! use passbook_axum::jwt::{JwtSessionService, JwtSessionsConfig, TokenPair};
//! use tower::ServiceExt as _;
//!
//! // A browser gets a cookie; after the password was checked, as below.
//! async fn log_in(session: Session) -> Result<&'static str> {
//!     session.authenticate("mira").await?;
//!     Ok("welcome")
//! }
//!
//! // An app gets an access token for requests, and a refresh token for the next pair.
//! async fn log_app_in(State(svc): State<JwtSessionService>, meta: SessionMeta) -> Result<TokenPair> {
//!     svc.authenticate("mira", &meta).await
//! }
//!
//! // What carries the session is no matter to who reads it.
//! async fn whoami(session: SessionData) -> String {
//!     session.user_id
//! }
//!
//! let ledger = Ledger::memory()?; // or Ledger::open("sessions").await?
//! let config = CookieSessionsConfig::new("0123456789abcdef".repeat(4)); // yours is random
//! let cookies = SessionLayer::new(ledger.clone(), config)?;
//! let config = JwtSessionsConfig::new("a secret of at least thirty-two bytes");
//! let tokens = JwtSessionService::new(ledger.clone(), config)?;
//!
//! let api = Router::new()
//!     .route("/me", get(whoami))
//!     .route_layer(tokens.layer())
//!     .route("/login", post(log_app_in))
//!     .with_state(tokens);
//! let app = Router::new()
//!     .route("/me", get(whoami))
//!     .route("/login", post(log_in))
//!     .layer(cookies)
//!     .nest("/api", api);
//!
//! for path in ["/login", "/api/login"] {
//!     let answer = app.clone().oneshot(Request::post(path).body(Body::empty())?).await?;
//!     assert!(answer.status().is_success());
//! }
//! assert_eq!(ledger.list_for_user("mira").len(), 2);
//! # Ok(()) }
//! ```
//!
//! Which of the two you want, how long a session should live, when to change its token: that is told
//! in `docs/which-session.md` of the repository.
//!
//! # What for what
//!
//! | task | cookies | JWT |
//! |---|---|---|
//! | configure sessions | [`CookieSessionsConfig`] | [`JwtSessionsConfig`](jwt::JwtSessionsConfig) |
//! | the times of a NIST level | [`Assurance`] | |
//! | put them around routes | [`SessionLayer`] | [`JwtSessionService::layer`](jwt::JwtSessionService::layer) |
//! | log in, rotate, log out | [`Session`] | [`JwtSession`](jwt::JwtSession); with a body of your own [`JwtSessionService`](jwt::JwtSessionService) |
//! | who asks, in a handler | [`Session`], [`SessionData`] | [`SessionData`], [`Claims`](jwt::Claims) |
//! | keep values in a session | [`Session::set`] | |
//! | list and end a user's devices | [`Session::list_my_sessions`], [`Session::revoke`] | [`JwtSession::list`](jwt::JwtSession::list), [`JwtSession::revoke`](jwt::JwtSession::revoke) |
//! | only who is logged in, proved it lately, acts for an organisation | [`require_auth`], [`require_recent_auth`], [`require_tenant`] | the same |
//! | record that the user proved it again | [`Session::reauthenticated`] | [`JwtSession::reauthenticated`](jwt::JwtSession::reauthenticated) |
//! | refuse what other origins cause | it does; [`allowed_origins`](CookieSessionsConfig::allowed_origins) | needless with a bearer token; else [`CrossOriginLayer`] |
//! | know the client behind proxies | [`ClientIpLayer`], [`ClientIp`] | the same |
//! | what a login says of its device | [`SessionMeta`] | the same |
//! | let others check tokens | | [`Jwks`](jwt::Jwks) |
//!
//! What fails is an [`Error`]; as a response it is `application/problem+json` with a stable code.
//! Whatever else the ledger can do, such as `history`, `in_context` or `record_login_failure`, it does
//! beside these layers: keep a clone of it.
//!
//! # A whole app with cookies
//!
//! ```no_run
#![doc = include_str!("../examples/cookie.rs")]
//! ```
//!
//! # A whole API with JWT
//!
#![cfg_attr(feature = "jwt", doc = "```no_run")]
#![cfg_attr(feature = "jwt", doc = include_str!("../examples/jwt.rs"))]
#![cfg_attr(feature = "jwt", doc = "```")]
#![cfg_attr(not(feature = "jwt"), doc = "Needs the feature `jwt`.")]
//!
//! # Features
//!
//! - `jwt`: the module [`jwt`], on `jsonwebtoken` and ring. Off, if not said; cookies need no feature.
//!
//! # What it does for security, and what not
//!
//! - **Stored**: of a token its SHA-256 and nothing else, in the ledger and in all that it writes. Who
//!   reads the disk can't log in.
//! - **Signed**: the cookie's name and value together (HMAC-SHA-256), so that a value is good for one
//!   name; the whole of a JWT (HS256, ES256 or `EdDSA`). The algorithm is the key's to say, never the
//!   token's. The first secret or key signs, all verify: that is how to change them. The signature of
//!   a cookie keeps guesses from the ledger; what opens a session is its token of 256 random bits.
//! - **Not encrypted**: a JWT shows the user's id to whoever holds it. Both are bearer credentials: the
//!   cookie is `Secure` and `HttpOnly` if you don't say otherwise, and a JWT belongs where no script of
//!   others runs.
//! - **Session fixation**: a login opens a new session with a new token, and ends the one before in the
//!   same moment. A planted cookie gains nothing.
//! - **Requests from other sites**: cookies are `SameSite=Lax`, and what changes something and comes
//!   from another origin is refused with 403 by its `Sec-Fetch-Site` or `Origin`. So change nothing on
//!   `GET`.
//! - **A stolen token that was rotated**: whoever shows the old one after the race window, thief or
//!   user, ends the session for both, and the history says so.
//! - **An end is an end**: a session that was ended is refused at its next request, after a restart
//!   too. The exception is yours to choose: without `stateful_validation` an access token is good until
//!   it expires.
//! - **Not here**: passwords, second factors, and a limit to how often somebody may try. Record failures
//!   with `record_login_failure`, and the history has them.
//!
//! Times are Unix milliseconds where a name ends in `_ms`, else Unix seconds.
#![cfg_attr(
    not(feature = "jwt"),
    allow(rustdoc::broken_intra_doc_links, reason = "the page tells of all features")
)]

mod assurance;
mod client;
mod cookie;
mod guard;
mod hex;
#[cfg(feature = "jwt")]
pub mod jwt;
mod of_user;
mod problem;
mod sender;
mod session_data;

pub use assurance::Assurance;
pub use client::{ClientIp, ClientIpLayer, ClientIpService, DeviceType, Fingerprint, SessionMeta};
pub use cookie::{
    ConfigError, CookieConfig, CookieSecret, CookieSessionsConfig, OnMismatch, SameSite, Session,
    SessionFuture, SessionLayer, SessionService, layer,
};
pub use guard::{
    CrossOrigin, CrossOriginLayer, CrossOriginService, GuardFuture, OnCrossOrigin, OriginError,
    RequireLayer, RequireService, require_auth, require_recent_auth, require_tenant,
};
pub use problem::{Error, Result};
pub use session_data::SessionData;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "jwt"))]
#[doc = include_str!("../../docs/which-session.md")]
struct WhichSession;
