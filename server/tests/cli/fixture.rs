//! `replay fixture`: from a store to a file, and from the file to a ledger that says the same.

use std::os::unix::fs::PermissionsExt as _;

use passbook::{Cause, EndReason, Fixture, Policy, SessionId};

use super::support::{check_golden, story};

/// Everything of the story that is somebody's.
const NAMES: [&str; 9] = [
    "mira",
    "jonas",
    "dagny",
    "198.51.100.7",
    "192.0.2.",
    "2001:db8",
    "203.0.113.40",
    "Firefox",
    "Safari",
];

#[test]
fn an_incident_becomes_a_file_that_opens_as_a_ledger_and_explains_itself_the_same() {
    let store = story();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("incident.passbook");
    let file = path.to_str().expect("a plain name");
    let made = store.run(&["replay", "fixture", &store.reused, "-o", file, "--json"]);
    let made = made.json();
    assert_eq!((&made["sessions"], &made["names"]), (&1.into(), &"pseudonyms".into()), "{made}");
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let bytes = std::fs::read(&path).expect("it is there");
    let text = String::from_utf8(bytes.clone()).expect("text");
    for name in NAMES {
        assert!(!text.contains(name), "{name} in\n{text}");
    }
    check_golden("incident.passbook", &text);

    let ledger = passbook::fixture(&bytes).expect("a fixture");
    let id = SessionId::parse(made["session"].as_str().expect("of one")).expect("an id");
    let explanation = ledger.replay().explain(id).expect("in it");
    let ending = explanation.ending().expect("dead");
    assert_eq!(ending.reason, EndReason::TokenReuse);
    let told = store.run(&["replay", "explain", &store.reused, "--json"]).json();
    assert_eq!(told["ended_at_ms"].as_u64(), Some(ending.at_ms), "{told}");
    assert_eq!(told["ended_sequence"].as_u64(), ending.sequence());
    let Cause::Reused { presented_generation: 1, current_generation: 2, .. } = ending.cause else {
        panic!("{ending:?}");
    };
    let longer = Policy { race_window_ms: 3_600_000, ..Policy::default() };
    let shifts = ledger.replay().what_if(&longer).expect("in it").shifts;
    assert_eq!(shifts.iter().map(|shift| shift.session).collect::<Vec<_>>(), [id]);
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force() {
    let store = story();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("incident.passbook");
    let file = path.to_str().expect("a plain name");
    std::fs::write(&path, "mine").expect("written");
    let refused = store.run(&["replay", "fixture", &store.reused, "-o", file, "--json"]);
    assert_eq!((refused.code, refused.error()["code"].as_str()), (6, Some("fixture:unwritable")));
    assert_eq!(std::fs::read_to_string(&path).expect("there"), "mine");
    store.run(&["replay", "fixture", &store.reused, "-o", file, "--force"]).ok();
    Fixture::parse(&std::fs::read(&path).expect("there")).expect("a fixture");
    // What is no plain file stays what it is.
    let device = folder.path().join("device");
    std::os::unix::fs::symlink("/dev/null", &device).expect("a link");
    let file = device.to_str().expect("a plain name");
    let refused = store.run(&["replay", "fixture", &store.reused, "-o", file, "--force"]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(device.is_symlink());
}

#[test]
fn slices_are_of_a_session_a_user_or_a_span_and_go_to_stdout_too() {
    let store = story();
    let fixture = |args: &[&str]| {
        let text = store.run(&[&["replay", "fixture", "-o", "-"], args].concat()).ok();
        Fixture::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}:\n{text}"))
    };
    assert_eq!(fixture(&["--user", "mira"]).sessions().len(), 2);
    assert_eq!(fixture(&["--user", "jonas"]).sessions().len(), 1);
    let span = fixture(&["--span", "12:45..13:00"]);
    assert_eq!(span.sessions().len(), 1, "jonas was the only one then");
    let real = fixture(&["--span", "@2..@head", "--raw"]);
    assert_eq!(real.sessions().len(), 4);
    assert!(real.to_string().contains("mira") && real.to_string().contains("198.51.100.7"));
    for (args, code) in [
        (&["--user", "nobody"][..], 3),
        (&["01M7WH9B1A4TFF59TDWH9EDD1R"][..], 3),
        (&["--span", "@5..@4"][..], 3),
        (&["--user", "mira", "--span", "@2.."][..], 2),
        (&[][..], 2),
    ] {
        let refused = store.run(&[&["replay", "fixture", "-o", "-"], args].concat());
        assert_eq!((refused.code, refused.stdout.as_str()), (code, ""), "{args:?}");
    }
}
