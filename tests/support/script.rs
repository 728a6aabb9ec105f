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
    /// Lines that only lead up to the others.
    pub prologue: usize,
    /// Decides the ledger's identity and its segments' salts.
    pub entropy: u64,
}

impl Script {
    /// A script of some lines, with rotations, snapshots and several lives.
    pub fn draw(content: Content, rng: &mut SmallRng) -> Self {
        let mut lines = vec![Line::Open];
        for _ in 0..rng.random_range(3..13) {
            draw_line(&mut lines, content, [65, 79, 85, 86, 91, 93, 95], rng);
        }
        Self { content, lines, prologue: 0, entropy: 7 }
    }

    /// A script that begins with several segments and a snapshot, and goes on with compaction and
    /// retention more than with records.
    pub fn draw_keeping(content: Content, rng: &mut SmallRng) -> Self {
        let mut lines = vec![Line::Open];
        for at in 0..rng.random_range(5..9) {
            lines.extend([draw_change(content, rng), Line::Pump]);
            if at == 3 {
                lines.push(Line::Snapshot);
            }
        }
        let prologue = lines.len();
        for _ in 0..rng.random_range(2..6) {
            draw_line(&mut lines, content, [20, 26, 44, 46, 76, 90, 92], rng);
        }
        Self { content, lines, prologue, entropy: 7 }
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
                2 => lines.extend([Line::Snapshot, Line::Retain(40)]),
                _ => lines.push(Line::Snapshot),
            }
        }
        // Behind the last snapshot, so that nothing but the journal speaks of them.
        for _ in 0..rng.random_range(1..5) {
            lines.extend([draw_change(content, rng), Line::Pump]);
        }
        lines.push(end);
        Self { content, lines, prologue: 0, entropy: 7 }
    }

    /// The same script for another ledger, with another last change: up to that, the records of both
    /// and their places are the same.
    #[must_use]
    pub fn twin(&self, rng: &mut SmallRng) -> Self {
        let mut twin = Self { entropy: self.entropy + 1, ..self.clone() };
        let is_change = |line: &&mut Line| matches!(line, Line::Append(_) | Line::Act(_));
        if let Some(last) = twin.lines.iter_mut().rfind(is_change) {
            *last = draw_change(self.content, rng);
        }
        twin
    }
}

/// Adds a line or a few. The bounds say, of a hundred, up to where there are changes (half of them
/// pumped), steps, snapshots, abandoned ones, compactions, retentions, pauses; the rest is a new life.
fn draw_line(lines: &mut Vec<Line>, content: Content, bounds: [u8; 7], rng: &mut SmallRng) {
    let drawn = rng.random_range(0..100);
    let kind = bounds.iter().filter(|bound| drawn >= **bound).count();
    match kind {
        0 => {
            lines.push(draw_change(content, rng));
            if rng.random() {
                lines.push(Line::Pump);
            }
        }
        1 => draw_burst(lines, content, rng),
        2 => lines.push(Line::Snapshot),
        3 => lines.push(Line::Abandon),
        4 => {
            lines.extend([Line::Snapshot, Line::Compact]);
            if rng.random() {
                lines.push(Line::Retain(rng.random_range(20..100)));
            }
        }
        5 => lines.push(Line::Retain(rng.random_range(20..100))),
        6 => lines.push(Line::Advance(rng.random_range(1..90_000))),
        _ => lines.extend([if rng.random() { Line::Close } else { Line::Kill }, Line::Open]),
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

/// Batches that are under way at the same time, and a step that may overtake another; now and then
/// the process dies in the middle of it.
fn draw_burst(lines: &mut Vec<Line>, content: Content, rng: &mut SmallRng) {
    for _ in 0..rng.random_range(1..4) {
        lines.extend([draw_change(content, rng), Line::Step(Step::Write)]);
    }
    lines.push(Line::Step(draw_step(rng)));
    if rng.random_range(0..4) == 0 {
        lines.extend([Line::Kill, Line::Open]);
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
