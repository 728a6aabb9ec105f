//! The port to randomness: store ids and segment salts.
//!
//! Tokens and ids of sessions are left to the store, which has a port of its own.

use std::fmt::Debug;
use std::io;

use parking_lot::Mutex;
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};

/// A source of random bytes.
pub trait Entropy: Send + Sync + Debug {
    /// Fills the buffer.
    ///
    /// # Errors
    /// When the source fails; nothing is created then.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        SysRng.try_fill_bytes(bytes).map_err(io::Error::other)
    }
}

/// The same bytes for the same seed, for tests that compare bytes: SHA-256 of seed and counter,
/// so that no release of a generator changes them.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    counter: Mutex<u64>,
}

impl SeededEntropy {
    /// A source that depends on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: Mutex::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut counter = self.counter.lock();
        for chunk in bytes.chunks_mut(32) {
            let hash = Sha256::new()
                .chain_update(self.seed.to_le_bytes())
                .chain_update(counter.to_le_bytes())
                .finalize();
            for (byte, random) in chunk.iter_mut().zip(hash) {
                *byte = random;
            }
            *counter += 1;
        }
        Ok(())
    }
}
