//! Batches whose checksums are right and whose content is not.

use super::*;
use crate::format::bytes::put;
use crate::format::draft::{Draft, Sealing};
use crate::journal::{Group, Payload};

const OFFSET: u64 = 8_192;

fn seal() -> Seal {
    Seal::new(&[7; 16], 3)
}

/// A header for records @5 to @7, with the fields changed that are named by their place.
fn header(changes: &[(usize, &[u8])]) -> Vec<u8> {
    let mut sector = vec![0; SECTOR_BYTES];
    put(&mut sector, 0, &MAGIC);
    put(&mut sector, 16, &OFFSET.to_le_bytes());
    put(&mut sector, 24, &5_u64.to_le_bytes());
    put(&mut sector, 32, &3_u32.to_le_bytes());
    put(&mut sector, 36, &1_000_u32.to_le_bytes());
    put(&mut sector, 40, &20_u64.to_le_bytes());
    put(&mut sector, 48, &20_u64.to_le_bytes());
    put(&mut sector, 56, &4_u64.to_le_bytes());
    for (at, bytes) in changes {
        put(&mut sector, *at, bytes);
    }
    let (before, after) = (sector.get(..8), sector.get(12..HEADER_BYTES));
    let crc = seal().crc(&[before.unwrap(), after.unwrap()]);
    put(&mut sector, 8, &crc.to_le_bytes());
    sector
}

fn decoded(changes: &[(usize, &[u8])]) -> Result<BatchHeader, Flaw> {
    BatchHeader::decode(&header(changes), &seal(), OFFSET)
}

fn bytes(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}

#[test]
fn a_header_within_its_limits_is_read() {
    assert_eq!(decoded(&[]).map(|header| header.sequence_last()), Ok(7));
    let widest = BATCH_BYTES_MAX;
    let most = BATCH_RECORDS_MAX;
    let fields = (u64::MAX - 3).to_le_bytes();
    for good in [
        &[(36, &bytes(BATCH_OVERHEAD_BYTES)[..])][..],
        &[(36, &bytes(widest))],
        &[(36, &bytes(widest - BLOCK_BYTES + 1))],
        &[(32, &bytes(most))],
        &[(24, &fields)],
        &[(56, &0_u64.to_le_bytes())],
        &[(48, &21_u64.to_le_bytes())],
    ] {
        assert!(decoded(good).is_ok(), "{good:?}: {:?}", decoded(good));
    }
}

#[test]
fn a_header_of_nonsense_is_refused_whatever_its_checksum_says() {
    let over = |number: u64| number.to_le_bytes();
    for (bad, why) in [
        (&[(16, &over(OFFSET + 4_096)[..])][..], "it belongs at another offset"),
        (&[(36, &bytes(BATCH_OVERHEAD_BYTES - 1))], "its length is out of range"),
        (&[(36, &bytes(BATCH_BYTES_MAX + 1))], "its length is out of range"),
        (&[(32, &bytes(0))], "its count is out of range"),
        (&[(32, &bytes(0)), (36, &bytes(BATCH_OVERHEAD_BYTES))], "its count is out of range"),
        (&[(32, &bytes(BATCH_RECORDS_MAX + 1))], "its count is out of range"),
        (&[(24, &over(0)), (56, &over(0))], "its count is out of range"),
        (&[(24, &over(u64::MAX - 2))], "its sequences are out of range"),
        (&[(56, &over(5))], "its fields contradict each other"),
        (&[(48, &over(19))], "its fields contradict each other"),
        (&[(12, &bytes(1))], "its reserved fields are not zero"),
        (&[(104, &[1])], "its reserved fields are not zero"),
        (&[(HEADER_BYTES - 1, &[1])], "its reserved fields are not zero"),
        (&[(0, b"PASSBOOK")], "its magic bytes differ"),
    ] {
        let flaw = decoded(bad).expect_err(why);
        assert_eq!((flaw, flaw.why()), (Flaw::Header(why), why), "{bad:?}");
    }
    let mut sector = header(&[]);
    put(&mut sector, 8, &[0; 4]);
    let differs = BatchHeader::decode(&sector, &seal(), OFFSET);
    assert_eq!(differs, Err(Flaw::Header("its checksum differs")));
    let cut = BatchHeader::decode(&header(&[])[..HEADER_BYTES - 1], &seal(), OFFSET);
    assert_eq!(cut, Err(Flaw::Header("it is cut off")));
    let blank = BatchHeader::decode(&[0; SECTOR_BYTES], &seal(), OFFSET);
    assert_eq!((blank, Flaw::Blank.why()), (Err(Flaw::Blank), "its first sector is blank"));
}

/// Groups of payloads at 20 ms, 20 ms and 23 ms, sealed as the writer does it.
fn batch() -> (BatchHeader, Vec<u8>) {
    let mut draft = Draft::default();
    draft.begin(5, 20);
    let payloads = [&b"one"[..], b"two", b"three"].map(Payload::new);
    let [one, two, three] = &payloads;
    draft.push(&Group { time_ms: 20, payloads: &[*one, *two] });
    draft.push(&Group { time_ms: 23, payloads: &[*three] });
    let sealing = Sealing {
        seal: &seal(),
        salt: &[7; 16],
        offset: OFFSET,
        durable: 4,
        previous_chain: [9; 32],
    };
    draft.seal(&sealing);
    let bytes = draft.sealed().to_vec();
    (BatchHeader::decode(&bytes, &seal(), OFFSET).unwrap(), bytes)
}

/// Where the records begin, counted from the start of the batch.
const RECORDS: [usize; 3] = [
    HEADER_BYTES,
    HEADER_BYTES + 3 + RECORD_OVERHEAD_BYTES,
    HEADER_BYTES + 6 + 2 * RECORD_OVERHEAD_BYTES,
];

/// Makes the checksum of the record at `at` right.
fn resign(bytes: &mut [u8], at: usize, sequence: u64) {
    let payload_len = usize::try_from(u32_at(bytes, at).unwrap()).unwrap();
    let payload = at + RECORD_OVERHEAD_BYTES;
    let crc = seal().crc(&[
        &sequence.to_le_bytes(),
        bytes.get(at..at + 12).unwrap(),
        bytes.get(payload..payload + payload_len).unwrap(),
    ]);
    put(bytes, at + 12, &crc.to_le_bytes());
}

/// What a change makes of the batch.
fn changed(change: impl FnOnce(&mut BatchHeader, &mut Vec<u8>)) -> Option<&'static str> {
    let (mut header, mut bytes) = batch();
    change(&mut header, &mut bytes);
    check_batch(header, &mut bytes, &seal()).err().map(|flaw| flaw.why())
}

#[test]
fn a_sealed_batch_gives_its_records() {
    let (header, mut bytes) = batch();
    let batch = check_batch(header, &mut bytes, &seal()).unwrap();
    let records: Vec<_> = batch
        .records()
        .map(|record| {
            (
                record.sequence,
                record.time_ms,
                record.group_first,
                record.payload.to_vec(),
                record.offset_in_batch,
            )
        })
        .collect();
    let [first, second, third] = RECORDS;
    assert_eq!(
        records,
        [
            (5, 20, true, b"one".to_vec(), first),
            (6, 20, false, b"two".to_vec(), second),
            (7, 23, true, b"three".to_vec(), third),
        ]
    );
}

#[test]
fn a_body_of_nonsense_is_refused_whatever_its_checksums_say() {
    let [first, second, third] = RECORDS;
    assert_eq!(changed(|_, _| ()), None);
    let flags = |at: usize, sequence: u64, flags: u32| {
        changed(|_, bytes| {
            put(bytes, at + 8, &flags.to_le_bytes());
            resign(bytes, at, sequence);
        })
    };
    assert_eq!(flags(first, 5, 0), Some("a record's flags are unknown"), "no group begins there");
    assert_eq!(flags(first, 5, GROUP_FIRST_FLAG | 2), Some("a record's flags are unknown"));
    assert_eq!(flags(second, 6, GROUP_FIRST_FLAG), None, "a group more");
    assert_eq!(flags(third, 7, 4), Some("a record's flags are unknown"));
    let delta = |at: usize, sequence: u64, delta_ms: u32| {
        changed(|_, bytes| {
            put(bytes, at + 4, &delta_ms.to_le_bytes());
            resign(bytes, at, sequence);
        })
    };
    assert_eq!(delta(second, 6, 3), None);
    assert_eq!(delta(second, 6, 4), Some("a record's time is before its predecessor's"));
    assert_eq!(delta(third, 7, 4), Some("its times contradict each other"));
    assert_eq!(
        changed(|header, _| header.time_last_ms = 22),
        Some("its times contradict each other")
    );
    assert_eq!(changed(|header, _| header.count = 2), Some("bytes lie behind the last record"));
    assert_eq!(changed(|header, _| header.count = 4), Some("a record is cut off"));
    assert_eq!(changed(|_, bytes| bytes[second + 12] ^= 1), Some("a record's checksum differs"));
    assert_eq!(changed(|_, bytes| *bytes.last_mut().unwrap() = 1), Some("its padding is not zero"));
    assert_eq!(changed(|_, bytes| bytes.truncate(60)), Some("it is cut off"));
}

#[test]
fn a_trailer_of_nonsense_is_refused_whatever_its_checksum_says() {
    let trailer = |at: usize, value: &[u8]| {
        changed(|header, bytes| {
            let start = header.content_len() - TRAILER_BYTES;
            put(bytes, start + at, value);
            let covered = bytes.get(start..start + TRAILER_BYTES - 4).unwrap();
            let crc = seal().crc(&[&OFFSET.to_le_bytes(), covered]);
            put(bytes, start + TRAILER_BYTES - 4, &crc.to_le_bytes());
        })
    };
    let contradicts = Some("its trailer contradicts its header");
    assert_eq!(trailer(0, &TRAILER_MAGIC), None);
    assert_eq!(trailer(0, b"PASSBOOK"), contradicts);
    assert_eq!(trailer(8, &8_u64.to_le_bytes()), contradicts);
    assert_eq!(trailer(48, &[1]), contradicts);
    let differs = changed(|header, bytes| bytes[header.content_len() - 1] ^= 1);
    assert_eq!(differs, Some("its trailer's checksum differs"));
}

#[test]
fn a_sector_that_was_never_written_is_told_from_one_that_is_wrong() {
    let (header, bytes) = batch();
    let mut long = bytes.clone();
    let mut grown = header.clone();
    grown.content_bytes = 1_500;
    let flaw = |header: &BatchHeader, bytes: &mut Vec<u8>| {
        check_batch(header.clone(), bytes, &seal()).unwrap_err()
    };
    assert!(matches!(flaw(&grown, &mut long), Flaw::Body { unwritten: true, .. }));
    let mut wrong = bytes;
    wrong[RECORDS[1]] ^= 1;
    assert!(matches!(flaw(&header, &mut wrong), Flaw::Body { unwritten: false, .. }));
}

#[test]
fn a_mask_is_taken_off_to_the_last_byte() {
    let mask = 0x0102_0304_0506_0708_u64;
    for len in [0, 1, 7, 8, 9, 24, 27] {
        let mut bytes: Vec<u8> = (0..len).collect();
        let expected: Vec<u8> = bytes
            .iter()
            .zip(mask.to_le_bytes().iter().cycle())
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        apply_mask(&mut bytes, mask);
        assert_eq!(bytes, expected);
        apply_mask(&mut bytes, 0);
        assert_eq!(bytes, expected, "no mask, no change");
    }
}
