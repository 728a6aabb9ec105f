//! What was queued and is not durable yet, and who waits for it.
//!
//! The journal says how far it is durable; only then are the events folded into what readers see,
//! and only then are the callers answered. This is the second half of the one order of effects, the
//! first is in `execute`.

use std::{
    collections::VecDeque,
    ops::RangeInclusive,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use passbook_core::{Event, apply};
use passbook_journal::{Journal, JournalError, Observer};
use passbook_planted::Bug;
use passbook_projections::Live;

use crate::{
    error::LedgerError,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
        thread::{self, Thread},
    },
};

/// The groups between the journal's queue and the readers.
#[derive(Debug)]
pub(crate) struct Inflight {
    live: Arc<Live>,
    queue: Mutex<VecDeque<Entry>>,
    /// The last event that readers see.
    applied: AtomicU64,
    /// Held from the first event of groups to the last: whoever has it sees no group half.
    applying: Mutex<()>,
    /// Those who wait for any next event.
    watchers: Mutex<Vec<Waker>>,
}

#[derive(Debug)]
struct Entry {
    /// The sequence of its last event; with no events, of the last one that it waits for.
    last: u64,
    ticket: Arc<Ticket>,
}

impl Inflight {
    /// Nothing in flight; readers see `applied` events.
    pub(crate) fn new(live: Arc<Live>, applied: u64) -> Self {
        Self {
            live,
            queue: Mutex::default(),
            applied: AtomicU64::new(applied),
            applying: Mutex::default(),
            watchers: Mutex::default(),
        }
    }

    /// The sequence of the last event that readers see.
    pub(crate) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// Calls `look` between two groups of events, with the sequence of the last that readers see.
    /// Commits wait for it.
    pub(crate) fn between_events<T>(&self, look: impl FnOnce(u64) -> T) -> T {
        let _whole = self.applying.lock();
        look(self.applied())
    }

    /// Enters a group that is about to be queued.
    pub(crate) fn enter(&self, last: u64, events: Vec<Event>) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::of(last, events));
        self.queue.lock().push_back(Entry { last, ticket: Arc::clone(&ticket) });
        ticket
    }

    /// Takes the group back that was entered last: the journal did not take it.
    pub(crate) fn withdraw(&self, ticket: &Arc<Ticket>) {
        // If the journal failed in between, it is gone already.
        let _entry = self.queue.lock().pop_back_if(|entry| Arc::ptr_eq(&entry.ticket, ticket));
    }

    /// A ticket for the moment at which all events up to `head` are durable.
    pub(crate) fn wait_for(&self, head: u64) -> Arc<Ticket> {
        let mut queue = self.queue.lock();
        let ticket = Arc::new(Ticket::of(head, Vec::new()));
        if self.applied() >= head {
            ticket.settle(Ok(()));
        } else {
            let ticket = Arc::clone(&ticket);
            queue.push_back(Entry { last: head, ticket });
        }
        ticket
    }

    /// Calls `waker` once more events than `seen` are applied. `false`: they are already.
    pub(crate) fn watch(&self, seen: u64, waker: &Waker) -> bool {
        let mut watchers = self.watchers.lock();
        if self.applied() > seen {
            return false;
        }
        if !watchers.iter().any(|known| known.will_wake(waker)) {
            watchers.push(waker.clone());
        }
        true
    }

    fn take_through(&self, through: u64) -> Vec<Entry> {
        let mut queue = self.queue.lock();
        let count = queue.iter().take_while(|entry| entry.last <= through).count();
        queue.drain(..count).collect()
    }

    /// Folds whole groups into what readers see.
    fn apply(&self, entries: &[Entry]) {
        if !Bug::AppliedBeforeFolded.is_planted() {
            for entry in entries {
                drop(entry.ticket.folding());
            }
        }
        let _whole = self.applying.lock();
        let mut writer = self.live.writer();
        writer.foresee(entries.iter().flat_map(|entry| entry.ticket.events()));
        for entry in entries {
            let first = *entry.ticket.sequences().start();
            for (sequence, event) in (first..).zip(entry.ticket.events()) {
                apply(&mut writer, sequence, event);
            }
            self.applied.store(entry.last.max(self.applied()), Ordering::Release);
        }
    }

    /// Lets those who wait for a next event look again.
    pub(crate) fn wake_watchers(&self) {
        for waker in std::mem::take(&mut *self.watchers.lock()) {
            waker.wake();
        }
    }
}

impl Observer for Inflight {
    fn durable(&self, through: u64) {
        let through = if Bug::AnsweredOutOfOrder.is_planted() { u64::MAX } else { through };
        // Again until nothing is there: a caller may have asked to wait in between.
        loop {
            let entries = self.take_through(through);
            if entries.is_empty() {
                break;
            }
            self.apply(&entries);
            for entry in entries {
                entry.ticket.settle(Ok(()));
            }
        }
        self.wake_watchers();
    }

    fn failed(&self, error: &Arc<JournalError>) {
        for entry in self.take_through(u64::MAX) {
            entry.ticket.settle(Err(Arc::clone(error)));
        }
        self.wake_watchers();
    }
}

/// One caller's place in the queue, with the events that its command came to.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// The sequence of its last event; with no events, of the last one that it waits for.
    last: u64,
    events: Vec<Event>,
    folding: Mutex<()>,
    state: Mutex<TicketState>,
}

#[derive(Debug)]
enum TicketState {
    Waiting(Option<Waker>),
    Settled(Result<(), Arc<JournalError>>),
}

impl Ticket {
    fn of(last: u64, events: Vec<Event>) -> Self {
        let state = Mutex::new(TicketState::Waiting(None));
        Self { last, events, folding: Mutex::default(), state }
    }

    /// Held by the decider from before the journal has the group until the group is folded over
    /// what is in flight: that fold reads what readers see, and must not find its own events there.
    /// Whoever waits for it waits for a few steps in memory: the journal has the group already.
    pub(crate) fn folding(&self) -> MutexGuard<'_, ()> {
        self.folding.lock()
    }

    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    fn sequences(&self) -> RangeInclusive<u64> {
        let count = u64::try_from(self.events.len()).expect("a group has few events");
        self.last + 1 - count..=self.last
    }

    fn settle(&self, result: Result<(), Arc<JournalError>>) {
        let before = std::mem::replace(&mut *self.state.lock(), TicketState::Settled(result));
        if let TicketState::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }

    fn poll(&self, waker: &Waker) -> Poll<Result<(), LedgerError>> {
        match &mut *self.state.lock() {
            TicketState::Settled(Ok(())) => Poll::Ready(Ok(())),
            TicketState::Settled(Err(cause)) => {
                Poll::Ready(Err(LedgerError::CommitIndeterminate(Arc::clone(cause))))
            }
            TicketState::Waiting(known) => {
                if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    *known = Some(waker.clone());
                }
                Poll::Pending
            }
        }
    }
}

/// An answer that is decided and not yet durable. Await it, or [`wait`](Self::wait) for it.
///
/// Dropping it gives up the answer, not the change.
#[derive(Debug)]
#[must_use = "the change is made, but nothing is known until it is durable"]
pub struct Pending<T> {
    ticket: Arc<Ticket>,
    answer: Option<Result<T, LedgerError>>,
    /// `None` once somebody else is to commit it.
    own_commit: Option<OwnCommit>,
}

impl<T> Pending<T> {
    pub(crate) fn new(ticket: Arc<Ticket>, answer: T) -> Self {
        Self { ticket, answer: Some(Ok(answer)), own_commit: None }
    }

    /// The same, where the journal's threads were not told: whoever waits commits.
    pub(crate) fn committed_by_caller(self, journal: &Arc<dyn Journal>, through: u64) -> Self {
        let own_commit = Some(OwnCommit { journal: Arc::clone(journal), through });
        Self { own_commit, ..self }
    }

    /// The answer that will be given. It is not true yet.
    pub(crate) fn answer(&self) -> Option<&T> {
        self.answer.as_ref()?.as_ref().ok()
    }

    /// The events that the command came to; empty if it came to none.
    pub(crate) fn sequences(&self) -> RangeInclusive<u64> {
        self.ticket.sequences()
    }

    /// The same wait for another answer.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Pending<U> {
        self.and_then(|answer| Ok(f(answer)))
    }

    /// The same wait for another answer, or for an error that is as true as the answer.
    pub(crate) fn and_then<U>(self, f: impl FnOnce(T) -> Result<U, LedgerError>) -> Pending<U> {
        let Self { ticket, answer, own_commit } = self;
        Pending { ticket, answer: answer.map(|answer| answer.and_then(f)), own_commit }
    }

    /// Blocks this thread until the change is durable. May be called inside a tokio runtime: what it
    /// waits for runs on the journal's own threads.
    ///
    /// # Errors
    /// [`LedgerError::CommitIndeterminate`] if the medium failed: the change may or may not be there
    /// after the next start.
    pub fn wait(mut self) -> Result<T, LedgerError> {
        if let Some(own) = self.own_commit.take() {
            own.journal.commit_here(own.through);
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match self.poll_with(&waker) {
                Poll::Ready(result) => return result,
                Poll::Pending => thread::park(),
            }
        }
    }

    fn poll_with(&mut self, waker: &Waker) -> Poll<Result<T, LedgerError>> {
        self.ticket.poll(waker).map(|durable| {
            durable.and_then(|()| self.answer.take().expect("polled no more once ready"))
        })
    }
}

impl<T: Unpin> Future for Pending<T> {
    type Output = Result<T, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A task must not block: dropped, it goes to the journal's threads.
        self.own_commit = None;
        self.poll_with(context.waker())
    }
}

/// What was queued quietly and is not under way yet.
#[derive(Debug)]
struct OwnCommit {
    journal: Arc<dyn Journal>,
    through: u64,
}

impl Drop for OwnCommit {
    fn drop(&mut self) {
        self.journal.commit_elsewhere();
    }
}

/// Wakes a thread that parked.
pub(crate) struct Unpark(pub(crate) Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
