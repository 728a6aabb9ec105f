//! Checking one segment to its end, past any damage.

use std::ops::RangeInclusive;

use passbook_planted::Bug;

use super::files::Piece;
use super::join;
use crate::damage::{Damage, Evidence};
use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::batch::{Batch, Flaw};
use crate::format::watermark::Watermark;
use crate::leaf::{Chain, leaf_of, link_of};
use crate::read_only::{Held, Tail};
use crate::recovery::classify::{End, classify};
use crate::recovery::walk::{Position, Walk};
use crate::recovery::{DATA_START, first_not_zero};
use crate::vfs::OpenMode;

/// Progress is told about this often, in bytes.
const PROGRESS_BYTES: u64 = 1024 * 1024;

/// Reads of the same place before what stands there counts, beside a writer.
const TRIES: usize = 3;

/// What the check of one segment found.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) records: u64,
    pub(super) intact: Vec<RangeInclusive<u64>>,
    pub(super) damages: Vec<Damage>,
    /// The link of its last batch, if that verifies.
    pub(super) chain: Option<Chain>,
    /// Highest sequence that its headers show to have been durable.
    pub(super) proven: u64,
    pub(super) tail: Tail,
}

struct Check<'a> {
    walk: Walk,
    piece: &'a Piece,
    watermark: Option<&'a Watermark>,
    held: Held,
    position: Position,
    offset: u64,
    /// Where the batches should end.
    limit: u64,
    checked: Checked,
}

/// Checks one segment; `advance` hears of the bytes that are done.
pub(super) fn check_segment(
    disk: &Disk,
    piece: &Piece,
    watermark: Option<&Watermark>,
    held: Held,
    advance: &dyn Fn(u64),
) -> Result<Checked, JournalError> {
    let header = &piece.header;
    let position = Position::at_start_of(header);
    let limit = piece.successor.as_ref().map_or(header.segment_bytes, |next| next.previous_end);
    let checked = Checked {
        records: 0,
        intact: Vec::new(),
        damages: Vec::new(),
        chain: Some(position.chain),
        proven: header.base - 1,
        tail: Tail::Clean,
    };
    let walk = Walk::new(disk.open(&piece.path, OpenMode::Read)?, header);
    let (piece_bytes, offset) = (header.segment_bytes, DATA_START);
    let mut check = Check { walk, piece, watermark, held, position, offset, limit, checked };
    let mut told = 0;
    while check.step()? {
        if check.offset >= told + PROGRESS_BYTES {
            advance(check.offset - told);
            told = check.offset;
        }
    }
    check.finish()?;
    advance(piece_bytes - told);
    Ok(check.checked)
}

impl Check<'_> {
    /// One batch, or one damage; whether there may be more.
    fn step(&mut self) -> Result<bool, JournalError> {
        // Behind a last segment that is full the watermark may still ask for more.
        if self.offset >= self.limit && !self.piece.is_last {
            return Ok(false);
        }
        for attempt in 0..TRIES {
            match self.walk.next_at(self.offset, &self.position)? {
                Ok(batch) => {
                    let broken = broken_link(&batch) && !Bug::ChainUnchecked.is_planted();
                    let range = batch.header.sequence_first..=batch.header.sequence_last();
                    self.checked.records += u64::from(batch.header.count);
                    self.checked.proven = self.checked.proven.max(batch.header.durable);
                    self.checked.chain = Some(batch.chain);
                    let extent = batch.header.extent();
                    self.position.pass(&batch);
                    if broken {
                        let why = "the chain does not match the payloads";
                        self.damage(*range.start(), Some(*range.end()), why, Evidence::None);
                    } else {
                        join(&mut self.checked.intact, range);
                    }
                    self.offset += extent;
                    return Ok(true);
                }
                Err(_) if self.held == Held::ByWriter && attempt + 1 < TRIES => {
                    self.walk.window().forget();
                }
                Err(flaw) => return self.flaw(flaw),
            }
        }
        Ok(false)
    }

    /// The batch at the offset doesn't verify: what does that mean, and where does it go on?
    fn flaw(&mut self, flaw: Flaw) -> Result<bool, JournalError> {
        let evidence = if self.piece.is_last {
            let mark = self.watermark;
            match classify(&mut self.walk, self.offset, flaw, &self.position, mark)? {
                End::Clean => return Ok(false),
                End::Torn { offset, until, .. } => {
                    self.checked.tail =
                        self.unless_held(Tail::Torn { offset, bytes: until - offset });
                    return Ok(false);
                }
                End::Ambiguous { damage, .. } => {
                    self.checked.tail = self.unless_held(Tail::Ambiguous(damage.clone()));
                    if self.held == Held::No {
                        self.checked.damages.push(damage);
                    }
                    return Ok(false);
                }
                End::Corrupt(damage) => {
                    if self.held == Held::ByWriter && self.proven() < self.position.next {
                        return Ok(false);
                    }
                    self.checked.tail = Tail::Corrupt(damage.clone());
                    damage.evidence
                }
            }
        } else {
            Evidence::Sealed
        };
        self.skip(flaw, evidence)
    }

    fn proven(&self) -> u64 {
        self.checked.proven.max(self.watermark.map_or(0, |mark| mark.durable))
    }

    fn unless_held(&self, tail: Tail) -> Tail {
        match self.held {
            Held::No => tail,
            Held::ByWriter => Tail::Clean,
        }
    }

    /// Notes the damage and goes on at the next batch that verifies by itself.
    fn skip(&mut self, flaw: Flaw, evidence: Evidence) -> Result<bool, JournalError> {
        let why = format!("the batch does not verify: {}", flaw.why());
        let first = self.position.next;
        let mut at = self.offset;
        self.walk.window().forget();
        while at < self.limit {
            if let Ok(batch) = self.walk.batch_at(at)? {
                let header = &batch.header;
                self.position = Position {
                    next: header.sequence_first,
                    chain: header.previous_chain,
                    time_ms: header.time_first_ms,
                };
                let last = header.sequence_first.saturating_sub(1).max(first);
                self.damage(first, Some(last), &why, evidence);
                self.offset = at;
                return Ok(true);
            }
            at += 4096;
        }
        let last = self.piece.successor.as_ref().map(|next| next.base.saturating_sub(1).max(first));
        self.damage(first, last, &why, evidence);
        self.checked.chain = None;
        // Whatever comes behind: the end has been reported.
        self.offset = self.limit;
        if let Some(successor) = &self.piece.successor {
            self.position = Position::at_start_of(successor);
        }
        Ok(false)
    }

    /// A sealed segment must end where its successor says, with zeros behind.
    fn finish(&mut self) -> Result<(), JournalError> {
        let Some(successor) = &self.piece.successor else { return Ok(()) };
        if self.position != Position::at_start_of(successor) {
            let (first, last) = (self.position.next, successor.base.saturating_sub(1));
            let why = "its end is not what its successor names";
            self.damage(first, Some(last.max(first)), why, Evidence::Sealed);
        }
        if let Some(offset) = first_not_zero(&mut self.walk, self.limit)? {
            self.offset = offset;
            let next = self.position.next;
            self.damage(next, None, "bytes lie behind its last batch", Evidence::Sealed);
        }
        Ok(())
    }

    fn damage(&mut self, first: u64, last: Option<u64>, why: &str, evidence: Evidence) {
        self.checked.damages.push(Damage {
            path: self.piece.path.clone(),
            offset: self.offset,
            sequence_first: first,
            sequence_last: last,
            why: why.to_owned(),
            evidence,
        });
    }
}

/// Whether the trailer's link is not the one that the payloads give.
fn broken_link(batch: &Batch<'_>) -> bool {
    let leaves: Vec<_> = batch.records().map(|record| leaf_of(record.payload)).collect();
    let header = &batch.header;
    link_of(&header.previous_chain, header.sequence_first, &leaves) != batch.chain
}
