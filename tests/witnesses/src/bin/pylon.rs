//! Sessions of pylon-auth's own store, in the table that its page describes: the backend itself is
//! published only within a crate that brings the whole server.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use passbook_witnesses::{Failure, Witness};
use pylon_auth::{Session, SessionBackend, SessionStore};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

/// The rows that pylon's store wants to be there.
#[derive(Clone, Default)]
struct Rows(Arc<Mutex<BTreeMap<String, Session>>>);

impl SessionBackend for Rows {
    fn load_all(&self) -> Vec<Session> {
        Vec::new()
    }

    fn save(&self, session: &Session) {
        let mut rows = self.0.lock().expect("nobody panics");
        rows.insert(session.token.clone(), session.clone());
    }

    fn remove(&self, token: &str) {
        self.0.lock().expect("nobody panics").remove(token);
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut witness = Witness::of("pylon")?;
    let rows = Rows::default();
    let store = SessionStore::with_backend(Box::new(rows.clone()));
    let mira = store.create_with_device("mira".to_owned(), Some("Firefox on Linux".to_owned()));
    assert!(store.set_tenant(&mira.token, Some("acme".to_owned())));
    witness.live(&mira.token, "mira");
    let tove = store.create("tove".to_owned());
    let renewed = store.refresh(&tove.token).expect("live");
    witness.live(&renewed.token, "tove");
    witness.dead(&tove.token);
    let guest = store.create_guest();
    witness.live(&guest.token, &guest.user_id);
    let jonas = store.create_guest();
    assert!(store.upgrade(&jonas.token, "jonas".to_owned()));
    witness.live(&jonas.token, "jonas");
    let gone = store.create("gone".to_owned());
    assert!(store.revoke(&gone.token));
    witness.dead(&gone.token);
    let for_ever = SessionStore::with_backend(Box::new(rows.clone())).with_lifetime(0);
    witness.live(&for_ever.create("dagny".to_owned()).token, "dagny");

    let options = SqliteConnectOptions::new().filename(witness.database()).create_if_missing(true);
    let mut database = SqliteConnection::connect_with(&options).await?;
    let table = "CREATE TABLE IF NOT EXISTS _pylon_sessions (token TEXT PRIMARY KEY, \
                 user_id TEXT NOT NULL, expires_at INTEGER NOT NULL, created_at INTEGER NOT NULL, \
                 device TEXT, tenant_id TEXT)";
    sqlx::query(table).execute(&mut database).await?;
    let rows: Vec<Session> = rows.0.lock().expect("nobody panics").values().cloned().collect();
    for row in rows {
        sqlx::query("INSERT INTO _pylon_sessions VALUES (?, ?, ?, ?, ?, ?)")
            .bind(row.token)
            .bind(row.user_id)
            .bind(i64::try_from(row.expires_at)?)
            .bind(i64::try_from(row.created_at)?)
            .bind(row.device)
            .bind(row.tenant_id)
            .execute(&mut database)
            .await?;
    }
    database.close().await?;
    witness.finish()
}
