//! Snapshots, compaction, archive and history of a real ledger in a folder: what was there before is
//! there after, and no more is kept than is needed.

use std::{fs, path::Path, sync::Arc, time::Duration};

use passbook::{
    CompactionPolicy, HistoryEntry, HistoryQuery, HistoryWhat, IssuedSession, Ledger, LedgerError,
    Login, SessionStore, SimClock, core::Text, journal::Options,
};
use passbook_projections::history::{Expect, HistoryIndex, Recorded, filed_under};

const START_MS: u64 = 1_795_132_800_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Small segments, no work in the background: each test says what happens.
fn open_with(
    folder: &Path,
    clock: &Arc<SimClock>,
    policy: CompactionPolicy,
    index: bool,
) -> Ledger {
    Ledger::builder()
        .path(folder)
        .journal_options(Options { segment_bytes: 64 << 10, ..Options::default() })
        .clock(Arc::<SimClock>::clone(clock))
        .sweep_interval(None)
        .compaction(Some(CompactionPolicy { interval: Duration::from_hours(1), ..policy }))
        .history_index(index)
        .open_blocking()
        .expect("a ledger")
}

fn open(folder: &Path, clock: &Arc<SimClock>) -> Ledger {
    open_with(folder, clock, CompactionPolicy::default(), false)
}

fn clock() -> Arc<SimClock> {
    Arc::new(SimClock::at_ms(START_MS))
}

/// Logins of four users; every third is logged out, every fifth gets a new token. The live ones.
fn live_a_day(store: &SessionStore, logins: usize) -> Vec<IssuedSession> {
    let mut live = Vec::new();
    for number in 0..logins {
        let login = store.create(format!("user{}", number % 4));
        if number % 3 == 0 {
            assert!(store.revoke(&login.token.expose()));
        } else if number % 5 == 0 {
            live.push(store.refresh(&login.token.expose()).expect("it lives"));
        } else {
            live.push(login);
        }
    }
    live
}

fn told(ledger: &Ledger, user: &str) -> Vec<HistoryEntry> {
    let mut query = HistoryQuery::newest(7).expect("in range");
    let mut all = Vec::new();
    loop {
        let page = ledger.history(user, &query).expect("readable");
        all.extend(page.entries);
        match page.next {
            Some(next) => query.before = Some(next),
            None => return all,
        }
    }
}

fn wait_for_the_index(ledger: &Ledger) {
    while ledger.health().indexed != Some(ledger.sequence()) {
        std::thread::yield_now();
    }
}

#[test]
fn an_opening_begins_at_the_snapshot_and_is_the_same() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let store = SessionStore::from(open(folder.path(), &clock));
    live_a_day(&store, 40);
    let info = store.ledger().snapshot().expect("a snapshot");
    assert_eq!(store.ledger().snapshot().expect("the same").sequence, info.sequence);
    assert_eq!(info.digest, store.ledger().fingerprint(), "of the live state");
    live_a_day(&store, 3);
    let (fingerprint, sequence) = (store.ledger().fingerprint(), store.ledger().sequence());
    drop(store);
    let ledger = open(folder.path(), &clock);
    let opened = ledger.opened();
    assert_eq!(opened.snapshot.as_ref().map(|info| info.sequence), Some(info.sequence));
    assert_eq!(opened.events, sequence - info.sequence, "the tail alone");
    assert_eq!((ledger.fingerprint(), ledger.sequence()), (fingerprint, sequence));
}

#[test]
fn a_bad_newest_snapshot_falls_back_to_the_one_before() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let store = SessionStore::from(open(folder.path(), &clock));
    live_a_day(&store, 10);
    let older = store.ledger().snapshot().expect("a snapshot");
    live_a_day(&store, 10);
    let newer = store.ledger().snapshot().expect("a snapshot");
    let fingerprint = store.ledger().fingerprint();
    drop(store);
    let path = newer.path.expect("a file");
    let mut bytes = fs::read(&path).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("writable");
    let ledger = open(folder.path(), &clock);
    let opened = ledger.opened();
    assert_eq!(opened.snapshot.as_ref().map(|info| info.sequence), Some(older.sequence));
    let bad = &opened.recovery.as_ref().expect("files").snapshots_bad;
    assert_eq!(bad.iter().map(|bad| &bad.path).collect::<Vec<_>>(), [&path]);
    assert_eq!(ledger.fingerprint(), fingerprint);
}

#[test]
fn a_compaction_drops_what_ended_and_history_and_sessions_stay() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let store = SessionStore::from(open(folder.path(), &clock));
    let live = live_a_day(&store, 150);
    let users = ["user0", "user1", "user2", "user3"];
    let before: Vec<_> = users.map(|user| told(store.ledger(), user)).into();
    let fingerprint = store.ledger().fingerprint();
    let preview = store.ledger().preview_compaction().expect("a look");
    assert!(preview.files.segments > 0, "{preview:?}");
    assert_eq!(store.ledger().fingerprint(), fingerprint, "a look changes nothing");

    let report = store.ledger().compact().expect("compacts");
    assert!(report.files.segments > 0 && report.files.sequence_first > 1, "{report:?}");
    let gone = store.ledger().as_of(1).expect_err("it left the journal");
    assert!(matches!(gone, LedgerError::NotRetained { sequence: 1, .. }), "{gone:?}");
    let archived = store.ledger().events(1).expect("readable").count();
    assert_eq!(u64::try_from(archived).ok(), Some(report.sequence.expect("an event")));
    let after: Vec<_> = users.map(|user| told(store.ledger(), user)).into();
    assert_eq!(after, before, "history outlives compaction");
    drop(store);

    let store = SessionStore::from(open(folder.path(), &clock));
    for login in &live {
        assert!(store.get(&login.token.expose()).is_some(), "{}", login.id);
    }
    assert_eq!(store.ledger().len(), live.len());
    let reopened: Vec<_> = users.map(|user| told(store.ledger(), user)).into();
    assert_eq!(reopened, before);
}

#[test]
fn a_guest_whose_login_is_archived_becomes_a_user_with_a_whole_history() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let store = SessionStore::from(open(folder.path(), &clock));
    let guest = store.create_guest();
    live_a_day(&store, 150);
    let report = store.ledger().compact().expect("compacts");
    assert!(report.files.sequence_first > 2, "the login is archived: {report:?}");
    assert!(store.upgrade(&guest.token.expose(), "mira".to_owned()));
    assert!(store.revoke(&guest.token.expose()));
    let kinds: Vec<_> =
        told(store.ledger(), "mira").iter().map(|entry| entry.kind.what()).collect();
    assert_eq!(kinds, [HistoryWhat::Ended, HistoryWhat::Upgraded]);
}

#[test]
fn what_expired_before_a_compaction_is_dead_in_every_replay() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let store = SessionStore::from(open(folder.path(), &clock));
    live_a_day(&store, 60);
    clock.advance_ms(31 * DAY_MS);
    let live = live_a_day(&store, 30);
    let report = store.ledger().compact().expect("compacts");
    assert_eq!((report.ended, store.ledger().len()), (40, live.len()));
    let (fingerprint, sequence) = (store.ledger().fingerprint(), store.ledger().sequence());
    let view = store.ledger().as_of(sequence).expect("kept");
    assert_eq!((view.fingerprint(), view.len()), (fingerprint, live.len()));
    drop(store);
    // The clock does not matter to a replay.
    clock.set_ms(START_MS);
    assert_eq!(open(folder.path(), &clock).fingerprint(), fingerprint);
}

#[test]
fn the_state_at_every_kept_event_is_the_fold_up_to_it() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let store = SessionStore::from(open(folder.path(), &clock));
    live_a_day(&store, 12);
    store.ledger().snapshot().expect("a snapshot");
    live_a_day(&store, 12);
    let mut fold = passbook::core::State::new();
    for recorded in store.ledger().events(0).expect("readable") {
        let recorded = recorded.expect("readable");
        passbook::core::apply(&mut fold, recorded.sequence, &recorded.event);
        let view = store.ledger().as_of(recorded.sequence).expect("kept");
        assert_eq!(view.fingerprint(), passbook::core::state_fingerprint(&fold));
        assert_eq!((view.sequence(), view.at_ms()), (recorded.sequence, recorded.event.at_ms));
    }
    let beyond = store.ledger().as_of(store.ledger().sequence() + 1).expect_err("not there yet");
    assert_eq!(beyond.code(), "ledger:not_retained");
}

#[test]
fn before_the_oldest_snapshot_of_a_compacted_ledger_no_state_is_kept() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let store = SessionStore::from(open(folder.path(), &clock));
    live_a_day(&store, 150);
    store.ledger().compact().expect("compacts");
    let error = store.ledger().as_of(1).expect_err("dropped");
    assert!(matches!(error, LedgerError::NotRetained { sequence: 1, first } if first > 1));
}

#[test]
fn retention_takes_old_archives_and_history_and_index_say_from_when_they_are_complete() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let retention = Some(Duration::from_hours(10 * 24));
    let policy = CompactionPolicy { retention, ..CompactionPolicy::default() };
    let store = SessionStore::from(open_with(folder.path(), &clock, policy, true));
    live_a_day(&store, 100);
    // An index that comes too late for these is one that is built without them.
    wait_for_the_index(store.ledger());
    store.ledger().compact().expect("compacts");
    clock.advance_ms(30 * DAY_MS);
    live_a_day(&store, 100);
    wait_for_the_index(store.ledger());
    let report = store.ledger().compact().expect("compacts");
    assert!(report.files.archives_removed > 0, "{report:?}");
    live_a_day(&store, 1);
    // It forgets before it says how far it is.
    wait_for_the_index(store.ledger());
    let page = store.ledger().history("user1", &HistoryQuery::default()).expect("readable");
    assert!(page.complete_from.sequence > 1);
    assert!(page.entries.iter().all(|entry| entry.sequence >= page.complete_from.sequence));
    assert!(!page.entries.is_empty());
    let id = store.ledger().opened().recovery.as_ref().expect("files").store;
    let sequence = store.ledger().sequence();
    let expect = Expect { store: id, durable: sequence, cache_bytes: 1 << 20 };
    drop(store);
    let idx = folder.path().join("idx");
    let index = HistoryIndex::open(&idx, &expect).expect("an index");
    assert_eq!(index.rebuilt, None);
    let covered = index.index.covered();
    assert_eq!(Some(covered.forgotten_before_ms), page.complete_from.at_ms);
    drop(index);

    // One that is built without what was removed counts that too.
    fs::remove_dir_all(&idx).expect("there");
    let ledger = open_with(folder.path(), &clock, policy, true);
    wait_for_the_index(&ledger);
    let indexed = told(&ledger, "user1");
    drop(ledger);
    assert_eq!(told(&open(folder.path(), &clock), "user1"), indexed, "as the fold tells it");
    let again = HistoryIndex::open(&idx, &expect).expect("an index").index.covered();
    assert!(again.entries < covered.entries, "{again:?}");
    assert_eq!(again.postings, covered.postings);
}

#[test]
fn the_index_and_the_fold_tell_the_same() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let index = folder.path().join("idx");
    let harms: [&dyn Fn(); 3] = [&|| (), &|| fs::remove_dir_all(&index).expect("there"), &|| {
        for entry in fs::read_dir(&index).expect("there").map(|entry| entry.expect("an entry")) {
            if entry.file_type().expect("known").is_file() {
                fs::write(entry.path(), b"rubbish").expect("writable");
            }
        }
    }];
    for harm in harms {
        let store =
            SessionStore::from(open_with(folder.path(), &clock, CompactionPolicy::default(), true));
        live_a_day(&store, 80);
        store.ledger().compact().expect("compacts");
        let indexed = told(store.ledger(), "user2");
        let last = store.ledger().last_login("user2").expect("readable").expect("one");
        drop(store);
        harm();
        let ledger = open(folder.path(), &clock);
        assert_eq!(told(&ledger, "user2"), indexed);
        assert_eq!(ledger.last_login("user2").expect("readable"), Some(last));
        drop(ledger);
        let again = open_with(folder.path(), &clock, CompactionPolicy::default(), true);
        assert_eq!(told(&again, "user2"), indexed);
    }
}

#[test]
fn a_user_who_is_missing_in_an_index_that_agrees_with_itself_is_missed() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let store = SessionStore::from(open(folder.path(), &clock));
    live_a_day(&store, 150);
    store.ledger().compact().expect("compacts");
    live_a_day(&store, 5);
    let (sequence, before) = (store.ledger().sequence(), told(store.ledger(), "user2"));
    let id = store.ledger().opened().recovery.as_ref().expect("files").store;
    let events = store.ledger().events(1).expect("readable");
    let events: Vec<_> = events.collect::<Result<_, _>>().expect("readable");
    drop(store);

    let expect = Expect { store: id, durable: sequence, cache_bytes: 1 << 20 };
    let idx = folder.path().join("idx");
    let mut index = HistoryIndex::open(&idx, &expect).expect("a folder").index;
    let is_other = |recorded: &Recorded| filed_under(&recorded.event) != [Text::from("user2")];
    index.add(&mut events.into_iter().filter(is_other)).expect("in order");
    let checkpoint = index.checkpoint();
    assert_eq!(index.events_of("user2"), Ok(0));
    drop(index);
    let opened = HistoryIndex::open(&idx, &expect).expect("a folder");
    assert_eq!((&opened.rebuilt, opened.index.checkpoint()), (&None, checkpoint), "it agrees");
    drop(opened);

    let ledger = open_with(folder.path(), &clock, CompactionPolicy::default(), true);
    wait_for_the_index(&ledger);
    assert_eq!(told(&ledger, "user2"), before, "told by the index");
    drop(ledger);
    let index = HistoryIndex::open(&idx, &expect).expect("a folder").index;
    assert!(index.events_of("user2").is_ok_and(|events| events > 0), "built again");
}

#[test]
fn a_ledger_compacts_on_its_own_when_it_is_time() {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), clock());
    let policy = CompactionPolicy {
        journal_bytes: 128 << 10,
        interval: Duration::from_millis(5),
        ..CompactionPolicy::default()
    };
    let ledger = Ledger::builder()
        .path(folder.path())
        .journal_options(Options { segment_bytes: 64 << 10, ..Options::default() })
        .clock(Arc::<SimClock>::clone(&clock))
        .compaction(Some(policy))
        .open_blocking()
        .expect("a ledger");
    let mut events = ledger.subscribe(0);
    let store = SessionStore::from(ledger);
    live_a_day(&store, 60);
    // Waits for the event, however long it takes.
    while let Some(recorded) = events.next_blocking() {
        if recorded.is_ok_and(|recorded| recorded.event.fact.kind() == "Compacted") {
            return;
        }
    }
    panic!("the ledger ended before it compacted");
}

#[test]
fn a_ledger_takes_a_snapshot_on_its_own_once_there_are_events_enough_for_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = CompactionPolicy {
        snapshot_events: 40,
        dead_percent: 100,
        interval: Duration::from_millis(5),
        ..CompactionPolicy::default()
    };
    let options = Options { snapshot_spacing: 1, ..Options::default() };
    let builder = Ledger::builder().path(folder.path()).clock(clock()).journal_options(options);
    let ledger = builder.compaction(Some(policy)).open_blocking().expect("a ledger");
    for number in 0..100 {
        ledger.start_login(Login::new(format!("user{number}"))).expect("room").wait().expect("in");
    }
    // Waits for it, however long it takes.
    while ledger.snapshots().expect("readable").is_empty() {
        std::thread::yield_now();
    }
    let infos = ledger.snapshots().expect("readable");
    let oldest_first = infos.iter().rev().map(|info| info.sequence);
    let gaps = oldest_first.scan(0, |before, at| Some(at - std::mem::replace(before, at)));
    assert!(gaps.collect::<Vec<_>>().iter().all(|gap| *gap >= 40), "{infos:?}");
    assert!(infos.iter().all(|info| info.items + 1 == info.sequence), "none of a compaction");
}
