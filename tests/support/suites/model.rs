//! Random commands, steps of the journal, snapshots, compactions and crashes beside the model. A run
//! that fails is shrunk to a short one before it is told.

use std::cell::RefCell;

use passbook::journal::Step;

use proptest::{
    collection::vec,
    option,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use rand::rngs::SmallRng;

use super::{Goal, Suite};
use crate::{
    op::{ActOp, Op},
    plan::{Failure, Plan, Report, Tally},
    run::{Asked, Run},
};

/// See the module.
pub const SUITE: Suite = Suite {
    name: "model",
    about: "random commands and crashes beside the simplest possible ledger",
    full: 20_000,
    goal: Goal { least: 2_000, of: &["cases"] },
    run,
};

fn run(plan: &Plan) -> Result<Report, Failure> {
    plan.run(SUITE.name, |_number, rng, tally| case(plan.shrinks_max, rng, tally))
}

fn case(max_shrink_iters: u32, rng: &mut SmallRng, tally: &mut Tally) {
    let config =
        Config { cases: 1, failure_persistence: None, max_shrink_iters, ..Config::default() };
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let tally = RefCell::new(tally);
    let outcome = runner.run(&vec(ops(), 1..200), |ops| {
        let mut beside = Beside::default();
        for op in &ops {
            beside.take(op, &mut tally.borrow_mut());
        }
        beside.finish();
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// A run, with those who wait for an answer.
#[derive(Debug, Default)]
pub struct Beside {
    run: Run,
    asked: Vec<Asked>,
}

impl Beside {
    /// Does the next thing, and compares what readers see with the model.
    pub fn take(&mut self, op: &Op, tally: &mut Tally) {
        let run = &mut self.run;
        match op {
            Op::Act(act, key) => {
                tally.add("commands", 1);
                let now_ms = run.now_ms();
                let deed = run.names.deed(*act, now_ms);
                self.asked.push(run.act(&deed, *key).expect("nothing is refused"));
            }
            Op::Advance(step_ms) => run.rig.clock.advance_ms(*step_ms),
            Op::StepBack(step_ms) => {
                use passbook::Clock as _;
                run.rig.clock.set_ms(run.rig.clock.now_ms().saturating_sub(*step_ms));
            }
            Op::Pump => run.rig.journal.pump(),
            Op::Step(step) => {
                run.rig.journal.step(*step);
            }
            Op::Reopen => {
                run.rig.journal.pump();
                self.settle();
                self.run.reopen(tally);
            }
            Op::Snapshot => run.snapshot(tally).expect("a snapshot"),
            Op::Compact => {
                run.compact(tally).expect("compacts");
                if run.rig.ledger.sequence() > 0 {
                    self.settle();
                }
            }
            Op::Crash(seed) => {
                let mut images = run.rig.vfs.crash_images(8, *seed);
                let pick = usize::try_from(seed % 8).expect("small");
                let image = images.by_ref().take(pick + 1).last().expect("at least one state");
                self.asked.clear();
                run.crash(image, tally);
            }
        }
        self.run.check();
    }

    /// Everything is durable: everybody has the model's answer.
    fn settle(&mut self) {
        for mut asked in self.asked.drain(..) {
            let answer = asked.look();
            assert!(matches!(answer, std::task::Poll::Ready(Ok(_))), "{answer:?}");
        }
    }

    /// Makes all durable and compares it, its past and its replay with the model.
    pub fn finish(mut self) {
        self.run.rig.journal.pump();
        self.settle();
        self.run.finish();
    }
}

fn acts() -> impl Strategy<Value = ActOp> {
    let pick = any::<u8>;
    prop_oneof![
        6 => (pick(), prop::bool::weighted(0.2), option::of(0..3_u8), option::of(pick()), option::of(pick()))
            .prop_map(|(user, guest, device, limit, replaces)| ActOp::Create {
                user, guest, device, limit, replaces
            }),
        6 => pick().prop_map(ActOp::Refresh),
        2 => (pick(), pick(), any::<bool>()).prop_map(|(t, u, r)| ActOp::Upgrade(t, u, r)),
        2 => pick().prop_map(ActOp::Revoke),
        1 => pick().prop_map(ActOp::RevokeId),
        1 => (pick(), option::of(pick())).prop_map(|(u, e)| ActOp::RevokeUser(u, e)),
        2 => pick().prop_map(ActOp::Touch),
        1 => (pick(), pick()).prop_map(|(t, d)| ActOp::SetDevice(t, d)),
        1 => (pick(), option::of(pick())).prop_map(|(t, n)| ActOp::SetTenant(t, n)),
        1 => (pick(), pick(), pick()).prop_map(|(t, k, v)| ActOp::SetData(t, k, v)),
        1 => (pick(), pick()).prop_map(|(t, k)| ActOp::RemoveData(t, k)),
        1 => Just(ActOp::Sweep),
        1 => option::of(pick()).prop_map(ActOp::Fail),
        1 => pick().prop_map(ActOp::SetPolicy),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let step_ms = || prop::sample::select(vec![1, 5_000, 10_000, 10_001, 60_000, 86_400_001]);
    let steps = vec![Step::Write, Step::Sync, Step::SyncNewest, Step::Complete, Step::Prepare];
    prop_oneof![
        60 => (acts(), option::weighted(0.1, 0..6_u8)).prop_map(|(act, key)| Op::Act(act, key)),
        8 => step_ms().prop_map(Op::Advance),
        2 => step_ms().prop_map(Op::StepBack),
        12 => Just(Op::Pump),
        14 => prop::sample::select(steps).prop_map(Op::Step),
        2 => Just(Op::Snapshot),
        1 => Just(Op::Compact),
        2 => Just(Op::Reopen),
        2 => any::<u64>().prop_map(Op::Crash),
    ]
}
