//! Keeping the postings up with the events: a thread of its own, behind by a moment.

use std::{
    sync::{Arc, Weak},
    thread::JoinHandle,
};

use super::Postings;
use crate::{
    background::{Pace, Stop},
    execute::Engine,
};

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
        let mut pace = Pace::default();
        loop {
            let Some(engine) = self.engine.upgrade() else { return };
            let applied = engine.inflight.applied();
            pace.note(applied);
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
            if self.stop.wait_for(pace.rest(through >= applied)) {
                return;
            }
        }
    }
}
