//! A ledger whose records follow from their numbers, so that any of them can be checked after any
//! compaction.

use std::path::Path;
use std::sync::Arc;

use passbook_journal::sim::SimVfs;
use passbook_journal::{
    BoxError, CompactError, Compacted, Compaction, Curator, FileJournal, Group, Journal, Keep,
    OpenError, Options, Payload, Record, RecordRef, Recovery, Replay, SnapshotError, SnapshotInfo,
    SnapshotMeta, SnapshotSource, VerifyOptions, VerifyReport, leaf_of, verify,
};

use crate::ledger::{DIR, options};

/// Keeps two of three records, under keys that follow from the number.
#[derive(Debug)]
pub(crate) struct ByNumber;

impl Curator for ByNumber {
    fn sort(&self, record: RecordRef<'_>, keys: &mut Vec<Vec<u8>>) -> Keep {
        assert_eq!(record.payload, body(record.sequence), "@{}", record.sequence);
        keys.extend(keys_of(record.sequence));
        if is_whole(record.sequence) { Keep::Whole } else { Keep::Leaf }
    }
}

/// Keeps all it is asked about, under one key.
#[derive(Debug)]
pub(crate) struct KeepAll;

impl Curator for KeepAll {
    fn sort(&self, _record: RecordRef<'_>, keys: &mut Vec<Vec<u8>>) -> Keep {
        keys.push(b"ada".to_vec());
        Keep::Whole
    }
}

pub(crate) fn is_whole(sequence: u64) -> bool {
    !sequence.is_multiple_of(3)
}

pub(crate) fn keys_of(sequence: u64) -> Vec<Vec<u8>> {
    match sequence % 4 {
        0 => vec![b"ada".to_vec()],
        1 => vec![b"ada".to_vec(), b"bob".to_vec(), b"ada".to_vec()],
        2 => vec![Vec::new()],
        _ => Vec::new(),
    }
}

/// One for each key, however often it is named.
fn postings_of(mut keys: Vec<Vec<u8>>) -> u64 {
    keys.sort_unstable();
    keys.dedup();
    u64::try_from(keys.len()).unwrap()
}

/// Every group but each fifth one has one record, of up to some kilobytes.
pub(crate) fn body(sequence: u64) -> Vec<u8> {
    let length = usize::try_from(sequence * 977 % 3500).unwrap();
    (0..length).map(|at| u8::try_from((at + length) % 13).unwrap() + 1).collect()
}

pub(crate) fn time_ms(sequence: u64) -> u64 {
    1_000 + 10 * sequence
}

/// What a snapshot of the first `at` records holds.
fn state_at(at: u64) -> Vec<u8> {
    (1..=at).flat_map(|sequence| leaf_of(&body(sequence))).collect()
}

/// Takes a snapshot of the first `at` records.
pub(crate) fn snap(journal: &dyn Journal, at: u64) -> Result<SnapshotInfo, SnapshotError> {
    let mut sink = journal.begin_snapshot(at)?;
    for section in state_at(at).chunks(100) {
        sink.section(section)?;
    }
    sink.finish(SnapshotMeta { digest: [1; 32], items: at, created_at_ms: 1 })
}

/// How far a replay is; sequences, bodies and snapshots must be right.
#[derive(Debug, Default)]
pub(crate) struct Last(u64);

impl Replay for Last {
    fn snapshot(&mut self, source: &dyn SnapshotSource) -> Result<(), BoxError> {
        let mut bytes = Vec::new();
        for index in 0..source.info().sections {
            bytes.extend(source.section(index)?);
        }
        self.0 = source.info().sequence;
        assert_eq!(bytes, state_at(self.0), "the snapshot at @{}", self.0);
        Ok(())
    }

    fn record(&mut self, record: RecordRef<'_>) -> Result<(), BoxError> {
        assert_eq!(record.sequence, self.0 + 1, "dense");
        assert_eq!(record.payload, body(record.sequence), "@{}", record.sequence);
        self.0 = record.sequence;
        Ok(())
    }

    fn reset(&mut self) {
        self.0 = 0;
    }
}

pub(crate) fn open(sim: &SimVfs) -> Result<(FileJournal, Recovery), OpenError> {
    open_in(Path::new(DIR), options(sim))
}

pub(crate) fn open_in(dir: &Path, options: Options) -> Result<(FileJournal, Recovery), OpenError> {
    FileJournal::open(dir, options, &mut Last::default())
}

/// Appends and commits so many records, each a batch; how many are durable then.
pub(crate) fn append(journal: &FileJournal, count: u64) -> u64 {
    for _ in 0..count {
        let sequence = journal.head() + 1;
        let body = body(sequence);
        let group = Group { time_ms: time_ms(sequence), payloads: &[Payload::new(&body)] };
        if journal.append(sequence - 1, &group).is_err() {
            break;
        }
        journal.pump();
    }
    journal.durable()
}

/// Takes a snapshot of what is durable, unless it would be the newest again, and compacts.
pub(crate) fn compact(journal: &dyn Journal, through: u64) -> Result<Compacted, CompactError> {
    let durable = journal.durable();
    let newest = journal.snapshots().ok().and_then(|infos| infos.first().map(|at| at.sequence));
    if durable > 0 && newest != Some(durable) {
        drop(snap(journal, durable));
    }
    let compaction = Compaction { drop_through: through, ..Compaction::default() };
    journal.compact(&compaction, &ByNumber)
}

pub(crate) fn retain(journal: &dyn Journal, before_ms: u64) -> Result<Compacted, CompactError> {
    let remove_archives_before_ms = Some(before_ms);
    let compaction = Compaction { remove_archives_before_ms, ..Compaction::default() };
    journal.compact(&compaction, &ByNumber)
}

pub(crate) fn verified(sim: &SimVfs) -> VerifyReport {
    verified_in(Path::new(DIR), sim)
}

pub(crate) fn verified_in(dir: &Path, sim: &SimVfs) -> VerifyReport {
    verify(dir, Arc::new(sim.clone()), &VerifyOptions::default()).unwrap()
}

#[track_caller]
pub(crate) fn numbers(records: impl Iterator<Item = Record>) -> Vec<u64> {
    let check = |record: Record| {
        assert_eq!(record.payload, body(record.sequence), "@{}", record.sequence);
        assert_eq!(record.time_ms, time_ms(record.sequence));
        assert!(record.group_first);
        record.sequence
    };
    records.map(check).collect()
}

/// Everything that is kept can be read, and nothing else; the postings are those of the model.
#[track_caller]
pub(crate) fn check_kept(journal: &dyn Journal, what: &str) {
    let extent = journal.extent();
    let (first, in_journal) = (extent.kept_first, extent.sequence_first);
    let read = |from| journal.read_kept(from).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let kept = read(first).unwrap_or_else(|error| panic!("{what}: {error}"));
    let expected: Vec<u64> = (first..=journal.durable())
        .filter(|sequence| *sequence >= in_journal || is_whole(*sequence))
        .collect();
    assert_eq!(numbers(kept.into_iter()), expected, "{what}");
    let live: Vec<_> = journal.read(in_journal).unwrap().map(Result::unwrap).collect();
    assert_eq!(numbers(live.into_iter()), (in_journal..=journal.durable()).collect::<Vec<_>>());
    for keys in [&[&b"ada"[..]][..], &[b"bob"], &[b""], &[b"bob", b""], &[b"carl"]] {
        let found = journal.posted(keys).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let found = found.unwrap_or_else(|error| panic!("{what}: {error}"));
        let has = |sequence| keys_of(sequence).iter().any(|key| keys.contains(&key.as_slice()));
        let expected = (first..in_journal).filter(|at| is_whole(*at) && has(*at));
        assert_eq!(numbers(found.into_iter()), expected.collect::<Vec<_>>(), "{what}: {keys:?}");
    }
    let filed = |end: u64| -> u64 {
        (1..end).filter(|at| is_whole(*at)).map(|at| postings_of(keys_of(at))).sum()
    };
    for (counted, end) in [(extent.postings, in_journal), (extent.postings_removed, first)] {
        // A journal in memory does not count them.
        assert!(counted.is_none_or(|counted| counted == filed(end)), "{what}: {extent:?}");
    }
    let time = (first <= journal.durable()).then(|| time_ms(first));
    assert_eq!(extent.kept_first_ms, time, "{what}");
}
