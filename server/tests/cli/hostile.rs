//! Text of strangers does nothing to a terminal, to rows and columns, or to the next line.

use std::sync::Arc;

use passbook::{Login, SimClock};

use super::support::{BEGIN_MS, HOSTILE, close, ledger, run, story, tokio_free};

#[track_caller]
fn check_harmless(text: &str) {
    for c in text.chars() {
        let acts = (c.is_control() && c != '\n' && c != '\t') || "\u{202e}\u{200b}".contains(c);
        assert!(!acts, "{c:?} in {text:?}");
    }
}

#[test]
fn hostile_text_is_shown_on_a_terminal_and_in_plain() {
    let store = story();
    for verb in ["user history mira", "journal dump", "journal tail -n 20"] {
        let verb: Vec<&str> = verb.split(' ').collect();
        for form in ["table", "plain"] {
            let shown = store.run(&[&verb[..], &["--format", form]].concat()).ok();
            check_harmless(&shown);
            assert!(shown.contains(r"\u{1b}[2J\u{1b}[31mroot\nlive\u{202e}moc\tx"), "{shown}");
        }
        let json = store.run(&[&verb[..], &["--format", "jsonl"]].concat()).ok();
        let lines: Vec<serde_json::Value> =
            json.lines().map(|line| serde_json::from_str(line).expect("a document")).collect();
        let carries =
            |line: &serde_json::Value| line["user_agent"] == HOSTILE || line["device"] == HOSTILE;
        assert!(lines.iter().any(carries), "programs get the text as it is");
    }
}

#[test]
fn hostile_names_and_labels_stay_in_their_cells() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(SimClock::at_ms(BEGIN_MS));
    let ledger = ledger(folder.path(), &clock);
    let user = "root  wrong_password  1.2.3.4\u{1b}[0m\r\n\u{200b}";
    let device = "x\u{1b}]0;t\u{7}\nSESSION\tlive";
    let made = tokio_free(ledger.create(Login::new(user).device(device)));
    close(ledger, folder.path());
    let path = folder.path().to_str().expect("a plain name");
    let id = made.id.to_string();
    for verb in [
        vec!["session", "list"],
        vec!["session", "show", &id],
        vec!["why", &id],
        vec!["session", "lineage", &id],
        vec!["session", "lineage", &id, "--dot"],
        vec!["user", "show", user],
        vec!["user", "history", user],
        vec!["journal", "dump"],
        vec!["replay", "step", "@1", "-n", "9"],
        vec!["replay", "what-if", "tests/golden/strict.toml", "--list"],
        vec!["user", "revoke", user, "--dry-run"],
        vec!["user", "show", "nobody\u{1b}[31m"],
        vec!["session", "list", "\u{1b}[31m:x"],
    ] {
        for form in ["table", "plain"] {
            let at = ["--format", form, "--store", path, "--now", "2026-11-20T13:00:00Z"];
            let shown = run(&[&verb[..], &at[..]].concat());
            check_harmless(&shown.stdout);
            check_harmless(&shown.stderr);
        }
    }
    let plain = run(&["session", "list", "--store", path]).ok();
    assert_eq!(plain.lines().count(), 1, "{plain}");
    assert_eq!(
        plain.trim_end().split('\t').nth(2),
        Some(r"root  wrong_password  1.2.3.4\u{1b}[0m\r\n\u{200b}")
    );
    let table = run(&["journal", "dump", "@2..", "--format", "table", "--store", path]).ok();
    assert!(table.contains("user=\"root  wrong_password"), "a name is one part: {table}");
}
