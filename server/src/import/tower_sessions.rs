//! Sessions of tower-sessions' SQLite store: an id that is the bearer's secret, a record in
//! `MessagePack`, and the time of expiry. Who the user is, the application alone knows.

use std::fmt::Write as _;

use passbook::{Transport, core::TokenDigest};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{
    columns::{Cells, Wanted},
    session::{Incoming, Reason, Told, data_of, foreign_digest, ms_of_rfc_3339, ms_of_seconds},
};

/// The table, if the application did not give it another name.
pub(crate) const TABLE: &str = "tower_sessions";
/// Its columns.
pub(crate) const WANTED: Wanted = Wanted { columns: &["id", "data", "expiry_date"], optional: &[] };

/// A record; its own id and time of expiry are told by the other columns.
#[derive(Debug, Deserialize)]
struct Record {
    #[expect(dead_code, reason = "it stands in front of the data")]
    id: IgnoredAny,
    data: Map<String, Value>,
    #[expect(dead_code, reason = "it stands behind the data")]
    expiry_date: IgnoredAny,
}

/// Reads a row. The user is at `user_key` of the data: a name, or a JSON pointer if it begins with a
/// slash. A session without one is a guest's. The table has no time of login: that is `now_ms`.
pub(crate) fn told(row: &dyn Cells, user_key: &str, now_ms: u64) -> Result<Incoming, Reason> {
    let record: Record = rmp_serde::from_slice(row.blob("data")?)
        .map_err(|_error| "data is no record of tower-sessions".to_owned())?;
    let digest = foreign_digest(&row.text("id")?)?;
    let expires_at_ms = match row.integer("expiry_date")? {
        Some(seconds) => ms_of_seconds(seconds).ok_or("expiry_date is before 1970")?,
        None => ms_of_rfc_3339("expiry_date", &row.text("expiry_date")?)?,
    };
    let data = Value::Object(record.data);
    let user = user_of(&data, user_key)?;
    let Value::Object(data) = data else { return Err("data is no object".to_owned()) };
    Told {
        digest: Some(digest),
        is_guest: user.is_none(),
        user: user.unwrap_or_else(|| guest_of(&digest)),
        transport: Transport::Cookie,
        created_at_ms: now_ms,
        last_active_at_ms: now_ms,
        expires_at_ms,
        data: data_of(data)?,
        ..Told::default()
    }
    .into_incoming("tower-sessions")
}

fn user_of(data: &Value, user_key: &str) -> Result<Option<String>, Reason> {
    let found = if user_key.starts_with('/') { data.pointer(user_key) } else { data.get(user_key) };
    match found {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(user)) => Ok(Some(user.clone())),
        Some(Value::Number(user)) => Ok(Some(user.to_string())),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Err("what --user-key names is neither a text nor a number".to_owned())
        }
    }
}

/// A guest's id, the same in every import. It is made of a hash: a digest is not for everyone's eyes.
fn guest_of(digest: &TokenDigest) -> String {
    let hash = Sha256::new().chain_update("passbook guest\0").chain_update(digest.as_bytes());
    let mut user = String::from("guest_");
    for byte in hash.finalize().iter().take(16) {
        write!(user, "{byte:02x}").expect("a string takes it");
    }
    user
}
