//! Texts that nobody thought of: no panic, and no bit that is overlooked.

use passbook_axum::jwt::{Audience, Claims, JwtSessionsConfig};
use proptest::prelude::*;
use serde_json::json;

use super::keys::{NOW, SECRET, decoder_at, each_algorithm, encoded, hs256_of};

proptest! {
    #[test]
    fn decoding_never_panics(token in r"\PC{0,40}\.?\PC{0,40}\.?\PC{0,40}") {
        prop_assert!(decoder_at(&JwtSessionsConfig::new(SECRET), NOW).decode(&token).is_err());
    }

    #[test]
    fn decoding_what_has_a_right_signature_never_panics(header: String, payload in any_json()) {
        let decoder = decoder_at(&JwtSessionsConfig::new(SECRET), NOW);
        let _decoded = decoder.decode(&hs256_of(&header, &payload));
        let _decoded = decoder.decode(&hs256_of(r#"{"alg":"HS256","typ":"JWT"}"#, &payload));
    }
}

/// Texts that are claims, nearly or not at all.
fn any_json() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        any::<u64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| json!(text).to_string()),
        Just("[[[[{}]]]]".to_owned()),
        any::<String>(),
    ];
    let name = prop_oneof![Just("exp"), Just("nbf"), Just("aud"), Just("sub"), Just("x")];
    proptest::collection::vec((name, value), 0..5).prop_map(|members| {
        let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    })
}

/// Every bit of every character, for each algorithm.
#[test]
fn one_flipped_bit_in_any_place_is_refused() {
    let mut flips = 0;
    let claims = Claims { aud: Some(Audience::from("access")), ..Claims::until(NOW + 900) };
    for config in each_algorithm() {
        let (token, decoder) = (encoded(&config, &claims), decoder_at(&config, NOW));
        assert!(decoder.decode(&token).is_ok());
        for place in 0..token.len() {
            for bit in 0..8 {
                let mut bytes = token.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                flips += 1;
                // What is no text is never a token: a header, cookie or query of it isn't read.
                let Ok(flipped) = String::from_utf8(bytes) else { continue };
                assert!(decoder.decode(&flipped).is_err(), "bit {bit} of {place}: {flipped}");
            }
        }
    }
    println!("{flips} flips, all refused");
}
