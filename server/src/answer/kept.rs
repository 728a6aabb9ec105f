//! From where on a history is complete.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Moment, View};
use crate::render::number::thousands;

/// From where on nothing is missing: what was before fell to the retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct CompleteFrom {
    /// The first event that is kept; 1 = all are.
    pub(crate) sequence: u64,
    /// When it was recorded; `null` = there is no event.
    pub(crate) at: Option<Moment>,
}

impl CompleteFrom {
    /// `complete since 2026-08-01 00:00:00.000Z (@1)`.
    pub(crate) fn words(&self, view: &View) -> String {
        let sequence = thousands(self.sequence);
        match self.at {
            Some(at) => format!("complete since {} (@{sequence})", view.time(at.0)),
            None => format!("complete since @{sequence}"),
        }
    }

    /// Whether something fell to the retention.
    pub(crate) fn is_cut(&self) -> bool {
        self.sequence > 1
    }
}
