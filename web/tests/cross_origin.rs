//! Which requests the guard against other origins lets pass: the table of Go's
//! `CrossOriginProtection`, and the layer.

use axum::{Router, body::Body, routing};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use passbook_axum::{CrossOrigin, CrossOriginLayer};
use tower::ServiceExt;

const HOST: &str = "example.org";

fn guard() -> CrossOrigin {
    let guard = CrossOrigin::new().allow("https://app.example.net").expect("an origin");
    guard.allow("http://localhost:3000").expect("an origin")
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("text"))
    };
    pairs.iter().map(pair).collect()
}

/// Whether a request with that `Sec-Fetch-Site` and that `Origin` passes; empty = not sent.
fn passes(method: &Method, site: &str, origin: &str) -> bool {
    let mut pairs = vec![("host", HOST)];
    if !site.is_empty() {
        pairs.push(("sec-fetch-site", site));
    }
    if !origin.is_empty() {
        pairs.push(("origin", origin));
    }
    guard().check(method, &headers(&pairs), &Uri::from_static("/pay")).is_ok()
}

#[test]
fn the_table_of_go_holds() {
    let table = [
        // Sec-Fetch-Site decides where it is sent, whatever Origin says.
        ("same-origin", "", true),
        ("none", "", true),
        ("same-origin", "https://evil.example", true),
        ("cross-site", "", false),
        ("same-site", "", false),
        ("cross-site", "https://example.org", false),
        ("same-site", "https://sub.example.org", false),
        ("SAME-ORIGIN", "", false),
        ("same-origin, cross-site", "", false),
        // Without it, Origin is compared with Host.
        ("", "", true),
        ("", "https://example.org", true),
        ("", "http://example.org", true),
        ("", "https://EXAMPLE.org", true),
        ("", "https://sub.example.org", false),
        ("", "https://example.org.evil.example", false),
        ("", "https://example.org:8443", false),
        ("", "https://evil.example", false),
        ("", "null", false),
        ("", "example.org", false),
        // Origins of the list pass, and only they.
        ("cross-site", "https://app.example.net", true),
        ("same-site", "http://localhost:3000", true),
        ("", "https://app.example.net", true),
        ("cross-site", "http://app.example.net", false),
        ("cross-site", "https://app.example.net:8443", false),
        ("cross-site", "http://localhost", false),
        ("cross-site", "null", false),
    ];
    for (site, origin, expected) in table {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            assert_eq!(passes(&method, site, origin), expected, "{method} {site:?} {origin:?}");
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert!(passes(&method, site, origin), "{method} {site:?} {origin:?}");
        }
    }
}

#[test]
fn over_http_2_the_host_is_in_the_uri() {
    let check = |uri, pairs: &[(&'static str, &str)]| {
        guard().check(&Method::POST, &headers(pairs), &Uri::from_static(uri)).is_ok()
    };
    let origin = ("origin", "https://example.org");
    assert!(check("https://example.org/pay", &[origin]));
    assert!(!check("https://example.com/pay", &[origin, ("host", HOST)]), "the URI comes first");
    assert!(check("https://example.org:8443/", &[("origin", "https://example.org:8443")]));
    assert!(!check("/pay", &[origin]), "a host that nobody names is not ours");
    assert!(!check("/pay", &[("origin", "https://"), ("host", "")]));
}

#[test]
fn an_origin_that_is_no_text_is_another_one() {
    let origin = HeaderValue::from_bytes(b"https://caf\xe9.org").expect("allowed in a header");
    let mut headers = headers(&[("host", HOST)]);
    headers.insert(header::ORIGIN, origin);
    assert!(guard().check(&Method::POST, &headers, &Uri::from_static("/")).is_err());
}

#[test]
fn only_what_a_browser_writes_is_taken_as_an_origin() {
    for good in ["https://a.org", "http://localhost:3000", "https://[::1]:8443", "app://local"] {
        assert!(CrossOrigin::new().allow(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "*",
        "null",
        "a.org",
        "https://",
        "https://a.org/",
        "https://a.org/x",
        "//a.org",
        "https://A.org",
        "HTTPS://a.org",
        "https://me@a.org",
        "https://a.org?x",
        "https://a b",
        "https://caf\u{e9}.org",
        "://a.org",
        "https://:80",
    ] {
        assert!(CrossOrigin::new().allow(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn the_layer_answers_403_before_the_handler_is_asked() {
    let app = Router::new()
        .route("/", routing::get(|| async { "read" }).post(|| async { "written" }))
        .layer(CrossOriginLayer::new(guard()));
    for (method, site, status) in [
        ("POST", "cross-site", StatusCode::FORBIDDEN),
        ("POST", "same-origin", StatusCode::OK),
        ("GET", "cross-site", StatusCode::OK),
    ] {
        let request = Request::builder().method(method).header("sec-fetch-site", site);
        let request = request.body(Body::empty()).expect("a request");
        let response = app.clone().oneshot(request).await.expect("an answer");
        assert_eq!(response.status(), status, "{method} {site}");
        if status == StatusCode::FORBIDDEN {
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            let body = axum::body::to_bytes(response.into_body(), 1_024).await.expect("a body");
            let problem: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(problem["code"], "auth:cross_origin");
        }
    }
}
