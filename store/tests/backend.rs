//! A store with a backend: hydrated from it, written through to it, and never wrong because of it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use passbook::{BackendError, SessionBackend, SessionId, SessionRow, SessionStore};

/// A table in memory whose writes can be made to fail.
#[derive(Default)]
struct Table {
    rows: Mutex<BTreeMap<SessionId, SessionRow>>,
    broken: AtomicBool,
}

struct Handle(Arc<Table>);

impl Handle {
    fn write(&self, operation: &'static str) -> Result<(), BackendError> {
        let broken = self.0.broken.load(Ordering::SeqCst);
        if broken { Err(BackendError { operation, why: "unplugged".to_owned() }) } else { Ok(()) }
    }
}

impl SessionBackend for Handle {
    fn load_all(&self) -> Result<Vec<SessionRow>, BackendError> {
        self.write("load")?;
        Ok(self.0.rows.lock().expect("no panic").values().cloned().collect())
    }

    fn save(&self, row: &SessionRow) -> Result<(), BackendError> {
        self.write("save")?;
        self.0.rows.lock().expect("no panic").insert(row.id, row.clone());
        Ok(())
    }

    fn remove(&self, id: &SessionId) -> Result<(), BackendError> {
        self.write("remove")?;
        self.0.rows.lock().expect("no panic").remove(id);
        Ok(())
    }
}

fn store_on(table: &Arc<Table>) -> SessionStore {
    SessionStore::with_backend(Box::new(Handle(Arc::clone(table))))
}

/// The rows are those of the sessions in memory.
#[track_caller]
fn check_in_step(store: &SessionStore, table: &Table) {
    let mut in_memory: Vec<_> = store
        .list_all_unfiltered()
        .into_iter()
        .map(|session| (session.id, session.user_id, session.device, session.expires_at_ms))
        .collect();
    in_memory.sort();
    let rows = table.rows.lock().expect("no panic");
    let in_table: Vec<_> = rows
        .values()
        .map(|row| (row.id, row.user_id.clone(), row.device.clone(), row.expires_at_ms))
        .collect();
    assert_eq!(in_memory, in_table);
}

#[test]
fn every_change_is_written_through_and_is_there_after_a_restart() {
    let table = Arc::new(Table::default());
    let store = store_on(&table);
    let ann = store.create("ann".to_owned());
    let ann = store.refresh(&ann.token.expose()).expect("live");
    let guest = store.create_guest();
    assert!(store.upgrade(&guest.token.expose(), "bob".to_owned()));
    assert!(store.set_device(&ann.token.expose(), "Firefox".to_owned()));
    assert!(store.set_tenant(&ann.token.expose(), Some("acme".to_owned())));
    let cid = store.create("cid".to_owned());
    assert!(store.revoke(&cid.token.expose()));
    check_in_step(&store, &table);
    let before = store.get(&ann.token.expose()).expect("live");
    drop(store);

    let store = store_on(&table);
    check_in_step(&store, &table);
    assert_eq!(store.get(&ann.token.expose()), Some(before), "nobody was logged out");
    assert_eq!(store.get(&guest.token.expose()).expect("live").user_id, "bob");
    assert!(store.get(&cid.token.expose()).is_none());
    assert_eq!(store.revoke_all_for_user("ann"), 1);
    check_in_step(&store, &table);
}

#[test]
fn rows_hold_no_token() {
    let table = Arc::new(Table::default());
    let store = store_on(&table);
    let ann = store.create("ann".to_owned());
    let rows = table.rows.lock().expect("no panic");
    let row = rows.values().next().expect("one");
    assert_eq!(row.token_digest, Some(ann.token.digest()));
    assert!(!format!("{row:?}").contains(ann.token.expose().trim_start_matches("pb_")));
}

#[test]
fn expired_rows_are_removed_and_not_hydrated() {
    let table = Arc::new(Table::default());
    let store = store_on(&table).with_lifetime(3_600);
    let ann = store.create("ann".to_owned());
    drop(store);
    table.rows.lock().expect("no panic").get_mut(&ann.id).expect("there").expires_at_ms = 1_000;
    let store = store_on(&table);
    assert!(store.get(&ann.token.expose()).is_none());
    while !table.rows.lock().expect("no panic").is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn a_failed_write_is_told_shows_in_health_and_is_made_up_for() {
    let table = Arc::new(Table::default());
    let store = store_on(&table);
    let ann = store.create("ann".to_owned());
    table.broken.store(true, Ordering::SeqCst);
    let error = store.try_create("bob").expect_err("unplugged");
    assert_eq!(error.code(), "ledger:backend");
    assert!(store.try_revoke(&ann.token.expose()).is_err());
    assert!(store.get(&ann.token.expose()).is_none(), "an ended session stays dead");
    assert_eq!(store.health().backend_backlog, 2);
    assert!(SessionStore::try_with_backend(Box::new(Handle(Arc::clone(&table)))).is_err());
    assert_eq!(store.health().backend_error.expect("told").why, "unplugged");
    table.broken.store(false, Ordering::SeqCst);
    store.create("cid".to_owned());
    while store.health().backend_backlog > 0 {
        std::thread::yield_now();
    }
    check_in_step(&store, &table);
    assert!(!table.rows.lock().expect("no panic").contains_key(&ann.id), "it does not come back");
}

#[test]
fn the_page_form_never_answers_as_if_a_lost_change_were_kept() {
    let table = Arc::new(Table::default());
    let store = store_on(&table);
    table.broken.store(true, Ordering::SeqCst);
    let created =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.create("ann".to_owned())));
    assert!(created.is_err());
}
