//! What an operator may choose, and what is refused before anything runs.

use passbook_axum::jwt::{Jwks, JwtSessionsConfig, TokenSourceConfig};
use serde_json::{Value, json};

use super::keys::{ED25519_PEM, NOW, P256_PEM, SECRET, decoder_at, der_of, ed_dsa, encoded, es256};
use super::keys::{hs256, with_keys};

fn read(config: &Value) -> Result<JwtSessionsConfig, String> {
    serde_json::from_value(config.clone()).map_err(|error| error.to_string())
}

/// The path of the field that is refused, when `change` was made to a good configuration.
#[track_caller]
fn check(change: Value, field: &str) {
    let mut config = json!({ "signing_secret": SECRET });
    for (name, value) in change.as_object().expect("an object") {
        config[name] = value.clone();
    }
    let config = read(&config).expect("it is of the right shape");
    let error = config.validate().expect_err("it can't be used");
    assert_eq!(error.field, field);
    assert!(!error.to_string().contains("thirty-two"), "an error shows no secret: {error}");
}

#[test]
fn a_secret_alone_gives_the_defaults() {
    for config in
        [JwtSessionsConfig::new(SECRET), read(&json!({ "signing_secret": SECRET })).unwrap()]
    {
        assert_eq!(config.validate(), Ok(()));
        assert_eq!((config.access_ttl_secs, config.refresh_ttl_secs), (900, 2_592_000));
        assert_eq!((config.max_per_user, config.touch_interval_secs), (20, 300));
        assert_eq!((config.absolute_ttl_secs, config.leeway_secs), (None, 0));
        assert!(config.stateful_validation && config.issuer.is_none() && config.keys.is_empty());
        assert_eq!(config.access_source, TokenSourceConfig::Bearer);
        let body = TokenSourceConfig::Body { field: "refresh_token".to_owned() };
        assert_eq!(config.refresh_source, body);
    }
}

#[test]
fn a_secret_has_32_bytes() {
    let refused =
        |secret: &str| JwtSessionsConfig::new(secret).validate().map_err(|error| error.field);
    assert_eq!(refused(""), Err("signing_secret".to_owned()));
    assert_eq!(refused(&"x".repeat(31)), Err("signing_secret".to_owned()));
    assert_eq!(refused(&"x".repeat(32)), Ok(()));
    // Also if it isn't the one that signs.
    let mut config = with_keys([ed_dsa("ed")]);
    assert_eq!(config.validate(), Ok(()), "it may be left out");
    config.signing_secret = "short".into();
    assert_eq!(config.validate().expect_err("short").field, "signing_secret");
}

#[test]
fn a_value_that_can_not_be_is_refused_with_its_field() {
    check(json!({ "issuer": "" }), "issuer");
    check(json!({ "access_ttl_secs": 0 }), "access_ttl_secs");
    check(json!({ "refresh_ttl_secs": 0 }), "refresh_ttl_secs");
    check(json!({ "absolute_ttl_secs": 0 }), "absolute_ttl_secs");
    check(json!({ "max_per_user": 0 }), "max_per_user");
    check(json!({ "access_source": { "kind": "body", "field": "x" } }), "access_source");
    check(json!({ "access_source": { "kind": "header", "name": "a b" } }), "access_source.name");
    check(json!({ "access_source": { "kind": "query", "name": "" } }), "access_source.name");
    check(json!({ "refresh_source": { "kind": "cookie", "name": "a;b" } }), "refresh_source.name");
    check(json!({ "refresh_source": { "kind": "body", "field": "" } }), "refresh_source.field");
}

#[test]
fn a_key_that_can_not_sign_is_refused_with_its_place() {
    let key = |kid: &str, alg: &str, key: &str| json!({ "kid": kid, "alg": alg, "key": key });
    let good = key("a", "HS256", SECRET);
    let check_keys = |keys: Value, field: &str| check(json!({ "keys": keys }), field);
    check_keys(json!([key("", "HS256", SECRET)]), "keys[0].kid");
    check_keys(json!([key(&"x".repeat(65), "HS256", SECRET)]), "keys[0].kid");
    check_keys(json!([good, key("a", "EdDSA", ED25519_PEM)]), "keys[1].kid");
    check_keys(json!([good, key("b", "HS256", &"x".repeat(31))]), "keys[1].key");
    check_keys(json!([key("a", "ES256", ED25519_PEM)]), "keys[0].key");
    check_keys(json!([key("a", "EdDSA", P256_PEM)]), "keys[0].key");
    check_keys(json!([key("a", "ES256", "-----BEGIN PRIVATE KEY-----")]), "keys[0].key");
    let sec1 = P256_PEM.replace("PRIVATE KEY", "EC PRIVATE KEY");
    check_keys(json!([key("a", "ES256", &sec1)]), "keys[0].key");
    let many = (0..17).map(|n| key(&n.to_string(), "HS256", SECRET)).collect::<Vec<_>>();
    check_keys(json!(many), "keys");
    assert_eq!(
        with_keys((0..16).map(|n| hs256(&n.to_string(), SECRET)).collect::<Vec<_>>()).validate(),
        Ok(())
    );
    assert_eq!(with_keys([hs256(&"x".repeat(64), SECRET)]).validate(), Ok(()));
}

#[test]
fn a_key_is_the_same_in_pem_and_der() {
    for (pem, der) in [
        (es256("k"), {
            let mut key = es256("k");
            key.key = der_of(P256_PEM).into();
            key
        }),
        (ed_dsa("k"), {
            let mut key = ed_dsa("k");
            key.key = der_of(ED25519_PEM).into();
            key
        }),
    ] {
        let claims = passbook_axum::jwt::Claims::until(NOW);
        let token = encoded(&with_keys([der]), &claims);
        assert_eq!(decoder_at(&with_keys([pem]), NOW).decode(&token), Ok(claims));
    }
}

#[test]
fn an_unknown_field_is_refused() {
    for config in [
        json!({ "signing_secret": SECRET, "acess_ttl_secs": 1 }),
        json!({ "access_source": { "kind": "bearer", "name": "x" } }),
        json!({ "access_source": { "kind": "cookie", "name": "x", "path": "/" } }),
        json!({ "access_source": { "kind": "carrier_pigeon" } }),
        json!({ "access_source": { "kind": "cookie" } }),
        json!({ "keys": [{ "kid": "a", "alg": "HS256", "key": SECRET, "use": "enc" }] }),
        json!({ "keys": [{ "kid": "a", "alg": "none", "key": SECRET }] }),
        json!({ "keys": [{ "kid": "a", "alg": "RS256", "key": SECRET }] }),
    ] {
        assert!(read(&config).is_err(), "{config}");
    }
}

#[test]
fn a_configuration_shows_no_secret() {
    let mut config = with_keys([hs256("a", "another secret of thirty-two bytes"), ed_dsa("b")]);
    config.signing_secret = SECRET.into();
    let shown = format!(
        "{config:?} {:?} {:?}",
        decoder_at(&config, NOW),
        passbook_axum::jwt::JwtEncoder::new(&config)
    );
    assert!(!shown.contains("secret of") && !shown.contains("MC4C"), "{shown}");
    assert!(shown.contains("900") && shown.contains("redacted"), "{shown}");
}

/// Of each kind of key, the public half and nothing else; what JOSE says of it is tested by `interop`.
#[test]
fn the_key_set_holds_public_keys_alone() {
    let mut config = with_keys([es256("ec"), hs256("hs", SECRET), ed_dsa("ed")]);
    config.signing_secret = SECRET.into();
    let set = serde_json::to_value(Jwks::new(&config).expect("good keys")).expect("it serialises");
    let keys = set["keys"].as_array().expect("a set");
    let shape = |key: &Value| key.as_object().expect("a key").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys.len(), 2, "{set}");
    assert_eq!(shape(&keys[0]), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(shape(&keys[1]), ["alg", "crv", "kid", "kty", "use", "x"]);
    assert_eq!(
        (&keys[0]["kid"], &keys[0]["alg"], &keys[0]["crv"]),
        (&json!("ec"), &json!("ES256"), &json!("P-256"))
    );
    assert_eq!(
        (&keys[1]["kid"], &keys[1]["kty"], &keys[1]["crv"]),
        (&json!("ed"), &json!("OKP"), &json!("Ed25519"))
    );
}
