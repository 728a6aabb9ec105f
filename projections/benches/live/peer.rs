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
    user_id: String,
    expires_at: i64,
    created_at: i64,
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

/// How long it takes to read all rows into a map, the best of so many times.
pub(super) fn load(path: &Path, sessions: u64, rounds: usize) -> Duration {
    let once = || {
        let start = Instant::now();
        let connection = Connection::open(path).expect("the database");
        let all: Mutex<HashMap<String, Row>> = Mutex::default();
        let mut select = connection
            .prepare(
                "SELECT token, user_id, expires_at, created_at, device, tenant_id FROM sessions",
            )
            .expect("a statement");
        let rows = select.query_map([], |row| {
            let session = Row {
                user_id: row.get(1)?,
                expires_at: row.get(2)?,
                created_at: row.get(3)?,
                device: row.get(4)?,
                tenant_id: row.get(5)?,
            };
            Ok((row.get(0)?, session))
        });
        for row in rows.expect("rows") {
            let (token, session) = row.expect("a row");
            all.lock().expect("no panic").insert(token, session);
        }
        let elapsed = start.elapsed();
        let loaded = all.lock().expect("no panic").len();
        assert_eq!(u64::try_from(loaded).ok(), Some(sessions));
        elapsed
    };
    (0..rounds).map(|_| once()).min().unwrap_or_default()
}
