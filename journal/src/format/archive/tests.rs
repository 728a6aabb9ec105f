//! Headers and names of archives and stubs come back, and contradictions don't.

use super::*;

fn header() -> ArchiveHeader {
    ArchiveHeader {
        store: [1; 16],
        number: 2,
        number_first: 2,
        base: 30,
        last: 36,
        batches: 3,
        whole: 5,
        leaves: 2,
        payload_bytes: 99,
        previous_time_ms: 6,
        time_first_ms: 7,
        time_last_ms: 8,
        chain_in: [9; 32],
        chain_out: [10; 32],
        postings_offset: 5000,
        block_index_offset: 6000,
        page_index_offset: 6100,
        file_bytes: 6200,
        keys: 4,
        counted_from: 1,
        postings_end: Some(7),
        form: Form::Full,
    }
}

#[test]
fn a_header_comes_back_and_so_does_its_stub() {
    let several = ArchiveHeader { number_first: 1, ..header().stub() };
    for header in [header(), header().stub(), several] {
        assert_eq!(ArchiveHeader::decode(&header.encode()), Ok(header));
    }
}

#[test]
fn stubs_are_joined_where_one_goes_on_where_the_other_ends() {
    let next = ArchiveHeader {
        number: 3,
        number_first: 3,
        base: 37,
        last: 40,
        whole: 4,
        leaves: 0,
        previous_time_ms: 8,
        time_first_ms: 8,
        time_last_ms: 11,
        chain_in: [10; 32],
        chain_out: [11; 32],
        postings_end: Some(9),
        ..header()
    };
    let joined = header().joined(&next).expect("they follow");
    assert_eq!(ArchiveHeader::decode(&joined.encode()), Ok(joined.clone()));
    assert_eq!(Name::of_header(&joined).to_string(), "000002-000003-30.stub");
    assert_eq!((joined.base, joined.last, joined.whole, joined.leaves), (30, 40, 9, 2));
    assert_eq!((joined.chain_in, joined.chain_out), ([9; 32], [11; 32]));
    assert_eq!((joined.time_first_ms, joined.time_last_ms), (7, 11));
    assert_eq!((joined.file_bytes, joined.postings_end), (12_400, Some(9)));
    for other in [
        ArchiveHeader { store: [2; 16], ..next.clone() },
        ArchiveHeader { number_first: 4, ..next.clone() },
        ArchiveHeader { base: 38, ..next.clone() },
        ArchiveHeader { previous_time_ms: 7, ..next.clone() },
        ArchiveHeader { chain_in: [9; 32], ..next },
    ] {
        assert_eq!(header().joined(&other), None, "{other:?}");
    }
}

#[test]
fn a_header_that_contradicts_itself_is_refused() {
    for wrong in [
        ArchiveHeader { last: 37, ..header() },
        ArchiveHeader { base: 0, ..header() },
        ArchiveHeader { counted_from: 3, ..header() },
        ArchiveHeader { number_first: 1, ..header() },
        ArchiveHeader { number_first: 3, ..header().stub() },
        ArchiveHeader { file_bytes: 6099, ..header() },
        ArchiveHeader { time_first_ms: 9, ..header() },
    ] {
        let refused = ArchiveHeader::decode(&wrong.encode());
        assert!(matches!(refused, Err(Undecodable::Damaged(_))), "{wrong:?}");
    }
}

#[test]
fn only_exact_names_are_archives() {
    let of = |number_first, form| Name { number: 12, number_first, base: 734_003, form };
    for (text, name) in [
        ("000012-734003.arc", of(12, Form::Full)),
        ("000012-734003.stub", of(12, Form::Stub)),
        ("000007-000012-734003.stub", of(7, Form::Stub)),
    ] {
        assert_eq!(Name::parse(text), Some(name));
    }
    for name in [
        "12-734003.arc",
        "000012-0734003.arc",
        "000012-734003.seg",
        "000007-000012-734003.arc",
        "000012-000012-734003.stub",
        "000012-000007-734003.stub",
        "next.tmp",
    ] {
        assert_eq!(Name::parse(name), None, "{name}");
    }
}
