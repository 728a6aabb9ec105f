//! A ledger's own mirror: a thread that lets a table follow, and what is known of it.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use passbook_projections::rows::MirrorBackend;

use super::mirror::RowMirror;
use crate::{
    background::{Repeating, Stop},
    error::LedgerError,
    execute::Engine,
};

/// How often it looks for events. Those that came since share a transaction.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Looks that are left out after failures, at most: 12.8 s.
const SKIPPED_MAX: u32 = 256;

/// How a mirror is.
#[derive(Debug, Clone, Default)]
pub struct MirrorHealth {
    /// The event up to which its rows have come; 0 = not known yet, or nothing was mirrored.
    pub sequence: u64,
    /// How many events it is behind those that readers see.
    pub lag: u64,
    /// Why the last try failed; `None`: it did not. It is tried again until it succeeds.
    pub error: Option<LedgerError>,
}

/// The thread. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Mirroring {
    health: Arc<Mutex<MirrorHealth>>,
    _thread: Repeating,
}

impl Mirroring {
    /// Lets the backend follow the ledger of that id.
    pub(crate) fn start(
        engine: &Arc<Engine>,
        ledger: [u8; 16],
        backend: Box<dyn MirrorBackend>,
    ) -> std::io::Result<Self> {
        let health = Arc::new(Mutex::new(MirrorHealth::default()));
        let told = Arc::clone(&health);
        let mut follower = Follower { ledger, backend: Arc::from(backend), mirror: None };
        let (mut skip, mut skipped) = (0, 0);
        let work = move |engine: &Arc<Engine>, _stop: &Stop| {
            if skipped < skip {
                skipped += 1;
                return;
            }
            let done = follower.catch_up(engine);
            skipped = 0;
            skip = if done.is_ok() { 0 } else { (skip * 2 + 1).min(SKIPPED_MAX) };
            let mut health = told.lock();
            health.sequence = follower.mirror.as_ref().map_or(0, RowMirror::sequence);
            if let (Err(error), None) = (&done, &health.error) {
                tracing::warn!(%error, "the mirror is behind; it is tried again");
            }
            health.error = done.err();
        };
        let thread = Repeating::start("passbook-mirror", engine, LOOK_EVERY, work)?;
        Ok(Self { health, _thread: thread })
    }

    /// How it is, when readers see `applied` events.
    pub(crate) fn health(&self, applied: u64) -> MirrorHealth {
        let health = self.health.lock().clone();
        MirrorHealth { lag: applied.saturating_sub(health.sequence), ..health }
    }
}

/// Opened at the first look, not with the ledger: a database that is away holds up no start.
#[derive(Debug)]
struct Follower {
    ledger: [u8; 16],
    backend: Arc<dyn MirrorBackend>,
    mirror: Option<RowMirror>,
}

impl Follower {
    fn catch_up(&mut self, engine: &Engine) -> Result<(), LedgerError> {
        let journal = &*engine.journal;
        let mirror = match &mut self.mirror {
            Some(mirror) => mirror,
            empty => {
                let backend = Box::new(Arc::clone(&self.backend));
                empty.insert(RowMirror::open(journal, self.ledger, backend)?)
            }
        };
        mirror.catch_up(journal, &|_sequence| ()).map(|_events| ())
    }
}
