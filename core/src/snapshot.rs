//! The state in sections: the payload of a snapshot.
//!
//! A section is read and written by itself, so sections can be made one after another and read by
//! many threads at once. There are two kinds: a head ([`Head`]: policy, time, remembered commands) and
//! sessions ([`Sessions`]: sessions with their spent tokens). A snapshot has one head or more, the
//! first of its sections among them, and any number of sections of sessions, in any order.
//!
//! # Form
//!
//! Numbers are little-endian. A section begins with a version (`u8`, 1), a kind (`u8`: 1 = sessions,
//! 2 = head) and, for sessions, their count (`u32`). Then come columns: all values of one field, for
//! all sessions, because like stands beside like then and compresses. Of each field:
//!
//! - a **column of numbers** is a width (`u8`, 0 to 8), the least value (`u64`), and for each byte of
//!   the width, the lowest first, that byte of every value less the least;
//! - a **table of texts** is a count (`u32`), a column of how many bytes (at most
//!   [`SHARED_BYTES_MAX`]) each has in common with the one before, a column of how many follow, and
//!   the bytes that follow. It has the texts in the order of their first use;
//! - what can't be compressed (digests, random bits) stands as it is.
//!
//! Numbers near others are written as the difference, zigzag: 0, -1, 1, -2 as 0, 1, 2, 3. The order
//! of columns is that of [`encode_sessions`]. Nothing here compresses or checks sums: the journal
//! does both. A form that was released never changes: a change is another version.
//!
//! Reading takes any bytes: it checks every length and number, allocates at most about fifty times
//! the input and never panics.

mod bytes;
mod columns;
mod commands;
mod read;
mod texts;
mod write;

use thiserror::Error;

pub use self::{
    commands::{Head, encode_head},
    read::Sessions,
    texts::SHARED_BYTES_MAX,
    write::encode_sessions,
};
use crate::{LimitError, SessionState, SessionTable, SpentToken};

/// Most sessions in a section.
pub const SECTION_SESSIONS_MAX: usize = 65_536;
/// Most remembered commands in a head.
pub const SECTION_COMMANDS_MAX: usize = 65_536;
/// The version that is written.
const VERSION: u8 = 1;
const KIND_SESSIONS: u8 = 1;
const KIND_HEAD: u8 = 2;

/// A session with its spent tokens, oldest first.
pub type SessionRecord = (SessionState, Vec<SpentToken>);

/// Bytes that are no section.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SectionError {
    /// A newer version of Passbook wrote it.
    #[error("section version {version}, kind {kind} is unknown to this version of Passbook")]
    Unknown {
        /// The version found.
        version: u8,
        /// The kind found.
        kind: u8,
    },
    /// The bytes are too few or too many, or say what can't be.
    #[error("byte {at} of the section: {why}")]
    Malformed {
        /// Where, in bytes from the section's beginning.
        at: usize,
        /// What is wrong, in words; it shows nothing of the bytes.
        why: String,
    },
}

/// A section that was read.
#[derive(Debug)]
pub enum Section<'a> {
    /// What is not about a session.
    Head(Head),
    /// Sessions.
    Sessions(Box<Sessions<'a>>),
}

/// Reads a section of either kind.
///
/// # Errors
/// [`SectionError::Unknown`] if a newer version wrote it, [`SectionError::Malformed`] if it is no
/// section.
pub fn decode(section: &[u8]) -> Result<Section<'_>, SectionError> {
    let mut bytes = bytes::Bytes::new(section);
    let (version, kind) = (bytes.u8()?, bytes.u8()?);
    let section = match (version, kind) {
        (VERSION, KIND_SESSIONS) => Section::Sessions(Box::new(Sessions::read(&mut bytes)?)),
        (VERSION, KIND_HEAD) => Section::Head(Head::read(&mut bytes)?),
        _ => return Err(SectionError::Unknown { version, kind }),
    };
    bytes.end()?;
    Ok(section)
}

/// Puts what a section says into a table: all sections of a snapshot, heads in their order, make an
/// empty table the state that was written.
///
/// # Errors
/// As [`decode`]; then the table is as it was.
pub fn restore(table: &mut impl SessionTable, section: &[u8]) -> Result<(), SectionError> {
    match decode(section)? {
        Section::Head(head) => {
            table.set_policy(head.policy);
            table.set_last_at_ms(head.last_at_ms);
            for (key, completed) in head.completed {
                table.complete(key, completed);
            }
        }
        Section::Sessions(sessions) => {
            for (state, spent) in *sessions {
                let id = state.id();
                table.put(state);
                for token in spent {
                    table.spend(id, token);
                }
            }
        }
    }
    Ok(())
}

/// Near numbers as a small one: 0, -1, 1, -2 as 0, 1, 2, 3.
fn zigzag(value: u64, near: u64) -> u64 {
    let difference = value.wrapping_sub(near);
    // All ones if the difference is negative, by its highest bit.
    let sign = 0_u64.wrapping_sub(difference >> 63);
    (difference << 1) ^ sign
}

/// The number that was written as `code`.
fn unzigzag(code: u64, near: u64) -> u64 {
    let sign = 0_u64.wrapping_sub(code & 1);
    near.wrapping_add((code >> 1) ^ sign)
}

fn malformed(at: usize, why: impl Into<String>) -> SectionError {
    SectionError::Malformed { at, why: why.into() }
}

fn over_limit(at: usize, error: &LimitError) -> SectionError {
    malformed(at, error.to_string())
}

#[cfg(test)]
mod tests;
