//! Power cuts: at every call that changes anything, in every state that the disk may then be in, and
//! again in the middle of the recovery.

use std::collections::HashMap;

use passbook::journal::sim::SimVfs;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use crate::{
    oracle::{Content, Oracle},
    plan::{Failure, Plan, Report, Tally},
    script::{Disturbance, Run, Script},
};

/// States of one cut; where there are more, they are sampled.
const STATES_MAX: usize = 1 << 10;

/// States of one cut of a recovery.
const RECOVERY_STATES_MAX: usize = 1 << 4;

/// Of how many states one is recovered with cuts.
const RECOVERY_STRIDE: u64 = 61;

/// Cases of one script.
const PARTS: u64 = 16;

/// One script of two is a whole ledger of sessions; the others are a journal of any bytes.
const LEDGER_STRIDE: u64 = 2;

/// Runs the suite.
///
/// # Errors
/// The first case that failed.
pub(super) fn run(plan: &Plan) -> Result<Report, Failure> {
    plan.run("crash", |number, rng, tally| case(plan.seed, number, rng, tally))
}

/// A part of the cuts of one script.
fn case(seed: u64, number: u64, rng: &mut SmallRng, tally: &mut Tally) {
    let (number, part) = (number / PARTS, number % PARTS);
    let is_ledger = number % LEDGER_STRIDE == LEDGER_STRIDE - 1;
    let content = if is_ledger { Content::Sessions } else { Content::Opaque };
    let is_keeping = number / LEDGER_STRIDE % 2 == 1;
    let draw = if is_keeping { Script::draw_keeping } else { Script::draw };
    let script = draw(content, &mut SmallRng::seed_from_u64(seed.rotate_left(32) ^ number));
    let quiet = Run::play(&script, Disturbance::None);
    if part == 0 {
        tally.merge(quiet.tally.clone());
        tally.add("scripts", 1);
    }
    let mut cuts = quiet.changes.clone();
    cuts.retain(|cut| *cut > quiet.calls_before);
    cuts.push(quiet.calls + 1);
    let length = cuts.len().div_ceil(usize::try_from(PARTS).expect("few"));
    let part = usize::try_from(part).expect("few");
    let mut judged = Judged { seen: HashMap::new(), tally, content };
    // Neighbours, because they have many states in common.
    for cut in cuts.chunks(length).nth(part).unwrap_or_default() {
        judged.cut(&script, *cut, rng.random());
    }
}

/// Images that were judged, by their hash: how many records each has, and the state.
struct Judged<'a> {
    seen: HashMap<u64, (u64, [u8; 32])>,
    tally: &'a mut Tally,
    content: Content,
}

impl Judged<'_> {
    fn cut(&mut self, script: &Script, cut: u64, seed: u64) {
        let run = Run::play(script, Disturbance::Cut(cut));
        let truth = run.truth();
        let oracle = Oracle::new(&truth, run.now_ms());
        let images = run.vfs.crash_images(STATES_MAX, seed);
        self.tally.add("cuts", 1);
        self.tally.add("cuts sampled", u64::from(!images.is_exhaustive()));
        let states = match self.content {
            Content::Opaque => "journal states",
            Content::Sessions => "ledger states",
        };
        for (at, image) in (0..).zip(images) {
            self.tally.add(states, 1);
            let what = || format!("cut at call {cut}, state {at}\n{:?}", script.lines);
            if (cut + at).is_multiple_of(RECOVERY_STRIDE) {
                self.cut_recovery(&oracle, &image, seed, &what);
            }
            self.judge(&oracle, &image, &what);
        }
    }

    fn cut_recovery(
        &mut self,
        oracle: &Oracle<'_>,
        first: &SimVfs,
        seed: u64,
        what: &dyn Fn() -> String,
    ) {
        let calls = oracle.open_and_die(&first.fork()).unwrap_or_else(|why| fail(what, &why));
        for call in calls {
            let second = first.fork();
            second.cut_at(call);
            oracle.open_and_die(&second).unwrap_or_else(|why| fail(what, &why));
            for image in second.crash_images(RECOVERY_STATES_MAX, seed) {
                self.tally.add("states of a recovery cut short", 1);
                let what = || format!("recovery cut at call {call} after {}", what());
                self.judge(oracle, &image, &what);
            }
        }
    }

    fn judge(&mut self, oracle: &Oracle<'_>, image: &SimVfs, what: &dyn Fn() -> String) {
        let hash = image.content_hash();
        if let Some((found, state)) = self.seen.get(&hash) {
            // The bytes were judged; what was promised meanwhile was not.
            let extent = oracle.truth().check_extent(*found);
            if extent.is_ok() && *state == oracle.state_at(*found) {
                return;
            }
        }
        let found = oracle.after_crash(image).unwrap_or_else(|why| fail(what, &why));
        self.tally.add("distinct images opened", 1);
        self.seen.insert(hash, (found, oracle.state_at(found)));
    }
}

fn fail(what: &dyn Fn() -> String, why: &str) -> ! {
    panic!("{why}: {}", what())
}
