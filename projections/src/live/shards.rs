//! One thing, many times over, each under its own lock: who asks for one does not wait for another.

use crate::sync::{RwLock, RwLockReadGuard};

/// How many. A power of two, so that the remainder is a mask; enough that a reader seldom meets the
/// one writer in the same one.
pub(crate) const SHARDS: u32 = 64;

/// On cache lines of its own, so that counting the readers of one lock does not slow its neighbour.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// As many `T` as there are shards.
#[derive(Debug)]
pub(crate) struct Shards<T>(Box<[Apart<T>]>);

impl<T: Default> Default for Shards<T> {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Apart::default()).collect())
    }
}

impl<T> Shards<T> {
    /// The one that a number falls to.
    pub(crate) fn of(&self, number: u32) -> &T {
        let place = index(number % SHARDS);
        &self.0.get(place).expect("a remainder is below its divisor").0
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|shard| &shard.0)
    }
}

impl<T> Shards<RwLock<T>> {
    /// All of them, for one who looks into many: writers wait meanwhile.
    pub(crate) fn read_all(&self) -> ReadShards<'_, T> {
        ReadShards(self.iter().map(RwLock::read).collect())
    }
}

/// Shards that nobody changes meanwhile.
#[derive(Debug)]
pub(crate) struct ReadShards<'a, T>(Vec<RwLockReadGuard<'a, T>>);

impl<T> ReadShards<'_, T> {
    /// The one that a number falls to.
    pub(crate) fn of(&self, number: u32) -> &T {
        self.0.get(index(number % SHARDS)).expect("a remainder is below its divisor")
    }
}

/// A number as an index.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).expect("an index has at least 32 bits")
}
