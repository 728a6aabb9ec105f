//! One event, as `journal dump`, `show` and `tail` and `session show` tell it.

mod detail;

use std::fmt;

use passbook::{Event, Recorded, core::Text, journal::Place};
use schemars::JsonSchema;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::{Answer, Moment, View, cell, paint::painted, without_ms};
use crate::render::{
    escape::escape,
    number::thousands,
    table::{CUT_WIDTH_MIN, Column, Table, cut_to},
};
use detail::Detail;
pub(crate) use detail::deadline;

/// The schema of [`EventDocument`].
pub(crate) const EVENT_SCHEMA: &str = "passbook.event/1";

/// The longest name of a kind, in cells.
const KIND_WIDTH: usize = 19;
/// Between two parts of a line.
const GAP: &str = "  ";

/// One event.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct EventDocument {
    #[schemars(extend("const" = EVENT_SCHEMA))]
    pub(crate) schema: &'static str,
    /// Its place in the journal, dense from 1.
    pub(crate) sequence: u64,
    /// When it was recorded.
    pub(crate) at: Moment,
    /// The same, in Unix milliseconds.
    pub(crate) at_ms: u64,
    /// When it happened, where that is another time: on imported events.
    pub(crate) occurred_at: Option<Moment>,
    /// The same, in Unix milliseconds.
    pub(crate) occurred_at_ms: Option<u64>,
    /// What kind of event it is.
    pub(crate) kind: &'static str,
    /// The session that it is about.
    pub(crate) session: Option<String>,
    /// The user that it is about.
    pub(crate) user_id: Option<String>,
    /// Who acted: `user`, `operator:NAME`, `system`, `importer`.
    pub(crate) actor: String,
    /// The client's address.
    pub(crate) ip: Option<String>,
    /// What the client said of itself.
    pub(crate) user_agent: Option<String>,
    /// Where an imported event was read.
    pub(crate) imported: Option<ImportedFrom>,
    /// Free words on the act.
    pub(crate) note: Option<String>,
    /// The idempotency key of its command.
    pub(crate) key: Option<String>,
    /// What the kind of event adds.
    pub(crate) detail: Detail,
    /// Where it lies on disk; only with `--raw` and in `journal show`, and not if it is archived.
    pub(crate) frame: Option<Frame>,
    /// The archive that has it, once a compaction took it from the journal; only in `journal show`.
    pub(crate) archive: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) view: View,
}

/// What a log line says beside the act.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ImportedFrom {
    /// The machine that logged it.
    pub(crate) host: String,
    /// The program that logged it.
    pub(crate) service: String,
    /// Its process id.
    pub(crate) pid: Option<u32>,
    /// The peer's name, where the log has a name and no address.
    pub(crate) remote_host: Option<String>,
}

/// Where an event lies on disk. Offsets count bytes from the start of the file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Frame {
    /// The segment file.
    pub(crate) segment: String,
    /// Where its batch begins.
    pub(crate) batch_offset: u64,
    /// Where its own header begins.
    pub(crate) record_offset: u64,
    /// Header and payload, in bytes.
    pub(crate) length: u64,
}

impl Frame {
    pub(crate) fn of(place: &Place) -> Self {
        Self {
            segment: place.segment.display().to_string(),
            batch_offset: place.batch_offset,
            record_offset: place.record_offset,
            length: place.length,
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = std::path::Path::new(&self.segment).file_name().unwrap_or_default();
        write!(
            f,
            "{}, byte {}, {} bytes; its batch begins at {}",
            escape(&name.to_string_lossy()),
            thousands(self.record_offset),
            thousands(self.length),
            thousands(self.batch_offset),
        )
    }
}

impl EventDocument {
    pub(crate) fn of(recorded: &Recorded, view: &View) -> Self {
        let Recorded { sequence, event } = recorded;
        let Event { at_ms, occurred_at_ms, actor, origin, note, key, fact } = event;
        let text = |text: &Text| text.to_string();
        Self {
            schema: EVENT_SCHEMA,
            sequence: *sequence,
            at: Moment(*at_ms),
            at_ms: *at_ms,
            occurred_at: occurred_at_ms.map(Moment),
            occurred_at_ms: *occurred_at_ms,
            kind: fact.kind(),
            session: fact.subject().map(|subject| subject.session.to_string()),
            user_id: fact.user().map(ToString::to_string),
            actor: actor.to_string(),
            ip: origin.ip.map(|ip| ip.to_string()),
            user_agent: origin.user_agent.as_ref().map(|agent| text(agent.text())),
            imported: origin.imported.as_ref().map(|imported| ImportedFrom {
                host: text(&imported.host),
                service: text(&imported.service),
                pid: imported.pid,
                remote_host: imported.remote_host.as_ref().map(text),
            }),
            note: note.as_ref().map(|note| text(note.text())),
            key: key.as_ref().map(|key| text(key.text())),
            detail: Detail::of(fact),
            frame: None,
            archive: None,
            view: view.clone(),
        }
    }

    /// When it happened, as far as that is another time, else when it was recorded.
    pub(crate) fn happened_at_ms(&self) -> u64 {
        self.occurred_at_ms.unwrap_or(self.at_ms)
    }

    /// Leaves dates out where all events are of today: on a list of them.
    pub(crate) fn without_dates<'a>(events: impl IntoIterator<Item = &'a mut Self>) -> bool {
        let events: Vec<_> = events.into_iter().collect();
        let is_of_today = |event: &&mut Self| event.view.is_today(event.happened_at_ms());
        let all = events.iter().all(is_of_today);
        for event in events {
            event.view.is_of_today = all;
        }
        all
    }

    /// From where: an address, or the name that a log has for it.
    fn origin(&self) -> Option<&str> {
        let remote_host = self.imported.as_ref().and_then(|from| from.remote_host.as_deref());
        self.ip.as_deref().or(remote_host)
    }

    /// The same over as many lines as a narrow terminal needs; lines after the first are indented.
    pub(crate) fn wrapped(&self) -> String {
        let indent = GAP.repeat(2);
        let room = self.view.width.unwrap_or(usize::MAX);
        let time = self.view.clock(self.happened_at_ms());
        let sequence = format!("@{}", thousands(self.sequence));
        let mut width = sequence.width() + time.width() + self.kind.width() + 2 * GAP.width();
        let kind = painted(self.kind, self.style());
        let mut text = [painted(&sequence, super::paint::LABEL), time, kind].join(GAP);
        let parts = self.parts().into_iter().map(|part| {
            let room = room.saturating_sub(indent.width()).max(CUT_WIDTH_MIN);
            cut_to(&part, room)
        });
        for part in self.names().into_iter().chain(parts) {
            let needed = GAP.width() + part.width();
            let is_full = width + needed > room;
            text.push_str(if is_full { "\n" } else { GAP });
            text.push_str(if is_full { &indent } else { "" });
            text.push_str(&part);
            width = if is_full { indent.width() + part.width() } else { width + needed };
        }
        text
    }

    fn style(&self) -> anstyle::Style {
        match self.kind {
            "LoginFailed" | "TokenReuseDetected" => super::paint::BAD,
            "SessionCreated" => super::paint::GOOD,
            "SessionRevoked" | "UserSessionsRevoked" | "SessionsExpired" => super::paint::FADED,
            _ => anstyle::Style::new(),
        }
    }

    /// Whose session it is about: never cut.
    fn names(&self) -> Vec<String> {
        let user = self.user_id.as_deref().map(|user| {
            let escaped = escape(user);
            let needs_quotes = user.is_empty() || user.contains([' ', '"']);
            if needs_quotes { format!("user={escaped:?}") } else { format!("user={escaped}") }
        });
        user.into_iter().chain(self.session.clone()).collect()
    }

    /// What stands behind the names, part by part, escaped.
    fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let mut add = |part: Option<String>| parts.extend(part.filter(|part| !part.is_empty()));
        let detail = self.detail.to_string();
        // A label that repeats what the client says of itself says it once.
        let agent = self.user_agent.as_deref().filter(|agent| !detail.ends_with(agent));
        add(Some(one_part(&detail)));
        add(self.origin().map(one_part));
        add(agent.map(one_part));
        add(self.imported.as_ref().map(ImportedFrom::words));
        let is_operator = self.actor.starts_with("operator:");
        add(is_operator.then(|| format!("by {}", escape(&self.actor))));
        add(self.note.as_deref().map(|note| format!("note={:?}", escape(note))));
        parts
    }
}

/// Untrusted text, so that it can't be taken for several parts.
fn one_part(text: &str) -> String {
    let escaped = escape(text);
    if text.contains(GAP) { format!("\"{escaped}\"") } else { escaped.into_owned() }
}

impl ImportedFrom {
    /// `sshd[1304] on harbor`.
    fn words(&self) -> String {
        let pid = self.pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
        format!("{}{pid} on {}", escape(&self.service), escape(&self.host))
    }
}

impl fmt::Display for EventDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sequence = format!("@{}", thousands(self.sequence));
        let mut time = self.view.clock(self.happened_at_ms());
        let mut kind = format!("{:<KIND_WIDTH$}", self.kind);
        if self.view.is_narrow() {
            time = without_ms(&time);
            self.kind.clone_into(&mut kind);
        }
        let mut head = format!("{sequence:<10}  {time}  ");
        let mut width = head.width() + kind.width();
        head.push_str(&painted(&kind, self.style()));
        for name in self.names() {
            width += GAP.len() + name.width();
            head.extend([GAP, &name]);
        }
        let rest = self.parts().join(GAP);
        let room = self.view.width.map(|all| all.saturating_sub(width + GAP.len()));
        let rest = match room {
            Some(room) if room >= CUT_WIDTH_MIN => cut_to(&rest, room),
            Some(_) | None => rest,
        };
        write!(f, "{}", format!("{head}{GAP}{rest}").trim_end())?;
        if let Some(frame) = &self.frame {
            write!(f, "\n            {frame}")?;
        }
        if let Some(archive) = &self.archive {
            let name = std::path::Path::new(archive).file_name().unwrap_or_default();
            write!(f, "\n            archived in {}", escape(&name.to_string_lossy()))?;
        }
        writeln!(f)
    }
}

impl Answer for EventDocument {
    fn rows(&self) -> Table {
        let mut table = Table::new([
            Column::whole("SEQUENCE"),
            Column::whole("AT"),
            Column::whole("OCCURRED AT"),
            Column::whole("KIND"),
            Column::whole("USER"),
            Column::whole("SESSION"),
            Column::whole("ACTOR"),
            Column::whole("FROM"),
            Column::whole("USER AGENT"),
            Column::whole("DETAIL"),
            Column::whole("NOTE"),
        ]);
        table.push([
            self.sequence.to_string(),
            self.at.to_string(),
            cell(self.occurred_at),
            self.kind.to_owned(),
            cell(self.user_id.as_ref()),
            cell(self.session.as_ref()),
            self.actor.clone(),
            cell(self.origin()),
            cell(self.user_agent.as_ref()),
            self.detail.to_string(),
            cell(self.note.as_ref()),
        ]);
        table
    }
}
