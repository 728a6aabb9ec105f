//! The locks and threads between a command and its answer: `parking_lot`'s and the standard
//! library's.
//!
//! Under `--cfg shuttle`, which only `tests/schedules` sets, they are those of a scheduler that
//! chooses who runs at each of their steps.

#[cfg(not(shuttle))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(shuttle))]
pub(crate) use std::{sync::atomic, thread};

#[cfg(shuttle)]
pub(crate) use shuttle::{sync::atomic, thread};
#[cfg(shuttle)]
pub(crate) use shuttle_parking_lot::{Mutex, MutexGuard};
