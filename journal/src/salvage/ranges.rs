//! Sets of sequences as ranges.

use std::collections::BTreeMap;

/// Ranges that neither meet nor touch: first → last.
#[derive(Debug, Default, Clone)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds `first..=last`, nothing if that is empty.
    pub(super) fn add(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        let (mut first, mut last) = (first, last);
        // Those that begin before the end and reach the beginning, or touch.
        while let Some((from, until)) = self.before(last.saturating_add(1)) {
            if until.saturating_add(1) < first {
                break;
            }
            self.0.remove(&from);
            first = first.min(from);
            last = last.max(until);
        }
        self.0.insert(first, last);
    }

    /// The range that begins last among those that begin at or before `at`.
    fn before(&self, at: u64) -> Option<(u64, u64)> {
        self.0.range(..=at).next_back().map(|(from, until)| (*from, *until))
    }

    /// What of `first..=last` is not in the set, in order.
    pub(super) fn missing(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let mut missing = Vec::new();
        let mut next = Some(first);
        if let Some((_, until)) = self.before(first).filter(|(_, until)| *until >= first) {
            next = until.checked_add(1);
        }
        while let Some(from) = next.filter(|from| *from <= last) {
            let Some((found, until)) = self.0.range(from..=last).next() else {
                missing.push((from, last));
                break;
            };
            if *found > from {
                missing.push((from, found - 1));
            }
            next = until.checked_add(1);
        }
        missing
    }

    pub(super) fn last(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(_, until)| *until)
    }

    pub(super) fn into_vec(self) -> Vec<(u64, u64)> {
        self.0.into_iter().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(first, last)| (*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_where_they_meet_and_tell_what_is_missing() {
        let mut ranges = Ranges::default();
        for (first, last) in [(5, 6), (9, 9), (3, 2), (1, 2), (20, u64::MAX), (7, 7), (6, 8)] {
            ranges.add(first, last);
        }
        assert_eq!(ranges.clone().into_vec(), [(1, 2), (5, 9), (20, u64::MAX)]);
        assert_eq!(ranges.missing(1, 30), [(3, 4), (10, 19)]);
        assert_eq!(ranges.missing(2, 4), [(3, 4)]);
        assert_eq!(ranges.missing(6, 8), []);
        assert_eq!(ranges.missing(0, u64::MAX), [(0, 0), (3, 4), (10, 19)]);
        ranges.add(2, 21);
        assert_eq!(ranges.into_vec(), [(1, u64::MAX)]);
    }
}
