//! Sessions into columns.

use std::net::IpAddr;

use super::{
    KIND_SESSIONS, SECTION_SESSIONS_MAX, SessionRecord, VERSION, bytes::u32_of, columns,
    texts::Texts, zigzag,
};
use crate::{SessionState, codec::code, policy::deadline, session::NEVER_MS};

/// Bits of a session's flags, above the code of its transport.
pub(super) mod flag {
    pub(crate) const TRANSPORT: u64 = 0b111;
    pub(crate) const GUEST: u64 = 1 << 3;
    pub(crate) const TOKEN: u64 = 1 << 4;
    pub(crate) const IPV4: u64 = 1 << 5;
    pub(crate) const IPV6: u64 = 1 << 6;
    pub(crate) const ABSOLUTE: u64 = 1 << 7;
    /// It has spent tokens or data.
    pub(crate) const MORE: u64 = 1 << 8;
    pub(crate) const ALL: u64 = (1 << 9) - 1;
}

/// Random bytes of an id; the time is above them.
pub(super) const RANDOM_BYTES: usize = 10;

/// When a session expires, if nothing out of the common happened to it.
pub(super) fn expected_expiry_ms(state: &SessionState) -> u64 {
    deadline(state.session.last_active_at_ms, state.lifetime_ms).min(state.absolute_at_ms)
}

/// Sessions in their written form: random bits of ids; texts; numbers of all; digests, addresses and
/// absolute timeouts of those that have one; spent tokens; data.
///
/// Any order of sessions will do; that of ids makes the form smallest.
///
/// # Panics
/// If there are more than [`SECTION_SESSIONS_MAX`].
pub fn encode_sessions(records: &[SessionRecord]) -> Vec<u8> {
    assert!(records.len() <= SECTION_SESSIONS_MAX, "the caller splits sections");
    let mut bytes = Vec::with_capacity(256 + records.len() * 96);
    bytes.extend([VERSION, KIND_SESSIONS]);
    bytes.extend_from_slice(&u32_of(records.len()).to_le_bytes());
    for (state, _) in records {
        bytes.extend(state.id().as_u128().to_le_bytes().iter().take(RANDOM_BYTES));
    }
    put_texts(&mut bytes, records);
    put_numbers(&mut bytes, records);
    put_optional(&mut bytes, records);
    put_spent(&mut bytes, records);
    put_data(&mut bytes, records);
    bytes
}

fn put_texts(bytes: &mut Vec<u8>, records: &[SessionRecord]) {
    let mut users = Texts::default();
    let mut codes = Vec::with_capacity(records.len());
    for (state, _) in records {
        // How many new users ago this one was new; 0 = it is now.
        let known = users.len();
        codes.push(u64::from(u32_of(known - users.place(&state.session.user_id))));
    }
    users.put(bytes);
    columns::put(bytes, &codes);
    put_labels(bytes, records, |state| state.session.device.as_deref());
    put_labels(bytes, records, |state| state.session.tenant_id.as_deref());
    put_labels(bytes, records, |state| state.session.user_agent.as_deref());
}

/// Texts that not all have: a place, counted from 1, or 0.
fn put_labels<'a>(
    bytes: &mut Vec<u8>,
    records: &'a [SessionRecord],
    label: impl Fn(&'a SessionState) -> Option<&'a str>,
) {
    let mut texts = Texts::default();
    let mut place = |text| u64::from(u32_of(texts.place(text))) + 1;
    let places: Vec<_> =
        records.iter().map(|(state, _)| label(state).map_or(0, &mut place)).collect();
    texts.put(bytes);
    columns::put(bytes, &places);
}

fn put_numbers(bytes: &mut Vec<u8>, records: &[SessionRecord]) {
    let mut put = |number: &dyn Fn(&SessionState) -> u64| {
        let values: Vec<_> = records.iter().map(|(state, _)| number(state)).collect();
        columns::put(bytes, &values);
    };
    let before_ms = std::cell::Cell::new(0);
    put(&|state| {
        let time_ms = state.id().time_ms();
        zigzag(time_ms, before_ms.replace(time_ms))
    });
    put(&|state| zigzag(state.session.created_at_ms, state.id().time_ms()));
    put(&|state| zigzag(state.session.last_active_at_ms, state.session.created_at_ms));
    put(&|state| state.lifetime_ms);
    put(&|state| u64::from(state.generation));
    let flags: Vec<_> = records.iter().map(flags_of).collect();
    columns::put(bytes, &flags);
}

fn flags_of((state, spent): &SessionRecord) -> u64 {
    let session = &state.session;
    let (is_v4, is_v6) = match session.ip {
        None => (false, false),
        Some(IpAddr::V4(_)) => (true, false),
        Some(IpAddr::V6(_)) => (false, true),
    };
    let flags = [
        (flag::GUEST, session.is_guest),
        (flag::TOKEN, state.digest.is_some()),
        (flag::IPV4, is_v4),
        (flag::IPV6, is_v6),
        (flag::ABSOLUTE, state.absolute_at_ms != NEVER_MS),
        (flag::MORE, !spent.is_empty() || state.data.is_some()),
    ];
    let set = flags.into_iter().filter_map(|(bit, is_set)| is_set.then_some(bit));
    set.fold(u64::from(code::of_transport(session.transport)), |bits, bit| bits | bit)
}

fn put_optional(bytes: &mut Vec<u8>, records: &[SessionRecord]) {
    let states = || records.iter().map(|(state, _)| state);
    let has_absolute = states().filter(|state| state.absolute_at_ms != NEVER_MS);
    let absolutes: Vec<_> = has_absolute
        .map(|state| zigzag(state.absolute_at_ms, state.session.created_at_ms))
        .collect();
    columns::put(bytes, &absolutes);
    // Behind both that it is reckoned from.
    let expiries: Vec<_> = states()
        .map(|state| zigzag(state.session.expires_at_ms, expected_expiry_ms(state)))
        .collect();
    columns::put(bytes, &expiries);
    for digest in states().filter_map(|state| state.digest) {
        bytes.extend_from_slice(digest.as_bytes());
    }
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for ip in states().filter_map(|state| state.session.ip) {
        match ip {
            IpAddr::V4(address) => v4.push(u64::from(address.to_bits())),
            IpAddr::V6(address) => v6.extend(address.octets()),
        }
    }
    columns::put(bytes, &v4);
    bytes.extend_from_slice(&v6);
}

/// The sessions that have spent tokens or data.
fn with_more(records: &[SessionRecord]) -> impl Iterator<Item = &SessionRecord> {
    records.iter().filter(|(state, spent)| !spent.is_empty() || state.data.is_some())
}

fn put_spent(bytes: &mut Vec<u8>, records: &[SessionRecord]) {
    let counts: Vec<_> =
        with_more(records).map(|(_, spent)| u64::from(u32_of(spent.len()))).collect();
    columns::put(bytes, &counts);
    let (mut generations, mut times) = (Vec::new(), Vec::new());
    for (state, spent) in records {
        for token in spent {
            bytes.extend_from_slice(token.digest.as_bytes());
            generations.push(zigzag(u64::from(token.generation), u64::from(state.generation)));
            times.push(zigzag(token.spent_at_ms, state.session.last_active_at_ms));
        }
    }
    columns::put(bytes, &generations);
    columns::put(bytes, &times);
}

fn put_data(bytes: &mut Vec<u8>, records: &[SessionRecord]) {
    let counts: Vec<_> = with_more(records)
        .map(|(state, _)| state.data.as_ref().map_or(0, |data| u64::from(u32_of(data.len())) + 1))
        .collect();
    columns::put(bytes, &counts);
    let mut keys = Texts::default();
    let (mut places, mut values) = (Vec::new(), Vec::new());
    for (key, value) in records.iter().filter_map(|(state, _)| state.data.as_deref()).flatten() {
        places.extend(u32_of(keys.place(key)).to_le_bytes());
        places.extend(u32_of(value.len()).to_le_bytes());
        values.extend_from_slice(value.as_bytes());
    }
    bytes.extend_from_slice(&places);
    keys.put(bytes);
    bytes.extend_from_slice(&values);
}
