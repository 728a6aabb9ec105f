//! Opening a ledger: what it is kept in, which rules hold, what the outside world is.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use passbook_core::{Act, Actor, Command, Policy};
use passbook_journal::{
    BadSnapshot, Durability, FileJournal, Journal, MemoryJournal, Options, Recovery, SnapshotInfo,
};

use passbook_projections::rows::MirrorBackend;

use super::Ledger;
use crate::{
    compaction::CompactionPolicy,
    error::LedgerError,
    execute::{Committer, Engine, Parts},
    ports::{Clock, Entropy, OsEntropy, SystemClock},
    rebuild::Rebuild,
    upkeep::{Upkeep, Wanted},
};

/// How often expired sessions are swept on their own: once a minute.
pub const DEFAULT_SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// What was found when a ledger was opened.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// Where it is kept; `None` = in memory.
    pub path: Option<PathBuf>,
    /// Events that were replayed: all, or those behind the snapshot.
    pub events: u64,
    /// The snapshot that it began from.
    pub snapshot: Option<SnapshotInfo>,
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
    compaction: Option<CompactionPolicy>,
    history_index: bool,
    mirror: Option<Box<dyn MirrorBackend>>,
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
            compaction: Some(CompactionPolicy::default()),
            history_index: true,
            mirror: None,
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

    /// Whether to go on from an older copy of the folder that was put in place of a newer one, without
    /// the events that only the newer one had; otherwise it does not open. What was missing is in
    /// [`Opened::recovery`]. Sessions that were revoked in those events are live again: revoke all
    /// whose fate is not known. For a person who has decided so: not, if not said.
    #[must_use]
    pub fn accept_rollback(mut self, is_accepted: bool) -> Self {
        self.options.accept_rollback = is_accepted;
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

    /// When it compacts on its own, and for how long its history is kept; `None` = only when
    /// [`Ledger::compact`] is called. [`CompactionPolicy::default`], if not said.
    #[must_use]
    pub fn compaction(mut self, policy: Option<CompactionPolicy>) -> Self {
        self.compaction = policy;
        self
    }

    /// Whether a ledger in a folder keeps an index of its login history there, and
    /// [`Postings`](crate::Postings); it does, if not said. Without them, [`Ledger::history`] and
    /// [`Replay::explain`](crate::Replay::explain) read archive and journal each time.
    #[must_use]
    pub fn history_index(mut self, is_kept: bool) -> Self {
        self.history_index = is_kept;
        self
    }

    /// Lets a table follow the ledger, for programs that ask in SQL: each live session is a row, at
    /// most moments behind. The table is told nothing that is not durable, has its own checkpoint,
    /// and catches up after it was away; [`Health::mirror`](crate::Health::mirror) tells how far it
    /// is. Expired sessions are rows until a sweep drops them: compare `expires_at` with the clock.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use passbook::{Ledger, SqliteSessionBackend};
    /// let folder = tempfile::tempdir()?;
    /// let table = SqliteSessionBackend::open(folder.path().join("sessions.db"))?;
    /// let ledger = Ledger::builder().path(folder.path().join("ledger")).mirror(table).open_blocking()?;
    /// assert!(ledger.health().mirror.is_some());
    /// # Ok(()) }
    /// # #[cfg(not(feature = "sqlite"))] fn main() {}
    /// ```
    #[must_use]
    pub fn mirror(mut self, backend: impl MirrorBackend + 'static) -> Self {
        self.mirror = Some(Box::new(backend));
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
    pub fn open_blocking(mut self) -> Result<Ledger, LedgerError> {
        let mut rebuild = Rebuild::new();
        let (journal, opened) = self.open_journal(&mut rebuild)?;
        let engine = Arc::new(Engine::new(Parts {
            journal,
            live: rebuild.live(),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            dropped_bytes: dropped_bytes(&opened),
            segment_bytes: self.options.segment_bytes,
            vfs: Arc::clone(&self.options.vfs),
        }));
        if let Some(policy) = self.policy
            && engine.policy_in_journal() != Some(policy)
        {
            let command = Command { actor: Actor::System, ..Command::new(Act::SetPolicy(policy)) };
            engine.submit(&command, Committer::Caller)?.wait()?;
        }
        let index = self.index_folder(&opened);
        let mirror = match self.mirror.take() {
            Some(backend) => Some((ledger_id(&opened, &*self.entropy)?, backend)),
            None => None,
        };
        let wanted = Wanted {
            mirror,
            sweep_interval: self.sweep_interval,
            compaction: self.compaction,
            index: index.as_ref().map(|(folder, store)| (folder.as_path(), *store)),
        };
        let upkeep = Arc::new(Upkeep::start(&engine, wanted)?);
        let committer = Committer::Journal;
        Ok(Ledger { engine, context: None, opened: Arc::new(opened), committer, upkeep })
    }

    fn open_journal(
        &self,
        rebuild: &mut Rebuild,
    ) -> Result<(Arc<dyn Journal>, Opened), LedgerError> {
        if let Some(journal) = &self.journal {
            for (sequence, error) in rebuild.follow(&**journal, journal.head())? {
                tracing::warn!(sequence, %error, "a snapshot can't be used");
            }
            return Ok((Arc::clone(journal), opened_by(rebuild)));
        }
        let Some(path) = &self.path else {
            return Ok((Arc::new(MemoryJournal::new()), Opened::default()));
        };
        let mut options = self.options.clone();
        if options.opened_at_ms == 0 {
            options.opened_at_ms = self.clock.now_ms();
        }
        let (journal, recovery) = open_files(path, options, rebuild)?;
        for BadSnapshot { path, offset, why, .. } in &recovery.snapshots_bad {
            tracing::warn!(path = %path.display(), offset, why, "a snapshot can't be used");
        }
        let opened =
            Opened { path: Some(path.clone()), recovery: Some(recovery), ..opened_by(rebuild) };
        Ok((Arc::new(journal), opened))
    }

    /// Where the history's index goes; nowhere in memory or in a simulation.
    fn index_folder(&self, opened: &Opened) -> Option<(PathBuf, [u8; 16])> {
        let recovery = opened.recovery.as_ref().filter(|_| self.history_index)?;
        let folder = self.options.vfs.real_path(&self.path.as_ref()?.join("idx"))?;
        Some((folder, recovery.store))
    }
}

fn opened_by(rebuild: &Rebuild) -> Opened {
    Opened { events: rebuild.events(), snapshot: rebuild.snapshot().cloned(), ..Opened::default() }
}

/// The id of the ledger; one that is kept in no folder is another at every start.
fn ledger_id(opened: &Opened, entropy: &dyn Entropy) -> Result<[u8; 16], LedgerError> {
    let mut id = [0; 16];
    match &opened.recovery {
        Some(recovery) => id = recovery.store,
        None => entropy.fill(&mut id)?,
    }
    Ok(id)
}

fn dropped_bytes(opened: &Opened) -> u64 {
    let recovery = opened.recovery.as_ref();
    recovery.and_then(|recovery| recovery.dropped.as_ref()).map_or(0, |dropped| dropped.bytes)
}

/// Opens the folder and rebuilds the state.
fn open_files(
    path: &Path,
    options: Options,
    rebuild: &mut Rebuild,
) -> Result<(FileJournal, Recovery), LedgerError> {
    FileJournal::open(path, options, rebuild)
        .map_err(|error| rebuild.unreadable().unwrap_or_else(|| LedgerError::Open(Arc::new(error))))
}
