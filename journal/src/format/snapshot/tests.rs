//! The snapshot's format by itself: there and back, any bit flipped, any bytes at all.

use proptest::prelude::*;

use super::*;

fn header(sections: u32, table_offset: u64) -> SnapshotHeader {
    SnapshotHeader {
        store: [1; 16],
        sequence: 734_003,
        time_ms: 3,
        chain_sequence: 734_000,
        chain: [4; 32],
        created_at_ms: 5,
        digest: [6; 32],
        items: 7,
        sections,
        table_offset,
    }
}

/// Entries of sections with these lengths, back to back, and where they end.
fn entries(lengths: &[(u32, u32)]) -> (Vec<SectionEntry>, u64) {
    let mut offset = SECTIONS_START;
    let mut entries = Vec::new();
    for (stored_bytes, raw_bytes) in lengths.iter().copied() {
        entries.push(SectionEntry { offset, stored_bytes, raw_bytes, crc: stored_bytes ^ 7 });
        offset += u64::from(stored_bytes);
    }
    (entries, offset)
}

#[test]
fn every_flipped_bit_of_a_header_is_noticed() {
    let block = header(2, 9_000).encode();
    assert_eq!(SnapshotHeader::decode(&block), Ok(header(2, 9_000)));
    for bit in 0..8 * block.len() {
        let mut flipped = block.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(SnapshotHeader::decode(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn fields_out_of_range_are_refused_under_a_good_checksum() {
    let good = || header(2, 9_000);
    let limit = SNAPSHOT_SECTIONS_MAX;
    assert!(SnapshotHeader::decode(&header(limit, 9_000).encode()).is_ok());
    for bad in [
        header(limit + 1, 9_000),
        header(2, SECTIONS_START - 1),
        SnapshotHeader { chain_sequence: 734_004, ..good() },
        SnapshotHeader { table_offset: u64::MAX - 3, ..good() },
    ] {
        assert!(SnapshotHeader::decode(&bad.encode()).is_err(), "{bad:?}");
    }
    for at in [140, 160, 4_091] {
        let mut block = good().encode();
        block[at] = 1;
        put_envelope(&mut block, MAGIC);
        assert!(SnapshotHeader::decode(&block).is_err(), "byte {at} is not covered");
    }
}

#[test]
fn a_newer_version_says_so() {
    let mut block = header(0, 4_096).encode();
    block[8] = 9;
    block[12] = 9;
    let crc = crc32fast::hash(&block[..4_092]);
    block[4_092..].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(SnapshotHeader::decode(&block), Err(Undecodable::Newer { found: 9 }));
}

#[test]
fn a_section_at_the_limit_is_taken_and_one_past_it_is_not() {
    for (raw, taken) in
        [(SNAPSHOT_SECTION_BYTES_MAX, true), (SNAPSHOT_SECTION_BYTES_MAX + 1, false)]
    {
        let (entries, end) = entries(&[(3, 5), (9, raw)]);
        let header = header(2, end);
        let table = encode_table(&header.store, header.sequence, &entries);
        assert_eq!(decode_table(&header, &table).is_ok(), taken, "{raw}");
    }
}

#[test]
fn a_table_of_another_snapshot_or_with_a_gap_is_refused() {
    let (good, end) = entries(&[(3, 5), (9, 10)]);
    let header = header(2, end);
    let table = |sequence, entries: &[_]| encode_table(&header.store, sequence, entries);
    assert_eq!(decode_table(&header, &table(header.sequence, &good)), Ok(good.clone()));
    assert!(decode_table(&header, &table(header.sequence + 1, &good)).is_err());
    let mut gap = good.clone();
    gap[1].offset += 1;
    assert!(decode_table(&header, &table(header.sequence, &gap)).is_err());
    assert!(decode_table(&header, &table(header.sequence, &good[..1])).is_err());
}

#[test]
fn only_exact_names_are_snapshots() {
    assert_eq!(parse_file_name("734003.snap"), Some(734_003));
    for name in ["0734003.snap", "+7.snap", "7.snap.bak", "7.tmp", ".snap"] {
        assert_eq!(parse_file_name(name), None, "{name}");
    }
}

proptest! {
    #[test]
    fn a_table_comes_back_and_no_flipped_bit_passes(
        lengths in prop::collection::vec((0_u32..5_000, 0_u32..90_000), 0..12),
        bit in any::<prop::sample::Index>(),
    ) {
        let (entries, end) = entries(&lengths);
        let header = header(u32::try_from(lengths.len()).unwrap(), end);
        let mut table = encode_table(&header.store, header.sequence, &entries);
        prop_assert_eq!(u64::try_from(table.len()).unwrap(), header.table_bytes());
        prop_assert_eq!(decode_table(&header, &table), Ok(entries));
        let bit = bit.index(8 * table.len());
        table[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(decode_table(&header, &table).is_err());
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..6_000)) {
        prop_assert!(SnapshotHeader::decode(&bytes).is_err());
        prop_assert!(decode_table(&header(2, 9_000), &bytes).is_err());
    }
}
