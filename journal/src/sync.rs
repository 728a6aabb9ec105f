//! The locks and threads that a commit goes through: `parking_lot`'s and the standard library's.
//!
//! Under `--cfg shuttle`, which only `tests/schedules` sets, they are those of a scheduler that
//! chooses who runs at each of their steps. What nobody waits under (the simulated disk, sources of
//! randomness) and what no commit meets (verification) stays as it is.

#[cfg(not(shuttle))]
pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub(crate) use std::{hint, sync::atomic, thread};

#[cfg(shuttle)]
pub(crate) use self::condvar::Condvar;
#[cfg(shuttle)]
pub(crate) use shuttle::{hint, sync::atomic, thread};
#[cfg(shuttle)]
pub(crate) use shuttle_parking_lot::{Mutex, MutexGuard};

#[cfg(shuttle)]
mod condvar;
