//! What we signed, and all that is near to it.

use proptest::prelude::*;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OLD: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

fn signer(secrets: &[&str], name: &str) -> CookieSigner {
    let secrets: Vec<_> = secrets.iter().map(|secret| CookieSecret::from(*secret)).collect();
    CookieSigner::new(&secrets, name)
}

/// A value that is signed, and the signer that signed it.
fn signed(bytes: [u8; 32]) -> (CookieSigner, String) {
    let signer = signer(&[SECRET], "_session");
    let value = signer.sign(&Token::from_random_bytes(bytes)).to_string();
    (signer, value)
}

#[test]
fn a_signed_value_is_the_token_and_its_mac_in_digits() {
    // key=$(printf 'passbook cookie v1\0_session' | openssl dgst -r -sha256 -hmac "$SECRET" | cut -c-64)
    // printf '\xab%.0s' {1..32} | openssl dgst -sha256 -mac HMAC -macopt hexkey:$key
    let mac = "b77e8d837d38c001baeced45b9cbaa958a0413b6b25bc27389ef1fd80ca76b07";
    assert_eq!(signed([0xab; 32]).1, format!("{}.{mac}", "ab".repeat(32)));
}

#[test]
fn the_first_secret_signs_and_all_verify() {
    let token = Token::from_random_bytes([7; 32]);
    let (old, both) = (signer(&[OLD], "_session"), signer(&[SECRET, OLD], "_session"));
    assert!(both.verify(old.sign(&token).as_bytes()).is_some(), "a cookie of before lives on");
    assert!(old.verify(both.sign(&token).as_bytes()).is_none(), "the new secret signs");
    let new = signer(&[SECRET], "_session");
    assert!(new.verify(both.sign(&token).as_bytes()).is_some());
    assert!(new.verify(old.sign(&token).as_bytes()).is_none(), "the old secret has gone");
}

#[test]
fn a_value_of_another_cookie_is_none_of_this() {
    let (_, value) = signed([7; 32]);
    for name in ["_sessions", "_sessio", "__Host-_session", "_SESSION", ""] {
        assert!(signer(&[SECRET], name).verify(value.as_bytes()).is_none(), "{name}");
    }
}

#[test]
fn a_tampered_value_is_no_cookie() {
    let (signer, value) = signed([0xab; 32]);
    assert!(signer.verify(value.as_bytes()).is_some());
    let (token, mac) = value.split_once('.').expect("two parts");
    for bad in [
        String::new(),
        token.to_owned(),
        mac.to_owned(),
        format!("{token}."),
        format!("{token}.{}", "0".repeat(64)),
        format!("{}.{mac}", "0".repeat(64)),
        format!("{mac}.{token}"),
        format!("{token}{mac}"),
        format!("{token}:{mac}"),
        format!("{token}.{mac}0"),
        format!("{token}.{mac} "),
        format!(" {token}.{mac}"),
        format!("\"{token}.{mac}\""),
        format!("pb_{token}.{mac}"),
        format!("{}.{mac}", token.to_uppercase()),
        format!("{token}.{}", mac.to_uppercase()),
        format!("{}\u{e9}.{mac}", &token.chars().skip(2).collect::<String>()),
        format!("{token}.{mac}.{mac}"),
    ] {
        assert!(signer.verify(bad.as_bytes()).is_none(), "{bad:?}");
    }
}

#[test]
fn no_secret_is_shown() {
    let shown = format!("{:?}", signer(&[SECRET, OLD], "_session"));
    assert_eq!(shown, "CookieSigner(2 secrets, redacted)");
}

#[test]
#[should_panic(expected = "without a secret")]
fn a_signer_without_a_secret_is_our_mistake() {
    let _signer = signer(&[], "_session");
}

proptest! {
    #[test]
    fn what_was_signed_verifies_as_the_same_token(bytes: [u8; 32]) {
        let (signer, value) = signed(bytes);
        let token = signer.verify(value.as_bytes()).expect("we signed it");
        prop_assert_eq!(token.expose_bytes(), &bytes);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_refused(bytes: [u8; 32], at in 0..VALUE_BYTES, bit in 0..8_u8) {
        let (signer, value) = signed(bytes);
        let mut value = value.into_bytes();
        value[at] ^= 1 << bit;
        prop_assert!(signer.verify(&value).is_none());
    }

    #[test]
    fn a_flipped_bit_of_the_name_is_refused(bytes: [u8; 32], at in 0..8_usize, bit in 0..7_u8) {
        let (_, value) = signed(bytes);
        let mut name = *b"_session";
        name[at] ^= 1 << bit;
        let name = str::from_utf8(&name).expect("seven bits");
        prop_assert!(signer(&[SECRET], name).verify(value.as_bytes()).is_none());
    }

    #[test]
    fn no_bytes_make_it_panic(value: Vec<u8>, long in proptest::collection::vec(any::<u8>(), 129)) {
        let signer = signer(&[SECRET], "_session");
        prop_assert!(signer.verify(&value).is_none() && signer.verify(&long).is_none());
    }
}
