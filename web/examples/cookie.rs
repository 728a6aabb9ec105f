//! An app with a login, a list of the devices that one is logged in on, and what happened so far.
//! It keeps its sessions in a folder: start it again, and everybody is still logged in.
//!
//!     export SESSION_SECRET=$(openssl rand -base64 64)
//!     cargo run -p passbook-axum --example cookie -- ./passbook-data 8080

use std::net::{Ipv4Addr, SocketAddr};

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, http::StatusCode};
use maud::{DOCTYPE, Markup, html}; // it escapes what is put into a page
use passbook::{FailureReason, HistoryKind, HistoryQuery, Ledger};
use passbook_axum::{CookieSessionsConfig, Result, Session, SessionLayer, SessionMeta};

/// Who may log in. Yours are in a database, with a hash of the password (argon2) and nothing else.
const USERS: [(&str, &str); 2] = [("mira", "correct horse"), ("theo", "battery staple")];

#[tokio::main]
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it is the program")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| "./passbook-data".to_owned());
    let port = args.next().map_or(Ok(8080), |port| port.parse())?;
    let secret = std::env::var("SESSION_SECRET").map_err(|e| format!("SESSION_SECRET: {e}"))?;
    let mut config = CookieSessionsConfig::new(secret);
    // Over plain HTTP not every browser keeps a secure cookie. Behind TLS leave it true.
    config.cookie.secure = false;

    let ledger = Ledger::open(folder).await?;
    let app = Router::new()
        .route("/", get(devices))
        .route("/history", get(history))
        .route("/login", get(async || login_page("")).post(log_in))
        .route("/logout", post(log_out))
        .route("/sessions/{id}/end", post(end_one))
        .route("/sessions/end-others", post(end_others))
        .layer(SessionLayer::new(ledger.clone(), config)?)
        .with_state(ledger.clone());
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
    State(ledger): State<Ledger>,
    session: Session,
    meta: SessionMeta,
    Form(Login { user, password }): Form<Login>,
) -> Result<Response> {
    let reason = match USERS.iter().find(|(name, _)| *name == user) {
        Some((_, own)) if *own == password => {
            session.authenticate(&user).await?;
            return Ok(Redirect::to("/").into_response());
        }
        Some(_) => FailureReason::WrongPassword,
        None => FailureReason::UnknownUser,
    };
    ledger.in_context(meta.context()).record_login_failure(Some(&user), reason).await?;
    // Which of the two was wrong is for the history, not for who tries.
    Ok((StatusCode::FORBIDDEN, login_page("Wrong name or password")).into_response())
}

async fn log_out(session: Session) -> Result<Redirect> {
    session.logout().await.map(|()| Redirect::to("/login"))
}

async fn end_one(session: Session, Path(id): Path<String>) -> Result<Redirect> {
    session.revoke(&id).await.map(|()| Redirect::to("/"))
}

async fn end_others(session: Session) -> Result<Redirect> {
    session.logout_other().await.map(|()| Redirect::to("/"))
}

async fn devices(session: Session) -> Result<Response> {
    let Some(user) = session.user_id() else { return Ok(Redirect::to("/login").into_response()) };
    let sessions = session.list_my_sessions().await?;
    let list = html! {
        table { @for it in &sessions { tr {
            td { b { (it.device.as_deref().unwrap_or("Unknown")) }
                @if it.is_current { " " mark { "this device" } }
                p { @if let Some(ip) = it.ip { (ip) " · " } "logged in " (time(it.created_at_ms)) }
                p { "last seen " (time(it.last_active_at_ms)) } }
            td { (button(&format!("/sessions/{}/end", it.id), "Log out")) }
        } } }
        @if sessions.len() > 1 { (button("/sessions/end-others", "Log out all others")) }
    };
    Ok(page("Your devices", Some(&user), list).into_response())
}

async fn history(State(ledger): State<Ledger>, session: Session) -> Result<Response> {
    let Some(user) = session.user_id() else { return Ok(Redirect::to("/login").into_response()) };
    // It may read from the disk.
    let told = tokio::task::block_in_place(|| ledger.history(&user, &HistoryQuery::default()))?;
    let list = html! { table { @for it in &told.entries { tr {
        td { b { (it.kind.what().as_str()) }
            @if let HistoryKind::End { reason, .. } = it.kind { ": " (reason) }
            @if let HistoryKind::Failure { reason, .. } = it.kind { ": " (reason) }
            p { @if let Some(ip) = it.ip { (ip) " · " } @if let Some(it) = &it.device { (it) } } }
        td { (time(it.at_ms)) }
    } } } };
    Ok(page("What happened", Some(&user), list).into_response())
}

fn login_page(refusal: &str) -> Markup {
    let form = html! { form method="post" action="/login" { p role="alert" { (refusal) }
        p { label { "Name" input name="user" autocomplete="username" required; } }
        p { label { "Password" input name="password" type="password" required; } }
        button { "Log in" }
    } };
    page("Log in", None, form)
}

fn page(title: &str, user: Option<&str>, body: Markup) -> Markup {
    html! { (DOCTYPE) html lang="en" {
        head { meta charset="utf-8"; title { (title) } style { (STYLE) } }
        body {
            @if let Some(user) = user { nav { b { (user) } a href="/" { "Devices" }
                a href="/history" { "History" } (button("/logout", "Log out")) } }
            h1 { (title) } (body)
        }
    } }
}

const STYLE: &str = "body { font: 16px/1.5 sans-serif; max-width: 44em; margin: 2em auto }
    nav { display: flex; gap: 1.5em; align-items: center } nav form { margin-left: auto }
    table { width: 100%; border-collapse: collapse; margin-bottom: 1em } td { padding: .6em 0 }
    tr { border-top: 1px solid #ccc } td + td { text-align: right; white-space: nowrap }
    p { margin: 0; color: #555; overflow-wrap: anywhere } input { margin: .4em 1em }";

fn button(action: &str, label: &str) -> Markup {
    html! { form method="post" action=(action) { button { (label) } } }
}

fn time(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map(|at| at.strftime("%-d %b %Y, %H:%M UTC").to_string()).unwrap_or_default()
}
