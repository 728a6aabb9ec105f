//! Sessions as rows of a SQLite file.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use parking_lot::Mutex;
use passbook_core::SessionId;
use rusqlite::{Connection, Error, Row, Statement, Transaction, TransactionBehavior, params};

use super::{
    BackendError, Checkpoint, MirrorBackend, RowBatch, SessionBackend, SessionRow,
    columns::{self, Columns},
};

/// How long a write waits for another program that holds the file: then it is an error.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that are kept.
const STATEMENTS: usize = 16;

/// Sessions as rows of the table `passbook_sessions` in a SQLite file, for
/// `SessionStore::with_backend` and as a mirror of a ledger.
///
/// Every write is a transaction that is on the medium when the call returns (WAL,
/// `synchronous=FULL`). Other programs may read the file meanwhile; one that holds it for writing
/// makes a write wait for up to 5 seconds, and then fail. Rows that are to be removed are noted in a
/// file beside it, its name with `-removals` behind.
///
/// ```
/// use passbook_projections::rows::{SessionBackend as _, SqliteSessionBackend};
/// let backend = SqliteSessionBackend::in_memory()?;
/// assert!(backend.load_all()?.is_empty());
/// # Ok::<(), passbook_projections::rows::BackendError>(())
/// ```
#[derive(Debug)]
pub struct SqliteSessionBackend {
    connection: Mutex<Connection>,
    removals: Option<PathBuf>,
}

impl SqliteSessionBackend {
    /// Opens the file, and brings its tables to the newest schema. If there is none it is made, for
    /// its owner alone (mode 0600); the rights of one that is there stay.
    ///
    /// # Errors
    /// [`BackendError`]: it can't be opened or made, it is no database, it can't have a write-ahead
    /// log (as on some network file systems), or a newer version of Passbook wrote it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        let path = path.as_ref();
        let shown = |error: &dyn std::fmt::Display| {
            BackendError::new("open", format!("{}: {error}", path.display()))
        };
        if path == Path::new(":memory:") {
            return Err(shown(&"a table in memory has a call of its own"));
        }
        make_private(path).map_err(|error| shown(&error))?;
        let connection = Connection::open(path).map_err(|error| shown(&error))?;
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(|error| shown(&error))?;
        if mode != "wal" {
            return Err(shown(&"it can't have a write-ahead log here"));
        }
        let mut removals = path.as_os_str().to_owned();
        removals.push("-removals");
        Self::prepare(connection, Some(removals.into()))
    }

    /// A table in memory, gone with this value: for tests. Removals are noted nowhere.
    ///
    /// # Errors
    /// [`BackendError`] if SQLite has no memory.
    pub fn in_memory() -> Result<Self, BackendError> {
        let connection = Connection::open_in_memory();
        Self::prepare(connection.map_err(|error| BackendError::new("open", error))?, None)
    }

    fn prepare(
        mut connection: Connection,
        removals: Option<PathBuf>,
    ) -> Result<Self, BackendError> {
        let set = |error: Error| BackendError::new("open", error);
        connection.busy_timeout(BUSY_TIMEOUT).map_err(set)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(set)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        migrate(&mut connection)?;
        Ok(Self { connection: Mutex::new(connection), removals })
    }

    /// Does all of it, or nothing.
    fn at_once(
        &self,
        operation: &'static str,
        write: impl FnOnce(&Transaction<'_>) -> Result<(), String>,
    ) -> Result<(), BackendError> {
        let mut connection = self.connection.lock();
        transact(&mut connection, write).map_err(|why| BackendError::new(operation, why))
    }
}

impl SessionBackend for SqliteSessionBackend {
    fn load_all(&self) -> Result<Vec<SessionRow>, BackendError> {
        let connection = self.connection.lock();
        let load = || -> Result<Vec<SessionRow>, String> {
            let mut select = connection.prepare_cached(columns::SELECT_ALL).map_err(said)?;
            let rows = select.query_map([], columns_of).map_err(said)?;
            rows.map(|columns| columns.map_err(said)?.row()).collect()
        };
        load().map_err(|why| BackendError::new("load", why))
    }

    fn save(&self, row: &SessionRow) -> Result<(), BackendError> {
        self.at_once("save", |writing| {
            let mut statement = writing.prepare_cached(columns::UPSERT).map_err(said)?;
            upsert(&mut statement, row)
        })
    }

    fn remove(&self, id: &SessionId) -> Result<(), BackendError> {
        self.at_once("remove", |writing| {
            let mut statement = writing.prepare_cached(columns::DELETE).map_err(said)?;
            delete(&mut statement, id)
        })
    }

    fn removals_file(&self) -> Option<PathBuf> {
        self.removals.clone()
    }
}

impl MirrorBackend for SqliteSessionBackend {
    fn checkpoint(&self) -> Result<Option<Checkpoint>, BackendError> {
        let connection = self.connection.lock();
        let found = connection.query_row(columns::SELECT_CHECKPOINT, [], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?))
        });
        match found {
            Ok((ledger, sequence)) => Ok(Some(columns::checkpoint(ledger, sequence)?)),
            Err(Error::QueryReturnedNoRows) => Ok(None),
            Err(error) => Err(BackendError::new("load", error)),
        }
    }

    fn apply(&self, batch: &RowBatch<'_>) -> Result<(), BackendError> {
        let ledger = batch.checkpoint.ledger;
        let sequence = columns::stored_sequence(batch.checkpoint.sequence);
        self.at_once("apply", |writing| {
            if batch.replaces_all {
                writing.execute(columns::DELETE_ALL, []).map_err(said)?;
            }
            let mut upserting = writing.prepare_cached(columns::UPSERT).map_err(said)?;
            batch.saved.iter().try_for_each(|row| upsert(&mut upserting, row))?;
            let mut deleting = writing.prepare_cached(columns::DELETE).map_err(said)?;
            batch.removed.iter().try_for_each(|id| delete(&mut deleting, id))?;
            writing
                .prepare_cached(columns::UPSERT_CHECKPOINT)
                .and_then(|mut upsert| upsert.execute(params![ledger, sequence]))
                .map(|_one| ())
                .map_err(said)
        })
    }
}

fn said(error: Error) -> String {
    error.to_string()
}

/// Makes the file before SQLite does, which would let everybody read it.
#[expect(clippy::disallowed_methods, reason = "SQLite opens its files itself, past our port")]
fn make_private(path: &Path) -> io::Result<()> {
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn transact(
    connection: &mut Connection,
    write: impl FnOnce(&Transaction<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(said)?;
    write(&transaction)?;
    transaction.commit().map_err(said)
}

fn migrate(connection: &mut Connection) -> Result<(), BackendError> {
    // All in one: of two programs that open it at once, one finds it done.
    let done = transact(connection, |writing| {
        writing.execute(columns::CREATE_VERSION, []).map_err(said)?;
        let version =
            writing.query_row(columns::SELECT_VERSION, [], |row| row.get(0)).map_err(said)?;
        for (version, step) in columns::migrations_from(version)? {
            let done = writing
                .execute_batch(&step.replace("BYTEA", "BLOB"))
                .and_then(|()| writing.execute(columns::INSERT_VERSION, [version]));
            done.map_err(|error| format!("the step to version {version}: {error}"))?;
        }
        Ok(())
    });
    done.map_err(|why| BackendError::new("migrate", why))
}

fn upsert(statement: &mut Statement<'_>, row: &SessionRow) -> Result<(), String> {
    let row = Columns::of(row)?;
    let values = params![
        row.id,
        row.token_digest,
        row.user_id,
        row.is_guest,
        row.created_at,
        row.last_active_at,
        row.expires_at,
        row.device,
        row.tenant_id,
        row.ip,
        row.user_agent,
        row.data,
    ];
    statement.execute(values).map(|_one| ()).map_err(said)
}

fn delete(statement: &mut Statement<'_>, id: &SessionId) -> Result<(), String> {
    statement.execute([id.to_string()]).map(|_count| ()).map_err(said)
}

fn columns_of(row: &Row<'_>) -> Result<Columns, Error> {
    Ok(Columns {
        id: row.get(0)?,
        token_digest: row.get(1)?,
        user_id: row.get(2)?,
        is_guest: row.get(3)?,
        created_at: row.get(4)?,
        last_active_at: row.get(5)?,
        expires_at: row.get(6)?,
        device: row.get(7)?,
        tenant_id: row.get(8)?,
        ip: row.get(9)?,
        user_agent: row.get(10)?,
        data: row.get(11)?,
    })
}
