//! The file of a fixture: its form, what is not in it, and what is said of damaged ones.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use passbook::{
    Actor, At, EndReason, Fact, Fixture, FixtureError, LedgerError, Names, SessionId, SimClock,
    Slice, Transport,
    core::{
        Act, Command, DataKey, DeviceLabel, IdempotencyKey, Imported, NewSession, Note,
        OperatorName, Origin, SessionRef, TenantId, TokenDigest, UserAgent, UserId,
        event::FailureReason,
    },
};
use proptest::prelude::*;

use crate::histories::{Life, MINUTE_MS, START_MS, user, wishes};

const ID: &str = "01M7WH9B1A4TFF59TDWH9EDD1R";
const OTHER_ID: &str = "01M7WH9B1A5ZZZZZZZZZZZZZZZ";

/// Everything that must not be found.
const SECRETS: [&str; 19] = [
    "mira.k@example.org",
    "guest_5ec7e7",
    "198.51.100.7",
    "203.0.113.40",
    "2001:db8:7::40",
    "Firefox on Linux",
    "Mozilla/5.0",
    "Acme Corporation",
    "olga-from-support",
    "INC-311",
    "order-77",
    "cart",
    "three ripe pears",
    "harbor",
    "sshd-internal",
    "6021",
    "peer.example.net",
    "4TFF59TDWH9EDD1R",
    "5ZZZZZZZZZZZZZZZ",
];

fn id(text: &str) -> SessionId {
    SessionId::parse(text).expect("an id")
}

fn login(id: &str, user: &str, digest: u8) -> NewSession {
    let data = BTreeMap::from([(key("cart"), "\"three ripe pears\"".into())]);
    NewSession {
        id: SessionId::parse(id).expect("an id"),
        digest: Some(TokenDigest::from_bytes([digest; 32])),
        user: UserId::new(user).expect("short"),
        is_guest: user.starts_with("guest_"),
        device: Some(DeviceLabel::new("Firefox on Linux").expect("short")),
        tenant: Some(TenantId::new("Acme Corporation").expect("short")),
        transport: Transport::Cookie,
        lifetime_ms: None,
        absolute_timeout_ms: None,
        data,
        replaces: None,
        sessions_per_user_max: None,
    }
}

fn key(name: &str) -> DataKey {
    DataKey::new(name).expect("short")
}

/// A ledger with a name of every kind in it.
fn named() -> Life {
    let life = Life::in_memory();
    life.clock.set_ms(1_795_180_244_010);
    let origin = |ip: &str| Origin {
        ip: ip.parse::<IpAddr>().ok(),
        user_agent: Some(UserAgent::new("Mozilla/5.0 (X11; Linux)")),
        imported: None,
    };
    let submit = |act: Act, origin: Origin| {
        let actor = Actor::Operator(OperatorName::new("olga-from-support").expect("short"));
        let note = Note::new("INC-311: seen twice").ok();
        let key = IdempotencyKey::new(format!("order-77 {}", life.ledger.sequence())).ok();
        let command = Command { actor, origin, note, key, ..Command::new(act) };
        life.ledger.submit(&command).expect("taken").wait().expect("memory is fine");
    };
    submit(Act::Create(login(ID, "guest_5ec7e7", 0xa1)), origin("198.51.100.7"));
    let mira = UserId::new("mira.k@example.org").expect("short");
    let successor = Some(TokenDigest::from_bytes([0xa2; 32]));
    let session = SessionRef::Id(id(ID));
    submit(Act::Upgrade { session, user: mira.clone(), successor }, origin("198.51.100.9"));
    submit(Act::Create(login(OTHER_ID, "mira.k@example.org", 0xb1)), origin("2001:db8:7::40"));
    let imported = Imported {
        host: "harbor".into(),
        service: "sshd-internal".into(),
        pid: Some(6021),
        remote_host: Some("peer.example.net".into()),
    };
    let act = Act::RecordFailure {
        user: Some(mira.clone()),
        reason: FailureReason::WrongPassword,
        count: 3,
    };
    let actor = Actor::Importer;
    let from = Origin { imported: Some(imported), ..origin("203.0.113.40") };
    let occurred_at_ms = Some(life.ledger.now_ms());
    let command = Command { actor, origin: from, occurred_at_ms, ..Command::new(act) };
    life.ledger.submit(&command).expect("taken").wait().expect("memory is fine");
    let reason = EndReason::RevokedByAdmin;
    submit(
        Act::RevokeUser { user: mira, except: Some(id(OTHER_ID)), reason },
        origin("203.0.113.40"),
    );
    life
}

#[test]
fn no_name_of_any_kind_is_in_a_fixture_and_all_of_them_in_a_real_one() {
    let life = named();
    let of = |names| life.ledger.replay().fixture(&Slice::Session(id(ID)), names).expect("kept");
    let (real, veiled) = (of(Names::Real).to_string(), of(Names::Pseudonyms).to_string());
    let digests =
        [[0xa1; 32], [0xa2; 32], [0xb1; 32]].map(|it| TokenDigest::from_bytes(it).to_hex());
    for secret in SECRETS.into_iter().chain(digests.iter().map(String::as_str)) {
        assert!(real.contains(secret), "{secret} in\n{real}");
        assert!(!veiled.contains(secret), "{secret} in\n{veiled}");
    }
    for kept in [
        r#""ip":"10.0.1.1""#,
        r#""ip":"10.0.1.2""#,
        r#""ip":"10.0.2.1""#,
        r#""ip":"fd00:0:0:1::1""#,
        r#""guest":"guest_1""#,
        r#""user":"user-2""#,
        r#""device":"device-1""#,
        "tenant-1",
        "note-1",
        "operator:operator-1",
        "user-agent-1",
        "host-1",
        "service-1",
        "remote-host-1",
        "data-1",
        r#""\"value-1\"""#,
        "01M7WH9B1A0000000000000001",
        "01M7WH9B1A0000000000000002",
    ] {
        assert!(veiled.contains(kept), "{kept} in\n{veiled}");
    }
}

/// Held as it was first written: an old fixture opens for ever.
#[test]
fn the_form_of_a_fixture_is_the_golden_one() {
    let life = named();
    let slice = Slice::Span(1..=life.ledger.sequence());
    let fixture = life.ledger.replay().fixture(&slice, Names::Pseudonyms).expect("kept");
    let golden = include_str!("golden.passbook");
    let version = concat!("\"version\":\"", env!("CARGO_PKG_VERSION"), "\"");
    let lines = |text: &str| -> Vec<String> {
        // The last line sums up the version too.
        let lines = text.lines().filter(|line| !line.starts_with("{\"end\""));
        lines.map(|line| line.replace(version, "\"version\":\"0.1.0\"")).collect()
    };
    assert_eq!(lines(&fixture.to_string()), lines(golden));
    let ledger = passbook::fixture(golden.as_bytes()).expect("it opens");
    let sessions = Fixture::parse(golden.as_bytes()).expect("a fixture").sessions();
    let explanation = ledger.replay().explain(sessions[0]).expect("in it");
    assert_eq!(explanation.ending().expect("dead").reason, EndReason::RevokedByAdmin);
    assert!(explanation.session.user_id == "user-2" && ledger.len() == 1);
    assert_eq!(ledger.session(&Fixture::token(3)).expect("the other one").user_id, "user-2");
}

#[test]
fn nothing_can_be_written_to_a_fixture() {
    let mut life = Life::in_memory();
    let ann = life.create(user(0), None, None);
    let fixture = life.ledger.replay().fixture(&Slice::Session(ann), Names::Real).expect("kept");
    let store = passbook::SessionStore::from(fixture.open().expect("opens"));
    let error = store.try_create("bob").expect_err("refused");
    assert!(matches!(error, LedgerError::ReadOnly(_)), "{error:?}");
    let later = Arc::new(SimClock::at_ms(START_MS + 365 * 24 * 60 * MINUTE_MS));
    let builder = passbook::Ledger::builder().journal(fixture.journal()).clock(later);
    let ledger = builder.sweep_interval(None).compaction(None).open_blocking().expect("opens");
    let explanation = ledger.replay().explain(ann).expect("in it");
    assert_eq!(explanation.ending().map(|it| it.reason), Some(EndReason::ExpiredIdle), "by now");
}

#[test]
fn what_never_was_has_no_fixture() {
    let mut life = Life::in_memory();
    life.create(user(0), None, None);
    let head = life.ledger.sequence();
    let of = |slice| life.ledger.replay().fixture(&slice, Names::Pseudonyms).expect_err("nothing");
    assert_eq!(of(Slice::Session(SessionId::from_u128(7))).code(), "ledger:no_trace");
    assert_eq!(of(Slice::User("nobody".into())).code(), "ledger:no_trace");
    assert_eq!(of(Slice::Span(1..=head + 1)).code(), "ledger:not_retained");
}

/// Sessions that begin before two compactions and go on behind them, in a ledger of that retention.
fn compacted(
    folder: &std::path::Path,
    retention: Option<std::time::Duration>,
) -> (Life, SessionId) {
    let clock = Arc::new(SimClock::at_ms(START_MS));
    let options = passbook::journal::Options { segment_bytes: 64 << 10, ..Default::default() };
    let policy = passbook::CompactionPolicy {
        retention,
        age: std::time::Duration::MAX,
        interval: std::time::Duration::MAX,
        ..Default::default()
    };
    let builder = passbook::Ledger::builder().path(folder).journal_options(options);
    let builder = builder.clock(Arc::<SimClock>::clone(&clock)).history_index(false);
    let builder = builder.sweep_interval(None).compaction(Some(policy));
    let mut life = Life::of(builder.open_blocking().expect("a ledger"), clock);
    let first = life.create(user(0), Some(0), None);
    life.refresh(life.newest_token());
    let changes = vec![(key("cart"), Some("\"pears\"".into()))];
    life.submit(Act::ChangeData { session: SessionRef::Id(first), changes }, 0, None);
    for _ in 0..3 {
        for _ in 0..260 {
            life.create(user(1), None, None);
        }
        life.clock.advance_ms(24 * 60 * MINUTE_MS);
        life.ledger.compact().expect("compacts");
    }
    life.refresh(2);
    let (session, reason) = (SessionRef::Id(first), EndReason::Logout);
    life.submit(Act::Revoke { session, reason }, 0, None);
    (life, first)
}

#[test]
fn a_fixture_stands_on_the_archive_and_the_oldest_snapshot_as_the_ledger_does() {
    let hour = std::time::Duration::from_hours(1);
    for (retention, has_login) in [(None, true), (Some(hour), false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let (life, first) = compacted(folder.path(), retention);
        let (slice, replay) = (Slice::Session(first), life.ledger.replay());
        let fixture = replay.fixture(&slice, Names::Real).expect("kept");
        let ledger = passbook::fixture(fixture.to_string().as_bytes()).expect("a fixture");
        let explanation = ledger.replay().explain(first).expect("in it");
        assert_eq!(explanation, replay.explain(first).expect("kept"));
        let is_login =
            |it: &passbook::Recorded| matches!(it.event.fact, Fact::SessionCreated { .. });
        assert_eq!(explanation.events.iter().any(is_login), has_login);
        let end = explanation.ending().and_then(passbook::Ending::sequence).expect("dead");
        let snapshots = life.ledger.snapshots().expect("readable");
        let oldest = snapshots.last().expect("some").sequence;
        for sequence in [1, 5, oldest - 1, oldest, oldest + 1, end - 1, end] {
            let at = At::Sequence(sequence);
            let (ours, theirs) = (ledger.replay().as_of(at), replay.as_of(at));
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => {
                    assert_eq!(ours.find(first), theirs.find(first), "@{sequence}");
                    assert_eq!(ours.policy(), theirs.policy());
                }
                (ours, theirs) => {
                    assert_eq!(
                        ours.map(|it| it.len()).map_err(|it| it.to_string()),
                        theirs.map(|it| it.len()).map_err(|it| it.to_string()),
                        "@{sequence}"
                    );
                }
            }
        }
        let veiled = replay.fixture(&slice, Names::Pseudonyms).expect("kept");
        assert!(!veiled.to_string().contains("pears") && !veiled.to_string().contains("ann"));
        let ours = veiled.open().expect("opens").replay().explain(veiled.session().expect("one"));
        assert_eq!(
            ours.expect("in it").ending().map(|it| it.at_ms),
            explanation.ending().map(|it| it.at_ms)
        );
    }
}

#[test]
fn a_step_back_finds_the_event_before_a_gap() {
    let mut life = Life::in_memory();
    let ann = life.create(user(0), None, None);
    for _ in 0..3_000 {
        life.create(user(1), Some(0), None);
    }
    let (session, reason) = (SessionRef::Id(ann), EndReason::Logout);
    life.submit(Act::Revoke { session, reason }, 0, None);
    let fixture = life.ledger.replay().fixture(&Slice::Session(ann), Names::Real).expect("kept");
    let ledger = fixture.open().expect("opens");
    let (replay, end) = (ledger.replay(), life.ledger.sequence());
    for place in [end - 1, end] {
        let mut stepper = replay.step_from(At::Sequence(place)).expect("in it");
        let mut back = Vec::new();
        while let Some(step) = stepper.back().expect("readable") {
            back.push(step.recorded.sequence);
        }
        assert_eq!(back, if place == end { vec![end, 2] } else { vec![2] });
    }
}

#[test]
fn a_wrong_line_is_named_with_its_place() {
    let text = include_str!("golden.passbook");
    let check = |text: &str, expected: &str| {
        let error = Fixture::parse(text.as_bytes()).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}\nis not: {expected}");
        error
    };
    check("", "no whole line");
    check("PNG\n", "no fixture of Passbook");
    check("{\"schema\":\"passbook.export/1\"}\n", "no fixture of Passbook");
    check(&text.replacen("fixture/1", "fixture/2", 1), "`passbook.fixture/2`");
    let second = u64::try_from(text.find('\n').expect("lines") + 1).expect("small");
    let error =
        check(&text.replacen("\"actor\":\"system\"", "\"actor\":\"cat\"", 1), "no such actor");
    assert!(matches!(error, FixtureError::Line { line: 2, offset, .. } if offset == second));
    check(&text.replacen("\"dropped_bytes\"", "\"dropped\"", 1), "line 2");
    check(&text.replacen("\"sequence\":2,", "\"sequence\":1,", 1), "@1 is not between @2");
    check(&text.replacen("\"sequence\":2,", "\"sequence\":99,", 1), "@99 is not between");
    check(&text.replacen("\"head\":", "\"head\":9999999999999999", 1), "beyond");
    check(&text.replacen("\"user\":\"user-2\"", "\"user\":\"\"", 1), "the user id has 0 bytes");
    check(
        &text.replacen("\"user\":\"user-2\"", "\"user\":\"user-3\"", 1),
        "changed after it was written",
    );
    check(&format!("{text}{text}"), "behind the last line");
    let (cut, _last) = text.trim_end().rsplit_once('\n').expect("lines");
    check(&format!("{cut}\n"), "cut off");
    let error = passbook::fixture(b"{}\n").expect_err("no header");
    assert_eq!(error.code(), "fixture:malformed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flipped_bit_and_a_cut_are_always_told(
        wishes in wishes(30), place: prop::sample::Index, bit in 0..8_u8
    ) {
        let life = Life::after(&wishes);
        let slice = Slice::Span(1..=life.ledger.sequence());
        let fixture = life.ledger.replay().fixture(&slice, Names::Pseudonyms).expect("kept");
        let bytes = fixture.to_string().into_bytes();
        prop_assert_eq!(Fixture::parse(&bytes), Ok(fixture));
        let place = place.index(bytes.len());
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << bit;
        prop_assert!(Fixture::parse(&flipped).is_err(), "byte {}", place);
        prop_assert!(Fixture::parse(&bytes[..place]).is_err(), "cut at {}", place);
    }

    #[test]
    fn no_bytes_make_it_panic(lines in prop::collection::vec(any_line(), 0..8)) {
        let text = lines.join("\n");
        drop(Fixture::parse(text.as_bytes()));
    }
}

/// Lines of a fixture with other numbers and words in them, and any bytes.
fn any_line() -> impl Strategy<Value = String> {
    let lines: Vec<String> = include_str!("golden.passbook").lines().map(str::to_owned).collect();
    let values = prop::sample::select(vec![
        "0",
        "18446744073709551615",
        "-1",
        "1e9",
        "null",
        "[]",
        "{}",
        "\"\"",
        "\"\\u0000\"",
        "9007199254740991",
    ]);
    let changed = (prop::sample::select(lines), any::<prop::sample::Index>(), values);
    let changed = changed.prop_map(|(line, place, value)| {
        let colons: Vec<usize> = line.match_indices(':').map(|(at, _)| at + 1).collect();
        let Some(at) = colons.get(place.index(colons.len().max(1))) else { return line };
        let (head, tail) = line.split_at(*at);
        let (_was, rest) = tail.split_at(tail.find([',', '}']).unwrap_or(tail.len()));
        format!("{head}{value}{rest}")
    });
    prop_oneof![8 => changed, 1 => any::<String>()]
}
