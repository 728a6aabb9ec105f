//! Events, as `core/EVENTS.md` describes their bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use passbook::core::{
    Actor, Amr, BookmarkName, DataKey, DeviceLabel, EndReason, Event, Fact, FailureReason,
    IdempotencyKey, Imported, Mark, Note, OnReuse, OperatorName, Origin, Policy, ReuseVerdict,
    Rule, SessionId, Subject, TenantId, TokenDigest, Transport, UserAgent, UserId,
};

use super::bytes::{Broken, Input, count, ensure, size};

/// Most bytes of an event.
const EVENT_LEN_MAX: usize = 131_072;
const FITS: &str = "its length was checked";

/// Reads an event.
///
/// # Errors
/// If the bytes are none.
pub fn event(bytes: &[u8]) -> Result<Event, Broken> {
    ensure(bytes.len() <= EVENT_LEN_MAX, "an event is too long")?;
    let mut input = Input(bytes);
    let (kind, schema) = (input.u16()?, input.u16()?);
    ensure(schema == 1 || (schema == 2 && kind == 16), "its schema is unknown")?;
    let (at_ms, occurred_at_ms) = (input.u64()?, option(&mut input, Input::u64)?);
    let (actor, operator) = (input.u8()?, option(&mut input, |input| text(input, 1, 128))?);
    let actor = match (actor, operator) {
        (1, None) => Actor::User,
        (2, Some(name)) => Actor::Operator(OperatorName::new(name).expect(FITS)),
        (3, None) => Actor::System,
        (4, None) => Actor::Importer,
        _ => return Err(Broken("there is no such actor")),
    };
    let ip = option(&mut input, address)?;
    let user_agent = option(&mut input, |input| text(input, 0, 1_024))?;
    let imported = option(&mut input, imported)?;
    let note = option(&mut input, |input| text(input, 0, 1_024))?;
    let key = option(&mut input, |input| text(input, 1, 64))?;
    let fact = if kind == 16 { bookmark(schema, &mut input)? } else { fact(kind, &mut input)? };
    input.end()?;
    Ok(Event {
        at_ms,
        occurred_at_ms,
        actor,
        origin: Origin { ip, user_agent: user_agent.map(UserAgent::new), imported },
        note: note.map(|note| Note::new(note).expect(FITS)),
        key: key.map(|key| IdempotencyKey::new(key).expect(FITS)),
        fact,
    })
}

fn option<'a, T>(
    input: &mut Input<'a>,
    value: impl FnOnce(&mut Input<'a>) -> Result<T, Broken>,
) -> Result<Option<T>, Broken> {
    match input.u8()? {
        0 => Ok(None),
        1 => value(input).map(Some),
        _ => Err(Broken("neither there nor not there")),
    }
}

fn text<'a>(input: &mut Input<'a>, least: u64, most: u64) -> Result<&'a str, Broken> {
    let len = input.u64()?;
    ensure((least..=most).contains(&len), "a text has another length than it may have")?;
    let bytes = input.take(size(len)?)?;
    std::str::from_utf8(bytes).map_err(|_no_text| Broken("a text is not UTF-8"))
}

fn address(input: &mut Input<'_>) -> Result<IpAddr, Broken> {
    match input.u32()? {
        0 => Ok(IpAddr::V4(Ipv4Addr::from(input.array::<4>()?))),
        1 => Ok(IpAddr::V6(Ipv6Addr::from(input.array::<16>()?))),
        _ => Err(Broken("there is no such address")),
    }
}

fn imported(input: &mut Input<'_>) -> Result<Imported, Broken> {
    Ok(Imported {
        host: text(input, 0, 256)?.into(),
        service: text(input, 0, 256)?.into(),
        pid: option(input, Input::u32)?,
        remote_host: option(input, |input| text(input, 0, 256))?.map(Into::into),
    })
}

fn session(input: &mut Input<'_>) -> Result<SessionId, Broken> {
    Ok(SessionId::from_u128(u128::from_le_bytes(input.array()?)))
}

fn user(input: &mut Input<'_>) -> Result<UserId, Broken> {
    Ok(UserId::new(text(input, 1, 256)?).expect(FITS))
}

fn subject(input: &mut Input<'_>) -> Result<Subject, Broken> {
    Ok(Subject { session: session(input)?, user: user(input)? })
}

fn digest(input: &mut Input<'_>) -> Result<TokenDigest, Broken> {
    input.array().map(TokenDigest::from_bytes)
}

fn device(input: &mut Input<'_>) -> Result<DeviceLabel, Broken> {
    Ok(DeviceLabel::new(text(input, 0, 256)?).expect(FITS))
}

fn tenant(input: &mut Input<'_>) -> Result<TenantId, Broken> {
    Ok(TenantId::new(text(input, 1, 256)?).expect(FITS))
}

fn data_key(input: &mut Input<'_>) -> Result<DataKey, Broken> {
    Ok(DataKey::new(text(input, 1, 256)?).expect(FITS))
}

fn fact(kind: u16, input: &mut Input<'_>) -> Result<Fact, Broken> {
    match kind {
        1 => Ok(Fact::Opened { version: text(input, 0, 256)?.into(), dropped_bytes: input.u64()? }),
        2 => policy(input),
        7 => Ok(Fact::UserSessionsRevoked {
            user: user(input)?,
            except: option(input, session)?,
            reason: end_reason(input.u8()?)?,
            ended: input.u32()?,
        }),
        8 => Ok(Fact::SessionsExpired {
            effective_now_ms: input.u64()?,
            ended: input.u32()?,
            policy_version: input.u32()?,
        }),
        15 => Ok(Fact::LoginFailed {
            user: option(input, user)?,
            reason: failure_reason(input.u8()?)?,
            count: input.u32()?,
        }),
        17 => Ok(Fact::Compacted {
            effective_now_ms: input.u64()?,
            ended: input.u32()?,
            policy_version: input.u32()?,
        }),
        18 => salvaged(input),
        3..=6 | 9..=14 | 19 => {
            let subject = subject(input)?;
            of_session(kind, subject, input)
        }
        _ => Err(Broken("its kind is unknown")),
    }
}

fn bookmark(schema: u16, input: &mut Input<'_>) -> Result<Fact, Broken> {
    let name = BookmarkName::new(text(input, 1, 128)?).expect(FITS);
    if schema == 1 {
        return Ok(Fact::Bookmark { name, mark: Mark::Here });
    }
    let mark = match input.u32()? {
        0 => Mark::Here,
        1 => Mark::Sequence(input.u64()?),
        2 => Mark::Time(input.u64()?),
        3 => Mark::Deleted,
        _ => return Err(Broken("it names no such moment")),
    };
    Ok(Fact::Bookmark { name, mark })
}

fn of_session(kind: u16, subject: Subject, input: &mut Input<'_>) -> Result<Fact, Broken> {
    match kind {
        3 => created(subject, input),
        4 => Ok(Fact::SessionRefreshed {
            subject,
            digest: digest(input)?,
            generation: input.u32()?,
            lifetime_ms: input.u64()?,
            expires_at_ms: input.u64()?,
        }),
        19 => Ok(Fact::SessionReauthenticated {
            subject,
            amr: Amr::parse(text(input, 1, 256)?)
                .map_err(|_none| Broken("these are no methods"))?,
            digest: digest(input)?,
            generation: input.u32()?,
            expires_at_ms: input.u64()?,
        }),
        5 => Ok(Fact::SessionUpgraded {
            subject,
            guest: user(input)?,
            rotated: option(input, |input| Ok((digest(input)?, input.u32()?)))?,
        }),
        6 => Ok(Fact::SessionRevoked {
            subject,
            reason: end_reason(input.u8()?)?,
            rule: match input.u32()? {
                0 => Rule::Requested,
                1 => Rule::ReplacedBy(session(input)?),
                2 => Rule::SessionsPerUser { limit: input.u32()?, live: input.u32()? },
                _ => return Err(Broken("there is no such rule")),
            },
            policy_version: input.u32()?,
        }),
        9 => Ok(Fact::DeviceSet { subject, device: device(input)? }),
        10 => Ok(Fact::TenantSet { subject, tenant: option(input, tenant)? }),
        11 => Ok(Fact::DataSet {
            subject,
            key: data_key(input)?,
            value: text(input, 0, count(EVENT_LEN_MAX))?.into(),
        }),
        12 => Ok(Fact::DataRemoved { subject, key: data_key(input)? }),
        13 => Ok(Fact::SessionTouched { subject, expires_at_ms: input.u64()? }),
        14 => Ok(Fact::TokenReuseDetected {
            subject,
            presented_generation: input.u32()?,
            current_generation: input.u32()?,
            spent_at_ms: input.u64()?,
            race_window_ms: input.u64()?,
            policy_version: input.u32()?,
            verdict: verdict(input.u8()?)?,
        }),
        _ => Err(Broken("its kind is unknown")),
    }
}

fn created(subject: Subject, input: &mut Input<'_>) -> Result<Fact, Broken> {
    Ok(Fact::SessionCreated {
        subject,
        is_guest: match input.u8()? {
            0 => false,
            1 => true,
            _ => return Err(Broken("neither yes nor no")),
        },
        digest: option(input, digest)?,
        device: option(input, device)?,
        tenant: option(input, tenant)?,
        transport: match input.u8()? {
            1 => Transport::Token,
            2 => Transport::Cookie,
            3 => Transport::Jwt,
            4 => Transport::Imported,
            _ => return Err(Broken("there is no such transport")),
        },
        created_at_ms: input.u64()?,
        lifetime_ms: input.u64()?,
        expires_at_ms: input.u64()?,
        absolute_at_ms: input.u64()?,
    })
}

fn policy(input: &mut Input<'_>) -> Result<Fact, Broken> {
    let version = input.u32()?;
    let policy = Policy {
        idle_timeout_ms: input.u64()?,
        absolute_timeout_ms: input.u64()?,
        sessions_per_user_max: input.u32()?,
        replay_window_ms: input.u64()?,
        race_window_ms: input.u64()?,
        on_reuse: match input.u8()? {
            1 => OnReuse::EndSession,
            2 => OnReuse::Refuse,
            _ => return Err(Broken("there is no such rule for reuse")),
        },
    };
    Ok(Fact::PolicySet { version, policy })
}

fn salvaged(input: &mut Input<'_>) -> Result<Fact, Broken> {
    let (source, kept, ranges) = (input.array()?, input.u64()?, input.u64()?);
    ensure(ranges <= 1_000, "it names too many ranges")?;
    let mut lost = Vec::new();
    for _ in 0..ranges {
        let range = (input.u64()?, input.u64()?);
        ensure(range.0 <= range.1, "a range ends before it begins")?;
        lost.push(range);
    }
    Ok(Fact::Salvaged { source, kept, lost, lost_records: input.u64()? })
}

fn end_reason(code: u8) -> Result<EndReason, Broken> {
    Ok(match code {
        1 => EndReason::Logout,
        2 => EndReason::RevokedByUser,
        3 => EndReason::RevokedByAdmin,
        4 => EndReason::Replaced,
        5 => EndReason::Evicted,
        6 => EndReason::Fingerprint,
        7 => EndReason::TokenReuse,
        8 => EndReason::ExpiredIdle,
        9 => EndReason::ExpiredAbsolute,
        10 => EndReason::Imported,
        11 => EndReason::Erased,
        _ => return Err(Broken("there is no such reason")),
    })
}

fn failure_reason(code: u8) -> Result<FailureReason, Broken> {
    Ok(match code {
        1 => FailureReason::WrongPassword,
        2 => FailureReason::UnknownUser,
        3 => FailureReason::WrongCredential,
        4 => FailureReason::Denied,
        5 => FailureReason::Other,
        _ => return Err(Broken("there is no such reason")),
    })
}

fn verdict(code: u8) -> Result<ReuseVerdict, Broken> {
    Ok(match code {
        1 => ReuseVerdict::Race,
        2 => ReuseVerdict::Refused,
        3 => ReuseVerdict::Ended,
        _ => return Err(Broken("there is no such verdict")),
    })
}
