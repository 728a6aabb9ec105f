//! Cookies as browsers, proxies and mischief send them, and what we answer.

use proptest::prelude::*;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn config() -> CookieSessionsConfig {
    CookieSessionsConfig::new(SECRET)
}

fn jar() -> CookieJar {
    CookieJar::new(&config())
}

/// The signed value of a token of that byte.
fn value(byte: u8) -> String {
    jar().signer.sign(&Token::from_random_bytes([byte; 32])).to_string()
}

fn request(lines: &[&[u8]]) -> HeaderMap {
    let line = |line: &&[u8]| HeaderValue::from_bytes(line).expect("allowed in a header");
    lines.iter().map(|bytes| (header::COOKIE, line(bytes))).collect()
}

/// Of which bytes the tokens are that are found.
fn found(lines: &[&[u8]]) -> Vec<u8> {
    jar().candidates(&request(lines)).map(|token| token.expose_bytes()[0]).collect()
}

#[test]
fn every_pair_of_every_header_is_tried() {
    let [one, two, three] = [1, 2, 3].map(value);
    let first = format!("theme=dark; _session={one}; _session=forged; lang=de");
    let second =
        format!("_session={}.{}; _session={two};_session={three}", "0".repeat(64), "0".repeat(64));
    assert_eq!(found(&[first.as_bytes(), b"x=y", second.as_bytes()]), [1, 2, 3]);
    assert_eq!(found(&[b"theme=dark", b""]), [0; 0]);
    assert_eq!(found(&[]), [0; 0]);
}

#[test]
fn quotes_and_spaces_around_a_value_are_no_part_of_it() {
    let one = value(1);
    for pair in [
        format!("_session={one}"),
        format!("_session=\"{one}\""),
        format!("  _session={one}  ;"),
        format!("_session = {one} ; a=b"),
        format!(";;;_session=\" _session={one}\"; _session={one}"),
        format!("\t_session=\t{one}"),
        format!("a; =b; _session={one}; c="),
    ] {
        assert_eq!(found(&[pair.as_bytes()]), [1], "{pair:?}");
    }
}

#[test]
fn a_pair_of_another_name_is_not_ours() {
    let one = value(1);
    for pair in [
        format!("_sessions={one}"),
        format!("x_session={one}"),
        format!("_SESSION={one}"),
        format!("_session{one}"),
        format!("_session={one}x"),
        format!("_session=\"{one}"),
        format!("_session='{one}'"),
        format!("a=_session={one}"),
        format!("_session={}", one.replace('.', "%2E")),
        one,
    ] {
        assert_eq!(found(&[pair.as_bytes()]), [0; 0], "{pair:?}");
    }
}

#[test]
fn a_cookie_of_others_that_is_no_text_does_not_hide_ours() {
    let mut line = b"name=caf\xe9; _session=".to_vec();
    line.extend_from_slice(value(1).as_bytes());
    assert_eq!(found(&[&line]), [1]);
}

#[test]
fn attributes_come_in_the_order_of_the_contract() {
    let set = jar().set(&Token::from_random_bytes([1; 32]), 2_592_000_000);
    let expected =
        format!("_session={}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000", value(1));
    assert_eq!(set, expected);
    assert!(set.is_sensitive(), "it is not to be logged, nor kept by header compression");
    let removal = jar().removal();
    assert_eq!(removal, "_session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0");
}

#[test]
fn a_removal_has_every_attribute_that_was_set() {
    let mut config = config();
    config.cookie.same_site = SameSite::Strict;
    config.cookie.domain = Some("example.org".to_owned());
    config.cookie.path = "/app".to_owned();
    let removal = CookieJar::new(&config).removal();
    let expected = "_session=; HttpOnly; SameSite=Strict; Secure; Path=/app; Domain=example.org; \
                    Max-Age=0";
    assert_eq!(removal, expected);
}

#[test]
fn what_is_switched_off_is_not_said() {
    let mut config = config();
    (config.cookie.http_only, config.cookie.secure) = (false, false);
    assert_eq!(CookieJar::new(&config).removal(), "_session=; SameSite=Lax; Path=/; Max-Age=0");
    (config.cookie.secure, config.cookie.same_site) = (true, SameSite::None);
    let removal = CookieJar::new(&config).removal();
    assert_eq!(removal, "_session=; SameSite=None; Secure; Path=/; Max-Age=0");
}

#[test]
fn a_prefixed_name_is_signed_and_found_with_its_prefix() {
    let mut config = config();
    config.cookie.host_prefix = true;
    let jar = CookieJar::new(&config);
    let set = jar.set(&Token::from_random_bytes([1; 32]), 1_000);
    let set = set.to_str().expect("text");
    assert!(set.starts_with("__Host-_session="), "{set}");
    let (pair, _) = set.split_once(';').expect("attributes");
    assert_eq!(jar.candidates(&request(&[pair.as_bytes()])).count(), 1);
    assert_eq!(found(&[pair.as_bytes()]), [0; 0], "without the prefix it is another cookie");
}

#[test]
fn a_cookie_lives_as_long_as_its_session_and_at_most_400_days() {
    let age = |lives_ms| {
        let set = jar().set(&Token::from_random_bytes([1; 32]), lives_ms);
        set.to_str().expect("text").rsplit_once('=').expect("Max-Age").1.to_owned()
    };
    assert_eq!(age(1), "1", "what is left is rounded up: 0 would remove it");
    assert_eq!(age(1_000), "1");
    assert_eq!(age(1_001), "2");
    assert_eq!(age(34_560_000_000), "34560000");
    assert_eq!(age(34_560_000_001), "34560000");
    assert_eq!(age(u64::MAX), "34560000");
}

#[test]
fn debug_shows_no_secret() {
    assert!(!format!("{:?}", jar()).contains("0123"));
}

proptest! {
    #[test]
    fn whatever_surrounds_it_a_signed_pair_is_found(
        before in "([a-z]{1,8}=[!-:<-~]{0,20}; ?){0,5}",
        after in "(; ?[a-z]{1,8}=[!-:<-~]{0,20}){0,5}",
    ) {
        let line = format!("{before}_session={}{after}", value(9));
        prop_assert_eq!(found(&[line.as_bytes()]), [9]);
    }

    #[test]
    fn no_header_makes_it_panic(line in "[ -~]{0,200}") {
        prop_assert!(found(&[line.as_bytes()]).is_empty());
    }
}
