//! Torn, corrupt, ambiguous or the clean end: what the first place that doesn't verify means.
//!
//! The rules and why they are safe are in `FORMAT.md`; acting on them is left to `file`.

use passbook_planted::Bug;

use super::ROLLED_BACK;
use super::walk::{Position, Walk};
use crate::damage::{Damage, Evidence};
use crate::error::JournalError;
use crate::format::all_zero;
use crate::format::batch::{BatchHeader, Flaw};
use crate::format::watermark::Watermark;
use crate::limits::{BLOCK_BYTES, WINDOW_BYTES_MAX};

/// How the last segment ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing but zeros from here on.
    Clean,
    /// Half a write that was never acknowledged lies in `offset..until`.
    Torn {
        /// Where the first bad batch begins.
        offset: u64,
        /// Where the last byte that isn't zero lies, rounded up to a block.
        until: u64,
        why: &'static str,
    },
    /// It could be either; a person must say. Same range.
    Ambiguous { until: u64, damage: Damage },
    /// Acknowledged bytes are damaged.
    Corrupt(Damage),
}

/// What lies behind the first bad place.
struct Debris {
    /// Offset of the block behind the last byte that isn't zero, if there is one.
    until: Option<u64>,
    /// What lies there and says that the missing records were durable, if anything does.
    covering: Option<Evidence>,
}

/// Classifies the flaw at `offset` of the last segment, where `position.next` should begin.
pub(crate) fn classify(
    walk: &mut Walk,
    offset: u64,
    flaw: Flaw,
    position: &Position,
    watermark: Option<&Watermark>,
) -> Result<End, JournalError> {
    let why = flaw.why();
    let watermark = watermark.filter(|_| !Bug::WatermarkUnheard.is_planted());
    let unwritten = match flaw {
        Flaw::Blank => true,
        Flaw::Header(_) => false,
        Flaw::Body { unwritten, .. } => unwritten,
    };
    let path = walk.window().file().path().to_owned();
    let damage = |evidence| Damage {
        path,
        offset,
        sequence_first: position.next,
        sequence_last: None,
        why: format!("the batch does not verify: {why}"),
        evidence,
    };
    if let Some(durable) = watermark.map(|mark| mark.durable).filter(|last| *last >= position.next)
    {
        let damage = damage(Evidence::Watermark { durable });
        let missing = debris_behind(walk, offset, position.next)?.until.is_none();
        let why = format!("records are missing: {ROLLED_BACK}");
        return Ok(End::Corrupt(if missing { Damage { why, ..damage } } else { damage }));
    }
    let debris = debris_behind(walk, offset, position.next)?;
    if let Some(evidence) = debris.covering {
        return Ok(End::Corrupt(damage(evidence)));
    }
    let Some(until) = debris.until else {
        return Ok(End::Clean);
    };
    if until > offset.saturating_add(WINDOW_BYTES_MAX) {
        return Ok(End::Corrupt(damage(Evidence::BeyondWindow { offset: until - 1 })));
    }
    if unwritten {
        return Ok(End::Torn { offset, until, why });
    }
    Ok(End::Ambiguous { until, damage: damage(Evidence::None) })
}

/// Looks at every block from `offset` to the end of the segment.
fn debris_behind(walk: &mut Walk, offset: u64, missing: u64) -> Result<Debris, JournalError> {
    // A masked batch was unmasked in the buffer.
    walk.window().forget();
    let mut debris = Debris { until: None, covering: None };
    let mut at = offset;
    while at < walk.segment_bytes() {
        let next = at + BLOCK_BYTES_U64;
        if !all_zero(walk.window().at(at, BLOCK_BYTES)?) {
            debris.until = Some(next);
            if debris.covering.is_none() {
                debris.covering = covering(walk, at, at == offset, missing)?;
            }
        }
        at = next;
    }
    Ok(debris)
}

/// Whether the block at `at` says that the record `missing` was durable.
fn covering(
    walk: &mut Walk,
    at: u64,
    is_first: bool,
    missing: u64,
) -> Result<Option<Evidence>, JournalError> {
    // One that went astray took the place of what it speaks of, and is missing in its own.
    if let Some(Watermark { durable, .. }) = walk.watermark_at(at)?
        && durable >= missing
        && !Bug::WatermarkUnheard.is_planted()
    {
        return Ok(Some(Evidence::Watermark { durable }));
    }
    // The first bad batch's own header says nothing about itself.
    let later = walk.header_at(at)?.ok().filter(|header| !is_first && header.durable >= missing);
    Ok(later
        .filter(|_| !Bug::LaterBatchUnheard.is_planted())
        .map(|BatchHeader { durable, .. }| Evidence::LaterBatch { offset: at, durable }))
}

const BLOCK_BYTES_U64: u64 = 4096;
const _: () = assert!(BLOCK_BYTES == 4096);
