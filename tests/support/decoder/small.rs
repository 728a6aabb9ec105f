//! `MANIFEST` and `WATERMARK`.

use super::bytes::{Broken, Input, ensure, envelope};

/// What makes a folder a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Id of the store.
    pub store: [u8; 16],
    /// Number of the oldest segment, and its first sequence.
    pub segment: (u64, u64),
    /// Number of the oldest archive, and its first sequence.
    pub archive: (u64, u64),
}

/// Reads `MANIFEST`.
///
/// # Errors
/// If it is not valid.
pub fn manifest(file: &[u8]) -> Result<Manifest, Broken> {
    ensure(file.len() == 512, "its length differs")?;
    let mut input = envelope(file, b"PASSBMAN")?;
    let store = input.array()?;
    let (segment, archive) = ((input.u64()?, input.u64()?), (input.u64()?, input.u64()?));
    input.zeros(444)?;
    let is_in_order = match archive {
        (0, sequence) => sequence == 0 && segment == (1, 1),
        (number, _) if number == segment.0 => archive == segment,
        (number, sequence) => number < segment.0 && (1..=segment.1).contains(&sequence),
    };
    ensure(is_in_order, "its fields contradict each other")?;
    Ok(Manifest { store, segment, archive })
}

/// How far a ledger was durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermark {
    /// Id of the store.
    pub store: [u8; 16],
    /// Rises with every write.
    pub generation: u64,
    /// Segment number, and where the last durable batch ends in it.
    pub place: (u64, u64),
    /// Sequence of the last durable record.
    pub durable: u64,
    /// Whether a close wrote it.
    pub is_closed: bool,
}

/// The newer of the slots that are valid.
pub fn watermark(file: &[u8]) -> Option<Watermark> {
    let slots = file.chunks_exact(4_096).filter_map(|block| slot(block).ok());
    slots.max_by_key(|slot| slot.generation)
}

fn slot(block: &[u8]) -> Result<Watermark, Broken> {
    let mut whole = Input(block);
    let mut input = envelope(whole.take(512)?, b"PASSBWAT")?;
    let (store, generation) = (input.array()?, input.u64()?);
    ensure(generation < 1 << 63, "its generation is out of range")?;
    Ok(Watermark {
        store,
        generation,
        place: (input.u64()?, input.u64()?),
        durable: input.u64()?,
        is_closed: input.u32()? == 1,
    })
}
