//! The two headers, as they may come.

use proptest::prelude::*;

use super::*;

/// The nodes of these lines, from the nearest on; `-` is one that is no address.
#[track_caller]
fn check(header: ProxyHeader, lines: &[&'static str], expected: &str) {
    let name = match header {
        ProxyHeader::XForwardedFor => X_FORWARDED_FOR,
        ProxyHeader::Forwarded => header::FORWARDED,
    };
    let lines = lines.iter().map(|line| (name.clone(), HeaderValue::from_static(line)));
    let headers: HeaderMap = lines.collect();
    let nodes = header.nodes(&headers).map(|node| node.map_or("-".to_owned(), |ip| ip.to_string()));
    assert_eq!(nodes.collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn x_forwarded_for_is_read_from_the_right_over_all_lines() {
    let check =
        |lines: &[&'static str], expected| check(ProxyHeader::XForwardedFor, lines, expected);
    check(&[], "");
    check(&["192.0.2.1"], "192.0.2.1");
    check(&["192.0.2.1, 192.0.2.2", "192.0.2.3"], "192.0.2.3 192.0.2.2 192.0.2.1");
    check(&[" 192.0.2.1 ,,192.0.2.2:80,"], "192.0.2.2 192.0.2.1");
    check(&["2001:db8::1, [2001:db8::2], [2001:db8::3]:80"], "2001:db8::3 2001:db8::2 2001:db8::1");
    check(&["::ffff:192.0.2.1"], "192.0.2.1");
    check(&["unknown, _hidden, \"192.0.2.1\", 192.0.2.1.5"], "- - - -");
    check(&["[192.0.2.1], [::1, ::1], [::1]80, 2001:db8::1:x, fe80::1%eth0"], "- - - - - -");
}

#[test]
fn forwarded_is_read_as_rfc_7239_writes_it() {
    let check = |lines: &[&'static str], expected| check(ProxyHeader::Forwarded, lines, expected);
    // The examples of sections 4 and 7.1.
    check(&["for=\"_gazonk\""], "-");
    check(&["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17");
    check(&["for=192.0.2.60;proto=http;by=203.0.113.43"], "192.0.2.60");
    check(&["for=192.0.2.43, for=198.51.100.17"], "198.51.100.17 192.0.2.43");
    check(
        &["for=192.0.2.43, for=\"[2001:db8:cafe::17]\"", "for=unknown"],
        "- 2001:db8:cafe::17 192.0.2.43",
    );
    check(&["for=\"192.0.2.1:_port\""], "192.0.2.1");
    // Separators within quotes are none.
    check(&["by=\"a,b;for=192.0.2.9\";for=192.0.2.1"], "192.0.2.1");
    check(&["by=\"a\\\",for=192.0.2.9\" ; FOR = 192.0.2.1"], "192.0.2.1");
    // An element without a client, and a quote without an end.
    check(&["proto=https"], "-");
    check(&["for=\"192.0.2.1, for=192.0.2.2"], "-");
    check(&["for=\"192.0.2.\\1\""], "-");
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(line in "[ -~]{0,80}") {
        let value = HeaderValue::from_str(&line).expect("text");
        let headers: HeaderMap = [(X_FORWARDED_FOR, value.clone()), (header::FORWARDED, value)].into_iter().collect();
        let read = ProxyHeader::XForwardedFor.nodes(&headers).count()
            + ProxyHeader::Forwarded.nodes(&headers).count();
        prop_assert!(read <= 2 * line.len() + 2);
    }
}
