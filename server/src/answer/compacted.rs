//! What a compaction did, or would do.

use std::fmt;

use passbook::CompactionReport;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Moment, View, cell, counted, facts::Facts, without_ms};
use crate::render::{
    number::{bytes, thousands},
    table::Table,
};

/// The schema of [`Compacted`].
pub(crate) const COMPACTED_SCHEMA: &str = "passbook.compacted/1";

/// What a compaction did, or would do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Compacted {
    #[schemars(extend("const" = COMPACTED_SCHEMA))]
    pub(crate) schema: &'static str,
    /// Nothing was changed.
    pub(crate) dry_run: bool,
    /// Sessions up to whose expiry it ended.
    pub(crate) effective_now: Moment,
    /// Expired sessions that it ended.
    pub(crate) ended: u64,
    /// Its event; `null` if nothing was changed.
    pub(crate) sequence: Option<u64>,
    /// The snapshot of what it left; `null` if nothing was changed.
    pub(crate) snapshot: Option<u64>,
    /// Events that left the journal for the archive.
    pub(crate) events: u64,
    /// Those of them kept whole; the leaf is left of the others. `null` = not known before.
    pub(crate) whole: Option<u64>,
    /// Segments that they were in.
    pub(crate) segments: u64,
    /// Bytes of those.
    pub(crate) segment_bytes: u64,
    /// Bytes of all segments before.
    pub(crate) journal_bytes: u64,
    /// Bytes of the archives made from them; `null` = not known before.
    pub(crate) archive_bytes: Option<u64>,
    /// Archives that fell to the retention.
    pub(crate) archives_removed: u64,
    /// Bytes of those.
    pub(crate) archives_removed_bytes: u64,
    /// The first event in the journal now.
    pub(crate) journal_first: u64,
    /// The first event that is kept now.
    pub(crate) kept_first: u64,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

impl Compacted {
    pub(crate) fn of(report: &CompactionReport, journal_bytes: u64, view: View) -> Self {
        let files = report.files;
        let is_done = report.sequence.is_some();
        Self {
            schema: COMPACTED_SCHEMA,
            dry_run: !is_done,
            effective_now: Moment(report.effective_now_ms),
            ended: report.ended,
            sequence: report.sequence,
            snapshot: report.snapshot.as_ref().map(|snapshot| snapshot.sequence),
            events: files.records,
            whole: is_done.then_some(files.whole),
            segments: files.segments,
            segment_bytes: files.segment_bytes,
            journal_bytes,
            archive_bytes: is_done.then_some(files.archive_bytes),
            archives_removed: files.archives_removed,
            archives_removed_bytes: files.archives_removed_bytes,
            journal_first: files.sequence_first,
            kept_first: files.kept_first,
            view,
        }
    }

    fn dropped(&self) -> String {
        if self.segments == 0 {
            return "nothing: no segment of the journal is full and below a snapshot".to_owned();
        }
        let segments = counted(self.segments, "segment", "segments");
        let events = counted(self.events, "event", "events");
        let leaves = self.whole.map(|whole| self.events.saturating_sub(whole));
        let leaves = leaves.filter(|leaves| *leaves > 0).map(|leaves| {
            format!("; of {} of them, data of sessions, the hash", thousands(leaves))
        });
        format!("{events} in {segments} from the journal{}", leaves.unwrap_or_default())
    }

    fn freed(&self) -> String {
        let mut text = format!("{} of {}", bytes(self.segment_bytes), bytes(self.journal_bytes));
        if let Some(archive_bytes) = self.archive_bytes.filter(|archive| *archive > 0) {
            text.extend([", for ", &bytes(archive_bytes), " of archive"]);
        }
        let now = without_ms(&self.view.time(self.effective_now.0));
        text.extend(["     effective_now ", &now.replace(' ', "T")]);
        match self.sequence {
            Some(sequence) => text.extend(["     in @", &thousands(sequence)]),
            None => text.push_str("     nothing was changed"),
        }
        text
    }
}

impl fmt::Display for Compacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut facts = Facts::wide(13);
        let words = |would, did| if self.dry_run { would } else { did };
        facts.add(words("would drop", "dropped"), self.dropped());
        if self.ended > 0 {
            let ended = counted(self.ended, "expired session", "expired sessions");
            facts.add(words("would end", "ended"), ended);
        }
        facts.add(
            "keeps",
            "every login, end, reuse and failure, in the archive and in user history",
        );
        facts.add(words("frees", "freed"), self.freed());
        if self.archives_removed > 0 {
            facts.add(
                words("would forget", "forgot"),
                format!(
                    "{}, {}: the history begins at @{}",
                    counted(self.archives_removed, "archive", "archives"),
                    bytes(self.archives_removed_bytes),
                    thousands(self.kept_first),
                ),
            );
        }
        facts.fmt(f)
    }
}

impl Answer for Compacted {
    fn rows(&self) -> Table {
        super::pairs([
            ("dry_run", self.dry_run.to_string()),
            ("effective_now", self.effective_now.to_string()),
            ("ended", self.ended.to_string()),
            ("sequence", cell(self.sequence)),
            ("snapshot", cell(self.snapshot)),
            ("events", self.events.to_string()),
            ("whole", cell(self.whole)),
            ("segments", self.segments.to_string()),
            ("segment_bytes", self.segment_bytes.to_string()),
            ("journal_bytes", self.journal_bytes.to_string()),
            ("archive_bytes", cell(self.archive_bytes)),
            ("archives_removed", self.archives_removed.to_string()),
            ("archives_removed_bytes", self.archives_removed_bytes.to_string()),
            ("journal_first", self.journal_first.to_string()),
            ("kept_first", self.kept_first.to_string()),
        ])
    }
}
