//! A session's row as the columns of a database, and the table that has them: the same for each.

use std::{collections::BTreeMap, net::IpAddr};

use passbook_core::{SessionId, Text, TokenDigest};
use serde_json::value::RawValue;

use super::{BackendError, Checkpoint, SessionRow};

/// The steps that bring a database to the newest schema; the first makes version 1 of none. A step
/// that was released is never changed, only followed by another.
pub(super) const MIGRATIONS: [&str; 2] = [
    // Times are Unix milliseconds; `expires_at` is NULL for a session that never expires.
    // `token_digest` is SHA-256 of the token's raw bytes. `data` is a JSON object, or NULL.
    "CREATE TABLE passbook_sessions (
        id TEXT PRIMARY KEY NOT NULL,
        token_digest BYTEA,
        user_id TEXT NOT NULL,
        is_guest BOOLEAN NOT NULL,
        created_at BIGINT NOT NULL,
        last_active_at BIGINT NOT NULL,
        expires_at BIGINT,
        device TEXT,
        tenant_id TEXT,
        ip TEXT,
        user_agent TEXT,
        data TEXT
    );
    CREATE INDEX passbook_sessions_by_user ON passbook_sessions (user_id);
    CREATE INDEX passbook_sessions_by_digest ON passbook_sessions (token_digest);
    CREATE INDEX passbook_sessions_by_expiry ON passbook_sessions (expires_at);",
    // How far a mirror has come, and of which ledger.
    "CREATE TABLE passbook_checkpoint (
        one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
        ledger BYTEA NOT NULL,
        sequence BIGINT NOT NULL
    );",
];

pub(super) const CREATE_VERSION: &str =
    "CREATE TABLE IF NOT EXISTS passbook_schema (version INTEGER PRIMARY KEY NOT NULL)";
pub(super) const SELECT_VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM passbook_schema";
pub(super) const INSERT_VERSION: &str = "INSERT INTO passbook_schema (version) VALUES ($1)";

pub(super) const SELECT_ALL: &str = "SELECT id, token_digest, user_id, is_guest, created_at, \
     last_active_at, expires_at, device, tenant_id, ip, user_agent, data FROM passbook_sessions";
pub(super) const UPSERT: &str = "INSERT INTO passbook_sessions (id, token_digest, user_id, \
     is_guest, created_at, last_active_at, expires_at, device, tenant_id, ip, user_agent, data) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
     ON CONFLICT (id) DO UPDATE SET token_digest = excluded.token_digest, \
     user_id = excluded.user_id, is_guest = excluded.is_guest, created_at = excluded.created_at, \
     last_active_at = excluded.last_active_at, expires_at = excluded.expires_at, \
     device = excluded.device, tenant_id = excluded.tenant_id, ip = excluded.ip, \
     user_agent = excluded.user_agent, data = excluded.data";
pub(super) const DELETE: &str = "DELETE FROM passbook_sessions WHERE id = $1";
pub(super) const DELETE_ALL: &str = "DELETE FROM passbook_sessions";
pub(super) const SELECT_CHECKPOINT: &str = "SELECT ledger, sequence FROM passbook_checkpoint";
pub(super) const UPSERT_CHECKPOINT: &str = "INSERT INTO passbook_checkpoint (one, ledger, \
     sequence) VALUES (1, $1, $2) ON CONFLICT (one) DO UPDATE SET ledger = excluded.ledger, \
     sequence = excluded.sequence";

/// A row as a database gives and takes it.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) id: String,
    pub(super) token_digest: Option<Vec<u8>>,
    pub(super) user_id: String,
    pub(super) is_guest: bool,
    pub(super) created_at: i64,
    pub(super) last_active_at: i64,
    pub(super) expires_at: Option<i64>,
    pub(super) device: Option<String>,
    pub(super) tenant_id: Option<String>,
    pub(super) ip: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) data: Option<String>,
}

/// The migrations that a database of that version still needs, each with the version that it makes.
pub(super) fn migrations_from(
    version: i64,
) -> Result<impl Iterator<Item = (i64, &'static str)>, String> {
    let newest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let done = usize::try_from(version).ok().filter(|_| version <= newest).ok_or_else(|| {
        format!(
            "its schema has version {version}, this program knows up to {newest}: use a newer one"
        )
    })?;
    Ok((1..).zip(MIGRATIONS).skip(done))
}

impl Columns {
    pub(super) fn of(row: &SessionRow) -> Result<Self, String> {
        let owned = |text: &Option<Text>| text.as_ref().map(ToString::to_string);
        Ok(Self {
            id: row.id.to_string(),
            token_digest: row.token_digest.map(|digest| digest.as_bytes().to_vec()),
            user_id: row.user_id.to_string(),
            is_guest: row.is_guest,
            created_at: stored_ms(row.created_at_ms),
            last_active_at: stored_ms(row.last_active_at_ms),
            expires_at: i64::try_from(row.expires_at_ms).ok(),
            device: owned(&row.device),
            tenant_id: owned(&row.tenant_id),
            ip: row.ip.map(|ip| ip.to_string()),
            user_agent: owned(&row.user_agent),
            data: json_of(&row.data)?,
        })
    }

    pub(super) fn row(self) -> Result<SessionRow, String> {
        let id = SessionId::parse(&self.id).map_err(|error| format!("id {}: {error}", self.id))?;
        let wrong = |what: &str| format!("the row {id} has {what} that is none");
        let ms = |what, stored: i64| u64::try_from(stored).map_err(|_negative| wrong(what));
        let digest = |bytes: Vec<u8>| {
            let bytes = bytes.try_into().map_err(|_len| wrong("a token digest"))?;
            Ok::<_, String>(TokenDigest::from_bytes(bytes))
        };
        Ok(SessionRow {
            id,
            token_digest: self.token_digest.map(digest).transpose()?,
            user_id: self.user_id.into(),
            is_guest: self.is_guest,
            created_at_ms: ms("a time of login", self.created_at)?,
            last_active_at_ms: ms("a last activity", self.last_active_at)?,
            expires_at_ms: match self.expires_at {
                Some(stored) => ms("an expiry", stored)?,
                None => u64::MAX,
            },
            device: self.device.map(Text::from),
            tenant_id: self.tenant_id.map(Text::from),
            ip: self
                .ip
                .map(|ip| ip.parse::<IpAddr>().map_err(|_none| wrong("an address")))
                .transpose()?,
            user_agent: self.user_agent.map(Text::from),
            data: match &self.data {
                Some(json) => {
                    data_of(json).map_err(|error| format!("{}: {error}", wrong("data")))?
                }
                None => BTreeMap::new(),
            },
        })
    }
}

/// The sequence of a checkpoint as databases keep it.
pub(super) fn stored_sequence(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// The checkpoint that a database has.
pub(super) fn checkpoint(ledger: Vec<u8>, sequence: i64) -> Result<Checkpoint, BackendError> {
    let wrong = || BackendError::new("load", "the checkpoint is none");
    Ok(Checkpoint {
        ledger: ledger.try_into().map_err(|_len| wrong())?,
        sequence: u64::try_from(sequence).map_err(|_negative| wrong())?,
    })
}

/// A time as the signed number that databases have.
fn stored_ms(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

fn json_of(data: &BTreeMap<Text, Text>) -> Result<Option<String>, String> {
    if data.is_empty() {
        return Ok(None);
    }
    let values: Result<BTreeMap<&str, &RawValue>, _> = data
        .iter()
        .map(|(key, value)| Ok((key.as_str(), serde_json::from_str::<&RawValue>(value)?)))
        .collect();
    let json = values.and_then(|values| serde_json::to_string(&values));
    json.map(Some).map_err(|error: serde_json::Error| format!("the data is no JSON: {error}"))
}

fn data_of(json: &str) -> Result<BTreeMap<Text, Text>, serde_json::Error> {
    let values: BTreeMap<String, Box<RawValue>> = serde_json::from_str(json)?;
    Ok(values.into_iter().map(|(key, value)| (key.into(), value.get().into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_that_is_too_new_is_refused_and_an_old_one_brought_up() {
        let newest = i64::try_from(MIGRATIONS.len()).expect("few");
        assert!(migrations_from(newest + 1).is_err());
        assert!(migrations_from(-1).is_err());
        assert_eq!(migrations_from(newest).expect("known").count(), 0);
        assert_eq!(migrations_from(1).expect("known").next().expect("one").0, 2);
    }
}
