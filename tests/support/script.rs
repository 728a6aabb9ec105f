//! A random life of a ledger on a simulated disk: what is done to it, line by line, and how it is
//! disturbed. The same script and disturbance always make the same calls.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use passbook::journal::{Step, sim::Fault, sim::Times};
use rand::{RngExt as _, rngs::SmallRng};

use crate::{
    op::ActOp,
    oracle::{Content, SharedTruth, Truth},
};

mod run;

pub use run::Run;

/// Tokens that a script may make.
pub const TOKENS_MAX: u64 = 64;

/// One thing that is done.
#[derive(Debug, Clone)]
pub enum Line {
    /// A process starts.
    Open,
    /// The process stops in order.
    Close,
    /// The process dies.
    Kill,
    /// A group of payloads: how long each is, and whether it is of zeros.
    Append(Vec<(usize, bool)>),
    /// A command.
    Act(ActOp),
    /// One step of the journal.
    Step(Step),
    /// All steps that there are.
    Pump,
    /// The state is written down.
    Snapshot,
    /// Half of a snapshot is written.
    Abandon,
    /// The journal is compacted.
    Compact,
    /// Archives of before so many hundredths of the records are removed.
    Retain(u8),
    /// So many milliseconds go by.
    Advance(u64),
}

/// What goes wrong in a run. Calls are counted over all lives, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing.
    None,
    /// The power goes off at that call.
    Cut(u64),
    /// That call fails.
    Fault(u64, Fault, Times),
}

/// What is done, from an empty disk on.
#[derive(Debug, Clone)]
pub struct Script {
    /// What the records are.
    pub content: Content,
    /// The lines.
    pub lines: Vec<Line>,
}

impl Script {
    /// A script of about `length` lines, with rotations, snapshots, compactions, retention and
    /// several lives.
    pub fn draw(content: Content, length: usize, rng: &mut SmallRng) -> Self {
        let mut lines = vec![Line::Open];
        for _ in 0..length {
            let line = match rng.random_range(0..100) {
                0..35 => draw_change(content, rng),
                35..65 => {
                    lines.push(draw_change(content, rng));
                    Line::Pump
                }
                65..79 => Line::Step(draw_step(rng)),
                79..85 => Line::Snapshot,
                85 => Line::Abandon,
                86..91 => Line::Compact,
                91..93 => Line::Retain(rng.random_range(0..100)),
                93..95 => Line::Advance(rng.random_range(1..90_000)),
                at => {
                    lines.push(if at < 97 { Line::Close } else { Line::Kill });
                    Line::Open
                }
            };
            lines.push(line);
        }
        Self { content, lines }
    }

    /// A script that fills several segments and snapshots, compacts once and leaves all of it
    /// durable; the process then stops in order or dies.
    pub fn filled(content: Content, end: Line, rng: &mut SmallRng) -> Self {
        let mut lines = vec![Line::Open];
        for round in 0..4 {
            for _ in 0..if content == Content::Opaque { 4 } else { 7 } {
                lines.extend([draw_change(content, rng), Line::Pump]);
            }
            match round {
                1 => lines.extend([Line::Snapshot, Line::Compact]),
                2 => lines.extend([Line::Snapshot, Line::Retain(30)]),
                _ => lines.push(Line::Snapshot),
            }
        }
        lines.extend([draw_change(content, rng), Line::Pump, end]);
        Self { content, lines }
    }
}

fn draw_change(content: Content, rng: &mut SmallRng) -> Line {
    match content {
        Content::Opaque => {
            let records = rng.random_range(1..4);
            let length = |rng: &mut SmallRng| match rng.random_range(0..8) {
                0 => 0,
                1..4 => rng.random_range(1..80),
                4..6 => rng.random_range(80..700),
                6 => rng.random_range(700..2_000),
                _ => rng.random_range(2_000..2_600),
            };
            let body = |_| (length(rng), rng.random_range(0..6) == 0);
            Line::Append((0..records).map(body).collect())
        }
        Content::Sessions => Line::Act(draw_act(rng)),
    }
}

fn draw_act(rng: &mut SmallRng) -> ActOp {
    let pick = rng.random();
    let other = rng.random();
    match rng.random_range(0..40) {
        0..12 => ActOp::Create {
            user: pick,
            guest: rng.random_range(0..5) == 0,
            device: rng.random_range(0..3_u8).checked_sub(1),
            limit: rng.random_range(0..6_u8).checked_sub(4),
            replaces: (rng.random_range(0..8) == 0).then_some(other),
        },
        12..19 => ActOp::Refresh(pick),
        19..22 => ActOp::Upgrade(pick, other, rng.random()),
        22..25 => ActOp::Revoke(pick),
        25..27 => ActOp::RevokeId(pick),
        27..29 => ActOp::RevokeUser(pick, rng.random::<bool>().then_some(other)),
        29 => ActOp::Touch(pick),
        30 => ActOp::SetDevice(pick, other),
        31 => ActOp::SetTenant(pick, Some(other)),
        32..34 => ActOp::SetData(pick, other, rng.random()),
        34 => ActOp::RemoveData(pick, other),
        35 => ActOp::Sweep,
        36..38 => ActOp::Fail(Some(pick)),
        _ => ActOp::SetPolicy(pick),
    }
}

fn draw_step(rng: &mut SmallRng) -> Step {
    match rng.random_range(0..10) {
        0..5 => Step::Write,
        5..7 => Step::Sync,
        7 => Step::SyncNewest,
        8 => Step::Complete,
        _ => Step::Prepare,
    }
}

fn truth_of(content: Content) -> SharedTruth {
    let tokens = if content == Content::Sessions { TOKENS_MAX } else { 0 };
    Arc::new(Mutex::new(Truth::new(content, tokens)))
}

fn folder() -> &'static Path {
    Path::new(crate::rig::FOLDER)
}
