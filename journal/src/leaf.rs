//! Leaves and links of the hash chain: what makes history tamper-evident.
//!
//! Both depend on payloads and sequence numbers only, never on the file format, so a journal kept
//! elsewhere has the same chain. How the links are laid out on disk is left to `format`.

use sha2::{Digest, Sha256};

/// SHA-256 of one payload, see [`leaf_of`].
pub type Leaf = [u8; 32];

/// SHA-256 over everything up to the end of one batch, see [`link_of`].
pub type Chain = [u8; 32];

/// The chain before the first record: 32 zero bytes.
pub const CHAIN_START: Chain = [0; 32];

const LEAF_TAG: [u8; 1] = [0x00];
const LINK_TAG: [u8; 1] = [0x01];

/// The leaf of one payload: `SHA-256(0x00 ‖ payload)`.
///
/// The submitting thread hashes, so that the one thread that commits doesn't have to.
///
/// ```
/// assert_ne!(passbook_journal::leaf_of(b"opened"), passbook_journal::leaf_of(b"closed"));
/// ```
pub fn leaf_of(payload: &[u8]) -> Leaf {
    Sha256::new().chain_update(LEAF_TAG).chain_update(payload).finalize().into()
}

/// The link of one batch:
/// `SHA-256(0x01 ‖ previous ‖ first sequence u64 LE ‖ count u32 LE ‖ leaf ‖ leaf …)`.
///
/// ```
/// use passbook_journal::{CHAIN_START, leaf_of, link_of};
/// let one = link_of(&CHAIN_START, 1, &[leaf_of(b"opened")]);
/// assert_ne!(one, link_of(&CHAIN_START, 2, &[leaf_of(b"opened")]));
/// ```
///
/// # Panics
/// With more than `u32::MAX` leaves, which no batch can hold.
pub fn link_of(previous: &Chain, sequence_first: u64, leaves: &[Leaf]) -> Chain {
    let count = u32::try_from(leaves.len()).expect("a batch holds at most 65,536 records");
    Sha256::new()
        .chain_update(LINK_TAG)
        .chain_update(previous)
        .chain_update(sequence_first.to_le_bytes())
        .chain_update(count.to_le_bytes())
        .chain_update(leaves.as_flattened())
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_the_hash_of_the_tagged_payload() {
        let by_hand: Leaf = Sha256::digest([0x00, b'a', b'b']).into();
        assert_eq!(leaf_of(b"ab"), by_hand);
    }

    #[test]
    fn a_link_depends_on_each_of_its_inputs() {
        let leaves = [leaf_of(b"a"), leaf_of(b"b")];
        let base = link_of(&CHAIN_START, 1, &leaves);
        assert_ne!(base, link_of(&[1; 32], 1, &leaves));
        assert_ne!(base, link_of(&CHAIN_START, 2, &leaves));
        assert_ne!(base, link_of(&CHAIN_START, 1, &leaves[..1]));
    }
}
