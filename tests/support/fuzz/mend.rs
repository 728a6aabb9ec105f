//! Makes checksums right again, so that what is behind them is reached.
//!
//! Written from `journal/FORMAT.md`, like [`decoder`](crate::decoder). Where a length makes no
//! sense, the bytes stay as they are.

use crate::decoder::bytes::{Input, count, crc};

/// Writes bytes at a place, if there is room.
pub fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..field.len())) {
        place.copy_from_slice(field);
    }
}

fn slice(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..)?.get(..len)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    Input(bytes.get(at..)?).len32().ok()
}

/// The checksum at the end of a block.
pub fn envelope(block: &mut [u8]) {
    if let Some((covered, sum)) = block.split_last_chunk_mut::<4>() {
        *sum = crc(&[covered]).to_le_bytes();
    }
}

/// The checksum of the block that a file begins with.
pub fn head(file: &mut [u8], len: usize) {
    if let Some(block) = file.get_mut(..len) {
        envelope(block);
    }
}

/// Both headers of a segment, and all its batches.
pub fn segment(file: &mut [u8]) {
    head(file, 4_096);
    if let Some(block) = slice(file, 0, 4_096).map(<[u8]>::to_vec) {
        put(file, 4_096, &block);
    }
    batches(file);
}

/// Every batch of a segment whose header is as it is.
pub fn batches(file: &mut [u8]) {
    let salt = slice(file, 104, 16).map(<[u8]>::to_vec);
    let number = slice(file, 32, 8).map(<[u8]>::to_vec);
    let (Some(salt), Some(number)) = (salt, number) else { return };
    let mut at = 8_192;
    while at < file.len() {
        let is_batch = slice(file, at, 8) == Some(b"PASSBBAT");
        if is_batch && let Some(rest) = file.get_mut(at..) {
            let _mended = batch(rest, &[&salt, &number], at);
        }
        at += 4_096;
    }
}

fn batch(bytes: &mut [u8], seal: &[&[u8]; 2], at: usize) -> Option<()> {
    let head_crc =
        |head: &[u8]| Some(crc(&[seal[0], seal[1], slice(head, 0, 8)?, slice(head, 12, 116)?]));
    let sum = head_crc(bytes)?;
    put(bytes, 8, &sum.to_le_bytes());
    let (first, content) = (Input(bytes.get(24..)?).u64().ok()?, number(bytes, 36)?);
    let mask: Vec<u8> = slice(bytes, 96, 8)?.to_vec();
    let body = bytes.get_mut(128..content)?;
    let masked = |body: &mut [u8]| {
        body.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    };
    masked(body);
    records(body, seal, first);
    let trailer = body.len().checked_sub(64)?;
    let covered = slice(body, trailer, 60)?;
    let sum = crc(&[seal[0], seal[1], &count(at).to_le_bytes(), covered]);
    put(body, trailer + 60, &sum.to_le_bytes());
    masked(body);
    Some(())
}

fn records(body: &mut [u8], seal: &[&[u8]; 2], first: u64) -> Option<()> {
    let end = body.len().checked_sub(64)?;
    let (mut at, mut sequence) = (0_usize, first);
    while at < end {
        let len = number(body, at)?;
        let payload = slice(body, at + 16, len)?;
        let head = slice(body, at, 12)?;
        let sum = crc(&[seal[0], seal[1], &sequence.to_le_bytes(), head, payload]);
        put(body, at + 12, &sum.to_le_bytes());
        (at, sequence) = (at + 16 + len, sequence.checked_add(1)?);
    }
    Some(())
}

/// A snapshot's header, sections and table.
pub fn snapshot(file: &mut [u8]) {
    head(file, 4_096);
    let _mended = snapshot_parts(file);
}

fn snapshot_parts(file: &mut [u8]) -> Option<()> {
    let store_and_sequence = slice(file, 16, 24)?.to_vec();
    let table = usize::try_from(Input(file.get(144..)?).u64().ok()?).ok()?;
    let mut begins = 4_096;
    for index in 0..number(file, 136)? {
        let entry = table.checked_add(index.checked_mul(24)?)?;
        let len = number(file, entry.checked_add(8)?)?;
        let Some(stored) = slice(file, begins, len) else { break };
        let index = u32::try_from(index).ok()?.to_le_bytes();
        let sum = crc(&[&store_and_sequence, &index, stored]);
        put(file, entry + 16, &sum.to_le_bytes());
        begins += len;
    }
    let len = file.len().checked_sub(table)?.checked_sub(4)?;
    let entries = slice(file, table, len)?;
    let sum = crc(&[&store_and_sequence, &u32::MAX.to_le_bytes(), entries]);
    put(file, table + len, &sum.to_le_bytes());
    Some(())
}

/// An archive's header and every frame that can be walked to.
pub fn archive(file: &mut [u8]) {
    head(file, 4_096);
    let _mended = frames(file);
}

fn frames(file: &mut [u8]) -> Option<()> {
    let (store, segment) = (slice(file, 16, 16)?.to_vec(), slice(file, 32, 8)?.to_vec());
    let mut at = 4_096;
    while at < file.len() {
        let len = number(file, at + 36)?;
        let stored = slice(file, at + 64, len)?;
        let sum = crc(&[&store, &segment, &count(at).to_le_bytes(), stored]);
        put(file, at + 12, &sum.to_le_bytes());
        let sum = crc(&[&store, &segment, slice(file, at, 8)?, slice(file, at + 12, 52)?]);
        put(file, at + 8, &sum.to_le_bytes());
        at += 64 + len;
    }
    Some(())
}
