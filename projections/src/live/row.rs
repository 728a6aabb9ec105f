//! One session in 128 bytes: two cache lines, and nothing that a look by token needs is elsewhere
//! but the labels and a long user id.

use std::hint::black_box;

use passbook_core::{SessionId, Text, TokenDigest, Transport};

use super::labels::LabelId;

/// What every session has. What few have (data, spent tokens, an absolute timeout, an IPv6
/// address) is kept beside the rows.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Row {
    /// Only of meaning if `has_token`.
    pub(crate) digest: TokenDigest,
    pub(crate) id: SessionId,
    /// In place if it is short, else the same allocation for all rows of a user.
    pub(crate) user: Text,
    pub(crate) created_at_ms: u64,
    pub(crate) last_active_at_ms: u64,
    pub(crate) expires_at_ms: u64,
    pub(crate) lifetime_ms: u64,
    pub(crate) device: Option<LabelId>,
    pub(crate) tenant: Option<LabelId>,
    pub(crate) user_agent: Option<LabelId>,
    pub(crate) generation: u32,
    pub(crate) address: Address,
    pub(crate) has_token: bool,
    pub(crate) is_guest: bool,
    pub(crate) transport: Transport,
}

const _: () = assert!(size_of::<Option<Row>>() == 128, "an empty place costs no more than a row");

/// Where the login came from, as far as a row can hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    Unknown,
    V4([u8; 4]),
    /// Kept beside the rows.
    V6,
}

impl Row {
    /// The digest of the live token.
    pub(crate) fn digest(&self) -> Option<TokenDigest> {
        self.has_token.then_some(self.digest)
    }

    /// Whether that is the digest of the live token. Takes the same time wherever they differ.
    pub(crate) fn is_opened_by(&self, digest: &TokenDigest) -> bool {
        self.has_token && is_same(&self.digest, digest)
    }

    /// Whether the session is dead at `now_ms`, by time.
    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms != u64::MAX && now_ms >= self.expires_at_ms
    }
}

/// Whether two digests are the same, found out by looking at all of both.
///
/// The same answer as `left == right`, in as constant a time, eight bytes at a step: this is the one
/// comparison of every look by token, and byte by byte it cost more than all else but cache misses.
fn is_same(left: &TokenDigest, right: &TokenDigest) -> bool {
    let (left, _) = left.as_bytes().as_chunks::<8>();
    let (right, _) = right.as_bytes().as_chunks::<8>();
    let differing = left.iter().zip(right).fold(0, |bits, (left, right)| {
        bits | (u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right))
    });
    // Opaque to the optimizer, which else might stop at the first difference.
    black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digests_are_the_same_only_if_all_bytes_are(bytes: [u8; 32], at in 0..32_usize, flip: u8) {
            let mut other = bytes;
            other[at] ^= flip;
            let (left, right) = (TokenDigest::from_bytes(bytes), TokenDigest::from_bytes(other));
            prop_assert_eq!(is_same(&left, &right), flip == 0);
            prop_assert_eq!(is_same(&left, &right), left == right);
        }
    }
}
