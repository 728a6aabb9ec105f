//! What is a token, and what is none: each rule, in its order.

use passbook_axum::jwt::{Audience, Claims, JwtError, JwtSessionsConfig, ValidationConfig};
use serde_json::json;

use super::keys::{
    NOW, P256_PEM, SECRET, decoder_at, der_of, each_algorithm, ed_dsa, encoded, es256, hs256,
    hs256_of, signed, with_keys,
};

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn claims() -> Claims {
    Claims {
        iss: Some("https://passbook.example".to_owned()),
        sub: Some("mira".to_owned()),
        aud: Some(Audience::from("access")),
        nbf: Some(NOW),
        iat: Some(NOW),
        jti: Some("0a".repeat(32)),
        ..Claims::until(NOW + 900)
    }
}

/// What becomes of a token of these two JSON texts, at `NOW`.
#[track_caller]
fn check(header: &str, payload: &str, expected: Result<(), JwtError>) {
    let decoded =
        decoder_at(&JwtSessionsConfig::new(SECRET), NOW).decode(&hs256_of(header, payload));
    assert_eq!(decoded.map(|_claims| ()), expected, "{header} {payload}");
}

#[track_caller]
fn check_text(token: &str, expected: JwtError) {
    let decoded = decoder_at(&JwtSessionsConfig::new(SECRET), NOW).decode(token);
    assert_eq!(decoded, Err(expected), "{token}");
}

#[test]
fn what_was_encoded_is_decoded_with_each_algorithm() {
    for config in each_algorithm() {
        let mut claims = claims();
        claims.extra.insert("plan".to_owned(), json!({ "seats": [1, 2] }));
        let token = encoded(&config, &claims);
        assert_eq!(decoder_at(&config, NOW).decode(&token), Ok(claims));
    }
}

#[test]
fn a_token_has_three_parts_and_8_kib() {
    let good = encoded(&JwtSessionsConfig::new(SECRET), &claims());
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    for bad in [
        String::new(),
        ".".to_owned(),
        message.to_owned(),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!(".{good}"),
    ] {
        check_text(&bad, JwtError::MalformedToken);
    }
    let config = JwtSessionsConfig::new(SECRET);
    let encoder = passbook_axum::jwt::JwtEncoder::new(&config).expect("a good secret");
    let padded = |len: usize| {
        let mut claims = claims();
        claims.extra.insert("pad".to_owned(), json!("x".repeat(len)));
        encoder.encode(&claims)
    };
    let fits = (0..8_192).rev().find_map(|len| padded(len).ok()).expect("some length fits");
    // Base64 makes four characters of three bytes: the longest has 8,192 or one or two less.
    assert!((8_190..=8_192).contains(&fits.len()), "{}", fits.len());
    assert!(decoder_at(&config, NOW).decode(&fits).is_ok());
    assert_eq!(padded(8_192), Err(JwtError::SerializationFailed));
    let of_others =
        |len: usize| hs256_of(HEADER, &format!(r#"{{"exp":{NOW},"pad":"{}"}}"#, "x".repeat(len)));
    let len = (0..8_192).rfind(|len| of_others(*len).len() <= 8_192).expect("some length fits");
    assert!(decoder_at(&config, NOW).decode(&of_others(len)).is_ok());
    check_text(&of_others(len + 1), JwtError::MalformedToken);
}

#[test]
fn a_header_that_is_no_plain_object_is_refused() {
    let payload = &serde_json::to_string(&claims()).expect("it serialises");
    check(HEADER, payload, Ok(()));
    check(r#"{"alg":"HS256"}"#, payload, Ok(()));
    check(r#" { "typ" : "jwt" , "alg" : "HS256" } "#, payload, Ok(()));
    for bad in [
        "",
        "[]",
        "null",
        "{}",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\"}}",
        "{\"alg\":\"HS256\"}\0",
        r#"{"alg":256}"#,
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","x":1,"x":2}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256","kid":1}"#,
        r#"{"alg":"HS256","typ":1}"#,
        r#"{"alg":"HS256","typ":"dpop+jwt"}"#,
    ] {
        check(bad, payload, Err(JwtError::InvalidHeader));
    }
}

#[test]
fn an_algorithm_that_is_not_the_keys_never_reaches_it() {
    let payload = &serde_json::to_string(&claims()).expect("it serialises");
    for other in [
        "none", "None", "NONE", "nOnE", "", "hs256", "HS384", "HS512", "RS256", "PS256", "ES256",
        "ES384", "ES512", "EdDSA", "Ed25519", "A128KW", "dir", "HS256 ",
    ] {
        let header = json!({ "alg": other, "typ": "JWT" }).to_string();
        check(&header, payload, Err(JwtError::AlgorithmMismatch));
    }
    let unsigned = hs256_of(r#"{"alg":"none"}"#, payload);
    let (message, _) = unsigned.rsplit_once('.').expect("three parts");
    check_text(&format!("{message}."), JwtError::AlgorithmMismatch);
}

/// CVE-2015-9235 and its many children: the public key as the secret of an HMAC.
#[test]
fn a_public_key_is_no_hmac_secret() {
    let config = with_keys([es256("ec")]);
    let der = der_of(P256_PEM);
    let point = &der[der.len() - 65..];
    for secret in [point.to_vec(), point[1..].to_vec()] {
        let forged = encoded(&with_keys([hs256("ec", secret)]), &claims());
        assert_eq!(decoder_at(&config, NOW).decode(&forged), Err(JwtError::AlgorithmMismatch));
    }
}

/// With keys of two algorithms, the header's `kid` and `alg` must be of the same one.
#[test]
fn an_algorithm_of_another_key_is_not_accepted_for_this_one() {
    let both = with_keys([es256("one"), hs256("two", SECRET)]);
    let crossed = encoded(&with_keys([hs256("one", SECRET)]), &claims());
    assert_eq!(decoder_at(&both, NOW).decode(&crossed), Err(JwtError::AlgorithmMismatch));
    let unknown = encoded(&with_keys([hs256("three", SECRET)]), &claims());
    assert_eq!(decoder_at(&both, NOW).decode(&unknown), Err(JwtError::InvalidSignature));
    let right = encoded(&with_keys([hs256("two", SECRET)]), &claims());
    assert_eq!(decoder_at(&both, NOW).decode(&right), Ok(claims()));
}

#[test]
fn the_first_key_signs_and_all_verify() {
    let old = JwtSessionsConfig::new(SECRET);
    let mut new = with_keys([ed_dsa("2026-11"), es256("2026-05")]);
    new.signing_secret = SECRET.into();
    let token = encoded(&new, &claims());
    assert_eq!(decoder_at(&with_keys([ed_dsa("2026-11")]), NOW).decode(&token), Ok(claims()));
    for before in [old, with_keys([es256("2026-05")]), new.clone()] {
        assert_eq!(decoder_at(&new, NOW).decode(&encoded(&before, &claims())), Ok(claims()));
    }
    let gone = decoder_at(&new, NOW).decode(&encoded(&with_keys([ed_dsa("2026-01")]), &claims()));
    assert_eq!(gone, Err(JwtError::InvalidSignature));
}

#[test]
fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let payload = &serde_json::to_string(&claims()).expect("it serialises");
    for extra in [
        r#""jwk":{"kty":"oct","k":"AAAA"}"#,
        r#""jku":"http://127.0.0.1:1/keys""#,
        r#""x5u":"http://127.0.0.1:1/chain""#,
        r#""x5c":["MIIB"]"#,
    ] {
        let header = format!(r#"{{"alg":"HS256",{extra}}}"#);
        check(&header, payload, Ok(()));
        let token = hs256_of(&header, payload);
        let other = JwtSessionsConfig::new("another secret of at least 32 bytes");
        let decoded = decoder_at(&other, NOW).decode(&token);
        assert_eq!(decoded, Err(JwtError::InvalidSignature));
    }
}

#[test]
fn base64_has_one_form() {
    let good = encoded(&JwtSessionsConfig::new(SECRET), &claims());
    let parts = good.split('.').collect::<Vec<_>>();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for bad in ["=", " ", "\n", "+", "/", "?", "\u{e9}"] {
        check_text(&signed(&format!("{header}{bad}"), payload), JwtError::InvalidHeader);
        check_text(&signed(header, &format!("{payload}{bad}")), JwtError::DeserializationFailed);
        check_text(&format!("{good}{bad}"), JwtError::InvalidSignature);
        check_text(&format!("{header}.{payload}.{bad}{signature}"), JwtError::InvalidSignature);
    }
    // 32 bytes end in a character of which two bits are unused: the next one means the same bytes.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = good.split_at(good.len() - 1);
    let place = alphabet.find(last).expect("base64url");
    let twin = alphabet.chars().nth(place + 1).expect("a multiple of four is not the last");
    check_text(&format!("{rest}{twin}"), JwtError::InvalidSignature);
}

#[test]
fn a_payload_that_is_no_set_of_claims_is_refused() {
    let bad = Err(JwtError::DeserializationFailed);
    for payload in [
        "",
        "foo",
        "[]",
        "\"exp\"",
        r#"{"exp":9999999999"#,
        r#"{"exp":9999999999,"exp":9999999999}"#,
        r#"{"exp":9999999999,"role":"user","role":"admin"}"#,
        r#"{"exp":9999999999,"sub":1}"#,
        r#"{"exp":9999999999,"sub":null}"#,
        r#"{"exp":9999999999,"iss":["a"]}"#,
        r#"{"exp":9999999999,"jti":{}}"#,
        r#"{"exp":9999999999,"iat":"1"}"#,
        r#"{"exp":9999999999,"aud":1}"#,
        r#"{"exp":9999999999,"aud":["a",1]}"#,
    ] {
        check(HEADER, payload, bad);
    }
    // What can't be read is told before a time that is over.
    check(HEADER, r#"{"exp":1,"sub":1}"#, bad);
}

#[test]
fn exp_is_an_integer_and_is_there() {
    for payload in [
        "{}",
        r#"{"exp":null}"#,
        r#"{"exp":"9999999999"}"#,
        r#"{"exp":9999999999.0}"#,
        r#"{"exp":1e12}"#,
        r#"{"exp":18446744073709551616}"#,
        r#"{"exp":-1}"#,
        r#"{"exp":0}"#,
        r#"{"exp":true}"#,
    ] {
        check(HEADER, payload, Err(JwtError::Expired));
    }
    check(HEADER, r#"{"exp":18446744073709551615}"#, Ok(()));
}

#[test]
fn a_token_is_valid_in_the_second_exp_and_dead_one_later() {
    let token = |config: &_| encoded(config, &Claims::until(NOW));
    for leeway in [0, 1, 60] {
        let mut config = JwtSessionsConfig::new(SECRET);
        config.leeway_secs = leeway;
        let at = |second| decoder_at(&config, second).decode(&token(&config)).map(|_| ());
        assert_eq!(at(NOW + leeway), Ok(()));
        assert_eq!(at(NOW + leeway + 1), Err(JwtError::Expired));
    }
    let config = JwtSessionsConfig::new(SECRET);
    let late = decoder_at(&config, NOW + 1);
    assert_eq!(late.decode_even_expired(&token(&config)), Ok(Claims::until(NOW)));
    let missing = late.decode_even_expired(&hs256_of(HEADER, "{}"));
    assert_eq!(missing, Err(JwtError::Expired));
}

#[test]
fn a_token_is_not_valid_before_nbf() {
    let payload = |nbf: &str| format!(r#"{{"exp":{},"nbf":{nbf}}}"#, NOW + 900);
    check(HEADER, &payload(&NOW.to_string()), Ok(()));
    for later in [&(NOW + 1).to_string(), "\"0\"", "0.5", "null", "18446744073709551616"] {
        check(HEADER, &payload(later), Err(JwtError::NotYetValid));
    }
    check(HEADER, &payload("-1"), Ok(()));
    let mut config = JwtSessionsConfig::new(SECRET);
    config.leeway_secs = 5;
    let at =
        |second| decoder_at(&config, second).decode(&hs256_of(HEADER, &payload(&NOW.to_string())));
    assert!(at(NOW - 5).is_ok());
    assert_eq!(at(NOW - 6), Err(JwtError::NotYetValid));
}

#[test]
fn the_issuer_and_the_audience_must_be_who_is_asked_for() {
    let config = JwtSessionsConfig::new(SECRET);
    let decoder = decoder_at(&config, NOW);
    let check = |issuer: Option<&str>, audience: Option<&str>, expected: Result<(), JwtError>| {
        let validation = ValidationConfig {
            leeway_secs: 0,
            issuer: issuer.map(str::to_owned),
            audience: audience.map(str::to_owned),
        };
        for aud in [Audience::from("access"), Audience::Many(vec!["x".into(), "access".into()])] {
            let token = encoded(&config, &Claims { aud: Some(aud), ..claims() });
            let decoded = decoder.with_validation(validation.clone()).decode(&token);
            assert_eq!(decoded.map(|_| ()), expected, "{issuer:?} {audience:?}");
        }
    };
    check(None, None, Ok(()));
    check(Some("https://passbook.example"), Some("access"), Ok(()));
    check(Some("https://passbook.example/"), None, Err(JwtError::InvalidIssuer));
    check(None, Some("acces"), Err(JwtError::InvalidAudience));
    // The issuer is told first.
    check(Some("nobody"), Some("nobody"), Err(JwtError::InvalidIssuer));
    let validation = ValidationConfig { audience: Some("a".to_owned()), ..Default::default() };
    let none = decoder.with_validation(validation).decode(&encoded(&config, &Claims::until(NOW)));
    assert_eq!(none, Err(JwtError::InvalidAudience));
}

/// Of everything that is wrong with a token, the first in the order of the rules is told.
#[test]
fn the_rules_have_an_order() {
    let mut config = JwtSessionsConfig::new(SECRET);
    config.issuer = Some("us".to_owned());
    let decoder = decoder_at(&config, NOW);
    let decoder = decoder.with_validation(ValidationConfig {
        audience: Some("us".to_owned()),
        ..decoder.validation().clone()
    });
    let late = NOW + 1;
    let payload = format!(r#"{{"exp":1,"nbf":{late},"iss":"x","aud":"x","sub":1}}"#);
    let steps = [
        ("no.token".to_owned(), JwtError::MalformedToken),
        (hs256_of(r#"{"alg":1}"#, &payload) + "x", JwtError::InvalidHeader),
        (hs256_of(r#"{"alg":"none"}"#, &payload) + "x", JwtError::AlgorithmMismatch),
        (hs256_of(HEADER, &payload) + "x", JwtError::InvalidSignature),
        (hs256_of(HEADER, &payload), JwtError::DeserializationFailed),
        (hs256_of(HEADER, &payload.replace(",\"sub\":1", "")), JwtError::Expired),
        (
            hs256_of(HEADER, &format!(r#"{{"exp":{late},"nbf":{late},"iss":"x","aud":"x"}}"#)),
            JwtError::NotYetValid,
        ),
        (hs256_of(HEADER, &format!(r#"{{"exp":{late},"aud":"x"}}"#)), JwtError::InvalidIssuer),
        (hs256_of(HEADER, &format!(r#"{{"exp":{late},"iss":"us"}}"#)), JwtError::InvalidAudience),
    ];
    for (token, expected) in steps {
        assert_eq!(decoder.decode(&token), Err(expected), "{token}");
    }
}

#[test]
fn an_extra_claim_can_not_replace_a_registered_one() {
    let encoder = passbook_axum::jwt::JwtEncoder::new(&JwtSessionsConfig::new(SECRET)).expect("ok");
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"] {
        let mut claims = claims();
        claims.extra.insert(name.to_owned(), json!(1));
        assert_eq!(encoder.encode(&claims), Err(JwtError::SerializationFailed), "{name}");
    }
}

#[test]
fn claims_show_nothing_secret() {
    let mut claims = claims();
    claims.extra.insert("pin".to_owned(), json!("1234"));
    let shown = format!("{claims:?}");
    assert!(shown.contains("mira") && shown.contains("pin"), "{shown}");
    assert!(!shown.contains("0a0a") && !shown.contains("1234"), "{shown}");
}
