//! What handlers and guards behind the layer have to go by.

use std::{
    convert::Infallible,
    future::Ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use http::{Request, Response, StatusCode, header};
use passbook_axum::{
    CookieSessionsConfig, SessionData, SessionLayer,
    jwt::{Claims, JwtSessionsConfig},
    require_auth, require_recent_auth, require_tenant,
};
use tower::{Layer as _, Service, ServiceExt as _};

use super::{
    app::{App, bearer},
    keys::SECRET,
};

/// The application with routes of guards behind its layer.
fn guarded(config: JwtSessionsConfig) -> App {
    let app = App::with(config);
    let ok = || get(async || "passed");
    let router = Router::new()
        .route("/auth", ok().layer(require_auth()))
        .route("/recent", ok().layer(require_recent_auth(Duration::from_mins(1))))
        .route("/tenant", ok().layer(require_tenant()))
        .route("/session", get(async |session: SessionData| session.user_id))
        .route("/claims", get(async |claims: Claims| claims.sub.unwrap_or_default()))
        .layer(app.service.layer());
    App { router, ..app }
}

#[tokio::test]
async fn guards_go_by_the_session_of_a_token() {
    let app = guarded(JwtSessionsConfig::new(SECRET));
    let pair = app.login("ann").await;
    let ask = async |path: &str| app.send(bearer("GET", path, &pair.access_token)).await;
    for path in ["/auth", "/recent", "/session", "/claims"] {
        ask(path).await.is(200, "-");
    }
    ask("/tenant").await.is(403, "auth:tenant_missing");
    app.clock.advance_ms(60_001);
    ask("/auth").await.is(200, "-");
    ask("/recent").await.is(401, "auth:reauthentication_required");
}

/// It is the layer that says what a token is worth; a guard can't know of a session that nobody
/// looked for.
#[tokio::test]
async fn without_stateful_validation_only_what_asks_for_no_session_passes() {
    let config = JwtSessionsConfig { stateful_validation: false, ..JwtSessionsConfig::new(SECRET) };
    let app = guarded(config);
    let pair = app.login("ann").await;
    let ask = async |path: &str| app.send(bearer("GET", path, &pair.access_token)).await;
    ask("/auth").await.is(200, "-");
    assert_eq!(ask("/claims").await.body, b"ann");
    for path in ["/recent", "/tenant", "/session"] {
        ask(path).await.is(401, "auth:unauthenticated");
    }
    app.clock.advance_ms(901_000);
    ask("/auth").await.is(401, "jwt:expired");
}

#[tokio::test]
async fn a_token_counts_before_the_cookie_that_comes_along() {
    let app = guarded(JwtSessionsConfig::new(SECRET));
    let config = CookieSessionsConfig::new("0123456789abcdef".repeat(4));
    let cookies = SessionLayer::new(app.ledger.clone(), config).expect("a good configuration");
    let log_in = async |session: passbook_axum::Session| session.authenticate("bob").await;
    let router = app.router.clone().route("/login", get(log_in)).layer(cookies);
    let app = App { router, ..app };
    let login = app.send(Request::get("/login").body(Body::empty()).expect("ok")).await;
    let cookie = login.headers[header::SET_COOKIE].to_str().expect("text");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let pair = app.login("ann").await;
    for cookie in [None, Some(cookie)] {
        let mut request = bearer("GET", "/session", &pair.access_token);
        if let Some(cookie) = cookie {
            request.headers_mut().insert(header::COOKIE, cookie.parse().expect("a value"));
        }
        let answer = app.send(request).await;
        answer.is(200, "-");
        assert_eq!(answer.body, b"ann");
        app.send(bearer("GET", "/auth", &pair.access_token)).await.is(200, "-");
    }
}

/// A handler that counts how often it is cloned.
#[derive(Debug, Default)]
struct Counting(Arc<AtomicUsize>);

impl Clone for Counting {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Service<Request<Body>> for Counting {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let user = request.extensions().get::<SessionData>().map(|session| session.user_id.clone());
        std::future::ready(Ok(Response::new(user.unwrap_or_default().into())))
    }
}

#[tokio::test]
async fn a_handler_is_cloned_only_where_something_is_waited_for() {
    let app = App::new();
    let pair = app.login("ann").await;
    let handler = Counting::default();
    let mut service = app.service.layer().layer(handler.clone());
    let mut clones_after = async |token: &str, status| {
        let before = handler.0.load(Ordering::Relaxed);
        let ready = service.ready().await.expect("always");
        let answer = ready.call(bearer("GET", "/", token)).await.expect("it never fails");
        assert_eq!(answer.status(), status);
        handler.0.load(Ordering::Relaxed) - before
    };
    assert_eq!(clones_after(&pair.access_token, StatusCode::OK).await, 0);
    assert_eq!(clones_after("x", StatusCode::UNAUTHORIZED).await, 0);
    app.clock.advance_ms(300_000);
    assert_eq!(clones_after(&pair.access_token, StatusCode::OK).await, 1, "its use is noted");
    assert_eq!(clones_after(&pair.access_token, StatusCode::OK).await, 0);
}
