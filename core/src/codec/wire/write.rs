//! From an event to its wire form.

use bincode::{Encode, error::EncodeError};

use super::{
    BookmarkV2, CompactedV1, DataRemovedV1, DataSetV1, DeviceSetV1, HeadV1, ImportedV1,
    LoginFailedV1, MarkV2, OpenedV1, PolicySetV1, RuleV1, SalvagedV1, SessionCreatedV1,
    SessionReauthenticatedV1, SessionRefreshedV1, SessionRevokedV1, SessionTouchedV1,
    SessionUpgradedV1, SessionsExpiredV1, SubjectV1, TenantSetV1, TokenReuseDetectedV1,
    UserSessionsRevokedV1, code, kind, schema_of,
};
use crate::{Actor, Event, Fact, Mark, Policy, Rule, SessionId, Subject, codec::FROZEN};

/// Appends the event's wire form.
pub(in crate::codec) fn encode_into(event: &Event, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
    let kind = kind_of(&event.fact);
    bytes.extend_from_slice(&kind.to_le_bytes());
    bytes.extend_from_slice(&schema_of(kind).to_le_bytes());
    put(&head_of(event), bytes)?;
    put_fact(&event.fact, bytes)
}

fn put(value: &impl Encode, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
    bincode::encode_into_std_write(value, bytes, FROZEN).map(|_len| ())
}

fn kind_of(fact: &Fact) -> u16 {
    match fact {
        Fact::Opened { .. } => kind::OPENED,
        Fact::PolicySet { .. } => kind::POLICY_SET,
        Fact::SessionCreated { .. } => kind::SESSION_CREATED,
        Fact::SessionRefreshed { .. } => kind::SESSION_REFRESHED,
        Fact::SessionReauthenticated { .. } => kind::SESSION_REAUTHENTICATED,
        Fact::SessionUpgraded { .. } => kind::SESSION_UPGRADED,
        Fact::SessionRevoked { .. } => kind::SESSION_REVOKED,
        Fact::UserSessionsRevoked { .. } => kind::USER_SESSIONS_REVOKED,
        Fact::SessionsExpired { .. } => kind::SESSIONS_EXPIRED,
        Fact::DeviceSet { .. } => kind::DEVICE_SET,
        Fact::TenantSet { .. } => kind::TENANT_SET,
        Fact::DataSet { .. } => kind::DATA_SET,
        Fact::DataRemoved { .. } => kind::DATA_REMOVED,
        Fact::SessionTouched { .. } => kind::SESSION_TOUCHED,
        Fact::TokenReuseDetected { .. } => kind::TOKEN_REUSE_DETECTED,
        Fact::LoginFailed { .. } => kind::LOGIN_FAILED,
        Fact::Bookmark { .. } => kind::BOOKMARK,
        Fact::Compacted { .. } => kind::COMPACTED,
        Fact::Salvaged { .. } => kind::SALVAGED,
    }
}

/// The numbers of actors.
pub(super) mod actor {
    pub(crate) const USER: u8 = 1;
    pub(crate) const OPERATOR: u8 = 2;
    pub(crate) const SYSTEM: u8 = 3;
    pub(crate) const IMPORTER: u8 = 4;
}

fn head_of(event: &Event) -> HeadV1<'_> {
    let (actor, operator) = match &event.actor {
        Actor::User => (actor::USER, None),
        Actor::Operator(name) => (actor::OPERATOR, Some(&**name)),
        Actor::System => (actor::SYSTEM, None),
        Actor::Importer => (actor::IMPORTER, None),
    };
    HeadV1 {
        at_ms: event.at_ms,
        occurred_at_ms: event.occurred_at_ms,
        actor,
        operator,
        ip: event.origin.ip,
        user_agent: event.origin.user_agent.as_deref(),
        imported: event.origin.imported.as_ref().map(|imported| ImportedV1 {
            host: &imported.host,
            service: &imported.service,
            pid: imported.pid,
            remote_host: imported.remote_host.as_deref(),
        }),
        note: event.note.as_deref(),
        key: event.key.as_deref(),
    }
}

fn subject_of(subject: &Subject) -> SubjectV1<'_> {
    SubjectV1 { session: subject.session.as_u128(), user: &subject.user }
}

#[expect(
    clippy::too_many_lines,
    reason = "one short arm a kind: a missing kind would hide in parts"
)]
fn put_fact(fact: &Fact, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
    match fact {
        Fact::Opened { version, dropped_bytes } => {
            put(&OpenedV1 { version, dropped_bytes: *dropped_bytes }, bytes)
        }
        Fact::PolicySet { version, policy } => put(&policy_of(*version, policy), bytes),
        Fact::SessionCreated {
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
        } => {
            let wire = SessionCreatedV1 {
                subject: subject_of(subject),
                is_guest: *is_guest,
                digest: digest.map(|digest| *digest.as_bytes()),
                device: device.as_deref(),
                tenant: tenant.as_deref(),
                transport: code::of_transport(*transport),
                created_at_ms: *created_at_ms,
                lifetime_ms: *lifetime_ms,
                expires_at_ms: *expires_at_ms,
                absolute_at_ms: *absolute_at_ms,
            };
            put(&wire, bytes)
        }
        Fact::SessionRefreshed { subject, digest, generation, lifetime_ms, expires_at_ms } => {
            let wire = SessionRefreshedV1 {
                subject: subject_of(subject),
                digest: *digest.as_bytes(),
                generation: *generation,
                lifetime_ms: *lifetime_ms,
                expires_at_ms: *expires_at_ms,
            };
            put(&wire, bytes)
        }
        Fact::SessionReauthenticated { subject, amr, digest, generation, expires_at_ms } => {
            let wire = SessionReauthenticatedV1 {
                subject: subject_of(subject),
                amr: amr.as_str(),
                digest: *digest.as_bytes(),
                generation: *generation,
                expires_at_ms: *expires_at_ms,
            };
            put(&wire, bytes)
        }
        Fact::SessionUpgraded { subject, guest, rotated } => {
            let rotated = rotated.map(|(digest, generation)| (*digest.as_bytes(), generation));
            put(&SessionUpgradedV1 { subject: subject_of(subject), guest, rotated }, bytes)
        }
        Fact::SessionRevoked { subject, reason, rule, policy_version } => {
            let wire = SessionRevokedV1 {
                subject: subject_of(subject),
                reason: code::of_end_reason(*reason),
                rule: match rule {
                    Rule::Requested => RuleV1::Requested,
                    Rule::ReplacedBy(id) => RuleV1::ReplacedBy(id.as_u128()),
                    Rule::SessionsPerUser { limit, live } => RuleV1::SessionsPerUser(*limit, *live),
                },
                policy_version: *policy_version,
            };
            put(&wire, bytes)
        }
        Fact::UserSessionsRevoked { user, except, reason, ended } => {
            let wire = UserSessionsRevokedV1 {
                user,
                except: except.map(SessionId::as_u128),
                reason: code::of_end_reason(*reason),
                ended: *ended,
            };
            put(&wire, bytes)
        }
        Fact::SessionsExpired { effective_now_ms, ended, policy_version } => {
            let (effective_now_ms, ended, policy_version) =
                (*effective_now_ms, *ended, *policy_version);
            put(&SessionsExpiredV1 { effective_now_ms, ended, policy_version }, bytes)
        }
        Fact::DeviceSet { subject, device } => {
            put(&DeviceSetV1 { subject: subject_of(subject), device }, bytes)
        }
        Fact::TenantSet { subject, tenant } => {
            let tenant = tenant.as_deref();
            put(&TenantSetV1 { subject: subject_of(subject), tenant }, bytes)
        }
        Fact::DataSet { subject, key, value } => {
            put(&DataSetV1 { subject: subject_of(subject), key, value }, bytes)
        }
        Fact::DataRemoved { subject, key } => {
            put(&DataRemovedV1 { subject: subject_of(subject), key }, bytes)
        }
        Fact::SessionTouched { subject, expires_at_ms } => {
            let expires_at_ms = *expires_at_ms;
            put(&SessionTouchedV1 { subject: subject_of(subject), expires_at_ms }, bytes)
        }
        Fact::TokenReuseDetected {
            subject,
            presented_generation,
            current_generation,
            spent_at_ms,
            race_window_ms,
            policy_version,
            verdict,
        } => {
            let wire = TokenReuseDetectedV1 {
                subject: subject_of(subject),
                presented_generation: *presented_generation,
                current_generation: *current_generation,
                spent_at_ms: *spent_at_ms,
                race_window_ms: *race_window_ms,
                policy_version: *policy_version,
                verdict: code::of_verdict(*verdict),
            };
            put(&wire, bytes)
        }
        Fact::LoginFailed { user, reason, count } => {
            let reason = code::of_failure_reason(*reason);
            put(&LoginFailedV1 { user: user.as_deref(), reason, count: *count }, bytes)
        }
        Fact::Bookmark { name, mark } => put(&BookmarkV2 { name, mark: of_mark(*mark) }, bytes),
        Fact::Compacted { effective_now_ms, ended, policy_version } => {
            let (effective_now_ms, ended, policy_version) =
                (*effective_now_ms, *ended, *policy_version);
            put(&CompactedV1 { effective_now_ms, ended, policy_version }, bytes)
        }
        Fact::Salvaged { source, kept, lost, lost_records } => {
            let (source, kept, lost_records) = (*source, *kept, *lost_records);
            put(&SalvagedV1 { source, kept, lost: lost.clone(), lost_records }, bytes)
        }
    }
}

fn of_mark(mark: Mark) -> MarkV2 {
    match mark {
        Mark::Here => MarkV2::Here,
        Mark::Sequence(sequence) => MarkV2::Sequence(sequence),
        Mark::Time(time_ms) => MarkV2::Time(time_ms),
        Mark::Deleted => MarkV2::Deleted,
    }
}

fn policy_of(version: u32, policy: &Policy) -> PolicySetV1 {
    PolicySetV1 {
        version,
        idle_timeout_ms: policy.idle_timeout_ms,
        absolute_timeout_ms: policy.absolute_timeout_ms,
        sessions_per_user_max: policy.sessions_per_user_max,
        replay_window_ms: policy.replay_window_ms,
        race_window_ms: policy.race_window_ms,
        on_reuse: code::of_on_reuse(policy.on_reuse),
    }
}
