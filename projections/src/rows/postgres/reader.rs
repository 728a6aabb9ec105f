//! Tables of another program in a PostgreSQL database: read as they are at one moment, never written.

use std::{collections::BTreeSet, error::Error, fmt, sync::Arc, time::Duration};

use deadpool_postgres::Object;
use tokio_postgres::{
    Client, Row,
    types::{FromSql, Type},
};

use super::{
    BackendError, LOAD_TIMEOUT,
    connections::{Connections, connection, late, said},
};

/// One moment for all that is read; the server itself refuses to write.
const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
/// So many rows are in memory at once.
const FETCH: &str = "FETCH FORWARD 1000 FROM passbook_reader";
const CLOSE: &str = "CLOSE passbook_reader";

/// A database that is read in one transaction, which can't write and sees one moment. What is read
/// comes in portions: it may be more than fits into memory.
///
/// ```no_run
/// use passbook_projections::rows::{BackendError, PostgresReader, PostgresValue};
/// let reader = PostgresReader::connect("postgres://app@db.example/app?sslmode=require")?;
/// reader.each("SELECT user_id FROM sessions", &mut |row| {
///     if let Some(PostgresValue::Text(user)) = row.value("user_id") {
///         println!("{user}");
///     }
///     Ok::<(), BackendError>(())
/// })?;
/// # Ok::<(), BackendError>(())
/// ```
pub struct PostgresReader {
    connections: Connections,
    client: Arc<Object>,
}

/// A row that was read. Its text shows nothing of it.
pub struct PostgresRow(Row);

/// What a column of a row holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PostgresValue<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// Something else.
    Other,
}

impl PostgresReader {
    /// Connects as [`PostgresSessionBackend`](super::PostgresSessionBackend) does, and begins the
    /// transaction. It ends when this is dropped.
    ///
    /// # Errors
    /// [`BackendError`]: the address is none, or the server can't be reached or refuses.
    pub fn connect(url: &str) -> Result<Self, BackendError> {
        let connections = Connections::new(url, None)?;
        let pool = connections.pool.clone();
        let client = connections.call("open", async move {
            let client = connection(&pool).await?;
            within(super::CALL_TIMEOUT, client.batch_execute(BEGIN)).await?;
            Ok(Arc::new(client))
        })?;
        Ok(Self { connections, client })
    }

    /// The names of the table's columns; none, if there is no such table. `table` is a name as SQL
    /// writes it, in quotes if it needs them.
    ///
    /// # Errors
    /// [`BackendError`]: the server can't be reached or refuses.
    pub fn columns_of(&self, table: &str) -> Result<BTreeSet<String>, BackendError> {
        let select = format!(
            "SELECT attname::text AS name FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped \
             AND attrelid = to_regclass('{}')",
            table.replace('\'', "''")
        );
        let mut names = BTreeSet::new();
        self.each(&select, &mut |row| {
            if let Some(PostgresValue::Text(name)) = row.value("name") {
                names.insert(name.to_owned());
            }
            Ok::<(), BackendError>(())
        })?;
        Ok(names)
    }

    /// Gives every row of what `select` asks for to `take`, which may end it.
    ///
    /// # Errors
    /// What `take` says, and a [`BackendError`] if the server can't be reached or refuses.
    pub fn each<E: From<BackendError>>(
        &self,
        select: &str,
        take: &mut dyn FnMut(&PostgresRow) -> Result<(), E>,
    ) -> Result<(), E> {
        self.execute(format!("DECLARE passbook_reader NO SCROLL CURSOR FOR {select}"))?;
        let read = self.drain(take);
        let closed = self.execute(CLOSE.to_owned());
        read?;
        Ok(closed?)
    }

    fn drain<E: From<BackendError>>(
        &self,
        take: &mut dyn FnMut(&PostgresRow) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let rows = self.fetch()?;
            if rows.is_empty() {
                return Ok(());
            }
            rows.into_iter().try_for_each(|row| take(&PostgresRow(row)))?;
        }
    }

    fn execute(&self, sql: String) -> Result<(), BackendError> {
        let client = Arc::clone(&self.client);
        self.connections
            .call("load", async move { within(LOAD_TIMEOUT, client.batch_execute(&sql)).await })
    }

    fn fetch(&self) -> Result<Vec<Row>, BackendError> {
        let client = Arc::clone(&self.client);
        self.connections.call("load", async move {
            within(LOAD_TIMEOUT, Client::query(&client, FETCH, &[])).await
        })
    }
}

/// Waits for the server, but not for ever.
async fn within<T>(
    timeout: Duration,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, String> {
    let answered = tokio::time::timeout(timeout, answer).await;
    answered.map_err(|_elapsed| late(timeout))?.map_err(said)
}

impl PostgresRow {
    /// What the column of that name holds; `None`: there is none, or it can't be read.
    pub fn value(&self, column: &str) -> Option<PostgresValue<'_>> {
        self.0.try_get(column).ok().map(|Held(value)| value)
    }
}

/// A value on its way out of a row, of whatever type.
struct Held<'a>(PostgresValue<'a>);

impl<'a> FromSql<'a> for Held<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let value = if <i64 as FromSql<'_>>::accepts(kind) {
            PostgresValue::Integer(i64::from_sql(kind, raw)?)
        } else if <i32 as FromSql<'_>>::accepts(kind) {
            PostgresValue::Integer(i32::from_sql(kind, raw)?.into())
        } else if <&str as FromSql<'_>>::accepts(kind) {
            PostgresValue::Text(<&str>::from_sql(kind, raw)?)
        } else {
            PostgresValue::Other
        };
        Ok(Self(value))
    }

    fn from_sql_null(_kind: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(PostgresValue::Null))
    }

    fn accepts(_kind: &Type) -> bool {
        true
    }
}

impl fmt::Debug for PostgresReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresReader").finish_non_exhaustive()
    }
}

impl fmt::Debug for PostgresRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresRow").finish_non_exhaustive()
    }
}

impl fmt::Debug for PostgresValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Integer(_) => "Integer(…)",
            Self::Text(_) => "Text(…)",
            Self::Other => "Other",
        })
    }
}
