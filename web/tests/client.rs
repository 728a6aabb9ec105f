//! What is known of a client: devices by their user agents, fingerprints, addresses.

#[path = "client/agents.rs"]
mod agents;

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, header};
use passbook::{FailureReason, HistoryQuery, Ledger};
use passbook_axum::{DeviceType, Fingerprint, SessionMeta};
use proptest::prelude::*;

use agents::AGENTS;

fn of_agent(agent: &str) -> SessionMeta {
    SessionMeta::from_headers("unknown", agent, "", "")
}

#[test]
fn every_browser_of_the_table_is_known() {
    SessionMeta::warm_up();
    let mut wrong = Vec::new();
    for (agent, label, kind) in AGENTS {
        let meta = of_agent(agent);
        if (meta.device(), meta.device_type()) != (*label, *kind) {
            wrong.push(format!("{agent}\n  {} [{}]", meta.device(), meta.device_type()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_address_is_what_parses_as_one() {
    let ip = |text| SessionMeta::from_headers(text, "", "", "").ip();
    assert_eq!(ip("198.51.100.7"), "198.51.100.7".parse().ok());
    assert_eq!(ip("2001:db8::7"), "2001:db8::7".parse().ok());
    assert_eq!(ip("::ffff:198.51.100.7"), "198.51.100.7".parse().ok(), "IPv4 within IPv6");
    for none in ["unknown", "", "198.51.100", "198.51.100.7:80", "[2001:db8::7]"] {
        assert_eq!(ip(none), None, "{none:?}");
    }
}

#[test]
fn a_user_agent_is_cut_and_the_fingerprint_is_not() {
    let long = format!("{}\u{e9}", "x".repeat(1_023));
    let meta = of_agent(&long);
    assert_eq!(meta.user_agent(), "x".repeat(1_023), "cut at the character boundary");
    assert_eq!(of_agent(&"x".repeat(1_024)).user_agent().len(), 1_024, "at the limit");
    assert_eq!(meta.fingerprint(), Fingerprint::new(long.as_bytes(), b"", b""));
    assert_ne!(meta.fingerprint(), of_agent(&"x".repeat(1_023)).fingerprint());
}

#[test]
fn a_label_is_never_longer_than_the_ledger_takes() {
    // The list takes a name as long as the program has it; here of 200 characters, 797 bytes.
    let agent = format!("x{}/1 CFNetwork/1", "\u{1f512}".repeat(199));
    let label = of_agent(&agent).device().to_owned();
    assert_eq!(label, format!("x{}", "\u{1f512}".repeat(63)), "cut at a character boundary");
}

#[test]
fn a_request_is_read_as_its_headers_are() {
    let (agent, label, kind) = AGENTS[9];
    let mut headers = HeaderMap::new();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static("de"));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br"));
    let ip: IpAddr = "198.51.100.7".parse().expect("an address");
    let meta = SessionMeta::of_request(Some(ip), &headers);
    let same = SessionMeta::from_headers("198.51.100.7", agent, "de", "br");
    assert_eq!((meta.ip(), meta.user_agent()), (same.ip(), same.user_agent()));
    assert_eq!(meta.fingerprint(), same.fingerprint());
    assert_eq!((meta.device(), meta.device_type()), (label, kind));
}

#[test]
fn kinds_of_devices_serialise_as_they_display() {
    for (kind, name) in [
        (DeviceType::Desktop, "desktop"),
        (DeviceType::Mobile, "mobile"),
        (DeviceType::Tablet, "tablet"),
    ] {
        assert_eq!(kind.to_string(), name);
        assert_eq!(serde_json::to_value(kind).expect("a string"), name);
    }
}

proptest! {
    #[test]
    fn no_header_makes_it_fail(ip in ".{0,20}", agent in "(.{0,40}|Mozilla/5\\.0 \\(.{0,400})") {
        let meta = SessionMeta::from_headers(&ip, &agent, &ip, &ip);
        prop_assert!(meta.device().contains(" on ") && meta.device().len() <= 256);
    }
}

#[tokio::test]
async fn an_act_of_the_application_says_as_much_of_the_client_as_is_known() {
    let ledger = Ledger::memory().expect("a ledger");
    let known = SessionMeta::from_headers("198.51.100.7", "curl/8.17", "", "");
    for meta in [&known, &of_agent("")] {
        let here = ledger.in_context(meta.context());
        let failed = here.record_login_failure(Some("ann"), FailureReason::WrongPassword);
        failed.await.expect("durable");
    }
    let history = ledger.history("ann", &HistoryQuery::default()).expect("kept").entries;
    let said: Vec<_> = history.iter().map(|line| (line.ip, line.device.as_deref())).collect();
    assert_eq!(said, [(None, None), (known.ip(), Some("curl/8.17"))]);
}
