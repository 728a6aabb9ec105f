//! What is kept of a user: the head, with counts, the newest lines and the open sessions.
//!
//! Nearly every event of a user changes only the head, so nearly every event costs one record. What
//! the head has no room for goes into chunks: older lines, and sessions beyond the first few.

use std::net::IpAddr;

use passbook_core::{Session, SessionId, SessionState, Text, Transport, session::NEVER_MS};

use super::{
    codec::{Put, Reader, count, entry, put_entry, text},
    error::{HistoryError, doubt},
    lines::LINES_PER_CHUNK,
};
use crate::history::entry::{HistoryEntry, HistoryKind};

/// Open sessions of one chunk; the first chunk is in the head.
pub(super) const SESSIONS_PER_CHUNK: usize = 16;
const MINUTE_MS: u64 = 60_000;

/// An open session, as far as history needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) id: SessionId,
    pub(super) created_at_ms: u64,
    pub(super) expires_at_ms: u64,
    pub(super) absolute_at_ms: u64,
    pub(super) ip: Option<IpAddr>,
    pub(super) device: Option<Text>,
    pub(super) user_agent: Option<Text>,
    /// The number of the line that its refreshes are folded into.
    pub(super) refreshes: Option<u64>,
}

impl Open {
    /// Of the core's state, with the line of refreshes that it had.
    pub(super) fn of(state: SessionState, refreshes: Option<u64>) -> Self {
        let SessionState { session, absolute_at_ms, .. } = state;
        Self {
            id: session.id,
            created_at_ms: session.created_at_ms,
            expires_at_ms: session.expires_at_ms,
            absolute_at_ms,
            ip: session.ip,
            device: session.device,
            user_agent: session.user_agent,
            refreshes,
        }
    }

    /// The core's state; what history does not need is empty.
    pub(super) fn state(&self, user: &Text) -> SessionState {
        SessionState {
            session: Session {
                id: self.id,
                user_id: user.clone(),
                is_guest: false,
                created_at_ms: self.created_at_ms,
                last_active_at_ms: self.created_at_ms,
                expires_at_ms: self.expires_at_ms,
                device: self.device.clone(),
                tenant_id: None,
                ip: self.ip,
                user_agent: self.user_agent.clone(),
                transport: Transport::Token,
            },
            digest: None,
            generation: 0,
            lifetime_ms: 0,
            absolute_at_ms: self.absolute_at_ms,
            data: None,
        }
    }

    pub(super) fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms != NEVER_MS && self.expires_at_ms <= now_ms
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.session(self.id);
        bytes.number(self.created_at_ms);
        // Never is the greatest number; one more makes it the shortest.
        bytes.number(self.expires_at_ms.wrapping_add(1));
        bytes.number(self.absolute_at_ms.wrapping_add(1));
        bytes.maybe(self.ip.as_ref(), Put::ip);
        bytes.maybe(self.device.as_ref(), text);
        bytes.maybe(self.user_agent.as_ref(), text);
        bytes.number(self.refreshes.unwrap_or(0));
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            id: reader.session()?,
            created_at_ms: reader.number()?,
            expires_at_ms: reader.number()?.wrapping_sub(1),
            absolute_at_ms: reader.number()?.wrapping_sub(1),
            ip: reader.maybe(Reader::ip)?,
            device: reader.maybe(Reader::text)?,
            user_agent: reader.maybe(Reader::text)?,
            refreshes: reader.number().map(|number| (number > 0).then_some(number))?,
        })
    }
}

/// A chunk of open sessions, and whether it differs from what is on disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunk {
    pub(super) open: Vec<Open>,
    pub(super) is_changed: bool,
    /// The checksum of its record; `None` = there is none.
    pub(super) crc: Option<u32>,
}

/// Bytes of a chunk of sessions.
pub(super) fn encode_open(open: &[Open]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_open(&mut bytes, open);
    bytes
}

fn put_open(bytes: &mut Vec<u8>, open: &[Open]) {
    bytes.number(count(open.len()));
    for open in open {
        open.put(bytes);
    }
}

/// Sessions from the bytes of a chunk.
pub(super) fn decode_open(bytes: &[u8]) -> Result<Vec<Open>, HistoryError> {
    let mut reader = Reader::new(bytes);
    let open = reader.list(Open::read).filter(|_| reader.is_empty());
    open.ok_or_else(|| doubt("a chunk of open sessions does not decode"))
}

/// The head of a user, and the chunks of sessions behind it.
#[derive(Debug, Clone, Default)]
pub(super) struct User {
    /// Events that are filed under the user.
    pub(super) events: u64,
    /// Lines up to this number are forgotten.
    pub(super) dropped: u64,
    /// Lines up to this number are in chunks, or forgotten. A multiple of a chunk's length.
    pub(super) spilled: u64,
    /// When the latest line in a chunk happened.
    pub(super) latest_ms: u64,
    pub(super) last_login: Option<HistoryEntry>,
    /// The minute under which the user is listed for the next expiry of a session.
    pub(super) scheduled: Option<u64>,
    /// The newest lines, in the order of their numbers, up to the last.
    pub(super) tail: Vec<HistoryEntry>,
    /// The first is in the head, the others are records.
    pub(super) chunks: Vec<Chunk>,
    pub(super) is_changed: bool,
    /// The checksum of the head's record; `None` = there is none.
    pub(super) crc: Option<u32>,
}

impl User {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        bytes.number(self.events);
        bytes.number(self.dropped);
        bytes.number(self.spilled);
        bytes.number(self.latest_ms);
        bytes.maybe(self.last_login.as_ref(), put_entry);
        bytes.number(self.scheduled.map_or(0, |minute| minute.saturating_add(1)));
        bytes.number(count(self.tail.len()));
        self.tail.iter().for_each(|line| put_entry(&mut bytes, line));
        bytes.number(count(self.chunks.len()));
        put_open(&mut bytes, self.chunks.first().map_or(&[], |chunk| &chunk.open));
        bytes
    }

    /// The head as it was written; its further chunks are empty and have to be loaded.
    pub(super) fn decode(bytes: &[u8], crc: u32) -> Result<Self, HistoryError> {
        let mut reader = Reader::new(bytes);
        let mut read = || {
            let mut user = Self {
                events: reader.number()?,
                dropped: reader.number()?,
                spilled: reader.number()?,
                latest_ms: reader.number()?,
                last_login: reader.maybe(entry)?,
                scheduled: reader.number()?.checked_sub(1),
                tail: reader.list(entry)?,
                crc: Some(crc),
                ..Self::default()
            };
            let chunks = usize::try_from(reader.small()?).ok()?;
            let open = reader.list(Open::read)?;
            user.chunks.push(Chunk { open, ..Chunk::default() });
            user.chunks.resize(chunks.max(1), Chunk::default());
            reader.is_empty().then_some(user)
        };
        read().ok_or_else(|| doubt("the head of a user does not decode"))
    }

    /// Lines told since the beginning.
    pub(super) fn entries(&self) -> u64 {
        self.tail_after().saturating_add(count(self.tail.len()))
    }

    /// The number before that of the first line in the tail.
    pub(super) fn tail_after(&self) -> u64 {
        self.spilled.max(self.dropped)
    }

    /// Adds a line; gives its number.
    pub(super) fn push(&mut self, line: HistoryEntry) -> u64 {
        if matches!(line.kind, HistoryKind::Login { .. }) {
            let is_newer = self.last_login.as_ref().is_none_or(|last| last.at_ms <= line.at_ms);
            if is_newer {
                self.last_login = Some(line.clone());
            }
        }
        self.tail.push(line);
        self.is_changed = true;
        self.entries()
    }

    /// The line of that number, if it is in the tail.
    pub(super) fn in_tail(&mut self, number: u64) -> Option<&mut HistoryEntry> {
        let index = number.checked_sub(self.tail_after())?.checked_sub(1)?;
        self.tail.get_mut(usize::try_from(index).ok()?)
    }

    /// Takes the oldest lines of the tail that fill a chunk: its first number, and the lines.
    pub(super) fn spill(&mut self) -> Option<(u64, Vec<HistoryEntry>)> {
        let end = self.spilled.saturating_add(LINES_PER_CHUNK);
        if self.entries() < end {
            return None;
        }
        let len = usize::try_from(end.saturating_sub(self.tail_after())).ok()?;
        let rest = self.tail.split_off(len.min(self.tail.len()));
        let lines = std::mem::replace(&mut self.tail, rest);
        let first = self.spilled.saturating_add(1);
        self.spilled = end;
        Some((first, lines))
    }

    pub(super) fn open(&self) -> impl Iterator<Item = &Open> {
        self.chunks.iter().flat_map(|chunk| &chunk.open)
    }

    pub(super) fn session(&self, id: SessionId) -> Option<&Open> {
        self.open().find(|open| open.id == id)
    }

    /// Adds the session, or puts it in the place of the one with its id.
    pub(super) fn put(&mut self, session: Open) {
        let at = |chunk: &Chunk| chunk.open.iter().position(|open| open.id == session.id);
        for (number, chunk) in self.chunks.iter_mut().enumerate() {
            let Some(old) = at(chunk).and_then(|index| chunk.open.get_mut(index)) else { continue };
            if *old != session {
                *old = session;
                chunk.is_changed = true;
                self.is_changed |= number == 0;
            }
            return;
        }
        self.is_changed = true;
        let has_room = |chunk: &&mut Chunk| chunk.open.len() < SESSIONS_PER_CHUNK;
        if let Some(chunk) = self.chunks.iter_mut().find(has_room) {
            chunk.open.push(session);
            chunk.is_changed = true;
        } else {
            self.chunks.push(Chunk { open: vec![session], is_changed: true, crc: None });
        }
    }

    /// Takes away the sessions of which it is said so.
    pub(super) fn remove_where(&mut self, is_gone: impl Fn(&Open) -> bool) {
        for chunk in &mut self.chunks {
            let before = chunk.open.len();
            chunk.open.retain(|open| !is_gone(open));
            chunk.is_changed |= chunk.open.len() != before;
            self.is_changed |= chunk.is_changed;
        }
    }

    /// The minute of the next expiry, if it is before the one under which the user is listed.
    pub(super) fn earlier_minute(&self) -> Option<u64> {
        let times = self.open().map(|open| open.expires_at_ms).filter(|at_ms| *at_ms != NEVER_MS);
        let minute = times.min()? / MINUTE_MS;
        self.scheduled.is_none_or(|scheduled| minute < scheduled).then_some(minute)
    }
}

/// In which minute a moment is.
pub(super) fn minute_of(at_ms: u64) -> u64 {
    at_ms / MINUTE_MS
}
