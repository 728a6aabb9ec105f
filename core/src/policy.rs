//! The rules in force: how long sessions live, how many a user has, what a reused token means.

use serde::Serialize;

/// 30 days: the default idle timeout.
pub const IDLE_TIMEOUT_MS_DEFAULT: u64 = 30 * 24 * 60 * 60 * 1_000;
/// 10 seconds: the default race window.
pub const RACE_WINDOW_MS_DEFAULT: u64 = 10_000;

/// What happens to a session one of whose spent tokens is shown after the race window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnReuse {
    /// It ends, with reason `token_reuse`: one of the two bearers is a thief.
    EndSession,
    /// The token is refused and the reuse recorded; the session lives on.
    Refuse,
}

/// The rules that [`decide`](crate::decide()) follows. All windows are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// A session ends when it was not refreshed or touched for this long; 0 = never.
    pub idle_timeout_ms: u64,
    /// A session ends this long after its login, whatever happens; 0 = never.
    pub absolute_timeout_ms: u64,
    /// A login beyond this many live sessions ends the least recently active one; 0 = no limit.
    pub sessions_per_user_max: u32,
    /// Within this time a spent token gets the same successor again, if that was not used yet;
    /// 0 = never.
    pub replay_window_ms: u64,
    /// Within this time a spent token is taken for a race, not a theft.
    pub race_window_ms: u64,
    /// What a spent token means after the race window.
    pub on_reuse: OnReuse,
}

impl Default for Policy {
    /// 30 days idle, no absolute timeout, no limit a user, 10 s race window, reuse ends the session.
    fn default() -> Self {
        Self {
            idle_timeout_ms: IDLE_TIMEOUT_MS_DEFAULT,
            absolute_timeout_ms: 0,
            sessions_per_user_max: 0,
            replay_window_ms: 0,
            race_window_ms: RACE_WINDOW_MS_DEFAULT,
            on_reuse: OnReuse::EndSession,
        }
    }
}

/// A policy, the version that the journal gave it, and the event since which it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct PolicyInForce {
    /// Rises by one with each `PolicySet`; 0 = the built-in default, before any.
    pub version: u32,
    /// The sequence of the `PolicySet` event; 0 = from the beginning.
    pub since_sequence: u64,
    /// The rules.
    pub policy: Policy,
}

/// When something that may last `lifetime_ms` (0 = for ever) from `now_ms` on is over. Saturates:
/// `u64::MAX` is never.
pub fn deadline(now_ms: u64, lifetime_ms: u64) -> u64 {
    if lifetime_ms == 0 { u64::MAX } else { now_ms.saturating_add(lifetime_ms) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetime_zero_is_for_ever_and_huge_ones_saturate() {
        assert_eq!(deadline(5, 0), u64::MAX);
        assert_eq!(deadline(5, 10), 15);
        assert_eq!(deadline(5, u64::MAX), u64::MAX);
    }
}
