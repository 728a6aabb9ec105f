//! Keys by which the same line is the same observation in every import.
//!
//! Two identical lines in one log are two things that happened, so a key counts how many identical
//! lines came before it. Identical lines bear the same stamp and stand close together: only the
//! last [`REMEMBERED_MAX`] are remembered.

use std::collections::{HashMap, VecDeque};

use sha2::{Digest, Sha256};

use super::observation::Key;

/// Lines whose occurrences are counted. One that comes back after so many others (two copies of a
/// log in one stream) is taken for the line it repeats, and so adds nothing.
pub const REMEMBERED_MAX: usize = 16_384;

/// Names this format; a change of what is hashed needs a new one.
const FORMAT_TAG: &[u8] = b"passbook.import.syslog/1";

/// Makes the keys of one stream.
#[derive(Debug, Default)]
pub(super) struct Keys {
    seen: HashMap<[u8; 32], u32>,
    order: VecDeque<[u8; 32]>,
}

/// A line whose place among its twins is known; it can have several parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineKey {
    line: [u8; 32],
    occurrence: u32,
}

impl Keys {
    /// `year` is `None` when the line itself says it.
    pub(super) fn line(&mut self, year: Option<i16>, host: &str, line: &[u8]) -> LineKey {
        let digest = line_digest(year, host, line);
        if let Some(count) = self.seen.get_mut(&digest) {
            *count = count.saturating_add(1);
            return LineKey { line: digest, occurrence: *count };
        }
        if self.order.len() >= REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.order.push_back(digest);
        self.seen.insert(digest, 0);
        LineKey { line: digest, occurrence: 0 }
    }
}

impl LineKey {
    /// The key of the `part`-th thing that this line tells, from 0.
    pub(super) fn part(self, part: u32) -> Key {
        let mut hasher = Sha256::new();
        hasher.update(self.line);
        hasher.update(self.occurrence.to_be_bytes());
        hasher.update(part.to_be_bytes());
        Key::new(hasher.finalize().into())
    }
}

fn line_digest(year: Option<i16>, host: &str, line: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for field in [FORMAT_TAG, &year.unwrap_or(0).to_be_bytes(), host.as_bytes(), line] {
        let length = u64::try_from(field.len()).expect("a usize fits into 64 bits");
        hasher.update(length.to_be_bytes());
        hasher.update(field);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(keys: &mut Keys, year: Option<i16>, line: &str) -> Key {
        keys.line(year, "host", line.as_bytes()).part(0)
    }

    #[test]
    fn identical_lines_differ_within_a_stream_and_agree_between_streams() {
        let (mut first, mut second) = (Keys::default(), Keys::default());
        let once = key(&mut first, Some(2025), "a");
        let twice = key(&mut first, Some(2025), "a");
        assert_ne!(once, twice);
        assert_eq!(once, key(&mut second, Some(2025), "a"));
        key(&mut second, Some(2025), "b");
        assert_eq!(twice, key(&mut second, Some(2025), "a"));
    }

    #[test]
    fn year_host_and_part_are_in_the_key() {
        let all = [
            Keys::default().line(Some(2025), "h", b"a").part(0),
            Keys::default().line(Some(2026), "h", b"a").part(0),
            Keys::default().line(None, "h", b"a").part(0),
            Keys::default().line(Some(2025), "", b"ha").part(0),
            Keys::default().line(Some(2025), "h", b"a").part(1),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn memory_is_bounded_and_a_forgotten_line_is_its_own_repetition() {
        let mut keys = Keys::default();
        let first = key(&mut keys, None, "again");
        for n in 0..REMEMBERED_MAX - 1 {
            key(&mut keys, None, &n.to_string());
        }
        assert_ne!(first, key(&mut keys, None, "again"), "still remembered at the limit");
        key(&mut keys, None, "one past it");
        assert_eq!(first, key(&mut keys, None, "again"));
        assert_eq!(keys.seen.len(), REMEMBERED_MAX);
        assert_eq!(keys.order.len(), REMEMBERED_MAX);
    }

    #[test]
    fn a_key_never_changes_between_versions() {
        let mut keys = Keys::default();
        assert_eq!(
            keys.line(Some(2025), "h", b"line").part(0).to_string(),
            "5179e38cf9c6bdbe8a1ee31693077540ada82654a804202acb236204974108e5"
        );
        assert_eq!(
            keys.line(Some(2025), "h", b"line").part(2).to_string(),
            "508ac10990866f77c93813c3783a50d2bf2a2b27d4b8722eba7a69e1dfac7692"
        );
    }
}
