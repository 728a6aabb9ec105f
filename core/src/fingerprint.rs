//! One number for a whole state: two states with the same fingerprint are the same.
//!
//! This is how a replay is compared with the live state (invariant I5), and a snapshot with what was
//! read back of it. Each session with its spent tokens is hashed by itself and the hashes are added
//! up, so the order does not matter and parts of a state can be summed apart, on several threads.
//!
//! It tells any difference in a session, a spent token, the policy or the time of the last event.
//! It does not tell of outcomes of commands that are remembered by idempotency key, nor of how a
//! table is laid out. It is made against accidents: someone who may choose a great many sessions
//! freely can find two sets of the same sum with far less work than a collision of SHA-256 takes.

use sha2::{Digest, Sha256};

use crate::{PolicyInForce, SessionState, SpentToken, WholeState, codec::code};

/// The sum, modulo 2^256, of the SHA-256 of each session with its spent tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FingerprintSum {
    /// The lowest 64 bits first.
    limbs: [u64; 4],
}

impl FingerprintSum {
    /// The sum of no session.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one session and its spent tokens, oldest first.
    pub fn add(&mut self, state: &SessionState, spent: &[SpentToken]) {
        let mut form = Vec::with_capacity(256);
        self.add_through(&mut form, state, spent);
    }

    /// The same, with a buffer to be used again; what is in it before and after has no meaning.
    pub fn add_through(&mut self, form: &mut Vec<u8>, state: &SessionState, spent: &[SpentToken]) {
        form.clear();
        put_session(form, state);
        for token in spent {
            form.extend_from_slice(token.digest.as_bytes());
            form.extend_from_slice(&token.generation.to_le_bytes());
            form.extend_from_slice(&token.spent_at_ms.to_le_bytes());
        }
        let hash: [u8; 32] = Sha256::digest(&form).into();
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(hash.as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        self.merge(&Self { limbs });
    }

    /// Adds the sessions of another sum.
    pub fn merge(&mut self, other: &Self) {
        let mut carry = false;
        for (limb, more) in self.limbs.iter_mut().zip(other.limbs) {
            let (sum, over) = limb.overflowing_add(more);
            let (sum, over_too) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || over_too;
        }
    }

    /// The fingerprint of the state with these sessions, this policy, and the last event recorded at
    /// `last_at_ms`.
    pub fn finish(&self, policy: &PolicyInForce, last_at_ms: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        for limb in self.limbs {
            hash.update(limb.to_le_bytes());
        }
        hash.update(policy.version.to_le_bytes());
        hash.update(policy.since_sequence.to_le_bytes());
        let rules = &policy.policy;
        for number in [
            rules.idle_timeout_ms,
            rules.absolute_timeout_ms,
            u64::from(rules.sessions_per_user_max),
            rules.replay_window_ms,
            rules.race_window_ms,
            u64::from(code::of_on_reuse(rules.on_reuse)),
            last_at_ms,
        ] {
            hash.update(number.to_le_bytes());
        }
        hash.finalize().into()
    }

    /// The fingerprint of these sessions alone: that of a state with the default policy and no event.
    pub fn finish_sessions(&self) -> [u8; 32] {
        self.finish(&PolicyInForce::default(), 0)
    }
}

/// The fingerprint of a state, in one call.
pub fn state_fingerprint(state: &impl WholeState) -> [u8; 32] {
    sum_of(state).finish(&state.policy(), state.last_at_ms())
}

/// The fingerprint of the sessions and their tokens alone, whatever the policy and the time of the
/// last event: what a state keeps when its sessions move to another ledger.
///
/// ```
/// use passbook_core::{State, sessions_fingerprint, state_fingerprint};
/// assert_eq!(sessions_fingerprint(&State::new()), state_fingerprint(&State::new()));
/// ```
pub fn sessions_fingerprint(state: &impl WholeState) -> [u8; 32] {
    sum_of(state).finish_sessions()
}

fn sum_of(state: &impl WholeState) -> FingerprintSum {
    let mut sum = FingerprintSum::new();
    for id in state.ids() {
        if let Some(session) = state.session(id) {
            sum.add(&session, &state.spent_tokens(id));
        }
    }
    sum
}

/// A form in which no two sessions are the same: each part is as long as it says itself, or as one
/// before it says. The shorter it is the better: SHA-256 takes time by the block of 64 bytes, and a
/// usual session fits into two with the 9 bytes of its own that it adds.
fn put_session(form: &mut Vec<u8>, state: &SessionState) {
    let session = &state.session;
    form.extend_from_slice(&session.id.as_u128().to_le_bytes());
    let created_at_ms = session.created_at_ms;
    for number in [
        created_at_ms,
        session.last_active_at_ms.wrapping_sub(created_at_ms),
        session.expires_at_ms.wrapping_sub(created_at_ms),
        state.lifetime_ms,
        state.absolute_at_ms.wrapping_sub(created_at_ms),
        u64::from(state.generation),
    ] {
        put_number(form, number);
    }
    let family = match session.ip {
        None => 0,
        Some(std::net::IpAddr::V4(_)) => 4,
        Some(std::net::IpAddr::V6(_)) => 6,
    };
    let has_digest = u8::from(state.digest.is_some());
    let flags = u8::from(session.is_guest) | has_digest << 1 | family << 2;
    form.extend([code::of_transport(session.transport), flags]);
    form.extend(state.digest.iter().flat_map(crate::TokenDigest::as_bytes));
    match session.ip {
        None => {}
        Some(std::net::IpAddr::V4(address)) => form.extend(address.octets()),
        Some(std::net::IpAddr::V6(address)) => form.extend(address.octets()),
    }
    put_text(form, Some(&session.user_id));
    for text in [&session.device, &session.tenant_id, &session.user_agent] {
        put_text(form, text.as_deref());
    }
    let data = state.data.as_deref();
    put_len(form, data.map(std::collections::BTreeMap::len));
    for (key, value) in data.into_iter().flatten() {
        put_text(form, Some(key));
        put_text(form, Some(value));
    }
}

fn put_text(form: &mut Vec<u8>, text: Option<&str>) {
    put_len(form, text.map(str::len));
    form.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// 0 for nothing, else one more than the length.
fn put_len(form: &mut Vec<u8>, len: Option<usize>) {
    let len = len.map_or(0, |len| u64::try_from(len).unwrap_or(u64::MAX).saturating_add(1));
    put_number(form, len);
}

/// Unsigned LEB128, as short as possible.
fn put_number(form: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            form.push(low);
            return;
        }
        form.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TokenDigest, state::tests::state_of};

    fn sum_of<'a>(states: impl IntoIterator<Item = &'a SessionState>) -> FingerprintSum {
        let mut sum = FingerprintSum::new();
        states.into_iter().for_each(|state| sum.add(state, &[]));
        sum
    }

    #[test]
    fn a_sum_is_the_same_in_any_order_and_in_parts() {
        let states: Vec<_> = (1..100).map(|number| state_of(number, "ann")).collect();
        let whole = sum_of(&states);
        assert_eq!(whole, sum_of(states.iter().rev()));
        let (left, right) = states.split_at(37);
        let mut parts = sum_of(left);
        parts.merge(&sum_of(right));
        assert_eq!(parts, whole);
        assert_ne!(sum_of(left), whole);
    }

    #[test]
    fn a_carry_runs_through_all_limbs() {
        let mut sum = FingerprintSum { limbs: [u64::MAX, u64::MAX, u64::MAX, 7] };
        sum.merge(&FingerprintSum { limbs: [1, 0, 0, 0] });
        assert_eq!(sum.limbs, [0, 0, 0, 8]);
        sum.merge(&FingerprintSum { limbs: [u64::MAX, u64::MAX, u64::MAX, u64::MAX] });
        assert_eq!(sum.limbs, [u64::MAX, u64::MAX, u64::MAX, 7], "plus 2^256 - 1 is minus 1");
    }

    #[test]
    fn every_part_of_a_state_counts() {
        let base = state_of(1, "ann");
        let spent = |generation| SpentToken {
            digest: TokenDigest::from_bytes([9; 32]),
            generation,
            spent_at_ms: 5,
        };
        let finish = |state: &SessionState, spent: &[SpentToken]| {
            let mut sum = FingerprintSum::new();
            sum.add(state, spent);
            sum.finish(&PolicyInForce::default(), 7)
        };
        let mut seen =
            vec![finish(&base, &[]), finish(&base, &[spent(1)]), finish(&base, &[spent(2)])];
        let changes: [fn(&mut SessionState); 17] = [
            |state| state.session.id = crate::SessionId::from_u128(2),
            |state| state.session.user_id = "bo".into(),
            |state| state.session.is_guest = true,
            |state| state.session.created_at_ms += 1,
            |state| state.session.last_active_at_ms += 1,
            |state| state.session.expires_at_ms += 1,
            |state| state.session.device = Some("".into()),
            |state| state.session.tenant_id = Some("".into()),
            |state| state.session.user_agent = Some("".into()),
            |state| state.session.ip = "192.0.2.7".parse().ok(),
            |state| state.session.ip = "::c000:207".parse().ok(),
            |state| state.data = Some(std::sync::Arc::default()),
            |state| state.session.transport = crate::Transport::Jwt,
            |state| state.digest = None,
            |state| state.generation += 1,
            |state| state.lifetime_ms += 1,
            |state| state.absolute_at_ms -= 1,
        ];
        for change in changes {
            let mut changed = base.clone();
            change(&mut changed);
            seen.push(finish(&changed, &[]));
        }
        let sum = sum_of([&base]);
        seen.push(sum.finish(&PolicyInForce { version: 1, ..PolicyInForce::default() }, 7));
        seen.push(sum.finish(&PolicyInForce::default(), 8));
        let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len());
    }
}
