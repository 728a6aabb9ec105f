//! Ten questions about the past of two real hosts: each is asked of the ledger that the log was
//! imported into, and of the log itself with `grep`, `awk`, `sort` and `uniq`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use super::support::{Run, run, told};

/// A real host's log, and the ledger that it was imported into.
struct Host {
    log: PathBuf,
    folder: TempDir,
}

impl Host {
    /// `None`, and a word, where the logs are not: they lie beside the checkout. `part` says what of
    /// the log is taken: its line ends are those of another system.
    fn of(log: &str, year: &str, part: &str) -> Option<Self> {
        let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
        if !logs.is_dir() {
            println!("SKIPPED: {} is not there, so {log} was not asked", logs.display());
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let host = Self { log: logs.join(log), folder };
        let text = host.shell(&format!("tr -d '\\r' <\"$LOG\" | {part}"));
        let log = host.folder.path().join("log");
        std::fs::write(&log, text + "\n").expect("writable");
        let host = Self { log, ..host };
        let path = host.log.to_str().expect("a plain name");
        host.ask(&["import", "--from", "syslog", "--year", year, path]).ok();
        Some(host)
    }

    /// Linux host `combo`, June and July 2005: cron's `su`, logins of `test`, many guesses.
    fn combo() -> Option<Self> {
        Self::of("linux_2k.log", "2005", "cat")
    }

    /// Host `LabSZ`, 10 December 2016: guesses, and one login.
    fn lab() -> Option<Self> {
        Self::of("openssh_1k.log", "2016", "cat")
    }

    fn ask(&self, args: &[&str]) -> Run {
        let store = self.folder.path().join("ledger");
        run(&[args, &["--store", store.to_str().expect("a plain name")]].concat())
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let answer = self.ask(&[args, &["--json"]].concat());
        assert_eq!(answer.code, 0, "{answer:?}");
        answer.json()
    }

    /// Documents of a stream.
    #[track_caller]
    fn lines(&self, args: &[&str]) -> Vec<Value> {
        let answer = self.ask(&[args, &["--format", "jsonl"]].concat()).ok();
        answer.lines().map(|line| serde_json::from_str(line).expect("a document")).collect()
    }

    /// The same of the log: `$LOG` is its path, and times sort as `06-15 04:06:18`.
    #[track_caller]
    fn shell(&self, script: &str) -> String {
        let dated = r#"dated() { awk '{ m = $1 == "Jun" ? "06" : $1 == "Jul" ? "07" : "12";
            t = sprintf("%s-%02d %s", m, $2, $3); $1 = $2 = $3 = ""; print t $0 }' "$LOG"; }"#;
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &format!("{dated}\n{script}")]);
        let output = shell.env("LOG", &self.log).env("LC_ALL", "C").output();
        told(&output.expect("bash runs")).ok().trim_end().to_owned()
    }

    #[track_caller]
    fn count(&self, script: &str) -> u64 {
        self.shell(script).trim().parse().expect("a number")
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// `2005-06-15T04:06:18.000Z` as the log would say it, for a shell to compare.
fn log_time(value: &Value) -> String {
    let time = text(value);
    time[5..19].replace('T', " ")
}

#[test]
fn who_was_in_at_a_time() {
    let Some(host) = Host::combo() else { return };
    // Opened by then, and closed later.
    let then = "dated | awk -v at=\"$AT\" '{ t = $1 \" \" $2 } t <= at' |
        sed -nE 's/.*\\[([0-9]+)\\]: session (opened|closed) for user ([^ ]+).*/\\1 \\3 \\2/p' |
        awk '{ if ($3 == \"opened\") open[$1 \" \" $2] = 1; else delete open[$1 \" \" $2] }
             END { for (each in open) { split(each, it, \" \"); print it[2] } }' | sort";
    for at in ["07-10 16:01:43", "07-01 04:07:00", "06-15 04:06:18", "07-20 00:00:00"] {
        let there = host.shell(&format!("AT='{at}'; {then}"));
        let moment = format!("2005-{at}");
        let list = host.json(&["session", "list", "--at", &moment]);
        let mut users: Vec<_> = list["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| text(&it["user_id"]))
            .collect();
        users.sort_unstable();
        assert_eq!(users, there.lines().collect::<Vec<_>>(), "at {at}");
        let state = host.json(&["replay", "at", &moment]);
        assert_eq!(state["live"].as_u64(), u64::try_from(users.len()).ok());
    }
}

#[test]
fn how_many_sessions_were_opened_between_two_times() {
    let Some(host) = Host::combo() else { return };
    let between = |what: &str| {
        format!(
            "dated | awk '{{ t = $1 \" \" $2 }} t >= \"07-01 00:00:00\" && t < \"07-11 00:00:00\"' |
             grep -c 'session {what} for user' || true"
        )
    };
    for (kind, what) in [("SessionCreated", "opened"), ("SessionRevoked", "closed")] {
        let filter = format!("kind:{kind} since:2005-07-01 until:2005-07-11");
        let told = host.lines(&["journal", "dump", "--filter", &filter]).len();
        assert_eq!(u64::try_from(told).ok(), Some(host.count(&between(what))), "{what}");
        assert!(told > 10);
    }
}

#[test]
fn which_user_failed_most() {
    let Some(host) = Host::combo() else { return };
    let there = host.shell(
        "grep 'authentication failure;' \"$LOG\" | sed -nE 's/.* user=([^ ]+).*/\\1/p' |
         sort | uniq -c | sort -k1,1nr -k2 | head -1 | awk '{ print $2, $1 }'",
    );
    let (user, failures) = there.split_once(' ').expect("a user and a count");
    assert_eq!(
        host.json(&["user", "show", user])["failures"],
        failures.parse::<u64>().expect("a count")
    );
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    for event in host.lines(&["journal", "dump", "--filter", "kind:LoginFailed"]) {
        if let Some(user) = event["user_id"].as_str() {
            *counts.entry(user.to_owned()).or_default() +=
                event["detail"]["count"].as_u64().expect("a count");
        }
    }
    let most = counts.iter().max_by_key(|(_, count)| **count).expect("some");
    assert_eq!(format!("{} {}", most.0, most.1), there);
}

#[test]
fn from_which_address_most_guesses_came() {
    let Some(host) = Host::lab() else { return };
    let there = host.shell(
        "{ grep ': Failed ' \"$LOG\"; grep 'message repeated 5 times: \\[ Failed ' \"$LOG\" |
           awk '{ for (i = 0; i < 5; i++) print }'; } |
         sed -E 's/.* from ([0-9.]+) port .*/\\1/' | sort | uniq -c | sort -k1,1nr | head -1 |
         awk '{ print $2, $1 }'",
    );
    let (address, count) = there.split_once(' ').expect("an address and a count");
    let filter = format!("kind:LoginFailed ip:{address}");
    let events = host.lines(&["journal", "dump", "--filter", &filter]);
    let told: u64 = events.iter().map(|it| it["detail"]["count"].as_u64().expect("a count")).sum();
    assert_eq!(told.to_string(), count);
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    for event in host.lines(&["journal", "dump", "--filter", "kind:LoginFailed"]) {
        *counts.entry(text(&event["ip"]).to_owned()).or_default() +=
            event["detail"]["count"].as_u64().expect("a count");
    }
    assert_eq!(counts.values().max(), Some(&told));
}

#[test]
fn when_a_user_was_last_in() {
    let Some(host) = Host::combo() else { return };
    for user in ["test", "root", "cyrus"] {
        let last = |what: &str| {
            host.shell(&format!(
                "dated | grep 'session {what} for user {user}' | tail -1 | awk '{{ print $1, $2 }}'"
            ))
        };
        let history = host.json(&["user", "history", user, "--kind", "login", "-n", "1"]);
        assert_eq!(log_time(&history["items"][0]["at"]), last("opened"), "{user}");
        let history = host.json(&["user", "history", user, "--kind", "ended", "-n", "1"]);
        assert_eq!(log_time(&history["items"][0]["at"]), last("closed"), "{user}");
    }
}

#[test]
fn when_most_were_in_at_once() {
    let Some(host) = Host::combo() else { return };
    // Counted at the end of each second, as a state at a time is.
    let there = host.shell(
        "dated | sed -nE 's/^(.{14}).* session (opened|closed) for user .*/\\1 \\2/p' |
         awk 'function look() { if (open > most) { most = open; at = then } }
              $1 \" \" $2 != then { look(); then = $1 \" \" $2 }
              { open += $3 == \"opened\" ? 1 : -1 } END { look(); print most, at }'",
    );
    let (most, at) = there.split_once(' ').expect("a count and a time");
    let count = |at: &str| host.json(&["replay", "at", at])["live"].as_u64().expect("a count");
    let most: u64 = most.parse().expect("a count");
    assert_eq!(count(&format!("2005-{at}")), most, "the most, at {at}");
    let seconds = host.shell("dated | grep 'session opened' | awk '{ print $1, $2 }' | sort -u");
    for second in seconds.lines().step_by(7) {
        assert!(count(&format!("2005-{second}")) <= most, "at {second}");
    }
    assert!(most > 3);
}

#[test]
fn which_event_let_root_in() {
    // The log as it was when root had logged in.
    let part = "awk '!over { print } /session opened for user root/ { over = 1 }'";
    let Some(host) = Host::of("linux_2k.log", "2005", part) else { return };
    let there = host.shell("dated | tail -1 | awk '{ print $1, $2 }'");
    let found = host.json(&["replay", "bisect", "user:root"]);
    assert_eq!(found["event"]["kind"], "SessionCreated");
    assert_eq!(log_time(&found["event"]["occurred_at"]), there);
    let pid = host.count("tail -1 \"$LOG\" | sed -E 's/.*\\[([0-9]+)\\]:.*/\\1/'");
    assert_eq!(found["event"]["imported"]["pid"], pid);
}

#[test]
fn why_a_session_was_dead_at_a_time() {
    let Some(host) = Host::lab() else { return };
    let there = host.shell("dated | grep 'session closed for user fztu' | awk '{ print $1, $2 }'");
    let login = host.lines(&["journal", "dump", "--filter", "kind:SessionCreated user:fztu"]);
    let session = text(&login[0]["session"]);
    let at = |at: &str| host.json(&["why", session, "--at", at]);
    assert_eq!(at("2016-12-10 09:45:05")["state"], "live");
    let dead = at("2016-12-10 09:45:06");
    assert_eq!((&dead["state"], &dead["end_reason"]), (&"ended".into(), &"logout".into()));
    assert_eq!(log_time(&dead["ended_at"]), there);
    let address = host.shell("grep 'Accepted password for fztu' \"$LOG\" | awk '{ print $11 }'");
    assert_eq!(text(&dead["ip"]), address);
}

#[test]
fn what_changed_between_two_times() {
    let Some(host) = Host::lab() else { return };
    let span = ["2016-12-10 09:00", "2016-12-10 09:40"];
    let opened = host.count(
        "dated | awk '{ t = $1 \" \" $2 } t > \"12-10 09:00:00\" && t <= \"12-10 09:40:00\"' |
         grep -c 'session opened' || true",
    );
    let diff = host.json(&["replay", "diff", span[0], span[1]]);
    assert_eq!(diff["opened"].as_array().map(Vec::len), usize::try_from(opened).ok(), "{diff}");
    assert_eq!((opened, &diff["ended"]), (1, &Value::Array(Vec::new())));
}

#[test]
fn how_often_each_user_was_in() {
    let Some(host) = Host::combo() else { return };
    let there = host.shell(
        "sed -nE 's/.*session opened for user ([^ ]+) .*/\\1/p' \"$LOG\" | sort | uniq -c |
         awk '{ print $2, $1 }'",
    );
    for line in there.lines() {
        let (user, logins) = line.split_once(' ').expect("a user and a count");
        let shown = host.json(&["user", "show", user]);
        assert_eq!(shown["logins"], logins.parse::<u64>().expect("a count"), "{user}");
        assert_eq!(shown["sessions"].as_array().map(Vec::len), Some(0), "all were closed");
    }
}
