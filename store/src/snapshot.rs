//! Writing the state down, while events go on.

use passbook_journal::{SnapshotError, SnapshotInfo, SnapshotMeta};

use crate::{error::LedgerError, execute::Engine};

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotProgress {
    /// Sessions written.
    pub done_sessions: u64,
    /// Sessions there were when it began.
    pub total_sessions: u64,
}

/// Takes a snapshot of the state as readers see it; `progress` hears of each section. If the newest
/// snapshot is of this very state, it is that one.
pub(crate) fn take(
    engine: &Engine,
    progress: &dyn Fn(SnapshotProgress),
) -> Result<SnapshotInfo, LedgerError> {
    if let Some(newest) = engine.journal.snapshots()?.into_iter().next()
        && newest.sequence == engine.inflight.applied()
    {
        return Ok(newest);
    }
    // The moment is between two events, so that it has a sequence.
    let begin = |applied| (applied, engine.live.capture());
    let (sequence, capture) = engine.inflight.between_events(begin);
    let mut capture = capture.map_err(|_running| SnapshotError::Busy)?;
    let mut sink = engine.journal.begin_snapshot(sequence)?;
    let total_sessions = u64::try_from(engine.live.len()).unwrap_or(u64::MAX);
    while let Some(section) = capture.section() {
        sink.section(&section)?;
        progress(SnapshotProgress { done_sessions: capture.given(), total_sessions });
    }
    let captured = capture
        .captured()
        .ok_or_else(|| LedgerError::Internal("a capture gave no end".to_owned()))?;
    let meta = SnapshotMeta {
        digest: captured.digest,
        items: captured.sessions,
        created_at_ms: engine.now_ms(),
    };
    let info = sink.finish(meta)?;
    tracing::info!(sequence, sessions = info.items, bytes = info.bytes, "snapshot taken");
    Ok(info)
}
