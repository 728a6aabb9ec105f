//! What an event changed, a line each: `-` is gone, `+` is new, `~` is another.

use std::fmt;

use passbook::{Ended, FieldChange, SessionChange, Step, core::SessionState};
use unicode_width::UnicodeWidthStr as _;

use crate::{
    answer::{
        View,
        difference::{FieldDocument, FieldValue},
        event::deadline,
        paint::{self, painted},
        policy::RuleChange,
    },
    render::{escape::escape, table::cut_to},
};

/// Of so many sessions a person is told; programs hear of all.
const SESSIONS_MAX: usize = 20;
/// The labels are aligned as if one had so many cells.
const LABEL_WIDTH_MIN: usize = 10;
/// Before the label: `  ~ `.
const MARGIN: usize = 4;
/// No value is cut to less: an id stands whole.
const VALUE_WIDTH_MIN: usize = 27;

/// One thing that changed; its texts are escaped.
#[derive(Debug, Clone)]
pub(super) struct Line {
    label: String,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Gone(String),
    New(String),
    Other {
        before: String,
        after: String,
    },
    /// Whose changes the next lines tell.
    Of(String),
}

/// What the step changed, and of how many sessions nothing is said.
pub(super) fn lines(step: &Step, view: &View) -> (Vec<Line>, usize) {
    let difference = &step.difference;
    let subject = step.recorded.event.fact.subject().map(|subject| subject.session);
    let mut sessions: Vec<Vec<Line>> = Vec::new();
    sessions.extend(difference.opened.iter().map(|state| opened(state, view)));
    // Of many that ended it is enough to say which.
    let is_alone = difference.ended.len() == 1;
    sessions.extend(difference.ended.iter().map(|gone| ended(gone, is_alone)));
    sessions.extend(difference.changed.iter().map(|change| {
        let is_named = subject != Some(change.session);
        let name = is_named.then(|| named(&change.session.to_string(), &change.user));
        let name = name.map(|name| Line { label: "session".to_owned(), change: Change::Of(name) });
        name.into_iter().chain(changed(change, view)).collect()
    }));
    let left_out = sessions.len().saturating_sub(SESSIONS_MAX);
    sessions.truncate(SESSIONS_MAX);
    let mut lines = sessions.concat();
    if let Some((before, after)) = &difference.policy {
        let versions = (Some(before.version.to_string()), Some(after.version.to_string()));
        lines.extend(Line::of("policy", versions));
        for change in RuleChange::between(&before.policy, &after.policy) {
            lines.extend(Line::of(change.rule, (Some(change.before), Some(change.after))));
        }
    }
    (lines, left_out)
}

fn named(session: &str, user: &str) -> String {
    format!("{session} of {}", escape(user))
}

fn token(generation: u32) -> String {
    format!("generation {generation} (live)")
}

fn opened(state: &SessionState, view: &View) -> Vec<Line> {
    let session = &state.session;
    let new = |label, value: Option<String>| Line::of(label, (None, value));
    let until = |at_ms: u64| time(FieldValue::Time(at_ms), view);
    let lines = [
        new("session", Some(named(&session.id.to_string(), &session.user_id))),
        new("token", state.digest.is_some().then(|| token(state.generation))),
        new("device", session.device.as_ref().map(|device| escape(device).into_owned())),
        new("tenant_id", session.tenant_id.as_ref().map(|tenant| escape(tenant).into_owned())),
        new("expires_at", deadline(session.expires_at_ms).map(|at| until(at.0))),
    ];
    lines.into_iter().flatten().collect()
}

fn ended(gone: &Ended, is_alone: bool) -> Vec<Line> {
    let Ended { state, ending } = gone;
    let (id, user, reason) = (state.id(), &state.session.user_id, ending.reason.as_str());
    let was = |label, value| Line::of(label, (Some(value), None));
    if !is_alone {
        return was("session", format!("{id}, {reason}, {}", escape(user))).into_iter().collect();
    }
    let lines = [
        was("session", named(&id.to_string(), user)),
        state.digest.and_then(|_| was("token", token(state.generation))),
        Line::of("end_reason", (None, Some(reason.to_owned()))),
    ];
    lines.into_iter().flatten().collect()
}

fn changed(change: &SessionChange, view: &View) -> Vec<Line> {
    change.fields.iter().flat_map(|field| of_field(field, view)).collect()
}

fn of_field(field: &FieldChange, view: &View) -> Vec<Line> {
    if let FieldChange::Generation(old, new) = field {
        let gone = Line::of("token", (Some(token(*old)), None));
        let came = Line::of("token", (None, Some(format!("{}, {old} spent", token(*new)))));
        return gone.into_iter().chain(came).collect();
    }
    let FieldDocument { field: name, before, after } = FieldDocument::of(field);
    let never = matches!(field, FieldChange::ExpiresAt(..) | FieldChange::AbsoluteAt(..));
    let value = |value: Option<FieldValue>| match value {
        None if never => Some("never".to_owned()),
        value => value.map(|value| time(value, view)),
    };
    Line::of(&name, (value(before), value(after))).into_iter().collect()
}

/// A value for a person: times in the zone that was asked for.
fn time(value: FieldValue, view: &View) -> String {
    match value {
        FieldValue::Time(time_ms) => view.time(time_ms),
        FieldValue::Text(_) | FieldValue::Size(_) => escape(&value.to_string()).into_owned(),
    }
}

impl Line {
    /// From what it was to what it is, in escaped words; `None` = it was not there.
    fn of(label: &str, change: (Option<String>, Option<String>)) -> Option<Self> {
        let change = match change {
            (None, None) => return None,
            (Some(before), None) => Change::Gone(before),
            (None, Some(after)) => Change::New(after),
            (Some(before), Some(after)) => Change::Other { before, after },
        };
        Some(Self { label: escape(label).into_owned(), change })
    }

    pub(super) fn label_width(&self) -> usize {
        self.label.width().max(LABEL_WIDTH_MIN)
    }

    /// With the value at column `label_width`; within the terminal's width.
    pub(super) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        label_width: usize,
        width: Option<usize>,
    ) -> fmt::Result {
        let padding = " ".repeat(label_width.saturating_sub(self.label.width()) + 2);
        let indent = MARGIN + label_width + 2;
        let room = width.map_or(usize::MAX, |all| all.saturating_sub(indent).max(VALUE_WIDTH_MIN));
        let cut = |value: &str| cut_to(value, room);
        let (sign, style, value) = match &self.change {
            Change::Gone(value) => ("-", paint::BAD, cut(value)),
            Change::New(value) => ("+", paint::GOOD, cut(value)),
            Change::Of(value) => ("~", paint::FADED, cut(value)),
            Change::Other { before, after } => {
                let one = format!("{before} → {after}");
                let two = || {
                    let back = " ".repeat(indent.saturating_sub(2));
                    format!("{}\n{back}→ {}", cut(before), cut(after))
                };
                ("~", paint::FADED, if one.width() <= room { one } else { two() })
            }
        };
        writeln!(f, "  {} {}{padding}{value}", painted(sign, style), self.label)
    }
}
