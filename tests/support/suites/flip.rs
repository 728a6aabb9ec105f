//! Flipped bits: every single one of every file of a set of ledgers, then of the next set. What was
//! acknowledged is refused with its place, or it is there and right.

use std::path::Path;

use rand::rngs::SmallRng;

use crate::{
    oracle::{Oracle, Outcome},
    plan::{Failure, Plan, Report, Tally},
    specimen::{Sets, Specimen},
};

/// Flips of one case.
const FLIPS: u64 = 256;

/// Flips go through the bits of a set by this step, so that a short run sees all kinds of files. A
/// prime above any number of bits.
const STRIDE: u64 = 1_000_000_007;

/// Runs the suite.
///
/// # Errors
/// The first case that failed.
pub(super) fn run(plan: &Plan) -> Result<Report, Failure> {
    let sets = Sets::default();
    plan.run("flip", |number, _rng: &mut SmallRng, tally| {
        let (mut first, mut at) = (number * FLIPS, 0);
        loop {
            let set = sets.set(at, plan.seed);
            let bits: u64 = set.iter().map(Specimen::bits).sum();
            if first >= bits {
                // A case does not reach into the next set.
                first -= bits.next_multiple_of(FLIPS);
                at += 1;
                continue;
            }
            for turn in first..bits.min(first + FLIPS) {
                flip(&set, turn * STRIDE % bits, tally);
            }
            tally.add("ends of a set", u64::from(first + FLIPS >= bits));
            return;
        }
    })
}

fn flip(set: &[Specimen], mut bit: u64, tally: &mut Tally) {
    for specimen in set {
        if let Some((path, bit)) = specimen.place_of(bit) {
            let image = specimen.image.fork();
            assert!(image.flip(path, bit), "there is such a bit");
            let oracle = Oracle::new(&specimen.truth, specimen.now_ms);
            let outcome = oracle
                .after_damage(&image)
                .unwrap_or_else(|why| panic!("bit {bit} of {}: {why}", path.display()));
            tally.add("flips", 1);
            tally.add(kind_of(path), 1);
            tally.add(named(outcome), 1);
            return;
        }
        bit -= specimen.bits();
    }
}

/// How an outcome is counted.
pub(super) fn named(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Refused => "refused at the opening",
        Outcome::ReadingRefused => "refused at the reading",
        Outcome::Whole => "whole in spite of it",
    }
}

/// How a file is counted.
fn kind_of(path: &Path) -> &'static str {
    const KINDS: [(&str, &str); 8] = [
        (".seg", "in segments"),
        (".snap", "in snapshots"),
        (".arc", "in archives"),
        (".stub", "in stubs"),
        ("MANIFEST", "in MANIFEST"),
        ("WATERMARK", "in WATERMARK"),
        ("LOCK", "in LOCK"),
        ("next.free", "in free segments"),
    ];
    let name = path.to_string_lossy();
    let known = KINDS.iter().find(|(end, _)| name.ends_with(end));
    known.map_or("in other files", |(_, kind)| kind)
}
