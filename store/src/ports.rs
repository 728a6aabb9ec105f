//! The outside world, as arguments: what time it is, and where randomness comes from.
//!
//! The third port, the disk, is the journal's `Vfs`.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use rand::{Rng, SeedableRng, TryRng, rngs::StdRng, rngs::SysRng};
use thiserror::Error;
use zeroize::Zeroize;

/// Tells the time, in Unix milliseconds. It may step back; the ledger copes.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> u64;
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// A clock set before 1970 reads 0.
    #[expect(clippy::disallowed_methods, reason = "this is the port behind which it is allowed")]
    fn now_ms(&self) -> u64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is set: for tests and for replays.
///
/// ```
/// use passbook::{Clock, SimClock};
/// let clock = SimClock::at_ms(1_000);
/// clock.advance_ms(500);
/// assert_eq!(clock.now_ms(), 1_500);
/// ```
#[derive(Debug, Default)]
pub struct SimClock(AtomicU64);

impl SimClock {
    /// A clock that reads `now_ms`.
    pub fn at_ms(now_ms: u64) -> Self {
        Self(AtomicU64::new(now_ms))
    }

    /// Sets the clock, forward or back.
    pub fn set_ms(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    /// Moves the clock forward; saturates.
    pub fn advance_ms(&self, step_ms: u64) {
        self.set_ms(self.now_ms().saturating_add(step_ms));
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The operating system gave no randomness. Nothing was made and nothing written.
#[derive(Debug, Clone, Error)]
#[error("no randomness from the operating system: {0}")]
pub struct EntropyError(pub String);

/// Gives random bytes fit for secrets.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`EntropyError`] if there are none to be had; then `bytes` must not be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// Random bytes from the operating system, fetched in runs: one call costs as much for 1 KiB as for
/// 32 bytes. Bytes are wiped from the run as they are handed out.
pub struct OsEntropy(Mutex<Run>);

/// How much is fetched at once, in bytes.
const RUN_BYTES: usize = 1_024;

struct Run {
    bytes: [u8; RUN_BYTES],
    used_bytes: usize,
}

impl OsEntropy {
    /// Fetches nothing yet.
    pub fn new() -> Self {
        Self(Mutex::new(Run { bytes: [0; RUN_BYTES], used_bytes: RUN_BYTES }))
    }
}

impl Default for OsEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for OsEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OsEntropy")
    }
}

impl Drop for OsEntropy {
    fn drop(&mut self) {
        self.0.get_mut().bytes.zeroize();
    }
}

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let from_os = |out: &mut [u8]| {
            SysRng.try_fill_bytes(out).map_err(|error| EntropyError(error.to_string()))
        };
        let mut run = self.0.lock();
        if run.used_bytes + bytes.len() > RUN_BYTES {
            if bytes.len() > RUN_BYTES {
                return from_os(bytes);
            }
            from_os(&mut run.bytes)?;
            run.used_bytes = 0;
        }
        let start = run.used_bytes;
        run.used_bytes += bytes.len();
        if let Some(fresh) = run.bytes.get_mut(start..start + bytes.len()) {
            bytes.copy_from_slice(fresh);
            fresh.zeroize();
        }
        Ok(())
    }
}

/// The same bytes for the same seed: for tests and simulations alone, never for secrets.
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// The sequence of that seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeededEntropy")
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.lock().fill_bytes(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn runs_of_entropy_never_give_the_same_bytes_twice() {
        let entropy = OsEntropy::new();
        let mut seen = HashSet::new();
        for _ in 0..500 {
            let mut bytes = [0; 42];
            entropy.fill(&mut bytes).expect("the system has randomness");
            assert!(seen.insert(bytes));
        }
        let mut large = vec![0; RUN_BYTES + 1];
        entropy.fill(&mut large).expect("the system has randomness");
        assert!(large.iter().any(|byte| *byte != 0));
        let run = entropy.0.lock();
        assert!(run.bytes[..run.used_bytes].iter().all(|byte| *byte == 0), "used bytes are wiped");
    }
}
