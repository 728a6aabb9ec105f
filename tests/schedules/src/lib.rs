//! Runs a scene under many schedules, and says how many there were.
//!
//! A scene is a few threads over the real code. At each step of a lock, an atomic or a condition
//! variable the scheduler chooses who goes on: at random, or by priorities that change a few times
//! (PCT: a bug that needs d such changes is met with a known probability). A thread that waits for
//! what never comes is a deadlock, and found as one. Memory is sequentially consistent here: what
//! weaker orders would show is not.

#[cfg(not(shuttle))]
compile_error!("build it in its folder, or with RUSTFLAGS='--cfg shuttle'");

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler},
};

/// Changes of priorities in a schedule.
const DEPTH: usize = 3;
/// Recovery has buffers on its stack.
const STACK_BYTES: usize = 1 << 20;

/// Runs `scene` under so many schedules of each kind; it is given the number of its schedule. The
/// seed is fixed; `SHUTTLE_RANDOM_SEED` is another one.
///
/// # Panics
/// If a schedule makes the scene panic or never end; the schedule is printed, to be replayed.
pub fn check(name: &str, schedules: usize, scene: impl Fn(u64) + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    // That orders weaker than sequential consistency are not shown is said above.
    config.silence_warnings = true;
    let (scene, number) = (Arc::new(scene), Arc::new(AtomicU64::new(0)));
    let next = || {
        let (scene, number) = (Arc::clone(&scene), Arc::clone(&number));
        move || scene(number.fetch_add(1, Ordering::Relaxed))
    };
    let random = RandomScheduler::new_from_seed(1, schedules);
    let ran = Runner::new(random, config.clone()).run(next());
    let by_priority = PctScheduler::new_from_seed(1, DEPTH, schedules);
    let ran = ran + Runner::new(by_priority, config).run(next());
    println!("{name}: {ran} schedules, none failed");
}
