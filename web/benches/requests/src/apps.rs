//! The applications: the same route, which answers with the user's id.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::State,
    routing::{get, post},
};
use passbook::Ledger;
use passbook_axum::{
    CookieSessionsConfig, Result, Session, SessionLayer, SessionMeta,
    jwt::{Claims, JwtSessionService, JwtSessionsConfig},
};
use tower_sessions::{MemoryStore, SessionManagerLayer, SessionStore};
use tower_sessions_sqlx_store::{SqliteStore, sqlx::SqlitePool};

/// The first is what the others are compared with.
pub const NAMES: [&str; 6] = [
    "no session",
    "an extension by axum's own layer",
    "Passbook: Session, durable, signed",
    "Passbook: JwtLayer, durable",
    "tower-sessions: MemoryStore",
    "tower-sessions: SQLite",
];

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Serves until it is killed; prints its port first.
pub fn serve(name: &str) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().expect("threads");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let app = match name {
            "no session" => bare(),
            "an extension by axum's own layer" => extension(),
            "Passbook: Session, durable, signed" => cookie(folder.path()).await,
            "Passbook: JwtLayer, durable" => jwt(folder.path()).await,
            "tower-sessions: MemoryStore" => peer(MemoryStore::default()),
            "tower-sessions: SQLite" => peer(sqlite(folder.path()).await),
            other => panic!("{other}"),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("bound").port());
        axum::serve(listener, app).await.expect("until killed");
    });
}

fn bare() -> Router {
    Router::new().route("/", get(async || "ann".to_owned())).route("/login", post(async || ""))
}

/// What any layer costs that gives the handler something: the least that a session layer can cost.
fn extension() -> Router {
    let user: Arc<str> = "ann".into();
    Router::new()
        .route("/", get(async |Extension(user): Extension<Arc<str>>| user.to_string()))
        .route("/login", post(async || ""))
        .layer(Extension(user))
}

async fn cookie(folder: &std::path::Path) -> Router {
    let ledger = Ledger::open(folder).await.expect("a new ledger");
    let mut config = CookieSessionsConfig::new(SECRET);
    config.cookie.secure = false;
    Router::new()
        .route("/", get(async |session: Session| session.user_id().unwrap_or_default()))
        .route("/login", post(async |session: Session| session.authenticate("ann").await))
        .layer(SessionLayer::new(ledger, config).expect("valid"))
}

/// HS256, as it is without further keys; each request looks the session up.
async fn jwt(folder: &std::path::Path) -> Router {
    let ledger = Ledger::open(folder).await.expect("a new ledger");
    let service = JwtSessionService::new(ledger, JwtSessionsConfig::new(SECRET)).expect("valid");
    Router::new()
        .route("/", get(async |claims: Claims| claims.sub.unwrap_or_default()))
        .route_layer(service.layer())
        .route("/login", post(log_in))
        .with_state(service)
}

async fn log_in(State(service): State<JwtSessionService>, meta: SessionMeta) -> Result<String> {
    Ok(service.authenticate("ann", &meta).await?.access_token)
}

fn peer<S: SessionStore + Clone>(store: S) -> Router {
    let read = async |session: tower_sessions::Session| {
        session.get::<String>("user").await.expect("it is there").unwrap_or_default()
    };
    let log_in = async |session: tower_sessions::Session| {
        session.insert("user", "ann").await.expect("kept");
    };
    let layer = SessionManagerLayer::new(store).with_secure(false);
    Router::new().route("/", get(read)).route("/login", post(log_in)).layer(layer)
}

async fn sqlite(folder: &std::path::Path) -> SqliteStore {
    let url = format!("sqlite://{}?mode=rwc", folder.join("sessions.db").display());
    let store = SqliteStore::new(SqlitePool::connect(&url).await.expect("a database"));
    store.migrate().await.expect("its table");
    store
}
