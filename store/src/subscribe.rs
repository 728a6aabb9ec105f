//! Following the ledger: the events in order, each once, first the past and then live.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use passbook_core::codec;
use passbook_journal::{Record, Records, WriterState};
use passbook_projections::history::Recorded;

use crate::{error::LedgerError, execute::Engine, inflight::Unpark, sync::thread};

/// Reads the event of a journal's record.
pub(crate) fn decode_record(record: &Record) -> Result<Recorded, LedgerError> {
    let sequence = record.sequence;
    match codec::decode(&record.payload) {
        Ok(event) => Ok(Recorded { sequence, event }),
        Err(cause) => Err(LedgerError::Event { sequence, cause: Arc::new(cause) }),
    }
}

/// Events from a sequence on, from the archive and the journal. It reads at its own pace: a slow
/// subscriber holds nobody up and costs no memory. What the archive keeps no body of (changes of
/// sessions' data) is left out once it is there; a subscriber that comes after the retention gets
/// [`LedgerError::Read`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), passbook::LedgerError> {
/// let ledger = passbook::Ledger::memory()?;
/// let mut events = ledger.subscribe(0);
/// ledger.create("ann").await?;
/// assert_eq!(events.next().await.expect("live")?.event.fact.kind(), "Opened");
/// assert_eq!(events.next().await.expect("live")?.event.fact.kind(), "SessionCreated");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Subscription {
    engine: Arc<Engine>,
    /// The sequence of the last event given.
    seen: u64,
    reading: Option<Records>,
}

impl Subscription {
    pub(crate) fn new(engine: Arc<Engine>, from: u64) -> Self {
        Self { engine, seen: from.saturating_sub(1), reading: None }
    }

    /// The next event. `None`: the ledger can write no more, and all is given.
    ///
    /// # Errors
    /// [`LedgerError::Read`] and [`LedgerError::Event`].
    pub async fn next(&mut self) -> Option<Result<Recorded, LedgerError>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The next event, waiting for it on this thread.
    ///
    /// # Errors
    /// [`LedgerError::Read`] and [`LedgerError::Event`].
    pub fn next_blocking(&mut self) -> Option<Result<Recorded, LedgerError>> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match self.poll_next(&mut Context::from_waker(&waker)) {
                Poll::Ready(next) => return next,
                Poll::Pending => thread::park(),
            }
        }
    }

    /// The next event if there is one now.
    ///
    /// # Errors
    /// [`LedgerError::Read`] and [`LedgerError::Event`].
    pub fn try_next(&mut self) -> Option<Result<Recorded, LedgerError>> {
        match self.read_next() {
            Ok(recorded) => recorded.map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Recorded, LedgerError>>> {
        loop {
            if let Some(next) = self.try_next() {
                return Poll::Ready(Some(next));
            }
            // Register before looking whether more can come, or its last word could be missed.
            if !self.engine.inflight.watch(self.seen, context.waker()) {
                continue;
            }
            return match self.engine.journal.health().writer {
                WriterState::Healthy | WriterState::ReadOnly(_) => Poll::Pending,
                WriterState::Poisoned(_) | WriterState::Closed => Poll::Ready(None),
            };
        }
    }

    /// What is applied and not given yet. A reader that ended is opened anew once there is more.
    fn read_next(&mut self) -> Result<Option<Recorded>, LedgerError> {
        if let Some(record) = self.reading.as_mut().and_then(Iterator::next) {
            return self.give(&record?).map(Some);
        }
        self.reading = None;
        let applied = self.engine.inflight.applied();
        if applied <= self.seen {
            return Ok(None);
        }
        let mut records = self.engine.journal.read_kept(self.seen + 1)?;
        let Some(first) = records.next() else {
            // Of these the archive has no more than the leaves.
            self.seen = applied;
            return Ok(None);
        };
        self.reading = Some(records);
        self.give(&first?).map(Some)
    }

    fn give(&mut self, record: &Record) -> Result<Recorded, LedgerError> {
        let recorded = decode_record(record)?;
        self.seen = recorded.sequence;
        Ok(recorded)
    }
}
