//! A ledger on a simulated disk and a simulated clock. Nothing happens but what a test does: the
//! journal's steps are run by the test, so that groups can be in flight when the power fails.

use std::{path::Path, sync::Arc};

use passbook::{
    Ledger, LedgerError, Policy, SeededEntropy, SimClock,
    journal::{
        BoxError, FileJournal, Journal, Options, RecordRef, Recovery, Replay, SnapshotSource,
        Threading, sim::SimVfs,
    },
};

use crate::oracle::{SharedTruth, Tap};

/// Where the ledger is on the simulated disk.
pub const FOLDER: &str = "/ledger";
/// The time at which every run starts: 2026-11-20 00:00:00Z.
pub const START_MS: u64 = 1_795_132_800_000;

/// Length of a watched ledger's segments: it writes dozens of them in a long run, not hundreds.
const WATCHED_SEGMENT_BYTES: u64 = 128 << 10;

/// One process's life with a ledger.
#[derive(Debug)]
pub struct Rig {
    /// The disk.
    pub vfs: SimVfs,
    /// The clock.
    pub clock: Arc<SimClock>,
    /// The journal, to be stepped.
    pub journal: Arc<FileJournal>,
    /// The ledger.
    pub ledger: Ledger,
    /// What recovery found.
    pub recovery: Recovery,
}

/// The ledger reads the journal by itself, once it is open.
#[derive(Debug)]
pub(crate) struct Unread;

impl Replay for Unread {
    fn snapshot(&mut self, _source: &dyn SnapshotSource) -> Result<(), BoxError> {
        Ok(())
    }

    fn record(&mut self, _record: RecordRef<'_>) -> Result<(), BoxError> {
        Ok(())
    }

    fn reset(&mut self) {}
}

/// The journal's settings on that disk.
pub fn options(vfs: &SimVfs) -> Options {
    Options {
        vfs: Arc::new(vfs.clone()),
        entropy: Arc::new(passbook::journal::SeededEntropy::new(7)),
        segment_bytes: 64 << 10,
        threading: Threading::Inline,
        // Some older ones stay too.
        snapshot_spacing: 20,
        ..Options::default()
    }
}

fn open_journal(options: Options) -> Result<(Arc<FileJournal>, Recovery), LedgerError> {
    let opened = FileJournal::open(Path::new(FOLDER), options, &mut Unread);
    let (journal, recovery) = opened.map_err(|error| LedgerError::Open(Arc::new(error)))?;
    Ok((Arc::new(journal), recovery))
}

impl Rig {
    /// Opens the ledger on that disk, as a process would after a start.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn open(vfs: SimVfs, clock: Arc<SimClock>) -> Result<Self, LedgerError> {
        let (journal, recovery) = open_journal(options(&vfs))?;
        let shown = Arc::<FileJournal>::clone(&journal);
        Self::over(vfs, clock, (journal, recovery), shown)
    }

    /// The same, where `truth` hears what the journal takes and acknowledges.
    ///
    /// # Errors
    /// What the ledger says.
    ///
    /// # Panics
    /// If the opening lost or invented something.
    pub fn watched(
        vfs: SimVfs,
        clock: Arc<SimClock>,
        truth: &SharedTruth,
    ) -> Result<Self, LedgerError> {
        let options = Options { segment_bytes: WATCHED_SEGMENT_BYTES, ..options(&vfs) };
        let (journal, recovery) = open_journal(options)?;
        let tap = Tap::new(Arc::<FileJournal>::clone(&journal), Arc::clone(truth));
        let shown = Arc::new(tap.expect("nothing is lost and nothing invented"));
        Self::over(vfs, clock, (journal, recovery), shown)
    }

    /// A ledger over that journal, as it is `shown` to it.
    fn over(
        vfs: SimVfs,
        clock: Arc<SimClock>,
        (journal, recovery): (Arc<FileJournal>, Recovery),
        shown: Arc<dyn Journal>,
    ) -> Result<Self, LedgerError> {
        let ledger = Ledger::builder()
            .journal(shown)
            .clock(Arc::<SimClock>::clone(&clock))
            .entropy(Arc::new(SeededEntropy::new(7)))
            .sweep_interval(None)
            .compaction(None)
            .open_blocking()?;
        Ok(Self { vfs, clock, journal, ledger, recovery })
    }

    /// A new ledger on an empty disk.
    ///
    /// # Panics
    /// If that fails.
    pub fn fresh() -> Self {
        let clock = Arc::new(SimClock::at_ms(START_MS));
        Self::open(SimVfs::new(), clock).expect("an empty disk opens")
    }

    /// The same, with rules in force from the first event on.
    ///
    /// # Panics
    /// If that fails.
    pub fn with_policy(policy: Policy) -> Self {
        let rig = Self::fresh();
        let act = passbook::core::Act::SetPolicy(policy);
        let pending = rig.ledger.submit(&passbook::core::Command::new(act)).expect("room");
        rig.journal.pump();
        pending.wait().expect("durable");
        rig
    }
}
