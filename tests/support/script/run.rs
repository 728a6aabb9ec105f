//! A script on its way: the disk, the clock, and the process that lives on them.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use passbook::{
    Clock as _, Ledger, Pending, Reply, SeededEntropy, SimClock,
    journal::{
        Compaction, FileJournal, Group, Journal, JournalError, Observer, Options, Payload,
        sim::SimVfs,
    },
};

use super::{Disturbance, Line, Script, folder, truth_of};
use crate::{
    op::{ActOp, Names, command},
    oracle::{
        ByNumber, Content, Course, Follow, SharedTruth, Tap, Truth, locked, small, snapshot_opaque,
    },
    plan::Tally,
    rig::{START_MS, Unread},
};

/// A process with the ledger open.
struct Process {
    journal: Arc<FileJournal>,
    tap: Arc<Tap>,
    ledger: Option<Ledger>,
    pending: Vec<Pending<Reply>>,
}

/// A run until its end, or until the power is off.
pub struct Run {
    /// The disk.
    pub vfs: SimVfs,
    /// The clock.
    pub clock: Arc<SimClock>,
    /// Numbers of the calls that may change what a crash leaves.
    pub changes: Vec<u64>,
    /// Calls until the end of the script's prologue.
    pub calls_before: u64,
    /// Calls in all lives.
    pub calls: u64,
    /// What was done with success, by name.
    pub tally: Tally,
    truth: SharedTruth,
    names: Names,
    disturbance: Disturbance,
    entropy: u64,
    process: Option<Process>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("calls", &self.calls).finish_non_exhaustive()
    }
}

struct Nobody;

impl Observer for Nobody {
    fn durable(&self, _through: u64) {}

    fn failed(&self, _error: &Arc<JournalError>) {}
}

impl Run {
    /// Plays the whole script.
    pub fn play(script: &Script, disturbance: Disturbance) -> Self {
        let mut run = Self {
            vfs: SimVfs::new(),
            clock: Arc::new(SimClock::at_ms(START_MS)),
            changes: Vec::new(),
            calls_before: 0,
            calls: 0,
            tally: Tally::default(),
            truth: truth_of(script.content),
            names: Names::default(),
            disturbance,
            entropy: script.entropy,
            process: None,
        };
        run.disturb();
        for (at, line) in script.lines.iter().enumerate() {
            if at == script.prologue {
                run.calls_before = run.calls + run.vfs.calls();
            }
            run.take(script.content, line);
            run.settle();
            if run.vfs.is_off() {
                break;
            }
        }
        run.count_calls();
        run
    }

    /// What was submitted and acknowledged until now.
    pub fn truth(&self) -> Truth {
        locked(&self.truth).clone()
    }

    /// The time, in Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The journal of the process that lives, if one does.
    pub fn journal(&self) -> Option<&FileJournal> {
        self.process.as_ref().map(|process| &*process.journal)
    }

    fn disturb(&self) {
        if self.disturbance == Disturbance::None {
            self.vfs.record_calls();
        }
        match self.disturbance {
            Disturbance::Cut(call) if call > self.calls => self.vfs.cut_at(call - self.calls),
            Disturbance::Fault(call, fault, times) if call > self.calls => {
                self.vfs.fail_at(call - self.calls, fault, times);
            }
            Disturbance::Cut(_) | Disturbance::Fault(..) | Disturbance::None => {}
        }
    }

    fn count_calls(&mut self) {
        let log = self.vfs.call_log();
        let changes = log.iter().filter(|call| call.kind.changes());
        self.changes.extend(changes.map(|call| self.calls + call.number));
        self.calls += self.vfs.calls();
    }

    fn take(&mut self, content: Content, line: &Line) {
        match (line, &self.process) {
            (Line::Open, None) => self.open(content),
            (Line::Advance(step_ms), _) => self.clock.advance_ms(*step_ms),
            (Line::Close, Some(process)) => {
                let closed = process.tap.close().is_ok();
                self.tally.add("closings", u64::from(closed));
                self.process = None;
                self.die();
            }
            (Line::Kill, Some(_)) => {
                self.die();
                self.process = None;
            }
            (Line::Act(act), Some(_)) => self.act(*act),
            (Line::Append(bodies), Some(process)) => self.append(process, bodies),
            (Line::Step(step), Some(process)) => {
                process.journal.step(*step);
            }
            (Line::Pump, Some(process)) => process.journal.pump(),
            (Line::Snapshot, Some(process)) => {
                let is_taken = match &process.ledger {
                    Some(ledger) => ledger.snapshot().is_ok(),
                    None => self.snapshot_opaque(process),
                };
                self.tally.add("snapshots", u64::from(is_taken));
            }
            (Line::Abandon, Some(process)) => {
                if let Ok(mut sink) = process.journal.begin_snapshot(process.journal.durable()) {
                    drop(sink.section(&[1; 700]));
                }
            }
            (Line::Compact, Some(_)) => self.compact(),
            (Line::Retain(percent), Some(_)) => self.retain(*percent),
            (
                Line::Open
                | Line::Close
                | Line::Kill
                | Line::Act(_)
                | Line::Append(_)
                | Line::Step(_)
                | Line::Pump
                | Line::Snapshot
                | Line::Abandon
                | Line::Compact
                | Line::Retain(_),
                _,
            ) => {}
        }
    }

    /// The process is gone; what it wrote and did not sync is still in the caches.
    fn die(&mut self) {
        if self.vfs.is_off() {
            return;
        }
        self.count_calls();
        let next = self.vfs.fork();
        // Nothing of this life comes after.
        self.vfs.cut_at(1);
        self.vfs = next;
        self.disturb();
    }

    fn open(&mut self, content: Content) {
        let entropy = Arc::new(passbook::journal::SeededEntropy::new(self.entropy));
        let options = Options { entropy, ..small(&self.vfs) };
        let opened = match content {
            Content::Opaque => FileJournal::open(folder(), options, &mut Follow::default()),
            Content::Sessions => FileJournal::open(folder(), options, &mut Unread),
        };
        let Ok((journal, _)) = opened else { return };
        let journal = Arc::new(journal);
        let tap = Tap::new(Arc::clone(&journal), Arc::clone(&self.truth));
        let tap = Arc::new(tap.unwrap_or_else(|why| panic!("in a run: {why}")));
        let mut ledger = None;
        if content == Content::Sessions {
            let opened = Ledger::builder()
                .journal(Arc::<Tap>::clone(&tap))
                .clock(Arc::<SimClock>::clone(&self.clock))
                .entropy(Arc::new(SeededEntropy::new(7)))
                .sweep_interval(None)
                .compaction(None)
                .open_blocking();
            let Ok(opened) = opened else { return };
            ledger = Some(opened);
        } else {
            tap.observe(Arc::new(Nobody));
        }
        self.tally.add("openings", 1);
        self.process = Some(Process { journal, tap, ledger, pending: Vec::new() });
    }

    fn append(&self, process: &Process, bodies: &[(usize, bool)]) {
        let head = process.journal.head();
        let time_ms = self.clock.now_ms() + 10 * head;
        let body = |(at, (length, is_zero)): (usize, &(usize, bool))| -> Vec<u8> {
            let first = usize::try_from(head).expect("few records") + at;
            let byte = |at| u8::try_from((first + at) % 251).expect("below 251") + 1;
            (0..*length).map(|at| if *is_zero { 0 } else { byte(at) }).collect()
        };
        let bodies: Vec<Vec<u8>> = bodies.iter().enumerate().map(body).collect();
        let payloads: Vec<Payload<'_>> = bodies.iter().map(|body| Payload::new(body)).collect();
        drop(process.tap.append(head, &Group { time_ms, payloads: &payloads }));
    }

    fn act(&mut self, act: ActOp) {
        // Time goes on, so that some of it can be too long ago.
        self.clock.advance_ms(1_000);
        let deed = self.names.deed(act, self.clock.now_ms());
        if let Some(process) = &mut self.process
            && let Some(ledger) = &process.ledger
            && let Ok(pending) = ledger.submit(&command(&deed, None))
        {
            process.pending.push(pending);
        }
    }

    /// Answers that have come are promises.
    fn settle(&mut self) {
        let Some(process) = &mut self.process else { return };
        let mut context = Context::from_waker(Waker::noop());
        process.pending.retain_mut(|pending| match Pin::new(pending).poll(&mut context) {
            Poll::Ready(Ok(reply)) => {
                locked(&self.truth).acknowledge(reply.sequence);
                false
            }
            Poll::Ready(Err(_)) => false,
            Poll::Pending => true,
        });
    }

    fn snapshot_opaque(&self, process: &Process) -> bool {
        snapshot_opaque(&*process.journal, &Course::of(&self.truth())).is_ok()
    }

    fn compact(&mut self) {
        let Some(process) = &self.process else { return };
        let segments = if let Some(ledger) = &process.ledger {
            ledger.compact().map(|report| report.files.segments).ok()
        } else {
            let drop_through = process.journal.durable();
            let compaction = Compaction { drop_through, ..Compaction::default() };
            process.tap.compact(&compaction, &ByNumber).map(|done| done.segments).ok()
        };
        self.tally.add("compactions", u64::from(segments.is_some()));
        self.tally.add("archived segments", segments.unwrap_or_default());
    }

    fn retain(&mut self, percent: u8) {
        let Some(process) = &self.process else { return };
        let before = process.journal.durable() * u64::from(percent) / 100;
        let before_ms = locked(&self.truth).record(before).map(|sent| sent.time_ms);
        let compaction =
            Compaction { remove_archives_before_ms: before_ms, ..Compaction::default() };
        let done = process.tap.compact(&compaction, &ByNumber);
        self.tally.add("archives removed", done.map_or(0, |done| done.archives_removed));
    }
}
