//! Sessions as rows of a PostgreSQL table.
//!
//! The client is asynchronous, the trait is not: the work is done on a runtime with a thread of its
//! own, and the caller's thread waits for the answer. So it may be called from any thread, inside or
//! outside a runtime.

mod work;

use std::{
    error::Error as StdError,
    fmt,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::{Arc, mpsc},
    time::Duration,
};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime as Clock};
use passbook_core::SessionId;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    BackendError, Checkpoint, MirrorBackend, RowBatch, SessionBackend, SessionRow, columns::Columns,
};
use work::{Answer, Job};

/// How long a connection may take to be made, and a call to get one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server may take for one row; more of them have more time.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// What each row of a batch adds to that.
const ROW_TIMEOUT: Duration = Duration::from_millis(1);
/// How long the server may take to give all rows.
const LOAD_TIMEOUT: Duration = Duration::from_mins(5);
/// Connections at once.
const CONNECTIONS_MAX: usize = 4;

/// Sessions as rows of the table `passbook_sessions` in a PostgreSQL database, for
/// `SessionStore::with_backend` and as a mirror of a ledger.
///
/// Connections that broke are made anew with the next call. The server's `synchronous_commit` says
/// what an answer promises. PostgreSQL keeps no NUL character in a text: a session with one in its
/// user id, device, tenant or user agent can't be written.
///
/// ```no_run
/// use passbook_projections::rows::{PostgresSessionBackend, SessionBackend as _};
/// let backend = PostgresSessionBackend::connect("postgres://passbook@db.example/sessions?sslmode=require")?
///     .with_removals_file("/var/lib/passbook/removals");
/// println!("{} sessions", backend.load_all()?.len());
/// # Ok::<(), passbook_projections::rows::BackendError>(())
/// ```
pub struct PostgresSessionBackend {
    /// Taken when it is dropped.
    runtime: Option<Runtime>,
    pool: Pool,
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
        let failed = |error: &dyn fmt::Display| BackendError::new("open", error);
        let mut config = Config::from_str(url).map_err(|error| failed(&chain(&error)))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("passbook");
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("passbook-postgres")
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let tls = tls().map_err(|error| failed(&error))?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, tls, recycling))
            .max_size(CONNECTIONS_MAX)
            .runtime(Clock::Tokio1)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(CONNECT_TIMEOUT))
            .build()
            .map_err(|error| failed(&error))?;
        let backend = Self { runtime: Some(runtime), pool, removals: None };
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

    fn call(
        &self,
        operation: &'static str,
        timeout: Duration,
        job: Job,
    ) -> Result<Answer, BackendError> {
        let failed = |why: &str| BackendError::new(operation, why);
        let runtime = self.runtime.as_ref().ok_or_else(|| failed("it is dropped"))?;
        let (answer, answered) = mpsc::sync_channel(1);
        let pool = self.pool.clone();
        runtime.spawn(async move {
            let done = run(&pool, timeout, job).await;
            // Who asked waits for it; if not, nobody wants to know.
            drop(answer.send(done));
        });
        let done = answered.recv().map_err(|_gone| failed("its thread is gone"))?;
        done.map_err(|why| failed(&why))
    }
}

impl Drop for PostgresSessionBackend {
    fn drop(&mut self) {
        // Waiting is not allowed where it may be dropped; no call is under way, each has been waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for PostgresSessionBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSessionBackend")
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
        self.call("save", CALL_TIMEOUT, Job::Save(columns)).map(|_done| ())
    }

    fn remove(&self, id: &SessionId) -> Result<(), BackendError> {
        self.call("remove", CALL_TIMEOUT, Job::Remove(id.to_string())).map(|_done| ())
    }

    fn removals_file(&self) -> Option<PathBuf> {
        self.removals.clone()
    }
}

impl MirrorBackend for PostgresSessionBackend {
    fn checkpoint(&self) -> Result<Option<Checkpoint>, BackendError> {
        match self.call("load", CALL_TIMEOUT, Job::Checkpoint)? {
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
        self.call("apply", CALL_TIMEOUT + ROW_TIMEOUT.saturating_mul(rows), job).map(|_done| ())
    }
}

fn unexpected(operation: &'static str) -> BackendError {
    BackendError::new(operation, "the answer is of another question")
}

fn tls() -> Result<MakeRustlsConnect, rustls::Error> {
    let mut roots = RootCertStore::empty();
    // What can't be read of the system's store is not trusted; a server that needs it is refused.
    let (_added, _ignored) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Does the job on a connection of the pool. One that gave no answer in time is not used again.
async fn run(pool: &Pool, timeout: Duration, job: Job) -> Result<Answer, String> {
    let mut client = pool.get().await.map_err(|error| chain(&error))?;
    match tokio::time::timeout(timeout, work::run(&mut client, job)).await {
        Ok(done) => done,
        Err(_elapsed) => {
            drop(Object::take(client));
            Err(format!("no answer within {} s", timeout.as_secs()))
        }
    }
}

/// An error with its causes: what the server said is one of them.
fn chain(error: &dyn StdError) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !words.contains(&next) {
            words = format!("{words}: {next}");
        }
        cause = error.source();
    }
    words
}
