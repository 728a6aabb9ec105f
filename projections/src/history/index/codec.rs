//! How lines and numbers are written as bytes: small, by hand, of one version (see `meta.rs`).
//!
//! Numbers are LEB128, texts have their length in front, an optional thing a byte that says
//! whether it is there. Reading takes untrusted bytes: it ends in `None`, never in a panic, and
//! allocates no more than the bytes that are there.

use std::net::IpAddr;

use passbook_core::Transport;
use passbook_core::{Actor, EndReason, FailureReason, OperatorName, ReuseVerdict, SessionId, Text};

use crate::history::entry::{HistoryEntry, HistoryKind};

/// Reads bytes from the front.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u64_be(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }

    pub(super) fn text(&mut self) -> Option<Text> {
        std::str::from_utf8(self.bytes()?).ok().map(Text::from)
    }

    pub(super) fn session(&mut self) -> Option<SessionId> {
        self.array().map(u128::from_le_bytes).map(SessionId::from_u128)
    }

    /// The outer `None` = bad bytes, the inner = there is no such thing.
    #[expect(clippy::option_option, reason = "three cases, and `?` takes the outer one away")]
    pub(super) fn maybe<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _bad => None,
        }
    }

    pub(super) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = self.number()?;
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(read(self)?);
        }
        Some(list)
    }

    pub(super) fn ip(&mut self) -> Option<IpAddr> {
        match self.byte()? {
            4 => self.array::<4>().map(IpAddr::from),
            6 => self.array::<16>().map(IpAddr::from),
            _bad => None,
        }
    }
}

/// Adds to bytes at the end.
pub(super) trait Put {
    fn number(&mut self, value: u64);
    fn bytes(&mut self, bytes: &[u8]);
    fn session(&mut self, id: SessionId);
    fn maybe<T>(&mut self, value: Option<&T>, put: impl FnOnce(&mut Self, &T));
    fn ip(&mut self, ip: &IpAddr);
}

impl Put for Vec<u8> {
    fn number(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                return self.push(low & 0x7f);
            }
            self.push(low | 0x80);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(count(bytes.len()));
        self.extend_from_slice(bytes);
    }

    fn session(&mut self, id: SessionId) {
        self.extend_from_slice(&id.as_u128().to_le_bytes());
    }

    fn maybe<T>(&mut self, value: Option<&T>, put: impl FnOnce(&mut Self, &T)) {
        self.push(u8::from(value.is_some()));
        if let Some(value) = value {
            put(self, value);
        }
    }

    fn ip(&mut self, ip: &IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                self.push(4);
                self.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                self.push(6);
                self.extend_from_slice(&ip.octets());
            }
        }
    }
}

/// A count as a number on disk.
pub(super) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

pub(super) fn text(bytes: &mut Vec<u8>, text: &Text) {
    bytes.bytes(text.as_bytes());
}

pub(super) fn put_entry(bytes: &mut Vec<u8>, entry: &HistoryEntry) {
    bytes.number(entry.sequence);
    bytes.number(entry.at_ms);
    // Nearly always the same moment: then it is 0.
    bytes.number(entry.recorded_at_ms.wrapping_sub(entry.at_ms));
    put_kind(bytes, &entry.kind);
    bytes.maybe(entry.session.as_ref(), |bytes, id| bytes.session(*id));
    put_actor(bytes, &entry.actor);
    bytes.maybe(entry.ip.as_ref(), Put::ip);
    for value in [&entry.remote_host, &entry.device, &entry.service, &entry.note] {
        bytes.maybe(value.as_ref(), text);
    }
}

pub(super) fn entry(reader: &mut Reader<'_>) -> Option<HistoryEntry> {
    let sequence = reader.number()?;
    let at_ms = reader.number()?;
    Some(HistoryEntry {
        sequence,
        at_ms,
        recorded_at_ms: reader.number()?.wrapping_add(at_ms),
        kind: kind(reader)?,
        session: reader.maybe(Reader::session)?,
        actor: actor(reader)?,
        ip: reader.maybe(Reader::ip)?,
        remote_host: reader.maybe(Reader::text)?,
        device: reader.maybe(Reader::text)?,
        service: reader.maybe(Reader::text)?,
        note: reader.maybe(Reader::text)?,
    })
}

/// A kind's number, and behind it what it carries. Enums stand by name: their order may change.
fn put_kind(bytes: &mut Vec<u8>, kind: &HistoryKind) {
    match kind {
        HistoryKind::Login { transport, is_guest } => {
            bytes.push(1);
            bytes.push(transport_code(*transport));
            bytes.push(u8::from(*is_guest));
        }
        HistoryKind::Refresh { count, last_at_ms } => {
            bytes.push(2);
            bytes.number(u64::from(*count));
            bytes.number(*last_at_ms);
        }
        HistoryKind::Upgrade { guest } => {
            bytes.push(3);
            text(bytes, guest);
        }
        HistoryKind::StepUp { amr } => {
            bytes.push(9);
            text(bytes, amr);
        }
        HistoryKind::Device => bytes.push(4),
        HistoryKind::Tenant(tenant) => {
            bytes.push(5);
            bytes.maybe(tenant.as_ref(), text);
        }
        HistoryKind::Reuse(verdict) => {
            bytes.push(6);
            bytes.bytes(verdict.as_str().as_bytes());
        }
        HistoryKind::Failure { reason, count } => {
            bytes.push(7);
            bytes.bytes(reason.as_str().as_bytes());
            bytes.number(u64::from(*count));
        }
        HistoryKind::End { reason, duration_ms } => {
            bytes.push(8);
            bytes.bytes(reason.as_str().as_bytes());
            bytes.number(*duration_ms);
        }
    }
}

fn kind(reader: &mut Reader<'_>) -> Option<HistoryKind> {
    Some(match reader.byte()? {
        1 => HistoryKind::Login {
            transport: transport(reader.byte()?)?,
            is_guest: reader.byte()? == 1,
        },
        2 => HistoryKind::Refresh { count: reader.small()?, last_at_ms: reader.number()? },
        3 => HistoryKind::Upgrade { guest: reader.text()? },
        4 => HistoryKind::Device,
        5 => HistoryKind::Tenant(reader.maybe(Reader::text)?),
        6 => HistoryKind::Reuse(ReuseVerdict::parse(&reader.text()?)?),
        7 => HistoryKind::Failure {
            reason: FailureReason::parse(&reader.text()?)?,
            count: reader.small()?,
        },
        8 => HistoryKind::End {
            reason: EndReason::parse(&reader.text()?)?,
            duration_ms: reader.number()?,
        },
        9 => HistoryKind::StepUp { amr: reader.text()? },
        _unknown => return None,
    })
}

fn transport_code(transport: Transport) -> u8 {
    match transport {
        Transport::Token => 1,
        Transport::Cookie => 2,
        Transport::Jwt => 3,
        Transport::Imported => 4,
    }
}

fn transport(code: u8) -> Option<Transport> {
    let all = [Transport::Token, Transport::Cookie, Transport::Jwt, Transport::Imported];
    all.into_iter().find(|transport| transport_code(*transport) == code)
}

fn put_actor(bytes: &mut Vec<u8>, actor: &Actor) {
    match actor {
        Actor::User => bytes.push(1),
        Actor::Operator(name) => {
            bytes.push(2);
            text(bytes, name.text());
        }
        Actor::System => bytes.push(3),
        Actor::Importer => bytes.push(4),
    }
}

fn actor(reader: &mut Reader<'_>) -> Option<Actor> {
    Some(match reader.byte()? {
        1 => Actor::User,
        2 => Actor::Operator(OperatorName::new(reader.text()?).ok()?),
        3 => Actor::System,
        4 => Actor::Importer,
        _unknown => return None,
    })
}
