//! Folding many events that nobody asks for anything meanwhile: the past, from one moment to another.
//!
//! It is the same fold. What is saved is the index of tokens, which is made of the rows at the end,
//! and waiting: what the next events will look at is fetched from memory side by side.

use passbook_core::apply;

use super::{
    Live,
    index::IndexBatch,
    tokens::hash_of,
    writer::{LiveWriter, TokenIndex},
};
use crate::history::Recorded;

/// Events whose sessions are fetched from memory side by side.
const AHEAD: usize = 256;
/// Rows whose tokens are added to the index at once.
const BATCH_ROWS: usize = 8_192;

/// A table that is being filled, event by event, without the index of its tokens.
#[derive(Debug)]
pub struct BulkFold {
    live: Live,
}

impl BulkFold {
    /// Goes on from a table, or from an empty one. Costs the making of the index of all tokens anew:
    /// for less than some thousand events [`Live::writer`] is quicker.
    pub fn new(mut live: Live) -> Self {
        live.tokens.clear();
        Self { live }
    }

    /// Folds events, in their order.
    pub fn fold(&mut self, events: &[Recorded]) {
        for few in events.chunks(AHEAD) {
            self.live
                .foresee(few.iter().map(|recorded| &recorded.event), TokenIndex::MadeAfterwards);
            let mut writer = LiveWriter::new(&self.live, TokenIndex::MadeAfterwards);
            for Recorded { sequence, event } in few {
                apply(&mut writer, *sequence, event);
            }
        }
    }

    /// The table, to be asked for tokens too.
    pub fn finish(self) -> Live {
        self.live.index_tokens();
        self.live
    }
}

impl Live {
    /// Makes the index of tokens of what the rows say; it is empty. Each token is taken to belong to
    /// one session, as it does in any ledger that drew its tokens itself.
    fn index_tokens(&self) {
        self.tokens.reserve(self.len());
        let (mut live, mut spent) = (IndexBatch::default(), IndexBatch::default());
        let mut batched = 0;
        self.rows.for_each(|shard, slot, row| {
            if let Some(digest) = row.digest() {
                live.add(hash_of(&digest), slot);
            }
            for token in shard.spent(slot) {
                spent.add(hash_of(&token.digest), slot);
            }
            batched += 1;
            if batched % BATCH_ROWS == 0 {
                self.tokens.insert_all(&mut live, &mut spent);
            }
        });
        self.tokens.insert_all(&mut live, &mut spent);
    }
}
