//! The agenda of a simulated run, and the disk that is on it.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex},
};

use passbook::{
    Clock as _, SimClock,
    journal::{Journal as _, Step, WriterState, sim::SimVfs},
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::clients::Client;
use crate::{
    op::token,
    oracle::{Content, Oracle, SharedTruth, Truth, locked},
    plan::Tally,
    rig::{Rig, START_MS},
    run::Run,
};

/// Tokens that the oracle knows; more than a run hands out.
const TOKENS_MAX: u64 = 4_000;
const STEPS: [Step; 5] = [Step::Write, Step::Sync, Step::SyncNewest, Step::Complete, Step::Prepare];

/// What is on the agenda.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A client's turn, unless it had one since.
    Client(usize, u64),
    /// A call of the disk returns.
    Disk,
    /// Something happens from outside.
    Nature,
    /// A trouble is over.
    Heal,
    /// Somebody starts the process again.
    Restart,
}

/// What is wrong with the disk of this process.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// It may refuse something now.
    pub(super) is_on: bool,
    /// The power goes off at a call to come.
    pub(super) is_cut_planned: bool,
    /// A segment could not be made, at some time.
    pub(super) was_full: bool,
}

/// A simulated run.
#[derive(Debug)]
pub(super) struct World {
    pub(super) run: Run,
    pub(super) rng: SmallRng,
    pub(super) tally: Tally,
    pub(super) clients: Vec<Client>,
    pub(super) at_us: u64,
    /// What the clock reads at the start of the run, with all its steps.
    pub(super) base_ms: u64,
    pub(super) trouble: Trouble,
    /// Tokens that a client knows to be dead, because it was told.
    pub(super) dead: BTreeSet<u64>,
    truth: SharedTruth,
    agenda: BinaryHeap<Reverse<(u64, u64, Due)>>,
    entries: u64,
    is_disk_idle: bool,
    is_restart_due: bool,
    trace: DefaultHasher,
}

impl World {
    pub(super) fn new(rng: &mut SmallRng, tally: &mut Tally) -> Self {
        let mut rng = SmallRng::from_rng(rng);
        let clock = Arc::new(SimClock::at_ms(START_MS));
        let truth = Arc::new(Mutex::new(Truth::new(Content::Sessions, TOKENS_MAX)));
        let rig = Rig::watched(SimVfs::new(), clock, &truth).expect("an empty disk opens");
        let clients = (0..rng.random_range(2..7)).map(Client::new).collect();
        Self {
            run: Run::on(rig).watched_by(&truth),
            rng,
            tally: std::mem::take(tally),
            clients,
            at_us: 0,
            base_ms: START_MS,
            trouble: Trouble::default(),
            dead: BTreeSet::new(),
            truth,
            agenda: BinaryHeap::new(),
            entries: 0,
            is_disk_idle: true,
            is_restart_due: false,
            trace: DefaultHasher::new(),
        }
    }

    /// Adds to the trace.
    pub(super) fn note(&mut self, what: &str, detail: u64) {
        (self.at_us, what, detail).hash(&mut self.trace);
    }

    pub(super) fn schedule(&mut self, after_us: u64, due: Due) {
        self.entries += 1;
        self.agenda.push(Reverse((self.at_us + after_us, self.entries, due)));
    }

    /// A number of microseconds about `mean`: many short, few long.
    pub(super) fn some_us(&mut self, mean: u64) -> u64 {
        let half = 1 << self.rng.random_range(0..4_u32);
        self.rng.random_range(0..=mean * 4 / half)
    }

    pub(super) fn one_in(&mut self, cases: u32) -> bool {
        self.rng.random_range(0..cases) == 0
    }

    pub(super) fn live(&mut self, until_us: u64) {
        for client in 0..self.clients.len() {
            let after_us = self.some_us(1_000_000);
            self.schedule(after_us, Due::Client(client, 0));
        }
        self.schedule(5_000_000, Due::Nature);
        while let Some(Reverse((at_us, _, due))) = self.agenda.pop()
            && at_us < until_us
        {
            self.at_us = at_us;
            self.set_clock();
            match due {
                Due::Client(client, turn) => self.turn(client, turn),
                Due::Disk => self.disk(),
                Due::Nature => self.nature(),
                Due::Heal => self.heal(),
                Due::Restart => self.restart(),
            }
            self.look_at_the_writer();
        }
        self.end();
    }

    pub(super) fn set_clock(&mut self) {
        self.run.rig.clock.set_ms(self.base_ms + self.at_us / 1_000);
    }

    /// One call of the disk has returned, whichever.
    fn disk(&mut self) {
        let from = self.rng.random_range(0..STEPS.len());
        let mut done = None;
        for step in STEPS.iter().cycle().skip(from).take(STEPS.len()) {
            if self.run.rig.journal.step(*step) {
                done = Some(*step);
                break;
            }
        }
        let Some(step) = done else {
            self.is_disk_idle = true;
            return;
        };
        self.note("disk", self.run.rig.ledger.sequence());
        self.tally.add("calls of the disk", 1);
        if step == Step::Complete {
            self.answer();
        }
        let slow = self.one_in(50);
        let after_us = self.some_us(if slow { 1_000_000 } else { 2_000 });
        self.schedule(after_us, Due::Disk);
    }

    /// There may be something to write.
    pub(super) fn wake_disk(&mut self) {
        if self.is_disk_idle {
            self.is_disk_idle = false;
            let after_us = self.some_us(500);
            self.schedule(after_us, Due::Disk);
        }
    }

    pub(super) fn is_poisoned(&self) -> bool {
        matches!(self.run.rig.journal.health().writer, WriterState::Poisoned(_))
    }

    /// A power that went off or a medium that failed ends this process before long.
    fn look_at_the_writer(&mut self) {
        let is_off = self.run.rig.vfs.is_off();
        if !self.is_restart_due && (is_off || self.is_poisoned()) {
            self.is_restart_due = true;
            self.note("down", u64::from(is_off));
            // With the power off nobody asks anything more.
            let after_us = if is_off { 0 } else { self.some_us(2_000_000) };
            self.schedule(after_us, Due::Restart);
        }
    }

    fn restart(&mut self) {
        if self.is_restart_due {
            let is_off = self.run.rig.vfs.is_off();
            let image = if is_off || self.one_in(2) { self.power_cut() } else { self.killed() };
            self.crash(image);
        }
    }

    /// What a power cut at this moment may leave.
    pub(super) fn power_cut(&mut self) -> SimVfs {
        let (limit, seed) = (self.rng.random_range(1..12), self.rng.random());
        self.tally.add("power cuts", 1);
        self.run.rig.vfs.crash_images(limit, seed).last().expect("there is one at least")
    }

    /// What the death of the process leaves.
    pub(super) fn killed(&mut self) -> SimVfs {
        self.tally.add("kills", 1);
        self.run.rig.vfs.fork()
    }

    /// A new process finds `image`, perhaps after others that did not live long.
    pub(super) fn crash(&mut self, image: SimVfs) {
        let mut image = image.fork();
        calm(&image);
        while self.one_in(4) {
            let cut = image.fork();
            cut.cut_at(cut.calls() + self.rng.random_range(1..80));
            let clock = Arc::clone(&self.run.rig.clock);
            drop(Rig::open(cut.clone(), clock));
            let (limit, seed) = (self.rng.random_range(1..6), self.rng.random());
            image = cut.crash_images(limit, seed).last().expect("there is one at least");
            self.tally.add("openings cut short", 1);
        }
        self.judge(&image);
        self.run.crash(image, &mut self.tally);
        self.begin_again();
    }

    /// The one oracle has a look at what a process would find.
    fn judge(&mut self, image: &SimVfs) {
        let truth = locked(&self.truth);
        let last_ms = truth.sent.last().map_or(0, |sent| sent.time_ms);
        let now_ms = last_ms.max(self.run.rig.clock.now_ms());
        let judged = Oracle::new(&truth, now_ms).after_crash(&image.fork());
        drop(truth);
        self.tally.add("judged by the oracle", 1);
        if let Err(error) = judged {
            panic!("at {} us: {error}", self.at_us);
        }
    }

    /// A new process is up.
    pub(super) fn begin_again(&mut self) {
        self.trouble = Trouble::default();
        self.is_restart_due = false;
        self.note("up", self.run.rig.ledger.sequence());
        self.run.check();
        self.check_the_dead();
        self.lose_answers();
    }

    /// What a client was told to be dead is dead for ever.
    fn check_the_dead(&self) {
        for number in &self.dead {
            assert!(
                self.run.rig.ledger.session(&token(*number)).is_none(),
                "token {number} is back"
            );
        }
    }

    fn end(&mut self) {
        self.heal();
        if self.trouble.is_cut_planned || self.is_poisoned() {
            self.is_restart_due = true;
            self.restart();
        }
        self.run.rig.journal.pump();
        self.answer();
        self.run.finish();
        self.check_the_dead();
        self.run.reopen(&mut self.tally);
        self.judge(&self.run.rig.vfs.fork());
        for byte in self.run.rig.ledger.fingerprint() {
            self.note("end", byte.into());
        }
        for path in self.run.rig.vfs.files() {
            let bytes = self.run.rig.vfs.read_all(&path).unwrap_or_default();
            (path, bytes).hash(&mut self.trace);
        }
    }

    /// What was counted, and the digest of all that happened.
    pub(super) fn into_parts(self) -> (Tally, u64) {
        (self.tally, self.trace.finish())
    }
}

/// The disk is as it should be, whatever was planned.
pub(super) fn calm(vfs: &SimVfs) {
    vfs.heal();
    vfs.set_capacity(None);
    vfs.set_read_only(passbook::journal::sim::ReadOnly::No);
}
