//! What a filter finds, what it refuses and where, and the way there and back.

use proptest::prelude::*;

use super::*;

/// 2026-11-20T14:20:31.000Z.
const NOW_MS: u64 = 1_795_184_431_000;

fn facts() -> Facts<'static> {
    Facts {
        user: Some("u_1842"),
        id: Some("01M7WH9B1A4TFF59TDWH9EDD1R"),
        ip: Some("198.51.100.7".parse().unwrap()),
        device: Some("Firefox on Linux"),
        tenant: None,
        state: Some("ended"),
        reason: Some("token_reuse"),
        actor: Some("operator:mara"),
        kind: Some("TokenReuseDetected"),
        time_ms: Some(NOW_MS - 3_600_000),
        sequence: Some(1_048_611),
        guest: Some(false),
        transport: Some("cookie"),
    }
}

#[track_caller]
fn check(text: &str, expected: bool) {
    let filter = Filter::parse(text, NOW_MS).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(filter.matches(&facts()), expected, "{text}");
    let again = Filter::parse(&filter.to_string(), 0);
    assert_eq!(again, Ok(filter), "{text} printed and read again");
}

#[test]
fn each_key_finds_its_fact_and_only_that() {
    for (yes, no) in [
        ("user:u_1842", "user:u_184"),
        ("id:01m7wh9b1a4tff59tdwh9edd1r", "id:01M7WH9B1A4TFF59TDWH9EDD1S"),
        ("ip:198.51.100.0/24", "ip:198.51.101.0/24"),
        ("ip:198.51.100.7", "ip:198.51.100.8"),
        ("ip:198.51.100.7/24", "ip:2001:db8::/32"),
        ("ip:::ffff:198.51.100.7", "ip:0.0.0.0/32"),
        ("device:\"Firefox on Linux\"", "device:Firefox"),
        ("-tenant:acme", "tenant:acme"),
        ("state:ended", "state:live"),
        ("reason:token_reuse", "reason:logout"),
        ("actor:operator:mara", "actor:operator:zoe"),
        ("actor:operator", "actor:system"),
        ("actor:mara", "actor:mar"),
        ("kind:TokenReuseDetected", "kind:LoginFailed"),
        ("since:-1h", "since:-59m"),
        ("until:-59m", "until:-1h"),
        ("until:14:03", "since:14:03"),
        ("seq:@1048000..@1048611", "seq:@1048000..@1048610"),
        ("seq:@1048611", "seq:@1048612.."),
        ("seq:..@1048611", "seq:..@1048610"),
        ("guest:no", "guest:yes"),
        ("transport:cookie", "transport:jwt"),
    ] {
        check(yes, true);
        check(no, false);
    }
}

#[test]
fn terms_are_joined_by_and_commas_by_or_and_a_dash_negates() {
    check("", true);
    check("   ", true);
    check("user:u_1842 state:ended", true);
    check("user:u_1842 state:live", false);
    check("user:x,u_1842,y", true);
    check("-user:x,y", true);
    check("-user:x,u_1842", false);
    check("reason:logout,token_reuse\t-state:live", true);
    check("since:\"2026-11-20 13:00\" until:2026-11-20T14:00:00Z", true);
    check("seq:@1,@1048611", true);
    check("device:\"a, b\",\"Firefox on Linux\"", true);
    check(r#"device:"a \"quoted\" \\ one""#, false);
    check("user:-x,=y,a:b", false);
}

#[test]
fn an_address_within_ipv6_is_the_ipv4_address() {
    let mapped = Facts { ip: Some("::ffff:198.51.100.7".parse().unwrap()), ..Facts::default() };
    assert!(Filter::parse("ip:198.51.100.0/24", 0).unwrap().matches(&mapped));
}

#[test]
fn a_fact_that_is_not_there_is_like_no_value() {
    for key in Key::ALL {
        let value = match key.choices() {
            Some(choices) => choices[0],
            None if key == Key::Ip => "0.0.0.0/0",
            None if key == Key::Seq => "..",
            None => "now",
        };
        let text = format!("{key}:{value}");
        let filter = Filter::parse(&text, 0).unwrap();
        assert!(filter.is_about(key) && !filter.is_empty());
        assert!(!filter.matches(&Facts::default()), "{text}");
        assert!(Filter::parse(&format!("-{text}"), 0).unwrap().matches(&Facts::default()));
    }
}

#[track_caller]
fn check_refused(text: &str, column: usize, words: &[&str]) {
    let error = Filter::parse(text, NOW_MS).expect_err(text);
    assert_eq!(error.column, column, "{text}: {error}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` is not in: {error}");
    }
}

#[test]
fn errors_say_where_and_what_would_be_right() {
    check_refused(
        "usr:x",
        1,
        &["`usr`", "user, id, ip, device, tenant, state", "guest, transport"],
    );
    check_refused("user:a  -stat:x", 10, &["`stat`", "state"]);
    check_refused("user:a bare", 8, &["`bare`", "KEY:VALUE"]);
    check_refused("state:alive", 7, &["`alive`", "live, ended, expired"]);
    check_refused("state:live,dead", 12, &["`dead`"]);
    check_refused("state:Live", 7, &["live"]);
    check_refused("reason:bored", 8, &["logout, revoked_by_user", "erased", "wrong_password"]);
    check_refused("kind:Login", 6, &["SessionCreated", "LoginFailed"]);
    check_refused("guest:true", 7, &["yes, no"]);
    check_refused("transport:carrier", 11, &["cookie, jwt"]);
    check_refused("ip:300.1.1.1", 4, &["198.51.100.0/24"]);
    check_refused("ip:198.51.100.0/33", 4, &["address"]);
    check_refused("since:@5", 7, &["seq"]);
    check_refused("since:=name", 7, &["time"]);
    check_refused("since:soon", 7, &["`soon`"]);
    check_refused("seq:@head", 5, &["@1048000..@1048611"]);
    check_refused("seq:@9..@5", 5, &["@9", "@5"]);
    check_refused("user:", 6, &["missing", "user"]);
    check_refused("user:a,", 8, &["missing"]);
    check_refused("user: a", 6, &["missing"]);
    check_refused("-", 2, &["KEY:VALUE"]);
    check_refused("--user:a", 2, &["`-user`"]);
    check_refused("device:\"a b", 8, &["no end"]);
    check_refused("device:\"a\\", 8, &["no end"]);
    check_refused("device:\"a\"b", 11, &["whole value"]);
    check_refused("device:a\"b\"", 9, &["whole value"]);
    check_refused("雪:x", 1, &["`雪`"]);
}

#[test]
fn limits_hold_at_the_limit_and_not_past_it() {
    let terms = |count: usize| "user:a ".repeat(count);
    assert!(Filter::parse(&terms(TERMS_MAX), 0).is_ok());
    let error = Filter::parse(&terms(TERMS_MAX + 1), 0).unwrap_err();
    assert_eq!(error.problem, FilterProblem::TooManyTerms);

    let values = |count: usize| format!("user:{}", vec!["a"; count].join(","));
    assert!(Filter::parse(&values(VALUES_MAX), 0).is_ok());
    let error = Filter::parse(&values(VALUES_MAX + 1), 0).unwrap_err();
    assert_eq!(error.problem, FilterProblem::TooManyValues);

    let long = |bytes: usize| format!("user:{}", "a".repeat(bytes - 5));
    assert!(Filter::parse(&long(FILTER_LEN_MAX), 0).is_ok());
    let error = Filter::parse(&long(FILTER_LEN_MAX + 1), 0).unwrap_err();
    assert_eq!(error.problem, FilterProblem::TooLong);
}

fn any_term() -> impl Strategy<Value = Term> {
    let texts = (
        prop_oneof![Just(Key::User), Just(Key::Device), Just(Key::Actor)],
        proptest::collection::vec("(\\PC|[\"\\\\,: -])*".prop_map(Value::Text), 1..4),
    );
    let nets =
        (any::<[u8; 16]>(), any::<bool>(), any::<u8>()).prop_map(|(octets, is_v4, length)| {
            let net: IpNet = if is_v4 {
                let [a, b, c, d, ..] = octets;
                IpNet::new([a, b, c, d].into(), length % 33).unwrap()
            } else {
                IpNet::new(IpAddr::from(octets).to_canonical(), 33 + length % 96)
                    .unwrap_or_default()
            };
            Value::Net(net.trunc())
        });
    let times = (0..253_402_000_000_000_u64).prop_map(Value::Time);
    let sequences = (any::<u64>(), any::<u64>())
        .prop_map(|(a, b)| Value::Sequences { first: a.min(b), last: a.max(b) });
    let terms = prop_oneof![
        texts,
        (Just(Key::Ip), proptest::collection::vec(nets, 1..4)),
        (Just(Key::Since), proptest::collection::vec(times, 1..4)),
        (Just(Key::Seq), proptest::collection::vec(sequences, 1..4)),
        (Just(Key::Guest), any::<bool>().prop_map(|flag| vec![Value::Flag(flag)])),
    ];
    (any::<bool>(), terms).prop_map(|(is_negated, (key, values))| Term { is_negated, key, values })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(terms in proptest::collection::vec(any_term(), 0..6)) {
        let filter = Filter { terms };
        prop_assert_eq!(Filter::parse(&filter.to_string(), 0), Ok(filter));
    }

    #[test]
    fn any_text_is_survived(text in "(-|user:|ip:|since:|seq:|state:|[\"\\\\,: @.]|\\PC{0,5}){0,20}", now_ms in any::<u64>()) {
        match Filter::parse(&text, now_ms) {
            Ok(filter) => {
                filter.matches(&facts());
            }
            Err(error) => prop_assert!(error.column <= text.chars().count() + 1, "{}", error),
        }
    }
}
