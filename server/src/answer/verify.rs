//! What a verification found.

mod replay;

use std::{fmt, time::Duration};

use passbook::journal::{Damage, Evidence, Tail, VerifyReport};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, Moment, View, cell, counted,
    facts::Facts,
    journal::snapshots_words,
    kept::CompleteFrom,
    paint::{self, painted},
};
use crate::render::{
    escape::escape,
    number::{bytes, duration, thousands},
    table::Table,
};

pub(crate) use replay::ReplayChecked;

/// The schema of [`Verified`].
pub(crate) const VERIFY_SCHEMA: &str = "passbook.verify/1";

/// What a verification found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Verified {
    #[schemars(extend("const" = VERIFY_SCHEMA))]
    pub(crate) schema: &'static str,
    /// The folder.
    pub(crate) path: String,
    /// `good` or `bad`.
    pub(crate) result: &'static str,
    /// Events that verify.
    pub(crate) events: u64,
    /// The stretches of events that verify: first and last of each.
    pub(crate) intact: Vec<Stretch>,
    /// Everything that doesn't, in the order of files and offsets.
    pub(crate) damages: Vec<DamageDocument>,
    /// How many segments were read.
    pub(crate) segments: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// How many archives were read.
    pub(crate) archives: u64,
    /// Their bytes.
    pub(crate) archive_bytes: u64,
    /// Archives that fell to the retention, of which the place in the chain is left.
    pub(crate) stubs: u64,
    /// From where on the history is complete; `null` if that can't be read.
    pub(crate) complete_from: Option<CompleteFrom>,
    /// The events after which there are snapshots that verify, newest first.
    pub(crate) snapshots: Vec<u64>,
    /// The chain over all events, in hexadecimal digits, if the last one verifies.
    pub(crate) chain: Option<String>,
    /// The last event that was durable when it began; what a writer added since is not judged.
    pub(crate) durable_at_start: u64,
    /// Bytes of a last write that was cut off and never acknowledged: no damage.
    pub(crate) torn_bytes: u64,
    /// Whether replay gives the state that the events add up to; `null` = not asked, or not to be
    /// told because of damage.
    pub(crate) replay: Option<ReplayChecked>,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u64,
    #[serde(skip)]
    #[schemars(skip)]
    took: Duration,
}

/// Events in a row.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Stretch {
    /// The first.
    pub(crate) first: u64,
    /// The last.
    pub(crate) last: u64,
}

/// One damaged place.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DamageDocument {
    /// The file.
    pub(crate) path: String,
    /// Where the damaged part begins, in bytes.
    pub(crate) offset: u64,
    /// The first event that can't be trusted.
    pub(crate) sequence_first: u64,
    /// The last, where what follows shows it.
    pub(crate) sequence_last: Option<u64>,
    /// What doesn't hold.
    pub(crate) why: String,
    /// How it is known that this is no torn write.
    pub(crate) evidence: String,
    /// Whether it is known that this was acknowledged.
    pub(crate) was_acknowledged: bool,
}

impl DamageDocument {
    pub(crate) fn of(damage: &Damage) -> Self {
        Self {
            path: damage.path.display().to_string(),
            offset: damage.offset,
            sequence_first: damage.sequence_first,
            sequence_last: damage.sequence_last,
            why: damage.why.clone(),
            evidence: damage.evidence.to_string(),
            was_acknowledged: damage.evidence != Evidence::None,
        }
    }
}

impl fmt::Display for DamageDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = match self.sequence_last {
            Some(last) if last > self.sequence_first => {
                format!("@{} .. @{}", thousands(self.sequence_first), thousands(last))
            }
            Some(_) => format!("@{}", thousands(self.sequence_first)),
            None => format!("from @{} on", thousands(self.sequence_first)),
        };
        writeln!(
            f,
            "{}, byte {}: {} ({events})",
            escape(&self.path),
            thousands(self.offset),
            escape(&self.why)
        )?;
        let meaning = if self.was_acknowledged {
            "it is damage, not a torn write"
        } else {
            "it may be damage or half a write; a person must say"
        };
        writeln!(f, "  {}; {meaning}", self.evidence)
    }
}

impl Verified {
    pub(crate) fn of(path: String, report: &VerifyReport, took: Duration) -> Self {
        let stretch = |range: &std::ops::RangeInclusive<u64>| Stretch {
            first: *range.start(),
            last: *range.end(),
        };
        let ambiguous = match &report.tail {
            Tail::Ambiguous(damage) if report.damages.is_empty() => Some(damage),
            Tail::Clean | Tail::Torn { .. } | Tail::Ambiguous(_) | Tail::Corrupt(_) => None,
        };
        let damages: Vec<_> =
            report.damages.iter().chain(ambiguous).map(DamageDocument::of).collect();
        let torn_bytes = match &report.tail {
            Tail::Torn { bytes, .. } => *bytes,
            Tail::Clean | Tail::Ambiguous(_) | Tail::Corrupt(_) => 0,
        };
        Self {
            schema: VERIFY_SCHEMA,
            path,
            result: if damages.is_empty() { "good" } else { "bad" },
            events: report.records,
            intact: report.intact.iter().map(stretch).collect(),
            damages,
            segments: report.segments,
            bytes: report.bytes,
            archives: report.archives,
            archive_bytes: report.archive_bytes,
            stubs: report.stubs,
            complete_from: report
                .complete_from
                .map(|from| CompleteFrom { sequence: from.sequence, at: from.time_ms.map(Moment) }),
            snapshots: report.snapshots.iter().map(|info| info.sequence).collect(),
            chain: report.chain.map(|chain| hex(&chain)),
            durable_at_start: report.durable_at_start,
            torn_bytes,
            replay: None,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            took,
        }
    }

    /// The same, and what a check of replay found.
    pub(crate) fn with_replay(mut self, replay: ReplayChecked) -> Self {
        if !replay.is_good() {
            self.result = "bad";
        }
        self.replay = Some(replay);
        self
    }

    pub(crate) fn is_good(&self) -> bool {
        self.damages.is_empty() && self.replay.as_ref().is_none_or(ReplayChecked::is_good)
    }

    fn intact_words(&self) -> String {
        let ranges: Vec<_> = self
            .intact
            .iter()
            .map(|Stretch { first, last }| {
                format!("@{} .. @{}", thousands(*first), thousands(*last))
            })
            .collect();
        if ranges.is_empty() { "no event".to_owned() } else { ranges.join(" and ") }
    }

    fn effort(&self) -> String {
        let chain = self.chain.as_deref().and_then(|chain| {
            Some(format!(", chain {}…{}", chain.get(..4)?, chain.get(chain.len() - 2..)?))
        });
        format!(
            "{}, {}{}, {}",
            counted(self.segments, "segment", "segments"),
            bytes(self.bytes),
            chain.unwrap_or_default(),
            duration(self.took)
        )
    }
}

fn facts_of_replay(replay: Option<&ReplayChecked>, facts: &mut Facts) {
    if let Some(replay) = replay {
        facts.own("replay", replay.to_string());
    }
}

/// Lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.damages.iter().try_for_each(|damage| write!(f, "{damage}"))?;
        if !self.damages.is_empty() {
            writeln!(f, "  what is intact: {}", self.intact_words())?;
            writeln!(
                f,
                "  next: passbook backup list DIR   or   passbook journal salvage --into DIR"
            )?;
        }
        let since = self.intact.last().map_or(0, |range| range.last);
        let since = since.saturating_sub(self.durable_at_start);
        let mut facts = Facts::wide(8);
        facts.own(
            "verified",
            match since {
                0 => self.intact_words(),
                since => format!(
                    "{} (durable when we started; {} since)",
                    self.intact_words(),
                    counted(since, "event came", "events came")
                ),
            },
        );
        facts.own("", self.effort());
        if self.archives + self.stubs > 0 {
            let archives = counted(self.archives, "archive", "archives");
            let stubs = (self.stubs > 0).then(|| format!(", {} removed", thousands(self.stubs)));
            let stubs = stubs.unwrap_or_default();
            facts.own("archive", format!("{archives}, {}{stubs}", bytes(self.archive_bytes)));
            let kept = self.complete_from.map(|kept| kept.words(&View::default()));
            facts.add_some("history", kept);
        }
        if !self.snapshots.is_empty() {
            facts.own("snapshots", snapshots_words(&self.snapshots));
        }
        if self.torn_bytes > 0 {
            facts.own(
                "tail",
                format!("{} of a write that was never acknowledged", bytes(self.torn_bytes)),
            );
        }
        facts_of_replay(self.replay.as_ref(), &mut facts);
        let (word, style) =
            if self.is_good() { ("GOOD", paint::GOOD) } else { ("BAD", paint::BAD) };
        facts.own("result", painted(word, style));
        facts.fmt(f)
    }
}

impl Answer for Verified {
    fn rows(&self) -> Table {
        let first = self.damages.first();
        super::pairs([
            ("result", self.result.to_owned()),
            ("events", self.events.to_string()),
            ("intact", self.intact_words().replace(',', "")),
            ("damages", self.damages.len().to_string()),
            ("damage_path", cell(first.map(|damage| &damage.path))),
            ("damage_offset", cell(first.map(|damage| damage.offset))),
            ("damage_why", cell(first.map(|damage| &damage.why))),
            ("segments", self.segments.to_string()),
            ("bytes", self.bytes.to_string()),
            ("archives", self.archives.to_string()),
            ("archive_bytes", self.archive_bytes.to_string()),
            ("stubs", self.stubs.to_string()),
            ("complete_from", cell(self.complete_from.map(|kept| kept.sequence))),
            ("snapshots", snapshots_words(&self.snapshots).replace([',', '@'], "")),
            ("chain", cell(self.chain.as_ref())),
            ("torn_bytes", self.torn_bytes.to_string()),
            ("replayed", cell(self.replay.as_ref().map(|replay| &replay.replayed))),
            ("folded", cell(self.replay.as_ref().map(|replay| &replay.folded))),
        ])
    }
}
