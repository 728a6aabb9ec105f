//! A store that was compacted: every verb tells what it told before, and says what is gone.

use std::{sync::Arc, time::Duration};

use passbook::{
    CompactionPolicy, Ledger, SeededEntropy, SimClock,
    core::{Act, Command as Wish, DataKey, EndReason, SessionRef},
    journal::Options,
};
use serde_json::json;
use tempfile::TempDir;

use super::support::{BEGIN_MS, Run, check_golden, close, command, run, tokio_free};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// When it is looked at: a day and a half after it began.
const NOW: &str = "2026-11-22T00:00:00Z";

struct Compacted {
    folder: TempDir,
    /// Lives on, with data, from before the compaction.
    live: String,
    /// Ended before the compaction.
    ended: String,
    /// The event that set the live one's data.
    data_sequence: u64,
}

impl Compacted {
    fn path(&self) -> &str {
        self.folder.path().to_str().expect("temporary folders have plain names")
    }

    #[track_caller]
    fn run(&self, verb: &str) -> Run {
        let verb: Vec<&str> = verb.split(' ').collect();
        run(&[&verb[..], &["--store", self.path(), "--now", NOW]].concat())
    }
}

fn open(folder: &TempDir, clock: &Arc<SimClock>, retention: Option<Duration>) -> Ledger {
    let policy = CompactionPolicy {
        retention,
        bytes_per_second: 0,
        interval: Duration::from_hours(24 * 365),
        ..CompactionPolicy::default()
    };
    let options =
        Options { segment_bytes: 16 << 10, owner: "a test".to_owned(), ..Options::default() };
    Ledger::builder()
        .path(folder.path())
        .journal_options(options)
        .clock(Arc::<SimClock>::clone(clock))
        .entropy(Arc::new(SeededEntropy::new(7)))
        .sweep_interval(None)
        .compaction(Some(policy))
        .history_index(false)
        .open_blocking()
        .expect("a ledger opens")
}

/// One minute, one session that ends: enough to fill segments.
fn churn(ledger: &Ledger, clock: &SimClock, times: u32) {
    for number in 0..times {
        clock.advance_ms(MINUTE_MS);
        let login = tokio_free(ledger.create(format!("guest{number:03}")));
        let session = SessionRef::Id(login.id);
        submit(ledger, Act::Revoke { session, reason: EndReason::Logout });
    }
}

fn submit(ledger: &Ledger, act: Act) -> u64 {
    let pending = ledger.submit(&Wish::new(act)).expect("it is taken");
    pending.wait().expect("it becomes durable").sequence
}

/// Mira is in from the first day on, jonas came and went; then enough happens for segments to fill.
fn before() -> (Compacted, Ledger, Arc<SimClock>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(SimClock::at_ms(BEGIN_MS));
    let ledger = open(&folder, &clock, None);
    let live = tokio_free(ledger.create("mira"));
    let key = DataKey::new("cart").expect("short");
    let session = SessionRef::Id(live.id);
    let data_sequence =
        submit(&ledger, Act::ChangeData { session, changes: vec![(key, Some("[1,2]".into()))] });
    let jonas = tokio_free(ledger.create("jonas"));
    clock.advance_ms(MINUTE_MS);
    let session = SessionRef::Id(jonas.id);
    submit(&ledger, Act::Revoke { session, reason: EndReason::Logout });
    churn(&ledger, &clock, 200);
    let store =
        Compacted { folder, live: live.id.to_string(), ended: jonas.id.to_string(), data_sequence };
    (store, ledger, clock)
}

/// Compacted once; a few events came since.
fn compacted() -> Compacted {
    let (store, ledger, clock) = before();
    let report = ledger.compact().expect("it compacts");
    assert!(report.files.segments > 1, "{report:?}");
    churn(&ledger, &clock, 3);
    close(ledger, store.folder.path());
    store
}

#[test]
fn verbs_tell_after_a_compaction_what_they_told_before() {
    let (store, ledger, clock) = before();
    let head = ledger.sequence();
    // What is written last is only proven to be durable by what follows.
    churn(&ledger, &clock, 1);
    let at = format!("@{head}");
    let verbs = [
        format!("session list --state live,ended --at {at}"),
        format!("session list user:mira --at {at}"),
        format!("session show {} --at {at}", store.live),
        format!("session show {} --at {at}", store.ended),
        format!("why {} --at {at}", store.live),
        format!("replay explain {}", store.ended),
        format!("session lineage {}", store.ended),
        format!("user show mira --at {at}"),
        format!("user show jonas --at {at}"),
        "user history jonas".to_owned(),
        "user history mira".to_owned(),
        format!("journal dump @1..@{}", store.data_sequence - 1),
        format!("journal dump @{}..{at}", store.data_sequence + 1),
    ];
    // An event about the data of a session is one that is not told any more.
    let tell = |verb: &String| -> Vec<String> {
        let told = store.run(verb).ok();
        told.lines().filter(|line| !line.starts_with("events\t")).map(str::to_owned).collect()
    };
    let was: Vec<_> = verbs.iter().map(tell).collect();
    assert!(ledger.compact().expect("it compacts").files.segments > 1);
    for (verb, was) in verbs.iter().zip(&was) {
        assert_eq!(&tell(verb), was, "beside the writer: {verb}");
    }
    churn(&ledger, &clock, 300);
    ledger.compact().expect("it compacts again");
    close(ledger, store.folder.path());
    for (verb, was) in verbs.iter().zip(&was) {
        assert_eq!(&tell(verb), was, "{verb}");
    }
}

#[test]
fn the_state_begins_at_the_snapshot_and_has_the_data_that_the_archive_has_not() {
    let store = compacted();
    let show = store.run(&format!("session show {} --json", store.live)).json();
    assert_eq!(show["data"][0]["key"], "cart");
    let list = store.run("session list --json").json();
    assert_eq!(list["items"][0]["id"], store.live.as_str());
    assert!(list["counts"]["ended_since"].is_u64(), "{list}");
    let all = store.run("session list --state live,ended --json").json();
    assert_eq!(all["counts"]["ended_since"], serde_json::Value::Null);
    assert_eq!(all["counts"]["ended"], 204);
    assert_eq!(all["complete_from"]["sequence"], 1);
    let checked = store.run("verify --replay --json").json();
    let replay = &checked["replay"];
    assert_eq!((&checked["result"], &replay["replayed"]), (&"good".into(), &replay["folded"]));
    assert!(replay["folded_from"].as_u64() > Some(1), "from the oldest snapshot: {replay}");
}

#[test]
fn an_event_says_whether_it_is_archived_or_only_a_leaf() {
    let store = compacted();
    let archived = store.run("journal show @2 --format table").ok();
    assert!(archived.contains("archived in 000001-"), "{archived}");
    let leaf = store.run(&format!("journal show @{} --json", store.data_sequence));
    assert_eq!((leaf.code, &leaf.error()["code"]), (3, &"leaf_only".into()));
    let head = store.run("journal show @head --json").json();
    assert!(head["frame"].is_object() && head["archive"].is_null(), "{head}");
}

#[test]
fn what_fell_to_the_retention_is_said_to_be_gone() {
    let (store, ledger, clock) = before();
    ledger.compact().expect("it compacts");
    close(ledger, store.folder.path());
    clock.advance_ms(30 * DAY_MS);
    let ledger = open(&store.folder, &clock, Some(Duration::from_hours(24)));
    churn(&ledger, &clock, 3);
    let kept_first = ledger.compact().expect("it compacts").files.kept_first;
    close(ledger, store.folder.path());
    assert!(kept_first > 1);
    let late = ["--store", store.path(), "--now", "2027-01-01"];
    let gone = run(&[&["journal", "show", "@2"], &late[..]].concat());
    assert_eq!(gone.code, 3, "{gone:?}");
    assert!(gone.stderr.contains("what was before fell to the retention"), "{gone:?}");
    let history = run(&[&["user", "history", "guest002", "--json"], &late[..]].concat()).json();
    assert_eq!(history["complete_from"]["sequence"], kept_first);
    let dump = run(&[&["journal", "dump"], &late[..]].concat());
    assert!(dump.stderr.contains("the history is complete since"), "{dump:?}");
    let first = dump.ok().split('\t').next().map(str::to_owned);
    assert_eq!(first, Some(kept_first.to_string()));
    let early = run(&[&["session", "list", "--at", "@2"], &late[..]].concat());
    assert_eq!(early.code, 3, "{early:?}");
}

#[test]
fn pages_of_history_follow_one_another() {
    let store = compacted();
    let all = store.run("user history jonas --json").json();
    let first = store.run("user history jonas -n 1 --json").json();
    let next = first["next"].as_str().expect("there is more");
    let second = store.run(&format!("user history jonas -n 1 --before {next} --json")).json();
    assert_eq!(first["items"][0], all["items"][0]);
    assert_eq!(second["items"][0], all["items"][1]);
    assert_eq!((&second["next"], &second["total"]), (&serde_json::Value::Null, &2.into()));
    let ends = store.run("user history jonas --kind ended --json").json();
    assert_eq!((&ends["total"], &ends["items"][0]["what"]), (&1.into(), &"ended".into()));
    let none = store.run("user history jonas --ip 10.0.0.0/8 --json").json();
    assert_eq!(none["items"].as_array().map(Vec::len), Some(0));
    assert_eq!(store.run("user history jonas --before nonsense").code, 2);
    assert_eq!(store.run("user history jonas --kind nonsense").code, 2);
}

#[test]
fn compact_says_what_it_would_do_and_does_it() {
    let (store, ledger, _clock) = before();
    close(ledger, store.folder.path());
    let would = store.run("compact --dry-run --json").json();
    assert!(would["segments"].as_u64() > Some(1) && would["sequence"].is_null(), "{would}");
    let text = store.run("compact --dry-run --format table").ok();
    assert!(text.starts_with("would drop") && text.contains("nothing was changed"), "{text}");
    let done = store.run("compact --json").json();
    assert!(done["segments"].as_u64() >= would["segments"].as_u64(), "{done}");
    assert_eq!(done["dry_run"], false);
    assert_eq!(done["archives_removed"], 0, "nothing is forgotten unless it is asked for");
    let event = store.run("journal dump --filter kind:Compacted --json").json();
    assert!(event["actor"].as_str().is_some_and(|by| by.starts_with("operator:")), "{event}");
    let stat = store.run("journal stat --json").json();
    assert_eq!(stat["archives"], done["segments"]);
    assert_eq!(stat["leaves"], 1);
    assert_eq!(stat["complete_from"]["sequence"], 1);
    let good = store.run("verify --format table").ok();
    assert!(good.contains("archive") && good.contains("complete since"), "{good}");
}

#[test]
fn snapshots_are_made_listed_and_checked() {
    let store = compacted();
    let made = store.run("snapshot create --json --progress json");
    let line: serde_json::Value = serde_json::from_str(made.stderr.trim()).unwrap();
    assert_eq!(line, json!({"phase": "snapshot", "done": 1, "total": 1, "unit": "sessions"}));
    let made = made.json();
    assert_eq!((&made["is_new"], &made["sessions"]), (&true.into(), &1.into()));
    assert_eq!(store.run("snapshot create --json").json()["is_new"], false);
    let list = store.run("snapshot list --json").json();
    assert_eq!(list["items"][0]["sequence"], made["sequence"]);
    let good = store.run("snapshot verify --json").json();
    assert_eq!(
        (&good["result"], &good["items"][0]["matches_events"]),
        (&"good".into(), &true.into())
    );
    let path = made["path"].as_str().expect("it is a file");
    let mut bytes = std::fs::read(path).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("writable");
    let bad = store.run("snapshot verify --json");
    assert_eq!((bad.code, &bad.json()["items"][0]["result"]), (4, &"bad".into()));
    let list = store.run("session list --json").json();
    assert_eq!(list["items"][0]["id"], store.live.as_str(), "the one before is used");
}

#[test]
fn a_held_store_is_not_compacted_and_a_follower_goes_on_over_a_compaction() {
    use std::io::{BufRead as _, BufReader};
    let (store, ledger, clock) = before();
    for verb in ["compact", "compact --dry-run", "snapshot create"] {
        let busy = store.run(&format!("{verb} --json"));
        assert_eq!((busy.code, &busy.error()["pid"]), (5, &std::process::id().into()), "{verb}");
    }
    let args = ["journal", "tail", "-f", "--after", "@0", "--json", "--store", store.path()];
    let mut child = command(&args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut next = 1;
    let mut read_to = |last: u64| {
        while next <= last {
            let line = lines.next().expect("there is more").expect("text");
            let event: serde_json::Value = serde_json::from_str(&line).expect("a document");
            assert_eq!(event["sequence"], next);
            next += 1;
        }
    };
    // What is written last is only proven to be durable by what follows.
    read_to(ledger.sequence() - 1);
    for _ in 0..3 {
        churn(&ledger, &clock, 120);
        ledger.compact().expect("it compacts");
    }
    read_to(ledger.sequence() - 1);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    close(ledger, store.folder.path());
}

#[test]
fn what_is_printed_of_a_compacted_store_is_as_it_was() {
    let store = compacted();
    for (name, verb) in [
        ("compacted-session-list", "session list"),
        ("compacted-user-history", "user history jonas -n 1"),
        ("compacted-user-show", "user show mira"),
    ] {
        for form in ["table", "plain", "json"] {
            let found = store.run(&format!("{verb} --format {form}")).ok();
            check_golden(&format!("{name}.{form}"), &found);
        }
    }
}
