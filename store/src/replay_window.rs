//! The replay window: a client that lost the answer to its refresh, and asks again with the spent
//! token, may be handed the same successor.
//!
//! What is kept for that lives in memory alone and is useless without the spent token: the
//! successor, masked with a hash of it.

use std::{
    collections::{HashMap, VecDeque},
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use passbook_core::{Outcome, SessionId, Token, TokenDigest};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::execute::Reply;

/// Separates this use of SHA-256 from all others.
const DOMAIN: &[u8] = b"passbook replay window v1";

/// Successors that nobody has used yet, by the token that they replaced.
#[derive(Debug, Default)]
pub(crate) struct ReplayWindow {
    kept: Mutex<Kept>,
    /// Whether anything was ever kept: where the window is off, readers take no lock.
    in_use: AtomicBool,
}

#[derive(Debug, Default)]
struct Kept {
    by_spent: HashMap<TokenDigest, Masked>,
    by_successor: HashMap<TokenDigest, TokenDigest>,
    oldest_first: VecDeque<(u64, TokenDigest)>,
}

struct Masked {
    session: SessionId,
    successor: TokenDigest,
    bytes: [u8; 32],
    at_ms: u64,
}

impl std::fmt::Debug for Masked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Masked").field("session", &self.session).finish_non_exhaustive()
    }
}

impl ReplayWindow {
    /// Remembers that `presented` was changed for `successor`, if that is what `reply` says.
    pub(crate) fn keep(
        &self,
        reply: Option<&Reply>,
        presented: &Token,
        successor: &Token,
        now_ms: u64,
    ) {
        let Some(&Reply { outcome: Outcome::Refreshed(session), .. }) = reply else { return };
        let mut bytes = *successor.expose_bytes();
        mask(&mut bytes, presented);
        let (spent, next) = (presented.digest(), successor.digest());
        let mut kept = self.kept.lock();
        self.in_use.store(true, Ordering::Release);
        kept.by_spent.insert(spent, Masked { session, successor: next, bytes, at_ms: now_ms });
        kept.by_successor.insert(next, spent);
        kept.oldest_first.push_back((now_ms, spent));
    }

    /// The successor that `presented` got within the window before `now_ms`, if it is unused.
    pub(crate) fn again(
        &self,
        presented: &Token,
        now_ms: u64,
        window_ms: u64,
    ) -> Option<(SessionId, Token)> {
        let mut kept = self.kept.lock();
        kept.forget_before(now_ms.saturating_sub(window_ms));
        let masked = kept.by_spent.get(&presented.digest())?;
        let mut bytes = masked.bytes;
        mask(&mut bytes, presented);
        let token = Token::from_random_bytes(bytes);
        bytes.zeroize();
        Some((masked.session, token))
    }

    /// The token was used: it is never handed out again.
    pub(crate) fn used(&self, token: &TokenDigest) {
        if !self.in_use.load(Ordering::Acquire) {
            return;
        }
        let mut kept = self.kept.lock();
        if let Some(spent) = kept.by_successor.remove(token) {
            kept.by_spent.remove(&spent);
        }
    }
}

impl Kept {
    fn forget_before(&mut self, oldest_kept_ms: u64) {
        while self.oldest_first.front().is_some_and(|(at_ms, _)| *at_ms < oldest_kept_ms) {
            let Some((at_ms, spent)) = self.oldest_first.pop_front() else { return };
            if self.by_spent.get(&spent).is_some_and(|masked| masked.at_ms == at_ms)
                && let Some(masked) = self.by_spent.remove(&spent)
            {
                self.by_successor.remove(&masked.successor);
            }
        }
    }
}

/// Masks or unmasks: the mask is a hash of 32 random bytes, used for one successor.
fn mask(bytes: &mut [u8; 32], key: &Token) {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update(key.expose_bytes());
    let mut stream: [u8; 32] = hash.finalize().into();
    for (byte, mask) in bytes.iter_mut().zip(&stream) {
        *byte ^= mask;
    }
    stream.zeroize();
}
