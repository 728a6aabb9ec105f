//! The peer of a load: the design that Passbook began as, which has a row in SQLite for each session
//! and reads all of them into a map by token when it starts.

use std::{
    collections::HashMap,
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use passbook_core::SessionState;
use rusqlite::{Connection, params};

/// A session as that design has it in memory.
#[derive(Debug)]
#[allow(dead_code, reason = "it is there to be loaded")]
struct Row {
    token: String,
    user_id: String,
    expires_at: u64,
    created_at: u64,
    device: Option<String>,
    tenant_id: Option<String>,
}

/// Writes the sessions into a new database, each with its number.
pub(super) fn write(path: &Path, sessions: impl Iterator<Item = (u64, SessionState)>) {
    let mut connection = Connection::open(path).expect("a database");
    connection.execute_batch(include_str!("seed.sql")).expect("a table");
    let transaction = connection.transaction().expect("the only one");
    {
        let mut insert = transaction
            .prepare("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .expect("a statement");
        for (number, state) in sessions {
            let session = &state.session;
            let seconds = |ms: u64| i64::try_from(ms / 1_000).expect("a time");
            insert
                .execute(params![
                    super::token(number).expose().to_string(),
                    session.user_id.as_str(),
                    seconds(session.expires_at_ms),
                    seconds(session.created_at_ms),
                    session.device.as_deref(),
                    session.tenant_id.as_deref(),
                ])
                .expect("a new row");
        }
    }
    transaction.commit().expect("space");
}

/// How long it takes to read all rows and to put them into a map, the best of so many times.
pub(super) fn load(path: &Path, sessions: u64, rounds: usize) -> Duration {
    let once = || {
        let start = Instant::now();
        let connection = Mutex::new(Connection::open(path).expect("the database"));
        let all: Mutex<HashMap<String, Row>> = Mutex::default();
        for row in load_all(&connection) {
            all.lock().expect("no panic").insert(row.token.clone(), row);
        }
        let elapsed = start.elapsed();
        let loaded = all.lock().expect("no panic").len();
        assert_eq!(u64::try_from(loaded).ok(), Some(sessions));
        elapsed
    };
    (0..rounds).map(|_| once()).min().unwrap_or_default()
}

/// Its backend gives the rows as a whole.
fn load_all(connection: &Mutex<Connection>) -> Vec<Row> {
    let connection = connection.lock().expect("no panic");
    let mut select = connection
        .prepare("SELECT token, user_id, expires_at, created_at, device, tenant_id FROM sessions")
        .expect("a statement");
    let seconds = |seconds: i64| u64::try_from(seconds).expect("a time");
    let rows = select.query_map([], |row| {
        Ok(Row {
            token: row.get(0)?,
            user_id: row.get(1)?,
            expires_at: row.get(2).map(seconds)?,
            created_at: row.get(3).map(seconds)?,
            device: row.get(4)?,
            tenant_id: row.get(5)?,
        })
    });
    rows.expect("rows").map(|row| row.expect("a row")).collect()
}
