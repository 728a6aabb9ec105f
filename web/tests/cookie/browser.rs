//! A small application, and a browser that keeps its cookie.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Request},
    http::{HeaderMap, StatusCode, header, request::Builder},
    response::Response,
    routing::{get, post},
};
use passbook::{Ledger, SimClock};
use passbook_axum::{
    CookieSessionsConfig, Error, Result, Session, SessionData, SessionLayer, require_auth,
    require_recent_auth, require_tenant,
};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const START_MS: u64 = 1_795_180_244_010;
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const FIREFOX: &str =
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// A ledger in memory, its clock, and the application on it.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) router: Router,
}

impl App {
    pub(crate) fn new() -> Self {
        Self::with(|_config| ())
    }

    pub(crate) fn with(configure: impl FnOnce(&mut CookieSessionsConfig)) -> Self {
        let clock = Arc::new(SimClock::at_ms(START_MS));
        let ledger = Ledger::builder().clock(clock.clone()).open_blocking().expect("memory");
        Self::on(ledger, clock, configure)
    }

    pub(crate) fn on(
        ledger: Ledger,
        clock: Arc<SimClock>,
        configure: impl FnOnce(&mut CookieSessionsConfig),
    ) -> Self {
        let mut config = CookieSessionsConfig::new(SECRET);
        configure(&mut config);
        let layer = SessionLayer::new(ledger.clone(), config).expect("it is valid");
        Self { ledger, clock, router: routes().layer(layer) }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { app: self.clone(), cookie: None, agent: FIREFOX.to_owned() }
    }

    /// A browser in which that user is logged in.
    pub(crate) async fn logged_in(&self, user: &str) -> Browser {
        let mut browser = self.browser();
        browser.post(&format!("/login/{user}")).await.ok();
        browser
    }
}

fn routes() -> Router {
    Router::new()
        .route("/me", get(me))
        .route("/current", get(async |session: Session| Json(session.current())))
        .route("/data", get(async |data: SessionData| Json(data)))
        .route(
            "/login/{user}",
            post(async |session: Session, Path(user): Path<String>| {
                session.authenticate(&user).await
            }),
        )
        .route("/login-with/{user}", post(login_with))
        .route("/login-and-set/{user}", post(login_and_set))
        .route("/get/{key}", get(get_key))
        .route(
            "/get-number/{key}",
            get(async |session: Session, Path(key): Path<String>| {
                session.get::<u32>(&key).map(Json)
            }),
        )
        .route("/set/{key}/{value}", post(set_key))
        .route("/out-and-in/{user}", post(out_and_in))
        .route("/set-json/{key}", post(set_json))
        .route("/set-and-fail/{key}/{value}", post(set_and_fail))
        .route(
            "/remove/{key}",
            post(async |session: Session, Path(key): Path<String>| {
                session.remove_key(&key);
            }),
        )
        .route("/rotate", post(async |session: Session| session.rotate().await))
        .route("/rotate-around-set", post(rotate_around_set))
        .route(
            "/step-up/{amr}",
            post(async |session: Session, Path(amr): Path<String>| {
                session.reauthenticated(&[&amr]).await
            }),
        )
        .route("/logout", post(async |session: Session| session.logout().await))
        .route("/logout-all", post(async |session: Session| session.logout_all().await))
        .route("/logout-other", post(async |session: Session| session.logout_other().await))
        .route(
            "/sessions",
            get(async |session: Session| session.list_my_sessions().await.map(Json)),
        )
        .route(
            "/revoke/{id}",
            post(async |session: Session, Path(id): Path<String>| session.revoke(&id).await),
        )
        .route("/account", get(async || "yours").layer(require_auth()))
        .route("/money", get(async || "yours").layer(require_recent_auth(Duration::from_mins(10))))
        .route("/acme", get(async || "ours").layer(require_tenant()))
}

async fn me(session: Session) -> Json<Value> {
    Json(json!({ "user": session.user_id(), "in": session.is_authenticated() }))
}

async fn login_with(
    session: Session,
    Path(user): Path<String>,
    Json(data): Json<Value>,
) -> Result<()> {
    session.authenticate_with(&user, data).await
}

async fn login_and_set(session: Session, Path(user): Path<String>) -> Result<()> {
    session.set("before", &"lost with the session that ends")?;
    session.authenticate(&user).await?;
    session.set("after", &"kept")
}

async fn get_key(session: Session, Path(key): Path<String>) -> Result<Json<Option<Value>>> {
    session.get(&key).map(Json)
}

async fn set_key(
    session: Session,
    Path((key, value)): Path<(String, String)>,
) -> Result<Json<Option<Value>>> {
    session.set(&key, &value)?;
    session.get(&key).map(Json)
}

async fn out_and_in(session: Session, Path(user): Path<String>) -> Result<()> {
    session.logout().await?;
    session.authenticate(&user).await
}

async fn set_json(
    session: Session,
    Path(key): Path<String>,
    Json(value): Json<Value>,
) -> Result<()> {
    session.set(&key, &value)
}

async fn set_and_fail(
    session: Session,
    Path((key, value)): Path<(String, String)>,
) -> Result<StatusCode> {
    session.set(&key, &value)?;
    Ok(StatusCode::IM_A_TEAPOT)
}

async fn rotate_around_set(session: Session) -> Result<()> {
    session.set("before", &1)?;
    session.rotate().await?;
    session.set("after", &2)?;
    if session.get::<u32>("before")? != Some(1) {
        return Err(Error::DataType);
    }
    Ok(())
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("in memory").to_vec();
        Self { status: parts.status, headers: parts.headers, body }
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// It is this problem document.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.json()["code"].as_str()), (status, Some(code)));
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let keys: Vec<_> = self.json().as_object().expect("an object").keys().cloned().collect();
        assert_eq!(keys, ["code", "status", "title"]);
        assert_eq!(self.json()["status"], status);
    }

    /// The cookie that it sets, whole.
    #[track_caller]
    pub(crate) fn cookie(&self) -> Option<&str> {
        let mut set = self.headers.get_all(header::SET_COOKIE).iter();
        let first = set.next().map(|value| value.to_str().expect("text"));
        assert_eq!(set.next(), None, "at most one cookie");
        first
    }
}

/// One browser.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) app: App,
    /// Name and value, as it sends them.
    pub(crate) cookie: Option<String>,
    pub(crate) agent: String,
}

impl Browser {
    pub(crate) fn request(&self, method: &str, path: &str) -> Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::USER_AGENT, &self.agent)
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::ACCEPT_ENCODING, "gzip");
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        request
    }

    pub(crate) async fn send(&mut self, request: Request) -> Answer {
        let answer =
            Answer::of(self.app.router.clone().oneshot(request).await.expect("infallible")).await;
        if let Some(set) = answer.cookie() {
            let pair = set.split(';').next().expect("a pair").to_owned();
            self.cookie = (!set.contains("Max-Age=0")).then_some(pair);
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = self.request("GET", path).body(Body::empty()).expect("a request");
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Answer {
        let request = self.request("POST", path).body(Body::empty()).expect("a request");
        self.send(request).await
    }

    pub(crate) async fn post_json(&mut self, path: &str, body: &Value) -> Answer {
        let request = self.request("POST", path).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).expect("a request");
        self.send(request).await
    }

    /// Who the application takes it for.
    pub(crate) async fn user(&mut self) -> Option<String> {
        self.get("/me").await.ok().json()["user"].as_str().map(str::to_owned)
    }

    pub(crate) async fn id(&mut self) -> String {
        self.get("/current").await.ok().json()["id"].as_str().expect("logged in").to_owned()
    }
}
