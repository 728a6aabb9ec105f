//! From a command to a durable event: the one place that has the order of effects.
//!
//! 1. **decide** on durable state and what is in flight, under the decider's lock;
//! 2. **encode** the events and hash their leaves;
//! 3. **enter** them among those in flight, with a ticket for the caller;
//! 4. **append** them to the journal as one group; if it does not take them, withdraw them;
//! 5. **fold** them over what is in flight, for the next command to see; let go of the lock;
//! 6. the journal **syncs**;
//! 7. **apply**: they are folded into what readers see (in `inflight`, in order, each group after
//!    its step 5);
//! 8. **answer**: the ticket is settled.
//!
//! An answer with no events of its own (not found, unchanged) waits too, for what it was read from.

use std::sync::Arc;

use passbook_core::{
    Act, Actor, Command, Decided, Event, IdGenerator, Outcome, Policy, Session, SessionId,
    SessionView, Token, apply, codec, decide,
};
use passbook_journal::{Group, Journal, Leaf, Payload, Vfs, leaf_of};
use passbook_planted::Bug;
use passbook_projections::Live;

use crate::{
    error::LedgerError,
    inflight::{Inflight, Pending, Ticket},
    overlay::Overlay,
    ports::{Clock, Entropy},
    replay_window::ReplayWindow,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// The version that `Opened` events carry.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The single writer and all that it needs.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) live: Arc<Live>,
    pub(crate) inflight: Arc<Inflight>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) replays: ReplayWindow,
    /// Where the journal's files lie, if it has any.
    pub(crate) vfs: Arc<dyn Vfs>,
    /// Length of a new segment of the journal, in bytes.
    pub(crate) segment_bytes: u64,
    ids: Mutex<IdGenerator>,
    decider: Mutex<Decider>,
    /// The latest time that anyone was told: a clock that steps back revives no session.
    latest_ms: AtomicU64,
}

/// Who sees to the commit of what a command comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committer {
    /// The journal's own threads: the caller is a task that must not block.
    Journal,
    /// The thread that waits for the answer: it has nothing else to do.
    Caller,
}

/// What must be seen and changed by one command at a time.
#[derive(Debug)]
struct Decider {
    overlay: Overlay,
    /// The sequence of the last event queued.
    head: u64,
    /// `Some` until this process has written its first event: bytes that recovery set aside.
    unopened: Option<u64>,
    scratch: Scratch,
}

/// Reused for each group.
#[derive(Debug, Default)]
struct Scratch {
    bytes: Vec<u8>,
    /// Where each event ends in `bytes`, and its leaf.
    ends: Vec<(usize, Leaf)>,
}

/// The answer to a command, with the session that it is about as the command left it.
#[derive(Debug, Clone)]
pub struct Reply {
    /// What came of it.
    pub outcome: Outcome,
    /// The session that it is about, if it is one and it is live.
    pub session: Option<Session>,
    /// The sequence of its last event; without events, of the last one that it saw.
    pub sequence: u64,
    /// How many events it wrote.
    pub events: usize,
}

/// What an engine is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) live: Arc<Live>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) dropped_bytes: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) vfs: Arc<dyn Vfs>,
}

impl Engine {
    /// An engine over a journal whose events `live` has folded.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { journal, live, clock, entropy, dropped_bytes, segment_bytes, vfs } = parts;
        let head = journal.head();
        let inflight = Arc::new(Inflight::new(Arc::clone(&live), head));
        journal.observe(Arc::<Inflight>::clone(&inflight));
        let decider = Decider {
            overlay: Overlay::over(Arc::clone(&live)),
            head,
            unopened: Some(dropped_bytes),
            scratch: Scratch::default(),
        };
        Self {
            latest_ms: AtomicU64::new(live.last_at_ms()),
            journal,
            live,
            inflight,
            clock,
            entropy,
            replays: ReplayWindow::default(),
            segment_bytes,
            vfs,
            ids: Mutex::default(),
            decider: Mutex::new(decider),
        }
    }

    /// The time that sessions are judged by: the clock's, or the latest told before, if that is
    /// later.
    pub(crate) fn now_ms(&self) -> u64 {
        let now_ms = self.clock.now_ms();
        if Bug::ClockBelieved.is_planted() {
            return now_ms;
        }
        let latest_ms = self.latest_ms.load(Ordering::Relaxed);
        if now_ms > latest_ms {
            self.latest_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
        now_ms.max(latest_ms)
    }

    /// The rules in force, if the journal says any.
    pub(crate) fn policy_in_journal(&self) -> Option<Policy> {
        let in_force = self.live.policy();
        (in_force.version > 0).then_some(in_force.policy)
    }

    /// A fresh token, from the operating system.
    pub(crate) fn new_token(&self) -> Result<Token, LedgerError> {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes)?;
        let token = Token::from_random_bytes(bytes);
        zeroize::Zeroize::zeroize(&mut bytes);
        Ok(token)
    }

    /// A fresh session id, above all before it.
    pub(crate) fn new_id(&self) -> Result<SessionId, LedgerError> {
        let now_ms = self.now_ms();
        let mut ids = self.ids.lock();
        if let Some(id) = ids.successor(now_ms) {
            return Ok(id);
        }
        let mut random = [0; 16];
        self.entropy.fill(&mut random)?;
        Ok(ids.next(now_ms, u128::from_le_bytes(random)))
    }

    /// Decides and queues a command.
    pub(crate) fn submit(
        &self,
        command: &Command,
        committer: Committer,
    ) -> Result<Pending<Reply>, LedgerError> {
        let mut decider = self.begin();
        self.carry_out(&mut decider, command, committer)
    }

    /// Decides and queues a refresh. Within the replay window, the successor that the presented
    /// token got before is handed out again, if nobody used it yet.
    pub(crate) fn submit_refresh(
        &self,
        command: &Command,
        presented: &Token,
        successor: Token,
        committer: Committer,
    ) -> Result<Pending<(Reply, Token)>, LedgerError> {
        let mut decider = self.begin();
        let window_ms = decider.overlay.policy().policy.replay_window_ms;
        if let Some((id, token)) = self.replays.again(presented, self.now_ms(), window_ms) {
            let live = decider.overlay.session(id).filter(|state| {
                state.digest == Some(token.digest()) && !state.session.is_expired(self.now_ms())
            });
            if live.is_some() {
                let reply = decider.reply(Outcome::Refreshed(id), 0);
                let ticket = self.inflight.wait_for(decider.head);
                return Ok(Pending::new(ticket, (reply, token)));
            }
        }
        let pending = self.carry_out(&mut decider, command, committer)?;
        if window_ms > 0 {
            self.replays.keep(pending.answer(), presented, &successor, self.now_ms());
        }
        Ok(pending.map(|reply| (reply, successor)))
    }

    fn begin(&self) -> MutexGuard<'_, Decider> {
        let mut decider = self.decider.lock();
        decider.overlay.forget(self.inflight.applied());
        decider
    }

    fn carry_out(
        &self,
        decider: &mut Decider,
        command: &Command,
        committer: Committer,
    ) -> Result<Pending<Reply>, LedgerError> {
        // One moment for all: an `Opened` of a later one could not stand before the command's events.
        let now_ms = self.now_ms();
        let Decided { events, outcome } = decide(&decider.overlay, command, now_ms)?;
        let count = events.len();
        if events.is_empty() {
            let ticket = self.inflight.wait_for(decider.head);
            return Ok(Pending::new(ticket, decider.reply(outcome, 0)));
        }
        self.open_if_first(decider, now_ms)?;
        let ticket = self.record(decider, events, committer)?;
        let pending = Pending::new(ticket, decider.reply(outcome, count));
        Ok(match committer {
            Committer::Journal => pending,
            Committer::Caller => pending.committed_by_caller(&self.journal, decider.head),
        })
    }

    /// Before the first event of this process goes the one that says that it opened the ledger:
    /// opening alone changes nothing.
    fn open_if_first(&self, decider: &mut Decider, now_ms: u64) -> Result<(), LedgerError> {
        let Some(dropped_bytes) = decider.unopened else { return Ok(()) };
        let act = Act::Open { version: VERSION.into(), dropped_bytes };
        let command = Command { actor: Actor::System, ..Command::new(act) };
        let Decided { events, .. } = decide(&decider.overlay, &command, now_ms)?;
        let _nobody_waits = self.record(decider, events, Committer::Journal)?;
        decider.unopened = None;
        Ok(())
    }

    /// Steps 2 to 5.
    fn record(
        &self,
        decider: &mut Decider,
        events: Vec<Event>,
        committer: Committer,
    ) -> Result<Arc<Ticket>, LedgerError> {
        let time_ms = events.last().map_or(0, |event| event.at_ms);
        decider.scratch.encode(&events)?;
        let first = decider.head + 1;
        let count = u64::try_from(events.len()).expect("a group has few events");
        let last = decider.head + count;
        let ticket = self.inflight.enter(last, events);
        let folding = ticket.folding();
        let appended = decider.scratch.with_payloads(|payloads| {
            let group = Group { time_ms, payloads };
            match committer {
                Committer::Journal => self.journal.append(decider.head, &group),
                Committer::Caller => self.journal.append_quietly(decider.head, &group),
            }
        });
        match appended {
            Ok(sequence) => {
                assert_eq!(sequence, last, "the journal numbers as we do");
                decider.head = last;
                for (sequence, event) in (first..).zip(ticket.events()) {
                    decider.overlay.fold(sequence, event);
                    if Bug::AppliedBeforeDurable.is_planted() {
                        apply(&mut self.live.writer(), sequence, event);
                    }
                }
                drop(folding);
                Ok(ticket)
            }
            Err(error) => {
                drop(folding);
                self.inflight.withdraw(&ticket);
                Err(LedgerError::of_append(error))
            }
        }
    }
}

impl Decider {
    /// The answer, with the session as the command left it.
    fn reply(&self, outcome: Outcome, events: usize) -> Reply {
        let id = match outcome {
            Outcome::Created(id)
            | Outcome::Refreshed(id)
            | Outcome::Reused(id, _)
            | Outcome::Changed(id)
            | Outcome::Unchanged(id)
            | Outcome::NotAGuest(id) => Some(id),
            Outcome::Ended(_)
            | Outcome::Expired(_)
            | Outcome::Recorded
            | Outcome::PolicyUnchanged
            | Outcome::NotFound
            | Outcome::AlreadyDone(_) => None,
        };
        let session = id.and_then(|id| self.overlay.seen(id));
        Reply { outcome, session, sequence: self.head, events }
    }
}

impl Scratch {
    fn encode(&mut self, events: &[Event]) -> Result<(), LedgerError> {
        self.bytes.clear();
        self.ends.clear();
        for event in events {
            let start = self.bytes.len();
            codec::encode_into(event, &mut self.bytes)
                .map_err(|error| LedgerError::Internal(error.to_string()))?;
            let (_, encoded) = self.bytes.split_at(start);
            self.ends.push((self.bytes.len(), leaf_of(encoded)));
        }
        Ok(())
    }

    fn with_payloads<R>(&self, f: impl FnOnce(&[Payload<'_>]) -> R) -> R {
        let mut rest = &*self.bytes;
        let mut start = 0;
        let mut next = |&(end, leaf): &(usize, Leaf)| {
            let (bytes, behind) = rest.split_at(end - start);
            (rest, start) = (behind, end);
            Payload { bytes, leaf }
        };
        match &*self.ends {
            // Nearly every command has one event: no allocation for it.
            [only] => f(&[next(only)]),
            ends => f(&ends.iter().map(next).collect::<Vec<_>>()),
        }
    }
}
