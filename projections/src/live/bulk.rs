//! Folding many events that nobody asks for anything meanwhile: the past, from one moment to another.
//!
//! It is the same fold. What is saved is the index of tokens, which is made of the rows at the end,
//! and waiting: what the next events will look at is fetched from memory side by side.

use passbook_core::{Fact, SessionId, apply};

use super::{
    Live,
    index::{Hash, IndexBatch},
    tokens::hash_of,
    writer::{LiveWriter, TokenIndex},
};
use crate::history::Recorded;

/// Events whose sessions are fetched from memory side by side.
const AHEAD: usize = 64;
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
            self.live.foresee(few);
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
    /// Looks at what folding those events will look at: asked for one behind the other, each place in
    /// memory would be waited for.
    fn foresee(&mut self, events: &[Recorded]) {
        let mut hashes = [None; AHEAD];
        let mut full = 0;
        for (hash, recorded) in hashes.iter_mut().zip(events) {
            *hash = session_of(&recorded.event.fact).map(|id| self.hash_of(id));
            full += usize::from(hash.is_some_and(|hash| self.ids.is_home_full(hash)));
        }
        for hash in hashes.into_iter().flatten() {
            full += usize::from(self.is_row_there(hash));
        }
        std::hint::black_box(full);
    }

    fn is_row_there(&mut self, hash: Hash) -> bool {
        let Some(slot) = self.ids.first(hash) else { return false };
        self.rows.is_there(slot) && self.expiry.get_mut().is_listed(slot)
    }

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

/// The session whose row an event is folded into.
fn session_of(fact: &Fact) -> Option<SessionId> {
    fact.subject().map(|subject| subject.session)
}
