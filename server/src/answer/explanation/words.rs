//! The rule that ended a session in sentences: what happened, and what would have let it live.

use std::time::Duration;

use passbook::{Cause, EndReason, Ending, Explanation, OnReuse, Outlook, Standing};

use crate::{
    answer::counted,
    render::number::{duration, thousands},
};

const SECOND_MS: u64 = 1_000;

/// `12 min 27 s`.
pub(crate) fn span(ms: u64) -> String {
    if ms == 0 { "0 s".to_owned() } else { duration(Duration::from_millis(ms)) }
}

/// A span that may be none.
pub(super) fn limit(ms: u64) -> String {
    if ms == 0 { "none".to_owned() } else { span(ms) }
}

/// A span rounded up to what is shown of it: as a limit it is no shorter than the one meant.
fn span_up(ms: u64) -> String {
    let unit_ms = match ms / SECOND_MS {
        0..=58 => 1,
        59..=3_599 => SECOND_MS,
        3_600..=86_399 => 60 * SECOND_MS,
        _ => 3_600 * SECOND_MS,
    };
    span(ms.div_ceil(unit_ms).saturating_mul(unit_ms))
}

/// The setting that decided; `None` = nobody's setting, but someone's act.
pub(super) fn rule(ending: &Ending) -> Option<String> {
    match ending.cause {
        Cause::Requested | Cause::AllOfUser { .. } | Cause::Replaced { .. } => None,
        Cause::Evicted { limit, .. } => {
            Some(format!("sessions_per_user_max = {}", thousands(limit.into())))
        }
        Cause::Reused { .. } => Some("on_reuse = end_session".to_owned()),
        Cause::Expired { .. } if ending.reason == EndReason::ExpiredAbsolute => {
            Some("absolute timeout".to_owned())
        }
        Cause::Expired { lifetime_ms, .. } => Some(format!("lifetime = {}", limit(lifetime_ms))),
    }
}

/// What happened, or what would end it.
pub(super) fn why(explanation: &Explanation) -> Vec<String> {
    match &explanation.standing {
        Standing::Dead(ending) => of_ending(explanation, ending),
        Standing::Alive(outlook) => of_outlook(outlook),
    }
}

fn of_ending(explanation: &Explanation, ending: &Ending) -> Vec<String> {
    let actor = ending.actor();
    match ending.cause {
        Cause::Requested => vec![format!("The end of this session was asked for by {actor}.")],
        Cause::AllOfUser { except, ended } => {
            let but = except.map(|id| format!(" but {id}")).unwrap_or_default();
            let ended = counted(ended.into(), "session", "sessions");
            vec![format!(
                "The end of all sessions of the user{but} was asked for by {actor}: {ended}."
            )]
        }
        Cause::Replaced { by } => {
            vec![format!("A login of the same browser took its place: {by}.")]
        }
        Cause::Evicted { limit, live, last_active_at_ms, by } => {
            let idle_ms = ending.at_ms.saturating_sub(last_active_at_ms);
            let login = by.map(|id| format!(": {id}")).unwrap_or_default();
            vec![
                format!(
                    "The user logged in with {} at a limit of {}{login}.",
                    counted(live.into(), "live session", "live sessions"),
                    thousands(limit.into())
                ),
                format!("This one was the least recently active: {} before.", span(idle_ms)),
            ]
        }
        Cause::Reused {
            presented_generation: shown,
            spent_at_ms,
            presented_at_ms,
            race_window_ms,
            ..
        } => vec![
            format!(
                "A token of generation {shown} was shown again {} after generation {} had replaced it.",
                span(presented_at_ms.saturating_sub(spent_at_ms)),
                shown.saturating_add(1)
            ),
            format!("The race window is {}.", span(race_window_ms)),
        ],
        Cause::Expired { absolute_at_ms, .. } if ending.reason == EndReason::ExpiredAbsolute => {
            let age_ms = absolute_at_ms.saturating_sub(explanation.session.created_at_ms);
            vec![format!("Whatever happens, it was to end {} after its login.", span(age_ms))]
        }
        Cause::Expired { lifetime_ms, last_active_at_ms, effective_now_ms, .. } => vec![
            format!("Nobody refreshed or touched it for {}, its lifetime.", span(lifetime_ms)),
            format!(
                "It was judged {} after it had last been active.",
                span(effective_now_ms.saturating_sub(last_active_at_ms))
            ),
        ],
    }
}

fn of_outlook(outlook: &Outlook) -> Vec<String> {
    let mut why = vec![match (outlook.reason, outlook.lifetime_ms) {
        (None, _) | (_, 0) => "A logout, a revocation or a rule can end it.".to_owned(),
        (Some(_), lifetime_ms) => {
            format!("A refresh or touch lets it live for {} from then.", span(lifetime_ms))
        }
    }];
    let Some(in_force) = outlook.policy else { return why };
    let policy = in_force.policy;
    match policy.on_reuse {
        OnReuse::EndSession => why.push(format!(
            "A spent token that is shown more than {} after its spending ends it.",
            span(policy.race_window_ms)
        )),
        OnReuse::Refuse => why.push("A spent token is refused and ends nothing.".to_owned()),
    }
    if policy.sessions_per_user_max > 0 {
        why.push(format!(
            "A login beyond {} of the user ends the least recently active one.",
            counted(policy.sessions_per_user_max.into(), "session", "sessions")
        ));
    }
    why
}

/// Under which rules it would have lived on at that moment.
pub(super) fn would_live_with(explanation: &Explanation, ending: &Ending) -> Option<String> {
    match ending.cause {
        Cause::Requested | Cause::AllOfUser { .. } | Cause::Replaced { .. } => None,
        Cause::Evicted { live, .. } => {
            let needed = u64::from(live) + 1;
            Some(format!("sessions_per_user_max ≥ {}, or 0 (no limit)", thousands(needed)))
        }
        Cause::Reused { spent_at_ms, presented_at_ms, .. } => {
            let age_ms = presented_at_ms.saturating_sub(spent_at_ms);
            Some(format!("race_window ≥ {}, or on_reuse = refuse", span_up(age_ms)))
        }
        Cause::Expired { absolute_at_ms, last_active_at_ms, effective_now_ms, .. } => {
            let age_ms = effective_now_ms.saturating_sub(explanation.session.created_at_ms);
            let idle_ms = effective_now_ms.saturating_sub(last_active_at_ms);
            let absolute = format!("an absolute timeout longer than {}", span_up(age_ms));
            let lifetime = format!("a lifetime longer than {}", span_up(idle_ms));
            Some(match (ending.reason, absolute_at_ms <= effective_now_ms) {
                (EndReason::ExpiredAbsolute, _) => format!("{absolute}, and {lifetime}"),
                (_, true) => format!("{lifetime}, and {absolute}"),
                (_, false) => lifetime,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_never_written_shorter_than_it_is() {
        assert_eq!(span_up(747_472), "12 min 28 s");
        assert_eq!(span_up(1_800_000), "30 min");
        assert_eq!(span_up(90_000_001), "1 d 2 h");
        assert_eq!((span(0).as_str(), limit(0).as_str()), ("0 s", "none"));
    }
}
