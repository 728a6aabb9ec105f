//! One number for a whole state: two states are the same if and only if their fingerprints are.
//!
//! This is how a replay is compared with the live state (invariant I5).

use sha2::{Digest, Sha256};

use crate::{SessionState, WholeState};

/// SHA-256 over every session with its spent tokens, in the order of ids, and the policy in force.
pub fn state_fingerprint(state: &impl WholeState) -> [u8; 32] {
    let mut hash = Sha256::new();
    let policy = state.policy();
    hash.update(policy.version.to_le_bytes());
    hash.update(policy.since_sequence.to_le_bytes());
    hash.update(state.last_at_ms().to_le_bytes());
    for id in state.ids() {
        if let Some(session) = state.session(id) {
            add_session(&mut hash, &session);
        }
        for spent in state.spent_tokens(id) {
            hash.update(spent.digest.as_bytes());
            hash.update(spent.generation.to_le_bytes());
            hash.update(spent.spent_at_ms.to_le_bytes());
        }
    }
    hash.finalize().into()
}

fn add_session(hash: &mut Sha256, state: &SessionState) {
    let session = &state.session;
    hash.update(session.id.as_u128().to_le_bytes());
    for number in [
        session.created_at_ms,
        session.last_active_at_ms,
        session.expires_at_ms,
        state.lifetime_ms,
        state.absolute_at_ms,
        u64::from(state.generation),
        u64::from(session.is_guest),
    ] {
        hash.update(number.to_le_bytes());
    }
    hash.update(state.digest.map_or([0; 32], |digest| *digest.as_bytes()));
    // Debug text of small enums and of an address is unambiguous and needs no second wire form.
    add_text(hash, Some(&format!("{:?} {:?}", session.transport, session.ip)));
    add_text(hash, Some(&session.user_id));
    for text in [&session.device, &session.tenant_id, &session.user_agent] {
        add_text(hash, text.as_deref());
    }
    for (key, value) in state.data.iter().flat_map(|data| data.iter()) {
        add_text(hash, Some(key));
        add_text(hash, Some(value));
    }
}

fn add_text(hash: &mut Sha256, text: Option<&str>) {
    let len = text.map_or(u64::MAX, |text| u64::try_from(text.len()).unwrap_or(u64::MAX - 1));
    hash.update(len.to_le_bytes());
    hash.update(text.unwrap_or_default());
}
