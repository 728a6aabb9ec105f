//! What another policy would have made of the past.

mod words;

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use passbook::{EndOf, Moved, Shift, WhatIf};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Answer, Moment, View, cell, count_of, counted,
    facts::Facts,
    lines,
    paint::{self, painted},
    policy::{PolicyDocument, RuleChange, RulesDocument},
    session::sessions_of_users,
};
use crate::render::{
    escape::escape,
    number::thousands,
    table::{CUT_WIDTH_MIN, Column, Table, cut_to},
    time,
};

/// The schema of [`WhatIfDocument`].
pub(crate) const WHAT_IF_SCHEMA: &str = "passbook.replay.what_if/1";
/// The schema of a line of its list under `--format jsonl`.
pub(crate) const WHAT_IF_ITEM_SCHEMA: &str = "passbook.replay.what_if.item/1";

/// Before an end: `  + `.
const MARGIN: usize = 4;
const HOUR_MS: u64 = 3_600_000;

/// What another policy would have made of the past.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct WhatIfDocument {
    #[schemars(extend("const" = WHAT_IF_SCHEMA))]
    schema: &'static str,
    /// The first event of the span that was decided again.
    from: u64,
    /// The last event of the span.
    through: u64,
    /// By when sessions were judged at the end of the span.
    as_of: Moment,
    /// The same, in Unix milliseconds.
    as_of_ms: u64,
    /// The policy that was in force when the span begins.
    recorded: PolicyDocument,
    /// The rules that are asked about.
    rules: RulesDocument,
    /// The rules that differ, in words.
    differences: Vec<String>,
    /// How many sessions lived in the span.
    sessions: u64,
    /// Those that would have ended earlier.
    earlier: Tally,
    /// Those that would have ended later.
    later: Tally,
    /// Those that would not have ended.
    not_at_all: Tally,
    /// The hour in which most of those would have ended that would have ended earlier; `null` = none.
    worst_hour: Option<HourDocument>,
    /// Those that would have ended at another time, in the order of ids; `null` without `--list`.
    items: Option<Vec<ShiftDocument>>,
    #[serde(skip)]
    #[schemars(skip)]
    view: View,
}

/// How many, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
struct Tally {
    /// Sessions.
    sessions: u64,
    /// How many users had one of them.
    users: u64,
}

/// An hour of the clock, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
struct HourDocument {
    /// When it begins.
    from: Moment,
    /// The same, in Unix milliseconds.
    from_ms: u64,
    /// How many sessions would have ended in it.
    sessions: u64,
}

/// A session that would have ended at another time.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ShiftDocument {
    /// Which.
    session: String,
    /// Whose.
    user_id: String,
    /// `earlier`, `later` or `not_at_all`.
    moved: &'static str,
    /// How it ended; `null` = it lives.
    recorded: Option<EndDocument>,
    /// How it would have ended; `null` = it would live.
    other: Option<EndDocument>,
}

/// An end of a session.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct EndDocument {
    /// From when on it is dead.
    at: Moment,
    /// The same, in Unix milliseconds.
    at_ms: u64,
    /// The reason.
    reason: &'static str,
    /// The event at which it ends; `null` = its time came.
    sequence: Option<u64>,
    /// What decided, in words.
    why: String,
}

impl EndDocument {
    fn of(end: &EndOf) -> Self {
        Self {
            at: Moment(end.at_ms),
            at_ms: end.at_ms,
            reason: end.reason.as_str(),
            sequence: end.sequence,
            why: words::why(end),
        }
    }

    /// `expired_idle: not used for 15 min`.
    fn words(&self) -> String {
        format!("{}: {}", self.reason, self.why)
    }
}

impl ShiftDocument {
    fn of(shift: &Shift) -> Self {
        Self {
            session: shift.session.to_string(),
            user_id: shift.user.to_string(),
            moved: match shift.moved() {
                Moved::Earlier => "earlier",
                Moved::Later => "later",
                Moved::NotAtAll => "not_at_all",
            },
            recorded: shift.recorded.as_ref().map(EndDocument::of),
            other: shift.other.as_ref().map(EndDocument::of),
        }
    }

    /// The session, and under it how it ended and how it would have.
    fn write(&self, f: &mut fmt::Formatter<'_>, view: &View) -> fmt::Result {
        let Self { session, user_id, moved, recorded, other } = self;
        writeln!(f, "\n{session} of {}, {}", escape(user_id), moved.replace('_', " "))?;
        for (sign, style, end, lives) in
            [("-", paint::BAD, recorded, "lives"), ("+", paint::GOOD, other, "would live")]
        {
            let words = end.as_ref().map_or_else(
                || lives.to_owned(),
                |end| format!("{}  {}", view.time(end.at_ms), end.words()),
            );
            let room = view.width.map_or(usize::MAX, |all| all.saturating_sub(MARGIN));
            let words = cut_to(&words, room.max(CUT_WIDTH_MIN));
            writeln!(f, "  {} {words}", painted(sign, style))?;
        }
        Ok(())
    }
}

impl Tally {
    fn of(what_if: &WhatIf, moved: Moved) -> Self {
        let shifts: Vec<_> = what_if.shifts.iter().filter(|it| it.moved() == moved).collect();
        let users: HashSet<_> = shifts.iter().map(|shift| &shift.user).collect();
        Self { sessions: count_of(shifts.len()), users: count_of(users.len()) }
    }
}

impl HourDocument {
    /// Of hours with as many the first.
    fn worst(what_if: &WhatIf) -> Option<Self> {
        let mut hours = BTreeMap::new();
        for shift in what_if.shifts.iter().filter(|shift| shift.moved() == Moved::Earlier) {
            if let Some(end) = shift.other {
                *hours.entry(end.at_ms - end.at_ms % HOUR_MS).or_insert(0) += 1;
            }
        }
        let worst = hours.into_iter().rev().max_by_key(|(_, sessions)| *sessions);
        worst.map(|(from_ms, sessions)| Self { from: Moment(from_ms), from_ms, sessions })
    }

    fn words(&self, view: &View) -> String {
        let minute = |time_ms| time::minute(time_ms, &view.zone);
        let (from, to) = (minute(self.from_ms), minute(self.from_ms + HOUR_MS));
        format!("{from} .. {to}: {}", counted(self.sessions, "session", "sessions"))
    }
}

/// Whether each session is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    Counts,
    Each,
}

impl WhatIfDocument {
    pub(crate) fn of(what_if: &WhatIf, listing: Listing, view: View) -> Self {
        let changes = RuleChange::between(&what_if.recorded.policy, &what_if.policy);
        Self {
            schema: WHAT_IF_SCHEMA,
            from: what_if.from,
            through: what_if.through,
            as_of: Moment(what_if.judged_at_ms),
            as_of_ms: what_if.judged_at_ms,
            recorded: PolicyDocument::of(&what_if.recorded),
            rules: RulesDocument::of(&what_if.policy),
            differences: changes.iter().map(ToString::to_string).collect(),
            sessions: what_if.sessions,
            earlier: Tally::of(what_if, Moved::Earlier),
            later: Tally::of(what_if, Moved::Later),
            not_at_all: Tally::of(what_if, Moved::NotAtAll),
            worst_hour: HourDocument::worst(what_if),
            items: (listing == Listing::Each)
                .then(|| what_if.shifts.iter().map(ShiftDocument::of).collect()),
            view,
        }
    }

    fn table(items: &[ShiftDocument]) -> Table {
        let headers = ["SESSION", "USER", "MOVED", "ENDED", "WHY", "WOULD END", "WOULD END WHY"];
        let mut table = Table::new(headers.map(Column::whole));
        for item in items {
            let at = |end: &Option<EndDocument>| cell(end.as_ref().map(|end| end.at));
            let why = |end: &Option<EndDocument>| cell(end.as_ref().map(EndDocument::words));
            table.push([
                item.session.clone(),
                item.user_id.clone(),
                item.moved.to_owned(),
                at(&item.recorded),
                why(&item.recorded),
                at(&item.other),
                why(&item.other),
            ]);
        }
        table
    }

    fn headline(&self) -> String {
        let tally = |tally: Tally| sessions_of_users(tally.sessions, tally.users);
        let mut ends = vec![format!("{} would have ended earlier", tally(self.earlier))];
        for (tally, how) in [(self.later, "later"), (self.not_at_all, "not at all")] {
            if tally.sessions > 0 {
                ends.push(format!("{} {how}", sessions_of_users(tally.sessions, tally.users)));
            }
        }
        format!("With this policy {}.", ends.join(", "))
    }
}

impl fmt::Display for WhatIfDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.headline())?;
        let mut facts = Facts::new();
        if let Some(hour) = &self.worst_hour {
            facts.own("worst hour", hour.words(&self.view));
        }
        let mut differences = self.differences.iter();
        let first = differences.next();
        facts.own("policy", first.map_or("nothing differs from what was in force", |it| it));
        for difference in differences {
            facts.own("", difference);
        }
        let events = counted((self.through + 1).saturating_sub(self.from), "event", "events");
        facts.own(
            "looked at",
            format!(
                "@{} .. @{}, {events}, {}",
                thousands(self.from),
                thousands(self.through),
                counted(self.sessions, "session", "sessions"),
            ),
        );
        match &self.items {
            None => facts.own("list", "--list names each"),
            Some(_) => &mut facts,
        };
        facts.fmt(f)?;
        self.items.iter().flatten().try_for_each(|item| item.write(f, &self.view))
    }
}

impl Answer for WhatIfDocument {
    fn rows(&self) -> Table {
        if let Some(items) = &self.items {
            return Self::table(items);
        }
        super::pairs([
            ("from", self.from.to_string()),
            ("through", self.through.to_string()),
            ("sessions", self.sessions.to_string()),
            ("earlier", self.earlier.sessions.to_string()),
            ("earlier_users", self.earlier.users.to_string()),
            ("later", self.later.sessions.to_string()),
            ("later_users", self.later.users.to_string()),
            ("not_at_all", self.not_at_all.sessions.to_string()),
            ("not_at_all_users", self.not_at_all.users.to_string()),
            ("worst_hour", cell(self.worst_hour.map(|hour| hour.from))),
            ("worst_hour_sessions", cell(self.worst_hour.map(|hour| hour.sessions))),
            ("differences", self.differences.join("; ")),
        ])
    }

    fn documents(&self) -> serde_json::Result<Vec<String>> {
        match &self.items {
            Some(items) => lines(WHAT_IF_ITEM_SCHEMA, items),
            None => Ok(vec![serde_json::to_string(self)?]),
        }
    }
}
