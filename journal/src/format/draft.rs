//! A batch in the making: groups are framed into it as they are appended, and the writer seals it.
//!
//! Where it goes and when is left to the writer; what the bytes mean is in `FORMAT.md`.

use sha2::{Digest, Sha256};

use super::Salt;
use super::batch::{
    GROUP_FIRST_FLAG, HEADER_BYTES, MAGIC, Seal, TRAILER_BYTES, TRAILER_MAGIC, apply_mask,
};
use super::bytes::{is_thin, put, u32_at};
use crate::journal::Group;
use crate::leaf::{Chain, Leaf, link_of};
use crate::limits::{BATCH_RECORDS_MAX, BLOCK_BYTES, RECORD_OVERHEAD_BYTES, SECTOR_BYTES};

/// Tries for a mask before giving up. The hardest sector is a last one of a single byte, which
/// one mask in thirty leaves thin.
const MASK_TRIES_MAX: u64 = 64;

/// Groups that will become one batch. Its buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Room for the header, then the records, their checksums still missing.
    bytes: Vec<u8>,
    leaves: Vec<Leaf>,
    sequence_first: u64,
    time_first_ms: u64,
    time_last_ms: u64,
}

/// What the writer knows when it seals a draft.
#[derive(Debug)]
pub(crate) struct Sealing<'a> {
    pub(crate) seal: &'a Seal,
    pub(crate) salt: &'a Salt,
    pub(crate) offset: u64,
    pub(crate) durable: u64,
    pub(crate) previous_chain: Chain,
}

impl Draft {
    /// Empties it for a batch that begins with `sequence_first` at `time_ms`.
    pub(crate) fn begin(&mut self, sequence_first: u64, time_ms: u64) {
        self.bytes.clear();
        self.bytes.resize(HEADER_BYTES, 0);
        self.leaves.clear();
        self.sequence_first = sequence_first;
        self.time_first_ms = time_ms;
        self.time_last_ms = time_ms;
    }

    /// Whether a group fits, in a batch of at most `extent_bytes_max`.
    pub(crate) fn takes(
        &self,
        group: &Group<'_>,
        framed_bytes: usize,
        extent_bytes_max: usize,
    ) -> bool {
        let delta_ms = group.time_ms.checked_sub(self.time_first_ms);
        self.extent_with(framed_bytes) <= extent_bytes_max
            && self.leaves.len() + group.payloads.len() <= BATCH_RECORDS_MAX
            && delta_ms.is_some_and(|delta| u32::try_from(delta).is_ok())
    }

    /// Frames a group that [`takes`](Self::takes) allowed.
    pub(crate) fn push(&mut self, group: &Group<'_>) {
        let delta_ms = u32::try_from(group.time_ms - self.time_first_ms).expect("takes checked it");
        let mut flags = GROUP_FIRST_FLAG;
        for payload in group.payloads {
            let payload_bytes = u32::try_from(payload.bytes.len()).expect("a batch is below 4 GiB");
            self.bytes.extend_from_slice(&payload_bytes.to_le_bytes());
            self.bytes.extend_from_slice(&delta_ms.to_le_bytes());
            self.bytes.extend_from_slice(&flags.to_le_bytes());
            self.bytes.extend_from_slice(&[0; 4]);
            self.bytes.extend_from_slice(payload.bytes);
            self.leaves.push(payload.leaf);
            flags = 0;
        }
        self.time_last_ms = group.time_ms;
    }

    /// Length of the sealed batch, in bytes.
    pub(crate) fn extent(&self) -> usize {
        self.extent_with(0)
    }

    /// The same with more records.
    pub(crate) fn extent_with(&self, framed_bytes: usize) -> usize {
        (self.bytes.len() + framed_bytes + TRAILER_BYTES).next_multiple_of(BLOCK_BYTES)
    }

    /// Length of a sealed batch with nothing but these records, in bytes.
    pub(crate) fn extent_of(framed_bytes: usize) -> usize {
        (HEADER_BYTES + framed_bytes + TRAILER_BYTES).next_multiple_of(BLOCK_BYTES)
    }

    /// Number of records.
    pub(crate) fn count(&self) -> usize {
        self.leaves.len()
    }

    pub(crate) fn sequence_first(&self) -> u64 {
        self.sequence_first
    }

    /// Sequence of the last record.
    pub(crate) fn sequence_last(&self) -> u64 {
        self.sequence_first + u64::from(self.count_u32()) - 1
    }

    pub(crate) fn time_last_ms(&self) -> u64 {
        self.time_last_ms
    }

    /// Makes the batch whole: checksums, trailer, header, padding. Returns its link; the bytes
    /// are then in [`sealed`](Self::sealed).
    pub(crate) fn seal(&mut self, sealing: &Sealing<'_>) -> Chain {
        self.put_record_crcs(sealing.seal);
        let chain = link_of(&sealing.previous_chain, self.sequence_first, &self.leaves);
        self.put_trailer(sealing, &chain);
        let content_bytes = self.bytes.len();
        self.bytes.resize(content_bytes.next_multiple_of(BLOCK_BYTES), 0);
        // The header first: its sector also holds records, and is never thin.
        let mask = self.mask_thin_sectors(sealing, content_bytes);
        self.put_header(sealing, content_bytes, mask);
        chain
    }

    /// The batch as it goes to disk, after [`seal`](Self::seal).
    pub(crate) fn sealed(&self) -> &[u8] {
        &self.bytes
    }

    /// Length of the batch as it goes to disk, after [`seal`](Self::seal).
    pub(crate) fn extent_sealed(&self) -> usize {
        self.bytes.len()
    }

    fn count_u32(&self) -> u32 {
        u32::try_from(self.leaves.len()).expect("takes keeps a batch below 65,537 records")
    }

    fn put_record_crcs(&mut self, seal: &Seal) {
        let (_, mut rest) = self.bytes.split_at_mut(HEADER_BYTES);
        let mut sequence = self.sequence_first;
        while !rest.is_empty() {
            let payload_len = u32_at(rest, 0).and_then(|len| usize::try_from(len).ok());
            let record_len = RECORD_OVERHEAD_BYTES + payload_len.expect("push wrote it");
            let (record, after) = rest.split_at_mut(record_len);
            let (head, payload) = record.split_at_mut(RECORD_OVERHEAD_BYTES);
            let (fields, crc) = head.split_at_mut(12);
            let value = seal.crc(&[&sequence.to_le_bytes(), fields, payload]);
            crc.copy_from_slice(&value.to_le_bytes());
            sequence += 1;
            rest = after;
        }
    }

    fn put_trailer(&mut self, sealing: &Sealing<'_>, chain: &Chain) {
        let mut trailer = [0; TRAILER_BYTES];
        put(&mut trailer, 0, &TRAILER_MAGIC);
        put(&mut trailer, 8, &self.sequence_last().to_le_bytes());
        put(&mut trailer, 16, chain);
        let (covered, crc) = trailer.split_at_mut(TRAILER_BYTES - 4);
        let value = sealing.seal.crc(&[&sealing.offset.to_le_bytes(), covered]);
        crc.copy_from_slice(&value.to_le_bytes());
        self.bytes.extend_from_slice(&trailer);
    }

    /// Gives every sector of the content at least two set bits, so that a sector which reads as
    /// zero was surely never written. Nearly always there is nothing to do, and the mask is 0.
    fn mask_thin_sectors(&mut self, sealing: &Sealing<'_>, content_bytes: usize) -> u64 {
        for attempt in 0..MASK_TRIES_MAX {
            let mask = if attempt == 0 { 0 } else { self.mask_candidate(sealing, attempt) };
            self.apply_body_mask(content_bytes, mask);
            let content = self.bytes.split_at(content_bytes.next_multiple_of(SECTOR_BYTES)).0;
            // The first sector holds the header's magic and is never thin.
            if !content.chunks(SECTOR_BYTES).skip(1).any(is_thin) {
                return mask;
            }
            self.apply_body_mask(content_bytes, mask);
        }
        unreachable!("64 random masks all leave a thin sector with a probability below 2^-256");
    }

    fn mask_candidate(&self, sealing: &Sealing<'_>, attempt: u64) -> u64 {
        let hash = Sha256::new()
            .chain_update(sealing.salt)
            .chain_update(self.sequence_first.to_le_bytes())
            .chain_update(attempt.to_le_bytes())
            .finalize();
        hash.first_chunk::<8>().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes))
    }

    fn apply_body_mask(&mut self, content_bytes: usize, mask: u64) {
        let (content, _) = self.bytes.split_at_mut(content_bytes);
        let (_, body) = content.split_at_mut(HEADER_BYTES);
        apply_mask(body, mask);
    }

    fn put_header(&mut self, sealing: &Sealing<'_>, content_bytes: usize, mask: u64) {
        let content_bytes = u32::try_from(content_bytes).expect("a batch is at most 1 MiB");
        let (count, header) = (self.count_u32(), self.bytes.split_at_mut(HEADER_BYTES).0);
        put(header, 0, &MAGIC);
        put(header, 16, &sealing.offset.to_le_bytes());
        put(header, 24, &self.sequence_first.to_le_bytes());
        put(header, 32, &count.to_le_bytes());
        put(header, 36, &content_bytes.to_le_bytes());
        put(header, 40, &self.time_first_ms.to_le_bytes());
        put(header, 48, &self.time_last_ms.to_le_bytes());
        put(header, 56, &sealing.durable.to_le_bytes());
        put(header, 64, &sealing.previous_chain);
        put(header, 96, &mask.to_le_bytes());
        let (before, rest) = header.split_at_mut(8);
        let (crc, after) = rest.split_at_mut(4);
        crc.copy_from_slice(&sealing.seal.crc(&[before, after]).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Payload;

    #[test]
    fn a_batch_takes_so_many_records_and_no_more() {
        let payload = Payload { bytes: b"", leaf: Leaf::default() };
        let group = |payloads| Group { time_ms: 7, payloads };
        let (one, half) = ([payload; 1], vec![payload; BATCH_RECORDS_MAX / 2]);
        let mut draft = Draft::default();
        draft.begin(1, 7);
        for _half in 0..2 {
            assert!(draft.takes(&group(&half), 0, usize::MAX));
            draft.push(&group(&half));
        }
        assert!(!draft.takes(&group(&one), 0, usize::MAX), "one past the limit");
        assert_eq!(draft.count(), BATCH_RECORDS_MAX);
        draft.begin(1, 7);
        draft.push(&group(&one));
        assert!(draft.takes(&group(&half), 0, usize::MAX));
    }
}
