//! Older schemas, each turned into today's facts. There is none yet in the field; the seam is kept
//! true by a schema 0 that exists in tests alone.

use super::Why;
use crate::Fact;

/// The fact of an older schema; `None` if there never was one.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "an upcaster can fail, once there is one")]
pub(super) fn fact_of(_kind: u16, _schema: u16, _body: &[u8]) -> Result<Option<Fact>, Why> {
    Ok(None)
}

/// The fact of an older schema; `None` if there never was one.
#[cfg(test)]
pub(super) fn fact_of(kind: u16, schema: u16, body: &[u8]) -> Result<Option<Fact>, Why> {
    match (kind, schema) {
        (super::wire::kind::DEVICE_SET, 0) => tests::device_set_v0(body).map(Some),
        _ => Ok(None),
    }
}

/// Schema 0 of `DeviceSet`, as if labels had once been optional and sessions without a user.
#[cfg(test)]
pub(super) mod tests {
    use bincode::{BorrowDecode, Encode};

    use crate::{
        DeviceLabel, Fact, SessionId, Subject, UserId,
        codec::{FROZEN, Why, decode, encode, tests::event_of, wire},
    };

    #[derive(Encode, BorrowDecode)]
    struct DeviceSetV0<'a> {
        session: u128,
        device: Option<&'a str>,
    }

    pub(super) fn device_set_v0(body: &[u8]) -> Result<Fact, Why> {
        let old: DeviceSetV0<'_> = wire::whole(body)?;
        Ok(Fact::DeviceSet {
            subject: Subject {
                session: SessionId::from_u128(old.session),
                user: UserId::new("unknown")?,
            },
            device: DeviceLabel::new(old.device.unwrap_or_default())?,
        })
    }

    #[test]
    fn an_older_schema_is_read_through_its_upcaster() {
        let subject = Subject {
            session: SessionId::from_u128(7),
            user: UserId::new("unknown").expect("short"),
        };
        let device = DeviceLabel::new("Fridge").expect("short");
        let today = event_of(Fact::DeviceSet { subject, device });
        let mut bytes = encode(&today).expect("small");
        let head_end = bytes.len() - (16 + 8 + "unknown".len() + 8 + "Fridge".len());
        bytes.truncate(head_end);
        bytes[2..4].copy_from_slice(&0_u16.to_le_bytes());
        let old = DeviceSetV0 { session: 7, device: Some("Fridge") };
        bytes.extend(bincode::encode_to_vec(old, FROZEN).expect("small"));
        assert_eq!(decode(&bytes).expect("upcast"), today);
        assert_ne!(encode(&today).expect("small"), bytes, "an old schema is never written again");
    }
}
