//! Keeping the postings up with the events: a thread of its own, behind by a moment.

use std::{
    sync::{Arc, Weak},
    thread::JoinHandle,
    time::Duration,
};

use super::Postings;
use crate::{background::Stop, execute::Engine};

/// How long it rests when it has all events: more of them then share a round.
const REST: Duration = Duration::from_millis(250);
/// How long it rests between two rounds when it is behind and the writer is not busy.
const BREATH: Duration = Duration::from_millis(10);
/// Events during a round that make the writer a busy one: it needs the processor more.
const BUSY_EVENTS: u64 = 4_096;

/// The postings of a ledger in use, and the thread that feeds them.
#[derive(Debug)]
pub(crate) struct Poster {
    pub(crate) postings: Arc<Postings>,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Poster {
    pub(crate) fn start(engine: &Arc<Engine>, postings: Postings) -> std::io::Result<Self> {
        let (postings, stop) = (Arc::new(postings), Arc::new(Stop::default()));
        let feeder = Feeder {
            engine: Arc::downgrade(engine),
            postings: Arc::clone(&postings),
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new()
            .name("passbook-postings".to_owned())
            .spawn(move || feeder.run())?;
        Ok(Self { postings, stop, thread: Some(thread) })
    }
}

impl Drop for Poster {
    fn drop(&mut self) {
        self.stop.set();
        let Some(thread) = self.thread.take() else { return };
        // It may have held the last handle on the ledger for a moment.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the postings' thread had panicked");
        }
    }
}

struct Feeder {
    engine: Weak<Engine>,
    postings: Arc<Postings>,
    stop: Arc<Stop>,
}

impl Feeder {
    fn run(&self) {
        let mut applied_before = 0;
        loop {
            let Some(engine) = self.engine.upgrade() else { return };
            let applied = engine.inflight.applied();
            let is_busy = applied.saturating_sub(applied_before) > BUSY_EVENTS;
            applied_before = applied;
            let added = self.postings.add(&*engine.journal, applied);
            // Dropped before we rest: it may be the last handle.
            drop(engine);
            let through = match added {
                Ok(through) => through,
                Err(error) => {
                    tracing::warn!(%error, "no more postings are kept: the past is read whole");
                    return;
                }
            };
            if self.stop.wait_for(if through >= applied || is_busy { REST } else { BREATH }) {
                return;
            }
        }
    }
}
