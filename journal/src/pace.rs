//! Holding background work to a rate, so that commits find the disk free.
//!
//! How a wait is waited, and what may end it, is left to whoever works.

use std::time::Duration;

/// Shorter waits are saved up.
const WAIT_MIN: Duration = Duration::from_millis(5);

/// Longest wait at one time: whoever waits may look that often whether to go on.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Waits as long as the bytes that were worked on should take. It measures nothing: the work
/// itself comes on top, so the rate is an upper bound.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    bytes_per_second: u64,
    owed: Duration,
}

impl Pace {
    /// A pace; 0 is unlimited.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, owed: Duration::ZERO }
    }

    /// Waits for the bytes that were just worked on, in slices. To be called without any lock.
    pub(crate) fn spend<E>(
        &mut self,
        bytes: u64,
        wait: &mut dyn FnMut(Duration) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.bytes_per_second == 0 {
            return Ok(());
        }
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        self.owed += Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        while self.owed >= WAIT_MIN {
            let slice = self.owed.min(WAIT_MAX);
            self.owed -= slice;
            wait(slice)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_their_time_in_slices_and_small_ones_are_saved_up() {
        let mut pace = Pace::new(1_000_000);
        let mut slices = Vec::new();
        let mut spend = |bytes| {
            let wait = &mut |slice| {
                slices.push(slice);
                Ok::<(), ()>(())
            };
            pace.spend(bytes, wait).unwrap();
            std::mem::take(&mut slices)
        };
        assert_eq!(spend(4_999), []);
        assert_eq!(spend(1), [WAIT_MIN]);
        assert_eq!(spend(250_000), [WAIT_MAX, WAIT_MAX, WAIT_MAX / 2]);
    }

    #[test]
    fn without_a_rate_nothing_waits_and_a_wait_may_end_it() {
        let mut refuse = |_| Err("enough");
        assert_eq!(Pace::new(0).spend(u64::MAX, &mut refuse), Ok(()));
        assert_eq!(Pace::new(1).spend(u64::MAX, &mut refuse), Err("enough"));
    }
}
