//! A journal whose state is kept in snapshots too, beside the plain list of what it should hold.
//!
//! The state of a prefix is the list of its records, so that a snapshot that is not exactly the
//! state at its sequence can't go unnoticed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use passbook_journal::sim::SimVfs;
use passbook_journal::{
    BoxError, Compaction, FileJournal, Group, Journal, OpenError, Options, Payload, RecordRef,
    Recovery, Replay, SnapshotError, SnapshotInfo, SnapshotMeta, SnapshotSource,
};
use sha2::{Digest, Sha256};

use crate::ledger::{Acks, DIR, Seen, options};
use crate::shelved::KeepAll;

/// Bytes of a section: small, so that there are several.
const SECTION_BYTES: usize = 300;

/// What a replay rebuilt, and from what.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) seen: Vec<Seen>,
    /// Records that came one by one.
    pub(crate) replayed: usize,
    /// How often it began anew.
    pub(crate) resets: usize,
}

impl Replay for State {
    fn snapshot(&mut self, source: &dyn SnapshotSource) -> Result<(), BoxError> {
        let mut bytes = Vec::new();
        for index in 0..source.info().sections {
            bytes.extend(source.section(index)?);
        }
        assert_eq!(digest_of(&bytes), source.info().digest, "sections verify but are wrong");
        self.seen = decode(&bytes);
        assert_eq!(u64::try_from(self.seen.len()).unwrap(), source.info().sequence);
        assert_eq!(self.seen.last().unwrap().time_ms, source.info().time_ms);
        Ok(())
    }

    fn record(&mut self, record: RecordRef<'_>) -> Result<(), BoxError> {
        assert_eq!(record.sequence, u64::try_from(self.seen.len()).unwrap() + 1, "dense");
        self.replayed += 1;
        self.seen.push(Seen {
            time_ms: record.time_ms,
            group_first: record.group_first,
            payload: record.payload.to_vec(),
        });
        Ok(())
    }

    fn reset(&mut self) {
        self.seen.clear();
        self.replayed = 0;
        self.resets += 1;
    }
}

fn digest_of(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn encode(seen: &[Seen]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in seen {
        bytes.extend(record.time_ms.to_le_bytes());
        bytes.push(u8::from(record.group_first));
        bytes.extend(u32::try_from(record.payload.len()).unwrap().to_le_bytes());
        bytes.extend(&record.payload);
    }
    bytes
}

fn decode(mut bytes: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at(13);
        let time_ms = u64::from_le_bytes(head[..8].try_into().unwrap());
        let length = u32::from_le_bytes(head[9..].try_into().unwrap());
        let (payload, rest) = rest.split_at(usize::try_from(length).unwrap());
        seen.push(Seen { time_ms, group_first: head[8] == 1, payload: payload.to_vec() });
        bytes = rest;
    }
    seen
}

/// Takes a snapshot of the first `at` records.
pub(crate) fn snap(
    journal: &dyn Journal,
    seen: &[Seen],
    at: usize,
) -> Result<SnapshotInfo, SnapshotError> {
    let bytes = encode(&seen[..at]);
    let at = u64::try_from(at).unwrap();
    let mut sink = journal.begin_snapshot(at)?;
    for section in bytes.chunks(SECTION_BYTES) {
        sink.section(section)?;
    }
    sink.finish(SnapshotMeta { digest: digest_of(&bytes), items: at, created_at_ms: 77 })
}

pub(crate) fn open_state(options: Options) -> Result<(FileJournal, Recovery, State), OpenError> {
    let mut state = State::default();
    let (journal, recovery) = FileJournal::open(Path::new(DIR), options, &mut state)?;
    assert_eq!(recovery.sequence_last, u64::try_from(state.seen.len()).unwrap());
    let after = recovery.snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence);
    assert_eq!(state.replayed, state.seen.len() - usize::try_from(after).unwrap());
    Ok((journal, recovery, state))
}

/// A journal with snapshots, what was submitted to it, and what it acknowledged.
#[derive(Debug)]
pub(crate) struct Snapped {
    pub(crate) sim: SimVfs,
    pub(crate) journal: Option<FileJournal>,
    pub(crate) acks: Arc<Acks>,
    pub(crate) submitted: Vec<Seen>,
    /// Records in the last snapshot that was reported as taken.
    pub(crate) taken: usize,
}

impl Snapped {
    pub(crate) fn new(sim: &SimVfs) -> Self {
        let acks = Arc::default();
        Self { sim: sim.clone(), journal: None, acks, submitted: Vec::new(), taken: 0 }
    }

    pub(crate) fn open(&mut self) -> bool {
        self.open_with(options(&self.sim))
    }

    pub(crate) fn open_with(&mut self, options: Options) -> bool {
        self.close();
        let Ok((journal, _, state)) = open_state(options) else { return false };
        assert!(self.submitted.starts_with(&state.seen), "not a prefix");
        self.submitted.truncate(state.seen.len());
        let durable = u64::try_from(state.seen.len()).unwrap().max(self.acked());
        self.acks = Arc::new(Acks { durable: durable.into(), failed: false.into() });
        journal.observe(self.acks.clone());
        self.journal = Some(journal);
        true
    }

    pub(crate) fn close(&mut self) {
        if let Some(journal) = self.journal.take() {
            drop(journal.close());
        }
    }

    pub(crate) fn acked(&self) -> u64 {
        self.acks.durable.load(Ordering::SeqCst)
    }

    /// Appends one group and makes it durable, if the disk allows.
    pub(crate) fn append(&mut self, lengths: &[usize]) {
        let Some(journal) = &self.journal else { return };
        let head = self.submitted.len();
        let time_ms = 1_000 + 10 * u64::try_from(head).unwrap();
        let bodies: Vec<Vec<u8>> = lengths
            .iter()
            .enumerate()
            .map(|(index, length)| {
                let byte = |at| u8::try_from((head + index + at) % 251).unwrap() + 1;
                (0..*length).map(byte).collect()
            })
            .collect();
        let payloads: Vec<Payload<'_>> = bodies.iter().map(|body| Payload::new(body)).collect();
        let group = Group { time_ms, payloads: &payloads };
        if journal.append(u64::try_from(head).unwrap(), &group).is_ok() {
            for (index, payload) in bodies.into_iter().enumerate() {
                self.submitted.push(Seen { time_ms, group_first: index == 0, payload });
            }
        }
        journal.pump();
    }

    /// Takes a snapshot of what is durable.
    pub(crate) fn snap(&mut self) -> Result<(), SnapshotError> {
        let Some(journal) = &self.journal else { return Err(SnapshotError::Closed) };
        let at = usize::try_from(journal.durable()).unwrap();
        snap(journal, &self.submitted, at)?;
        self.taken = at;
        Ok(())
    }
}

pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// Names of the files in `snap/`.
pub(crate) fn snap_names(sim: &SimVfs) -> Vec<String> {
    let files = sim.files().into_iter().filter(|path| path.parent() == Some(&file("snap")));
    files.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

/// Compacts a closed ledger so that no segment is left before the one with record `sequence`. The
/// number of segments that are gone.
pub(crate) fn trim(sim: &SimVfs, sequence: u64) -> u64 {
    let (journal, ..) = open_state(options(sim)).unwrap();
    let compaction = Compaction { drop_through: sequence - 1, ..Compaction::default() };
    journal.compact(&compaction, &KeepAll).unwrap().segments
}
