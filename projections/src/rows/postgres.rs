//! Sessions as rows of a PostgreSQL table.
//!
//! The client is asynchronous, the trait is not: the work is done on a runtime with a thread of its
//! own, and the caller's thread waits for the answer. So it may be called from any thread, inside or
//! outside a runtime.

mod connections;
mod reader;
mod succession;
mod work;

use std::{
    fmt,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use deadpool_postgres::{Object, Pool};
use passbook_core::SessionId;

use super::{
    BackendError, Checkpoint, MirrorBackend, RowBatch, SessionBackend, SessionRow, columns::Columns,
};
use connections::{CONNECT_TIMEOUT, Connections, connection, late};
use work::{Answer, Job};

pub use reader::{PostgresReader, PostgresRow, PostgresValue};

/// How long the server may take for one row, if nothing else is said; more of them have more time.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// What each row of a batch adds to that.
const ROW_TIMEOUT: Duration = Duration::from_millis(1);
/// What may be said.
const CALL_TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(1);
/// How long the server may take to give all rows.
const LOAD_TIMEOUT: Duration = Duration::from_mins(5);

/// Sessions as rows of the table `passbook_sessions` in a PostgreSQL database, for
/// `SessionStore::with_backend` and as a mirror of a ledger.
///
/// It has one connection at a time; one that broke, or gave no answer in time, is made anew with the
/// next call. Before that the server ends the old one, so that what is still under way on it does not
/// come after what was asked later: a pooler in between must give each connection a session of its
/// own. The server's `synchronous_commit` says what an answer promises. PostgreSQL keeps no NUL
/// character in a text: a session with one in its user id, device, tenant or user agent can't be
/// written.
///
/// ```no_run
/// use passbook_projections::rows::{PostgresSessionBackend, SessionBackend as _};
/// let backend = PostgresSessionBackend::connect("postgres://passbook@db.example/sessions?sslmode=require")?
///     .with_removals_file("/var/lib/passbook/removals");
/// println!("{} sessions", backend.load_all()?.len());
/// # Ok::<(), passbook_projections::rows::BackendError>(())
/// ```
pub struct PostgresSessionBackend {
    connections: Connections,
    call_timeout: Duration,
    removals: Option<PathBuf>,
}

impl PostgresSessionBackend {
    /// Connects, and brings the tables to the newest schema. The address is a URL or a list of
    /// `key=value`, as `psql` takes it. TLS is used if the server has it, always with
    /// `sslmode=require`, and then with a certificate that the operating system trusts; a socket of
    /// this machine needs none.
    ///
    /// # Errors
    /// [`BackendError`]: the address is none, the server can't be reached or refuses, or a newer
    /// version of Passbook wrote the tables.
    pub fn connect(url: &str) -> Result<Self, BackendError> {
        let connections = Connections::new(url, Some(succession::hook(CONNECT_TIMEOUT)))?;
        let backend = Self { connections, call_timeout: CALL_TIMEOUT, removals: None };
        backend.call("migrate", CALL_TIMEOUT, Job::Migrate)?;
        Ok(backend)
    }

    /// Names the file in which rows that are to be removed are noted first, on a disk that outlives
    /// the process: see [`SessionBackend::removals_file`]. Its folder must be there. Without it, an
    /// ended session whose row could not be removed lives again after a restart.
    #[must_use]
    pub fn with_removals_file(mut self, path: impl AsRef<Path>) -> Self {
        self.removals = Some(path.as_ref().to_owned());
        self
    }

    /// Sets how long the server may take to write, remove or find one row: 10 s if nothing is said.
    /// Each row of a batch adds a millisecond. Less than a millisecond counts as one, more than an
    /// hour as an hour. To load all rows it has five minutes, whatever is said.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout.clamp(*CALL_TIMEOUTS.start(), *CALL_TIMEOUTS.end());
        self
    }

    fn call(
        &self,
        operation: &'static str,
        timeout: Duration,
        job: Job,
    ) -> Result<Answer, BackendError> {
        let pool = self.connections.pool.clone();
        self.connections.call(operation, async move { run(&pool, timeout, job).await })
    }
}

impl fmt::Debug for PostgresSessionBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSessionBackend")
            .field("call_timeout", &self.call_timeout)
            .field("removals", &self.removals)
            .finish_non_exhaustive()
    }
}

impl SessionBackend for PostgresSessionBackend {
    fn load_all(&self) -> Result<Vec<SessionRow>, BackendError> {
        match self.call("load", LOAD_TIMEOUT, Job::Load)? {
            Answer::Rows(rows) => Ok(rows),
            Answer::Done | Answer::Checkpoint(_) => Err(unexpected("load")),
        }
    }

    fn save(&self, row: &SessionRow) -> Result<(), BackendError> {
        let columns = Columns::of(row).map_err(|why| BackendError::new("save", why))?;
        self.call("save", self.call_timeout, Job::Save(columns)).map(|_done| ())
    }

    fn remove(&self, id: &SessionId) -> Result<(), BackendError> {
        self.call("remove", self.call_timeout, Job::Remove(id.to_string())).map(|_done| ())
    }

    fn removals_file(&self) -> Option<PathBuf> {
        self.removals.clone()
    }
}

impl MirrorBackend for PostgresSessionBackend {
    fn checkpoint(&self) -> Result<Option<Checkpoint>, BackendError> {
        match self.call("load", self.call_timeout, Job::Checkpoint)? {
            Answer::Checkpoint(found) => Ok(found),
            Answer::Done | Answer::Rows(_) => Err(unexpected("load")),
        }
    }

    fn apply(&self, batch: &RowBatch<'_>) -> Result<(), BackendError> {
        let saved: Result<Vec<_>, _> = batch.saved.iter().map(Columns::of).collect();
        let job = Job::Apply {
            replaces_all: batch.replaces_all,
            saved: saved.map_err(|why| BackendError::new("apply", why))?,
            removed: batch.removed.iter().map(ToString::to_string).collect(),
            checkpoint: batch.checkpoint,
        };
        let rows = u32::try_from(batch.saved.len() + batch.removed.len()).unwrap_or(u32::MAX);
        self.call("apply", self.call_timeout + ROW_TIMEOUT.saturating_mul(rows), job)
            .map(|_done| ())
    }
}

fn unexpected(operation: &'static str) -> BackendError {
    BackendError::new(operation, "the answer is of another question")
}

/// Does the job on a connection of the pool. One that gave no answer in time is not used again.
async fn run(pool: &Pool, timeout: Duration, job: Job) -> Result<Answer, String> {
    let mut client = connection(pool).await?;
    match tokio::time::timeout(timeout, work::run(&mut client, job)).await {
        Ok(done) => done,
        Err(_elapsed) => {
            drop(Object::take(client));
            Err(late(timeout))
        }
    }
}
