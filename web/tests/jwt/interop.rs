//! Outside judges: `PyJWT` and jose read our tokens, and we read theirs. `./check` brings both.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use passbook_axum::jwt::{Audience, Claims, Jwks, JwtSessionsConfig};
use serde_json::{Value, json};

use super::keys::with_keys;
use super::keys::{ED25519_PEM, NOW, P256_PEM, SECRET, decoder_at, ed_dsa, encoded, es256, hs256};

/// Where `./check` puts them: beside what cargo builds.
fn judges() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("judges")
}

/// Runs a judge on a case, which it reads as JSON, and gives what it says, as JSON.
#[track_caller]
fn ask(program: &Path, script: &str, case: &Value) -> Value {
    let file = judges().join(script);
    let (name, source) = match script {
        "judge.py" => ("PyJWT", include_str!("judge.py")),
        "judge.mjs" => ("jose", include_str!("judge.mjs")),
        other => panic!("no judge {other}"),
    };
    let missing = format!("{name} is not in {}: run ./check, which brings it", judges().display());
    assert!(judges().is_dir(), "{missing}");
    // Beside `node_modules`, where node looks for packages.
    let folder = tempfile::tempdir_in(judges()).expect("a folder");
    let script = folder.path().join(file.file_name().expect("it has one"));
    std::fs::write(&script, source).expect("it is written");
    let mut judge = Command::new(program)
        .arg(&script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{missing}: {error}"));
    let mut input = judge.stdin.take().expect("piped");
    input.write_all(case.to_string().as_bytes()).expect("it reads");
    drop(input);
    let said = judge.wait_with_output().expect("it ends");
    assert!(said.status.success(), "{missing}, or it failed: see above");
    serde_json::from_slice(&said.stdout).expect("it answers in JSON")
}

fn claims() -> Claims {
    let mut claims = Claims {
        iss: Some("passbook".to_owned()),
        sub: Some("mira \u{e9}\u{1f512}".to_owned()),
        aud: Some(Audience::from("access")),
        iat: Some(NOW),
        nbf: Some(NOW),
        jti: Some("0a".repeat(32)),
        ..Claims::until(NOW + 900)
    };
    claims.extra.insert("n".to_owned(), json!([1, { "a": null }]));
    claims
}

/// Every algorithm in both directions, and that the judge refuses what we refuse.
#[track_caller]
fn check(program: &Path, script: &str) {
    let cases: [(JwtSessionsConfig, &str, &str); 3] = [
        (with_keys([hs256("k", SECRET)]), "HS256", SECRET),
        (with_keys([es256("k")]), "ES256", P256_PEM),
        (with_keys([ed_dsa("k")]), "EdDSA", ED25519_PEM),
    ];
    for (config, alg, key) in cases {
        let jwks = Jwks::new(&config).expect("a good key");
        let token = encoded(&config, &claims());
        // Another first character of the signature.
        let (message, signature) = token.rsplit_once('.').expect("three parts");
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let tampered = format!("{message}.{other}{}", signature.split_at(1).1);
        let case = json!({
            "alg": alg, "key": key, "jwks": jwks, "now": NOW,
            "token": token, "tampered": tampered, "claims": claims(),
        });
        let said = ask(program, script, &case);
        let read = json!({ "alg": alg, "typ": "JWT", "kid": "k" });
        assert_eq!(said["header"], read, "{alg}: it reads our header");
        assert_eq!(said["claims"], json!(claims()), "{alg}: and our claims");
        assert_eq!(said["tampered"], "refused", "{alg}: it looked at the signature");
        let theirs = said["token"].as_str().expect("a token");
        assert_eq!(decoder_at(&config, NOW).decode(theirs), Ok(claims()), "{alg}: we read theirs");
    }
}

#[test]
fn pyjwt_reads_our_tokens_and_we_read_its() {
    check(&judges().join("python/bin/python"), "judge.py");
}

#[test]
fn jose_reads_our_tokens_and_we_read_its() {
    check(Path::new("node"), "judge.mjs");
}
