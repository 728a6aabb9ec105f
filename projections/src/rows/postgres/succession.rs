//! One connection at a time: a new one is of use when the server has ended the one before.
//!
//! A call that gave no answer in time may be carried out all the same: its statement is on the way,
//! or the server is slow. Passed by a later call on another connection, it would bring back a row that
//! was removed meanwhile, and with it an ended session at the next start. So each connection takes
//! an advisory lock under a number of its backend's own, which a session of the server holds to its
//! end; who comes next has the server end that session, and waits until it is gone.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    time::Duration,
};

use deadpool_postgres::{ClientWrapper, Hook, HookError};
use tokio_postgres::types::ToSql;

use super::connections::said;

/// Everybody that has or wants the lock, but ourselves. In `pg_locks` its number is in two halves.
const END_BEFORE: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks \
     WHERE locktype = 'advisory' AND objsubid = 1 AND pid <> pg_backend_pid() \
     AND (classid::bigint << 32) | objid::bigint = $1 \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
const BEGIN: &str = "SELECT pg_advisory_lock($1)";

/// What is done with each new connection, before it is used. The server may take so long for it.
pub(super) fn hook(timeout: Duration) -> Hook {
    // Random: its keys are from the operating system.
    let number = RandomState::new().build_hasher().finish().cast_signed();
    Hook::async_fn(move |client, _metrics| {
        Box::pin(async move {
            let begun = tokio::time::timeout(timeout, succeed(client, number)).await;
            let late = |_| format!("the connection before it has not ended within {timeout:?}");
            begun.map_err(late).flatten().map_err(HookError::message)
        })
    })
}

async fn succeed(client: &ClientWrapper, number: i64) -> Result<(), String> {
    let number: [&(dyn ToSql + Sync); 1] = [&number];
    client.query(END_BEFORE, &number).await.map_err(said)?;
    client.query(BEGIN, &number).await.map_err(said)?;
    Ok(())
}
