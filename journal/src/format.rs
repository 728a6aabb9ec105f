//! Bytes on disk, as `FORMAT.md` describes them: encoding, decoding, and nothing else.
//!
//! Files, order of effects and what to do about damage are left to `file` and `recovery`. No
//! decoder here trusts a length before its checksum, and none panics on any input.

pub(crate) mod archive;
pub(crate) mod batch;
mod bytes;

pub(crate) mod draft;
pub(crate) mod manifest;
pub(crate) mod segment;
pub(crate) mod snapshot;
pub(crate) mod watermark;

pub(crate) use bytes::all_zero;

/// The format that this code writes.
pub const FORMAT_VERSION: u32 = 1;

/// The oldest reader that understands what this code writes.
pub(crate) const OLDEST_READER: u32 = 1;

/// Random identity of one ledger, in every file of it.
pub type StoreId = [u8; 16];

/// Random number of one segment, mixed into its checksums.
pub(crate) type Salt = [u8; 16];

/// Why bytes that should be a manifest, a watermark or a segment header are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Undecodable {
    /// A field or the checksum doesn't hold.
    Damaged(&'static str),
    /// Written by a newer version that says this one must not read it.
    Newer {
        /// Its format version.
        found: u32,
    },
}

/// Checks the part that every version of every file keeps in place: magic, versions, checksum at
/// the end.
fn check_envelope(bytes: &[u8], magic: [u8; 8]) -> Result<(), Undecodable> {
    use Undecodable::{Damaged, Newer};
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or(Damaged("it is too short"))?;
    if bytes::array_at::<8>(bytes, 0) != Some(magic) {
        return Err(Damaged("its magic bytes differ"));
    }
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(Damaged("its checksum differs"));
    }
    let found = bytes::u32_at(bytes, 8).ok_or(Damaged("it is too short"))?;
    let oldest_reader = bytes::u32_at(bytes, 12).ok_or(Damaged("it is too short"))?;
    if oldest_reader > FORMAT_VERSION {
        return Err(Newer { found });
    }
    Ok(())
}

/// Writes magic, versions and the checksum around fields that are already in place.
fn put_envelope(bytes: &mut [u8], magic: [u8; 8]) {
    bytes::put(bytes, 0, &magic);
    bytes::put(bytes, 8, &FORMAT_VERSION.to_le_bytes());
    bytes::put(bytes, 12, &OLDEST_READER.to_le_bytes());
    let (body, crc) = bytes.split_last_chunk_mut::<4>().expect("callers pass whole sectors");
    *crc = crc32fast::hash(body).to_le_bytes();
}
