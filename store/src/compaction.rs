//! Keeping the journal small: what has ended leaves it, and stays in the archive and the history.
//!
//! A compaction is an event, so every replay drops the same sessions at the same place. Its steps: a
//! new segment, if the active one has grown long, so that what is in it can go; a snapshot to fall
//! back to; the event; a snapshot of what it left; and then the journal packs the segments below the
//! older of the two into archives, and forgets archives that are too old. Each step can be cut
//! short; the next compaction takes it up.

mod curator;
mod policy;

use std::ops::ControlFlow;

use passbook_core::{Act, Actor, Command, Outcome};
use passbook_journal::{CompactProgress, Compacted, Compaction, SnapshotInfo};

use self::curator::Sorted;
pub(crate) use self::curator::keep;
pub use self::policy::CompactionPolicy;
use self::policy::{due, snapshot_is_due};
use crate::{
    background::Stop,
    error::LedgerError,
    execute::{Committer, Engine},
    snapshot,
};

/// What a compaction did, or would do.
#[derive(Debug, Clone)]
pub struct CompactionReport {
    /// Sessions up to whose expiry it ended, in Unix milliseconds.
    pub effective_now_ms: u64,
    /// Expired sessions that it ended.
    pub ended: u64,
    /// The event of the compaction; `None` if nothing was changed.
    pub sequence: Option<u64>,
    /// The snapshot of what it left; `None` if nothing was changed.
    pub snapshot: Option<SnapshotInfo>,
    /// What became of the journal's files.
    pub files: Compacted,
}

/// Hears how far a compaction is; [`ControlFlow::Break`] stops it.
pub type OnProgress<'a> = dyn Fn(CompactProgress) -> ControlFlow<()> + Sync + 'a;

/// Compacts, by order of `actor`.
pub(crate) fn compact(
    engine: &Engine,
    actor: Actor,
    policy: &CompactionPolicy,
    progress: &OnProgress<'_>,
) -> Result<CompactionReport, LedgerError> {
    engine.journal.begin_segment();
    let fallback = snapshot::take(engine, &|_progress| {})?;
    let command = Command { actor, ..Command::new(Act::Compact) };
    let reply = engine.submit(&command, Committer::Caller)?.wait()?;
    let left = snapshot::take(engine, &|_progress| {})?;
    let now_ms = engine.now_ms();
    let compaction = Compaction {
        drop_through: fallback.sequence,
        progress: Some(&progress),
        ..retention(policy, now_ms)
    };
    let files = engine.journal.compact(&compaction, &Sorted)?;
    tracing::info!(
        sequence = reply.sequence,
        segments = files.segments,
        archives_removed = files.archives_removed,
        "compacted"
    );
    Ok(CompactionReport {
        effective_now_ms: now_ms,
        ended: ended(reply.outcome),
        sequence: Some(reply.sequence),
        snapshot: Some(left),
        files,
    })
}

/// What [`compact`] would do at this moment.
pub(crate) fn preview(
    engine: &Engine,
    policy: &CompactionPolicy,
) -> Result<CompactionReport, LedgerError> {
    use passbook_core::SessionView as _;
    let now_ms = engine.now_ms();
    let compaction = Compaction {
        drop_through: engine.journal.durable(),
        dry_run: true,
        ..retention(policy, now_ms)
    };
    let files = engine.journal.compact(&compaction, &Sorted)?;
    let expired = engine.live.expired(now_ms).len();
    Ok(CompactionReport {
        effective_now_ms: now_ms,
        ended: u64::try_from(expired).unwrap_or(u64::MAX),
        sequence: None,
        snapshot: None,
        files,
    })
}

fn retention(policy: &CompactionPolicy, now_ms: u64) -> Compaction<'static> {
    let keep_ms = policy.retention.map(|keep| u64::try_from(keep.as_millis()).unwrap_or(u64::MAX));
    Compaction {
        remove_archives_before_ms: keep_ms.map(|keep_ms| now_ms.saturating_sub(keep_ms)),
        bytes_per_second: policy.bytes_per_second,
        ..Compaction::default()
    }
}

/// Compacts, or takes a snapshot, if it is time to. What fails is tried again next time.
pub(crate) fn compact_if_due(engine: &Engine, policy: &CompactionPolicy, stop: &Stop) {
    let Some(why) = due(engine, policy) else {
        if let Err(error) = snapshot_if_due(engine, policy) {
            tracing::warn!(%error, code = error.code(), "the snapshot failed");
        }
        return;
    };
    tracing::debug!(?why, "a compaction is due");
    let go_on = |_progress| {
        if stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    if let Err(error) = compact(engine, Actor::System, policy, &go_on) {
        tracing::warn!(%error, code = error.code(), "the compaction failed");
    }
}

fn snapshot_if_due(engine: &Engine, policy: &CompactionPolicy) -> Result<(), LedgerError> {
    if snapshot_is_due(engine, policy)? {
        snapshot::take(engine, &|_progress| {})?;
    }
    Ok(())
}

fn ended(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Expired(count) | Outcome::Ended(count) => u64::from(count),
        Outcome::Created(_)
        | Outcome::Refreshed(_)
        | Outcome::Reused(..)
        | Outcome::Changed(_)
        | Outcome::Unchanged(_)
        | Outcome::NotAGuest(_)
        | Outcome::Recorded
        | Outcome::PolicyUnchanged
        | Outcome::NotFound
        | Outcome::AlreadyDone(_) => 0,
    }
}
