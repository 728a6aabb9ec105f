//! A store whose backend fails or hangs: no ended session comes back, no acknowledged one is lost,
//! and nobody who only asks waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::yield_now,
};

use passbook::{BackendError, SessionBackend, SessionId, SessionRow, SessionStore};
use tempfile::TempDir;

/// A table that outlives the stores on it.
#[derive(Default)]
struct Table {
    state: Mutex<TableState>,
    changed: Condvar,
}

#[derive(Default)]
struct TableState {
    rows: BTreeMap<SessionId, SessionRow>,
    /// Writes that came.
    calls: usize,
    /// Of the writes, each whose number this divides fails; 0 = none.
    fails_each: usize,
    /// Every write of this row fails.
    fails_for: Option<SessionId>,
    hangs: bool,
    /// Writes that hang now.
    hanging: usize,
    panics: bool,
}

/// One process's connection to the table.
struct Connection {
    table: Arc<Table>,
    removals: Option<PathBuf>,
    /// Set when the process is dead: what it still sends arrives nowhere.
    cut: Arc<Mutex<bool>>,
}

impl Table {
    fn state(&self) -> MutexGuard<'_, TableState> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn set(&self, set: impl FnOnce(&mut TableState)) {
        set(&mut self.state());
        self.changed.notify_all();
    }

    /// Waits until it is so; the runner ends a test that waits for ever.
    fn wait_until(&self, is_so: impl Fn(&TableState) -> bool) {
        let mut state = self.state();
        while !is_so(&state) {
            state = self.changed.wait(state).expect("no panic");
        }
    }
}

impl Connection {
    fn write(
        &self,
        operation: &'static str,
        id: SessionId,
        write: impl FnOnce(&mut TableState),
    ) -> Result<(), BackendError> {
        let failed = |why| Err(BackendError::new(operation, why));
        let is_cut = || *self.cut.lock().expect("no panic");
        if is_cut() {
            return failed("the process is dead");
        }
        let mut state = self.table.state();
        state.calls += 1;
        assert!(!state.panics, "planted");
        state.hanging += 1;
        self.table.changed.notify_all();
        while state.hangs {
            state = self.table.changed.wait(state).expect("no panic");
        }
        state.hanging -= 1;
        if is_cut() {
            return failed("the process is dead");
        }
        if state.fails_for == Some(id) {
            return failed("not this one");
        }
        if state.fails_each > 0 && state.calls.is_multiple_of(state.fails_each) {
            return failed("its turn to fail");
        }
        write(&mut state);
        drop(state);
        self.table.changed.notify_all();
        Ok(())
    }
}

impl SessionBackend for Connection {
    fn load_all(&self) -> Result<Vec<SessionRow>, BackendError> {
        Ok(self.table.state().rows.values().cloned().collect())
    }

    fn save(&self, row: &SessionRow) -> Result<(), BackendError> {
        self.write("save", row.id, |state| drop(state.rows.insert(row.id, row.clone())))
    }

    fn remove(&self, id: &SessionId) -> Result<(), BackendError> {
        self.write("remove", *id, |state| drop(state.rows.remove(id)))
    }

    fn removals_file(&self) -> Option<PathBuf> {
        self.removals.clone()
    }
}

/// A table and a folder, and the processes on them.
struct World {
    table: Arc<Table>,
    folder: TempDir,
    /// Dead processes. They are kept, because one that is dropped ends in order.
    graves: Vec<SessionStore>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { table: Arc::default(), folder, graves: Vec::new() }
    }

    /// The process dies, and does nothing more: neither to the table nor to its files.
    fn kill(&mut self, store: SessionStore, cut: &Mutex<bool>) {
        *cut.lock().expect("no panic") = true;
        self.graves.push(store);
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("removals")
    }

    /// A process; the switch cuts it off.
    fn start(&self) -> (SessionStore, Arc<Mutex<bool>>) {
        let cut = Arc::new(Mutex::new(false));
        let table = Arc::clone(&self.table);
        let removals = Some(self.file());
        let backend = Connection { table, removals, cut: Arc::clone(&cut) };
        (SessionStore::with_backend(Box::new(backend)), cut)
    }
}

/// What callers know.
#[derive(Default)]
struct Known {
    /// Tokens that were handed out, and nothing has been asked of them since that failed.
    live: BTreeMap<String, String>,
    dead: BTreeSet<String>,
}

impl Known {
    #[track_caller]
    fn check(&self, store: &SessionStore, when: &str) {
        for (token, user) in &self.live {
            let session = store.get(token);
            assert_eq!(session.expect(when).user_id, user.as_str(), "{when}: an acknowledged one");
        }
        for token in &self.dead {
            assert!(store.get(token).is_none(), "{when}: an ended session is alive");
        }
    }

    /// One change, chosen by `draw`; what the answer says is what is known then.
    fn act(&mut self, store: &SessionStore, draw: usize) {
        let user = format!("user-{}", draw / 8 % 3);
        let picked = self.live.keys().nth(draw / 32 % self.live.len().max(1)).cloned();
        match (draw % 8, picked) {
            (0, Some(token)) => {
                self.live.remove(&token);
                drop(store.try_revoke(&token));
                self.dead.insert(token);
            }
            (1, _) => {
                drop(store.try_revoke_all_for_user(&user));
                let ended = self.live.iter().filter(|(_, of)| **of == user);
                self.dead.extend(ended.map(|(token, _)| token.clone()));
                self.live.retain(|_, of| *of != user);
            }
            (2 | 3, Some(token)) => {
                let user = self.live.remove(&token).expect("picked");
                // Not acknowledged, it is as before or as after: who asks again may find neither.
                if let Ok(renewed) = store.try_refresh(&token) {
                    let renewed = renewed.expect("live").token.expose().to_string();
                    self.live.insert(renewed, user);
                    self.dead.insert(token);
                }
            }
            (4, Some(token)) => drop(store.try_set_device(&token, format!("device {draw}"))),
            _ => {
                if let Ok(login) = store.try_create(user.clone()) {
                    self.live.insert(login.token.expose().to_string(), user);
                }
            }
        }
    }
}

#[test]
fn whichever_call_fails_no_ended_session_lives_again_and_no_acknowledged_one_is_missing() {
    // Over all of them: what happens in one depends on the tokens that were drawn.
    let (mut dead, mut survivors) = (0, 0);
    for fails_each in 1..=10 {
        let mut world = World::new();
        let mut known = Known::default();
        let mut draw = fails_each;
        for round in 0..12 {
            // Some rounds start healthy, so that there is something to lose.
            world.table.set(|state| state.fails_each = if round % 3 == 0 { 0 } else { fails_each });
            let (store, cut) = world.start();
            known.check(&store, &format!("every {fails_each}th fails, start {round}"));
            survivors += known.live.len();
            for _ in 0..25 {
                draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
                known.act(&store, draw >> 33);
                known.check(&store, &format!("every {fails_each}th fails, round {round}"));
            }
            if round % 2 == 0 {
                world.kill(store, &cut);
            }
        }
        dead += known.dead.len();
    }
    assert!(dead > 200 && survivors > 200, "something happened: {dead} dead, {survivors} survived");
}

#[test]
fn a_backend_that_hangs_holds_up_no_reader_and_a_restart_meanwhile_brings_nothing_back() {
    let world = World::new();
    let (store, _) = world.start();
    let tokens = ["ann", "bob", "cid"].map(|user| store.create(user.to_owned()).token.expose());
    let [ann, bob, cid] = tokens;
    world.table.set(|state| state.hangs = true);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| store.try_revoke(&ann));
        world.table.wait_until(|state| state.hanging == 1);
        let second = scope.spawn(|| store.try_revoke(&bob));
        while noted(&world.file()) < 2 {
            yield_now();
        }
        assert!(store.get(&ann).is_none() && store.get(&bob).is_none(), "dead at once");
        assert!((0..10_000).all(|_| store.get(&cid).is_some()), "and reading goes on");
        assert_eq!(store.health().backend_backlog, 2);

        // The process dies while its calls hang. The next one can't write either.
        let (next, _) = world.start();
        assert!(next.get(&ann).is_none() && next.get(&bob).is_none(), "no session comes back");
        assert!(next.get(&cid).is_some());
        world.table.set(|state| state.hangs = false);
        drop(next);
        assert!(first.join().expect("no panic").expect("written in the end"));
        assert!(second.join().expect("no panic").expect("written in the end"));
    });
    assert_eq!(world.table.state().rows.len(), 1);
    drop(store);
    assert_eq!(noted(&world.file()), 0, "a clean end leaves nothing noted");
}

/// How many rows the file says are to be removed.
fn noted(file: &Path) -> usize {
    let Ok(bytes) = std::fs::read(file) else { return 0 };
    passbook_projections::rows::removals::decode(&bytes).expect("never half written").len()
}

#[test]
fn what_failed_is_tried_again_though_nobody_comes() {
    let world = World::new();
    let (store, _) = world.start();
    let ann = store.create("ann".to_owned());
    world.table.set(|state| state.fails_for = Some(ann.id));
    let error = store.try_revoke(&ann.token.expose()).expect_err("not this one");
    assert_eq!(error.code(), "ledger:backend");
    let calls = world.table.state().calls;
    world.table.wait_until(|state| state.calls >= calls + 3);
    world.table.set(|state| state.fails_for = None);
    world.table.wait_until(|state| state.rows.is_empty());
    while store.health().backend_backlog > 0 {
        yield_now();
    }
    assert!(store.health().backend_error.is_none());
}

#[test]
fn a_failure_is_told_to_whose_change_it_was_and_to_nobody_else() {
    let world = World::new();
    let (store, _) = world.start();
    let ann = store.create("ann".to_owned());
    let bob = store.create("bob".to_owned());
    world.table.set(|state| state.hangs = true);
    std::thread::scope(|scope| {
        world.table.set(|state| state.fails_for = Some(ann.id));
        let ann = scope.spawn(|| store.try_revoke(&ann.token.expose()));
        world.table.wait_until(|state| state.hanging == 1);
        let bob = scope.spawn(|| store.try_revoke(&bob.token.expose()));
        while noted(&world.file()) < 2 {
            yield_now();
        }
        world.table.set(|state| state.hangs = false);
        assert!(ann.join().expect("no panic").is_err());
        assert!(bob.join().expect("no panic").is_ok());
    });
}

#[test]
fn a_damaged_list_of_removals_is_refused_with_its_place_and_a_way_out() {
    let mut world = World::new();
    let (store, cut) = world.start();
    let ann = store.create("ann".to_owned());
    world.table.set(|state| state.fails_for = Some(ann.id));
    assert!(store.try_revoke(&ann.token.expose()).is_err());
    world.kill(store, &cut);
    world.table.set(|state| state.fails_for = None);
    let good = std::fs::read(world.file()).expect("it is there");
    let mut bad = good.clone();
    bad[25] ^= 1;
    std::fs::write(world.file(), &bad).expect("written");
    let backend = || {
        let table = Arc::clone(&world.table);
        Box::new(Connection { table, removals: Some(world.file()), cut: Arc::default() })
    };
    let error = SessionStore::try_with_backend(backend()).expect_err("damaged").to_string();
    let path = world.file().display().to_string();
    assert!(error.contains(&path) && error.contains("byte 20") && error.contains("move it away"));
    std::fs::write(world.file(), &good).expect("written");
    let store = SessionStore::try_with_backend(backend()).expect("good");
    assert!(store.get(&ann.token.expose()).is_none());
    world.table.wait_until(|state| state.rows.is_empty());
}

#[test]
fn a_backend_that_panics_has_failed() {
    let world = World::new();
    let (store, _) = world.start();
    world.table.set(|state| state.panics = true);
    assert!(store.try_create("ann").is_err());
    world.table.set(|state| state.panics = false);
    store.create("bob".to_owned());
    while store.health().backend_backlog > 0 {
        yield_now();
    }
    assert_eq!(world.table.state().rows.len(), 2);
}

#[test]
fn what_is_changed_through_the_ledger_is_in_the_table_at_the_end() {
    let world = World::new();
    let (store, _) = world.start();
    let ann = store.create("ann".to_owned());
    let bob = store.create("bob".to_owned());
    SessionStore::from(store.ledger().clone()).revoke(&ann.token.expose());
    drop(store);
    assert_eq!(world.table.state().rows.keys().collect::<Vec<_>>(), [&bob.id]);
}
