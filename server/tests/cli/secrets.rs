//! A token is never an argument, never kept, and printed once.

use super::support::{run, run_with};

#[test]
fn a_token_among_the_arguments_is_refused_and_not_repeated() {
    let hex = "0123456789abcdef".repeat(4);
    for args in [
        vec!["session", "check", &*format!("pb_{hex}")],
        vec!["session", "check", &*format!("--token=pb_{hex}")],
        vec!["session", "list", &*format!("user:pb_{hex}"), "--json"],
        vec!["session", "show", &*hex],
    ]
    .into_iter()
    .map(|args| args.iter().map(ToString::to_string).collect::<Vec<_>>())
    {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let refused = run(&args);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains("a token is never an argument"));
        assert!(!format!("{refused:?}").contains("0123456789abcdef"), "{refused:?}");
    }
}

#[test]
fn a_created_token_is_printed_once_and_kept_nowhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("a plain name");
    let create =
        ["session", "create", "--user", "mira", "--device", "Firefox", "--ttl", "8h", "--json"];
    let made = run(&[&create[..], &["--store", path, "--operator", "kim"]].concat());
    assert_eq!(made.code, 0, "{made:?}");
    let token = made.json()["token"].as_str().expect("it has one").to_owned();
    assert_eq!(made.stdout.matches(&token).count(), 1);
    assert!(!made.stderr.contains("pb_"), "{made:?}");
    let check = ["session", "check", "--token-stdin", "--json", "--store", path];
    let checked = run_with(&check, token.as_bytes());
    assert_eq!(checked.code, 0);
    assert_eq!(checked.json()["session"]["id"], made.json()["session"]["id"]);
    let digits = token.strip_prefix("pb_").expect("the wire form");
    let raw: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal"))
        .collect();
    let mut files = std::collections::BTreeMap::new();
    super::support::add_files(folder.path(), &mut files);
    for (file, bytes) in files {
        for secret in [digits.as_bytes(), &raw[..]] {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "the token is in {}", file.display());
        }
    }
    for verb in ["session list", "user history mira", "journal dump --raw", "user show mira"] {
        let verb: Vec<&str> = verb.split(' ').collect();
        for form in ["table", "json"] {
            let shown = run(&[&verb[..], &["--format", form, "--store", path]].concat()).ok();
            assert!(!shown.contains(digits), "{verb:?}");
        }
    }
    let dump = run(&["journal", "dump", "@2..", "--json", "--store", path]);
    assert_eq!(dump.json()["actor"], "operator:kim");
}

#[test]
fn a_guest_gets_a_name_and_a_lifetime() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("a plain name");
    let at = ["--store", path, "--now", "2026-11-20T12:00:00Z", "--json"];
    let guest = run(&[&["session", "create", "--guest", "--ttl", "30m"], &at[..]].concat()).json();
    let session = &guest["session"];
    assert!(session["user_id"].as_str().expect("a name").starts_with("guest_"));
    assert_eq!(session["is_guest"], true);
    assert_eq!(session["expires_at"], "2026-11-20T12:30:00.000Z");
    let long = "x".repeat(257);
    for wrong in [
        vec!["session", "create", "--guest", "--user", "x"],
        vec!["session", "create"],
        vec!["session", "create", "--user", ""],
        vec!["session", "create", "--user", &*long],
        vec!["session", "create", "--user", "x", "--ttl", "soon"],
    ] {
        let refused = run(&[&wrong[..], &at[..]].concat());
        assert_eq!(refused.code, 2, "{refused:?}");
    }
}
