//! Work on a schedule: a thread that dies with the last handle on the ledger.

use std::{
    sync::{Arc, Weak},
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use crate::execute::Engine;

/// A thread that does something every so often, until it is dropped.
#[derive(Debug)]
pub(crate) struct Repeating {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

/// Tells a thread to end.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits for so long, or until the thread is to end: whether it is.
    pub(crate) fn wait_for(&self, time: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.changed.wait_for(&mut stopped, time);
        }
        *stopped
    }

    /// Whether the thread is to end.
    pub(crate) fn is_set(&self) -> bool {
        *self.stopped.lock()
    }

    /// Tells it.
    pub(crate) fn set(&self) {
        *self.stopped.lock() = true;
        self.changed.notify_all();
    }
}

impl Repeating {
    /// Calls `work` every `interval`; it should look at [`Stop::is_set`] if it takes long.
    pub(crate) fn start(
        name: &str,
        engine: &Arc<Engine>,
        interval: Duration,
        mut work: impl FnMut(&Arc<Engine>, &Stop) + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let (engine, told): (Weak<Engine>, _) = (Arc::downgrade(engine), Arc::clone(&stop));
        let run = move || {
            while !told.wait_for(interval) {
                let Some(engine) = engine.upgrade() else { return };
                work(&engine, &told);
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Repeating {
    fn drop(&mut self) {
        self.stop.set();
        let Some(thread) = self.thread.take() else { return };
        // The work itself may have held the last handle.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("a background thread had panicked");
        }
    }
}
