//! What happens to a simulated service from outside.

use std::io::ErrorKind;

use passbook::{
    LedgerError,
    journal::sim::{Fault, ReadOnly, Times},
};
use rand::RngExt as _;

use super::world::{Due, World, calm};
use crate::{model::Deed, op::policy};

const DAY_MS: u64 = 86_400_000;

type Happen = fn(&mut World);

/// What can happen, and how often beside the others.
const WHAT: [(u32, Happen); 15] = [
    (6, World::clock_forward),
    (6, World::clock_back),
    (1, World::long_sleep),
    (6, World::snapshot),
    (6, World::compact),
    (4, World::fill_up),
    (1, World::turn_read_only),
    (2, World::plan_a_fault),
    (3, World::cut_now),
    (4, World::cut_soon),
    (3, World::kill),
    (3, World::stop_and_start),
    (6, World::sweep),
    (2, World::change_rules),
    (3, World::look_around),
];

impl World {
    pub(super) fn nature(&mut self) {
        let all: u32 = WHAT.iter().map(|(weight, _)| weight).sum();
        let mut pick = self.rng.random_range(0..all);
        for (weight, happen) in WHAT {
            if pick < weight {
                happen(self);
                break;
            }
            pick -= weight;
        }
        let after_us = self.some_us(8_000_000);
        self.schedule(after_us, Due::Nature);
    }

    fn clock_forward(&mut self) {
        self.base_ms += self.rng.random_range(0..90_000);
        self.tally.add("clock steps", 1);
        self.set_clock();
    }

    fn clock_back(&mut self) {
        self.base_ms -= self.rng.random_range(0..3_600_000).min(self.base_ms / 2);
        self.tally.add("clock steps", 1);
        self.set_clock();
    }

    /// Longer than any archive is kept.
    fn long_sleep(&mut self) {
        if self.one_in(4) {
            self.base_ms += 401 * DAY_MS;
            self.tally.add("clock steps", 1);
            self.set_clock();
        }
    }

    /// What a disk in trouble does to the upkeep is no failure.
    fn forgive(&mut self, done: Result<(), LedgerError>) {
        if let Err(error) = done {
            let is_fine = self.trouble.is_on || self.is_poisoned() || self.run.rig.vfs.is_off();
            assert!(is_fine, "nothing was wrong with the disk: {error:?}");
            self.tally.add("upkeep refused", 1);
        }
        self.answer();
        self.wake_disk();
    }

    fn snapshot(&mut self) {
        let done = self.run.snapshot(&mut self.tally);
        self.forgive(done);
        self.note("snapshot", 0);
    }

    fn compact(&mut self) {
        let done = self.run.compact(&mut self.tally);
        self.forgive(done);
        self.note("compact", self.run.rig.ledger.sequence());
    }

    fn be_in_trouble(&mut self, mean_us: u64) {
        self.trouble.is_on = true;
        let after_us = self.some_us(mean_us);
        self.schedule(after_us, Due::Heal);
    }

    pub(super) fn heal(&mut self) {
        if !self.run.rig.vfs.is_off() {
            calm(&self.run.rig.vfs);
            self.trouble.is_on = false;
        }
    }

    /// Room for so much more, and then none.
    fn fill_up(&mut self) {
        let vfs = &self.run.rig.vfs;
        let lengths = vfs.files().into_iter().filter_map(|path| vfs.read_all(&path));
        let used: usize = lengths.map(|bytes| bytes.len()).sum();
        let used = u64::try_from(used).expect("small");
        vfs.set_capacity(Some(used + self.rng.random_range(0..40_000)));
        self.trouble.was_full = true;
        self.tally.add("full disks", 1);
        self.be_in_trouble(20_000_000);
    }

    fn turn_read_only(&mut self) {
        self.run.rig.vfs.set_read_only(ReadOnly::Yes);
        self.trouble.was_full = true;
        self.tally.add("read-only spells", 1);
        self.be_in_trouble(5_000_000);
    }

    fn plan_a_fault(&mut self) {
        let faults = [Fault::Error(ErrorKind::Other), Fault::ShortWrite, Fault::LosePages];
        let pick = self.rng.random_range(0..faults.len());
        let fault = faults.get(pick).copied().expect("within");
        let vfs = &self.run.rig.vfs;
        vfs.fail_at(vfs.calls() + self.rng.random_range(1..12), fault, Times::Once);
        // A segment that could not be prepared for it is tried again.
        self.trouble.was_full = true;
        self.tally.add("faults", 1);
        self.be_in_trouble(10_000_000);
    }

    fn cut_now(&mut self) {
        let image = self.power_cut();
        self.crash(image);
    }

    /// In the middle of whatever the next calls are; now and then of a compaction.
    fn cut_soon(&mut self) {
        let is_in_upkeep = self.one_in(2);
        let calls = self.rng.random_range(1..if is_in_upkeep { 120 } else { 20 });
        let vfs = &self.run.rig.vfs;
        vfs.cut_at(vfs.calls() + calls);
        self.trouble.is_cut_planned = true;
        if is_in_upkeep {
            self.compact();
        }
    }

    fn kill(&mut self) {
        let image = self.killed();
        self.crash(image);
    }

    fn stop_and_start(&mut self) {
        if self.trouble.is_on || self.trouble.is_cut_planned || self.is_poisoned() {
            return;
        }
        self.run.rig.journal.pump();
        self.answer();
        self.run.reopen(&mut self.tally);
        self.begin_again();
    }

    fn sweep(&mut self) {
        self.order(&Deed::Sweep);
    }

    fn change_rules(&mut self) {
        let number = self.rng.random();
        self.order(&Deed::SetPolicy(policy(number)));
    }

    /// What nobody waits for.
    fn order(&mut self, deed: &Deed) {
        match self.run.act(deed, None) {
            Ok(_nobody_waits) => self.wake_disk(),
            Err(error) => self.check_refusal(&error),
        }
    }

    fn look_around(&mut self) {
        self.run.check();
    }
}
