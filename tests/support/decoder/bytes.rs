//! Numbers and stretches of bytes, taken from the front; checksums and links.

use std::fmt;

use sha2::{Digest, Sha256};

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken(pub &'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Broken {}

/// Refuses unless it holds.
///
/// # Errors
/// [`Broken`] with those words.
pub fn ensure(holds: bool, why: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(why)) }
}

/// Bytes that are read from the front.
#[derive(Debug, Clone)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Broken("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Broken("it ends too early"))?;
        self.0 = rest;
        Ok(*taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// If there is none.
    pub fn u8(&mut self) -> Result<u8, Broken> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn u16(&mut self) -> Result<u16, Broken> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn u32(&mut self) -> Result<u32, Broken> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn u64(&mut self) -> Result<u64, Broken> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length of four bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn len32(&mut self) -> Result<usize, Broken> {
        size(self.u32()?.into())
    }

    /// The shortest LEB128 form of a number of up to 64 bits.
    ///
    /// # Errors
    /// If it is longer than it must be, too large, or cut off.
    pub fn varint(&mut self) -> Result<u64, Broken> {
        let mut value = 0_u128;
        for shift in (0..70).step_by(7) {
            let byte = self.u8()?;
            value |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                ensure(byte != 0 || shift == 0, "a varint is longer than it must be")?;
                return u64::try_from(value).map_err(|_large| Broken("a varint is too large"));
            }
        }
        Err(Broken("a varint is too long"))
    }

    /// A length as a varint.
    ///
    /// # Errors
    /// As [`varint`](Self::varint).
    pub fn varlen(&mut self) -> Result<usize, Broken> {
        size(self.varint()?)
    }

    /// Bytes that must be zero.
    ///
    /// # Errors
    /// If there are fewer, or one isn't.
    pub fn zeros(&mut self, len: usize) -> Result<(), Broken> {
        ensure(is_zero(self.take(len)?), "unused bytes are not zero")
    }

    /// Refuses anything that is left.
    ///
    /// # Errors
    /// If something is.
    pub fn end(&self) -> Result<(), Broken> {
        ensure(self.0.is_empty(), "something lies behind")
    }
}

/// A number of bytes in memory.
///
/// # Errors
/// If this machine can't count so far.
pub fn size(number: u64) -> Result<usize, Broken> {
    usize::try_from(number).map_err(|_large| Broken("too long for this machine"))
}

/// A number of bytes on disk.
pub fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// Whether all bytes are zero.
pub fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// CRC-32 of the parts, one behind the other.
pub fn crc(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// The leaf of a payload.
pub fn leaf(payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(payload).finalize().into()
}

/// The chain of a batch.
pub fn link(before: &[u8; 32], first: u64, leaves: &[[u8; 32]]) -> [u8; 32] {
    let count = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
    let mut hash = Sha256::new()
        .chain_update([1])
        .chain_update(before)
        .chain_update(first.to_le_bytes())
        .chain_update(count.to_le_bytes());
    for leaf in leaves {
        hash.update(leaf);
    }
    hash.finalize().into()
}

/// Checks what all files begin and end with, and lends what is between the versions and the CRC.
///
/// # Errors
/// If magic, version or checksum are wrong.
pub fn envelope<'a>(block: &'a [u8], magic: &[u8; 8]) -> Result<Input<'a>, Broken> {
    let (covered, sum) = block.split_last_chunk::<4>().ok_or(Broken("it ends too early"))?;
    let mut input = Input(covered);
    ensure(input.array::<8>()? == *magic, "its magic bytes differ")?;
    ensure(crc(&[covered]) == u32::from_le_bytes(*sum), "its checksum differs")?;
    let (_version, oldest_reader) = (input.u32()?, input.u32()?);
    ensure(oldest_reader <= 1, "a newer version wrote it")?;
    Ok(input)
}

/// What a Zstandard frame holds, of a length that is known before.
///
/// # Errors
/// If it is none, or of another length.
pub fn unpack(stored: &[u8], len: usize) -> Result<Vec<u8>, Broken> {
    let raw =
        zstd::bulk::decompress(stored, len).map_err(|_zstd| Broken("it can't be unpacked"))?;
    ensure(raw.len() == len, "it has another length than it says")?;
    Ok(raw)
}
