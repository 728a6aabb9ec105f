//! The locks of the live tables: `parking_lot`'s.
//!
//! Under `--cfg shuttle`, which only `tests/schedules` sets, they are those of a scheduler that
//! chooses who runs at each of their steps.

#[cfg(not(shuttle))]
pub(crate) use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard};
#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic;

#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic;
#[cfg(shuttle)]
pub(crate) use shuttle_parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard};
