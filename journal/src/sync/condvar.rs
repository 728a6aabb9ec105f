//! `parking_lot`'s condition variable over the scheduler's, which knows other locks.

use std::time::Duration;

use super::MutexGuard;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Condvar {
    /// Who waits holds it from before the lock is let go until it hears; who notifies passes it.
    gate: shuttle::sync::Mutex<()>,
    waiters: shuttle::sync::Condvar,
}

/// Time does not pass here.
#[derive(Debug)]
pub(crate) struct Heard;

impl Heard {
    pub(crate) fn timed_out(&self) -> bool {
        false
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let gate = self.gate.lock().expect("nothing panics under it");
        MutexGuard::unlocked(guard, || {
            drop(self.waiters.wait(gate).expect("nothing panics under it"));
        });
    }

    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _time: Duration) -> Heard {
        self.wait(guard);
        Heard
    }

    pub(crate) fn notify_one(&self) {
        let gate = self.gate.lock().expect("nothing panics under it");
        self.waiters.notify_one();
        drop(gate);
    }

    pub(crate) fn notify_all(&self) {
        let gate = self.gate.lock().expect("nothing panics under it");
        self.waiters.notify_all();
        drop(gate);
    }
}
