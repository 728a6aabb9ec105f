//! Some consecutive events, and what the postings know of them.

use std::sync::Arc;

use passbook_projections::postings::{Block, Draft, Key};

use super::Postings;

/// Some consecutive events, and what is known of them.
#[derive(Debug)]
pub(crate) struct Stretch<'p> {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(super) known: Option<(&'p Postings, Known)>,
}

#[derive(Debug)]
pub(super) enum Known {
    Block(Arc<Block>),
    Draft { first: u64, time_last_ms: u64, happened_from_ms: u64 },
}

impl Stretch<'_> {
    /// All events of `from..=through`, of which nothing is known.
    pub(crate) fn unknown(from: u64, through: u64) -> Self {
        Self { first: from, last: through, known: None }
    }

    /// Whether it is known where anything is in it.
    pub(crate) fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// At which of its events something may be found under any of the keys, rising; `None` = it is
    /// not known, and each is to be looked at.
    pub(crate) fn find(&self, keys: &[Key<'_>]) -> Option<Vec<u64>> {
        let mut found = match &self.known {
            None => return None,
            Some((postings, Known::Block(block))) => match postings.files.find(block, keys) {
                Ok(found) => found,
                Err(why) => {
                    postings.doubt(block, why);
                    return None;
                }
            },
            Some((postings, Known::Draft { first, .. })) => {
                let state = postings.state.lock();
                let is_it =
                    |draft: &&Draft| draft.first() == *first && draft.through() >= self.last;
                // If not, it has become a file since.
                state.draft.as_ref().filter(is_it)?.sequences(keys)
            }
        };
        found.retain(|sequence| (self.first..=self.last).contains(sequence));
        Some(found)
    }

    /// Where to begin so that none of its events of that time or later is missed.
    pub(crate) fn begin_for(&self, time_ms: u64) -> u64 {
        let begin = match &self.known {
            Some((_, Known::Block(block))) => block.begin_for(time_ms),
            Some((postings, Known::Draft { first, .. })) => {
                let state = postings.state.lock();
                let draft = state.draft.as_ref().filter(|draft| draft.first() == *first);
                draft.map_or(*first, |draft| draft.begin_for(time_ms))
            }
            None => self.first,
        };
        begin.max(self.first)
    }

    /// The earliest time at which one of its events happened that was recorded later than it happened,
    /// in Unix milliseconds; or an earlier one, if that is not known.
    pub(crate) fn happened_from_ms(&self) -> u64 {
        match &self.known {
            Some((_, Known::Block(block))) => block.happened_from_ms(),
            Some((_, Known::Draft { happened_from_ms, .. })) => *happened_from_ms,
            None => 0,
        }
    }

    /// A time at or behind that of its last event, in Unix milliseconds.
    pub(crate) fn time_last_ms(&self) -> u64 {
        match &self.known {
            Some((_, Known::Block(block))) => block.time_last_ms(),
            Some((_, Known::Draft { time_last_ms, .. })) => *time_last_ms,
            None => u64::MAX,
        }
    }
}
