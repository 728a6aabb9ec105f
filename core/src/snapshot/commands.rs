//! The head: what a state holds beside sessions.

use super::{
    KIND_HEAD, SECTION_COMMANDS_MAX, SectionError, VERSION,
    bytes::{Bytes, u32_of},
    columns, over_limit, unzigzag, zigzag,
};
use crate::{
    Completed, IdempotencyKey, Policy, PolicyInForce, SessionId, codec::code,
    limits::IDEMPOTENCY_KEY_BYTES_MAX,
};

/// What is not about a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The policy in force.
    pub policy: PolicyInForce,
    /// When the last event was recorded, in Unix milliseconds; 0 = there is none.
    pub last_at_ms: u64,
    /// Outcomes of commands with an idempotency key, oldest first: all of them or, where there are
    /// several heads, a part.
    pub completed: Vec<(IdempotencyKey, Completed)>,
}

/// A head in its written form.
///
/// # Panics
/// If it has more than [`SECTION_COMMANDS_MAX`] commands.
pub fn encode_head(head: &Head) -> Vec<u8> {
    assert!(head.completed.len() <= SECTION_COMMANDS_MAX, "the caller splits heads");
    let PolicyInForce { version, since_sequence, policy } = head.policy;
    let mut bytes = vec![VERSION, KIND_HEAD];
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&since_sequence.to_le_bytes());
    bytes.extend_from_slice(&policy.idle_timeout_ms.to_le_bytes());
    bytes.extend_from_slice(&policy.absolute_timeout_ms.to_le_bytes());
    bytes.extend_from_slice(&policy.sessions_per_user_max.to_le_bytes());
    bytes.extend_from_slice(&policy.replay_window_ms.to_le_bytes());
    bytes.extend_from_slice(&policy.race_window_ms.to_le_bytes());
    bytes.push(code::of_on_reuse(policy.on_reuse));
    bytes.extend_from_slice(&head.last_at_ms.to_le_bytes());
    put_commands(&mut bytes, &head.completed);
    bytes
}

fn put_commands(bytes: &mut Vec<u8>, commands: &[(IdempotencyKey, Completed)]) {
    bytes.extend_from_slice(&u32_of(commands.len()).to_le_bytes());
    bytes.extend(commands.iter().map(|(_, completed)| u8::from(completed.session.is_some())));
    let (mut sequences, mut times) = (Vec::new(), Vec::new());
    let mut before = (0, 0);
    for (_, Completed { sequence, at_ms, .. }) in commands {
        sequences.push(zigzag(*sequence, before.0));
        times.push(zigzag(*at_ms, before.1));
        before = (*sequence, *at_ms);
    }
    columns::put(bytes, &sequences);
    columns::put(bytes, &times);
    for session in commands.iter().filter_map(|(_, completed)| completed.session) {
        bytes.extend_from_slice(&session.as_u128().to_le_bytes());
    }
    let lens: Vec<_> = commands.iter().map(|(key, _)| u64::from(u32_of(key.len()))).collect();
    columns::put(bytes, &lens);
    bytes.extend(commands.iter().flat_map(|(key, _)| key.as_bytes()));
}

impl Head {
    pub(super) fn read(bytes: &mut Bytes<'_>) -> Result<Self, SectionError> {
        let (version, since_sequence) = (bytes.u32()?, bytes.u64()?);
        let policy = Policy {
            idle_timeout_ms: bytes.u64()?,
            absolute_timeout_ms: bytes.u64()?,
            sessions_per_user_max: bytes.u32()?,
            replay_window_ms: bytes.u64()?,
            race_window_ms: bytes.u64()?,
            on_reuse: code::on_reuse(bytes.u8()?).map_err(|why| bytes.wrong(why.0))?,
        };
        let policy = PolicyInForce { version, since_sequence, policy };
        Ok(Self { policy, last_at_ms: bytes.u64()?, completed: take_commands(bytes)? })
    }
}

fn take_commands(bytes: &mut Bytes<'_>) -> Result<Vec<(IdempotencyKey, Completed)>, SectionError> {
    // A flag and a key of at least one byte each.
    let count = bytes.count(SECTION_COMMANDS_MAX, 2)?;
    let flags = bytes.take(count)?;
    let sequences = columns::take(bytes, count)?;
    let times = columns::take(bytes, count)?;
    let mut sessions = bytes.items::<16>(flags.iter().filter(|flag| **flag != 0).count())?.iter();
    let lens = columns::take_small(bytes, count, IDEMPOTENCY_KEY_BYTES_MAX)?;
    let (mut sequence, mut at_ms) = (0, 0);
    let mut commands = Vec::with_capacity(count);
    for (((flag, sequence_code), time_code), len) in
        flags.iter().zip(sequences).zip(times).zip(lens)
    {
        sequence = unzigzag(sequence_code, sequence);
        at_ms = unzigzag(time_code, at_ms);
        let session = match flag {
            0 => None,
            1 => sessions.next().map(|id| SessionId::from_u128(u128::from_le_bytes(*id))),
            other => return Err(bytes.wrong(format!("there is no flag {other}"))),
        };
        let key = str::from_utf8(bytes.take(len)?).map_err(|_bad| bytes.wrong("not UTF-8"))?;
        let key = IdempotencyKey::new(key).map_err(|error| over_limit(bytes.at(), &error))?;
        commands.push((key, Completed { sequence, at_ms, session }));
    }
    Ok(commands)
}
