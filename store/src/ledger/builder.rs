//! Opening a ledger: what it is kept in, which rules hold, what the outside world is.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use passbook_core::{Act, Actor, Command, Policy, apply, codec};
use passbook_journal::{
    Durability, FileJournal, Journal, MemoryJournal, Options, RecordRef, Recovery,
};
use passbook_projections::Live;

use super::Ledger;
use crate::{
    error::LedgerError,
    execute::{Committer, Engine, Parts},
    ports::{Clock, Entropy, OsEntropy, SystemClock},
    subscribe::decode_record,
    sweeper::Sweeper,
};

/// How often expired sessions are swept on their own: once a minute.
pub const DEFAULT_SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// What was found when a ledger was opened.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// Where it is kept; `None` = in memory.
    pub path: Option<PathBuf>,
    /// Events that were replayed.
    pub events: u64,
    /// What recovery found and did; `None` = in memory.
    pub recovery: Option<Recovery>,
}

/// Settings to open a ledger with; see [`Ledger::builder`].
#[derive(Debug)]
pub struct Builder {
    path: Option<PathBuf>,
    journal: Option<Arc<dyn Journal>>,
    options: Options,
    policy: Option<Policy>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sweep_interval: Option<Duration>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            path: None,
            journal: None,
            options: Options::default(),
            policy: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy::new()),
            sweep_interval: Some(DEFAULT_SWEEP_INTERVAL),
        }
    }
}

impl Builder {
    /// Keeps the ledger in that folder, which is made if it is not there. In memory, if not said.
    #[must_use]
    pub fn path(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }

    /// Keeps the ledger in that journal: one that is shared with tests, or on another machine.
    #[must_use]
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// What an `Ok` promises: on the medium, if not said.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// How else the journal's files are kept: sync depth, segment size, disk, owner.
    #[must_use]
    pub fn journal_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Puts these rules into force, if they are not already. If not said, those in the journal go
    /// on, or the default ones.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// What time it is; the machine's clock, if not said.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where tokens and ids come from; the operating system, if not said.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// How often expired sessions are swept on their own; `None` = never. Once a minute, if not said.
    #[must_use]
    pub fn sweep_interval(mut self, interval: Option<Duration>) -> Self {
        self.sweep_interval = interval;
        self
    }

    /// Opens the ledger on a thread of its own, so that no runtime waits for the replay.
    ///
    /// # Errors
    /// As [`open_blocking`](Self::open_blocking).
    pub async fn open(self) -> Result<Ledger, LedgerError> {
        let (answer, opened) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("passbook-open".to_owned())
            .spawn(move || {
                if answer.send(self.open_blocking()).is_err() {
                    tracing::debug!("nobody waited for the ledger that was opened");
                }
            })
            .map_err(|error| LedgerError::Internal(format!("no thread to open on: {error}")))?;
        opened.await.unwrap_or_else(|_gone| {
            Err(LedgerError::Internal("the thread that opened the ledger panicked".to_owned()))
        })
    }

    /// Opens the ledger on this thread: replays the journal, and then serves.
    ///
    /// # Errors
    /// [`LedgerError::Open`] says what is wrong with the folder: another process has it, it is no
    /// ledger, it is damaged, a newer version wrote it, it can't be written to.
    /// [`LedgerError::Event`] if an event in it can't be read.
    pub fn open_blocking(self) -> Result<Ledger, LedgerError> {
        let live = Arc::new(Live::new());
        let (journal, opened) = self.open_journal(&live)?;
        let dropped_bytes = opened
            .recovery
            .as_ref()
            .and_then(|recovery| recovery.dropped.as_ref())
            .map_or(0, |dropped| dropped.bytes);
        let engine = Arc::new(Engine::new(Parts {
            journal,
            live,
            clock: self.clock,
            entropy: self.entropy,
            dropped_bytes,
        }));
        if let Some(policy) = self.policy
            && engine.policy_in_journal() != Some(policy)
        {
            let command = Command { actor: Actor::System, ..Command::new(Act::SetPolicy(policy)) };
            engine.submit(&command, Committer::Caller)?.wait()?;
        }
        let sweeper = match self.sweep_interval {
            None => None,
            Some(interval) => {
                Some(Sweeper::start(&engine, interval).map(Arc::new).map_err(|error| {
                    LedgerError::Internal(format!("no thread to sweep on: {error}"))
                })?)
            }
        };
        Ok(Ledger {
            engine,
            context: None,
            opened: Arc::new(opened),
            committer: Committer::Journal,
            _sweeper: sweeper,
        })
    }

    fn open_journal(&self, live: &Live) -> Result<(Arc<dyn Journal>, Opened), LedgerError> {
        if let Some(journal) = &self.journal {
            for record in journal.read(0)? {
                let recorded = decode_record(&record?)?;
                apply(&mut live.writer(), recorded.sequence, &recorded.event);
            }
            let opened = Opened { events: journal.head(), ..Opened::default() };
            return Ok((Arc::clone(journal), opened));
        }
        let Some(path) = &self.path else {
            return Ok((Arc::new(MemoryJournal::new()), Opened::default()));
        };
        let mut options = self.options.clone();
        if options.opened_at_ms == 0 {
            options.opened_at_ms = self.clock.now_ms();
        }
        let (journal, recovery) = open_files(path, options, live)?;
        let opened =
            Opened { path: Some(path.clone()), events: journal.head(), recovery: Some(recovery) };
        Ok((Arc::new(journal), opened))
    }
}

/// Opens the folder and replays it into `live`.
fn open_files(
    path: &Path,
    options: Options,
    live: &Live,
) -> Result<(FileJournal, Recovery), LedgerError> {
    let mut unreadable = None;
    let mut replay = |record: RecordRef<'_>| match codec::decode(record.payload) {
        Ok(event) => {
            apply(&mut live.writer(), record.sequence, &event);
            Ok(())
        }
        Err(cause) => {
            unreadable = Some((record.sequence, Arc::new(cause)));
            Err("an event can't be read".into())
        }
    };
    match FileJournal::open(path, options, &mut replay) {
        Ok(opened) => Ok(opened),
        Err(error) => Err(match unreadable {
            Some((sequence, cause)) => LedgerError::Event { sequence, cause },
            None => LedgerError::Open(Arc::new(error)),
        }),
    }
}
