//! An API for apps and programs: a login gives a pair of tokens, and each user sees and ends the own
//! sessions. It keeps them in a folder: start it again, and every token is still good.
//!
//!     export JWT_KEY="$(openssl genpkey -algorithm ed25519)"
//!     cargo run -p passbook-axum --features jwt --example jwt -- ./passbook-data 8080
//!
//!     curl localhost:8080/login --json '{"user":"mira","password":"correct horse"}'
//!     curl localhost:8080/refresh --json '{"refresh_token":"…"}'
//!     curl localhost:8080/sessions --oauth2-bearer '…'

use std::net::{Ipv4Addr, SocketAddr};

use axum::extract::{FromRef, Path, State, rejection::JsonRejection};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use passbook::{FailureReason, Ledger};
use passbook_axum::jwt::{
    Jwks, JwtSession, JwtSessionService, JwtSessionsConfig, KeyAlgorithm, KeyConfig, TokenPair,
};
use passbook_axum::{Error, Result, SessionData, SessionMeta};

/// Who may log in. Yours are in a database, with a hash of the password (argon2) and nothing else.
const USERS: [(&str, &str); 2] = [("mira", "correct horse"), ("theo", "battery staple")];

/// What the handlers share.
#[derive(Clone)]
struct Api {
    ledger: Ledger,
    sessions: JwtSessionService,
}

/// For [`JwtSession`], which is of a service.
impl FromRef<Api> for JwtSessionService {
    fn from_ref(api: &Api) -> Self {
        api.sessions.clone()
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it is the program")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| "./passbook-data".to_owned());
    let port = args.next().map_or(Ok(8080), |port| port.parse())?;
    let key = std::env::var("JWT_KEY").map_err(|e| format!("JWT_KEY: {e}"))?;
    let config = JwtSessionsConfig {
        issuer: Some("https://api.example.org".to_owned()),
        // The first signs, all verify: a new key goes to the front, and the old one out 30 days later.
        keys: vec![KeyConfig::new("2026-11", KeyAlgorithm::EdDsa, key)],
        ..JwtSessionsConfig::default()
    };

    let ledger = Ledger::open(folder).await?;
    let sessions = JwtSessionService::new(ledger.clone(), config)?;
    let app = Router::new()
        .route("/me", get(async |session: SessionData| Json(session)))
        .route("/sessions", get(list).delete(end_others))
        .route("/sessions/{id}", delete(end_one))
        .route_layer(sessions.layer()) // the routes above need an access token, those below do not
        .route("/login", post(log_in))
        .route("/refresh", post(refresh))
        .route("/logout", post(log_out))
        .route("/.well-known/jwks.json", get(key_set))
        .with_state(Api { ledger: ledger.clone(), sessions });
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("http://{}", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>(); // it goes into the history
    let stopped = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(stopped).await?;
    Ok(ledger.close()?)
}

#[derive(serde::Deserialize)]
struct Login {
    user: String,
    password: String,
}

async fn log_in(
    State(api): State<Api>,
    meta: SessionMeta,
    login: std::result::Result<Json<Login>, JsonRejection>,
) -> Result<TokenPair> {
    // Axum would answer in plain text: what goes wrong here is told as JSON.
    let Json(Login { user, password }) = login.map_err(|_no_login| Error::BodyNotJson)?;
    let reason = match USERS.iter().find(|(name, _)| *name == user) {
        Some((_, own)) if *own == password => return api.sessions.authenticate(&user, &meta).await,
        Some(_) => FailureReason::WrongPassword,
        None => FailureReason::UnknownUser,
    };
    api.ledger.in_context(meta.context()).record_login_failure(Some(&user), reason).await?;
    // Which of the two was wrong is for the history, not for who tries.
    Err(Error::Unauthenticated)
}

async fn refresh(jwt: JwtSession) -> Result<TokenPair> {
    jwt.rotate().await
}

async fn log_out(jwt: JwtSession) -> Result<StatusCode> {
    jwt.logout().await.map(|()| StatusCode::NO_CONTENT)
}

async fn list(session: SessionData, jwt: JwtSession) -> Result<Json<Vec<SessionData>>> {
    jwt.list(&session.user_id).await.map(Json)
}

async fn end_one(me: SessionData, Path(id): Path<String>, jwt: JwtSession) -> Result<StatusCode> {
    jwt.revoke(&me.user_id, &id).await.map(|()| StatusCode::NO_CONTENT)
}

async fn end_others(me: SessionData, jwt: JwtSession) -> Result<StatusCode> {
    jwt.revoke_all_except(&me.user_id, &me.id.to_string()).await.map(|()| StatusCode::NO_CONTENT)
}

/// For servers that check access tokens without asking.
async fn key_set(State(sessions): State<JwtSessionService>) -> Jwks {
    sessions.jwks()
}
