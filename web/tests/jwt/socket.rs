//! Over a real connection: what only one of those shows.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::app::App;

/// Serves the application on a port of its own.
async fn serve(app: &App) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one");
    let router = app.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The first line of what is answered to `request`, which the client does not end.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = vec![0; 1_024];
    let answered = timeout(Duration::from_secs(30), stream.read(&mut answer)).await;
    let len = answered.expect("it answers before it has the body").expect("it answers");
    let answer = String::from_utf8_lossy(&answer[..len]);
    answer.lines().next().unwrap_or_default().to_owned()
}

/// The body is announced and never comes: whoever waited for it would wait for ever.
#[tokio::test]
async fn a_logout_does_not_wait_for_a_body() {
    let app = App::new();
    let pair = app.login("ann").await;
    let address = serve(&app).await;
    let request = format!(
        "POST /logout HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 99\r\n\r\n",
        pair.access_token
    );
    assert_eq!(ask(address, &request).await, "HTTP/1.1 204 No Content");
    assert!(app.ids("ann").await.is_empty());
}

#[tokio::test]
async fn the_event_says_from_where_a_token_was_rotated() {
    let app = App::new();
    let pair = app.login("ann").await;
    let address = serve(&app).await;
    let body = format!("{{\"refresh_token\":\"{}\"}}", pair.refresh_token);
    let request = format!(
        "POST /refresh HTTP/1.1\r\nHost: x\r\nUser-Agent: probe/1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(ask(address, &request).await, "HTTP/1.1 200 OK");
    let events = app.ledger.events(1).expect("kept").map(|event| event.expect("readable"));
    let rotated = events.last().expect("the rotation");
    let origin = &rotated.event.origin;
    assert_eq!(origin.ip, Some("127.0.0.1".parse().expect("an address")));
    assert_eq!(origin.user_agent.as_deref(), Some("probe/1"));
}
