//! What a salvage brought back, what it did not, and what is to be done about that.

use std::fmt;

use passbook::SalvageOutcome;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, cell, counted,
    facts::Facts,
    verify::{DamageDocument, Stretch, hex},
};
use crate::render::{number::thousands, table::Table};

/// The schema of [`Salvaged`].
pub(crate) const SALVAGED_SCHEMA: &str = "passbook.salvaged/1";
/// Ranges that a person is shown.
const SHOWN_MAX: usize = 10;

/// What a salvage brought back and what not. Ranges are sequences of the damaged store.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Salvaged {
    #[schemars(extend("const" = SALVAGED_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The damaged store's folder: it is as it was.
    pub(crate) source: String,
    /// The damaged store's id, in hexadecimal digits.
    pub(crate) source_id: String,
    /// The new store's folder.
    pub(crate) path: String,
    /// Events that were taken over.
    pub(crate) kept: u64,
    /// Events that are lost.
    pub(crate) lost: Vec<Stretch>,
    /// How many these are.
    pub(crate) lost_events: u64,
    /// Events of which a compaction had kept the leaf only: data of sessions.
    pub(crate) leaves: Vec<Stretch>,
    /// Events that retention had removed.
    pub(crate) removed: Vec<Stretch>,
    /// What is damaged.
    pub(crate) damages: Vec<DamageDocument>,
    /// The snapshot that the sessions were compared with; `null` = none can be read.
    pub(crate) snapshot: Option<u64>,
    /// Sessions that it knows and that no kept event opened: their users log in again.
    pub(crate) not_carried: u64,
    /// Sessions whose end, new token or new owner it knows of though the event is lost: ended again.
    pub(crate) ended: u64,
    /// Sessions that are live in the new store.
    pub(crate) live: u64,
    /// The new store's last event.
    pub(crate) sequence: u64,
    /// Whether events are lost of which no snapshot tells what they did: sessions may be live that
    /// had ended.
    pub(crate) is_in_doubt: bool,
}

fn stretches(ranges: &[(u64, u64)]) -> Vec<Stretch> {
    ranges.iter().map(|(first, last)| Stretch { first: *first, last: *last }).collect()
}

impl Salvaged {
    pub(crate) fn of(outcome: &SalvageOutcome, source: String, path: String) -> Self {
        let known = outcome.snapshot.unwrap_or(0);
        Self {
            schema: SALVAGED_SCHEMA,
            source,
            source_id: hex(&outcome.source),
            path,
            kept: outcome.kept,
            lost: stretches(&outcome.lost),
            lost_events: outcome.lost_records,
            leaves: stretches(&outcome.leaves),
            removed: stretches(&outcome.removed),
            damages: outcome.damages.iter().map(DamageDocument::of).collect(),
            snapshot: outcome.snapshot,
            not_carried: outcome.not_carried,
            ended: outcome.ended,
            live: outcome.live,
            sequence: outcome.sequence,
            is_in_doubt: outcome.lost.iter().any(|(_, last)| *last > known),
        }
    }

    fn lost_words(&self) -> String {
        let shown = self.lost.iter().take(SHOWN_MAX).map(|Stretch { first, last }| {
            if first == last {
                format!("@{}", thousands(*first))
            } else {
                format!("@{} .. @{}", thousands(*first), thousands(*last))
            }
        });
        let mut words = shown.collect::<Vec<_>>().join(", ");
        if self.lost.len() > SHOWN_MAX {
            words += ", … (all of them: --json)";
        }
        words
    }
}

impl fmt::Display for Salvaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.damages.iter().try_for_each(|damage| write!(f, "{damage}"))?;
        let mut facts = Facts::wide(8);
        let live = counted(self.live, "live session", "live sessions");
        facts.own("salvaged", format!("{}, {live}", counted(self.kept, "event", "events")));
        facts.add("into", &self.path);
        if self.lost_events == 0 {
            facts.own("lost", "nothing");
        } else {
            let count = counted(self.lost_events, "event", "events");
            facts.own("lost", format!("{count}: {}", self.lost_words()));
        }
        if self.ended > 0 {
            let count = counted(self.ended, "session", "sessions");
            facts.own("ended", format!("{count} that a snapshot knows to be over or changed"));
        }
        if self.not_carried > 0 {
            let count = counted(self.not_carried, "session", "sessions");
            facts.own("missing", format!("{count} that no event opened: their users log in again"));
        }
        if self.is_in_doubt {
            facts.own("next", "a session whose end is lost is live again: revoke all in doubt");
            facts.own("", "passbook session revoke --filter state:live --dry-run --store DIR");
        }
        facts.fmt(f)
    }
}

impl Answer for Salvaged {
    fn rows(&self) -> Table {
        super::pairs([
            ("path", self.path.clone()),
            ("kept", self.kept.to_string()),
            ("lost_events", self.lost_events.to_string()),
            ("lost", self.lost_words().replace(',', "")),
            ("snapshot", cell(self.snapshot)),
            ("not_carried", self.not_carried.to_string()),
            ("ended", self.ended.to_string()),
            ("live", self.live.to_string()),
            ("sequence", self.sequence.to_string()),
            ("is_in_doubt", self.is_in_doubt.to_string()),
        ])
    }
}
