//! A journal on a simulated file system, beside the plain list of what it should hold.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use passbook_journal::sim::SimVfs;
use passbook_journal::{
    BoxError, FileJournal, Group, Journal, JournalError, Observer, OpenError, Options, Payload,
    RecordRef, Recovery, Replay, SeededEntropy, SnapshotSource, Step, Threading,
};

pub(crate) const DIR: &str = "/ledger";
pub(crate) const SEGMENT_BYTES: u64 = 16 * 1024;

pub(crate) fn options(sim: &SimVfs) -> Options {
    Options {
        vfs: Arc::new(sim.clone()),
        entropy: Arc::new(SeededEntropy::new(7)),
        segment_bytes: SEGMENT_BYTES,
        owner: "test".to_owned(),
        opened_at_ms: 5,
        threading: Threading::Inline,
        // Some older ones stay too.
        snapshot_spacing: 5,
        ..Options::default()
    }
}

/// Takes whatever it is told.
#[derive(Debug)]
pub(crate) struct Anything;

impl Replay for Anything {
    fn snapshot(&mut self, _source: &dyn SnapshotSource) -> Result<(), BoxError> {
        Ok(())
    }

    fn record(&mut self, _record: RecordRef<'_>) -> Result<(), BoxError> {
        Ok(())
    }

    fn reset(&mut self) {}
}

/// One record as a test remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) time_ms: u64,
    pub(crate) group_first: bool,
    pub(crate) payload: Vec<u8>,
}

/// Opens and collects what was recovered, checking that sequences are dense from 1.
pub(crate) fn open_with(options: Options) -> Result<(FileJournal, Recovery, Vec<Seen>), OpenError> {
    let mut seen = Vec::new();
    let visit = &mut |record: RecordRef<'_>| {
        assert_eq!(record.sequence, u64::try_from(seen.len()).unwrap() + 1, "dense from 1");
        seen.push(Seen {
            time_ms: record.time_ms,
            group_first: record.group_first,
            payload: record.payload.to_vec(),
        });
        Ok(())
    };
    let (journal, recovery) = FileJournal::open(Path::new(DIR), options, visit)?;
    assert_eq!(recovery.sequence_last, u64::try_from(seen.len()).unwrap());
    Ok((journal, recovery, seen))
}

pub(crate) fn open(sim: &SimVfs) -> Result<(FileJournal, Recovery, Vec<Seen>), OpenError> {
    open_with(options(sim))
}

/// What the observer has heard.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    pub(crate) durable: AtomicU64,
    pub(crate) failed: AtomicBool,
}

impl Observer for Acks {
    fn durable(&self, through: u64) {
        assert!(!self.failed.load(Ordering::SeqCst), "nothing follows a failure");
        let before = self.durable.swap(through, Ordering::SeqCst);
        assert!(before < through, "in order: {before} then {through}");
    }

    fn failed(&self, _error: &Arc<JournalError>) {
        assert!(!self.failed.swap(true, Ordering::SeqCst), "told once");
    }
}

/// A journal, what was submitted to it, and what it acknowledged.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) sim: SimVfs,
    pub(crate) journal: Option<FileJournal>,
    pub(crate) acks: Arc<Acks>,
    pub(crate) submitted: Vec<Seen>,
    time_ms: u64,
    /// Call at which the power goes off, and calls made in earlier lives.
    cut: Option<u64>,
    calls_before: u64,
}

impl Rig {
    pub(crate) fn new(sim: &SimVfs) -> Self {
        let acks = Arc::new(Acks::default());
        Self {
            sim: sim.clone(),
            journal: None,
            acks,
            submitted: Vec::new(),
            time_ms: 1_000,
            cut: None,
            calls_before: 0,
        }
    }

    /// Cuts the power at a call, counted over all lives.
    pub(crate) fn cut_at(&mut self, call: u64) {
        self.cut = Some(call);
        self.sim.cut_at(call - self.calls_before);
    }

    /// Calls made in all lives.
    pub(crate) fn calls(&self) -> u64 {
        self.calls_before + self.sim.calls()
    }

    /// Opens with other options; whether that worked.
    pub(crate) fn open_with(&mut self, options: Options) -> bool {
        self.journal = None;
        let Ok((journal, _, seen)) = open_with(options) else { return false };
        assert!(self.submitted.starts_with(&seen));
        self.submitted.truncate(seen.len());
        // What was recovered and served is as good as acknowledged.
        self.acks.durable.fetch_max(u64::try_from(seen.len()).unwrap(), Ordering::SeqCst);
        self.renew_acks();
        journal.observe(self.acks.clone());
        self.journal = Some(journal);
        true
    }

    /// What an old journal says from now on is not heard; what it said holds.
    fn renew_acks(&mut self) {
        let durable = self.acks.durable.load(Ordering::SeqCst).into();
        self.acks = Arc::new(Acks { durable, failed: false.into() });
    }

    pub(crate) fn open(&mut self) -> bool {
        self.open_with(options(&self.sim))
    }

    /// Appends one group with payloads of these lengths; whether it was queued.
    pub(crate) fn append(&mut self, lengths: &[usize]) -> bool {
        self.append_bytes(lengths, |index| u8::try_from(index % 251).unwrap() + 1)
    }

    /// The same with bytes of a test's choice.
    pub(crate) fn append_bytes(&mut self, lengths: &[usize], byte: impl Fn(usize) -> u8) -> bool {
        let Some(journal) = &self.journal else { return false };
        self.time_ms += 10;
        let head = self.submitted.len();
        let bodies: Vec<Vec<u8>> = lengths
            .iter()
            .enumerate()
            .map(|(index, length)| (0..*length).map(|at| byte(head + index + at)).collect())
            .collect();
        let payloads: Vec<Payload<'_>> = bodies.iter().map(|body| Payload::new(body)).collect();
        let group = Group { time_ms: self.time_ms, payloads: &payloads };
        let expected = u64::try_from(head).unwrap();
        if journal.append(expected, &group).is_err() {
            return false;
        }
        for (index, payload) in bodies.into_iter().enumerate() {
            let time_ms = self.time_ms;
            self.submitted.push(Seen { time_ms, group_first: index == 0, payload });
        }
        true
    }

    pub(crate) fn step(&self, step: Step) {
        if let Some(journal) = &self.journal {
            journal.step(step);
        }
    }

    pub(crate) fn pump(&self) {
        if let Some(journal) = &self.journal {
            journal.pump();
        }
    }

    /// Closes in order.
    pub(crate) fn close(&mut self) {
        if let Some(journal) = self.journal.take() {
            drop(journal.close());
        }
    }

    /// Dies without closing: the files are as they are, the locks are gone.
    pub(crate) fn kill(&mut self) {
        // The fork leaves the old state to the old journal, whose drop closes it there.
        self.calls_before += self.sim.calls();
        self.sim = self.sim.fork();
        if let Some(cut) = self.cut {
            self.cut_at(cut);
        }
        self.renew_acks();
        self.journal = None;
    }

    pub(crate) fn acked(&self) -> usize {
        usize::try_from(self.acks.durable.load(Ordering::SeqCst)).unwrap()
    }
}

/// A byte-for-byte picture of all files but the lock.
pub(crate) fn picture(sim: &SimVfs) -> Vec<(PathBuf, Vec<u8>)> {
    let files = sim.files().into_iter().filter(|path| !path.ends_with("LOCK"));
    files.map(|path| (path.clone(), sim.read_all(&path).unwrap())).collect()
}
