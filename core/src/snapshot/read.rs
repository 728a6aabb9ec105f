//! Sessions out of columns.

mod beside;

use std::{net::IpAddr, slice, vec};

use self::beside::Beside;
use super::{
    SECTION_SESSIONS_MAX, SectionError, SessionRecord,
    bytes::Bytes,
    columns, malformed,
    texts::{self, Kind},
    unzigzag,
    write::{RANDOM_BYTES, expected_expiry_ms, flag},
};
use crate::{
    Session, SessionId, SessionState, Text, TokenDigest, Transport, codec::code, limits,
    session::NEVER_MS,
};

const USER: Kind = Kind { what: "the user id", bytes_min: 1, bytes_max: limits::USER_ID_BYTES_MAX };
const DEVICE: Kind =
    Kind { what: "the device label", bytes_min: 0, bytes_max: limits::DEVICE_BYTES_MAX };
const TENANT: Kind =
    Kind { what: "the tenant id", bytes_min: 1, bytes_max: limits::TENANT_BYTES_MAX };
const AGENT: Kind =
    Kind { what: "the user agent", bytes_min: 0, bytes_max: limits::USER_AGENT_BYTES_MAX };

/// The sessions of a section, which was checked whole; each is made when it is asked for.
#[derive(Debug)]
pub struct Sessions<'a> {
    randoms: slice::Iter<'a, [u8; RANDOM_BYTES]>,
    users: Labels,
    devices: Labels,
    tenants: Labels,
    agents: Labels,
    times: vec::IntoIter<u64>,
    created: vec::IntoIter<u64>,
    active: vec::IntoIter<u64>,
    lifetimes: vec::IntoIter<u64>,
    generations: vec::IntoIter<u32>,
    flags: vec::IntoIter<(u64, Transport)>,
    absolutes: vec::IntoIter<u64>,
    expiries: vec::IntoIter<u64>,
    digests: slice::Iter<'a, [u8; 32]>,
    v4: vec::IntoIter<u32>,
    v6: slice::Iter<'a, [u8; 16]>,
    beside: Beside<'a>,
}

/// A table of texts, and for each session its place in it, counted from 1; 0 = none.
#[derive(Debug)]
struct Labels {
    texts: Vec<Text>,
    places: vec::IntoIter<usize>,
}

impl Labels {
    fn next(&mut self) -> Option<Text> {
        self.texts.get(self.places.next()?.checked_sub(1)?).cloned()
    }

    fn take(bytes: &mut Bytes<'_>, len: usize, kind: Kind) -> Result<Self, SectionError> {
        let texts = texts::take(bytes, len, kind)?;
        let places = columns::take_small(bytes, len, texts.len())?.into_iter();
        Ok(Self { texts, places })
    }

    /// Users: every session has one, and most are new.
    fn take_users(bytes: &mut Bytes<'_>, len: usize) -> Result<Self, SectionError> {
        let texts = texts::take(bytes, len, USER)?;
        let at = bytes.at();
        let mut places = columns::take_small(bytes, len, texts.len())?;
        let mut known = 0_usize;
        for code in &mut places {
            let place = known.checked_sub(*code).filter(|place| *place < texts.len());
            let place = place.ok_or_else(|| malformed(at, "a session without a user"))?;
            known += usize::from(*code == 0);
            *code = place + 1;
        }
        Ok(Self { texts, places: places.into_iter() })
    }
}

impl<'a> Sessions<'a> {
    pub(super) fn read(bytes: &mut Bytes<'a>) -> Result<Self, SectionError> {
        let len = bytes.count(SECTION_SESSIONS_MAX, RANDOM_BYTES)?;
        let randoms = bytes.items(len)?.iter();
        let users = Labels::take_users(bytes, len)?;
        let devices = Labels::take(bytes, len, DEVICE)?;
        let tenants = Labels::take(bytes, len, TENANT)?;
        let agents = Labels::take(bytes, len, AGENT)?;
        let times = take_times(bytes, len)?;
        let created = columns::take(bytes, len)?.into_iter();
        let active = columns::take(bytes, len)?.into_iter();
        let lifetimes = columns::take(bytes, len)?.into_iter();
        let generations = take_u32(bytes, len)?;
        let flags = take_flags(bytes, len)?;
        let count = |bit| flags.iter().filter(|(bits, _)| bits & bit != 0).count();
        let absolutes = columns::take(bytes, count(flag::ABSOLUTE))?.into_iter();
        let expiries = columns::take(bytes, len)?.into_iter();
        let digests = bytes.items(count(flag::TOKEN))?.iter();
        let v4 = take_u32(bytes, count(flag::IPV4))?;
        let v6 = bytes.items(count(flag::IPV6))?.iter();
        let beside = Beside::read(bytes, count(flag::MORE))?;
        let flags = flags.into_iter();
        Ok(Self {
            randoms,
            users,
            devices,
            tenants,
            agents,
            times,
            created,
            active,
            lifetimes,
            generations,
            flags,
            absolutes,
            expiries,
            digests,
            v4,
            v6,
            beside,
        })
    }

    /// Puts other texts with the same content in the place of user ids, where `shared` has one:
    /// long ones that are known can so be shared. Asks once for each user of the section.
    pub fn replace_users(&mut self, shared: impl Fn(&Text) -> Option<Text>) {
        for text in &mut self.users.texts {
            if let Some(known) = shared(text).filter(|known| known == text) {
                *text = known;
            }
        }
    }

    /// When a session was opened, is beyond extension, and was last active; by its flags, and with
    /// the time of its id.
    fn state(&mut self) -> Option<(SessionState, bool)> {
        let (bits, transport) = self.flags.next()?;
        let has = |bit| bits & bit != 0;
        let time_ms = self.times.next()?;
        let created_at_ms = unzigzag(self.created.next()?, time_ms);
        let ip = if has(flag::IPV4) {
            Some(IpAddr::from(self.v4.next()?.to_be_bytes()))
        } else if has(flag::IPV6) {
            Some(IpAddr::from(*self.v6.next()?))
        } else {
            None
        };
        let digest = if has(flag::TOKEN) { Some(*self.digests.next()?) } else { None };
        let absolute_at_ms = if has(flag::ABSOLUTE) {
            unzigzag(self.absolutes.next()?, created_at_ms)
        } else {
            NEVER_MS
        };
        let mut state = SessionState {
            session: Session {
                id: id_of(time_ms, self.randoms.next()?),
                user_id: self.users.next()?,
                is_guest: has(flag::GUEST),
                created_at_ms,
                last_active_at_ms: unzigzag(self.active.next()?, created_at_ms),
                expires_at_ms: NEVER_MS,
                device: self.devices.next(),
                tenant_id: self.tenants.next(),
                ip,
                user_agent: self.agents.next(),
                transport,
            },
            digest: digest.map(TokenDigest::from_bytes),
            generation: self.generations.next()?,
            lifetime_ms: self.lifetimes.next()?,
            absolute_at_ms,
            data: None,
        };
        state.session.expires_at_ms = unzigzag(self.expiries.next()?, expected_expiry_ms(&state));
        Some((state, has(flag::MORE)))
    }
}

impl Iterator for Sessions<'_> {
    type Item = SessionRecord;

    fn next(&mut self) -> Option<SessionRecord> {
        let (mut state, has_more) = self.state()?;
        let mut spent = Vec::new();
        if has_more {
            self.beside.add_to(&mut state, &mut spent);
        }
        Some((state, spent))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.randoms.size_hint()
    }
}

impl ExactSizeIterator for Sessions<'_> {}

fn id_of(time_ms: u64, random: &[u8; RANDOM_BYTES]) -> SessionId {
    let mut wide = [0; 16];
    for (byte, value) in wide.iter_mut().zip(random) {
        *byte = *value;
    }
    SessionId::from_parts(time_ms, u128::from_le_bytes(wide))
}

/// The times of ids: 48 bits each.
fn take_times(bytes: &mut Bytes<'_>, len: usize) -> Result<vec::IntoIter<u64>, SectionError> {
    let at = bytes.at();
    let mut times = columns::take(bytes, len)?;
    let mut before_ms = 0;
    for time in &mut times {
        *time = unzigzag(*time, before_ms);
        before_ms = *time;
        if *time >= 1 << 48 {
            return Err(malformed(at, "an id's time is over 48 bits"));
        }
    }
    Ok(times.into_iter())
}

fn take_u32(bytes: &mut Bytes<'_>, len: usize) -> Result<vec::IntoIter<u32>, SectionError> {
    let at = bytes.at();
    let values = columns::take(bytes, len)?;
    let small: Result<Vec<_>, _> = values.into_iter().map(u32::try_from).collect();
    Ok(small.map_err(|error| malformed(at, error.to_string()))?.into_iter())
}

fn take_flags(bytes: &mut Bytes<'_>, len: usize) -> Result<Vec<(u64, Transport)>, SectionError> {
    const BOTH: u64 = flag::IPV4 | flag::IPV6;
    let at = bytes.at();
    let flags = columns::take(bytes, len)?.into_iter().map(|bits| {
        if bits > flag::ALL || bits & BOTH == BOTH {
            return Err(malformed(at, format!("there are no flags {bits:#x}")));
        }
        let code = u8::try_from(bits & flag::TRANSPORT).expect("three bits");
        Ok((bits, code::transport(code).map_err(|why| malformed(at, why.0))?))
    });
    flags.collect()
}
