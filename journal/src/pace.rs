//! Holding background work to a rate, so that commits find the disk free.

use std::time::Duration;

/// Shorter waits are saved up.
const WAIT_MIN: Duration = Duration::from_millis(5);

/// Waits as long as the bytes that were written should take. It measures nothing: the work itself
/// comes on top, so the rate is an upper bound.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: u64,
    owed: Duration,
}

impl Pace {
    /// A pace; 0 is unlimited.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, owed: Duration::ZERO }
    }

    /// Waits for the bytes that were just written. To be called without any lock.
    pub(crate) fn spend(&mut self, bytes: u64) {
        if self.bytes_per_second == 0 {
            return;
        }
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        self.owed += Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        if self.owed >= WAIT_MIN {
            wait(std::mem::take(&mut self.owed));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the time itself is what is waited for")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}
