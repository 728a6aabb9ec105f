//! A section's entries for the indexes, sorted into their shards.

use std::sync::atomic::Ordering;

use passbook_core::{FingerprintSum, SessionId, SessionState, SpentToken, snapshot::Sessions};
use passbook_planted::Bug;

use crate::live::{
    Live, expiry::ExpiryBatch, index::IndexBatch, slot::Slot, tokens, users::UserBatch,
};

/// What one thread has read of a section; used again for the next.
pub(super) struct Batch<'a> {
    live: &'a Live,
    form: Vec<u8>,
    ids: IndexBatch,
    tokens: IndexBatch,
    spent: IndexBatch,
    users: UserBatch,
    expiries: ExpiryBatch,
    len: usize,
    greatest_id: Option<SessionId>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(live: &'a Live) -> Self {
        Self {
            live,
            form: Vec::new(),
            ids: IndexBatch::default(),
            tokens: IndexBatch::default(),
            spent: IndexBatch::default(),
            users: UserBatch::default(),
            expiries: ExpiryBatch::default(),
            len: 0,
            greatest_id: None,
        }
    }

    /// Takes a session for each slot of a shard, and writes their rows. Those of one user have the
    /// user's name from [`Users::shared`](crate::live::users::Users::shared) already.
    pub(super) fn rows(
        &mut self,
        shard: u32,
        slots: impl Iterator<Item = Slot>,
        sessions: &mut Sessions<'_>,
        sum: &mut FingerprintSum,
    ) {
        let live = self.live;
        live.rows.fill(shard, |rows| {
            for slot in slots {
                let Some((state, spent)) = sessions.next() else { break };
                sum.add_through(&mut self.form, &state, &spent);
                self.add(slot, &state, &spent);
                rows.put(slot, &state, state.session.user_id.clone());
                for token in spent {
                    rows.spend(slot, token);
                }
            }
        });
    }

    /// The greatest id of all sessions taken.
    pub(super) fn greatest_id(&self) -> Option<SessionId> {
        self.greatest_id
    }

    fn add(&mut self, slot: Slot, state: &SessionState, spent: &[SpentToken]) {
        let SessionState { session, digest, .. } = state;
        let user = &session.user_id;
        self.len += 1;
        self.greatest_id = self.greatest_id.max(Some(session.id));
        self.ids.add(self.live.hash_of(session.id), slot);
        self.users.add(self.live.users.hash_of(user), user.clone(), slot);
        if !Bug::ExpiryNotLoaded.is_planted() {
            self.expiries.add(slot, session.expires_at_ms);
        }
        if let Some(digest) = digest {
            self.tokens.add(tokens::hash_of(digest), slot);
        }
        for token in spent {
            self.spent.add(tokens::hash_of(&token.digest), slot);
        }
    }

    /// Adds the entries to the indexes.
    pub(super) fn flush(&mut self) {
        let live = self.live;
        self.expiries.sort();
        live.len.fetch_add(std::mem::take(&mut self.len), Ordering::Relaxed);
        live.ids.insert_all(&mut self.ids);
        live.tokens.insert_all(&mut self.tokens, &mut self.spent);
        live.users.link_all(&mut self.users);
        live.expiry.lock().set_all(&mut self.expiries);
    }
}
