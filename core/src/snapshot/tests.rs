//! Whatever state there is comes back, and whatever bytes there are do no harm.

use std::{net::IpAddr, sync::Arc};

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::{
    Completed, DataKey, FingerprintSum, IdempotencyKey, OnReuse, Policy, PolicyInForce, Session,
    SessionId, State, Text, TokenDigest, Transport, WholeState as _, state::tests::state_of,
    state_fingerprint,
};

fn decode_sessions(bytes: &[u8]) -> Vec<SessionRecord> {
    match decode(bytes).expect("own bytes") {
        Section::Sessions(sessions) => sessions.collect(),
        Section::Head(head) => panic!("a head: {head:?}"),
    }
}

fn decode_head(bytes: &[u8]) -> Head {
    match decode(bytes).expect("own bytes") {
        Section::Head(head) => head,
        Section::Sessions(sessions) => panic!("sessions: {sessions:?}"),
    }
}

fn times() -> impl Strategy<Value = u64> {
    prop_oneof![1_795_180_000_000..1_795_990_000_000_u64, any::<u64>(), select(vec![0, u64::MAX])]
}

fn texts(most: usize) -> impl Strategy<Value = Text> {
    prop_oneof![
        "user-[0-9]{1,3}".prop_map(Text::from),
        "\\PC{1,40}".prop_map(Text::from),
        Just("x".repeat(most).into()),
    ]
}

fn sessions() -> impl Strategy<Value = Session> {
    let transports = vec![Transport::Token, Transport::Cookie, Transport::Jwt, Transport::Imported];
    let labels = || option::of(texts(256));
    let ips = option::of(any::<IpAddr>());
    let who = (any::<u128>(), texts(256), any::<bool>(), select(transports), ips);
    let when = (times(), times(), times());
    (who, when, labels(), labels(), option::of(texts(1_024))).prop_map(
        |((id, user_id, is_guest, transport, ip), when, device, tenant_id, user_agent)| Session {
            id: SessionId::from_u128(id),
            user_id,
            is_guest,
            created_at_ms: when.0,
            last_active_at_ms: when.1,
            expires_at_ms: when.2,
            device,
            tenant_id,
            ip,
            user_agent,
            transport,
        },
    )
}

fn records() -> impl Strategy<Value = Vec<SessionRecord>> {
    let keys = || {
        prop_oneof!["[a-c]".prop_map(Text::from), texts(256)]
            .prop_map(|key| DataKey::new(key).expect("short"))
    };
    let data = prop::collection::btree_map(keys(), texts(2_000), 0..4).prop_map(Arc::new);
    let digests = || any::<[u8; 32]>().prop_map(TokenDigest::from_bytes);
    let spent = (digests(), any::<u32>(), times()).prop_map(|(digest, generation, spent_at_ms)| {
        SpentToken { digest, generation, spent_at_ms }
    });
    let numbers = (any::<u32>(), times(), times());
    let state = (sessions(), option::of(digests()), numbers, option::weighted(0.3, data));
    let state = state.prop_map(|(session, digest, numbers, data)| SessionState {
        session,
        digest,
        generation: numbers.0,
        lifetime_ms: numbers.1,
        absolute_at_ms: numbers.2,
        data,
    });
    vec((state, vec(spent, 0..3)), 0..20)
}

fn heads() -> impl Strategy<Value = Head> {
    let key = "[a-z0-9]{1,64}".prop_map(|key| IdempotencyKey::new(key).expect("short"));
    let command = (key, any::<u64>(), times(), option::of(any::<u128>()));
    let command = command.prop_map(|(key, sequence, at_ms, session)| {
        (key, Completed { sequence, at_ms, session: session.map(SessionId::from_u128) })
    });
    let policy = (any::<u32>(), any::<u64>(), any::<u32>(), any::<bool>());
    (policy, times(), vec(command, 0..20)).prop_map(|(numbers, last_at_ms, completed)| {
        let (version, since_sequence, sessions_per_user_max, refuses) = numbers;
        let on_reuse = if refuses { OnReuse::Refuse } else { OnReuse::EndSession };
        let policy = Policy { sessions_per_user_max, on_reuse, ..Policy::default() };
        Head { policy: PolicyInForce { version, since_sequence, policy }, last_at_ms, completed }
    })
}

proptest! {
    #[test]
    fn sessions_come_back_as_they_were(records in records()) {
        let bytes = encode_sessions(&records);
        prop_assert_eq!(decode_sessions(&bytes), records);
    }

    #[test]
    fn a_head_comes_back_as_it_was(head in heads()) {
        prop_assert_eq!(decode_head(&encode_head(&head)), head);
    }

    #[test]
    fn sections_make_the_state_again(records in records(), head in heads()) {
        let mut state = State::new();
        for section in [encode_head(&head), encode_sessions(&records)] {
            restore(&mut state, &section).expect("own bytes");
        }
        let mut sum = FingerprintSum::new();
        for (state, spent) in &records {
            sum.add(state, spent);
        }
        prop_assert_eq!(state.len(), records.len());
        prop_assert_eq!(sum.finish(&head.policy, head.last_at_ms), state_fingerprint(&state));
        for (session, spent) in &records {
            prop_assert_eq!(&state.spent_tokens(session.id()), spent);
        }
    }

    #[test]
    fn decoding_any_bytes_never_panics(kind in 0..4_u8, bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(Section::Sessions(sessions)) = decode(&[&[1, kind], &bytes[..]].concat()) {
            prop_assert!(sessions.count() <= bytes.len());
        }
    }

    #[test]
    fn a_section_that_was_changed_or_cut_never_panics(records in records(), at: prop::sample::Index, byte: u8) {
        let mut bytes = encode_sessions(&records);
        let at = at.index(bytes.len());
        prop_assert!(decode(&bytes[..at]).is_err(), "cut at {}", at);
        bytes[at] = byte;
        if let Ok(Section::Sessions(sessions)) = decode(&bytes) {
            let _made: Vec<_> = sessions.collect();
        }
        bytes.push(0);
        prop_assert!(decode(&bytes).is_err(), "with a byte behind");
    }

    #[test]
    fn a_head_that_was_changed_or_cut_never_panics(head in heads(), at: prop::sample::Index, byte: u8) {
        let mut bytes = encode_head(&head);
        let at = at.index(bytes.len());
        prop_assert!(decode(&bytes[..at]).is_err());
        bytes[at] = byte;
        let _decoded = decode(&bytes);
    }

    #[test]
    fn zigzag_and_back_is_the_same(value: u64, near: u64) {
        prop_assert_eq!(unzigzag(zigzag(value, near), near), value);
    }
}

#[test]
fn a_user_id_is_replaced_by_the_same_text_and_by_no_other() {
    let user = "a user id that is too long to be kept in place";
    let records = [1, 2].map(|number| (state_of(number, user), Vec::new()));
    let section = encode_sessions(&records);
    let replaced = |known: &str| {
        let Ok(Section::Sessions(mut sessions)) = decode(&section) else { panic!("sessions") };
        let known = Text::from(known);
        sessions.replace_users(|_| Some(known.clone()));
        let is_shared = |text: &Text| std::ptr::eq(text.as_str(), known.as_str());
        let texts: Vec<_> = sessions.map(|(state, _)| state.session.user_id).collect();
        assert!(texts.iter().all(|text| *text == *user));
        texts.iter().filter(|text| is_shared(text)).count()
    };
    assert_eq!(replaced(user), 2);
    assert_eq!(replaced("another"), 0);
}

#[test]
fn near_numbers_are_small() {
    let codes = [0, -1, 1, -2].map(|step| zigzag(100_u64.wrapping_add_signed(step), 100));
    assert_eq!(codes, [0, 1, 2, 3]);
}

#[test]
fn a_count_that_asks_for_all_memory_is_refused() {
    let bytes = [&[1, 1][..], &u32::MAX.to_le_bytes(), &[0; 64]].concat();
    assert!(matches!(decode(&bytes), Err(SectionError::Malformed { at: 6, .. })));
    let mut head = encode_head(&Head::default());
    let at = 2 + 4 + 8 + 8 + 8 + 4 + 8 + 8 + 1 + 8;
    head[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(decode(&head), Err(SectionError::Malformed { .. })));
}

#[test]
fn a_version_or_kind_of_tomorrow_is_refused_by_name() {
    let newer = SectionError::Unknown { version: 2, kind: 1 };
    assert_eq!(decode(&[2, 1]).expect_err("newer"), newer);
    assert!(matches!(decode(&[1, 3]), Err(SectionError::Unknown { kind: 3, .. })));
    assert!(matches!(decode(&[1]), Err(SectionError::Malformed { at: 1, .. })));
}

/// The bytes of a section, as released. A difference here makes every snapshot in the field
/// unreadable: it wants a new version, never another golden file.
#[test]
fn a_section_has_its_golden_bytes() {
    let plain = state_of(7, "ann");
    let mut full = state_of(9, "anna");
    full.session.id = SessionId::from_parts(1_000, 0x0102_0304_0506_0708_090a);
    full.session.device = Some("Fridge".into());
    full.session.tenant_id = Some("acme".into());
    full.session.user_agent = Some("curl/8".into());
    full.session.ip = "192.0.2.7".parse().ok();
    full.session.transport = Transport::Cookie;
    full.session.is_guest = true;
    full.session.last_active_at_ms = 2_000;
    full.absolute_at_ms = 12_345;
    full.generation = 3;
    let key = DataKey::new("cart").expect("short");
    full.data = Some(Arc::new([(key, Text::from("[1]"))].into()));
    let spent = SpentToken {
        digest: TokenDigest::from_bytes([0xee; 32]),
        generation: 2,
        spent_at_ms: 2_000,
    };
    let records = [(plain, Vec::new()), (full, vec![spent])];
    let bytes = encode_sessions(&records);
    assert_eq!(decode_sessions(&bytes), records);
    let hex = crate::codec::tests::hex(&bytes);
    assert!(hex == include_str!("golden.txt").trim_end(), "the form changed; it is now:\n{hex}");
}
