//! A small application with all routes that JWT sessions have, and what a client sees of it.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::{Body, to_bytes},
    extract::{Path, State},
    routing::{delete, get, post},
};
use http::{HeaderMap, Request, StatusCode, header};
use passbook::{Ledger, SimClock};
use passbook_axum::{
    Error, Result, SessionMeta,
    jwt::{Claims, JwtSession, JwtSessionService, JwtSessionsConfig, Session, TokenPair},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::keys::{NOW, SECRET};

pub(crate) struct App {
    pub(crate) clock: Arc<SimClock>,
    pub(crate) ledger: Ledger,
    pub(crate) service: JwtSessionService,
    pub(crate) router: Router,
}

/// An answer, read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl App {
    pub(crate) fn new() -> Self {
        Self::with(JwtSessionsConfig::new(SECRET))
    }

    pub(crate) fn with(config: JwtSessionsConfig) -> Self {
        let clock = Arc::new(SimClock::at_ms(NOW * 1_000));
        let builder = Ledger::builder().clock(clock.clone()).sweep_interval(None);
        let ledger = builder.open_blocking().expect("in memory");
        Self::on(ledger, clock, config)
    }

    pub(crate) fn on(ledger: Ledger, clock: Arc<SimClock>, config: JwtSessionsConfig) -> Self {
        let service = JwtSessionService::new(ledger.clone(), config).expect("a good configuration");
        let behind = Router::new()
            .route("/me", get(me))
            .route("/id", get(async |session: Session| session.id.to_string()))
            .route("/sessions", get(list))
            .route("/sessions/{id}", delete(revoke))
            .route("/others", delete(revoke_others))
            .layer(service.layer());
        let router = Router::new()
            .route("/login", post(login))
            .route("/refresh", post(refresh))
            .route("/logout", post(logout))
            .route("/step-up", post(step_up))
            .route("/bare", get(async |claims: Claims| claims.sub.unwrap_or_default()))
            .route("/jwks", get(async |State(service): State<JwtSessionService>| service.jwks()))
            .merge(behind)
            .with_state(service.clone());
        Self { clock, ledger, service, router }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("it never fails");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("an answer").to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn login(&self, user: &str) -> TokenPair {
        let meta = SessionMeta::from_headers("198.51.100.7", "curl/8.14.1", "", "");
        self.service.authenticate(user, &meta).await.expect("a login")
    }

    pub(crate) async fn me(&self, token: &str) -> Answer {
        self.send(bearer("GET", "/me", token)).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.send(with_body(&json!({ "refresh_token": token }).to_string())).await
    }

    pub(crate) async fn logout(&self, token: &str) -> Answer {
        self.send(bearer("POST", "/logout", token)).await
    }

    /// The ids of the user's sessions.
    pub(crate) async fn ids(&self, user: &str) -> Vec<String> {
        let listed = self.service.list(user).await.expect("a list");
        listed.iter().map(|session| session.id.to_string()).collect()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The status, and the code if it is a problem document; `-` if it is none.
    #[track_caller]
    pub(crate) fn told(&self) -> (u16, String) {
        let status = self.status.as_u16();
        if self.status.is_success() {
            return (status, "-".to_owned());
        }
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let problem = self.json();
        let members = problem.as_object().expect("an object").keys().collect::<Vec<_>>();
        assert_eq!(members, ["code", "status", "title"]);
        assert_eq!(problem["status"], status);
        (status, problem["code"].as_str().expect("a code").to_owned())
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!(self.told(), (status, code.to_owned()));
    }
}

pub(crate) fn bearer(method: &str, uri: &str, token: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(uri);
    request
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .expect("ok")
}

/// A refresh with that body.
pub(crate) fn with_body(body: &str) -> Request<Body> {
    Request::builder().method("POST").uri("/refresh").body(body.to_owned().into()).expect("ok")
}

async fn login(State(service): State<JwtSessionService>, user: String) -> Result<TokenPair> {
    let meta = SessionMeta::from_headers("198.51.100.7", "curl/8.14.1", "", "");
    service.authenticate(&user, &meta).await
}

async fn refresh(jwt: JwtSession) -> Result<Json<TokenPair>> {
    Ok(Json(jwt.rotate().await?))
}

async fn logout(jwt: JwtSession) -> Result<StatusCode> {
    jwt.logout().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn step_up(jwt: JwtSession) -> Result<TokenPair> {
    jwt.reauthenticated(&["pwd", "otp"]).await
}

/// What a handler behind the layer sees: the claims, and the session unless it is not looked at.
async fn me(claims: Claims, session: Option<Extension<Session>>) -> Json<Value> {
    let session = session.map(|Extension(session)| session);
    Json(json!({ "sub": claims.sub, "session": session }))
}

async fn list(jwt: JwtSession) -> Result<Json<Vec<Session>>> {
    let user = jwt.current().ok_or(Error::Unauthenticated)?.user_id.clone();
    Ok(Json(jwt.list(&user).await?))
}

async fn revoke(Path(id): Path<String>, jwt: JwtSession) -> Result<StatusCode> {
    let user = jwt.current().ok_or(Error::Unauthenticated)?.user_id.clone();
    jwt.revoke(&user, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke_others(jwt: JwtSession) -> Result<StatusCode> {
    let current = jwt.current().ok_or(Error::Unauthenticated)?;
    jwt.revoke_all_except(&current.user_id, &current.id.to_string()).await?;
    Ok(StatusCode::NO_CONTENT)
}
