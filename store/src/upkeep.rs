//! The threads that keep a ledger in order, beside those of its journal.

use std::{path::Path, sync::Arc, time::Duration};

use passbook_projections::rows::MirrorBackend;

use crate::{
    background::Repeating,
    compaction::{CompactionPolicy, compact_if_due},
    error::LedgerError,
    execute::Engine,
    history::{Home, Indexer},
    postings::{Poster, Postings},
    rows::Mirroring,
    sweeper::sweep,
};

/// Which of them there are.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// Lets that table follow the ledger of that id.
    pub(crate) mirror: Option<([u8; 16], Box<dyn MirrorBackend>)>,
    /// Ends what has expired, so often.
    pub(crate) sweep_interval: Option<Duration>,
    /// Compacts when it is time.
    pub(crate) compaction: Option<CompactionPolicy>,
    /// Keeps the history index in that folder, and the postings, for the ledger of that id.
    pub(crate) index: Option<(&'a Path, [u8; 16])>,
}

/// They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Upkeep {
    pub(crate) indexer: Option<Indexer>,
    pub(crate) poster: Option<Poster>,
    pub(crate) mirroring: Option<Mirroring>,
    pub(crate) compaction: CompactionPolicy,
    _sweeper: Option<Repeating>,
    _compactor: Option<Repeating>,
}

impl Upkeep {
    pub(crate) fn start(engine: &Arc<Engine>, wanted: Wanted<'_>) -> Result<Self, LedgerError> {
        let sweeper = wanted.sweep_interval.map(|interval| {
            Repeating::start("passbook-sweep", engine, interval, |engine, _stop| sweep(engine))
        });
        let compactor = wanted.compaction.map(|policy| {
            let work = move |engine: &Arc<Engine>, stop: &_| compact_if_due(engine, &policy, stop);
            Repeating::start("passbook-compact", engine, policy.interval, work)
        });
        let indexer = wanted.index.map(|(folder, store)| {
            Indexer::start(engine, Home { folder: folder.to_owned(), store })
        });
        let poster = wanted
            .index
            .map(|(folder, store)| Poster::start(engine, Postings::beside_index(folder, store)));
        let mirroring =
            wanted.mirror.map(|(ledger, backend)| Mirroring::start(engine, ledger, backend));
        Ok(Self {
            mirroring: started(mirroring)?,
            indexer: started(indexer)?,
            poster: started(poster)?,
            compaction: wanted.compaction.unwrap_or_default(),
            _sweeper: started(sweeper)?,
            _compactor: started(compactor)?,
        })
    }
}

fn started<T>(thread: Option<std::io::Result<T>>) -> Result<Option<T>, LedgerError> {
    thread
        .transpose()
        .map_err(|error| LedgerError::Internal(format!("no thread to work on: {error}")))
}
