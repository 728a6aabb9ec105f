//! Whose address a request comes from, with and without proxies, and with headers that lie.

use std::net::{IpAddr, SocketAddr};

use axum::{Router, extract::ConnectInfo, routing};
use http::{Request, StatusCode};
use passbook_axum::{ClientIp, ClientIpLayer, SessionMeta};
use tower::ServiceExt;

/// Proxies: 10.0.0.0/8, and one of IPv6.
fn proxies() -> [ipnet::IpNet; 2] {
    ["10.0.0.0/8", "2001:db8:1::/48"].map(|net| net.parse().expect("a network"))
}

/// What a handler sees of a request from that peer with these headers.
async fn seen(layer: ClientIpLayer, peer: &str, headers: &[(&str, &str)]) -> String {
    let show = |ip: Option<ClientIp>, meta: SessionMeta| async move {
        assert_eq!(ip.map(|ClientIp(ip)| ip), meta.ip());
        ip.map_or("unknown".to_owned(), |ClientIp(ip)| ip.to_string())
    };
    let app = Router::new().route("/", routing::get(show)).layer(layer);
    let mut request = Request::get("/");
    if !peer.is_empty() {
        let peer: IpAddr = peer.parse().expect("an address");
        request = request.extension(ConnectInfo(SocketAddr::new(peer, 4_711)));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(axum::body::Body::empty()).expect("a request");
    let response = app.oneshot(request).await.expect("an answer");
    let body = axum::body::to_bytes(response.into_body(), 1_024).await.expect("a body");
    String::from_utf8(body.to_vec()).expect("text")
}

async fn by_x_forwarded_for(peer: &str, lines: &[&str]) -> String {
    let headers: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
    seen(ClientIpLayer::x_forwarded_for(proxies()), peer, &headers).await
}

#[tokio::test]
async fn a_client_that_connects_itself_is_the_peer() {
    let lie = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
    assert_eq!(seen(ClientIpLayer::direct(), "198.51.100.7", &lie).await, "198.51.100.7");
    assert_eq!(seen(ClientIpLayer::direct(), "::ffff:198.51.100.7", &[]).await, "198.51.100.7");
    assert_eq!(seen(ClientIpLayer::direct(), "2001:db8::7", &[]).await, "2001:db8::7");
    assert_eq!(seen(ClientIpLayer::direct(), "", &lie).await, "unknown");
}

#[tokio::test]
async fn a_peer_that_is_no_proxy_is_not_believed() {
    assert_eq!(by_x_forwarded_for("198.51.100.7", &["192.0.2.1"]).await, "198.51.100.7");
    assert_eq!(by_x_forwarded_for("198.51.100.7", &["10.0.0.1"]).await, "198.51.100.7");
    assert_eq!(by_x_forwarded_for("", &["192.0.2.1"]).await, "unknown");
}

#[tokio::test]
async fn the_client_is_the_last_one_that_is_no_proxy() {
    assert_eq!(by_x_forwarded_for("10.0.0.1", &["192.0.2.1"]).await, "192.0.2.1");
    assert_eq!(by_x_forwarded_for("::ffff:10.0.0.1", &["192.0.2.1"]).await, "192.0.2.1");
    assert_eq!(by_x_forwarded_for("10.0.0.1", &["192.0.2.1:80, 10.9.9.9"]).await, "192.0.2.1");
    let lines = ["203.0.113.9, 192.0.2.1", "10.9.9.9", "[2001:db8:1::5]:443"];
    assert_eq!(by_x_forwarded_for("10.0.0.1", &lines).await, "192.0.2.1");
}

#[tokio::test]
async fn what_a_client_wrote_itself_is_not_believed() {
    // The proxy adds the address that it saw: 192.0.2.1.
    for spoofed in ["203.0.113.9", "10.0.0.2", "127.0.0.1, 10.0.0.2", "unknown", "\"", ",,"] {
        let line = format!("{spoofed}, 192.0.2.1");
        assert_eq!(by_x_forwarded_for("10.0.0.1", &[&line]).await, "192.0.2.1", "{spoofed}");
        assert_eq!(by_x_forwarded_for("10.0.0.1", &[spoofed, "192.0.2.1"]).await, "192.0.2.1");
    }
}

#[tokio::test]
async fn where_nobody_vouches_any_more_the_last_proxy_is_the_client() {
    assert_eq!(by_x_forwarded_for("10.0.0.1", &[]).await, "10.0.0.1");
    assert_eq!(by_x_forwarded_for("10.0.0.1", &["10.0.0.3, 10.0.0.2"]).await, "10.0.0.3");
    assert_eq!(by_x_forwarded_for("10.0.0.1", &["192.0.2.1, unknown"]).await, "10.0.0.1");
    assert_eq!(by_x_forwarded_for("10.0.0.1", &["192.0.2.1, x, 10.0.0.2"]).await, "10.0.0.2");
}

#[tokio::test]
async fn only_the_header_that_the_proxies_write_is_read() {
    let both = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=\"[2001:db8::7]:80\"")];
    let layer = ClientIpLayer::x_forwarded_for(proxies());
    assert_eq!(seen(layer, "10.0.0.1", &both).await, "192.0.2.1");
    let layer = ClientIpLayer::forwarded(proxies());
    assert_eq!(seen(layer.clone(), "10.0.0.1", &both).await, "2001:db8::7");
    assert_eq!(seen(layer, "10.0.0.1", &[("x-forwarded-for", "192.0.2.1")]).await, "10.0.0.1");
}

#[tokio::test]
async fn a_quote_that_the_client_opened_does_not_hide_what_the_proxy_wrote() {
    // It would swallow `, for=192.0.2.1`, which the proxy added: nobody is believed.
    for open in ["for=\"203.0.113.9", "for=203.0.113.9;by=\"", "for=203.0.113.9;by=\"\\"] {
        for added in ["for=192.0.2.1", "for=\"[2001:db8::7]:80\""] {
            let line = format!("{open}, {added}");
            let layer = ClientIpLayer::forwarded(proxies());
            let seen = seen(layer, "10.0.0.1", &[("forwarded", &line)]).await;
            assert_eq!(seen, "10.0.0.1", "{line}");
        }
    }
}

#[tokio::test]
async fn an_address_that_the_application_set_has_the_last_word() {
    let show = |ClientIp(ip): ClientIp| async move { ip.to_string() };
    let own = axum::Extension(ClientIp("203.0.113.9".parse().expect("an address")));
    let layers = Router::new().route("/", routing::get(show)).layer(ClientIpLayer::direct());
    let peer = ConnectInfo(SocketAddr::from(([198, 51, 100, 7], 80)));
    let request = Request::get("/").extension(peer);
    let request = request.body(axum::body::Body::empty()).expect("a request");
    let response = layers.layer(own).oneshot(request).await.expect("an answer");
    let body = axum::body::to_bytes(response.into_body(), 1_024).await.expect("a body");
    assert_eq!(body, "203.0.113.9");
}

#[tokio::test]
async fn a_handler_that_needs_an_address_is_refused_without_one() {
    let show = |ClientIp(ip): ClientIp| async move { ip.to_string() };
    let app = Router::new().route("/", routing::get(show));
    let request = Request::get("/").body(axum::body::Body::empty()).expect("a request");
    let response = app.oneshot(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
