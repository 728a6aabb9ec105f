//! `docs/DEBUGGING.md`: its commands are run, and what stands below each is what it answers.

use std::path::{Path, PathBuf};

use passbook::Fixture;

use super::support::{NOW, check_golden, command, told};

#[expect(dead_code, reason = "the example's own main is left out")]
#[path = "../../examples/incident.rs"]
mod incident;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/DEBUGGING.md")
}

/// The words of a command line, as a shell would split them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().expect("never empty").push(character),
        }
    }
    words
}

/// What the command answers in that folder.
#[track_caller]
fn answer(line: &str, folder: &Path) -> String {
    let words = words(line);
    let mut args: Vec<&str> = words.iter().map(String::as_str).collect();
    args.extend(["--store", "ledger", "--now", NOW, "--format", "table"]);
    told(&command(&args).current_dir(folder).output().expect("the binary runs")).ok()
}

/// The page with each answer as it is today.
fn told_again(page: &str, folder: &Path) -> (String, usize) {
    let (mut told, mut commands) = (String::new(), 0);
    let (mut is_console, mut is_answer) = (false, false);
    for line in page.lines() {
        if line.starts_with("```") {
            is_console = line == "```console";
            is_answer = false;
        }
        if is_answer && !line.starts_with("$ ") {
            continue;
        }
        is_answer = false;
        told.push_str(line);
        told.push('\n');
        if let Some(verb) = line.strip_prefix("$ passbook ").filter(|_| is_console) {
            commands += 1;
            is_answer = true;
            told.push_str(&answer(verb, folder));
        }
    }
    (told, commands)
}

/// A line without how long something took.
fn steady(line: &str) -> &str {
    let measured = [" µs", " ms", " s"].iter().find_map(|unit| line.strip_suffix(unit));
    measured.map_or(line, |line| line.trim_end_matches(|of: char| of.is_ascii_digit() || of == '.'))
}

#[test]
#[expect(clippy::disallowed_methods, reason = "tests read the environment of who runs them")]
fn the_page_says_what_its_commands_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    incident::make(folder.path()).expect("an empty folder");
    let page_text = std::fs::read_to_string(page()).expect("the page is there");
    let (told, commands) = told_again(&page_text, folder.path());
    if std::env::var("GOLDEN").as_deref() == Ok("write") {
        std::fs::write(page(), &told).expect("writable");
    }
    let page_text = std::fs::read_to_string(page()).expect("the page is there");
    for (theirs, ours) in page_text.lines().zip(told.lines()) {
        assert_eq!(steady(theirs), steady(ours));
    }
    assert_eq!(page_text.lines().count(), told.lines().count());
    assert!(commands >= 12, "{commands} commands are no walk");

    let fixture = std::fs::read_to_string(folder.path().join("logged-out.passbook"));
    let fixture = fixture.expect("a command of the page made it");
    check_golden("logged-out.passbook", &fixture);
    for name in ["mira", "olga", "INC-311", "198.51.100.7", "192.0.2.", "Firefox", "Safari"] {
        assert!(!fixture.contains(name), "{name} in\n{fixture}");
    }
    Fixture::parse(fixture.as_bytes()).expect("a fixture");
}

#[test]
fn the_test_on_the_page_is_one_that_is_run() {
    let page = std::fs::read_to_string(page()).expect("the page is there");
    let (_, code) = page.split_once("```rust\n").expect("it shows a test");
    let (code, _) = code.split_once("```").expect("it ends");
    let test = include_str!("../incident.rs");
    let (_, test) = test.split_once("use passbook").expect("it uses the library");
    assert_eq!(format!("use passbook{test}"), code);
}
