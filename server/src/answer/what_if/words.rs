//! What decides on an end, in a few words.

use passbook::{EndOf, Why};

use crate::{
    answer::{counted, explanation::span},
    render::number::thousands,
};

/// What decided, beside the reason.
pub(super) fn why(end: &EndOf) -> String {
    match end.why {
        Why::Requested => "asked for".to_owned(),
        Why::Idle { lifetime_ms, .. } => format!("not used for {}", span(lifetime_ms)),
        Why::Absolute { created_at_ms, absolute_at_ms } => {
            format!("{} after its login", span(absolute_at_ms.saturating_sub(created_at_ms)))
        }
        Why::Limit { limit, live } => {
            let live = counted(live.into(), "live session", "live sessions");
            format!("a login with {live} at a limit of {}", thousands(limit.into()))
        }
        Why::Reuse { age_ms, race_window_ms } => format!(
            "a token was shown {} after it was spent; the race window is {}",
            span(age_ms),
            span(race_window_ms)
        ),
    }
}
