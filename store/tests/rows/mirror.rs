//! A mirror of a ledger: equal to the live state after whatever happened in between.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use passbook::{
    BackendError, Checkpoint, CompactionPolicy, Ledger, MirrorBackend, RowBatch, RowCheck,
    RowDifferenceKind, RowMirror, SessionBackend, SessionId, SessionRow, SessionStore, SimClock,
    SqliteSessionBackend,
    core::{Act, Command, DataKey, SessionRef},
    journal::{Durability, FileJournal, Options, ReadOnlyJournal, RealVfs},
};

use super::{sample::bare, sqlite::sqlite3};

const START_MS: u64 = 1_795_132_800_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Small segments, no work in the background: each test says what happens. It need not outlive a
/// power cut.
pub(crate) fn open(folder: &Path, clock: &Arc<SimClock>) -> Ledger {
    let policy =
        CompactionPolicy { interval: Duration::from_hours(1), ..CompactionPolicy::default() };
    Ledger::builder()
        .path(folder)
        .journal_options(Options { segment_bytes: 64 << 10, ..Options::default() })
        .durability(Durability::Buffered)
        .clock(Arc::<SimClock>::clone(clock))
        .sweep_interval(None)
        .compaction(Some(policy))
        .history_index(false)
        .open_blocking()
        .expect("a ledger")
}

pub(crate) fn clock() -> Arc<SimClock> {
    Arc::new(SimClock::at_ms(START_MS))
}

/// One of everything that changes rows.
pub(crate) fn live_a_day(store: &SessionStore, logins: usize, clock: &SimClock) {
    for number in 0..logins {
        clock.advance_ms(1_000);
        let login = store.create(format!("user{}", number % 5));
        let token = login.token.expose();
        match number % 7 {
            0 => assert!(store.revoke(&token)),
            1 => drop(store.refresh(&token).expect("live")),
            2 => assert!(store.set_tenant(&token, Some("acme".to_owned()))),
            3 => assert!(store.revoke_all_for_user("user3") <= number),
            4 => assert!(store.upgrade(&store.create_guest().token.expose(), "user9".to_owned())),
            5 => set_data(store.ledger(), login.id, "\"a\" "),
            _ => assert!(store.set_device(&token, "phone".to_owned())),
        }
    }
    store.clone().with_lifetime(60).create("short".to_owned());
    clock.advance_ms(61_000);
    assert!(store.sweep_expired() > 0);
}

fn set_data(ledger: &Ledger, id: SessionId, value: &str) {
    let key = DataKey::new("cart").expect("short");
    let act =
        Act::ChangeData { session: SessionRef::Id(id), changes: vec![(key, Some(value.into()))] };
    ledger.submit(&Command::new(act)).expect("taken").wait().expect("durable");
}

pub(crate) fn journal(folder: &Path) -> ReadOnlyJournal {
    FileJournal::open_read_only(folder, Arc::new(RealVfs)).expect("it can be read")
}

/// Opens a mirror, lets it catch up, and compares.
#[track_caller]
pub(crate) fn caught_up(folder: &Path, backend: Box<dyn MirrorBackend>) -> RowCheck {
    let journal = journal(folder);
    let mut mirror = RowMirror::open(&journal, journal.store(), backend).expect("opens");
    mirror.catch_up(&journal, &|_sequence| ()).expect("catches up");
    let check = mirror.check(&journal).expect("compares");
    assert_eq!(check.differences, []);
    assert_eq!(check.checkpoint, check.sequence);
    assert!(check.rows > 0, "there is something to compare");
    check
}

/// Fails every call that writes, once so many are through.
struct Outage {
    table: Arc<SqliteSessionBackend>,
    calls_left: AtomicUsize,
    /// Whether what fails has happened all the same, and only the answer is lost.
    is_done: bool,
}

impl SessionBackend for Outage {
    fn load_all(&self) -> Result<Vec<SessionRow>, BackendError> {
        self.table.load_all()
    }

    fn save(&self, _row: &SessionRow) -> Result<(), BackendError> {
        unreachable!("a mirror applies batches")
    }

    fn remove(&self, _id: &SessionId) -> Result<(), BackendError> {
        unreachable!("a mirror applies batches")
    }
}

impl MirrorBackend for Outage {
    fn checkpoint(&self) -> Result<Option<Checkpoint>, BackendError> {
        self.table.checkpoint()
    }

    fn apply(&self, batch: &RowBatch<'_>) -> Result<(), BackendError> {
        let left = self.calls_left.load(Ordering::SeqCst);
        self.calls_left.store(left.saturating_sub(1), Ordering::SeqCst);
        if left > 0 || self.is_done {
            self.table.apply(batch)?;
        }
        if left > 0 { Ok(()) } else { Err(BackendError::new("apply", "unplugged")) }
    }
}

#[test]
fn a_mirror_has_each_live_session_once_with_every_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ledger, file) = (folder.path().join("ledger"), folder.path().join("rows.db"));
    let clock = clock();
    let store = SessionStore::from(open(&ledger, &clock));
    live_a_day(&store, 60, &clock);
    let table = Arc::new(SqliteSessionBackend::open(&file).expect("a file"));
    caught_up(&ledger, Box::new(Arc::clone(&table)));
    live_a_day(&store, 60, &clock);
    store.ledger().close().expect("closes");
    caught_up(&ledger, Box::new(table));
    let count = sqlite3(&file, "SELECT count(*), count(DISTINCT id) FROM passbook_sessions");
    let live = store.list_all_unfiltered().len();
    assert_eq!(count.trim(), format!("{live}|{live}"));
    assert_ne!(
        sqlite3(
            &file,
            "SELECT data ->> '$.cart' FROM passbook_sessions WHERE data IS NOT NULL LIMIT 1"
        )
        .trim(),
        ""
    );
}

#[test]
fn an_outage_at_any_batch_skips_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let store = SessionStore::from(open(folder.path(), &clock));
    live_a_day(&store, 20, &clock);
    for is_done in [false, true] {
        for calls in 0..4 {
            let table = Arc::new(SqliteSessionBackend::in_memory().expect("in memory"));
            let mut mirror = None;
            for _ in 0..=calls {
                let journal = journal(folder.path());
                let mirror = mirror.get_or_insert_with(|| {
                    let (table, calls_left) = (Arc::clone(&table), AtomicUsize::new(calls));
                    let outage = Outage { table, calls_left, is_done };
                    RowMirror::open(&journal, journal.store(), Box::new(outage)).expect("opens")
                });
                drop(mirror.catch_up(&journal, &|_sequence| ()));
                live_a_day(&store, 7, &clock);
            }
            // The same process goes on, and another begins where it left off.
            assert!(mirror.expect("opened").catch_up(&journal(folder.path()), &|_| ()).is_err());
            caught_up(folder.path(), Box::new(table));
        }
    }
}

#[test]
fn a_mirror_that_was_away_over_a_compaction_is_written_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let store = SessionStore::from(open(folder.path(), &clock));
    live_a_day(&store, 20, &clock);
    let table = Arc::new(SqliteSessionBackend::in_memory().expect("in memory"));
    let before = caught_up(folder.path(), Box::new(Arc::clone(&table)));
    live_a_day(&store, 150, &clock);
    clock.advance_ms(DAY_MS);
    for _ in 0..3 {
        store.ledger().compact().expect("compacts");
        live_a_day(&store, 150, &clock);
    }
    let first = passbook::journal::Journal::extent(&journal(folder.path())).sequence_first;
    assert!(first > before.sequence + 1, "the events behind its checkpoint are gone");
    caught_up(folder.path(), Box::new(table));
}

#[test]
fn a_table_of_another_ledger_or_of_a_store_is_not_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    for name in ["one", "two"] {
        let store = SessionStore::from(open(&folder.path().join(name), &clock));
        store.create("ann".to_owned());
        store.ledger().close().expect("closes");
    }
    let table = Arc::new(SqliteSessionBackend::in_memory().expect("in memory"));
    caught_up(&folder.path().join("one"), Box::new(Arc::clone(&table)));
    let two = journal(&folder.path().join("two"));
    let error = RowMirror::open(&two, two.store(), Box::new(table)).expect_err("another's");
    assert!(error.to_string().contains("another ledger"), "{error}");
    let table = SqliteSessionBackend::in_memory().expect("in memory");
    table.save(&bare(1)).expect("saved");
    let error = RowMirror::open(&two, two.store(), Box::new(table)).expect_err("a store's");
    assert!(error.to_string().contains("no mirror wrote"), "{error}");
}

#[test]
fn a_comparison_tells_each_kind_of_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = clock();
    let store = SessionStore::from(open(folder.path(), &clock));
    let [ann, bob] = ["ann", "bob"].map(|user| store.create(user.to_owned()));
    // Who only reads does not know of the last event of a writer that it is durable.
    store.ledger().close().expect("closes");
    let table = Arc::new(SqliteSessionBackend::in_memory().expect("in memory"));
    caught_up(folder.path(), Box::new(Arc::clone(&table)));
    let rows = table.load_all().expect("loads");
    let ann_row = rows.iter().find(|row| row.id == ann.id).expect("hers");
    let tampered = SessionRow { user_id: "eve".into(), is_guest: true, ..ann_row.clone() };
    table.save(&tampered).expect("saved");
    table.remove(&bob.id).expect("removed");
    table.save(&bare(1)).expect("saved");
    let journal = journal(folder.path());
    let mirror = RowMirror::open(&journal, journal.store(), Box::new(table)).expect("opens");
    let differences = mirror.check(&journal).expect("compares").differences;
    let told: Vec<_> = differences.into_iter().map(|found| (found.id, found.kind)).collect();
    let columns = RowDifferenceKind::Columns(vec!["user_id", "is_guest"]);
    let mut expected = vec![
        (bare(1).id, RowDifferenceKind::Extra),
        (ann.id, columns),
        (bob.id, RowDifferenceKind::Missing),
    ];
    expected.sort_by_key(|(id, _)| *id);
    assert_eq!(told, expected);
}

#[test]
fn a_ledger_lets_its_own_mirror_follow_and_tells_how_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = Arc::new(SqliteSessionBackend::in_memory().expect("in memory"));
    let builder = Ledger::builder().path(folder.path()).history_index(false);
    let ledger = builder.mirror(Arc::clone(&table)).open_blocking().expect("a ledger");
    let store = SessionStore::from(ledger.clone());
    for number in 0..50 {
        store.create(format!("user{number}"));
    }
    loop {
        let health = ledger.health().mirror.expect("it was asked for");
        assert!(health.error.is_none(), "{health:?}");
        if health.lag == 0 {
            break;
        }
        std::thread::yield_now();
    }
    let mut ids: Vec<_> = table.load_all().expect("loads").iter().map(|row| row.id).collect();
    let mut live: Vec<_> = store.list_all_unfiltered().iter().map(|session| session.id).collect();
    ids.sort_unstable();
    live.sort_unstable();
    assert_eq!(ids, live);
}
