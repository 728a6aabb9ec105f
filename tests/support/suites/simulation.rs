//! Ten minutes of a service in simulated time, from one seed: clients that lose answers and try
//! again, a slow disk whose syncs return in any order, a clock that steps, a disk that fills up,
//! turns read-only or fails, power cuts, kills and clean stops.
//!
//! There is no thread and no real time: what happens when is on an agenda, and whatever is drawn
//! comes from the seed. So a run is the same each time, which its trace shows.

mod clients;
mod nature;
mod world;

use rand::rngs::SmallRng;

use super::{Goal, Suite};
use crate::plan::{Failure, Plan, Report, Tally};

/// See the module.
pub const SUITE: Suite = Suite {
    name: "simulation",
    about: "ten simulated minutes of clients, slow disk, clock steps, crashes",
    full: 2_500,
    goal: Goal { least: 2_000, of: &["cases"] },
    run,
};

/// How long a case lives, in simulated microseconds.
const LIFE_US: u64 = 600_000_000;

fn run(plan: &Plan) -> Result<Report, Failure> {
    plan.run(SUITE.name, |_number, rng, tally| {
        life(rng, tally);
    })
}

/// Lives once; the digest of all that happened.
///
/// # Panics
/// If anything does not hold.
pub fn life(rng: &mut SmallRng, tally: &mut Tally) -> u64 {
    let mut world = world::World::new(rng, tally);
    world.live(LIFE_US);
    let (counted, trace) = world.into_parts();
    *tally = counted;
    tally.add("simulated minutes", LIFE_US / 60_000_000);
    trace
}
