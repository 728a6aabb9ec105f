//! From the wire form to an event. Every length and every number is checked again: the bytes may
//! have been written by anyone.

use bincode::BorrowDecode;

use super::{
    BookmarkV2, CompactedV1, DataRemovedV1, DataSetV1, DeviceSetV1, HeadV1, LoginFailedV1, MarkV2,
    OpenedV1, PolicySetV1, RuleV1, SalvagedV1, SessionCreatedV1, SessionReauthenticatedV1,
    SessionRefreshedV1, SessionRevokedV1, SessionTouchedV1, SessionUpgradedV1, SessionsExpiredV1,
    SubjectV1, TenantSetV1, TokenReuseDetectedV1, UserSessionsRevokedV1, code, kind, schema_of,
    write::actor,
};
use crate::{
    Actor, Amr, BookmarkName, DataKey, DeviceLabel, Event, Fact, IdempotencyKey, Imported, Mark,
    Note, OperatorName, Origin, Policy, Rule, SessionId, Subject, TenantId, Text, TokenDigest,
    UserAgent, UserId,
    codec::{FROZEN, Why, upcast},
    limits::{SALVAGED_RANGES_MAX, SOURCE_BYTES_MAX, USER_AGENT_BYTES_MAX},
    text::{LimitError, check_len},
};

/// The event of that kind and schema; `None` if this version does not know them.
pub(in crate::codec) fn decode(kind: u16, schema: u16, bytes: &[u8]) -> Result<Option<Event>, Why> {
    let (head, body) = take::<HeadV1<'_>>(bytes)?;
    let fact = if schema == schema_of(kind) {
        fact_of(kind, body)?
    } else {
        upcast::fact_of(kind, schema, body)?
    };
    fact.map(|fact| event_of(&head, fact)).transpose()
}

/// A value and the bytes behind it.
pub(super) fn take<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), Why> {
    let (value, len) = bincode::borrow_decode_from_slice(bytes, FROZEN)
        .map_err(|error| Why(format!("{error:?}")))?;
    let (_, rest) = bytes.split_at_checked(len).ok_or("the codec read past the end")?;
    Ok((value, rest))
}

/// A value that is all of the bytes.
pub(in crate::codec) fn whole<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Result<T, Why> {
    match take(bytes)? {
        (value, []) => Ok(value),
        (_, rest) => Err(Why(format!("{} bytes too many", rest.len()))),
    }
}

fn event_of(head: &HeadV1<'_>, fact: Fact) -> Result<Event, Why> {
    Ok(Event {
        at_ms: head.at_ms,
        occurred_at_ms: head.occurred_at_ms,
        actor: actor_of(head.actor, head.operator)?,
        origin: Origin {
            ip: head.ip,
            user_agent: head.user_agent.map(user_agent_of).transpose()?,
            imported: match &head.imported {
                None => None,
                Some(imported) => Some(Imported {
                    host: source_of(imported.host)?,
                    service: source_of(imported.service)?,
                    pid: imported.pid,
                    remote_host: imported.remote_host.map(source_of).transpose()?,
                }),
            },
        },
        note: head.note.map(Note::new).transpose()?,
        key: head.key.map(IdempotencyKey::new).transpose()?,
        fact,
    })
}

fn actor_of(code: u8, operator: Option<&str>) -> Result<Actor, Why> {
    match (code, operator) {
        (actor::USER, None) => Ok(Actor::User),
        (actor::OPERATOR, Some(name)) => Ok(Actor::Operator(OperatorName::new(name)?)),
        (actor::SYSTEM, None) => Ok(Actor::System),
        (actor::IMPORTER, None) => Ok(Actor::Importer),
        (code, _) => Err(Why(format!("there is no such actor as {code}"))),
    }
}

fn user_agent_of(text: &str) -> Result<UserAgent, LimitError> {
    check_len("the user agent", text.len(), 0, USER_AGENT_BYTES_MAX)?;
    Ok(UserAgent::new(text))
}

fn source_of(text: &str) -> Result<Text, LimitError> {
    check_len("the log's source", text.len(), 0, SOURCE_BYTES_MAX)?;
    Ok(text.into())
}

pub(in crate::codec) fn subject_of(subject: &SubjectV1<'_>) -> Result<Subject, LimitError> {
    Ok(Subject { session: SessionId::from_u128(subject.session), user: UserId::new(subject.user)? })
}

#[expect(
    clippy::too_many_lines,
    reason = "one short arm a kind: a missing kind would hide in parts"
)]
fn fact_of(kind: u16, body: &[u8]) -> Result<Option<Fact>, Why> {
    Ok(Some(match kind {
        kind::OPENED => {
            let wire: OpenedV1<'_> = whole(body)?;
            Fact::Opened { version: source_of(wire.version)?, dropped_bytes: wire.dropped_bytes }
        }
        kind::POLICY_SET => policy_set(&whole(body)?)?,
        kind::SESSION_CREATED => session_created(&whole(body)?)?,
        kind::SESSION_REFRESHED => {
            let wire: SessionRefreshedV1<'_> = whole(body)?;
            Fact::SessionRefreshed {
                subject: subject_of(&wire.subject)?,
                digest: TokenDigest::from_bytes(wire.digest),
                generation: wire.generation,
                lifetime_ms: wire.lifetime_ms,
                expires_at_ms: wire.expires_at_ms,
            }
        }
        kind::SESSION_REAUTHENTICATED => {
            let wire: SessionReauthenticatedV1<'_> = whole(body)?;
            Fact::SessionReauthenticated {
                subject: subject_of(&wire.subject)?,
                amr: Amr::parse(wire.amr).map_err(|error| Why(error.to_string()))?,
                digest: TokenDigest::from_bytes(wire.digest),
                generation: wire.generation,
                expires_at_ms: wire.expires_at_ms,
            }
        }
        kind::SESSION_UPGRADED => {
            let wire: SessionUpgradedV1<'_> = whole(body)?;
            let rotated = wire.rotated;
            Fact::SessionUpgraded {
                subject: subject_of(&wire.subject)?,
                guest: UserId::new(wire.guest)?,
                rotated: rotated.map(|(digest, number)| (TokenDigest::from_bytes(digest), number)),
            }
        }
        kind::SESSION_REVOKED => {
            let wire: SessionRevokedV1<'_> = whole(body)?;
            Fact::SessionRevoked {
                subject: subject_of(&wire.subject)?,
                reason: code::end_reason(wire.reason)?,
                rule: rule_of(&wire.rule),
                policy_version: wire.policy_version,
            }
        }
        kind::USER_SESSIONS_REVOKED => {
            let wire: UserSessionsRevokedV1<'_> = whole(body)?;
            Fact::UserSessionsRevoked {
                user: UserId::new(wire.user)?,
                except: wire.except.map(SessionId::from_u128),
                reason: code::end_reason(wire.reason)?,
                ended: wire.ended,
            }
        }
        kind::SESSIONS_EXPIRED => {
            let SessionsExpiredV1 { effective_now_ms, ended, policy_version } = whole(body)?;
            Fact::SessionsExpired { effective_now_ms, ended, policy_version }
        }
        kind::DEVICE_SET => {
            let wire: DeviceSetV1<'_> = whole(body)?;
            let subject = subject_of(&wire.subject)?;
            Fact::DeviceSet { subject, device: DeviceLabel::new(wire.device)? }
        }
        kind::TENANT_SET => {
            let wire: TenantSetV1<'_> = whole(body)?;
            let subject = subject_of(&wire.subject)?;
            Fact::TenantSet { subject, tenant: wire.tenant.map(TenantId::new).transpose()? }
        }
        kind::DATA_SET => {
            let wire: DataSetV1<'_> = whole(body)?;
            let subject = subject_of(&wire.subject)?;
            Fact::DataSet { subject, key: DataKey::new(wire.key)?, value: wire.value.into() }
        }
        kind::DATA_REMOVED => {
            let wire: DataRemovedV1<'_> = whole(body)?;
            let subject = subject_of(&wire.subject)?;
            Fact::DataRemoved { subject, key: DataKey::new(wire.key)? }
        }
        kind::SESSION_TOUCHED => {
            let wire: SessionTouchedV1<'_> = whole(body)?;
            let subject = subject_of(&wire.subject)?;
            Fact::SessionTouched { subject, expires_at_ms: wire.expires_at_ms }
        }
        kind::TOKEN_REUSE_DETECTED => {
            let wire: TokenReuseDetectedV1<'_> = whole(body)?;
            Fact::TokenReuseDetected {
                subject: subject_of(&wire.subject)?,
                presented_generation: wire.presented_generation,
                current_generation: wire.current_generation,
                spent_at_ms: wire.spent_at_ms,
                race_window_ms: wire.race_window_ms,
                policy_version: wire.policy_version,
                verdict: code::verdict(wire.verdict)?,
            }
        }
        kind::LOGIN_FAILED => {
            let wire: LoginFailedV1<'_> = whole(body)?;
            Fact::LoginFailed {
                user: wire.user.map(UserId::new).transpose()?,
                reason: code::failure_reason(wire.reason)?,
                count: wire.count,
            }
        }
        kind::BOOKMARK => {
            let wire: BookmarkV2<'_> = whole(body)?;
            Fact::Bookmark { name: BookmarkName::new(wire.name)?, mark: mark_of(&wire.mark) }
        }
        kind::COMPACTED => {
            let CompactedV1 { effective_now_ms, ended, policy_version } = whole(body)?;
            Fact::Compacted { effective_now_ms, ended, policy_version }
        }
        kind::SALVAGED => salvaged(whole(body)?)?,
        _ => return Ok(None),
    }))
}

fn salvaged(wire: SalvagedV1) -> Result<Fact, Why> {
    let SalvagedV1 { source, kept, lost, lost_records } = wire;
    check_len("the list of lost ranges", lost.len(), 0, SALVAGED_RANGES_MAX)?;
    if lost.iter().any(|(first, last)| first > last) {
        return Err("a lost range ends before it begins".into());
    }
    Ok(Fact::Salvaged { source, kept, lost, lost_records })
}

fn policy_set(wire: &PolicySetV1) -> Result<Fact, Why> {
    let policy = Policy {
        idle_timeout_ms: wire.idle_timeout_ms,
        absolute_timeout_ms: wire.absolute_timeout_ms,
        sessions_per_user_max: wire.sessions_per_user_max,
        replay_window_ms: wire.replay_window_ms,
        race_window_ms: wire.race_window_ms,
        on_reuse: code::on_reuse(wire.on_reuse)?,
    };
    Ok(Fact::PolicySet { version: wire.version, policy })
}

fn session_created(wire: &SessionCreatedV1<'_>) -> Result<Fact, Why> {
    Ok(Fact::SessionCreated {
        subject: subject_of(&wire.subject)?,
        is_guest: wire.is_guest,
        digest: wire.digest.map(TokenDigest::from_bytes),
        device: wire.device.map(DeviceLabel::new).transpose()?,
        tenant: wire.tenant.map(TenantId::new).transpose()?,
        transport: code::transport(wire.transport)?,
        created_at_ms: wire.created_at_ms,
        lifetime_ms: wire.lifetime_ms,
        expires_at_ms: wire.expires_at_ms,
        absolute_at_ms: wire.absolute_at_ms,
    })
}

fn mark_of(wire: &MarkV2) -> Mark {
    match wire {
        MarkV2::Here => Mark::Here,
        MarkV2::Sequence(sequence) => Mark::Sequence(*sequence),
        MarkV2::Time(time_ms) => Mark::Time(*time_ms),
        MarkV2::Deleted => Mark::Deleted,
    }
}

fn rule_of(wire: &RuleV1) -> Rule {
    match wire {
        RuleV1::Requested => Rule::Requested,
        RuleV1::ReplacedBy(id) => Rule::ReplacedBy(SessionId::from_u128(*id)),
        RuleV1::SessionsPerUser(limit, live) => {
            Rule::SessionsPerUser { limit: *limit, live: *live }
        }
    }
}
