//! The first event after which something holds.

use std::fmt;

use passbook::Bisection;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, counted, event::EventDocument, facts::Facts};
use crate::render::{number::thousands, table::Table};

/// The schema of [`BisectionDocument`].
pub(crate) const BISECTION_SCHEMA: &str = "passbook.replay.bisect/1";

/// The first event after which a filter holds, or holds no more.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BisectionDocument {
    #[schemars(extend("const" = BISECTION_SCHEMA))]
    schema: &'static str,
    /// The first event after which it is so.
    first: u64,
    /// Whether it is that the filter holds no more: it held in the oldest state.
    pub(crate) stops: bool,
    /// That event; `null` = it was so in the oldest state that is kept.
    event: Option<EventDocument>,
    /// The oldest state that is kept.
    oldest: u64,
    /// How many states were looked at.
    looks: u32,
    /// How many events were folded for that.
    folded: u64,
}

impl BisectionDocument {
    pub(crate) fn of(found: &Bisection, first: u64, event: Option<EventDocument>) -> Self {
        let Bisection { first: _, oldest, looks, folded } = *found;
        Self { schema: BISECTION_SCHEMA, first, stops: false, event, oldest, looks, folded }
    }
}

impl fmt::Display for BisectionDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.event {
            Some(event) => event.fmt(f)?,
            None => writeln!(f, "it was so at @{} already", thousands(self.oldest))?,
        }
        let looks = counted(self.looks.into(), "state", "states");
        let folded = counted(self.folded, "event", "events");
        let mut facts = Facts::new();
        facts.own("filter", if self.stops { "holds no more" } else { "holds from here on" });
        facts.own("looked at", format!("{looks}, {folded} folded"));
        if self.event.is_some() {
            facts.own("look closer", format!("passbook replay at @{}", self.first));
        }
        facts.fmt(f)
    }
}

impl Answer for BisectionDocument {
    fn rows(&self) -> Table {
        super::pairs([
            ("first", self.first.to_string()),
            ("stops", self.stops.to_string()),
            ("kind", self.event.as_ref().map_or("", |event| event.kind).to_owned()),
            ("oldest", self.oldest.to_string()),
            ("looks", self.looks.to_string()),
            ("folded", self.folded.to_string()),
        ])
    }
}
