//! The fold: the only code that changes state.
//!
//! It is total and takes no clock and no policy: whatever the journal says happened, happened, and
//! saying it again to an empty table gives the same state (invariants I5 and I6).

use std::sync::Arc;

use crate::{
    Actor, Amr, Completed, DataKey, Event, Fact, PolicyInForce, Renewal, ReuseVerdict, Session,
    SessionId, SessionState, SessionTable, Text, TokenDigest, session::STEP_UP_KEY,
};

/// Applies the event at `sequence` to the table.
#[expect(clippy::too_many_lines, reason = "one short arm a kind")]
pub fn apply(table: &mut impl SessionTable, sequence: u64, event: &Event) {
    let happened_at_ms = event.happened_at_ms();
    match &event.fact {
        Fact::PolicySet { version, policy } => table.set_policy(PolicyInForce {
            version: *version,
            since_sequence: sequence,
            policy: *policy,
        }),
        Fact::SessionCreated { .. } => {
            if let Some(state) = created(event) {
                table.put(state);
            }
        }
        Fact::SessionRefreshed { subject, digest, generation, lifetime_ms, expires_at_ms } => {
            let renewal = Renewal {
                last_active_at_ms: happened_at_ms,
                expires_at_ms: *expires_at_ms,
                lifetime_ms: Some(*lifetime_ms),
                token: Some((*digest, *generation)),
            };
            table.renew(subject.session, &renewal);
        }
        Fact::SessionReauthenticated { subject, amr, digest, generation, expires_at_ms } => {
            change(table, subject.session, Some((*digest, *generation, happened_at_ms)), |state| {
                state.session.expires_at_ms = *expires_at_ms;
                state.session.last_active_at_ms = happened_at_ms;
                let (key, value) = step_up(amr, happened_at_ms);
                Arc::make_mut(state.data.get_or_insert_default()).insert(key, value);
            });
        }
        Fact::SessionUpgraded { subject, rotated, .. } => {
            let rotated = rotated.map(|(digest, generation)| (digest, generation, happened_at_ms));
            change(table, subject.session, rotated, |state| {
                state.session.user_id = subject.user.text().clone();
                state.session.is_guest = false;
                state.session.last_active_at_ms = happened_at_ms;
            });
        }
        Fact::SessionTouched { subject, expires_at_ms } => {
            let renewal = Renewal {
                last_active_at_ms: happened_at_ms,
                expires_at_ms: *expires_at_ms,
                lifetime_ms: None,
                token: None,
            };
            table.renew(subject.session, &renewal);
        }
        Fact::DeviceSet { subject, device } => change(table, subject.session, None, |state| {
            state.session.device = Some(device.text().clone());
        }),
        Fact::TenantSet { subject, tenant } => change(table, subject.session, None, |state| {
            state.session.tenant_id = tenant.as_ref().map(|tenant| tenant.text().clone());
        }),
        Fact::DataSet { subject, key, value } => change(table, subject.session, None, |state| {
            Arc::make_mut(state.data.get_or_insert_default()).insert(key.clone(), value.clone());
        }),
        Fact::DataRemoved { subject, key } => {
            change(table, subject.session, None, |state| remove_data(state, key));
        }
        Fact::UserSessionsRevoked { user, except, .. } => table.remove_user(user, *except),
        Fact::SessionsExpired { effective_now_ms, .. }
        | Fact::Compacted { effective_now_ms, .. } => table.remove_expired(*effective_now_ms),
        Fact::SessionRevoked { subject, .. }
        | Fact::TokenReuseDetected { subject, verdict: ReuseVerdict::Ended, .. } => {
            table.remove(subject.session);
        }
        Fact::TokenReuseDetected {
            verdict: ReuseVerdict::Race | ReuseVerdict::Refused, ..
        }
        | Fact::Opened { .. }
        | Fact::LoginFailed { .. }
        | Fact::Bookmark { .. }
        | Fact::Salvaged { .. } => {}
    }
    remember_command(table, sequence, event);
    table.set_last_at_ms(event.at_ms);
}

/// The state that a login begins with.
fn created(event: &Event) -> Option<SessionState> {
    let Fact::SessionCreated {
        subject,
        is_guest,
        digest,
        device,
        tenant,
        transport,
        created_at_ms,
        lifetime_ms,
        expires_at_ms,
        absolute_at_ms,
    } = &event.fact
    else {
        return None;
    };
    Some(SessionState {
        session: Session {
            id: subject.session,
            user_id: subject.user.text().clone(),
            is_guest: *is_guest,
            created_at_ms: *created_at_ms,
            last_active_at_ms: *created_at_ms,
            expires_at_ms: *expires_at_ms,
            device: device.as_ref().map(|device| device.text().clone()),
            tenant_id: tenant.as_ref().map(|tenant| tenant.text().clone()),
            ip: event.origin.ip,
            user_agent: event.origin.user_agent.as_ref().map(|agent| agent.text().clone()),
            transport: *transport,
        },
        digest: *digest,
        generation: 1,
        lifetime_ms: *lifetime_ms,
        absolute_at_ms: *absolute_at_ms,
        data: None,
    })
}

/// What the session's data says of the last step-up. No name of a method needs an escape in JSON.
fn step_up(amr: &Amr, happened_at_ms: u64) -> (DataKey, Text) {
    let key = DataKey::new(STEP_UP_KEY).expect("a short name");
    let methods: Vec<_> = amr.methods().map(|method| format!("\"{method}\"")).collect();
    let methods = methods.join(",");
    (key, format!("{{\"auth_time_ms\":{happened_at_ms},\"amr\":[{methods}]}}").into())
}

/// Without its last key, a session has no data at all.
fn remove_data(state: &mut SessionState, key: &DataKey) {
    if let Some(data) = &mut state.data {
        Arc::make_mut(data).remove(key);
    }
    state.data.take_if(|data| data.is_empty());
}

/// Changes a session that is there; with a new token, its old one is spent from then on.
fn change(
    table: &mut impl SessionTable,
    id: SessionId,
    rotated: Option<(TokenDigest, u32, u64)>,
    change: impl FnOnce(&mut SessionState),
) {
    let Some(mut state) = table.session(id) else { return };
    let spent = rotated.and_then(|(digest, generation, spent_at_ms)| {
        state.rotate(digest, generation, spent_at_ms)
    });
    change(&mut state);
    table.put(state);
    if let Some(spent) = spent {
        table.spend(id, spent);
    }
}

/// An importer asks the journal itself what it has read before: its keys are not kept in memory.
fn remember_command(table: &mut impl SessionTable, sequence: u64, event: &Event) {
    let Some(key) = &event.key else { return };
    match event.actor {
        Actor::Importer => {}
        Actor::User | Actor::Operator(_) | Actor::System => table.complete(
            key.clone(),
            Completed {
                sequence,
                at_ms: event.at_ms,
                session: event.fact.subject().map(|subject| subject.session),
            },
        ),
    }
}
