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

/// When a thread that follows the events rests, and for how long: the more they are, the more the
/// writer needs the processor itself.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    applied: Option<u64>,
    is_busy: bool,
    rested: Duration,
}

impl Pace {
    /// With all events: more of them then share a round.
    const REST: Duration = Duration::from_millis(250);
    /// Behind, and the writer is not busy.
    const BREATH: Duration = Duration::from_millis(20);
    /// Beside a busy writer.
    const BUSY_REST: Duration = Duration::from_secs(1);
    /// Events a millisecond of rest that make the writer a busy one; a round lasts a while too, so
    /// they are counted for [`REST`](Self::REST) at least.
    const BUSY_EVENTS_A_MS: u128 = 16;

    /// Notes how far events are applied.
    pub(crate) fn note(&mut self, applied: u64) {
        let events = u128::from(applied.saturating_sub(self.applied.unwrap_or(applied)));
        let rested = self.rested.max(Self::REST);
        self.applied = Some(applied);
        self.is_busy = events > Self::BUSY_EVENTS_A_MS * rested.as_millis();
    }

    /// Whether the writer was busy between the last two notes.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// How long to rest now.
    pub(crate) fn rest(&mut self, has_all: bool) -> Duration {
        self.rested = match (self.is_busy, has_all) {
            (true, _) => Self::BUSY_REST,
            (false, true) => Self::REST,
            (false, false) => Self::BREATH,
        };
        self.rested
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_follows_a_busy_writer_rests_longer() {
        let mut pace = Pace::default();
        let mut rest = |applied, has_all| {
            pace.note(applied);
            (pace.is_busy(), pace.rest(has_all))
        };
        assert_eq!(rest(1_000_000, false), (false, Pace::BREATH), "what was before is no news");
        assert_eq!(rest(1_004_000, true), (false, Pace::REST), "16 a millisecond");
        assert_eq!(rest(1_008_001, true), (true, Pace::BUSY_REST));
        assert_eq!(rest(1_024_002, false), (true, Pace::BUSY_REST), "of a longer rest, more");
        assert_eq!(rest(1_040_002, true), (false, Pace::REST));
    }
}
