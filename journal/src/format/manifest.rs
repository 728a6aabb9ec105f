//! The manifest: what makes the folder a ledger, and what of it is kept where.

use super::bytes::{all_zero, array_at, put, u64_at};
use super::{StoreId, Undecodable, check_envelope, put_envelope};
use crate::limits::SECTOR_BYTES;

const MAGIC: [u8; 8] = *b"PASSBMAN";

/// Length of the file, in bytes.
pub(crate) const MANIFEST_BYTES: usize = SECTOR_BYTES;

/// Identity of a ledger, where its journal begins and where its archive does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) store: StoreId,
    /// Number of the oldest segment that is kept.
    pub(crate) segment_first: u64,
    /// Sequence of its first record.
    pub(crate) sequence_first: u64,
    /// Number of the oldest archived segment that is kept; 0 if none was ever dropped,
    /// `segment_first` if retention took all.
    pub(crate) archive_first: u64,
    /// Sequence of its first record; 0 if none was ever dropped.
    pub(crate) archive_sequence_first: u64,
}

impl Manifest {
    /// Of a ledger that has its first segment and nothing else.
    pub(crate) fn new(store: StoreId) -> Self {
        Self {
            store,
            segment_first: 1,
            sequence_first: 1,
            archive_first: 0,
            archive_sequence_first: 0,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; MANIFEST_BYTES];
        put(&mut bytes, 16, &self.store);
        put(&mut bytes, 32, &self.segment_first.to_le_bytes());
        put(&mut bytes, 40, &self.sequence_first.to_le_bytes());
        put(&mut bytes, 48, &self.archive_first.to_le_bytes());
        put(&mut bytes, 56, &self.archive_sequence_first.to_le_bytes());
        put_envelope(&mut bytes, MAGIC);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        check_envelope(bytes, MAGIC)?;
        let manifest = Self::fields(bytes).ok_or(Undecodable::Damaged("it is too short"))?;
        manifest.check(bytes).map(|()| manifest).map_err(Undecodable::Damaged)
    }

    fn fields(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            store: array_at(bytes, 16)?,
            segment_first: u64_at(bytes, 32)?,
            sequence_first: u64_at(bytes, 40)?,
            archive_first: u64_at(bytes, 48)?,
            archive_sequence_first: u64_at(bytes, 56)?,
        })
    }

    /// A valid checksum over nonsense is still nonsense.
    fn check(&self, bytes: &[u8]) -> Result<(), &'static str> {
        if !bytes.get(64..MANIFEST_BYTES - 4).is_some_and(all_zero) {
            return Err("its reserved fields are not zero");
        }
        let fits = match (self.archive_first, self.archive_sequence_first) {
            // Nothing was dropped.
            (0, sequence) => (self.segment_first, self.sequence_first, sequence) == (1, 1, 0),
            (number, sequence) if number == self.segment_first => sequence == self.sequence_first,
            (number, sequence) => {
                number < self.segment_first && (1..=self.sequence_first).contains(&sequence)
            }
        };
        if fits { Ok(()) } else { Err("its fields contradict each other") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_comes_back_if_it_makes_sense() {
        let new = Manifest::new([7; 16]);
        let compacted = Manifest {
            segment_first: 5,
            sequence_first: 90,
            archive_first: 2,
            archive_sequence_first: 31,
            ..Manifest::new([7; 16])
        };
        let bare = Manifest { archive_first: 5, archive_sequence_first: 90, ..compacted };
        for good in [&new, &compacted, &bare] {
            assert_eq!(Manifest::decode(&good.encode()).as_ref(), Ok(good));
        }
        for wrong in [
            Manifest { segment_first: 2, ..new.clone() },
            Manifest { archive_sequence_first: 1, ..new },
            Manifest { archive_first: 6, ..compacted.clone() },
            Manifest { archive_sequence_first: 91, ..compacted },
            Manifest { archive_sequence_first: 89, ..bare },
        ] {
            let refused = Manifest::decode(&wrong.encode());
            assert!(matches!(refused, Err(Undecodable::Damaged(_))), "{wrong:?}");
        }
    }
}
