//! Records that are any bytes: what a snapshot of them is, what an archive keeps, how they are
//! followed.

use passbook::journal::{
    BoxError, CHAIN_START, Curator, Journal, Keep, RecordRef, Replay, SnapshotError, SnapshotMeta,
    SnapshotSource, leaf_of, link_of,
};

use super::{
    Reading,
    truth::{Course, Truth},
};

/// Keeps two of three records, under keys that follow from the number.
#[derive(Debug)]
pub struct ByNumber;

impl Curator for ByNumber {
    fn sort(&self, record: RecordRef<'_>, keys: &mut Vec<Vec<u8>>) -> Keep {
        keys.extend(key_of(record.sequence).map(<[u8]>::to_vec));
        if record.sequence.is_multiple_of(3) { Keep::Leaf } else { Keep::Whole }
    }
}

/// The key of a record, if it has one.
fn key_of(sequence: u64) -> Option<&'static [u8]> {
    match sequence % 4 {
        0 | 1 => Some(b"ada"),
        2 => Some(b""),
        _ => None,
    }
}

/// Takes a snapshot of what is durable: the chain, and bytes that follow from it.
///
/// # Errors
/// The journal's.
pub fn snapshot(journal: &dyn Journal, course: &Course) -> Result<(), SnapshotError> {
    let at = journal.durable();
    let state = state_at(course, at);
    let mut sink = journal.begin_snapshot(at)?;
    sink.section(&state)?;
    sink.section(&filler(&state))?;
    sink.finish(SnapshotMeta { digest: state, items: at, created_at_ms: 77 })?;
    Ok(())
}

/// The state at a sequence; one that nobody knows is nobody's.
pub(super) fn state_at(course: &Course, at: u64) -> [u8; 32] {
    let point = usize::try_from(at).ok().and_then(|at| course.points.get(at));
    point.map_or([0xff; 32], |point| point.state)
}

/// Up to a kilobyte and a half that compression can't shorten much.
fn filler(state: &[u8; 32]) -> Vec<u8> {
    let [length, ..] = *state;
    let blocks = u64::from(length % 48);
    (0..blocks).flat_map(|at| link_of(state, at, &[])).collect()
}

/// A replay that knows nothing but the chain.
#[derive(Debug)]
pub struct Follow {
    /// The last record.
    pub sequence: u64,
    /// The chain over all of them.
    pub state: [u8; 32],
    /// What was wrong although it verified.
    pub wrong: Option<String>,
}

impl Default for Follow {
    fn default() -> Self {
        Self { sequence: 0, state: CHAIN_START, wrong: None }
    }
}

impl Replay for Follow {
    fn snapshot(&mut self, source: &dyn SnapshotSource) -> Result<(), BoxError> {
        let info = source.info();
        let (state, rest) = (source.section(0)?, source.section(1)?);
        if info.sections != 2 || state != info.digest || rest != filler(&info.digest) {
            self.wrong = Some(format!("the snapshot @{} verifies and is wrong", info.sequence));
        }
        (self.sequence, self.state) = (info.sequence, info.digest);
        Ok(())
    }

    fn record(&mut self, record: RecordRef<'_>) -> Result<(), BoxError> {
        if record.sequence != self.sequence + 1 {
            self.wrong = Some(format!("@{} follows @{}", record.sequence, self.sequence));
        }
        self.sequence = record.sequence;
        self.state = link_of(&self.state, record.sequence, &[leaf_of(record.payload)]);
        Ok(())
    }

    fn reset(&mut self) {
        *self = Self { wrong: self.wrong.take(), ..Self::default() };
    }
}

/// The archived records under one key are those that were kept whole, each once and in order.
pub(super) fn check_posted(
    truth: &Truth,
    journal: &dyn Journal,
    archived: std::ops::Range<u64>,
) -> Result<Reading, String> {
    let key: &[u8] = b"ada";
    let has_key = |sequence: &u64| truth.is_kept_whole(*sequence) && key_of(*sequence) == Some(key);
    let must: Vec<u64> = archived.filter(has_key).collect();
    let posted = journal.posted(&[key]).and_then(|records| {
        records.map(|record| record.map(|record| record.sequence)).collect::<Result<Vec<_>, _>>()
    });
    match posted {
        Err(error) => Ok(Reading::Refused(error)),
        Ok(found) if found == must => Ok(Reading::Whole),
        Ok(found) => Err(format!("posted are {found:?}, not {must:?}")),
    }
}
