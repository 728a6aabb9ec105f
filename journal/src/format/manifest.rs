//! The manifest: what makes a folder a ledger.

use super::bytes::{array_at, put, u64_at};
use super::{StoreId, Undecodable, check_envelope, put_envelope};
use crate::limits::SECTOR_BYTES;

const MAGIC: [u8; 8] = *b"PASSBMAN";

/// Length of the file, in bytes.
pub(crate) const MANIFEST_BYTES: usize = SECTOR_BYTES;

/// Identity of a ledger and where its journal begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) store: StoreId,
    /// Number of the oldest segment that is kept.
    pub(crate) segment_first: u64,
    /// Sequence of its first record.
    pub(crate) sequence_first: u64,
}

impl Manifest {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; MANIFEST_BYTES];
        put(&mut bytes, 16, &self.store);
        put(&mut bytes, 32, &self.segment_first.to_le_bytes());
        put(&mut bytes, 40, &self.sequence_first.to_le_bytes());
        put_envelope(&mut bytes, MAGIC);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        check_envelope(bytes, MAGIC)?;
        Self::fields(bytes).ok_or(Undecodable::Damaged("it is too short"))
    }

    fn fields(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            store: array_at(bytes, 16)?,
            segment_first: u64_at(bytes, 32)?,
            sequence_first: u64_at(bytes, 40)?,
        })
    }
}
