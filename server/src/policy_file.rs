//! The file that names rules: TOML, under the names of the policy, with spans that a person writes.
//!
//! ```toml
//! idle_timeout = "15m"          # s, m, h, d, w; "0" = never
//! absolute_timeout = "30d"
//! sessions_per_user_max = 3     # 0 = no limit
//! race_window = "10s"           # also ms
//! replay_window = "0"
//! on_reuse = "end_session"      # or "refuse"
//! ```
//!
//! A rule that it does not name stays as it is; a name that it does not know is refused.

use std::fmt;

use passbook::{OnReuse, Policy};
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use crate::at::parse_span;

/// The longest file, in bytes.
pub const POLICY_FILE_LEN_MAX: usize = 65_536;

/// Why a file names no rules, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct PolicyFileError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: String,
    /// That line of the file.
    pub text: String,
}

/// The rules that a file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    idle_timeout: Option<Span>,
    absolute_timeout: Option<Span>,
    sessions_per_user_max: Option<u32>,
    replay_window: Option<Span>,
    race_window: Option<Span>,
    on_reuse: Option<Reuse>,
}

/// `on_reuse`, by its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reuse {
    EndSession,
    Refuse,
}

/// A span, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span(u64);

/// The policy that the file makes of the one in force.
///
/// # Errors
/// The first thing that is wrong, and where.
pub fn parse(text: &str, in_force: &Policy) -> Result<Policy, PolicyFileError> {
    if text.len() > POLICY_FILE_LEN_MAX {
        let problem = format!("a policy file has at most {POLICY_FILE_LEN_MAX} bytes");
        return Err(PolicyFileError { line: 1, column: 1, problem, text: String::new() });
    }
    let rules: Rules = toml::from_str(text).map_err(|error| located(text, &error))?;
    let span = |rule: Option<Span>, own_ms| rule.map_or(own_ms, |Span(ms)| ms);
    Ok(Policy {
        idle_timeout_ms: span(rules.idle_timeout, in_force.idle_timeout_ms),
        absolute_timeout_ms: span(rules.absolute_timeout, in_force.absolute_timeout_ms),
        sessions_per_user_max: rules
            .sessions_per_user_max
            .unwrap_or(in_force.sessions_per_user_max),
        replay_window_ms: span(rules.replay_window, in_force.replay_window_ms),
        race_window_ms: span(rules.race_window, in_force.race_window_ms),
        on_reuse: match rules.on_reuse {
            None => in_force.on_reuse,
            Some(Reuse::EndSession) => OnReuse::EndSession,
            Some(Reuse::Refuse) => OnReuse::Refuse,
        },
    })
}

fn located(text: &str, error: &toml::de::Error) -> PolicyFileError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    let begun = before.rsplit_once('\n').map_or(before, |(_earlier, begun)| begun);
    let line = before.matches('\n').count() + 1;
    PolicyFileError {
        line,
        column: begun.chars().count() + 1,
        problem: error.message().to_owned(),
        text: text.lines().nth(line - 1).unwrap_or_default().to_owned(),
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Spans;
        impl de::Visitor<'_> for Spans {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span in quotes: \"90s\", \"15m\", \"8h\", \"30d\", \"4w\" or \"0\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                let span_ms = match text.strip_suffix("ms") {
                    Some(ms) => parse_span(&format!("{ms}s")).map(|ms| ms / 1_000),
                    None if text == "0" => Some(0),
                    None => parse_span(text),
                };
                span_ms.map(Span).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Spans)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rules_that_are_named_change_and_others_stay() {
        let in_force = Policy { sessions_per_user_max: 3, ..Policy::default() };
        let text = "idle_timeout = \"15m\"\nrace_window = \"500ms\"\non_reuse = \"refuse\"\n";
        let expected = Policy {
            idle_timeout_ms: 900_000,
            race_window_ms: 500,
            on_reuse: OnReuse::Refuse,
            ..in_force
        };
        assert_eq!(parse(text, &in_force), Ok(expected));
        assert_eq!(parse("# nothing\n", &in_force), Ok(in_force));
        let none = parse("absolute_timeout = \"0\"\nsessions_per_user_max = 0", &in_force);
        assert_eq!(none, Ok(Policy::default()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, line, column, problem) in [
            ("idle_timeout = 15", 1, 16, "invalid type: integer `15`"),
            ("idle_timeout = \"15\"", 1, 16, "invalid value: string \"15\""),
            ("\nidle = \"15m\"", 2, 1, "unknown field `idle`"),
            ("# ä\nrace_window = \"5s\"\non_reuse = \"ende\"", 3, 12, "unknown variant `ende`"),
            ("sessions_per_user_max = -1", 1, 25, "invalid value: integer `-1`"),
            ("idle_timeout", 1, 13, ""),
            ("idle_timeout = \"1d\"\nidle_timeout = \"2d\"", 2, 1, "duplicate key"),
        ] {
            let error = parse(text, &Policy::default()).expect_err(text);
            assert_eq!((error.line, error.column), (line, column), "{error}");
            assert!(error.problem.contains(problem), "{error}");
            assert_eq!(Some(&*error.text), text.lines().nth(line - 1));
        }
        let long = format!("# {}", "x".repeat(POLICY_FILE_LEN_MAX - 2));
        assert!(parse(&long, &Policy::default()).is_ok());
        assert!(parse(&(long + " "), &Policy::default()).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,64}|[a-z_ =\"0-9\n]{0,64}") {
            drop(parse(&text, &Policy::default()));
        }
    }
}
