//! Bytes as a run beside the model: what the commands are, when the journal steps, where the power
//! fails.

use passbook::journal::Step;

use crate::{
    op::{ActOp, Op},
    plan::Tally,
    suites::model::Beside,
};

/// Operations of one run, at most.
const OPS_MAX: usize = 200;

/// A run of the operations that the bytes name.
pub fn operations(bytes: &[u8]) {
    let mut tally = Tally::default();
    let mut run = Beside::default();
    let mut input = Numbers(bytes);
    for _ in 0..OPS_MAX {
        let Some(op) = op(&mut input) else { break };
        run.take(&op, &mut tally);
    }
    run.finish();
}

struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// A number, or nothing, for what may be left out.
    fn some(&mut self) -> Option<u8> {
        self.next().filter(|byte| *byte >= 128).map(|byte| byte & 0x7f)
    }
}

fn op(input: &mut Numbers<'_>) -> Option<Op> {
    const STEPS_MS: [u64; 6] = [1, 5_000, 10_000, 10_001, 60_000, 86_400_001];
    const STEPS: [Step; 5] =
        [Step::Write, Step::Sync, Step::SyncNewest, Step::Complete, Step::Prepare];
    let step_ms = |byte: u8| STEPS_MS.get(usize::from(byte) % STEPS_MS.len()).copied();
    Some(match input.next()? {
        0..140 => Op::Act(act(input)?, None),
        140..150 => Op::Act(act(input)?, Some(input.next()? % 6)),
        150..170 => Op::Advance(step_ms(input.next()?)?),
        170..175 => Op::StepBack(step_ms(input.next()?)?),
        175..205 => Op::Pump,
        205..240 => Op::Step(STEPS.get(usize::from(input.next()?) % STEPS.len()).copied()?),
        240..244 => Op::Snapshot,
        244..246 => Op::Compact,
        246..250 => Op::Reopen,
        250..=255 => Op::Crash(input.next()?.into()),
    })
}

fn act(input: &mut Numbers<'_>) -> Option<ActOp> {
    Some(match input.next()? % 26 {
        0..6 => ActOp::Create {
            user: input.next()?,
            guest: input.next()? % 5 == 0,
            device: input.some().map(|device| device % 3),
            limit: input.some(),
            replaces: input.some(),
        },
        6..12 => ActOp::Refresh(input.next()?),
        12 | 13 => ActOp::Upgrade(input.next()?, input.next()?, input.next()? % 2 == 0),
        14 | 15 => ActOp::Revoke(input.next()?),
        16 => ActOp::RevokeId(input.next()?),
        17 => ActOp::RevokeUser(input.next()?, input.some()),
        18 => ActOp::Touch(input.next()?),
        19 => ActOp::SetDevice(input.next()?, input.next()?),
        20 => ActOp::SetTenant(input.next()?, input.some()),
        21 => ActOp::SetData(input.next()?, input.next()?, input.next()?),
        22 => ActOp::RemoveData(input.next()?, input.next()?),
        23 => ActOp::Sweep,
        24 => ActOp::Fail(input.some()),
        _ => ActOp::SetPolicy(input.next()?),
    })
}
