//! How long the next segment should be.
//!
//! A busy ledger wants long segments, because each turn to the next one costs some syncs; a quiet one
//! wants short ones, because what is filled ahead is space that holds nothing. The records' own times
//! tell which it is: no clock is asked.

use crate::limits::{BLOCK_BYTES, SEGMENT_BYTES_FIRST, SEGMENT_FILL_MS_MAX, SEGMENT_FILL_MS_MIN};

/// What decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    /// The shortest, in bytes: what a new ledger begins with.
    pub(crate) first_bytes: u64,
    /// The longest, in bytes.
    pub(crate) max_bytes: u64,
    /// The active segment's, in bytes.
    pub(crate) active_bytes: u64,
    /// Time of the last record before the active segment, or of the first in it that this process has
    /// seen if there is none before, in Unix milliseconds; 0 = neither.
    pub(crate) active_since_ms: u64,
}

/// The length of a segment that begins anew, where the longest has `max_bytes`.
pub(crate) fn first_bytes(max_bytes: u64) -> u64 {
    max_bytes.min(SEGMENT_BYTES_FIRST)
}

impl Lengths {
    /// The next one's, in bytes, if the active one's records reach to `last_ms`.
    pub(crate) fn next_bytes(&self, last_ms: u64) -> u64 {
        let took_ms = last_ms.saturating_sub(self.active_since_ms);
        let wanted = match took_ms {
            ..SEGMENT_FILL_MS_MIN => self.active_bytes.saturating_mul(2),
            SEGMENT_FILL_MS_MIN..=SEGMENT_FILL_MS_MAX => self.active_bytes,
            _ => self.active_bytes / 2,
        };
        let block = u64::try_from(BLOCK_BYTES).expect("a block is small");
        wanted.clamp(self.first_bytes, self.max_bytes).next_multiple_of(block).min(self.max_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn segments_grow_while_they_fill_fast_and_shrink_when_they_fill_slowly() {
        let lengths = Lengths {
            first_bytes: first_bytes(64 * MIB),
            max_bytes: 64 * MIB,
            active_bytes: 8 * MIB,
            active_since_ms: 5_000,
        };
        for (last_ms, bytes) in [
            (14_999, 16 * MIB),
            (15_000, 8 * MIB),
            (605_000, 8 * MIB),
            (605_001, 4 * MIB),
            // A record can't be older than the one before it; if it were, it would be no reason.
            (0, 16 * MIB),
        ] {
            assert_eq!(lengths.next_bytes(last_ms), bytes, "{last_ms}");
        }
        let longest = Lengths { active_bytes: 64 * MIB, ..lengths };
        assert_eq!(longest.next_bytes(5_001), 64 * MIB);
        let shortest = Lengths { active_bytes: 4 * MIB, ..lengths };
        assert_eq!(shortest.next_bytes(u64::MAX), 4 * MIB);
    }

    #[test]
    fn where_little_is_allowed_all_have_that_length() {
        let max_bytes = 5 * 4096;
        let active_bytes = first_bytes(max_bytes);
        let lengths =
            Lengths { first_bytes: active_bytes, max_bytes, active_bytes, active_since_ms: 1 };
        for last_ms in [1, 20_000, u64::MAX] {
            assert_eq!(lengths.next_bytes(last_ms), max_bytes);
        }
    }
}
