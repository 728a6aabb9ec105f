//! A section's entries for the indexes, sorted into their shards.

use std::sync::atomic::Ordering;

use passbook_core::{
    FingerprintSum, Text,
    snapshot::{SessionRecord, Sessions},
};

use crate::live::{Live, index::IndexBatch, slot::Slot, tokens, users::UserBatch};

/// What one thread has read of a section; used again for the next.
pub(super) struct Batch<'a> {
    live: &'a Live,
    form: Vec<u8>,
    rows: Vec<(Slot, Text, SessionRecord)>,
    ids: IndexBatch,
    tokens: IndexBatch,
    spent: IndexBatch,
    users: UserBatch,
    expiries: Vec<(u64, Slot)>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(live: &'a Live) -> Self {
        Self {
            live,
            form: Vec::new(),
            rows: Vec::new(),
            ids: IndexBatch::default(),
            tokens: IndexBatch::default(),
            spent: IndexBatch::default(),
            users: UserBatch::default(),
            expiries: Vec::new(),
        }
    }

    /// Takes a session for each slot of a shard, and writes their rows.
    pub(super) fn rows(
        &mut self,
        shard: u32,
        slots: impl Iterator<Item = Slot>,
        sessions: &mut Sessions<'_>,
        sum: &mut FingerprintSum,
    ) {
        for (slot, (state, spent)) in slots.zip(sessions) {
            sum.add_through(&mut self.form, &state, &spent);
            let session = &state.session;
            let user = if session.user_id.is_in_place() {
                session.user_id.clone()
            } else {
                self.live.users.shared(&session.user_id)
            };
            self.ids.add(self.live.hash_of(session.id), slot);
            if let Some(digest) = &state.digest {
                self.tokens.add(tokens::hash_of(digest), slot);
            }
            for token in &spent {
                self.spent.add(tokens::hash_of(&token.digest), slot);
            }
            self.users.add(self.live.users.hash_of(&user), user.clone(), slot);
            self.expiries.push((session.expires_at_ms, slot));
            self.rows.push((slot, user, (state, spent)));
        }
        self.live.rows.fill(shard, &self.rows);
        self.rows.clear();
    }

    /// Adds the entries to the indexes.
    pub(super) fn flush(&mut self) {
        let live = self.live;
        self.expiries.sort_unstable_by_key(|(expires_at_ms, _)| *expires_at_ms);
        live.len.fetch_add(self.expiries.len(), Ordering::Relaxed);
        live.ids.insert_all(&mut self.ids);
        live.tokens.insert_all(&mut self.tokens, &mut self.spent);
        live.users.link_all(&live.rows, &mut self.users);
        let mut expiry = live.expiry.lock();
        for (expires_at_ms, slot) in self.expiries.drain(..) {
            expiry.set(slot, expires_at_ms);
        }
    }
}
