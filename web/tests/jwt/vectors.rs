//! Tokens that others made: Wycheproof, RFC 7520, RFC 7515.
//!
//! The first two are not ours to copy: they are read from `../shared/data`, beside the checkout.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use passbook_axum::jwt::{JwtError, JwtSessionsConfig, KeyAlgorithm, KeyConfig};
use serde_json::Value;

use super::keys::{decoder_at, hs256, with_keys};

/// `None`, and a word about it, where the folder isn't there; CI has it.
fn shared(name: &str) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !folder.is_dir() {
        println!("SKIPPED: {} is not there, so {name} was not read", folder.display());
        return None;
    }
    let text = std::fs::read(folder.join(name)).expect("the folder is there, so the file is");
    Some(serde_json::from_slice(&text).expect("JSON"))
}

fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().expect("a text")).expect("base64url")
}

/// The key of a JWK, if it is of an algorithm that we accept; else why not.
fn key_of(jwk: &Value) -> Result<KeyConfig, String> {
    let kid = jwk["kid"].as_str().expect("each has one");
    if let Some(other) = jwk["use"].as_str().filter(|purpose| *purpose != "sig") {
        return Err(format!("a JWK with use {other}: keys are configured, no JWK is read"));
    }
    if jwk["key_ops"].as_array().is_some_and(|ops| !ops.contains(&Value::from("verify"))) {
        return Err(
            "a JWK that is not for verifying: keys are configured, no JWK is read".to_owned()
        );
    }
    match (jwk["kty"].as_str(), jwk["crv"].as_str(), jwk["alg"].as_str()) {
        (Some("oct"), None, Some("HS256")) => Ok(hs256(kid, bytes(&jwk["k"]))),
        (Some("EC"), Some("P-256"), Some("ES256")) => Ok(p256(kid, jwk)),
        (kty, _, alg) => {
            Err(format!("{} {}: not accepted", kty.unwrap_or("?"), alg.unwrap_or("?")))
        }
    }
}

/// PKCS#8 of a P-256 key (RFC 5208, RFC 5915): all but three numbers is the same for each.
fn p256(kid: &str, jwk: &Value) -> KeyConfig {
    let mut der = vec![0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13];
    der.extend([0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]);
    der.extend([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    der.extend([0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20]);
    der.extend(bytes(&jwk["d"]));
    der.extend([0xa1, 0x44, 0x03, 0x42, 0x00, 0x04]);
    der.extend([bytes(&jwk["x"]), bytes(&jwk["y"])].concat());
    KeyConfig::new(kid, KeyAlgorithm::Es256, der)
}

/// Whether all is accepted but what the payload says: none of them is claims. Of a payload in a wrong
/// encoding we say the same as of one that is no claims; `base64_has_one_form` tells them apart.
fn is_signed(config: &JwtSessionsConfig, token: &str) -> bool {
    let payload = token.split('.').nth(1).unwrap_or_default();
    match decoder_at(config, 0).decode(token) {
        Ok(_) | Err(JwtError::Expired | JwtError::NotYetValid) => true,
        Err(JwtError::DeserializationFailed) => URL_SAFE_NO_PAD.decode(payload).is_ok(),
        Err(
            JwtError::MalformedToken
            | JwtError::InvalidHeader
            | JwtError::AlgorithmMismatch
            | JwtError::InvalidSignature,
        ) => false,
        Err(
            error @ (JwtError::MissingToken
            | JwtError::InvalidIssuer
            | JwtError::InvalidAudience
            | JwtError::SigningFailed
            | JwtError::SerializationFailed),
        ) => panic!("nobody asked for that: {error}"),
    }
}

/// Where Wycheproof contradicts itself: 367 and 370, called invalid for their base64, have to the
/// byte the text of 357, which is valid; and 372 and 373 have the `?` that is missed there, and are
/// called valid. RFC 7515, section 2, allows no other character.
const MISLABELLED: [(u64, bool); 4] = [(367, true), (370, true), (372, false), (373, false)];

#[test]
fn every_wycheproof_signature_of_our_algorithms_is_judged_right() {
    let Some(vectors) = shared("wycheproof_jws.json") else { return };
    let (mut run, mut skipped) = (0_u64, 0_u64);
    for group in vectors["testGroups"].as_array().expect("groups") {
        // Both halves: the private one has the number, the public one what it is for.
        let mut jwk = group["private"].clone();
        for (name, value) in group["public"].as_object().into_iter().flatten() {
            jwk[name] = value.clone();
        }
        let tests = group["tests"].as_array().expect("tests");
        let comment = &group["comment"];
        let key = match key_of(&jwk) {
            Ok(key) => key,
            Err(reason) => {
                skipped += u64::try_from(tests.len()).expect("few");
                println!("{comment}: {} skipped, {reason}", tests.len());
                continue;
            }
        };
        let config = with_keys([key]);
        for test in tests {
            let id = test["tcId"].as_u64().expect("a number");
            let mislabelled = MISLABELLED.iter().find(|(wrong, _)| *wrong == id);
            let valid = mislabelled.map_or(test["result"] == "valid", |(_, valid)| *valid);
            let jws = &test["jws"];
            let token = jws.as_str().map_or_else(|| jws.to_string(), str::to_owned);
            assert_eq!(is_signed(&config, &token), valid, "{id} {}", test["comment"]);
            run += 1;
        }
        println!("{comment}: {} run", tests.len());
    }
    println!("Wycheproof: {run} run, {skipped} skipped");
    assert_eq!((run, run + skipped), (79, 401));
}

#[test]
fn the_examples_of_rfc_7520_are_judged_right() {
    let Some(hmac) = shared("jose_cookbook_4_4.hmac-sha2_integrity_protection.json") else {
        return;
    };
    let key = &hmac["input"]["key"];
    let config = with_keys([key_of(key).expect("HS256")]);
    let token = hmac["output"]["compact"].as_str().expect("a token");
    assert!(is_signed(&config, token), "section 4.4");
    // The JSON serializations of the same are no token.
    for form in ["json", "json_flat"] {
        assert!(!is_signed(&config, &hmac["output"][form].to_string()), "{form}");
    }
    let Some(ecdsa) = shared("jose_cookbook_4_3.ecdsa_signature.json") else { return };
    let token = ecdsa["output"]["compact"].as_str().expect("a token");
    let decoded = decoder_at(&config, 0).decode(token);
    assert_eq!(decoded, Err(JwtError::AlgorithmMismatch), "section 4.3 is ES512, which we refuse");
}

/// RFC 7515, appendix A.1: the header and the payload have line breaks in them.
#[test]
fn the_example_of_rfc_7515_is_valid_until_its_second() {
    let key = URL_SAFE_NO_PAD
        .decode(
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        )
        .expect("as it is printed");
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                 eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                 dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let config = JwtSessionsConfig::new(key);
    let claims = decoder_at(&config, 1_300_819_380).decode(token).expect("the second itself");
    assert_eq!(claims.iss.as_deref(), Some("joe"));
    assert_eq!(claims.extra["http://example.com/is_root"], Value::Bool(true));
    assert_eq!(decoder_at(&config, 1_300_819_381).decode(token), Err(JwtError::Expired));
}
