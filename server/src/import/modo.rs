//! Sessions of modo-rs 0.8 to 0.11: the table `authenticated_sessions`, with SHA-256 of a token's 32
//! bytes, which is our digest, and ULIDs, which are our ids.

use passbook::{
    SessionId, Transport,
    core::{TokenDigest, session::Data},
};
use serde_json::{Map, Value};

use super::{
    columns::{Cells, Wanted},
    session::{Incoming, Reason, Told, data_of, lifetime, ms_of_rfc_3339},
};

/// The table.
pub(crate) const TABLE: &str = "authenticated_sessions";
/// Its columns; the kind of device and the fingerprint are left behind.
pub(crate) const WANTED: Wanted = Wanted {
    columns: &[
        "id",
        "session_token_hash",
        "user_id",
        "ip_address",
        "user_agent",
        "device_name",
        "data",
        "created_at",
        "last_active_at",
        "expires_at",
    ],
    optional: &[],
};

pub(crate) fn told(row: &dyn Cells) -> Result<Incoming, Reason> {
    let time = |name: &str| ms_of_rfc_3339(name, &row.text(name)?);
    let (last_active_at_ms, expires_at_ms) = (time("last_active_at")?, time("expires_at")?);
    let id = SessionId::parse(&row.text("id")?).map_err(|_error| "id is no ULID".to_owned())?;
    let digest = TokenDigest::parse_hex(&row.text("session_token_hash")?)
        .map_err(|_error| "session_token_hash is not of 64 hexadecimal digits".to_owned())?;
    Told {
        id: Some(id),
        digest: Some(digest),
        user: row.text("user_id")?.to_string(),
        transport: Transport::Cookie,
        created_at_ms: time("created_at")?,
        last_active_at_ms,
        expires_at_ms,
        lifetime_ms: lifetime(last_active_at_ms, expires_at_ms),
        device: row.label("device_name")?,
        ip: row.label("ip_address")?.and_then(|address| address.parse().ok()),
        user_agent: row.label("user_agent")?,
        data: data(&row.text("data")?)?,
        ..Told::default()
    }
    .into_incoming("modo")
}

fn data(json: &str) -> Result<Data, Reason> {
    let object: Map<String, Value> =
        serde_json::from_str(json).map_err(|_error| "data is no JSON object".to_owned())?;
    data_of(object)
}
