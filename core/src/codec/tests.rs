//! One event of every kind, and what must hold of their wire forms.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::{
    Actor, Amr, BookmarkName, DataKey, DeviceLabel, EndReason, Fact, FailureReason, IdempotencyKey,
    Imported, Mark, Note, OnReuse, OperatorName, Origin, Policy, ReuseVerdict, Rule, SessionId,
    Subject, TenantId, Text, TokenDigest, Transport, UserAgent, UserId,
};

pub(super) fn event_of(fact: Fact) -> Event {
    Event {
        at_ms: 1_795_180_244_010,
        occurred_at_ms: None,
        actor: Actor::User,
        origin: Origin::default(),
        note: None,
        key: None,
        fact,
    }
}

fn subject() -> Subject {
    Subject {
        session: SessionId::parse("01M7WH9B1A4TFF59TDWH9EDD1R").expect("a ULID"),
        user: UserId::new("u_1842").expect("short"),
    }
}

fn policy() -> Policy {
    Policy { sessions_per_user_max: 10, on_reuse: OnReuse::Refuse, ..Policy::default() }
}

/// One event of each kind, with every option there is taken once.
#[expect(clippy::too_many_lines, reason = "one sample a kind")]
fn samples() -> Vec<Event> {
    let (subject, digest) = (subject(), TokenDigest::from_bytes([0x5a; 32]));
    let created = Fact::SessionCreated {
        subject: subject.clone(),
        is_guest: false,
        digest: Some(digest),
        device: Some(DeviceLabel::new("Firefox on Linux").expect("short")),
        tenant: Some(TenantId::new("acme").expect("short")),
        transport: Transport::Cookie,
        created_at_ms: 1_795_180_244_010,
        lifetime_ms: 3_600_000,
        expires_at_ms: 1_795_183_844_010,
        absolute_at_ms: u64::MAX,
    };
    let facts = vec![
        Fact::Opened { version: "0.1.0".into(), dropped_bytes: 512 },
        Fact::PolicySet { version: 3, policy: policy() },
        created,
        Fact::SessionRefreshed {
            subject: subject.clone(),
            digest,
            generation: 2,
            lifetime_ms: 3_600_000,
            expires_at_ms: 1_795_183_844_011,
        },
        Fact::SessionUpgraded {
            subject: subject.clone(),
            guest: UserId::new("guest_00").expect("short"),
            rotated: Some((digest, 3)),
        },
        Fact::SessionRevoked {
            subject: subject.clone(),
            reason: EndReason::Evicted,
            rule: Rule::SessionsPerUser { limit: 10, live: 10 },
            policy_version: 3,
        },
        Fact::UserSessionsRevoked {
            user: subject.user.clone(),
            except: Some(subject.session),
            reason: EndReason::RevokedByUser,
            ended: 4,
        },
        Fact::SessionsExpired { effective_now_ms: 1_795_180_244_010, ended: 9, policy_version: 3 },
        Fact::DeviceSet {
            subject: subject.clone(),
            device: DeviceLabel::new("Fridge").expect("short"),
        },
        Fact::TenantSet { subject: subject.clone(), tenant: None },
        Fact::DataSet {
            subject: subject.clone(),
            key: DataKey::new("cart").expect("short"),
            value: "[1,2]".into(),
        },
        Fact::DataRemoved { subject: subject.clone(), key: DataKey::new("cart").expect("short") },
        Fact::SessionTouched { subject: subject.clone(), expires_at_ms: 1_795_183_844_012 },
        Fact::SessionReauthenticated {
            subject: subject.clone(),
            amr: Amr::new(["pwd", "otp"]).expect("two names"),
            digest,
            generation: 6,
            expires_at_ms: 1_795_183_844_013,
        },
        Fact::TokenReuseDetected {
            subject,
            presented_generation: 4,
            current_generation: 5,
            spent_at_ms: 1_795_180_000_000,
            race_window_ms: 10_000,
            policy_version: 3,
            verdict: ReuseVerdict::Ended,
        },
        Fact::LoginFailed {
            user: Some(UserId::new("root").expect("short")),
            reason: FailureReason::WrongPassword,
            count: 5,
        },
        Fact::Bookmark {
            name: BookmarkName::new("before-deploy").expect("short"),
            mark: Mark::Sequence(1_048_610),
        },
        Fact::Compacted { effective_now_ms: 1_795_180_244_010, ended: 7, policy_version: 3 },
        Fact::Salvaged {
            source: [0xa5; 16],
            kept: 1_204,
            lost: vec![(17, 17), (900, 1_015)],
            lost_records: 117,
        },
    ];
    facts.into_iter().map(event_of).collect()
}

fn bookmark(name: &str, mark: Mark) -> Fact {
    Fact::Bookmark { name: BookmarkName::new(name).expect("short"), mark }
}

fn full_head() -> Event {
    Event {
        occurred_at_ms: Some(1_118_761_261_000),
        actor: Actor::Operator(OperatorName::new("kim").expect("short")),
        origin: Origin {
            ip: Some("198.51.100.7".parse().expect("an address")),
            user_agent: Some(UserAgent::new("curl/8")),
            imported: Some(Imported {
                host: "combo".into(),
                service: "sshd".into(),
                pid: Some(19_939),
                remote_host: Some("host.example".into()),
            }),
        },
        note: Some(Note::new("INC-311").expect("short")),
        key: Some(IdempotencyKey::new("k1").expect("short")),
        ..event_of(bookmark("x", Mark::Here))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes it");
        text
    })
}

fn unhex(digits: &str) -> Vec<u8> {
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    let pairs = pairs.iter().map(|pair| str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
}

#[test]
fn nothing_is_recorded_before_it_happened() {
    let mut event = event_of(Fact::Opened { version: "0.1.0".into(), dropped_bytes: 0 });
    let at_ms = event.at_ms;
    for (occurred_at_ms, happened_ms) in
        [(None, at_ms), (Some(7), 7), (Some(at_ms + 9), at_ms), (Some(at_ms), at_ms)]
    {
        event.occurred_at_ms = occurred_at_ms;
        assert!(event.had_happened_by(happened_ms), "{occurred_at_ms:?}");
        assert!(!event.had_happened_by(happened_ms - 1), "{occurred_at_ms:?}");
    }
}

#[test]
fn a_glance_says_of_every_kind_what_reading_it_whole_says() {
    for mut event in samples() {
        for occurred_at_ms in [None, Some(7)] {
            event.occurred_at_ms = occurred_at_ms;
            let bytes = encode(&event).expect("small");
            assert_eq!(glance(&bytes).expect("an event"), Glance::of(&event), "{event:?}");
            assert!(glance(&bytes[..12]).is_err(), "{event:?}");
            for time_ms in [6, 7, event.at_ms - 1, event.at_ms, u64::MAX] {
                let happened = glance(&bytes).expect("an event").had_happened_by(time_ms);
                assert_eq!(happened, event.had_happened_by(time_ms), "{event:?} by {time_ms}");
            }
        }
    }
}

#[test]
fn a_glance_refuses_a_schema_of_another_time_as_reading_does() {
    for event in samples() {
        let bytes = encode(&event).expect("small");
        let (kind, schema, _) = split_head(&bytes).expect("a head");
        let mut later = bytes.clone();
        later[2..4].copy_from_slice(&(schema + 1).to_le_bytes());
        assert_eq!(split_head(&later).expect("a head").1, schema + 1);
        for refused in [glance(&later).map(drop), decode(&later).map(drop)] {
            assert!(
                matches!(refused, Err(CodecError::Unknown { kind: of, .. }) if of == kind),
                "{event:?}"
            );
        }
    }
}

/// The bytes of every kind, as released. A difference here breaks every ledger in the field: it
/// wants a new schema and an upcaster, never another golden file.
#[test]
fn every_kind_has_its_golden_bytes() {
    let mut found = String::new();
    for event in samples().into_iter().chain([full_head()]) {
        let bytes = encode(&event).expect("small");
        assert_eq!(decode(&bytes).expect("own bytes"), event);
        let name = if event.note.is_some() { "(full head)" } else { event.fact.kind() };
        writeln!(found, "{name} {}", hex(&bytes)).expect("a string takes it");
    }
    let golden = include_str!("golden.txt");
    let kinds: std::collections::BTreeSet<u16> = samples()
        .iter()
        .map(|event| split_head(&encode(event).expect("small")).expect("a head").0)
        .collect();
    assert_eq!(kinds, (1..=19).collect(), "one sample of every kind");
    assert!(found == golden, "the wire form changed; it is now:\n{found}");
}

/// The bytes of every schema that is not written any more, as released.
#[test]
fn an_older_schema_is_read_as_what_it_meant_and_never_written_again() {
    let golden = include_str!("golden_older.txt");
    let before = [event_of(bookmark("before-deploy", Mark::Here)), full_head()];
    assert_eq!(golden.lines().count(), before.len());
    for (line, today) in golden.lines().zip(before) {
        let (name, digits) = line.rsplit_once(' ').expect("a name and bytes");
        let bytes = unhex(digits);
        assert_eq!(decode(&bytes).expect("it was released"), today, "{name}");
        assert_eq!(glance(&bytes).expect("it was released"), Glance::of(&today), "{name}");
        let again = encode(&today).expect("small");
        assert_ne!(again, bytes, "{name}");
        assert_eq!(decode(&again).expect("own bytes"), today, "{name}");
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{name} cut at {len}");
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).is_err(), "{name} with a byte behind");
    }
}

#[test]
fn every_mark_of_a_bookmark_is_read_as_it_was_written() {
    for (mark, tail) in [
        (Mark::Here, &[0, 0, 0, 0][..]),
        (Mark::Sequence(7), &[1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]),
        (Mark::Time(8), &[2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]),
        (Mark::Deleted, &[3, 0, 0, 0]),
    ] {
        let event = event_of(bookmark("x", mark));
        let bytes = encode(&event).expect("small");
        assert_eq!(decode(&bytes).expect("own bytes"), event);
        assert!(bytes.ends_with(&[b"x", tail].concat()), "{mark:?}: {}", hex(&bytes));
    }
    let mut unknown = encode(&event_of(bookmark("x", Mark::Deleted))).expect("small");
    let at = unknown.len() - 4;
    unknown[at] = 4;
    assert!(matches!(decode(&unknown), Err(CodecError::Malformed { kind: 16, .. })));
}

#[test]
fn a_kind_or_schema_of_tomorrow_is_refused_by_name() {
    let bytes = encode(&full_head()).expect("small");
    for (at, value) in [(0, 20_u16), (0, 0), (2, 3), (2, u16::MAX)] {
        let mut newer = bytes.clone();
        newer[at..at + 2].copy_from_slice(&value.to_le_bytes());
        assert!(matches!(decode(&newer), Err(CodecError::Unknown { .. })), "{at} {value}");
    }
}

#[test]
fn a_length_that_asks_for_all_memory_is_refused() {
    let event = event_of(bookmark("x", Mark::Here));
    let mut bytes = encode(&event).expect("small");
    let at = bytes.len() - 13;
    bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(decode(&bytes), Err(CodecError::Malformed { kind: 16, .. })));
}

#[test]
fn lost_ranges_are_limited_and_end_after_they_begin() {
    let salvaged = |lost: Vec<(u64, u64)>| {
        let fact = Fact::Salvaged { source: [1; 16], kept: 0, lost, lost_records: 9 };
        decode(&encode(&event_of(fact)).expect("small"))
    };
    let most = crate::limits::SALVAGED_RANGES_MAX;
    assert!(salvaged(vec![(3, 3); most]).is_ok());
    assert!(salvaged(vec![(3, 3); most + 1]).is_err());
    assert!(salvaged(vec![(3, 2)]).is_err());
}

#[test]
fn every_prefix_and_every_longer_form_is_refused() {
    for event in samples() {
        let bytes = encode(&event).expect("small");
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{} cut at {len}", event.fact.kind());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(decode(&longer).is_err(), "{} with a byte behind", event.fact.kind());
    }
}

#[test]
fn an_event_at_the_size_limit_is_written_and_one_past_is_not() {
    let event_with = |len: usize| {
        let key = DataKey::new("k").expect("short");
        let value = Text::from("v".repeat(len));
        event_of(Fact::DataSet { subject: subject(), key, value })
    };
    let around = encode(&event_with(0)).expect("small").len();
    let at_limit = event_with(EVENT_BYTES_MAX - around);
    let bytes = encode(&at_limit).expect("at the limit");
    assert_eq!(bytes.len(), EVENT_BYTES_MAX);
    assert_eq!(decode(&bytes).expect("at the limit"), at_limit);
    let mut behind = vec![7];
    encode_into(&at_limit, &mut behind).expect("what is before it does not count");
    let mut buffer = vec![7];
    assert!(encode_into(&event_with(EVENT_BYTES_MAX - around + 1), &mut buffer).is_err());
    assert_eq!(buffer, [7], "the buffer is as it was");
}

proptest! {
    #[test]
    fn decoding_any_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _decoded = decode(&bytes);
    }

    #[test]
    fn a_changed_byte_gives_another_event_or_none(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let samples = samples();
        let event = pick.get(&samples);
        let mut bytes = encode(event).expect("small");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(other) = decode(&bytes) {
            prop_assert_ne!(&other, event);
            prop_assert_eq!(encode(&other).expect("small"), bytes, "one form for one event");
        }
    }
}
