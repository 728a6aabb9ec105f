//! Under which keys things are kept. One tree holds all, so that one batch is atomic.
//!
//! ```text
//! m                                    the meta record
//! u  len:u16  user  0                  a user's head
//! u  len:u16  user  1  first:u64       lines of the user, from number `first` on
//! u  len:u16  user  2  chunk:u32       open sessions that the head has no room for
//! x  minute:u64  sequence:u64          users of whom a session expires in that minute
//! ```
//!
//! Numbers are big-endian, so that keys are in their order. The user's length stands in front,
//! because a user id may hold any byte: no user's keys begin with another's.

use super::codec::Reader;

pub(super) const META: &[u8] = b"m";
const USER: u8 = b'u';
const DUE: u8 = b'x';

/// What a key names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    Meta,
    Head(&'a str),
    Lines(&'a str, u64),
    Sessions(&'a str, u32),
    Due(u64, u64),
}

fn of_user(user: &str, part: u8) -> Vec<u8> {
    let mut key = vec![USER];
    // A user id has at most 256 bytes.
    key.extend_from_slice(&u16::try_from(user.len()).unwrap_or(u16::MAX).to_be_bytes());
    key.extend_from_slice(user.as_bytes());
    key.push(part);
    key
}

pub(super) fn head(user: &str) -> Vec<u8> {
    of_user(user, 0)
}

pub(super) fn lines(user: &str, first: u64) -> Vec<u8> {
    let mut key = of_user(user, 1);
    key.extend_from_slice(&first.to_be_bytes());
    key
}

pub(super) fn sessions(user: &str, chunk: u32) -> Vec<u8> {
    let mut key = of_user(user, 2);
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

pub(super) fn due(minute: u64, sequence: u64) -> Vec<u8> {
    let mut key = vec![DUE];
    key.extend_from_slice(&minute.to_be_bytes());
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// The first key that a user can have; all others begin with greater bytes than `m`.
pub(super) fn first_of_users() -> Vec<u8> {
    vec![USER]
}

/// Reads a key back; `None` = it is none of ours.
pub(super) fn parse(key: &[u8]) -> Option<Key<'_>> {
    if key == META {
        return Some(Key::Meta);
    }
    let mut reader = Reader::new(key);
    let key = match reader.byte()? {
        DUE => Key::Due(reader.u64_be()?, reader.u64_be()?),
        USER => {
            let len = u16::from_be_bytes(reader.array()?);
            let user = std::str::from_utf8(reader.take(usize::from(len))?).ok()?;
            match reader.byte()? {
                0 => Key::Head(user),
                1 => Key::Lines(user, reader.u64_be()?),
                2 => Key::Sessions(user, u32::from_be_bytes(reader.array()?)),
                _unknown => return None,
            }
        }
        _unknown => return None,
    };
    reader.is_empty().then_some(key)
}
