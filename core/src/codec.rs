//! The wire form of events: what the journal keeps, byte for byte, for ever.
//!
//! The bytes are described in [`on_disk`]. An encoded event is a kind and a schema, each a little-endian `u16`, and a frozen wire struct in
//! bincode's fixed-width little-endian form. A change to an event gets a new schema beside the old
//! one; an old schema is read through an upcaster and never written again. Golden bytes in
//! `tests/golden.rs` hold every form. No type of bincode leaves this module.
//!
//! Decoding reads untrusted bytes: it allocates at most what a limit allows, wants every byte to be
//! used, and checks every length and name again.

mod glance;
mod upcast;
mod wire;

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use thiserror::Error;

pub use self::glance::{About, Glance, glance};
pub(crate) use self::wire::code;
use crate::{Event, LimitError, limits::EVENT_BYTES_MAX};

/// Fixed-width integers (varints are not canonical) and a limit (without one, nine bytes can ask
/// for all memory).
type Frozen = Configuration<LittleEndian, Fixint, Limit<EVENT_BYTES_MAX>>;

const FROZEN: Frozen =
    bincode::config::standard().with_fixed_int_encoding().with_limit::<EVENT_BYTES_MAX>();

#[doc = include_str!("../EVENTS.md")]
pub mod on_disk {}

/// Bytes that are no event of this version.
#[derive(Debug, Error)]
pub enum CodecError {
    /// The bytes are of a kind or schema that this version does not know: a newer one wrote them.
    #[error("event kind {kind}, schema {schema} is unknown to this version of Passbook")]
    Unknown {
        /// The kind found.
        kind: u16,
        /// The schema found.
        schema: u16,
    },
    /// The bytes are too few or too many, or say what can't be.
    #[error("event kind {kind}, schema {schema}: {why}")]
    Malformed {
        /// The kind found; 0 = the bytes end before it.
        kind: u16,
        /// The schema found.
        schema: u16,
        /// What is wrong, in words; it shows nothing of the bytes.
        why: String,
    },
    /// The event does not fit within [`EVENT_BYTES_MAX`].
    #[error("the event does not fit into {EVENT_BYTES_MAX} bytes")]
    TooLarge,
}

/// Appends the event's wire form to `bytes`.
///
/// # Errors
/// [`CodecError::TooLarge`] if it would have more than [`EVENT_BYTES_MAX`] bytes; then `bytes` is as
/// it was.
pub fn encode_into(event: &Event, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = bytes.len();
    let encoded = wire::encode_into(event, bytes);
    if encoded.is_err() || bytes.len() - start > EVENT_BYTES_MAX {
        bytes.truncate(start);
        return Err(CodecError::TooLarge);
    }
    Ok(())
}

/// The event's wire form.
///
/// # Errors
/// [`CodecError::TooLarge`] if it would have more than [`EVENT_BYTES_MAX`] bytes.
pub fn encode(event: &Event) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(256);
    encode_into(event, &mut bytes)?;
    Ok(bytes)
}

/// Reads an event's wire form, of this or any older schema.
///
/// # Errors
/// [`CodecError::Unknown`] if a newer version wrote it, [`CodecError::Malformed`] if it is no event.
pub fn decode(bytes: &[u8]) -> Result<Event, CodecError> {
    let (kind, schema, body) = split_head(bytes)?;
    match wire::decode(kind, schema, body) {
        Ok(Some(event)) => Ok(event),
        Ok(None) => Err(CodecError::Unknown { kind, schema }),
        Err(why) => Err(CodecError::Malformed { kind, schema, why: why.0 }),
    }
}

fn split_head(bytes: &[u8]) -> Result<(u16, u16, &[u8]), CodecError> {
    let head = bytes.split_first_chunk::<2>().and_then(|(kind, rest)| {
        let (schema, body) = rest.split_first_chunk::<2>()?;
        Some((u16::from_le_bytes(*kind), u16::from_le_bytes(*schema), body))
    });
    head.ok_or_else(|| CodecError::Malformed {
        kind: 0,
        schema: 0,
        why: format!("{} bytes are too few for a kind and a schema", bytes.len()),
    })
}

/// Why a body can't be read.
pub(crate) struct Why(pub(crate) String);

impl From<LimitError> for Why {
    fn from(error: LimitError) -> Self {
        Self(error.to_string())
    }
}

impl From<&'static str> for Why {
    fn from(why: &'static str) -> Self {
        Self(why.to_owned())
    }
}

#[cfg(test)]
pub(crate) mod tests;
