//! What of each file is to be given, each record once.

use super::ranges::Ranges;
use crate::damage::Damage;

/// Records that lie behind each other in one file and verify.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finding {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) offset: u64,
    pub(super) end: u64,
}

/// What one file still holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    pub(super) damages: Vec<Damage>,
    pub(super) highest: u64,
}

/// What of a finding is to be given.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) finding: Finding,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) source: Source,
}

/// Which file, by its place in the wreck's lists.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Segment(usize),
    Archive(usize),
}

impl Piece {
    pub(super) fn holds(&self, sequence: u64) -> bool {
        (self.first..=self.last).contains(&sequence)
    }
}

/// What was found out on the way.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) kept: Ranges,
    pub(super) kept_count: u64,
    pub(super) leaves: Ranges,
    pub(super) damages: Vec<Damage>,
    pub(super) highest: u64,
}

impl Told {
    pub(super) fn add(
        &mut self,
        found: Found,
        source: Source,
        pieces: &mut Vec<Piece>,
        covered: &mut Ranges,
    ) {
        for finding in found.findings {
            for (first, last) in covered.missing(finding.first, finding.last) {
                pieces.push(Piece { finding, first, last, source });
                covered.add(first, last);
            }
        }
        self.damages.extend(found.damages);
        self.highest = self.highest.max(found.highest);
    }
}
