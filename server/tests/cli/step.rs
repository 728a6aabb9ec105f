//! One event at a time: in a pipe, and by keys on a terminal.

use std::sync::Arc;

use passbook::{
    Login, SimClock,
    core::{Act, Command as Wish, EndReason, FailureReason, SessionRef, UserId},
};
use serde_json::Value;

use super::{
    support::{BEGIN_MS, NOW, Store, close, ledger, story, tokio_free},
    terminal::Terminal,
};

/// The documents of the steps that are printed.
#[track_caller]
fn steps(store: &Store, args: &[&str]) -> Vec<Value> {
    let told = store.run(&[&["replay", "step"], args, &["--json"]].concat()).ok();
    told.lines().map(|line| serde_json::from_str(line).expect("a document")).collect()
}

fn sequences(steps: &[Value]) -> Vec<u64> {
    steps.iter().map(|step| step["event"]["sequence"].as_u64().expect("a number")).collect()
}

#[test]
fn a_step_says_what_its_event_changed() {
    let store = story();
    let refreshed = &steps(&store, &["@3"])[0];
    assert_eq!(refreshed["event"]["kind"], "SessionRefreshed");
    let fields = refreshed["changed"][0]["fields"].as_array().expect("fields");
    let generation = fields.iter().find(|field| field["field"] == "generation").expect("it rose");
    assert_eq!((&generation["before"], &generation["after"]), (&"1".into(), &"2".into()));
    let table = store.run(&["replay", "step", "@3", "--format", "table"]).ok();
    for line in [
        "  - token           generation 1 (live)\n",
        "  + token           generation 2 (live), 1 spent\n",
        "  ~ expires_at      2026-12-20 12:00:00.000Z → 2026-12-20 12:40:00.000Z\n",
    ] {
        assert!(table.contains(line), "{line} in {table}");
    }
    let diff = store.run(&["replay", "diff", "@2", "@3", "--json"]).json();
    assert_eq!(diff["changed"], refreshed["changed"], "as between the moments before and after");
    let failed = store.run(&["replay", "step", "@6", "--format", "table"]).ok();
    assert!(failed.ends_with("\n  no session and no rule changed\n"), "{failed}");
    let plain = store.run(&["replay", "step", "@6"]).ok();
    assert_eq!(plain.lines().count(), 1, "an event that changes nothing is a row too: {plain}");
}

#[test]
fn the_way_back_has_the_same_steps() {
    let store = story();
    let forward = steps(&store, &["@1", "-n", "9"]);
    assert_eq!(sequences(&forward), (1..=9).collect::<Vec<_>>());
    let mut back = steps(&store, &["@head", "--back", "-n", "9"]);
    back.reverse();
    assert_eq!(forward, back);
    // A time stands behind what was recorded by then, and before what was recorded later.
    assert_eq!(sequences(&steps(&store, &["13:01"])), [7]);
    assert_eq!(sequences(&steps(&store, &["13:01", "--back"])), [6]);
    assert_eq!(sequences(&steps(&store, &["13:05"])), [7]);
    assert_eq!(sequences(&steps(&store, &["13:05", "--back"])), [7]);
}

#[test]
fn a_walk_stops_only_where_it_was_asked_to() {
    let store = story();
    let all = |args: &[&str]| sequences(&steps(&store, &[&["@1", "-n", "9"], args].concat()));
    let why = store.run(&["why", &store.reused, "--json"]).json();
    let events = why["events"].as_array().expect("events").iter();
    let of_session: Vec<_> = events.map(|event| event["sequence"].as_u64().expect("one")).collect();
    assert_eq!(all(&["--session", &store.reused]), of_session);
    assert_eq!(all(&["--user", "mira"]), [2, 3, 6, 7, 8]);
    assert_eq!(all(&["--filter", "user:mira"]), all(&["--user", "mira"]));
    assert_eq!(all(&["--user", "mira", "--filter", "kind:LoginFailed"]), [6]);
    assert_eq!(all(&["--filter", "reason:token_reuse,logout"]), [5, 7]);
    // What the event does not say its session does.
    assert_eq!(all(&["--filter", "device:\"Firefox on Linux\""]), [2, 3, 7]);
    assert_eq!(all(&["--filter", "state:ended"]), [5, 7]);
    assert_eq!(all(&["--filter", "ip:203.0.113.0/24"]), [6]);
    assert_eq!(all(&["--filter", "-user:mira,jonas,dagny"]), [1]);
    let back = steps(&store, &["@head", "--back", "-n", "9", "--session", &store.reused]);
    let reversed: Vec<_> = of_session.iter().rev().copied().collect();
    assert_eq!(sequences(&back), reversed);
}

#[test]
fn an_end_that_took_many_sessions_is_one_of_each_of_them() {
    let store = story();
    let operator = ["--operator", "mara"];
    store.run(&[&["user", "revoke", "dagny", "--yes"][..], &operator].concat()).ok();
    let dagny = store.run(&["session", "list", "user:dagny state:ended", "--json"]).json();
    let session = dagny["items"][0]["id"].as_str().expect("one");
    let end = dagny["items"][0]["ended_sequence"].as_u64().expect("an event");
    let told = steps(&store, &["@1", "-n", "9", "--session", session]);
    assert_eq!(sequences(&told), [9, end], "its login, and an event that does not name it");
    assert_eq!(told[1]["ended"][0]["end_reason"], "revoked_by_admin");
}

#[test]
fn an_event_says_itself_from_where_it_is_and_else_its_session_does() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(SimClock::at_ms(BEGIN_MS));
    let ledger = ledger(folder.path(), &clock);
    let login = |ip: &str| Login::new("mira").ip(ip.parse().expect("an address"));
    let (there, here) = (login("192.0.2.1"), login("192.0.2.2"));
    let (there, here) = (tokio_free(ledger.create(there)), tokio_free(ledger.create(here)));
    for (made, ip) in [(&there, Some("203.0.113.9")), (&here, None)] {
        let session = SessionRef::Token(made.token.digest());
        let mut end = Wish::new(Act::Revoke { session, reason: EndReason::Logout });
        end.origin.ip = ip.map(|ip| ip.parse().expect("an address"));
        ledger.submit(&end).expect("taken").wait().expect("durable");
    }
    let (live, reused) = (here.id.to_string(), there.id.to_string());
    close(ledger, folder.path());
    let store = Store { folder, live_token: here.token, live, reused };
    let from =
        |ip: &str| sequences(&steps(&store, &["@1", "-n", "9", "--filter", &format!("ip:{ip}")]));
    assert_eq!(from("192.0.2.1"), [2], "it was ended from elsewhere");
    assert_eq!(from("203.0.113.9"), [4]);
    assert_eq!(from("192.0.2.2"), [3, 5], "of its end nobody knows from where");
}

#[test]
fn where_the_events_end_is_said() {
    let store = story();
    let few = store.run(&["replay", "step", "@8", "-n", "5"]);
    assert_eq!(few.code, 0, "{few:?}");
    assert!(few.stderr.contains("2 steps up to the last event"), "{few:?}");
    for args in [&["@10"][..], &["@1", "--user", "nobody"], &["@0"], &["2026-11-20T13:11:00Z"]] {
        let refused = store.run(&[&["replay", "step"], args].concat());
        assert_eq!((refused.code, refused.stdout.as_str()), (3, ""), "{args:?}: {refused:?}");
        assert!(refused.stderr.contains("@1"), "{refused:?}");
    }
    for args in [&["@1", "-n", "0"][..], &["@1", "--filter", "nothing"], &["sometime"]] {
        assert_eq!(store.run(&[&["replay", "step"], args].concat()).code, 2, "{args:?}");
    }
}

#[test]
fn what_is_far_back_is_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(SimClock::at_ms(BEGIN_MS));
    let ledger = ledger(folder.path(), &clock);
    let login = tokio_free(ledger.create(Login::new("mira")));
    let guess = Wish::new(Act::RecordFailure {
        user: Some(UserId::new("mira").expect("short")),
        reason: FailureReason::WrongPassword,
        count: 1,
    });
    let guesses: Vec<_> = (0..6_000).map(|_| ledger.submit(&guess).expect("taken")).collect();
    for guess in guesses {
        guess.wait().expect("durable");
    }
    let (live, reused) = (login.id.to_string(), login.id.to_string());
    close(ledger, folder.path());
    let store = Store { folder, live_token: login.token, live, reused };
    let back = steps(&store, &["@head", "--back", "-n", "2", "--session", &store.live]);
    assert_eq!(sequences(&back), [2], "behind so many others");
}

#[test]
fn keys_go_through_the_events_and_leave_the_terminal_as_it_was() {
    let store = story();
    let args = ["replay", "step", "@2", "--session", &store.reused];
    let args = [&args[..], &["--store", store.path(), "--now", NOW]].concat();
    let mut terminal = Terminal::run(&args, 100);
    assert!(terminal.screen().contains("@2  12:00:00.000Z  SessionCreated"));
    assert!(terminal.after("n").contains("@3  12:40:00.000Z  SessionRefreshed"));
    let reuse = terminal.after("\u{1b}[C");
    assert!(reuse.contains("@7 ") && reuse.contains("+ end_reason  token_reuse"), "{reuse}");
    assert!(terminal.after("n").contains("nothing to stop at up to the last event, @9\n"));
    assert!(terminal.after("w").contains("DEAD since 2026-11-20 13:05:00.000Z"));
    assert!(terminal.after("p").contains("@3  12:40:00.000Z"));
    assert!(terminal.after("\u{1b}[D").contains("@2  12:00:00.000Z"));
    assert!(terminal.after("p").contains("nothing to stop at back to the first event, @1\n"));
    for strange in ["\u{1b}[15~", "\u{1b}[1;5C", "\u{1b}OP"] {
        assert!(terminal.after(strange).contains("this key does nothing here\n"), "{strange:?}");
    }
    let unknown = terminal.after("x");
    assert!(unknown.contains("`x` does nothing here\n"), "nothing is left of them: {unknown}");
    terminal.press("q");
    assert_eq!(terminal.end(), (Some(0), true));
}

#[test]
fn a_moment_is_gone_to_in_all_its_forms_and_what_is_none_is_said() {
    let store = story();
    let args = ["replay", "step", "@1", "--store", store.path(), "--now", NOW];
    let mut terminal = Terminal::run(&args, 60);
    terminal.screen();
    for (moment, shown) in [
        ("@7", "@7  13:05:00.000Z"),
        ("@head-1", "@8  13:10:00.000Z"),
        ("12:50", "@4  12:50:00.000Z"),
        ("-2h", "@3  12:40:00.000Z"),
        ("=nothing", "no moment has the name"),
        ("@99", "there is no moment @99 here"),
        ("nonsense", "`nonsense` is no moment"),
        ("", "[n]ext"),
    ] {
        terminal.press("g");
        terminal.until("go to: ");
        terminal.enter(&format!("{moment}\n"));
        let screen = terminal.screen();
        assert!(screen.contains(shown), "{moment}: {screen}");
        if screen.contains("\n@") {
            for line in screen.lines() {
                assert!(line.chars().count() <= 60, "too wide: {line}");
            }
        }
    }
    assert!(terminal.after("n").contains("@4 "), "the last place that was found is the place");
    terminal.press("\u{3}");
    assert_eq!(terminal.end(), (Some(130), true));
}
