//! The connection to a PostgreSQL server: how it is made and made anew, with TLS, and how a thread
//! that is not asynchronous waits for what is asked on it.

use std::{
    error::Error as StdError,
    fmt,
    str::FromStr as _,
    sync::{Arc, mpsc},
    time::Duration,
};

use deadpool_postgres::{
    Hook, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime as Clock,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::BackendError;

/// How long a connection may take to be made.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A server, the connection to it, and the thread that does the work.
pub(super) struct Connections {
    /// Taken when it is dropped.
    runtime: Option<Runtime>,
    pub(super) pool: Pool,
}

impl Connections {
    /// Connects with the first call only; there is one connection at a time. `begin` is done with each
    /// before it is used.
    pub(super) fn new(url: &str, begin: Option<Hook>) -> Result<Self, BackendError> {
        let failed = |error: &dyn fmt::Display| BackendError::new("open", error);
        let config = config_of(url).map_err(|why| failed(&why))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("passbook-postgres")
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let tls = tls().map_err(|error| failed(&error))?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let mut pool = Pool::builder(Manager::from_config(config, tls, recycling))
            .max_size(1)
            .runtime(Clock::Tokio1)
            // The call before has a deadline of its own.
            .wait_timeout(None)
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(CONNECT_TIMEOUT));
        if let Some(begin) = begin {
            pool = pool.post_create(begin);
        }
        let pool = pool.build().map_err(|error| failed(&error))?;
        Ok(Self { runtime: Some(runtime), pool })
    }

    /// Waits for what is done on the thread of the connections. So it may be called from any thread,
    /// inside or outside a runtime.
    pub(super) fn call<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, String>> + Send + 'static,
    ) -> Result<T, BackendError> {
        let failed = |why: &str| BackendError::new(operation, why);
        let runtime = self.runtime.as_ref().ok_or_else(|| failed("it is dropped"))?;
        let (answer, answered) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            // Who asked waits for it; if not, nobody wants to know.
            drop(answer.send(work.await));
        });
        let done = answered.recv().map_err(|_gone| failed("its thread is gone"))?;
        done.map_err(|why| failed(&why))
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        // Waiting is not allowed where it may be dropped; no call is under way, each has been waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The connection: the one that there is, or a new one.
pub(super) async fn connection(pool: &Pool) -> Result<Object, String> {
    pool.get().await.map_err(|error| match &error {
        // Without the pool's own words around it.
        PoolError::Backend(why) => chain(why),
        PoolError::PostCreateHook(why) => why.to_string(),
        PoolError::Timeout(_) | PoolError::Closed | PoolError::NoRuntimeSpecified => chain(&error),
    })
}

fn config_of(url: &str) -> Result<Config, &'static str> {
    // What the parser says may repeat a part of the password, if that is not written as it should be.
    let mut config = Config::from_str(url).map_err(|_told| {
        "the address is not understood: it has an unknown option, or a character that is to be \
         written as %XX"
    })?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("passbook");
    }
    Ok(config)
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

/// What is said of a server that was waited for in vain.
pub(super) fn late(timeout: Duration) -> String {
    format!("no answer within {timeout:?}")
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

pub(super) fn said(error: tokio_postgres::Error) -> String {
    chain(&error)
}
