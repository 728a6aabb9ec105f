//! Looking at once at what the next events will look at one behind the other.
//!
//! To fold an event is to look at a few places in memory that no cache has, each known only from the
//! one before. Of many events they are known side by side, and side by side they are fetched; then the
//! fold finds them.

use std::hint::black_box;

use passbook_core::{Event, Fact, SessionId, TokenDigest};

use super::{
    Live,
    index::{Hash, IndexRead},
    tokens::hash_of,
    writer::TokenIndex,
};

/// With fewer events the locks cost more than the fetching brings.
const EVENTS_MIN: usize = 16;

impl Live {
    /// Looks at what folding those events will look at, with an index of tokens or without. It
    /// changes nothing and need not be right.
    pub(super) fn foresee<'e>(
        &self,
        events: impl Iterator<Item = &'e Event> + Clone,
        token_index: TokenIndex,
    ) {
        if events.clone().nth(EVENTS_MIN - 1).is_none() {
            return;
        }
        let facts = events.map(|event| &event.fact);
        let ids: Vec<_> = facts.clone().filter_map(session_of).map(|id| self.hash_of(id)).collect();
        let slots: Vec<_> = {
            let index = self.ids.read();
            fetch(&index, &ids);
            ids.iter().filter_map(|hash| index.first(*hash)).collect()
        };
        let mut digests: Vec<_> = {
            let rows = self.rows.read_whole();
            slots.iter().filter_map(|slot| rows.row(*slot)?.digest()).map(hash).collect()
        };
        {
            let expiry = self.expiry.lock();
            black_box(slots.iter().filter(|slot| expiry.is_listed(**slot)).count());
        }
        if token_index == TokenIndex::Current {
            digests.extend(facts.filter_map(Fact::issued_token).map(hash));
            for index in self.tokens.read() {
                fetch(&index, &digests);
            }
        }
    }
}

fn hash(digest: TokenDigest) -> Hash {
    hash_of(&digest)
}

fn fetch(index: &IndexRead<'_>, hashes: &[Hash]) {
    black_box(hashes.iter().filter(|hash| index.is_home_full(**hash)).count());
}

/// The session whose row an event is folded into.
fn session_of(fact: &Fact) -> Option<SessionId> {
    fact.subject().map(|subject| subject.session)
}
