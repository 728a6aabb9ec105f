//! What a deployment may write into the configuration of cookie sessions, and what is refused.

use passbook_axum::{CookieSessionsConfig, OnCrossOrigin, OnMismatch, SameSite};
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// One byte less than a secret must have.
const SHORT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";

/// The smallest configuration with the given fields in it, and those of its cookie.
fn config(fields: &Value, cookie: &Value) -> CookieSessionsConfig {
    let mut cookie = cookie.clone();
    let given = cookie.as_object_mut().expect("an object");
    given.entry("secrets").or_insert_with(|| json!([SECRET]));
    let mut fields = fields.clone();
    fields.as_object_mut().expect("an object").insert("cookie".to_owned(), cookie);
    serde_json::from_value(fields).expect("the fields exist")
}

#[track_caller]
fn check_refused(fields: Value, cookie: Value, field: &str) {
    let error = config(&fields, &cookie).validate().expect_err("out of range");
    assert_eq!(error.field, field, "{error}");
    assert!(error.to_string().contains(field) && error.to_string().contains("must"), "{error}");
    assert!(!error.to_string().contains("0123"), "{error} tells a secret");
}

#[track_caller]
fn check_taken(fields: Value, cookie: Value) {
    config(&fields, &cookie).validate().expect("within range");
}

#[test]
fn what_is_left_out_has_the_default_of_the_contract() {
    let config = config(&json!({}), &json!({}));
    config.validate().expect("the defaults are valid");
    assert_eq!(config.session_ttl_secs, 2_592_000);
    assert_eq!(config.absolute_ttl_secs, None);
    assert_eq!(config.cookie_name, "_session");
    assert!(config.validate_fingerprint);
    assert_eq!(config.fingerprint_mismatch, OnMismatch::End);
    assert_eq!(config.touch_interval_secs, 300);
    assert_eq!(config.max_sessions_per_user, 10);
    assert_eq!((config.cross_origin, config.allowed_origins.len()), (OnCrossOrigin::Refuse, 0));
    assert!(config.cookie.secure && config.cookie.http_only && !config.cookie.host_prefix);
    assert_eq!(config.cookie.same_site, SameSite::Lax);
    assert_eq!((config.cookie.domain.as_deref(), &*config.cookie.path), (None, "/"));
    CookieSessionsConfig::new(SECRET).validate().expect("the same in code");
}

#[test]
fn a_configuration_in_toml_is_read_whole() {
    let text = format!(
        "session_ttl_secs = 3600
        absolute_ttl_secs = 86400
        cookie_name = \"sid\"
        validate_fingerprint = false
        fingerprint_mismatch = \"flag\"
        touch_interval_secs = 0
        max_sessions_per_user = 3
        cross_origin = \"pass\"
        allowed_origins = [\"https://app.example.org\"]

        [cookie]
        secrets = [\"{SECRET}\", \"{SECRET}old\"]
        secure = true
        http_only = false
        same_site = \"none\"
        domain = \"example.org\"
        path = \"/app\"
        host_prefix = false"
    );
    let config: CookieSessionsConfig = toml::from_str(&text).expect("every field is known");
    config.validate().expect("within range");
    assert_eq!((config.session_ttl_secs, config.absolute_ttl_secs), (3_600, Some(86_400)));
    assert_eq!((&*config.cookie_name, config.max_sessions_per_user), ("sid", 3));
    assert_eq!((config.validate_fingerprint, config.touch_interval_secs), (false, 0));
    assert_eq!(config.fingerprint_mismatch, OnMismatch::Flag);
    assert_eq!(config.cross_origin, OnCrossOrigin::Pass);
    assert_eq!(config.allowed_origins, ["https://app.example.org"]);
    assert_eq!((config.cookie.secrets.len(), config.cookie.http_only), (2, false));
    assert_eq!((config.cookie.same_site, &*config.cookie.path), (SameSite::None, "/app"));
    assert_eq!(config.cookie.domain.as_deref(), Some("example.org"));
}

#[test]
fn the_configuration_of_the_documentation_is_read() {
    let page = include_str!("../../docs/which-session.md");
    let (_, behind) = page.split_once("```toml\n").expect("a block of TOML");
    let (block, _) = behind.split_once("```").expect("its end");
    let config: CookieSessionsConfig = toml::from_str(block).expect("every field is known");
    assert_eq!((config.absolute_ttl_secs, config.cookie.secrets.len()), (Some(7_776_000), 2));
    assert!(config.cookie.host_prefix);
}

#[test]
fn a_field_that_does_not_exist_is_refused() {
    for text in ["session_ttl = 1", "[cookie]\nsecret = \"x\"", "fingerprint_mismatch = \"drop\""] {
        assert!(toml::from_str::<CookieSessionsConfig>(text).is_err(), "{text}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let config = config(&json!({}), &json!({ "secrets": [SECRET, format!("{SECRET}old")] }));
    let shown = format!("{config:?}{config:#?}");
    assert!(!shown.contains("0123") && !shown.contains("old"), "{shown}");
    assert!(shown.contains("redacted"));
}

#[test]
fn secrets_have_64_bytes_and_there_are_1_to_16() {
    check_refused(json!({}), json!({ "secrets": [] }), "cookie.secrets");
    check_refused(json!({}), json!({ "secrets": [SHORT] }), "cookie.secrets");
    check_refused(json!({}), json!({ "secrets": [SECRET, SHORT] }), "cookie.secrets");
    check_refused(json!({}), json!({ "secrets": vec![SECRET; 17] }), "cookie.secrets");
    check_taken(json!({}), json!({ "secrets": vec![SECRET; 16] }));
    let empty = CookieSessionsConfig::default().validate().expect_err("no secret");
    assert_eq!(empty.field, "cookie.secrets");
}

#[test]
fn numbers_that_would_end_every_session_are_refused() {
    check_refused(json!({ "max_sessions_per_user": 0 }), json!({}), "max_sessions_per_user");
    check_taken(json!({ "max_sessions_per_user": 1 }), json!({}));
    check_refused(json!({ "absolute_ttl_secs": 0 }), json!({}), "absolute_ttl_secs");
    check_taken(json!({ "absolute_ttl_secs": 1 }), json!({}));
    check_taken(json!({ "session_ttl_secs": 0, "touch_interval_secs": 0 }), json!({}));
    check_taken(json!({ "session_ttl_secs": u64::MAX }), json!({}));
}

#[test]
fn a_cookie_name_is_a_token_of_1_to_128_bytes() {
    for name in ["", "a b", "a=b", "a;b", "a,b", "caf\u{e9}", "a\0", "a\n", "\"a\"", "(a)"] {
        check_refused(json!({ "cookie_name": name }), json!({}), "cookie_name");
        check_refused(
            json!({ "cookie_name": name }),
            json!({ "host_prefix": true }),
            "cookie_name",
        );
    }
    check_taken(json!({ "cookie_name": "x".repeat(128) }), json!({}));
    check_refused(json!({ "cookie_name": "x".repeat(129) }), json!({}), "cookie_name");
    let prefixed = json!({ "host_prefix": true });
    check_taken(json!({ "cookie_name": "x".repeat(121) }), prefixed.clone());
    check_refused(json!({ "cookie_name": "x".repeat(122) }), prefixed, "cookie_name");
}

#[test]
fn a_domain_is_a_host_name_and_a_path_begins_with_a_slash() {
    for domain in ["", ".example.org", "example.org.", "a..b", "-a.org", "a-.org", "a.org:80"] {
        check_refused(json!({}), json!({ "domain": domain }), "cookie.domain");
    }
    check_refused(json!({}), json!({ "domain": "a.org; Secure" }), "cookie.domain");
    check_refused(json!({}), json!({ "domain": "x".repeat(64) }), "cookie.domain");
    check_taken(json!({}), json!({ "domain": "x".repeat(63) }));
    let long = format!("{}.{}", vec!["x".repeat(63); 3].join("."), "y".repeat(61));
    check_taken(json!({}), json!({ "domain": long }));
    check_refused(json!({}), json!({ "domain": format!("{long}y") }), "cookie.domain");
    for path in ["", "app", "/a b", "/a;b", "/a,b", "/\u{e9}", "/a\r\nSet-Cookie: x"] {
        check_refused(json!({}), json!({ "path": path }), "cookie.path");
    }
    check_taken(json!({}), json!({ "path": format!("/{}", "x".repeat(1_023)) }));
    check_refused(json!({}), json!({ "path": format!("/{}", "x".repeat(1_024)) }), "cookie.path");
}

#[test]
fn what_a_browser_would_drop_is_refused() {
    check_refused(json!({}), json!({ "same_site": "none", "secure": false }), "cookie.same_site");
    check_taken(json!({}), json!({ "same_site": "none" }));
    check_taken(json!({}), json!({ "same_site": "lax", "secure": false }));
    let host = |other: Value| {
        let mut cookie = json!({ "host_prefix": true });
        cookie.as_object_mut().expect("an object").extend(other.as_object().expect("one").clone());
        cookie
    };
    check_taken(json!({}), host(json!({})));
    check_refused(json!({}), host(json!({ "secure": false })), "cookie.secure");
    check_refused(json!({}), host(json!({ "domain": "example.org" })), "cookie.domain");
    check_refused(json!({}), host(json!({ "path": "/app" })), "cookie.path");
    let by_name = json!({ "cookie_name": "__host-sid" });
    check_refused(by_name.clone(), json!({ "domain": "example.org" }), "cookie.domain");
    check_taken(by_name, json!({}));
    let secure = json!({ "cookie_name": "__Secure-sid" });
    check_refused(secure.clone(), json!({ "secure": false }), "cookie.secure");
    check_taken(secure, json!({ "domain": "example.org" }));
}

#[test]
fn an_origin_that_would_never_match_is_refused() {
    let origins = |origins: &[&str]| json!({ "allowed_origins": origins });
    check_taken(origins(&["https://app.example.org", "http://localhost:3000"]), json!({}));
    check_refused(origins(&["https://a.org", "a.org"]), json!({}), "allowed_origins");
    check_refused(origins(&["*"]), json!({}), "allowed_origins");
}
