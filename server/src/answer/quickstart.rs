//! The tour, piece by piece as it is walked, and as one document at its end.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, counted,
    facts::Facts,
    history::UserHistory,
    paint::{self, painted},
};
use crate::render::{
    number::{duration, thousands},
    table::Table,
};

/// The schema of [`Tour`].
pub(crate) const QUICKSTART_SCHEMA: &str = "passbook.quickstart/1";

/// So wide are the labels of all pieces, that they stand under one another.
const LABEL_WIDTH: usize = 9;

/// What the tour did and found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Tour {
    #[schemars(extend("const" = QUICKSTART_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The store's folder, which is kept.
    pub(crate) store: String,
    /// The week that was invented.
    pub(crate) invented: Invented,
    /// The spent token that was shown again.
    pub(crate) reuse: Reuse,
    /// The sample log.
    pub(crate) imported: ImportedSample,
    /// The process that was killed.
    pub(crate) killed: Killed,
    /// Its sessions, ended with one event.
    pub(crate) cleared: Cleared,
    /// The verification at the end.
    pub(crate) checked: Checked,
    /// One user's history, the last lines of it.
    pub(crate) history: UserHistory,
    /// Commands that can be tried now.
    pub(crate) next: Vec<String>,
    /// How long all of it took, in milliseconds.
    pub(crate) duration_ms: u64,
}

/// A week of logins that nobody made.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Invented {
    /// How many users.
    pub(crate) users: u64,
    /// Logins.
    pub(crate) logins: u64,
    /// Tokens that were rotated.
    pub(crate) rotations: u64,
    /// Logins that failed.
    pub(crate) failures: u64,
    /// Events in all.
    pub(crate) events: u64,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u64,
}

/// A token that was shown after its successor had taken its place.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Reuse {
    /// Whose session.
    pub(crate) user_id: String,
    /// Which session.
    pub(crate) session: String,
    /// The generation of the token that was shown.
    pub(crate) presented_generation: u32,
    /// The generation of the live token.
    pub(crate) current_generation: u32,
    /// How long it had been spent, in milliseconds.
    pub(crate) spent_for_ms: u64,
    /// Whether the session ended.
    pub(crate) ended: bool,
    /// The event that says so.
    pub(crate) sequence: u64,
}

/// What the sample log told.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct ImportedSample {
    /// Lines read.
    pub(crate) lines: u64,
    /// Sessions opened.
    pub(crate) opened: u64,
    /// Sessions closed.
    pub(crate) closed: u64,
    /// Tries that failed.
    pub(crate) failed: u64,
    /// Lines that could not be read.
    pub(crate) skipped: u64,
    /// Events that a second import of it added.
    pub(crate) added_again: u64,
}

/// A process that was killed while it wrote.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Killed {
    /// Its process id.
    pub(crate) pid: u32,
    /// Logins that it had said were done.
    pub(crate) acknowledged: u64,
    /// Logins of it that are there.
    pub(crate) recovered: u64,
    /// Acknowledged logins that are not there.
    pub(crate) lost: u64,
    /// Bytes of a write that was cut off, set aside.
    pub(crate) torn_bytes: u64,
    /// How long opening the store again took, in microseconds.
    pub(crate) reopened_us: u64,
}

/// Sessions that were ended with one event.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Cleared {
    /// How many.
    pub(crate) sessions: u64,
    /// The event.
    pub(crate) sequence: u64,
}

/// What the verification said.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Checked {
    /// Whether all of it is as it was written.
    pub(crate) good: bool,
    /// Events that verify.
    pub(crate) events: u64,
    /// Segments that they are in.
    pub(crate) segments: u64,
}

fn one(label: &str, value: String) -> Facts {
    let mut facts = Facts::wide(LABEL_WIDTH);
    facts.own(label, value);
    facts
}

impl fmt::Display for Invented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::wide(LABEL_WIDTH);
        facts.own(
            "invented",
            format!(
                "7 days, {}: {}, {}, {} failed",
                counted(self.users, "user", "users"),
                counted(self.logins, "login", "logins"),
                counted(self.rotations, "rotation", "rotations"),
                thousands(self.failures)
            ),
        );
        facts.own(
            "",
            format!(
                "{}, each on the disk before it was answered, {}",
                counted(self.events, "event", "events"),
                duration(Duration::from_millis(self.duration_ms))
            ),
        );
        facts.fmt(f)
    }
}

impl fmt::Display for Reuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spent_for = duration(Duration::from_millis(self.spent_for_ms));
        let mut facts = Facts::wide(LABEL_WIDTH);
        facts.own(
            "rotated",
            format!(
                "{}'s token, generation {} → {}",
                self.user_id, self.presented_generation, self.current_generation
            ),
        );
        facts.own(
            "reused",
            format!(
                "generation {} was shown {spent_for} after it was spent",
                self.presented_generation
            ),
        );
        if self.ended {
            let dead = painted("DEAD", paint::BAD);
            facts.own(
                "",
                format!(
                    "a thief or a victim: the session is {dead}, @{}",
                    thousands(self.sequence)
                ),
            );
        }
        facts.fmt(f)
    }
}

impl fmt::Display for ImportedSample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::wide(LABEL_WIDTH);
        facts.own(
            "imported",
            format!(
                "{} of a host's auth.log: {} opened, {} closed, {} failed",
                counted(self.lines, "line", "lines"),
                thousands(self.opened),
                thousands(self.closed),
                thousands(self.failed)
            ),
        );
        facts.own(
            "",
            match self.added_again {
                0 => "read a second time: nothing new".to_owned(),
                added => format!("read a second time: {added} events more"),
            },
        );
        facts.fmt(f)
    }
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::wide(LABEL_WIDTH);
        facts.own(
            "killed",
            format!(
                "process {} in mid-write, after {} (SIGKILL)",
                self.pid,
                counted(self.acknowledged, "acknowledged login", "acknowledged logins")
            ),
        );
        let torn = match self.torn_bytes {
            0 => String::new(),
            bytes => format!(", {} torn bytes set aside", thousands(bytes)),
        };
        facts.own(
            "reopened",
            format!("in {}{torn}", duration(Duration::from_micros(self.reopened_us))),
        );
        let all = if self.lost == 0 {
            painted("none is lost", paint::GOOD)
        } else {
            painted(&format!("{} LOST", thousands(self.lost)), paint::BAD)
        };
        let unheard = self.recovered.saturating_sub(self.acknowledged - self.lost);
        let more = match unheard {
            0 => String::new(),
            more => format!("; {} more had reached the disk unheard", thousands(more)),
        };
        facts.own("", format!("{} acknowledged, {all}{more}", thousands(self.acknowledged)));
        facts.fmt(f)
    }
}

impl fmt::Display for Cleared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sessions = counted(self.sessions, "session", "sessions");
        one("revoked", format!("those {sessions} with one event, @{}", thousands(self.sequence)))
            .fmt(f)
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, style) = if self.good { ("GOOD", paint::GOOD) } else { ("BAD", paint::BAD) };
        one(
            "verified",
            format!(
                "@1 .. @{} in {}: {}",
                thousands(self.events),
                counted(self.segments, "segment", "segments"),
                painted(word, style)
            ),
        )
        .fmt(f)
    }
}

impl Tour {
    /// Where it is, before anything is done.
    pub(crate) fn headline(store: &str) -> String {
        one("store", crate::render::escape::escape(store).into_owned()).to_string()
    }

    /// The history, what to try next, and how to be rid of it.
    pub(crate) fn ending(&self) -> String {
        let mut text = format!(
            "\n{}, {} of {}\n{}\n",
            painted(&format!("history of {}", self.history.user_id), paint::LABEL),
            self.history.items.len(),
            counted(self.history.total, "line", "lines"),
            self.history_lines(),
        );
        let mut facts = Facts::wide(LABEL_WIDTH);
        for (place, command) in self.next.iter().enumerate() {
            facts.own(if place == 0 { "try next" } else { "" }, command.clone());
        }
        facts.own("delete it", format!("rm -r {}", quoted(&self.store)));
        text.push_str(&facts.to_string());
        text
    }

    fn history_lines(&self) -> String {
        let text = self.history.to_string();
        let lines: Vec<_> = text.lines().take(self.history.items.len()).collect();
        format!("  {}\n", lines.join("\n  "))
    }
}

/// As a shell takes it for one word.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl fmt::Display for Tour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::headline(&self.store))?;
        write!(f, "{}{}{}", self.invented, self.reuse, self.imported)?;
        write!(f, "{}{}{}", self.killed, self.cleared, self.checked)?;
        f.write_str(&self.ending())
    }
}

impl Answer for Tour {
    fn rows(&self) -> Table {
        super::pairs([
            ("store", self.store.clone()),
            ("users", self.invented.users.to_string()),
            ("logins", self.invented.logins.to_string()),
            ("rotations", self.invented.rotations.to_string()),
            ("reused_session", self.reuse.session.clone()),
            ("reuse_ended_it", self.reuse.ended.to_string()),
            ("imported_lines", self.imported.lines.to_string()),
            ("imported_again", self.imported.added_again.to_string()),
            ("acknowledged", self.killed.acknowledged.to_string()),
            ("recovered", self.killed.recovered.to_string()),
            ("lost", self.killed.lost.to_string()),
            ("verified", if self.checked.good { "good" } else { "bad" }.to_owned()),
            ("events", self.checked.events.to_string()),
            ("duration_ms", self.duration_ms.to_string()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_word_for_a_shell_is_one_word() {
        assert_eq!(quoted("/tmp/passbook-quickstart-x1"), "/tmp/passbook-quickstart-x1");
        assert_eq!(quoted("/tmp/a b"), "'/tmp/a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
