//! When to compact.

use std::time::Duration;

use crate::{error::LedgerError, execute::Engine};

/// When a ledger compacts on its own, how gently, and for how long its archive keeps history.
///
/// It is time when there is a segment to drop and any of `journal_bytes`, `age` and `dead_percent`
/// is reached; or when an archive is older than the retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionPolicy {
    /// Bytes of segments, the one being written included.
    pub journal_bytes: u64,
    /// Age of the first event in the journal.
    pub age: Duration,
    /// Of a hundred events in the journal, how many no live session needs; 1 to 100.
    pub dead_percent: u8,
    /// How long archives are kept; `None` = for ever.
    pub retention: Option<Duration>,
    /// Bytes of segments packed a second, at most; 0 = no limit.
    pub bytes_per_second: u64,
    /// Events behind the newest snapshot after which another one is taken, if they are as many as
    /// there are sessions too: an opening, and the state at a moment of the past, then fold few.
    /// `u64::MAX` = only compactions take snapshots.
    pub snapshot_events: u64,
    /// How often to look whether it is time.
    pub interval: Duration,
}

/// 400 days: a year, and time to ask about it.
const RETENTION: Duration = Duration::from_hours(400 * 24);

impl Default for CompactionPolicy {
    /// At 256 MiB, or a day, or four dead events of five; 400 days of history; at most 64 MiB a
    /// second; a snapshot every million events; looked at once a minute.
    fn default() -> Self {
        Self {
            journal_bytes: 256 << 20,
            age: Duration::from_hours(24),
            dead_percent: 80,
            retention: Some(RETENTION),
            bytes_per_second: 64 << 20,
            snapshot_events: 1_000_000,
            interval: Duration::from_mins(1),
        }
    }
}

/// Whether it is time for a snapshot.
pub(super) fn snapshot_is_due(
    engine: &Engine,
    policy: &CompactionPolicy,
) -> Result<bool, LedgerError> {
    let newest = engine.journal.snapshots()?.first().map_or(0, |newest| newest.sequence);
    let behind = engine.inflight.applied().saturating_sub(newest);
    let sessions = u64::try_from(engine.live.len()).unwrap_or(u64::MAX);
    Ok(policy.snapshot_events != u64::MAX && behind >= policy.snapshot_events.max(sessions))
}

/// Why it is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Bytes,
    Age,
    Dead,
    Retention,
}

/// Why it is time to compact; `None` = it is not.
pub(super) fn due(engine: &Engine, policy: &CompactionPolicy) -> Option<Due> {
    let extent = engine.journal.extent();
    let health = engine.journal.health();
    let now_ms = engine.now_ms();
    let older =
        |than: Duration, at_ms: u64| u128::from(now_ms.saturating_sub(at_ms)) > than.as_millis();
    // The segment being written can't go.
    if health.segments > 1 {
        if health.segments.saturating_mul(engine.segment_bytes) >= policy.journal_bytes {
            return Some(Due::Bytes);
        }
        let events = health.durable.saturating_sub(extent.sequence_first.saturating_sub(1));
        let live = u64::try_from(engine.live.len()).unwrap_or(u64::MAX);
        let dead = events.saturating_sub(live);
        if dead.saturating_mul(100) >= events.saturating_mul(u64::from(policy.dead_percent)) {
            return Some(Due::Dead);
        }
        let first = engine.journal.read(extent.sequence_first).ok().and_then(|mut all| all.next());
        if let Some(Ok(first)) = first
            && older(policy.age, first.time_ms)
        {
            return Some(Due::Age);
        }
    }
    let kept_first_ms = extent.kept_first_ms.filter(|_| extent.archives > 0);
    if let (Some(retention), Some(kept_first_ms)) = (policy.retention, kept_first_ms)
        // A day's grace, so that it is not time again after every event.
        && older(retention.saturating_add(Duration::from_hours(24)), kept_first_ms)
    {
        return Some(Due::Retention);
    }
    None
}
