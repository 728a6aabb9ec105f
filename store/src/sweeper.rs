//! Ends what has expired, on a schedule: a thread of its own that dies with the last handle.

use std::{
    sync::{Arc, Weak},
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use passbook_core::{Act, Actor, Command};

use crate::execute::{Committer, Engine};

/// The thread that sweeps.
#[derive(Debug)]
pub(crate) struct Sweeper {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Sweeper {
    /// Sweeps every `interval` until dropped.
    pub(crate) fn start(engine: &Arc<Engine>, interval: Duration) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let (engine, told) = (Arc::downgrade(engine), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("passbook-sweep".to_owned())
            .spawn(move || run(&engine, &told, interval))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        *self.stop.stopped.lock() = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the sweeper's thread had panicked");
        }
    }
}

fn run(engine: &Weak<Engine>, stop: &Stop, interval: Duration) {
    let mut stopped = stop.stopped.lock();
    while !*stopped {
        let timeout = stop.changed.wait_for(&mut stopped, interval);
        if *stopped {
            return;
        }
        if timeout.timed_out() {
            let Some(engine) = engine.upgrade() else { return };
            sweep(&engine);
        }
    }
}

/// A sweep that fails is tried again with the next: expired sessions are dead without it.
fn sweep(engine: &Engine) {
    let command = Command { actor: Actor::System, ..Command::new(Act::Sweep) };
    if let Err(error) =
        engine.submit(&command, Committer::Caller).and_then(super::inflight::Pending::wait)
    {
        tracing::warn!(%error, code = error.code(), "the sweep of expired sessions failed");
    }
}
