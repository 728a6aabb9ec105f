//! Blocks of postings: their bytes, what they name, and that damage never leaves anything out.

#![allow(clippy::indexing_slicing, reason = "a test that reaches beyond fails")]

use passbook_core::{
    Actor, EndReason, Event, Fact, Origin, Policy, SessionId, TokenDigest, Transport, UserId,
    event::Subject,
};
use passbook_projections::postings::{
    BLOCK_EVENTS_MAX, BadBlock, Block, Draft, Key, PAGE_BYTES, Tie,
};
use proptest::prelude::*;

const STORE: [u8; 16] = *b"one ledger's own";

fn event(at_ms: u64, fact: Fact) -> Event {
    let (actor, origin) = (Actor::User, Origin::default());
    Event { at_ms, occurred_at_ms: None, actor, origin, note: None, key: None, fact }
}

fn user(number: u64) -> UserId {
    UserId::new(format!("user {number}")).expect("short")
}

fn digest(number: u64) -> TokenDigest {
    let bytes = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().repeat(4);
    TokenDigest::from_bytes(bytes.try_into().expect("32 bytes"))
}

/// One of five kinds of fact, about that session, user or token.
fn fact(kind: u8, number: u64) -> Fact {
    let subject = Subject { session: SessionId::from_u128(number.into()), user: user(number) };
    match kind % 5 {
        0 => Fact::SessionCreated {
            subject,
            is_guest: false,
            digest: Some(digest(number)),
            device: None,
            tenant: None,
            transport: Transport::Token,
            created_at_ms: 0,
            lifetime_ms: 0,
            expires_at_ms: 0,
            absolute_at_ms: 0,
        },
        1 => Fact::SessionTouched { subject, expires_at_ms: 9 },
        2 => Fact::UserSessionsRevoked {
            user: user(number),
            except: None,
            reason: EndReason::Logout,
            ended: 1,
        },
        3 => Fact::SessionsExpired { effective_now_ms: 9, ended: 1, policy_version: 0 },
        _ => Fact::PolicySet { version: 1, policy: Policy::default() },
    }
}

fn open(bytes: &[u8]) -> Result<Block, BadBlock> {
    Block::open(u64::try_from(bytes.len()).expect("short"), &read(bytes))
}

fn read(bytes: &[u8]) -> impl Fn(&mut [u8], u64) -> std::io::Result<usize> {
    move |into, offset| {
        let from = bytes.get(usize::try_from(offset).expect("short")..).unwrap_or_default();
        into.iter_mut().zip(from).for_each(|(into, from)| *into = *from);
        Ok(into.len().min(from.len()))
    }
}

/// Five events from @11 on, of which @14 is not kept, recorded ten milliseconds apart.
fn small() -> Vec<u8> {
    let mut draft = Draft::new(11);
    for (sequence, kind) in [(11, 0), (12, 1), (13, 2), (15, 3), (16, 4)] {
        // Two are of an import, of things that happened at 55 and at 66.
        let happened_at_ms = [(12, 66), (13, 55)].into_iter().find(|(at, _)| *at == sequence);
        let occurred_at_ms = happened_at_ms.map(|(_, at_ms)| at_ms);
        let event = Event { occurred_at_ms, ..event(sequence * 10, fact(kind, 7)) };
        draft.add(sequence, sequence * 10, &event);
    }
    draft.tie_to(Tie::of(16, 160, b"its payload"));
    draft.pass_to(17);
    draft.encode(STORE, Some(Tie::of(10, 100, b"the one before"))).expect("it is tied")
}

#[test]
fn the_bytes_of_a_block_are_the_golden_ones() {
    let bytes = small();
    assert_eq!(bytes.len(), 2 * PAGE_BYTES);
    // Eight bytes a line, those that are not all zero.
    let lines = bytes
        .chunks_exact(8)
        .enumerate()
        .map(|(number, chunk)| (number * 8, u64::from_be_bytes(chunk.try_into().expect("eight"))));
    let lines = lines.filter(|(_, chunk)| *chunk != 0);
    let told: Vec<_> = lines.map(|(offset, chunk)| format!("{offset:>5} {chunk:016x}")).collect();
    assert_eq!(told, include_str!("postings.golden.txt").lines().collect::<Vec<_>>());
}

#[test]
fn a_block_says_where_each_key_is() {
    let bytes = small();
    let block = open(&bytes).expect("whole");
    let find = |keys: &[Key<'_>]| block.sequences(keys, &read(&bytes)).expect("whole");
    assert_eq!(find(&[Key::Session(SessionId::from_u128(7))]), [11, 12]);
    assert_eq!(find(&[Key::Token(digest(7))]), [11]);
    assert_eq!(find(&[Key::AllOf("user 7"), Key::Sweep]), [13, 15]);
    assert_eq!(find(&[Key::Policy]), [16]);
    assert_eq!(find(&[Key::AllOf("user 8"), Key::Token(digest(8))]), [0; 0]);
    assert_eq!((block.first(), block.last(), block.time_last_ms()), (11, 17, 160));
    assert_eq!(block.happened_from_ms(), 55);
    assert_eq!(block.tie(), Tie::of(16, 160, b"its payload"));
    assert_eq!(block.before(), Some(Tie::of(10, 100, b"the one before")));
}

#[test]
fn no_flipped_bit_leaves_anything_out() {
    let mut bytes = small();
    let keys = [Key::Session(SessionId::from_u128(7)), Key::AllOf("user 7"), Key::Sweep];
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = open(&bytes).and_then(|block| block.sequences(&keys, &read(&bytes)));
        assert!(found.is_err(), "bit {bit}: {found:?}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(open(&bytes).is_ok());
}

#[test]
fn a_page_of_another_block_is_not_taken() {
    let bytes = small();
    let mut other = Draft::new(11);
    for sequence in 11..=17 {
        other.add(sequence, 0, &event(0, fact(0, sequence)));
    }
    other.tie_to(Tie::of(11, 0, b""));
    let other = other.encode(STORE, None).expect("it is tied");
    let mixed = [&bytes[..PAGE_BYTES], &other[PAGE_BYTES..]].concat();
    let block = open(&mixed).expect("its first page is whole");
    assert!(block.sequences(&[Key::Sweep], &read(&mixed)).is_err());
    for length in [0, PAGE_BYTES - 1, PAGE_BYTES, 2 * PAGE_BYTES - 1] {
        assert!(open(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_block_has_so_many_events_and_no_more() {
    let mut draft = Draft::new(5);
    draft.add(5, 1, &event(1, fact(0, 1)));
    draft.add(4 + BLOCK_EVENTS_MAX, 2, &event(2, fact(0, 2)));
    draft.tie_to(Tie::of(5, 1, b""));
    let bytes = draft.encode(STORE, None).expect("it is tied");
    let block = open(&bytes).expect("whole");
    let find = |number: u128| {
        let key = Key::Session(SessionId::from_u128(number));
        block.sequences(&[key], &read(&bytes)).expect("whole")
    };
    assert_eq!((find(1), find(2)), (vec![5], vec![4 + BLOCK_EVENTS_MAX]));
    let one_more = std::panic::catch_unwind(move || draft.pass_to(5 + BLOCK_EVENTS_MAX));
    assert!(one_more.is_err());
}

#[test]
fn what_is_tied_to_nothing_is_no_block() {
    let mut draft = Draft::new(1);
    draft.pass_to(9);
    assert_eq!(draft.encode(STORE, None), None);
}

proptest! {
    /// Steps of sequence and time, and what each event is.
    #[test]
    fn draft_and_block_name_all_that_a_look_at_every_event_finds(
        events in prop::collection::vec((1..40_u64, 0..3_u64, any::<u8>(), 0..60_u64), 1..1_500),
    ) {
        let (mut draft, mut added, mut at) = (Draft::new(100), Vec::new(), (99, 1_000));
        for (step, step_ms, kind, number) in events {
            at = (at.0 + step, at.1 + step_ms);
            draft.add(at.0, at.1, &event(at.1, fact(kind, number)));
            added.push((at.0, at.1, kind % 5, number));
        }
        draft.tie_to(Tie::of(at.0, at.1, b""));
        let bytes = draft.encode(STORE, None).expect("it is tied");
        let block = open(&bytes).expect("whole");
        let find = |key: Key<'_>| block.sequences(&[key], &read(&bytes)).expect("whole");
        for number in 0..61 {
            let of = |kinds: &[u8], any: bool| -> Vec<u64> {
                let is_it = |(_, _, kind, other): &&(u64, u64, u8, u64)| {
                    kinds.contains(kind) && (any || *other == number)
                };
                added.iter().filter(is_it).map(|added| added.0).collect()
            };
            let name = format!("user {number}");
            let keys = [
                (Key::Session(SessionId::from_u128(number.into())), of(&[0, 1], false)),
                (Key::Token(digest(number)), of(&[0], false)),
                (Key::AllOf(&name), of(&[2], false)),
                (Key::Sweep, of(&[3], true)),
                (Key::Policy, of(&[4], true)),
            ];
            for (key, expected) in keys {
                prop_assert_eq!(&draft.sequences(&[key]), &expected);
                prop_assert_eq!(&find(key), &expected);
            }
        }
        // No record of that time is before the place to begin, and not many others are behind it.
        for time_ms in [0, 1_000, 1_001, at.1 / 2, at.1, at.1 + 1] {
            let begin = block.begin_for(time_ms);
            prop_assert_eq!(begin, draft.begin_for(time_ms));
            prop_assert!(added.iter().all(|added| added.0 >= begin || added.1 < time_ms));
            let first = added.iter().find(|added| added.1 >= time_ms).map_or(at.0, |added| added.0);
            prop_assert!(first - begin.min(first) <= 1_024 + 40, "{begin} for {first}");
        }
    }
}
