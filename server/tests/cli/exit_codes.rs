//! What a script can tell from exit codes and from the error's document.

use super::support::{run, run_with, story};

#[track_caller]
fn check(args: &[&str], code: i32, error_code: &str, words: &str) {
    let human = run(args);
    assert_eq!(human.code, code, "{human:?}");
    assert!(human.stdout.is_empty(), "{human:?}");
    assert!(human.stderr.starts_with("error: "), "{human:?}");
    assert!(human.stderr.contains(words), "{words:?} in {human:?}");
    let json = run(&[args, &["--json"]].concat());
    assert_eq!(json.code, code, "{json:?}");
    let error = json.error();
    assert_eq!(error["schema"], "passbook.error/1");
    assert_eq!((&error["code"], &error["exit"]), (&error_code.into(), &code.into()), "{error}");
}

#[test]
fn wrong_usage_is_2_and_help_for_it_is_on_stderr() {
    check(&["session", "list", "--no-such"], 2, "usage", "--no-such");
    check(&["no-such-verb"], 2, "usage", "no-such-verb");
    check(&["serve"], 2, "usage", "serve");
    check(&["session", "show", "not-an-id"], 2, "usage", "not-an-id");
    check(&["help", "nothing"], 2, "usage", "nothing");
    let bare = run(&[]);
    assert_eq!((bare.code, bare.stdout.as_str()), (2, ""));
    assert!(bare.stderr.contains("Usage: passbook"));
}

#[test]
fn a_password_in_the_wrong_place_is_not_repeated() {
    let url = "postgres://app:open-sesame@db.example/app";
    for args in [["mirror", url], ["export", url], ["import", "--from"]] {
        let args = if args[1] == url { args.to_vec() } else { [&args[..], &[url]].concat() };
        check(&args, 2, "usage", "postgres://…");
        for said in [run(&args), run(&[&args[..], &["--json"]].concat())] {
            assert!(!said.stderr.contains("sesame"), "{said:?}");
        }
    }
}

#[test]
fn a_mistake_in_a_filter_is_shown_at_its_column() {
    let store = story();
    let human = store.run(&["session", "list", "user:mira usr:x"]);
    assert_eq!(human.code, 2);
    let lines: Vec<_> = human.stderr.lines().collect();
    assert!(lines[0].starts_with("error: the filter, column 11: there is no key `usr`"));
    assert_eq!(lines[1], "  user:mira usr:x");
    assert_eq!(lines[2], "            ^");
    let json = store.run(&["session", "list", "user:mira usr:x", "--json"]).error();
    assert_eq!(json["column"], 11);
    let kind = store.run(&["journal", "tail", "kind:Nothing"]);
    assert!(kind.stderr.contains("column 6") && kind.stderr.contains("LoginFailed"), "{kind:?}");
}

#[test]
fn what_is_not_there_is_3() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = folder.path().join("no-such-folder");
    let missing = missing.to_str().expect("a plain name");
    for verb in
        [&["session", "list"][..], &["journal", "stat"], &["verify"], &["user", "show", "x"]]
    {
        check(&[verb, &["--store", missing]].concat(), 3, "ledger:missing", "there is no store in");
        assert!(!std::fs::exists(missing).expect("it can be looked for"), "nothing is made");
    }
    let store = story();
    let at = ["--store", store.path(), "--now", super::support::NOW];
    let unknown = "01M7WH9B1A4TFF59TDWH9EDD1R";
    check(&[&["session", "show", unknown], &at[..]].concat(), 3, "not_found", "never existed");
    check(&[&["user", "history", "nobody"], &at[..]].concat(), 3, "not_found", "`nobody`");
    check(&[&["journal", "show", "@999"], &at[..]].concat(), 3, "not_found", "@1 .. @9");
    check(&[&["session", "list", "--at", "@999"], &at[..]].concat(), 3, "not_found", "@1 .. @9");
    check(&[&["session", "list", "--at", "23:59"], &at[..]].concat(), 3, "not_found", "kept");
    check(&[&["session", "list", "--at", "=x"], &at[..]].concat(), 3, "not_found", "`x`");
    check(&["schema", "nothing"], 3, "not_found", "nothing");
    check(
        &["import", "--from", "syslog", "--year", "2026", missing],
        3,
        "import:unreadable",
        "no-such-folder",
    );
}

#[test]
fn a_folder_of_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("notes.txt"), "mine").expect("writable");
    let path = folder.path().to_str().expect("a plain name");
    check(&["session", "list", "--store", path], 1, "ledger:not_a_ledger", "notes.txt");
    let create = ["session", "create", "--user", "mira", "--store", path];
    check(&create, 1, "ledger:not_a_ledger", "notes.txt");
    check(&["quickstart", "--store", path], 1, "not_empty", "not empty");
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 1);
}

#[test]
fn checking_a_token_is_0_for_a_live_one_and_4_for_all_others() {
    let store = story();
    let check = ["session", "check", "--token-stdin", "--store", store.path(), "--now"];
    let at = |now| [&check[..], &[now]].concat();
    let live = store.live_token.expose();
    let good = run_with(&at(super::support::NOW), live.as_bytes());
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.stdout.contains("mira") && good.stdout.contains(&store.live));
    let expired = run_with(&at("2027-11-20"), live.as_bytes());
    let unknown = run_with(&at(super::support::NOW), format!("pb_{}", "a".repeat(64)).as_bytes());
    let malformed = run_with(&at(super::support::NOW), b"hello\n");
    for dead in [&expired, &unknown, &malformed] {
        assert_eq!(dead.code, 4, "{dead:?}");
        assert_eq!(dead.stdout, expired.stdout, "the wording tells nothing");
        assert!(dead.stderr.is_empty());
    }
    let without = run(&["session", "check", "--store", store.path()]);
    assert_eq!(without.code, 2, "nobody can be asked: {without:?}");
}

#[test]
fn an_interrupted_follower_is_130_and_says_where_to_go_on() {
    use std::io::{BufRead as _, BufReader, Read as _};
    let store = story();
    let args = ["journal", "tail", "-f", "-n", "1", "--store", store.path()];
    let mut child = super::support::command(&args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    stdout.read_line(&mut line).expect("it prints what is there");
    assert!(line.contains("SessionCreated"), "{line}");
    // Another process appends, and the follower sees it.
    let created = run(&["session", "create", "--user", "new", "--store", store.path()]);
    assert_eq!(created.code, 0, "{created:?}");
    let mut lines = stdout.lines().map(|line| line.expect("text"));
    assert!(lines.by_ref().any(|line| line.contains("SessionCreated") && line.contains("new")));
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(killed.expect("kill is there").success());
    let mut stderr = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{stderr}");
    assert!(stderr.contains("--after @11"), "{stderr}");
}
