//! What is asked of a PostgreSQL server, on one connection.

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::{Row, types::ToSql};

use super::{
    super::{
        Checkpoint, SessionRow,
        columns::{self, Columns},
    },
    connections::said,
};

/// Rows that go into one statement.
const STATEMENT_ROWS: usize = 1_000;

/// Of two programs that migrate at once, one waits: any number that others don't use.
const LOCK_MIGRATION: &str = "SELECT pg_advisory_xact_lock(7308327755813713)";

/// Is granted when no transaction that writes rows is open.
const LOCK_ROWS: &str = "LOCK TABLE passbook_sessions IN SHARE MODE";

const UPSERT_MANY: &str = "SELECT * FROM UNNEST($1::text[], $2::bytea[], $3::text[], $4::boolean[], \
     $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], \
     $12::text[])";
const DELETE_MANY: &str = "DELETE FROM passbook_sessions WHERE id = ANY($1)";

/// What can be asked.
#[derive(Debug)]
pub(super) enum Job {
    Migrate,
    Load,
    Save(Columns),
    Remove(String),
    Checkpoint,
    Apply { replaces_all: bool, saved: Vec<Columns>, removed: Vec<String>, checkpoint: Checkpoint },
}

/// What can come of it.
#[derive(Debug)]
pub(super) enum Answer {
    Done,
    Rows(Vec<SessionRow>),
    Checkpoint(Option<Checkpoint>),
}

pub(super) async fn run(client: &mut Object, job: Job) -> Result<Answer, String> {
    match job {
        Job::Migrate => migrate(client).await.map(|()| Answer::Done),
        Job::Load => load(client).await.map(Answer::Rows),
        Job::Save(row) => {
            let values: [&(dyn ToSql + Sync); 12] = [
                &row.id,
                &row.token_digest,
                &row.user_id,
                &row.is_guest,
                &row.created_at,
                &row.last_active_at,
                &row.expires_at,
                &row.device,
                &row.tenant_id,
                &row.ip,
                &row.user_agent,
                &row.data,
            ];
            execute(client, columns::UPSERT, &values).await
        }
        Job::Remove(id) => execute(client, columns::DELETE, &[&id]).await,
        Job::Checkpoint => checkpoint(client).await.map(Answer::Checkpoint),
        Job::Apply { replaces_all, saved, removed, checkpoint } => {
            let transaction = client.transaction().await.map_err(said)?;
            if replaces_all {
                change(&transaction, columns::DELETE_ALL, &[]).await?;
            }
            for rows in saved.chunks(STATEMENT_ROWS) {
                upsert(&transaction, rows).await?;
            }
            if !removed.is_empty() {
                change(&transaction, DELETE_MANY, &[&removed]).await?;
            }
            let sequence = columns::stored_sequence(checkpoint.sequence);
            let ledger = &checkpoint.ledger[..];
            change(&transaction, columns::UPSERT_CHECKPOINT, &[&ledger, &sequence]).await?;
            transaction.commit().await.map_err(said)?;
            Ok(Answer::Done)
        }
    }
}

async fn execute(
    client: &Object,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Answer, String> {
    let statement = client.prepare_cached(sql).await.map_err(said)?;
    client.execute(&statement, values).await.map_err(said)?;
    Ok(Answer::Done)
}

async fn change(
    transaction: &Transaction<'_>,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<(), String> {
    let statement = transaction.prepare_cached(sql).await.map_err(said)?;
    transaction.execute(&statement, values).await.map_err(said)?;
    Ok(())
}

async fn upsert(transaction: &Transaction<'_>, rows: &[Columns]) -> Result<(), String> {
    fn column<'a, T>(rows: &'a [Columns], of: impl Fn(&'a Columns) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    let values: [&(dyn ToSql + Sync); 12] = [
        &column(rows, |row| &row.id),
        &column(rows, |row| &row.token_digest),
        &column(rows, |row| &row.user_id),
        &column(rows, |row| row.is_guest),
        &column(rows, |row| row.created_at),
        &column(rows, |row| row.last_active_at),
        &column(rows, |row| row.expires_at),
        &column(rows, |row| &row.device),
        &column(rows, |row| &row.tenant_id),
        &column(rows, |row| &row.ip),
        &column(rows, |row| &row.user_agent),
        &column(rows, |row| &row.data),
    ];
    let one = "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    change(transaction, &columns::UPSERT.replace(one, UPSERT_MANY), &values).await
}

/// Waits until every write that has begun has ended, also one of a process that is gone. Who writes
/// meanwhile waits no longer than that: what is read then is not locked.
async fn settle(client: &mut Object) -> Result<(), String> {
    let transaction = client.transaction().await.map_err(said)?;
    transaction.batch_execute(LOCK_ROWS).await.map_err(said)?;
    transaction.commit().await.map_err(said)
}

async fn load(client: &mut Object) -> Result<Vec<SessionRow>, String> {
    settle(client).await?;
    let statement = client.prepare_cached(columns::SELECT_ALL).await.map_err(said)?;
    let rows = client.query(&statement, &[]).await.map_err(said)?;
    rows.iter().map(|row| columns_of(row).map_err(said)?.row()).collect()
}

async fn checkpoint(client: &mut Object) -> Result<Option<Checkpoint>, String> {
    settle(client).await?;
    let statement = client.prepare_cached(columns::SELECT_CHECKPOINT).await.map_err(said)?;
    let Some(row) = client.query_opt(&statement, &[]).await.map_err(said)? else { return Ok(None) };
    let (ledger, sequence) = (row.try_get(0).map_err(said)?, row.try_get(1).map_err(said)?);
    columns::checkpoint(ledger, sequence).map(Some).map_err(|error| error.why)
}

async fn migrate(client: &mut Object) -> Result<(), String> {
    let transaction = client.transaction().await.map_err(said)?;
    transaction.batch_execute(LOCK_MIGRATION).await.map_err(said)?;
    transaction.batch_execute(columns::CREATE_VERSION).await.map_err(said)?;
    let version: i32 =
        transaction.query_one(columns::SELECT_VERSION, &[]).await.map_err(said)?.get(0);
    for (version, step) in columns::migrations_from(i64::from(version))? {
        let failed = |error| format!("the step to version {version}: {}", said(error));
        transaction.batch_execute(step).await.map_err(failed)?;
        let version = i32::try_from(version).map_err(|error| error.to_string())?;
        transaction.execute(columns::INSERT_VERSION, &[&version]).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(said)
}

fn columns_of(row: &Row) -> Result<Columns, tokio_postgres::Error> {
    Ok(Columns {
        id: row.try_get(0)?,
        token_digest: row.try_get(1)?,
        user_id: row.try_get(2)?,
        is_guest: row.try_get(3)?,
        created_at: row.try_get(4)?,
        last_active_at: row.try_get(5)?,
        expires_at: row.try_get(6)?,
        device: row.try_get(7)?,
        tenant_id: row.try_get(8)?,
        ip: row.try_get(9)?,
        user_agent: row.try_get(10)?,
        data: row.try_get(11)?,
    })
}
