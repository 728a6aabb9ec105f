//! Importing logs: what is counted, what is added, and that a second time adds nothing.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tempfile::TempDir;

use super::support::{Run, command, run, run_with};

/// The logs of two real hosts, beside the checkout. `None`, and a word, where they are not.
fn real_log(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !folder.is_dir() {
        println!("SKIPPED: {} is not there, so {name} was not imported", folder.display());
        return None;
    }
    Some(folder.join(name))
}

struct Import {
    folder: TempDir,
    year: &'static str,
}

impl Import {
    fn new(year: &'static str) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), year }
    }

    fn path(&self) -> &str {
        self.folder.path().to_str().expect("a plain name")
    }

    #[track_caller]
    fn file(&self, log: &Path) -> Run {
        let log = log.to_str().expect("a plain name");
        run(&[
            "import",
            "--from",
            "syslog",
            "--year",
            self.year,
            log,
            "--json",
            "--store",
            self.path(),
        ])
    }

    #[track_caller]
    fn text(&self, log: &str) -> Run {
        let import = ["import", "--from", "syslog", "--year", self.year, "-", "--json", "--store"];
        run_with(&[&import[..], &[self.path()]].concat(), log.as_bytes())
    }

    #[track_caller]
    fn stat(&self) -> Value {
        run(&["journal", "stat", "--json", "--store", self.path()]).json()
    }

    /// What an import wrote, without when and at which place it was recorded.
    #[track_caller]
    fn content(&self) -> Vec<Value> {
        let dump = ["journal", "dump", "--filter", "actor:importer", "--json", "--store"];
        let lines = run(&[&dump[..], &[self.path()]].concat()).ok();
        let mut content: Vec<Value> = lines
            .lines()
            .map(|line| {
                let mut event: Value = serde_json::from_str(line).expect("a document");
                for name in ["sequence", "at", "at_ms"] {
                    event[name].take();
                }
                event
            })
            .collect();
        content.sort_by_key(|event| event["key"].as_str().map(str::to_owned));
        content
    }
}

#[track_caller]
fn check_real(name: &str, year: &'static str, [opened, closed, failed]: [u64; 3]) {
    let Some(log) = real_log(name) else { return };
    let import = Import::new(year);
    let first = import.file(&log);
    assert_eq!(first.code, 0, "{first:?}");
    let first = first.json();
    assert_eq!([&first["opened"], &first["closed"], &first["failed"]], [opened, closed, failed]);
    assert_eq!(first["recorded"]["failed"], failed);
    assert_eq!(first["skipped"]["total"], 0);
    let before = import.stat();
    let again = import.file(&log);
    assert_eq!((again.code, &again.json()["events"]), (0, &0.into()), "{again:?}");
    assert_eq!(again.json()["already_there"]["opened"], opened);
    assert_eq!(import.stat()["events"], before["events"], "the second import adds no event");
    let list = run(&["session", "list", "state:live,ended", "--json", "--store", import.path()]);
    assert_eq!(list.json()["counts"]["ended"], closed);
    assert_eq!(list.json()["counts"]["live"], opened - closed);
}

#[test]
fn the_linux_host_is_imported_once() {
    check_real("linux_2k.log", "2004", [123, 123, 490]);
}

#[test]
fn the_attacked_host_is_imported_once() {
    check_real("openssh_1k.log", "2016", [1, 1, 226]);
}

const LOG: &str = "\
Nov 18 07:41:22 harbor sshd[1304]: Accepted publickey for mira from 198.51.100.23 port 50412 ssh2
Nov 18 07:41:22 harbor sshd[1304]: pam_unix(sshd:session): session opened for user mira(uid=1000) by (uid=0)
no stamp on this line
Nov 18 08:30:10 harbor sshd[1426]: Failed password for root from 203.0.113.77 port 38304 ssh2
Nov 18 08:30:21 harbor sshd[1426]: message repeated 5 times: [ Failed password for root from 203.0.113.77 port 38304 ssh2]
Feb 30 08:30:21 harbor sshd[1427]: Failed password for root from 203.0.113.77 port 38304 ssh2
nor on this one
nor here
Nov 18 17:31:40 harbor sshd[1304]: pam_unix(sshd:session): session closed for user mira
Nov 18 17:31:41 harbor su[9]: pam_unix(su:session): session closed for user postgres
";

#[test]
fn an_import_prints_what_it_read_and_the_first_three_lines_it_skipped() {
    let import = Import::new("2026");
    let done = import.text(LOG);
    assert_eq!(done.code, 0, "skipped lines are normal: {done:?}");
    let done = done.json();
    assert_eq!(
        (&done["lines"], &done["opened"], &done["failed"]),
        (&10.into(), &1.into(), &6.into())
    );
    assert_eq!((&done["closed"], &done["closed_unmatched"]), (&2.into(), &1.into()));
    assert_eq!(done["skipped"]["total"], 4);
    let first: Vec<_> = done["skipped"]["first"].as_array().expect("three").iter().collect();
    assert_eq!([&first[0]["line"], &first[1]["line"], &first[2]["line"]], [3, 6, 7]);
    let human =
        ["import", "--from", "syslog", "--year", "2026", "--dry-run", "-", "--format", "table"];
    let human = run_with(&[&human[..], &["--store", import.path()]].concat(), LOG.as_bytes()).ok();
    assert!(human.contains("4 lines   (line 3: no time stamp · line 6:"), "{human}");
    assert!(human.contains("nothing was changed"), "{human}");
}

#[test]
fn imported_time_is_when_it_happened_and_recorded_time_is_kept() {
    let import = Import::new("2026");
    import.text(LOG);
    let at = ["--store", import.path(), "--json"];
    let history = run(&[&["user", "history", "mira"], &at[..]].concat()).json();
    let items = history["items"].as_array().expect("items");
    assert_eq!(items[0]["at"], "2026-11-18T17:31:40.000Z");
    assert_eq!((&items[0]["what"], &items[0]["detail"]), (&"ended".into(), &"logout".into()));
    assert_eq!(items[0]["duration_ms"], (9 * 3_600 + 50 * 60 + 18) * 1_000);
    assert_eq!((&items[1]["ip"], &items[1]["service"]), (&"198.51.100.23".into(), &"sshd".into()));
    assert_ne!(items[0]["recorded_at"], items[0]["at"]);
    // As it was when it happened: live at noon, and not before.
    let live = |at_time: &str| {
        let list = [&["session", "list", "--at", at_time], &at[..]].concat();
        run(&list).json()["counts"]["live"].clone()
    };
    assert_eq!([live("2026-11-18 12:00"), live("2026-11-18 07:00")], [1, 0]);
    let since = ["journal", "dump", "--filter", "until:2026-11-18T08:00:00Z", "--json"];
    let dumped = run(&[&since[..], &["--store", import.path()]].concat()).ok();
    assert_eq!(dumped.lines().count(), 1, "the filter's time is when it happened: {dumped}");
}

#[test]
fn a_dry_run_makes_no_store() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = folder.path().join("not-yet");
    let path = store.to_str().expect("a plain name");
    let import = ["import", "--from", "syslog", "--year", "2026", "--dry-run", "-", "--json"];
    let dry = run_with(&[&import[..], &["--store", path]].concat(), LOG.as_bytes());
    assert_eq!((dry.code, &dry.json()["recorded"]["failed"]), (0, &6.into()), "{dry:?}");
    assert!(!store.exists());
}

#[test]
fn strange_names_are_cut_or_refused_and_counted() {
    let import = Import::new("2026");
    let long = "\u{20ac}".repeat(100);
    let log = format!(
        "Nov 18 08:00:00 h sshd[1]: Failed password for {long} from 203.0.113.7 port 1 ssh2\n\
         Nov 18 08:00:01 h sshd[2]: Failed password for invalid user  from 203.0.113.7 port 1 ssh2\n\
         Nov 18 08:00:02 h su[3]: pam_unix(su:session): session opened for user {long} by (uid=0)\n"
    );
    let done = import.text(&log);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!((&done.json()["failed"], &done.json()["names_cut"]), (&2.into(), &2.into()));
    let names: Vec<_> = import.content().iter().map(|event| event["user_id"].clone()).collect();
    assert_eq!(names.iter().filter(|name| name.is_null()).count(), 1);
    let cut = names.iter().filter_map(Value::as_str).map(str::len);
    assert_eq!(cut.collect::<Vec<_>>(), [255, 255]);
}

fn long_log() -> String {
    (0..4_000)
        .map(|n| {
            let (hour, minute, second) = (n / 3_600, n / 60 % 60, n % 60);
            let stamp = format!("Nov 18 {hour:02}:{minute:02}:{second:02} h su[{}]: ", n / 2);
            let user = n / 2 % 50;
            if n % 2 == 0 {
                format!("{stamp}pam_unix(su:session): session opened for user u{user} by (uid=0)\n")
            } else {
                format!("{stamp}pam_unix(su:session): session closed for user u{user}\n")
            }
        })
        .collect()
}

#[test]
fn an_import_killed_in_the_middle_is_finished_by_the_next() {
    let log = long_log();
    let whole = Import::new("2026");
    assert_eq!(whole.text(&log).code, 0);
    let broken = Import::new("2026");
    let import = ["import", "--from", "syslog", "--year", "2026", "-", "--json"];
    let mut child =
        command(&[&import[..], &["--progress", "json", "--store", broken.path()]].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
    // It waits for the rest of the log, which never comes. What it had read by then is on its way.
    let mut stdin = child.stdin.take().expect("it is piped");
    let (begin, _rest) = log.split_at(log.len() * 2 / 3);
    stdin.write_all(begin.as_bytes()).expect("it reads");
    let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let made = stderr.lines().map_while(Result::ok).any(|line| line.contains("new store"));
    assert!(made, "it has begun");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    drop(stdin);
    let rest = broken.text(&log);
    assert_eq!(rest.code, 0, "{rest:?}");
    assert_eq!(broken.content(), whole.content(), "the same events, each once");
    let (broken, whole) = (broken.stat(), whole.stat());
    assert_eq!(broken["live_sessions"], whole["live_sessions"]);
}

#[test]
fn a_log_that_has_grown_adds_what_is_new() {
    let log = long_log();
    let (begin, _rest) = log.split_at(log.find("Nov 18 00:30:00").expect("half an hour in"));
    let whole = Import::new("2026");
    assert_eq!(whole.text(&log).code, 0);
    let grown = Import::new("2026");
    assert_eq!(grown.text(begin).code, 0);
    let added = grown.text(&log).json();
    assert_eq!(added["already_there"]["opened"], 900);
    assert_eq!(added["recorded"]["opened"], 1_100);
    assert_eq!(grown.content(), whole.content());
}
