//! Older snapshots: some stay beside the newest two, so that no moment of the past is far from one.

use crate::limits::{SNAPSHOTS_KEPT, SNAPSHOTS_OLDER_MAX};

/// Of the sequences of good snapshots, newest first, those that need not stay. Beside the newest one
/// stays every `spacing` records: of too many, those go whose neighbours are nearest to each other, so
/// the oldest stays. With a spacing of 0 no older one stays.
pub(crate) fn surplus(newest_first: &[u64], spacing: u64) -> Vec<u64> {
    let older = newest_first.get(SNAPSHOTS_KEPT..).unwrap_or_default();
    let stay = spaced(older, spacing);
    older.iter().filter(|sequence| !stay.contains(sequence)).copied().collect()
}

/// Those that stay, oldest first.
fn spaced(newest_first: &[u64], spacing: u64) -> Vec<u64> {
    let mut stay: Vec<u64> = Vec::new();
    if spacing == 0 {
        return stay;
    }
    for sequence in newest_first.iter().rev() {
        if sequence - stay.last().copied().unwrap_or(0) >= spacing {
            stay.push(*sequence);
        }
    }
    while stay.len() > SNAPSHOTS_OLDER_MAX {
        let nearest = stay.windows(3).zip(1..).min_by_key(|(around, _)| match around {
            [before, _, after] => after - before,
            _ => u64::MAX,
        });
        let Some((_, index)) = nearest else { break };
        stay.remove(index);
    }
    stay
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is left after so many snapshots, each a `step` of records behind the last.
    fn left_after(snapshots: u64, step: u64, spacing: u64) -> Vec<u64> {
        let mut left: Vec<u64> = Vec::new();
        for number in 1..=snapshots {
            left.insert(0, number * step);
            let surplus = surplus(&left, spacing);
            left.retain(|sequence| !surplus.contains(sequence));
        }
        left
    }

    #[test]
    fn the_newest_two_stay_and_of_the_older_one_a_spacing() {
        assert_eq!(left_after(9, 100, 0), [900, 800]);
        assert_eq!(left_after(9, 100, 300), [900, 800, 600, 300]);
        // Pairs, as a compaction takes them.
        assert_eq!(surplus(&[901, 900, 601, 600, 301, 300], 100), [601, 301]);
    }

    proptest! {
        #[test]
        fn the_older_ones_are_few_and_lie_evenly(
            snapshots in 3_u64..200,
            step in 1_u64..50,
            spacing in 1_u64..200,
        ) {
            let left = left_after(snapshots, step, spacing);
            prop_assert_eq!(left.first(), Some(&(snapshots * step)));
            let oldest = spacing.div_ceil(step).min(snapshots - 1) * step;
            prop_assert_eq!(left.last(), Some(&oldest));
            prop_assert!(left.len() <= SNAPSHOTS_KEPT + SNAPSHOTS_OLDER_MAX);
            // No gap is much wider than an even one, nor than the spacing asks for.
            let even = snapshots * step / u64::try_from(SNAPSHOTS_OLDER_MAX).expect("few");
            let widest = left.windows(2).map(|pair| pair[0] - pair[1]).max().expect("some");
            prop_assert!(widest <= 4 * even + spacing + 2 * step, "{left:?}");
        }
    }
}
